//! What the connections of an integration say in total. Pure.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::{
        condition::Type,
        label,
        reason::Reason,
        v1alpha1::{ConnectionsStatus, Phase, ZoomConnection},
    },
    controller::integration::lifecycle,
    setup::{
        counts::Counts,
        people::{Excerpt, People},
    },
};

/// Namespace and name.
type Name = (Arc<str>, Arc<str>);

/// What the connections of an integration say in total.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    people: People,
    /// Those that self-service created, by namespace.
    self_made: Counts<Arc<str>>,
    /// Those whose people have to authorize again.
    lost: usize,
    /// When Zoom last refused the app's credentials to connections that are not ready because of it.
    rejected: Counts<Timestamp>,
    /// Those with a state on which somebody must act.
    in_trouble: BTreeSet<Name>,
    /// Those that are ready, by since when.
    ready: BTreeSet<(Timestamp, Name)>,
}

/// What the status of an integration says of its connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many there are.
    pub counted: ConnectionsStatus,
    /// How many lost their grant.
    pub lost: i32,
    /// What the list of steps needs of them.
    pub people: Excerpt,
}

// === impl Totals ===

impl Totals {
    /// Adds a connection.
    pub fn add(&mut self, name: &Name, connection: &ZoomConnection) {
        self.people.add(&place(name), connection);
        self.lost += usize::from(has_lost(connection));
        if is_self_made(connection) {
            self.self_made.insert(name.0.clone());
        }
        if let Some(at) = rejected_at(connection) {
            self.rejected.insert(at);
        }
        if !lifecycle::outline(connection).is_empty() {
            self.in_trouble.insert(name.clone());
        }
        if let Some(since) = lifecycle::recovered(connection) {
            self.ready.insert((since, name.clone()));
        }
    }

    /// Removes a connection that was added as it is here.
    pub fn remove(&mut self, name: &Name, connection: &ZoomConnection) {
        self.people.remove(&place(name), connection);
        self.lost -= usize::from(has_lost(connection));
        if is_self_made(connection) {
            self.self_made.remove(&name.0);
        }
        if let Some(at) = rejected_at(connection) {
            self.rejected.remove(&at);
        }
        self.in_trouble.remove(name);
        if let Some(since) = lifecycle::recovered(connection) {
            self.ready.remove(&(since, name.clone()));
        }
    }

    /// What the status says of them, with so many names of those that lost their grant and so many links. Those that
    /// self-service created count in the namespace `target`: elsewhere a tenant could write the label and use up the
    /// limit of all.
    #[must_use]
    pub fn summary(&self, target: &str, lost: usize, links: usize) -> Summary {
        let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
        let self_made = self.self_made.of(target);
        Summary {
            counted: ConnectionsStatus {
                self_service: (self_made > 0).then(|| number(self_made)),
                total: number(self.people.total()),
                connected: number(self.people.connected()),
            },
            lost: number(self.lost),
            people: self.people.excerpt(lost, links),
        }
    }

    /// When Zoom last refused the app's credentials to one that is not ready because of it.
    #[must_use]
    pub fn rejected(&self) -> Option<Timestamp> {
        self.rejected.values().next_back().copied()
    }

    /// Those with a state on which somebody must act, or that became ready since then.
    #[must_use]
    pub fn to_tell(&self, since: Timestamp) -> BTreeSet<&Name> {
        let first = (since, ("".into(), "".into()));
        let ready = self.ready.range(first..).map(|(_, name)| name);
        self.in_trouble.iter().chain(ready).collect()
    }
}

fn place((namespace, name): &Name) -> (Arc<str>, Arc<str>) {
    (name.clone(), namespace.clone())
}

fn is_self_made(connection: &ZoomConnection) -> bool {
    connection.labels().contains_key(label::SELF_SERVICE)
}

fn has_lost(connection: &ZoomConnection) -> bool {
    let phase = connection.status.as_ref().and_then(|status| status.phase);
    phase == Some(Phase::ReauthorizationRequired)
}

fn rejected_at(connection: &ZoomConnection) -> Option<Timestamp> {
    let reason = Reason::CredentialsRejected;
    let status = connection.status.as_ref()?;
    let ready = Type::Ready.find(&status.conditions)?;
    if ready.status != "False" || Reason::of(ready) != Some(reason) {
        return None;
    }
    let failure = status.token.as_ref();
    let failure = failure.and_then(|token| token.failure.as_ref());
    let failure = failure.filter(|failure| failure.reason == reason);
    let last = failure.map(|failure| failure.time.0);
    last.max(Some(ready.last_transition_time.0))
}

#[cfg(test)]
mod tests;
