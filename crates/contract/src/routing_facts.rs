//! What a receiver of many accounts knows about them: a part of the [facts](super::facts), only with routes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::receiver::routes::{Connection, is_account};

/// Most connections that one answer lists.
pub const MAX_CONNECTIONS: usize = 1000;
/// Most answers that list connections: routes have 8 MiB, which is about as many.
pub const MAX_PAGES: usize = 32;
/// Asks for the connections that follow after the named one. Earlier versions ignore it.
const AFTER: &str = "after=";
/// Most accounts that are named.
pub const MAX_EXAMPLES: usize = 5;
/// Longest reason or problem, bytes.
pub const MAX_TEXT: usize = 200;

/// What a receiver knows about its routes. Times are whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoutingFacts {
    /// Routes in force.
    pub routes: u64,
    /// Connections with something to tell, by name: the first [`MAX_CONNECTIONS`] that follow after the one that
    /// the question names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub connections: BTreeMap<Connection, ConnectionFacts>,
    /// What there is to tell of connections that are not listed; 0: nothing.
    pub more_connections: u64,
    /// The last one that is listed, if there is more to tell: what is not listed follows after it. An earlier
    /// version leaves out any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Connection>,
    /// Which connections are left out because they were asked for before.
    #[serde(skip)]
    after: Option<Connection>,
    /// Events of accounts without a route.
    pub unclaimed: UnclaimedFacts,
}

/// What there is to tell of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionFacts {
    /// Dead letters that are kept.
    #[serde(skip_serializing_if = "crate::facts::is_zero")]
    pub dead_letters: u64,
    /// Why the last event became a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reason: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failed_at: Option<Timestamp>,
    /// Deliveries that failed since the sink last accepted an event.
    #[serde(skip_serializing_if = "crate::facts::is_zero")]
    pub sink_failures: u64,
    /// Why the last of them failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink_cause: Option<String>,
    /// Why the route of this moment cannot be used. The one before stays in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_problem: Option<String>,
}

/// Events of accounts without a route, since the receiver started. An account that gets a route no longer
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnclaimedFacts {
    /// Events that were treated as the policy says.
    pub events: u64,
    /// Accounts that they are of; at most a thousand are told apart.
    pub accounts: u64,
    /// Some of the accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

// === impl RoutingFacts ===

impl RoutingFacts {
    /// Facts that are to list the connections after this one; `None`: from the first one on.
    #[must_use]
    pub fn after(after: Option<Connection>) -> Self {
        Self {
            after,
            ..Self::default()
        }
    }

    /// Adds what there is to tell of a connection. The first ones by name have room.
    pub fn insert(&mut self, connection: Connection, facts: ConnectionFacts) {
        let is_before = |after: &Connection| connection <= *after;
        if facts == ConnectionFacts::default() || self.after.as_ref().is_some_and(is_before) {
            return;
        }
        self.connections.insert(connection, facts);
        if self.connections.len() > MAX_CONNECTIONS {
            self.connections.pop_last();
            self.more_connections += 1;
            self.last = self.connections.keys().next_back().cloned();
        }
    }

    /// The query that asks for what is not listed; `None` if that is nothing, or the receiver cannot be asked for
    /// it.
    #[must_use]
    pub fn next_query(&self) -> Option<String> {
        let last = self.last.as_ref().filter(|_| self.more_connections > 0)?;
        Some(format!("{AFTER}{last}"))
    }

    /// Adds the answer to that query. False if it is none.
    #[must_use]
    pub fn append(&mut self, page: Self) -> bool {
        let is_later = |connection: &Connection| Some(connection) > self.last.as_ref();
        let is_next = page.connections.keys().all(is_later)
            && page
                .last
                .as_ref()
                .map_or(page.more_connections == 0, is_later);
        if is_next {
            self.connections.extend(page.connections);
            self.more_connections = page.more_connections;
            self.last = page.last;
        }
        is_next
    }

    /// Whether a connection that is not listed has nothing to tell. If not, nothing is known of it.
    #[must_use]
    pub fn knows(&self, connection: &Connection) -> bool {
        self.more_connections == 0
            || self.connections.contains_key(connection)
            || self.last.as_ref().is_some_and(|last| connection <= last)
    }

    /// What two receivers of one integration know together.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.routes = self.routes.max(other.routes);
        self.last = match (self.more_connections, other.more_connections) {
            (0, _) => other.last,
            (_, 0) => self.last,
            // Nothing if one leaves out any.
            (_, _) => self.last.min(other.last),
        };
        self.more_connections = self.more_connections.max(other.more_connections);
        for (connection, facts) in other.connections {
            let facts = match self.connections.remove(&connection) {
                Some(known) => known.merged(facts),
                None => facts,
            };
            self.connections.insert(connection, facts);
        }
        self.unclaimed = self.unclaimed.merged(other.unclaimed);
        self
    }

    /// Whether it is small enough, and says nothing that could be misread where it is shown.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let unclaimed = &self.unclaimed;
        self.connections.len() <= MAX_CONNECTIONS
            && self.connections.values().all(ConnectionFacts::is_bounded)
            && unclaimed.examples.len() <= MAX_EXAMPLES
            && unclaimed.examples.iter().all(|id| is_account(id))
    }
}

/// After which connection a query asks to begin.
#[must_use]
pub fn asked_after(query: Option<&str>) -> Option<Connection> {
    query?.strip_prefix(AFTER)?.parse().ok()
}

// === impl ConnectionFacts ===

impl ConnectionFacts {
    fn merged(self, other: Self) -> Self {
        let (later, earlier) = if other.last_failed_at > self.last_failed_at {
            (other, self)
        } else {
            (self, other)
        };
        Self {
            dead_letters: later.dead_letters.saturating_add(earlier.dead_letters),
            sink_failures: later.sink_failures.saturating_add(earlier.sink_failures),
            sink_cause: later.sink_cause.or(earlier.sink_cause),
            route_problem: later.route_problem.or(earlier.route_problem),
            ..later
        }
    }

    fn is_bounded(&self) -> bool {
        [&self.last_reason, &self.sink_cause, &self.route_problem]
            .into_iter()
            .flatten()
            .all(|text| text.len() <= MAX_TEXT && !text.chars().any(char::is_control))
    }
}

// === impl UnclaimedFacts ===

impl UnclaimedFacts {
    fn merged(mut self, other: Self) -> Self {
        self.events = self.events.saturating_add(other.events);
        self.accounts = self.accounts.max(other.accounts);
        for account in other.examples {
            if self.examples.len() < MAX_EXAMPLES && !self.examples.contains(&account) {
                self.examples.push(account);
            }
        }
        self.examples.sort();
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;
    use crate::facts::{Facts, MAX_BYTES};

    fn failed(dead_letters: u64, second: i64) -> ConnectionFacts {
        ConnectionFacts {
            dead_letters,
            last_reason: Some(format!("refused: at {second}")),
            last_failed_at: Some(Timestamp::from_second(second).unwrap()),
            ..ConnectionFacts::default()
        }
    }

    fn connection(n: usize) -> Connection {
        Connection::new("tenants", &format!("c{n}")).unwrap()
    }

    #[test]
    fn what_two_receivers_know_adds_up() {
        let (mut one, mut other) = (RoutingFacts::default(), RoutingFacts::default());
        one.insert(connection(1), failed(2, 5));
        other.insert(connection(1), failed(3, 9));
        other.insert(connection(2), failed(1, 1));
        other.insert(connection(3), ConnectionFacts::default());
        one.unclaimed.events = 2;
        one.unclaimed.examples = vec!["b".into()];
        other.unclaimed.examples = vec!["a".into(), "b".into()];
        let both = one.clone().merged(other.clone());
        assert_eq!(both, other.merged(one));
        assert_eq!(both.connections.len(), 2);
        assert_eq!(both.connections[&connection(1)], failed(5, 9));
        assert_eq!(both.unclaimed.examples, ["a", "b"]);
        assert!(both.is_bounded());
    }

    #[test]
    fn lists_are_bounded() {
        let mut facts = RoutingFacts::default();
        for n in 0..MAX_CONNECTIONS + 10 {
            facts.insert(connection(n), failed(1, 1));
        }
        assert_eq!(facts.connections.len(), MAX_CONNECTIONS);
        assert_eq!(facts.more_connections, 10);
        assert!(facts.is_bounded());
        let text = || Some("x".repeat(MAX_TEXT));
        let names = |n: usize| Connection::new(&format!("{n:0>63}"), &format!("{n:0>63}")).unwrap();
        let told = ConnectionFacts {
            dead_letters: u64::MAX,
            last_reason: text(),
            sink_failures: u64::MAX,
            sink_cause: text(),
            route_problem: text(),
            ..failed(1, 1)
        };
        let mut largest = Facts::default();
        largest.routing = Some(RoutingFacts {
            connections: (0..MAX_CONNECTIONS)
                .map(|n| (names(n), told.clone()))
                .collect(),
            ..RoutingFacts::default()
        });
        // The rest has 64 KiB.
        assert!(largest.to_json().len() + 64 * 1024 <= MAX_BYTES);
        assert!(Facts::from_json(largest.to_json().as_bytes()).is_ok());
        let long = ConnectionFacts {
            route_problem: Some("x".repeat(MAX_TEXT + 1)),
            ..ConnectionFacts::default()
        };
        facts.connections.insert(connection(0), long);
        assert!(!facts.is_bounded());
    }

    /// What a receiver answers that has something to tell of so many connections.
    fn answer(query: Option<&str>, count: usize) -> RoutingFacts {
        let mut page = RoutingFacts::after(asked_after(query));
        // In no order.
        for n in (0..count).rev() {
            page.insert(connection(n), failed(1, 1));
        }
        let text = serde_json::to_string(&page).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn page_by_page_every_connection_is_told_of() {
        let count = 2 * MAX_CONNECTIONS + 1;
        let mut facts = answer(None, count);
        let mut pages = 1;
        while let Some(query) = facts.next_query() {
            assert!(!facts.knows(&connection(999)), "it comes last");
            assert!(facts.append(answer(Some(&query), count)));
            pages += 1;
        }
        assert_eq!((facts.connections.len(), pages), (count, 3));
        assert!(facts.knows(&connection(count)), "it has nothing to tell");
        let page = |n| RoutingFacts {
            connections: [(connection(n), failed(1, 1))].into(),
            more_connections: 1,
            last: Some(connection(n)),
            after: None,
            ..RoutingFacts::default()
        };
        assert!(!page(2).append(page(1)), "or it would never end");
        let endless = RoutingFacts {
            last: None,
            ..page(3)
        };
        assert!(!page(2).append(endless));
    }

    #[test]
    fn of_what_is_not_listed_nothing_is_known() {
        let (all, some) = (answer(None, 3), answer(None, MAX_CONNECTIONS + 3));
        let earlier = RoutingFacts {
            last: None,
            ..some.clone()
        };
        let (first, last) = (connection(0), connection(999));
        let between = Connection::new("tenants", "c0a").unwrap();
        let known = |facts: &RoutingFacts| [&first, &between, &last].map(|of| facts.knows(of));
        assert_eq!(known(&all), [true, true, true]);
        assert_eq!(known(&some), [true, true, false]);
        assert_eq!(known(&earlier), [true, false, false]);
        assert_eq!(earlier.next_query(), None, "it ignores the question");
        for (one, other, both) in [(&all, &some, &some), (&some, &earlier, &earlier)] {
            assert_eq!(known(&one.clone().merged(other.clone())), known(both));
            assert_eq!(known(&other.clone().merged(one.clone())), known(both));
        }
    }
}
