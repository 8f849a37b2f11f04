//! Events of accounts that nobody has claimed: how many, and of whom. Bounded, however many accounts there are.

use std::collections::BTreeMap;

use contract::routing_facts::{MAX_EXAMPLES, UnclaimedFacts};

/// Most accounts that are told apart.
const MOST_ACCOUNTS: usize = 1000;

/// Events without a route since the receiver started.
#[derive(Debug, Default)]
pub struct Seen {
    accounts: BTreeMap<String, u64>,
    /// Events of accounts beyond the first thousand.
    others: u64,
    total: u64,
}

// === impl Seen ===

impl Seen {
    /// Counts an event of this account.
    pub fn count(&mut self, account: &str) {
        self.total += 1;
        if let Some(count) = self.accounts.get_mut(account) {
            *count += 1;
        } else if self.accounts.len() < MOST_ACCOUNTS {
            self.accounts.insert(account.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// Forgets accounts that are claimed now.
    pub fn claimed(&mut self, is_claimed: impl Fn(&str) -> bool) {
        self.accounts.retain(|account, _| !is_claimed(account));
    }

    /// What the controller learns.
    #[must_use]
    pub fn facts(&self) -> UnclaimedFacts {
        UnclaimedFacts {
            events: self.accounts.values().sum::<u64>() + self.others,
            accounts: self.accounts.len() as u64,
            examples: self.accounts.keys().take(MAX_EXAMPLES).cloned().collect(),
        }
    }

    /// All events, also of accounts that were claimed later.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_bounded_and_leave_when_they_are_claimed() {
        let mut seen = Seen::default();
        for n in 0..MOST_ACCOUNTS + 10 {
            seen.count(&format!("account-{n:05}"));
        }
        seen.count("account-00003");
        let facts = seen.facts();
        assert_eq!((facts.events, facts.accounts), (1011, 1000));
        assert_eq!(facts.examples.len(), MAX_EXAMPLES);
        seen.claimed(|account| account == "account-00003");
        let facts = seen.facts();
        assert_eq!(
            (facts.events, facts.accounts, seen.total()),
            (1009, 999, 1011)
        );
    }
}
