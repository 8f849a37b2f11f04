//! Limits how often Zoom is asked, for each account and app of each namespace. No request waits here: a
//! requester that comes too early is told when to come back, and has a reserved slot from then on. So a
//! tenant with hundreds of objects, or with another tenant's account id, delays nobody else.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A healthy tenant needs one token in 45 minutes for each app: five at once, then one every two seconds.
const ACCOUNT: Rate = Rate {
    burst: 5,
    period: Duration::from_secs(2),
};

/// For the connections of one app: a thousand are refreshed within two minutes, without a burst at Zoom.
const APP: Rate = Rate {
    burst: 10,
    period: Duration::from_millis(100),
};

/// For the connections of one namespace to an app of another one: half of what the app may do. Ten thousand of
/// them, which self-service may create in one namespace, need less than four in a second.
const TENANT: Rate = Rate {
    burst: 5,
    period: Duration::from_millis(200),
};

/// How long a slot stays reserved for a requester that does not come back.
const PATIENCE: Duration = Duration::from_mins(2);
/// Time between two removals of what is no longer needed.
const BETWEEN_SWEEPS: Duration = Duration::from_mins(1);

/// This many requests at once, and then one in each period.
#[derive(Clone, Copy, Debug)]
struct Rate {
    burst: u32,
    period: Duration,
}

/// Who a budget belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Payer {
    Account {
        namespace: String,
        account: String,
    },
    App {
        namespace: String,
        client: String,
    },
    Tenant {
        namespace: String,
        home: String,
        client: String,
    },
}

/// The request has to wait this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget(pub Duration);

/// All budgets.
#[derive(Debug, Default)]
pub struct Budgets(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    budgets: HashMap<Payer, Budget>,
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
        let payer = Payer::Account {
            namespace: namespace.to_owned(),
            account: account.to_owned(),
        };
        self.spend(payer, ACCOUNT, requester)
    }

    /// Spends one request for an app of a namespace.
    ///
    /// # Errors
    /// When it is too early for `requester`, which has a slot from then on.
    pub fn spend_of_app(
        &self,
        namespace: &str,
        client: &str,
        requester: &str,
    ) -> Result<(), OverBudget> {
        let payer = Payer::App {
            namespace: namespace.to_owned(),
            client: client.to_owned(),
        };
        self.spend(payer, APP, requester)
    }

    /// Spends one request for a connection in `namespace` of an app in the namespace `home`. In another
    /// namespace than its app's, it needs both a slot of its namespace and one of the app: many tenants
    /// together stay within the app's rate, and none of them can use it up for the others.
    ///
    /// # Errors
    /// When it is too early for `requester`, which has a slot from then on.
    pub fn spend_of_connection(
        &self,
        namespace: &str,
        home: &str,
        client: &str,
        requester: &str,
    ) -> Result<(), OverBudget> {
        if namespace == home {
            return self.spend_of_app(home, client, requester);
        }
        let tenant = Payer::Tenant {
            namespace: namespace.to_owned(),
            home: home.to_owned(),
            client: client.to_owned(),
        };
        self.spend(tenant.clone(), TENANT, requester)?;
        let of_app = self.spend_of_app(home, client, requester);
        if of_app.is_err() {
            // No request was made.
            let mut ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.give_back(&tenant, TENANT);
        }
        of_app
    }

    fn spend(&self, payer: Payer, rate: Rate, requester: &str) -> Result<(), OverBudget> {
        let mut ledger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.spend(payer, rate, requester, Instant::now())
    }
}

// === impl Ledger ===

impl Ledger {
    fn spend(
        &mut self,
        payer: Payer,
        rate: Rate,
        requester: &str,
        now: Instant,
    ) -> Result<(), OverBudget> {
        self.sweep(now);
        let budget = self.budgets.entry(payer).or_insert_with(|| Budget {
            due: now,
            next: now,
            places: HashMap::new(),
        });
        budget.spend(rate, requester, now)
    }

    /// Takes back a request that was spent and not made.
    fn give_back(&mut self, payer: &Payer, rate: Rate) {
        if let Some(budget) = self.budgets.get_mut(payer) {
            let before = |time: Instant| time.checked_sub(rate.period).unwrap_or(time);
            (budget.due, budget.next) = (before(budget.due), before(budget.next));
        }
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
        self.budgets.retain(|_, budget| {
            budget.places.retain(|_, from| now < *from + PATIENCE);
            !budget.places.is_empty() || now < budget.due.max(budget.next)
        });
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
