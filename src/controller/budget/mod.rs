//! Limits how often Zoom is asked, for each account and app of each namespace. No request waits here: a
//! requester that comes too early is told when to come back, and has a reserved slot from then on. So a
//! tenant with hundreds of objects, or with another tenant's account id, delays nobody else. The connections of an
//! app stand in one line (`line.rs`), in which their namespaces take turns.

mod bucket;
mod line;
mod rate;
mod requester;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

pub use self::{rate::OverBudget, requester::Requester};

use self::{bucket::Bucket, line::Line, rate::Rate};

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
    accounts: HashMap<Payer, Bucket>,
    apps: HashMap<Payer, Line>,
    swept: Option<Instant>,
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

    /// Spends one request for an app of a namespace, on behalf of its integration: ahead of the refreshes of its
    /// connections.
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
        let requester = Requester::of_app(requester);
        self.lock()
            .line(namespace, client, now)
            .spend(&requester, now)
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
        let now = Instant::now();
        self.lock().line(home, client, now).spend(requester, now)
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
        let now = Instant::now();
        self.lock().line(home, client, now).call(requester, now)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ledger ===

impl Ledger {
    fn spend(&mut self, payer: Payer, requester: &str, now: Instant) -> Result<(), OverBudget> {
        self.sweep(now);
        let budget = self.accounts.entry(payer);
        let budget = budget.or_insert_with(|| Bucket::new(now));
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
        self.accounts.retain(|_, budget| budget.sweep(now));
        self.apps.retain(|_, line| line.sweep(now));
    }
}

#[cfg(test)]
mod tests;
