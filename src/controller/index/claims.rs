//! What the index knows of other releases.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{rivals::Claim, state::Index};
use crate::controller::key::Key;

impl Index {
    /// The name of this release; empty if it has none.
    #[must_use]
    pub fn release(&self) -> Arc<str> {
        self.lock().rivals.own()
    }

    /// What a pass does about an object whose status names this release.
    pub fn claim(&self, key: &Key, named: Option<&str>, now: Timestamp) -> Claim {
        self.lock().rivals.claim(key, named, now)
    }

    /// This release wrote its name into the status of an object.
    pub fn signed(&self, key: &Key) {
        self.lock().rivals.signed(key);
    }

    /// How many objects each other release works on, too.
    #[must_use]
    pub fn rivals(&self, now: Timestamp) -> BTreeMap<Arc<str>, i64> {
        self.lock().rivals.count(now)
    }
}
