//! Each event once per process: what the sink has taken is not sent to it again.
//!
//! An id is remembered only after the sink's acknowledgement. While a copy is on its way, others
//! wait for its fate, so that none is acknowledged before the sink was, and none is sent twice.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::event::EventId;

/// The memory of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dedupe(Arc<Mutex<State>>);

/// What to do with an event.
#[derive(Debug)]
pub enum Seen {
    /// The sink has it.
    Delivered,
    /// A copy is on its way: wait.
    UnderWay(Fate),
    /// Nobody has it: deliver it.
    New(Claim),
}

/// The right and duty to deliver one event. Dropped without [`Claim::delivered`], the event is new
/// again.
#[derive(Debug)]
pub struct Claim {
    id: EventId,
    dedupe: Dedupe,
    fate: watch::Sender<bool>,
}

/// The end of a delivery by somebody else.
#[derive(Debug)]
pub struct Fate(watch::Receiver<bool>);

#[derive(Debug)]
struct State {
    window: Duration,
    capacity: usize,
    entries: HashMap<EventId, Entry>,
    delivered: VecDeque<(Instant, EventId)>,
}

#[derive(Debug)]
enum Entry {
    UnderWay(watch::Receiver<bool>),
    Delivered,
}

// === impl Dedupe ===

impl Dedupe {
    /// Remembers what was delivered for `window`, but at most `capacity` events: beyond that the
    /// oldest are forgotten first.
    #[must_use]
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            window,
            capacity,
            entries: HashMap::new(),
            delivered: VecDeque::new(),
        })))
    }

    /// What to do with the event.
    #[must_use]
    pub fn claim(&self, id: EventId, now: Instant) -> Seen {
        let mut state = self.state();
        state.forget(now);
        match state.entries.get(&id) {
            Some(Entry::Delivered) => Seen::Delivered,
            Some(Entry::UnderWay(fate)) => Seen::UnderWay(Fate(fate.clone())),
            None => {
                let (fate, receiver) = watch::channel(false);
                state.entries.insert(id, Entry::UnderWay(receiver));
                let dedupe = self.clone();
                Seen::New(Claim { id, dedupe, fate })
            }
        }
    }

    /// How many delivered events are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().delivered.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn forget(&mut self, now: Instant) {
        while let Some((at, id)) = self.delivered.front() {
            let is_old = now.saturating_duration_since(*at) > self.window;
            if !is_old && self.delivered.len() <= self.capacity {
                break;
            }
            self.entries.remove(id);
            self.delivered.pop_front();
        }
    }
}

// === impl Claim ===

impl Claim {
    /// The sink has acknowledged the event.
    pub fn delivered(self, now: Instant) {
        let mut state = self.dedupe.state();
        state.entries.insert(self.id, Entry::Delivered);
        state.delivered.push_back((now, self.id));
        state.forget(now);
        self.fate.send_replace(true);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !*self.fate.borrow() {
            self.dedupe.state().entries.remove(&self.id);
        }
    }
}

// === impl Fate ===

impl Fate {
    /// Waits for the end of the delivery. Says whether the sink has the event.
    pub async fn delivered(mut self) -> bool {
        self.0.wait_for(|delivered| *delivered).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test may stop")]

    use super::*;

    fn claimed(seen: Seen) -> Claim {
        match seen {
            Seen::New(claim) => claim,
            other => panic!("not new: {other:?}"),
        }
    }

    #[test]
    fn an_event_is_remembered_only_once_delivered_and_for_the_window() {
        let dedupe = Dedupe::new(Duration::from_secs(10), 100);
        let (id, start) = (EventId::of(b"a"), Instant::now());
        drop(claimed(dedupe.claim(id, start)));
        claimed(dedupe.claim(id, start)).delivered(start);
        let later = start + Duration::from_secs(10);
        assert!(matches!(dedupe.claim(id, later), Seen::Delivered));
        let too_late = later + Duration::from_nanos(1);
        drop(claimed(dedupe.claim(id, too_late)));
        assert!(dedupe.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let dedupe = Dedupe::new(Duration::from_secs(10), 3);
        let now = Instant::now();
        let id = |n: u8| EventId::of(&[n]);
        for n in 0..5 {
            claimed(dedupe.claim(id(n), now)).delivered(now);
        }
        assert_eq!(dedupe.len(), 3);
        assert!(matches!(dedupe.claim(id(4), now), Seen::Delivered));
        assert!(matches!(dedupe.claim(id(2), now), Seen::Delivered));
        drop(claimed(dedupe.claim(id(1), now)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn copies_share_the_fate_of_the_one_under_way() {
        let dedupe = Dedupe::new(Duration::from_secs(10), 3);
        let (id, now) = (EventId::of(b"a"), Instant::now());
        for delivered in [false, true] {
            let claim = claimed(dedupe.claim(id, now));
            let Seen::UnderWay(fate) = dedupe.claim(id, now) else {
                panic!("not under way");
            };
            if delivered {
                claim.delivered(now);
            } else {
                drop(claim);
            }
            assert_eq!(fate.delivered().await, delivered);
        }
    }
}
