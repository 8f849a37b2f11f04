//! The tables, and how one transaction changes them.

use redb::{
    ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction,
};

use super::{error::StoreError, filter::Filter, totals::Totals};
use crate::{
    buffer::{capacity::charge, dead::DeadLetter},
    event::EventId,
};

pub(super) const QUEUE: TableDefinition<u64, &[u8]> = TableDefinition::new("queue");
pub(super) const IDS: TableDefinition<u64, &[u8; 40]> = TableDefinition::new("ids");
pub(super) const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("dead");
pub(super) const DEAD_RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("dead-records");
pub(super) const DEAD_IDS: TableDefinition<&[u8; 32], u64> = TableDefinition::new("dead-ids");
const COUNTS: TableDefinition<&str, u64> = TableDefinition::new("counts");

const NEXT: &str = "next-sequence";
const QUEUE_BYTES: &str = "queue-bytes";
const DEAD_BYTES: &str = "dead-bytes";
/// Bytes in front of a queued record.
pub(super) const SINCE: usize = 8;
/// Most ids that one transaction removes, so that transactions stay short.
const FORGET: u64 = 4096;

/// A dead letter and its place in the store. A place is never used twice.
pub type Placed = (u64, DeadLetter);

/// The tables within one transaction.
#[derive(Debug)]
pub struct Tables<'t> {
    queue: Table<'t, u64, &'static [u8]>,
    ids: Table<'t, u64, &'static [u8; 40]>,
    dead: Table<'t, u64, &'static [u8]>,
    dead_records: Table<'t, u64, &'static [u8]>,
    dead_ids: Table<'t, &'static [u8; 32], u64>,
    counts: Table<'t, &'static str, u64>,
    totals: Totals,
    /// [`Totals::oldest`] is true: nothing was removed from the queue.
    is_oldest_known: bool,
    /// The value to insert, so that all of a transaction use the same memory.
    value: Vec<u8>,
}

// === impl Tables ===

impl<'t> Tables<'t> {
    /// Opens the tables and creates missing ones. They hold `known`, or else it is read from them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        known: Option<Totals>,
    ) -> Result<Self, StoreError> {
        let mut tables = Self {
            queue: transaction.open_table(QUEUE)?,
            ids: transaction.open_table(IDS)?,
            dead: transaction.open_table(DEAD)?,
            dead_records: transaction.open_table(DEAD_RECORDS)?,
            dead_ids: transaction.open_table(DEAD_IDS)?,
            counts: transaction.open_table(COUNTS)?,
            totals: known.unwrap_or_default(),
            is_oldest_known: true,
            value: Vec::new(),
        };
        if known.is_none() {
            tables.totals = tables.read_totals()?;
        }
        Ok(tables)
    }

    fn read_totals(&self) -> Result<Totals, StoreError> {
        let count = |name| -> Result<u64, StoreError> {
            Ok(self.counts.get(name)?.map_or(0, |count| count.value()))
        };
        Ok(Totals {
            pending: self.queue.len()?,
            pending_bytes: count(QUEUE_BYTES)?,
            dead: self.dead.len()?,
            dead_bytes: count(DEAD_BYTES)?,
            next: count(NEXT)?,
            oldest: self.oldest()?,
        })
    }

    /// Arrival of the first pending event, from its page.
    fn oldest(&self) -> Result<Option<i64>, StoreError> {
        let first = self.queue.first()?;
        Ok(first.and_then(|(_, value)| {
            let since = value.value().first_chunk::<SINCE>()?;
            Some(i64::from_le_bytes(*since))
        }))
    }

    /// The totals including this transaction so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Appends an event to the queue and returns its place. `now` is its arrival in seconds.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn append(&mut self, now: i64, record: &[u8]) -> Result<u64, StoreError> {
        self.append_with(now, |value| value.extend_from_slice(record))
    }

    /// The same for a record that `write` adds to the bytes that it gets.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn append_with(
        &mut self,
        now: i64,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, StoreError> {
        let sequence = self.next();
        self.value.clear();
        self.value.extend_from_slice(&now.to_le_bytes());
        write(&mut self.value);
        self.queue.insert(sequence, &*self.value)?;
        self.totals.pending_bytes += charge(self.value.len() - SINCE);
        self.totals.oldest.get_or_insert(now);
        Ok(sequence)
    }

    /// Remembers an id. `now` is its arrival in seconds.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn insert_id(&mut self, id: &EventId, now: i64) -> Result<(), StoreError> {
        let mut value = [0; 40];
        let (at, bytes) = value.split_at_mut(SINCE);
        at.copy_from_slice(&now.to_le_bytes());
        bytes.copy_from_slice(id.as_bytes());
        let sequence = self.next();
        self.ids.insert(sequence, &value)?;
        Ok(())
    }

    /// Removes ids that arrived before `second` or exceed `most`, a bounded number per call, and returns them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn expire_ids(&mut self, second: i64, most: u64) -> Result<Vec<EventId>, StoreError> {
        let mut forgotten = Vec::new();
        for _ in 0..FORGET {
            let is_over = self.ids.len()? > most;
            let Some(value) = self.ids.first()?.map(|(_, value)| *value.value()) else {
                break;
            };
            if !is_over && seconds(&value) >= second {
                break;
            }
            self.ids.pop_first()?;
            forgotten.push(id_of(&value));
        }
        Ok(forgotten)
    }

    /// Removes an event from the queue, if it is there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remove(&mut self, sequence: u64) -> Result<(), StoreError> {
        if let Some(value) = self.queue.remove(sequence)? {
            self.is_oldest_known = false;
            let length = value.value().len().saturating_sub(SINCE);
            let bytes = &mut self.totals.pending_bytes;
            *bytes = bytes.saturating_sub(charge(length));
        }
        Ok(())
    }

    /// Makes a dead letter of a queued event, if it is there. Returns its place and what it replaces.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn move_to_dead_letters(
        &mut self,
        sequence: u64,
        id: &EventId,
        letter: &DeadLetter,
    ) -> Result<Option<(u64, Option<Placed>)>, StoreError> {
        let Some(value) = self
            .queue
            .remove(sequence)?
            .map(|value| value.value().to_vec())
        else {
            return Ok(None);
        };
        self.is_oldest_known = false;
        let record = value.get(SINCE..).unwrap_or_default();
        let bytes = &mut self.totals.pending_bytes;
        *bytes = bytes.saturating_sub(charge(record.len()));
        self.insert_dead_letter(id, letter, record).map(Some)
    }

    /// Stores a dead letter and returns its place. It replaces an older one with the same id, which is returned.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn insert_dead_letter(
        &mut self,
        id: &EventId,
        letter: &DeadLetter,
        record: &[u8],
    ) -> Result<(u64, Option<Placed>), StoreError> {
        let replaced = self.remove_dead_letter(id)?;
        let sequence = self.next();
        let json = serde_json::to_vec(letter).map_err(|_| StoreError::Failed("JSON".into()))?;
        self.dead.insert(sequence, &*json)?;
        self.dead_records.insert(sequence, record)?;
        self.dead_ids.insert(id.as_bytes(), sequence)?;
        self.totals.dead += 1;
        self.totals.dead_bytes += charge(record.len());
        Ok((sequence, replaced.map(|(placed, _)| placed)))
    }

    /// Removes dead letters until they take at most `most` bytes, and returns them: those at the places `first`
    /// before all others, which go in order of their age.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn evict(&mut self, most: u64, first: &[u64]) -> Result<Vec<Placed>, StoreError> {
        let mut evicted = Vec::new();
        for place in first {
            if self.totals.dead_bytes <= most {
                break;
            }
            evicted.extend(self.remove_these(&[*place])?);
        }
        while self.totals.dead_bytes > most {
            let Some(oldest) = self.oldest_dead_letter(u64::MAX)? else {
                break;
            };
            let Some((placed, _)) = self.remove_dead_letter(&oldest)? else {
                break;
            };
            evicted.push(placed);
        }
        Ok(evicted)
    }

    /// Removes the dead letters at these places, as far as they are there, and returns them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remove_these(&mut self, places: &[u64]) -> Result<Vec<Placed>, StoreError> {
        let mut removed = Vec::new();
        for id in self.ids_at(places)? {
            removed.extend(self.remove_dead_letter(&id)?.map(|(placed, _)| placed));
        }
        Ok(removed)
    }

    /// The ids of the dead letters at these places, as far as they are there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn ids_at(&self, places: &[u64]) -> Result<Vec<EventId>, StoreError> {
        let mut ids = Vec::with_capacity(places.len());
        for place in places {
            if let Some(known) = self.dead.get(*place)? {
                ids.push(id_of_letter(&letter(known.value())?)?);
            }
        }
        Ok(ids)
    }

    /// The oldest dead letter before this sequence number.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn oldest_dead_letter(&self, before: u64) -> Result<Option<EventId>, StoreError> {
        let Some((sequence, known)) = self.dead.first()? else {
            return Ok(None);
        };
        if sequence.value() >= before {
            return Ok(None);
        }
        id_of_letter(&letter(known.value())?).map(Some)
    }

    /// The oldest of these dead letters before this sequence number, at most `most`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn oldest_of(
        &self,
        filter: &Filter,
        before: u64,
        most: u64,
    ) -> Result<Vec<EventId>, StoreError> {
        let mut ids = Vec::new();
        for item in self.dead.range(..before)? {
            if ids.len() as u64 >= most {
                break;
            }
            let letter = letter(item?.1.value())?;
            if filter.takes(&letter) {
                ids.push(id_of_letter(&letter)?);
            }
        }
        Ok(ids)
    }

    /// Removes a dead letter and returns it with its place and its record.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remove_dead_letter(
        &mut self,
        id: &EventId,
    ) -> Result<Option<(Placed, Vec<u8>)>, StoreError> {
        let Some(sequence) = self.dead_ids.remove(id.as_bytes())?.map(|s| s.value()) else {
            return Ok(None);
        };
        let known = self.dead.remove(sequence)?;
        let record = self.dead_records.remove(sequence)?;
        let (Some(known), Some(record)) = (known, record) else {
            return Err(StoreError::Damaged("half a dead letter".into()));
        };
        let record = record.value().to_vec();
        self.totals.dead = self.totals.dead.saturating_sub(1);
        let bytes = &mut self.totals.dead_bytes;
        *bytes = bytes.saturating_sub(charge(record.len()));
        Ok(Some(((sequence, letter(known.value())?), record)))
    }

    /// Raises the next sequence number to at least this one.
    pub fn advance(&mut self, next: u64) {
        self.totals.next = self.totals.next.max(next);
    }

    fn next(&mut self) -> u64 {
        let sequence = self.totals.next;
        self.totals.next += 1;
        sequence
    }

    /// Writes the counts and returns the totals.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) fn finish(mut self) -> Result<Totals, StoreError> {
        self.totals.pending = self.queue.len()?;
        self.totals.dead = self.dead.len()?;
        if !self.is_oldest_known {
            self.totals.oldest = self.oldest()?;
        }
        let totals = self.totals;
        self.counts.insert(NEXT, totals.next)?;
        self.counts.insert(QUEUE_BYTES, totals.pending_bytes)?;
        self.counts.insert(DEAD_BYTES, totals.dead_bytes)?;
        Ok(totals)
    }
}

fn seconds(value: &[u8; 40]) -> i64 {
    value
        .first_chunk::<SINCE>()
        .map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

pub(super) fn id_of(value: &[u8; 40]) -> EventId {
    let mut id = [0; 32];
    id.copy_from_slice(&value[SINCE..]);
    EventId::from_bytes(id)
}

fn id_of_letter(letter: &DeadLetter) -> Result<EventId, StoreError> {
    let bytes = contract::mac::from_hex(letter.id.as_bytes());
    let id = bytes.ok_or_else(|| StoreError::Damaged("a dead letter without id".into()))?;
    Ok(EventId::from_bytes(id))
}

pub(super) fn letter(known: &[u8]) -> Result<DeadLetter, StoreError> {
    DeadLetter::from_json(known)
        .ok_or_else(|| StoreError::Damaged("a dead letter that cannot be read".into()))
}

#[cfg(test)]
mod tests;
