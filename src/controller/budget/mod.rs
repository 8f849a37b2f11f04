//! Limits how often Zoom is asked, for each account and app of each namespace. No request waits here: a
//! requester that comes too early is told when to come back, and has a reserved slot from then on. So a
//! tenant with hundreds of objects, or with another tenant's account id, delays nobody else. The connections of an
//! app stand in one line (`line.rs`), in which their namespaces take turns.

mod line;
mod rate;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

pub use self::rate::OverBudget;

use self::{
    line::Line,
    rate::{PATIENCE, Rate},
};
use super::key::Key;

/// A healthy tenant needs one token in 45 minutes for each app: five at once, then one every two seconds.
const ACCOUNT: Rate = Rate {
    burst: 5,
    period: Duration::from_secs(2),
};

/// Time between two removals of what is no longer needed.
const BETWEEN_SWEEPS: Duration = Duration::from_mins(1);

/// A namespace and the id of its account or app at Zoom.
type Payer = (String, String);

/// All budgets.
#[derive(Debug, Default)]
pub struct Budgets(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    accounts: HashMap<Payer, Budget>,
    apps: HashMap<Payer, Line>,
    swept: Option<Instant>,
}

/// One budget: a generic cell rate algorithm with slots that can be reserved.
#[derive(Debug)]
struct Budget {
    /// When the next request would be due if all came at the same pace.
    due: Instant,
    /// The same time, for the requests that were made.
    next: Instant,
    /// The slots of requesters that came too early: when each of them may go.
    places: HashMap<String, Instant>,
}

/// A connection that waits for a request to Zoom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Among which it takes turns: those of its namespace, consents apart. A person waits for a consent, and its code
    /// soon expires: it must not stand behind thousands of refreshes.
    flow: String,
    name: String,
}

// === impl Requester ===

impl Requester {
    /// This connection, with a consent or with its grant.
    #[must_use]
    pub fn new(connection: &Key, is_consent: bool) -> Self {
        let (flow, name) = (connection.namespace.to_string(), connection.to_string());
        if is_consent {
            Self {
                flow: format!("consents of {flow}"),
                name: format!("consent of {name}"),
            }
        } else {
            Self { flow, name }
        }
    }
}

// === impl Budgets ===

impl Budgets {
    /// Spends one request for an account of a namespace.
    ///
    /// # Errors
    /// When it is too early for `requester`, which has a slot from then on.
    pub fn spend_of_account(
        &self,
        namespace: &str,
        account: &str,
        requester: &str,
    ) -> Result<(), OverBudget> {
        let payer = (namespace.to_owned(), account.to_owned());
        self.lock().spend(payer, requester, Instant::now())
    }

    /// Spends one request for an app of a namespace, on behalf of its integration: ahead of the connections that
    /// wait in the namespace.
    ///
    /// # Errors
    /// When it is too early for `requester`, which has a slot from then on.
    pub fn spend_of_app(
        &self,
        namespace: &str,
        client: &str,
        requester: &str,
    ) -> Result<(), OverBudget> {
        let now = Instant::now();
        self.lock()
            .line(namespace, client, now)
            .spend("", requester, now)
    }

    /// Spends one request for a connection of an app in the namespace `home`.
    ///
    /// # Errors
    /// When it is too early for `requester`, which has a slot from then on.
    pub fn spend_of_connection(
        &self,
        requester: &Requester,
        home: &str,
        client: &str,
    ) -> Result<(), OverBudget> {
        let (now, Requester { flow, name }) = (Instant::now(), requester);
        self.lock().line(home, client, now).spend(flow, name, now)
    }

    /// Whether it is the turn of this connection, whose request may follow soon. Asked before anything is read for
    /// the request.
    ///
    /// # Errors
    /// When it is too early for `requester`, which has a slot from then on.
    pub fn call_connection(
        &self,
        requester: &Requester,
        home: &str,
        client: &str,
    ) -> Result<(), OverBudget> {
        let (now, Requester { flow, name }) = (Instant::now(), requester);
        self.lock().line(home, client, now).call(flow, name, now)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ledger ===

impl Ledger {
    fn spend(&mut self, payer: Payer, requester: &str, now: Instant) -> Result<(), OverBudget> {
        self.sweep(now);
        let budget = self.accounts.entry(payer).or_insert_with(|| Budget {
            due: now,
            next: now,
            places: HashMap::new(),
        });
        budget.spend(ACCOUNT, requester, now)
    }

    fn line(&mut self, home: &str, client: &str, now: Instant) -> &mut Line {
        self.sweep(now);
        let payer = (home.to_owned(), client.to_owned());
        self.apps.entry(payer).or_insert_with(|| Line::new(now))
    }

    /// Forgets slots that are not used, and budgets that are full again.
    fn sweep(&mut self, now: Instant) {
        if self
            .swept
            .is_some_and(|swept| now.duration_since(swept) < BETWEEN_SWEEPS)
        {
            return;
        }
        self.swept = Some(now);
        self.accounts.retain(|_, budget| {
            budget.places.retain(|_, from| now < *from + PATIENCE);
            !budget.places.is_empty() || now < budget.due.max(budget.next)
        });
        self.apps.retain(|_, line| line.sweep(now));
    }
}

// === impl Budget ===

impl Budget {
    fn spend(&mut self, rate: Rate, requester: &str, now: Instant) -> Result<(), OverBudget> {
        let ahead = rate.period.saturating_mul(rate.burst.saturating_sub(1));
        let place = self.places.get(requester).copied().unwrap_or_else(|| {
            let due = self.due.max(now);
            self.due = due + rate.period;
            due.checked_sub(ahead).unwrap_or(now)
        });
        // Requesters that come later than their slots must not all go at once.
        let next = self.next.max(now);
        let from = place.max(next.checked_sub(ahead).unwrap_or(now));
        if from <= now {
            self.places.remove(requester);
            self.next = next + rate.period;
            Ok(())
        } else {
            self.places.insert(requester.to_owned(), from);
            Err(OverBudget(from - now))
        }
    }
}

#[cfg(test)]
mod tests;
