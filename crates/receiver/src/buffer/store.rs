//! The file: pending events, remembered ids and dead letters. Each change is one transaction.
//!
//! | table | key | value |
//! |---|---|---|
//! | `queue` | sequence | time of arrival (8 bytes, seconds), the event's record |
//! | `ids` | sequence | when it was stored (8 bytes, seconds), the event's id |
//! | `dead` | sequence | the dead letter without its body, as JSON |
//! | `dead-records` | sequence | the event's record |
//! | `dead-ids` | id | sequence |
//! | `counts` | name | a number |
//!
//! All tables but `dead-ids` only grow at the end: a transaction touches few pages however many ids there
//! are. The sequence never decreases, so that order and ids survive an empty queue.

mod error;
mod filter;
mod tables;
mod totals;

use axum::body::Bytes;
use redb::{
    CompactionError, Database, Durability, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _,
};

use self::tables::{DEAD, DEAD_IDS, DEAD_RECORDS, IDS, QUEUE, SINCE, id_of, letter};
pub use self::{
    error::StoreError,
    filter::Filter,
    tables::{Placed, Tables},
    totals::Totals,
};
use super::{dead::DeadLetter, record::Record};
use crate::event::EventId;

/// An open store.
#[derive(Debug)]
pub struct Store {
    database: Database,
    totals: Totals,
}

/// A pending event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order.
    pub sequence: u64,
    /// Arrival, seconds since the epoch.
    pub since: i64,
    /// See [`super::record`].
    pub record: Record,
}

// === impl Store ===

impl Store {
    /// Wraps an open database and creates missing tables.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn new(database: Database) -> Result<Self, StoreError> {
        let mut store = Self {
            database,
            totals: Totals::default(),
        };
        store.totals = {
            let transaction = store.database.begin_write()?;
            let tables = Tables::open(&transaction, None)?;
            let totals = tables.totals();
            drop(tables);
            transaction.commit()?;
            totals
        };
        Ok(store)
    }

    /// What it holds.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Does all of `work` in one transaction, which is on disk once this returns. With an error, nothing is done.
    ///
    /// # Errors
    /// See [`StoreError`]. After an error the store must be reopened; only that shows whether the work
    /// reached the disk.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut transaction = self.database.begin_write()?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        let (done, totals) = {
            let mut tables = Tables::open(&transaction, Some(self.totals))?;
            let done = work(&mut tables)?;
            (done, tables.finish()?)
        };
        transaction.commit()?;
        self.totals = totals;
        Ok(done)
    }

    /// Pending events in order, from the sequence number on: at most `count`, and no further one
    /// once they have `bytes`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read(&self, from: u64, count: usize, bytes: usize) -> Result<Vec<Entry>, StoreError> {
        let queue = self.database.begin_read()?.open_table(QUEUE)?;
        let (mut entries, mut size) = (Vec::new(), 0);
        for item in queue.range(from..)?.take(count) {
            let (sequence, guard) = item?;
            let entry = entry(sequence.value(), guard.value());
            size += entry.record.size();
            entries.push(entry);
            if size >= bytes {
                break;
            }
        }
        Ok(entries)
    }

    /// Of these events those that are pending, in the order given.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read_these(&self, sequences: &[u64]) -> Result<Vec<Entry>, StoreError> {
        let queue = self.database.begin_read()?.open_table(QUEUE)?;
        let mut entries = Vec::with_capacity(sequences.len());
        for sequence in sequences {
            if let Some(guard) = queue.get(sequence)? {
                entries.push(entry(*sequence, guard.value()));
            }
        }
        Ok(entries)
    }

    /// Shows each pending event, in order: its place, its arrival and its record.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn each_pending(&self, mut show: impl FnMut(u64, i64, &[u8])) -> Result<(), StoreError> {
        let queue = self.database.begin_read()?.open_table(QUEUE)?;
        for item in queue.iter()? {
            let (sequence, guard) = item?;
            let (since, record) = parts(guard.value());
            show(sequence.value(), since, record);
        }
        Ok(())
    }

    /// Every dead letter that can be read and its place, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn each_dead(&self, mut show: impl FnMut(u64, &DeadLetter)) -> Result<(), StoreError> {
        let dead = self.database.begin_read()?.open_table(DEAD)?;
        for item in dead.iter()? {
            // What is only counted must not keep the store from opening.
            let (place, known) = item?;
            if let Ok(letter) = letter(known.value()) {
                show(place.value(), &letter);
            }
        }
        Ok(())
    }

    /// The remembered ids.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn ids(&self) -> Result<Vec<EventId>, StoreError> {
        let ids = self.database.begin_read()?.open_table(IDS)?;
        let mut known = Vec::with_capacity(usize::try_from(ids.len()?).unwrap_or(0));
        for item in ids.iter()? {
            let (_, value) = item?;
            known.push(id_of(value.value()));
        }
        Ok(known)
    }

    /// Of these dead letters those after `after`, oldest first, and how many they are in all. No page if
    /// `after` does not exist.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn dead_letters(
        &self,
        after: Option<&EventId>,
        limit: usize,
        filter: &Filter,
    ) -> Result<(Option<Vec<DeadLetter>>, u64), StoreError> {
        let transaction = self.database.begin_read()?;
        let from = match after {
            None => 0,
            Some(id) => match transaction.open_table(DEAD_IDS)?.get(id.as_bytes())? {
                Some(sequence) => sequence.value() + 1,
                None => return Ok((None, self.totals.dead)),
            },
        };
        let dead = transaction.open_table(DEAD)?;
        let mut page = Vec::new();
        if *filter == Filter::All {
            for item in dead.range(from..)?.take(limit) {
                page.push(letter(item?.1.value())?);
            }
            return Ok((Some(page), self.totals.dead));
        }
        let mut total = 0;
        for item in dead.iter()? {
            let (sequence, known) = item?;
            let letter = letter(known.value())?;
            if filter.takes(&letter) {
                total += 1;
                if sequence.value() >= from && page.len() < limit {
                    page.push(letter);
                }
            }
        }
        Ok((Some(page), total))
    }

    /// A dead letter and its record.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn dead_letter(&self, id: &EventId) -> Result<Option<(DeadLetter, Vec<u8>)>, StoreError> {
        let transaction = self.database.begin_read()?;
        let Some(sequence) = transaction.open_table(DEAD_IDS)?.get(id.as_bytes())? else {
            return Ok(None);
        };
        let sequence = sequence.value();
        let known = transaction.open_table(DEAD)?.get(sequence)?;
        let record = transaction.open_table(DEAD_RECORDS)?.get(sequence)?;
        match (known, record) {
            (Some(known), Some(record)) => {
                Ok(Some((letter(known.value())?, record.value().to_vec())))
            }
            _ => Err(StoreError::Damaged("half a dead letter".into())),
        }
    }

    /// Returns unused space to the disk. Takes time, and some space first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn compact(&mut self) -> Result<(), StoreError> {
        match self.database.compact() {
            Ok(_) => Ok(()),
            Err(CompactionError::Storage(error)) => Err(error.into()),
            Err(error) => Err(StoreError::Failed(error.to_string())),
        }
    }

    /// Closes the file, so that it need not be checked when it is opened again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn close(self) -> Result<(), StoreError> {
        Ok(self.database.close()?)
    }
}

fn entry(sequence: u64, value: &[u8]) -> Entry {
    let (since, record) = parts(value);
    Entry {
        sequence,
        since,
        record: Record::Bytes(Bytes::copy_from_slice(record)),
    }
}

/// Arrival and record.
fn parts(value: &[u8]) -> (i64, &[u8]) {
    // A value that is too short fails to decode as an event later.
    let (since, record) = value
        .split_first_chunk::<SINCE>()
        .unwrap_or((&[0; SINCE], value));
    (i64::from_le_bytes(*since), record)
}

#[cfg(test)]
mod tests;
