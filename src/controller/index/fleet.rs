//! The results of the last passes in numbers, for metrics without names of objects.

mod figures;
mod member;

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use self::member::Pass;
pub use self::{figures::Figures, member::Member};
use crate::{
    api::reason::Reason,
    controller::{key::Key, schedule},
};

/// What is not ready for this time is named.
const UNREADY: Duration = Duration::from_mins(10);

/// Most objects that are named: each is a time series.
pub const MOST_UNREADY: usize = 1000;

/// The results of the last passes.
#[derive(Debug, Default)]
pub struct Fleet {
    passes: HashMap<Key, Pass>,
    /// How many passes in a row could not finish.
    failures: HashMap<Key, u32>,
}

// === impl Fleet ===

impl Fleet {
    /// Records the result of a pass at `now`, with the time until the next one. A status without a phase is
    /// ignored.
    pub fn passed(&mut self, key: Key, member: Option<Member>, wait: Duration, now: Timestamp) {
        if let Some(member) = member {
            let next = schedule::later(now, wait);
            self.passes.insert(key, Pass { member, next });
        }
    }

    /// Records that the next pass comes after this time.
    pub fn postponed(&mut self, key: &Key, wait: Duration, now: Timestamp) {
        if let Some(pass) = self.passes.get_mut(key) {
            pass.next = schedule::later(now, wait);
        }
    }

    /// When the token of this object was issued, as the last pass found it.
    #[must_use]
    pub fn issued_at(&self, key: &Key) -> Option<Timestamp> {
        self.passes.get(key)?.member.issued_at
    }

    /// Forgets a deleted object: it must not raise alerts any more.
    pub fn forget(&mut self, key: &Key) {
        self.passes.remove(key);
        self.failures.remove(key);
    }

    /// Records that a pass failed. Returns how many failed in a row before it.
    pub fn failed(&mut self, key: &Key) -> u32 {
        let count = self.failures.entry(key.clone()).or_default();
        *count = count.saturating_add(1);
        *count - 1
    }

    /// Records that a pass finished.
    pub fn succeeded(&mut self, key: &Key) {
        self.failures.remove(key);
    }

    /// The objects that have not been ready for ten minutes and why, those that wait longest first.
    #[must_use]
    pub fn unready(&self, now: Timestamp) -> Vec<(Key, Reason)> {
        let all = self.passes.iter();
        let mut unready: Vec<_> = all
            .filter_map(|(key, pass)| Some((pass.member.unready?, key)))
            .filter(|((_, since), _)| schedule::later(*since, UNREADY) <= now)
            .map(|((reason, since), key)| (since, key, reason))
            .collect();
        unready.sort_unstable();
        unready.truncate(MOST_UNREADY);
        let named = unready.into_iter();
        named
            .map(|(_, key, reason)| (key.clone(), reason))
            .collect()
    }

    /// All objects in numbers.
    #[must_use]
    pub fn figures(&self, now: Timestamp) -> Figures {
        Figures::of(&self.passes, now)
    }
}

#[cfg(test)]
mod tests;
