//! The events that were stored last, for whoever forwards them next: most are forwarded as soon as they are on the
//! disk, and need not be read, parsed and hashed again. Bounded: of what does not fit, the body is read from the store, and
//! beyond that all of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;

use super::{command::Settle, record::Record, store::Entry};
use crate::event::Event;

/// Most bytes that are kept.
const MOST: usize = 1024 * 1024;
/// What an event takes beside its body.
const OVERHEAD: usize = 1024;
/// Most events that are kept without their bodies.
const MOST_BODILESS: usize = 1024;
/// Most events that are taken at a time.
const TAKE: usize = 64;

/// The events that were stored last and that nobody has taken. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Fresh(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Every pending event from this place on is here, or was taken. `None` until something is stored.
    from: Option<u64>,
    events: BTreeMap<u64, (i64, Arc<Event>)>,
    bytes: usize,
    /// Pending events whose bodies have given way.
    bodiless: BTreeMap<u64, Bodiless>,
}

/// What is known of an event whose body only the store has.
#[derive(Debug)]
struct Bodiless {
    event: Event,
    /// Bytes of the body, which is the end of the record.
    length: usize,
}

// === impl Fresh ===

impl Fresh {
    /// Keeps what a transaction has stored: places, arrivals and events. Before it, `first` was the next place.
    pub fn keep(&self, first: u64, stored: impl IntoIterator<Item = (u64, i64, Arc<Event>)>) {
        let mut state = self.state();
        state.from.get_or_insert(first);
        for (place, since, event) in stored {
            state.bytes += cost(&event);
            state.events.insert(place, (since, event));
        }
        while state.bytes > MOST
            && let Some((place, (_, event))) = state.pop()
        {
            state.from = Some(place + 1);
            // The oldest are forwarded first: what comes when there are many has to wait anyway.
            if state.bodiless.len() < MOST_BODILESS
                && let Some(known) = Bodiless::of(&event)
            {
                state.bodiless.insert(place, known);
            }
        }
    }

    /// Completes what was read from the store by what is known of it.
    #[must_use]
    pub fn complete(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let state = self.state();
        for entry in &mut entries {
            if let Record::Bytes(record) = &entry.record
                && let Some(known) = state.bodiless.get(&entry.sequence)
                && let Some(event) = known.with_body_of(record)
            {
                entry.record = Record::Event(Arc::new(event));
            }
        }
        entries
    }

    /// These have left the queue.
    pub fn forget(&self, settles: &[Settle]) {
        let mut state = self.state();
        for settle in settles {
            state.bodiless.remove(&settle.sequence);
            // Read from the store together with others that were not here.
            if let Some((_, event)) = state.events.remove(&settle.sequence) {
                state.bytes -= cost(&event);
            }
        }
    }

    /// Nothing is known any more: something else became pending, or the store was opened again.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// The pending events from this place on, some of them if there are many. `None` if only the store knows.
    #[must_use]
    pub fn take(&self, from: u64) -> Option<Vec<Entry>> {
        let mut state = self.state();
        state.from.filter(|known| *known <= from)?;
        let mut entries = Vec::new();
        while entries.len() < TAKE
            && let Some((place, (since, event))) = state.pop()
        {
            state.from = Some(place + 1);
            if place >= from {
                entries.push(entry(place, since, event));
            }
        }
        Some(entries)
    }

    /// The events at these places, if all of them are here.
    #[must_use]
    pub fn take_these(&self, places: &[u64]) -> Option<Vec<Entry>> {
        let mut state = self.state();
        let is_here = places.iter().all(|place| state.events.contains_key(place));
        is_here.then(|| {
            let mut take = |place: &u64| {
                let (since, event) = state.events.remove(place)?;
                state.bytes -= cost(&event);
                Some(entry(*place, since, event))
            };
            places.iter().filter_map(&mut take).collect()
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn pop(&mut self) -> Option<(u64, (i64, Arc<Event>))> {
        let first = self.events.pop_first()?;
        self.bytes -= cost(&first.1.1);
        Some(first)
    }
}

// === impl Bodiless ===

impl Bodiless {
    /// `None` if that would take much memory, too.
    fn of(event: &Event) -> Option<Self> {
        let envelope = event.envelope.as_ref()?;
        let texts = [
            &envelope.event,
            &envelope.account_id,
            &envelope.object_id,
            &envelope.user_id,
            &envelope.plain_token,
        ];
        let bytes: usize = texts.into_iter().flatten().map(String::len).sum();
        (bytes <= OVERHEAD).then(|| Self {
            event: Event {
                body: Bytes::new(),
                ..event.clone()
            },
            length: event.body.len(),
        })
    }

    fn with_body_of(&self, record: &Bytes) -> Option<Event> {
        let start = record.len().checked_sub(self.length)?;
        Some(Event {
            body: record.slice(start..),
            ..self.event.clone()
        })
    }
}

fn cost(event: &Event) -> usize {
    event.body.len() + OVERHEAD
}

fn entry(sequence: u64, since: i64, event: Arc<Event>) -> Entry {
    Entry {
        sequence,
        since,
        record: Record::Event(event),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use jiff::Timestamp;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::{buffer::record, event::ZoomHeaders};

    fn keep(fresh: &Fresh, first: u64, places: &[u64], bytes: usize) {
        let body = vec![b' '; bytes];
        let event = Event::new(Timestamp::UNIX_EPOCH, ZoomHeaders::default(), body.into());
        let event = Arc::new(event);
        let stored = places.iter().map(|place| (*place, 7, Arc::clone(&event)));
        fresh.keep(first, stored);
    }

    fn places(entries: Option<Vec<Entry>>) -> Option<Vec<u64>> {
        let entries = entries?;
        Some(entries.iter().map(|entry| entry.sequence).collect())
    }

    #[test]
    fn what_was_stored_is_taken_once_and_in_order() {
        let fresh = Fresh::default();
        assert_eq!(fresh.take(0), None);
        keep(&fresh, 4, &[4, 6], 9);
        keep(&fresh, 8, &[8], 9);
        // Only the store knows what came before.
        assert_eq!(fresh.take(3), None);
        assert_eq!(places(fresh.take(5)), Some(vec![6, 8]));
        assert_eq!(places(fresh.take(9)), Some(vec![]));
        assert_eq!(fresh.take(8), None);
        assert_eq!(fresh.state().bytes, 0);
    }

    #[test]
    fn only_all_of_some_places_are_taken() {
        let fresh = Fresh::default();
        keep(&fresh, 0, &[0, 2, 4], 9);
        assert_eq!(fresh.take_these(&[2, 3]), None);
        assert_eq!(places(fresh.take_these(&[4, 0])), Some(vec![4, 0]));
        assert_eq!(fresh.take_these(&[4]), None);
        assert_eq!(places(fresh.take_these(&[2])), Some(vec![2]));
        assert_eq!(fresh.state().bytes, 0);
    }

    fn bytes_of(place: u64, event: &Event) -> Entry {
        Entry {
            sequence: place,
            since: 7,
            record: Record::Bytes(record::encode(event).into()),
        }
    }

    fn settled(sequence: u64) -> Settle {
        Settle {
            sequence,
            dead: None,
            permit: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        }
    }

    #[test]
    fn what_left_the_queue_takes_no_room() {
        let fresh = Fresh::default();
        keep(&fresh, 0, &[0, 2], 9);
        fresh.forget(&[settled(0), settled(2)]);
        assert_eq!(fresh.state().bytes, 0);
        keep(&fresh, 4, &[4, 6], MOST);
        assert!(!fresh.state().bodiless.contains_key(&0));
        assert_eq!(places(fresh.take(7)), Some(vec![]));
    }

    #[test]
    fn of_those_that_gave_way_only_the_body_is_read() {
        let fresh = Fresh::default();
        let long = " ".repeat(MOST);
        let body = |n: u64| format!(r#"{{"event":"n","n":{n},"x":"{long}"}}"#);
        let zoom = ZoomHeaders {
            request_id: Some("request".into()),
            ..ZoomHeaders::default()
        };
        let event = |n| Event::new(Timestamp::UNIX_EPOCH, zoom.clone(), body(n).into());
        fresh.keep(0, (0..2).map(|n| (n, 7, Arc::new(event(n)))));
        assert_eq!(fresh.take(0), None);
        let read = (0..3).map(|n| bytes_of(n, &event(n))).collect();
        let completed = fresh.complete(read);
        for (n, entry) in (0..).zip(&completed) {
            // The third one was never here.
            assert_eq!(matches!(entry.record, Record::Event(_)), n < 2);
            let read = entry.record.event().unwrap();
            assert_eq!((&*read, read.id), (&event(n), event(n).id));
            assert_eq!(read.name(), Some("n"));
        }
        fresh.forget(&[settled(0)]);
        let again = fresh.complete(vec![bytes_of(0, &event(0))]);
        assert!(matches!(again[0].record, Record::Bytes(_)));
    }

    #[test]
    fn the_oldest_give_way_and_are_known_to_be_gone() {
        let fresh = Fresh::default();
        keep(&fresh, 0, &[0, 2, 4], MOST / 2 - OVERHEAD);
        assert_eq!(fresh.take(0), None);
        assert_eq!(places(fresh.take(2)), Some(vec![2, 4]));
        keep(&fresh, 6, &[6], 2 * MOST);
        assert_eq!(fresh.take(6), None);
        assert_eq!(places(fresh.take(7)), Some(vec![]));
        fresh.clear();
        assert_eq!(fresh.take(7), None);
    }
}
