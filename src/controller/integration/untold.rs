//! Why the lifecycle states of integrations could not be written or taken back. They are written after the status, so
//! the next pass says it there.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::model::{ReceiverFinding, ReceiverState};

/// The API server's sentences, by UID of the integration.
#[derive(Default)]
pub struct Untold(Mutex<HashMap<String, String>>);

// === impl Untold ===

impl Untold {
    /// Adds what was refused to the state of a receiver that accepts requests.
    pub fn tell(&self, uid: &str, receiver: &mut ReceiverState) {
        if receiver.finding == ReceiverFinding::Available && receiver.refused.is_none() {
            receiver.refused = self.lock().get(uid).cloned();
        }
    }

    /// Remembers the latest refusal. Returns whether there was none before, or is none any more: another sentence is no
    /// news, because some have a number that is never the same.
    pub fn learn(&self, uid: &str, refused: Option<String>) -> bool {
        let mut known = self.lock();
        let is_refused = refused.is_some();
        let before = match refused {
            Some(sentence) => known.insert(uid.to_owned(), sentence),
            None => known.remove(uid),
        };
        before.is_some() != is_refused
    }

    /// Forgets a deleted integration.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
