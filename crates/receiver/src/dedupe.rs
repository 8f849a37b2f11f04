//! Deduplication: which events were stored or delivered before, and which are in flight.
//!
//! An event is remembered once it is stored (with a buffer) or delivered (without one). While
//! one copy is in flight the others wait for its outcome, so that none is acknowledged too early and
//! none is sent twice. An event has one or two identities, see [`super::identity::content`]; either
//! one suffices.
//!
//! Half of each id is kept in memory: 128 bits of SHA-256 are still unique.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{event_id::EventId, id_set::IdSet, outcome::RequestOutcome};

/// The ids that one process remembers. Cheap to clone. By default an id is removed only by
/// [`Dedupe::forget`].
#[derive(Clone, Debug, Default)]
pub struct Dedupe(Arc<Mutex<State>>);

/// The identities of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The id of the bytes.
    pub id: EventId,
    /// The id of the content, if it may come with other bytes.
    pub content: Option<EventId>,
}

/// What to do with an event.
#[derive(Debug)]
pub enum ClaimResult {
    /// It is stored or delivered.
    Duplicate,
    /// A copy is in flight: wait for its outcome.
    InFlight(PendingOutcome),
    /// It is new: store or deliver it.
    New(Claim, PendingOutcome),
}

/// Exclusive ownership of one event until [`Claim::settle`]. Dropped without that, the event is new again.
#[derive(Debug)]
pub struct Claim {
    ids: Ids,
    dedupe: Dedupe,
    pending: watch::Sender<Option<RequestOutcome>>,
}

/// The outcome of a claimed event, once there is one.
#[derive(Clone, Debug)]
pub struct PendingOutcome(watch::Receiver<Option<RequestOutcome>>);

/// Half of an id.
type Short = [u8; 16];

#[derive(Debug, Default)]
struct State {
    /// How long ids are remembered, and how many at most.
    limits: Option<(Duration, usize)>,
    done: IdSet,
    /// The remembered ids in the order in which they came; used with limits only.
    order: VecDeque<(Instant, Short)>,
    in_flight: HashMap<Short, PendingOutcome>,
}

// === impl Dedupe ===

impl Dedupe {
    /// Remembers ids for `window`, but at most `capacity` of them: beyond that the oldest are forgotten
    /// first.
    #[must_use]
    pub fn bounded(window: Duration, capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            limits: Some((window, capacity)),
            ..State::default()
        })))
    }

    /// What to do with the event.
    #[must_use]
    pub fn claim(&self, ids: Ids, now: Instant) -> ClaimResult {
        let mut state = self.state();
        state.expire(now, 0);
        if ids.short().any(|id| state.done.contains(id)) {
            return ClaimResult::Duplicate;
        }
        if let Some(pending) = ids.short().find_map(|id| state.in_flight.get(&id)) {
            return ClaimResult::InFlight(pending.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let pending = PendingOutcome(receiver);
        for id in ids.short() {
            state.in_flight.insert(id, pending.clone());
        }
        let claim = Claim {
            ids,
            dedupe: self.clone(),
            pending: sender,
        };
        ClaimResult::New(claim, pending)
    }

    /// Whether the event is stored or delivered.
    #[must_use]
    pub fn knows(&self, ids: Ids) -> bool {
        let state = self.state();
        ids.short().any(|id| state.done.contains(id))
    }

    /// Replaces all remembered ids.
    pub fn replace(&self, ids: impl Iterator<Item = EventId>) {
        self.state().done = ids.map(|id| short(&id)).collect();
    }

    /// Forgets one.
    pub fn forget(&self, id: &EventId) {
        self.state().done.remove(short(id));
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().done.len()
    }

    /// Whether none is remembered.
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
    fn remember(&mut self, id: Short, now: Instant) {
        // Before it is added: a full queue must not double for one more.
        self.expire(now, 1);
        if self.done.insert(id) && self.limits.is_some() {
            self.order.push_back((now, id));
        }
    }

    /// Forgets what is too old, and the oldest if there is no room for so many more.
    fn expire(&mut self, now: Instant, more: usize) {
        let Some((window, capacity)) = self.limits else {
            return;
        };
        while let Some((at, id)) = self.order.front() {
            let is_old = now.saturating_duration_since(*at) > window;
            if !is_old && self.order.len() + more <= capacity {
                break;
            }
            self.done.remove(*id);
            self.order.pop_front();
        }
    }
}

// === impl Ids ===

impl Ids {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = EventId> + use<> {
        std::iter::once(self.id).chain(self.content)
    }

    fn short(self) -> impl Iterator<Item = Short> {
        self.iter().map(|id| short(&id))
    }
}

impl From<EventId> for Ids {
    fn from(id: EventId) -> Self {
        Self { id, content: None }
    }
}

// === impl Claim ===

impl Claim {
    /// The event's identities.
    #[must_use]
    pub fn ids(&self) -> Ids {
        self.ids
    }

    /// Publishes the outcome, and remembers the event if it is stored or delivered.
    pub fn settle(self, outcome: RequestOutcome, now: Instant) {
        if matches!(outcome, RequestOutcome::Stored | RequestOutcome::Delivered) {
            let mut state = self.dedupe.state();
            for id in self.ids.short() {
                state.remember(id, now);
            }
        }
        self.pending.send_replace(Some(outcome));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.dedupe.state();
        for id in self.ids.short() {
            state.in_flight.remove(&id);
        }
    }
}

// === impl PendingOutcome ===

impl PendingOutcome {
    /// Waits for the outcome. `None` when the claim was dropped.
    pub async fn outcome(mut self) -> Option<RequestOutcome> {
        let settled = self.0.wait_for(Option::is_some).await;
        settled.ok().and_then(|outcome| *outcome)
    }
}

fn short(id: &EventId) -> Short {
    let mut short = [0; 16];
    short.copy_from_slice(&id.as_bytes()[..16]);
    short
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test may stop")]

    use super::*;

    fn claimed(seen: ClaimResult) -> Claim {
        match seen {
            ClaimResult::New(claim, _) => claim,
            other => panic!("not new: {other:?}"),
        }
    }

    fn id(text: &[u8]) -> Ids {
        EventId::of(text).into()
    }

    #[test]
    fn an_event_is_remembered_only_once_delivered_and_for_the_window() {
        let dedupe = Dedupe::bounded(Duration::from_secs(10), 100);
        let (id, start) = (id(b"a"), Instant::now());
        drop(claimed(dedupe.claim(id, start)));
        claimed(dedupe.claim(id, start)).settle(RequestOutcome::SinkFailed, start);
        claimed(dedupe.claim(id, start)).settle(RequestOutcome::Delivered, start);
        let later = start + Duration::from_secs(10);
        assert!(matches!(dedupe.claim(id, later), ClaimResult::Duplicate));
        let too_late = later + Duration::from_nanos(1);
        drop(claimed(dedupe.claim(id, too_late)));
        assert!(dedupe.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go_first() {
        let dedupe = Dedupe::bounded(Duration::from_secs(10), 3);
        let now = Instant::now();
        for n in 0..5 {
            claimed(dedupe.claim(id(&[n]), now)).settle(RequestOutcome::Delivered, now);
        }
        assert_eq!(dedupe.len(), 3);
        assert!(matches!(
            dedupe.claim(id(&[4]), now),
            ClaimResult::Duplicate
        ));
        assert!(matches!(
            dedupe.claim(id(&[2]), now),
            ClaimResult::Duplicate
        ));
        drop(claimed(dedupe.claim(id(&[1]), now)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn copies_share_the_fate_and_only_what_is_done_is_remembered() {
        let (dedupe, id, now) = (Dedupe::default(), id(b"a"), Instant::now());
        let outcomes = [
            Some(RequestOutcome::BufferFull),
            None,
            Some(RequestOutcome::SinkFailed),
            Some(RequestOutcome::Stored),
        ];
        for outcome in outcomes {
            let ClaimResult::New(claim, pending) = dedupe.claim(id, now) else {
                panic!("not new");
            };
            let ClaimResult::InFlight(copy) = dedupe.claim(id, now) else {
                panic!("not under way");
            };
            match outcome {
                None => drop(claim),
                Some(outcome) => claim.settle(outcome, now),
            }
            assert_eq!(pending.outcome().await, outcome);
            assert_eq!(copy.outcome().await, outcome);
        }
        assert!(matches!(dedupe.claim(id, now), ClaimResult::Duplicate));
        dedupe.forget(&id.id);
        assert!(dedupe.is_empty());
        drop(claimed(dedupe.claim(id, now)));
        dedupe.replace(id.iter());
        assert_eq!(dedupe.len(), 1);
    }

    #[test]
    fn one_of_two_identities_suffices() {
        let now = Instant::now();
        let with = |bytes: &[u8]| Ids {
            id: EventId::of(bytes),
            content: Some(EventId::of(b"content")),
        };
        for dedupe in [
            Dedupe::default(),
            Dedupe::bounded(Duration::from_secs(10), 10),
        ] {
            let claim = claimed(dedupe.claim(with(b"a"), now));
            assert!(matches!(
                dedupe.claim(with(b"b"), now),
                ClaimResult::InFlight(_)
            ));
            claim.settle(RequestOutcome::Delivered, now);
            assert!(matches!(
                dedupe.claim(with(b"b"), now),
                ClaimResult::Duplicate
            ));
            assert!(matches!(
                dedupe.claim(id(b"a"), now),
                ClaimResult::Duplicate
            ));
            drop(claimed(dedupe.claim(id(b"b"), now)));
        }
    }
}
