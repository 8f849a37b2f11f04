//! How an index is built from the store. Each event goes to its lane at once, so that opening a store takes no more
//! memory than serving it.

use super::{Pending, Rebuilt, State};

// === impl Rebuilt ===

impl Rebuilt {
    /// It has this event of an account. In order of their places.
    pub fn add(&mut self, account: &str, pending: Pending) {
        let account = self.0.account(account);
        self.0.push(&account, pending);
    }
}

// === impl State ===

impl State {
    /// Takes over what the store does not know: reservations, and what is settled.
    pub(super) fn keep(&mut self, before: Self) {
        for (account, lane) in before.lanes {
            if lane.reserved > 0 {
                self.lanes.entry(account).or_default().reserved = lane.reserved;
            }
        }
        for (sequence, (account, _)) in before.settled {
            // If it was lost with the store, its removal will be committed nevertheless.
            let bytes = self.take(&account, sequence).map_or(0, Pending::bytes);
            self.settled.insert(sequence, (account, bytes));
        }
    }

    /// Removes an event from its lane. It still counts as stored.
    pub(super) fn take(&mut self, account: &str, sequence: u64) -> Option<Pending> {
        let lane = self.lanes.get_mut(account)?;
        let found = lane
            .pending
            .binary_search_by_key(&sequence, Pending::sequence);
        let pending = lane.pending.remove(found.ok()?)?;
        self.pending -= 1;
        Some(pending)
    }
}
