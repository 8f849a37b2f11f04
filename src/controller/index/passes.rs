//! What the passes found, and when the next ones come.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    fleet::{Figures, Member},
    state::Index,
};
use crate::{api::reason::Reason, controller::key::Key};

impl Index {
    /// Records the result of a pass at `now`, with the time until the next one.
    pub fn passed(&self, key: Key, member: Option<Member>, wait: Duration, now: Timestamp) {
        let mut state = self.lock();
        // The object may have been deleted during the pass.
        if state.objects.has(&key) {
            let key = state.objects.shared(key);
            state.fleet.passed(key, member, wait, now);
        }
    }

    /// Records that what is due waits for its turn.
    pub fn postponed(&self, key: &Key, wait: Duration, now: Timestamp) {
        self.lock().fleet.postponed(key, wait, now);
    }

    /// When the token of this object was issued, as the last pass found it.
    #[must_use]
    pub fn issued_at(&self, key: &Key) -> Option<Timestamp> {
        self.lock().fleet.issued_at(key)
    }

    /// Another release works on the object: what this one found of it is no longer counted.
    pub fn left_to_rival(&self, key: &Key) {
        self.lock().fleet.forget(key);
    }

    /// Records that a pass failed. Returns how many failed in a row before it.
    pub fn failed(&self, key: &Key) -> u32 {
        self.lock().fleet.failed(key)
    }

    /// Records that a pass finished.
    pub fn succeeded(&self, key: &Key) {
        self.lock().fleet.succeeded(key);
    }

    /// All objects in numbers.
    #[must_use]
    pub fn figures(&self, now: Timestamp) -> Figures {
        self.lock().fleet.figures(now)
    }

    /// The objects that have not been ready for a while, and why.
    #[must_use]
    pub fn unready(&self, now: Timestamp) -> Vec<(Key, Reason)> {
        self.lock().fleet.unready(now)
    }
}
