//! Which events are stored already, in memory: the store's ids in short, and those on their way.
//!
//! An id becomes known when its event is committed. While a copy is on its way the others wait, and
//! share its fate. Of an id half is kept in memory: 128 bits of SHA-256 still have no two alike.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{event::EventId, outcome::Outcome};

/// The ids that are known to a process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ids(Arc<Mutex<State>>);

/// What to do with an event.
#[derive(Debug)]
pub enum Seen {
    /// It is stored.
    Stored,
    /// A copy is on its way: wait.
    UnderWay(Fate),
    /// Nobody has it: store it.
    New(Claim, Fate),
}

/// The right and duty to store one event. Dropped without [`Claim::settle`], the event is new again
/// and the outcome is a failure.
#[derive(Debug)]
pub struct Claim {
    id: EventId,
    ids: Ids,
    fate: watch::Sender<Option<Outcome>>,
}

/// What becomes of an event that somebody claimed.
#[derive(Clone, Debug)]
pub struct Fate(watch::Receiver<Option<Outcome>>);

#[derive(Debug, Default)]
struct State {
    known: HashSet<[u8; 16]>,
    under_way: HashMap<EventId, Fate>,
}

// === impl Ids ===

impl Ids {
    /// What to do with the event.
    #[must_use]
    pub fn claim(&self, id: EventId) -> Seen {
        let mut state = self.state();
        if state.known.contains(&short(&id)) {
            return Seen::Stored;
        }
        if let Some(fate) = state.under_way.get(&id) {
            return Seen::UnderWay(fate.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let fate = Fate(receiver);
        state.under_way.insert(id, fate.clone());
        let claim = Claim {
            id,
            ids: self.clone(),
            fate: sender,
        };
        Seen::New(claim, fate)
    }

    /// Knows these from now on, and no others.
    pub fn replace(&self, ids: impl Iterator<Item = EventId>) {
        self.state().known = ids.map(|id| short(&id)).collect();
    }

    /// Forgets one.
    pub fn forget(&self, id: &EventId) {
        self.state().known.remove(&short(id));
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().known.len()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Claim ===

impl Claim {
    /// The event's id.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The event is stored, or is not.
    pub fn settle(self, outcome: Outcome) {
        if outcome == Outcome::Stored {
            self.ids.state().known.insert(short(&self.id));
        }
        self.fate.send_replace(Some(outcome));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.ids.state().under_way.remove(&self.id);
    }
}

// === impl Fate ===

impl Fate {
    /// Waits for what becomes of it.
    pub async fn outcome(mut self) -> Outcome {
        let settled = self.0.wait_for(Option::is_some).await;
        settled
            .ok()
            .and_then(|outcome| *outcome)
            .unwrap_or(Outcome::BufferFailed)
    }
}

fn short(id: &EventId) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&id.as_bytes()[..16]);
    short
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test may stop")]

    use super::*;

    fn claimed(seen: Seen) -> (Claim, Fate) {
        match seen {
            Seen::New(claim, fate) => (claim, fate),
            other => panic!("not new: {other:?}"),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn copies_share_the_fate_and_only_what_is_stored_is_known() {
        let (ids, id) = (Ids::default(), EventId::of(b"a"));
        for outcome in [Outcome::BufferFull, Outcome::BufferFailed, Outcome::Stored] {
            let (claim, fate) = claimed(ids.claim(id));
            let Seen::UnderWay(copy) = ids.claim(id) else {
                panic!("not under way");
            };
            match outcome {
                Outcome::BufferFailed => drop(claim),
                outcome => claim.settle(outcome),
            }
            assert_eq!(fate.outcome().await, outcome);
            assert_eq!(copy.outcome().await, outcome);
        }
        assert!(matches!(ids.claim(id), Seen::Stored));
        ids.forget(&id);
        assert!(ids.is_empty());
        drop(claimed(ids.claim(id)));
        ids.replace([id].into_iter());
        assert_eq!(ids.len(), 1);
    }
}
