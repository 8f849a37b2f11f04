//! An event of the schedule.

use std::{sync::OnceLock, time::Instant};

use crate::{
    buffer::{
        record::{self, Record},
        store::Entry,
    },
    sink::{Failure, SinkError},
};

/// An event that has been read and is still in the queue.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its place in the queue.
    pub sequence: u64,
    /// Arrival, seconds since the epoch.
    pub since: i64,
    /// `None` if it must be read when it is sent.
    pub record: Option<Record>,
    /// Size of the record.
    pub size: usize,
    /// How often it was sent since the receiver started.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last: Option<SinkError>,
    /// An attempt after its longest age has failed.
    pub is_late: bool,
    /// The account that it is of, once somebody has asked or the record is gone.
    account: OnceLock<Option<String>>,
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
            record: Some(entry.record.clone()),
            ..Self::unread(entry.sequence, entry.since, entry.record.size())
        }
    }
}

impl Item {
    /// An event whose record stays in the store until it is sent.
    #[must_use]
    pub fn unread(sequence: u64, since: i64, size: usize) -> Self {
        Self {
            sequence,
            since,
            record: None,
            size,
            attempts: 0,
            last: None,
            is_late: false,
            account: OnceLock::new(),
            held: 0,
            held_since: None,
            counted: 0,
            is_suspect: false,
            due: None,
        }
    }

    pub(super) fn failed(&mut self, failure: Failure) {
        self.attempts = self.attempts.saturating_add(1);
        self.last = Some(failure.error);
    }

    /// Zoom's id of the account.
    pub(super) fn account(&self) -> Option<&str> {
        let account = self.account.get_or_init(|| match self.record.as_ref()? {
            Record::Bytes(bytes) => record::account(bytes),
            Record::Event(event) => event.account().map(str::to_owned),
        });
        account.as_deref()
    }

    /// Bytes of its record that are in memory.
    pub(super) fn held_bytes(&self) -> usize {
        self.record.as_ref().map_or(0, Record::size)
    }

    /// Drops the record.
    pub(super) fn forget_record(&mut self) {
        self.account();
        self.record = None;
    }
}
