//! An event of the schedule.

use std::time::Instant;

use crate::{
    buffer::{record::Record, store::Entry},
    sink::{Failure, SinkError},
};

/// An event that has been read and is still in the queue.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its place in the queue.
    pub sequence: u64,
    /// Arrival, seconds since the epoch.
    pub since: i64,
    /// None while the event is set aside.
    pub record: Option<Record>,
    /// How often it was sent since the receiver started.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last: Option<SinkError>,
    /// Failures at the head of the queue.
    pub(super) held: u32,
    /// When the first of them was.
    pub(super) held_since: Option<Instant>,
    /// Attempts that count towards [`super::Rules::attempts`].
    pub(super) counted: u32,
    /// At least one failure at the head may have been this event's own fault.
    pub(super) is_suspect: bool,
    /// When it is tried again, once it is set aside.
    pub(super) due: Option<Instant>,
}

// === impl Item ===

impl From<Entry> for Item {
    fn from(entry: Entry) -> Self {
        Self {
            sequence: entry.sequence,
            since: entry.since,
            record: Some(entry.record),
            attempts: 0,
            last: None,
            held: 0,
            held_since: None,
            counted: 0,
            is_suspect: false,
            due: None,
        }
    }
}

impl Item {
    pub(super) fn failed(&mut self, failure: Failure) {
        self.attempts = self.attempts.saturating_add(1);
        self.last = Some(failure.error);
    }

    pub(super) fn account(&self) -> Option<String> {
        let event = self.record.as_ref()?.event().ok()?;
        event.envelope.as_ref()?.account_id.clone()
    }
}
