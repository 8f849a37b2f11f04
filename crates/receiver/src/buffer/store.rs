//! The file: what is waiting, what was seen, and what was given up, each change in one transaction.
//!
//! | table | key | value |
//! |---|---|---|
//! | `queue` | sequence | since when it waits (8 bytes, seconds), the event's record |
//! | `ids` | sequence | when it was stored (8 bytes, seconds), the event's id |
//! | `dead` | sequence | what is known, as JSON |
//! | `dead-records` | sequence | the event's record |
//! | `dead-ids` | id | sequence |
//! | `counts` | name | a number |
//!
//! Everything but `dead-ids` grows at its end: a transaction touches few pages however many ids there
//! are. The sequence never goes back, so that order and ids survive an empty queue.

use std::io;

use redb::{
    CompactionError, Database, Durability, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction,
};

use super::{capacity::charge, dead::DeadLetter};
use crate::event::EventId;

const QUEUE: TableDefinition<u64, &[u8]> = TableDefinition::new("queue");
const IDS: TableDefinition<u64, &[u8; 40]> = TableDefinition::new("ids");
const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("dead");
const DEAD_RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("dead-records");
const DEAD_IDS: TableDefinition<&[u8; 32], u64> = TableDefinition::new("dead-ids");
const COUNTS: TableDefinition<&str, u64> = TableDefinition::new("counts");

const NEXT: &str = "next-sequence";
const QUEUE_BYTES: &str = "queue-bytes";
const DEAD_BYTES: &str = "dead-bytes";
/// Bytes in front of a queued record.
const SINCE: usize = 8;
/// Most ids that one transaction forgets, so that none becomes long.
const FORGET: u64 = 4096;

/// An open store.
#[derive(Debug)]
pub struct Store {
    database: Database,
    totals: Totals,
}

/// What the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events that wait.
    pub pending: u64,
    /// What they take.
    pub pending_bytes: u64,
    /// Dead letters.
    pub dead: u64,
    /// What they take.
    pub dead_bytes: u64,
    /// The sequence number of the next event.
    pub next: u64,
    /// Since when the first one waits, seconds since the epoch.
    pub oldest: Option<i64>,
}

/// An event that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order.
    pub sequence: u64,
    /// Since when it waits, seconds since the epoch.
    pub since: i64,
    /// See [`super::record`].
    pub record: Vec<u8>,
}

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
}

/// Why the store does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("no space left for the buffer")]
    Full(#[source] io::Error),
    /// Another process has it.
    #[error("the buffer is in use by another process")]
    InUse,
    /// The file is not what was written.
    #[error("the buffer is damaged: {0}")]
    Damaged(String),
    /// The disk fails, or something else that may pass.
    #[error("the buffer failed: {0}")]
    Failed(String),
}

// === impl Store ===

impl Store {
    /// Takes over an open database: makes the tables that it lacks.
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
            let tables = Tables::open(&transaction)?;
            let totals = tables.totals;
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

    /// Does all of `work` or, with an error, nothing: once this returns, it is on the disk.
    ///
    /// # Errors
    /// See [`StoreError`]. After one the store has to be opened anew; whether the work is on the disk
    /// is then seen there.
    pub fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut transaction = self.database.begin_write()?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        let (done, totals) = {
            let mut tables = Tables::open(&transaction)?;
            let done = work(&mut tables)?;
            (done, tables.finish()?)
        };
        transaction.commit()?;
        self.totals = totals;
        Ok(done)
    }

    /// Events that wait, in order, from the sequence number on: at most `count`, and no further one
    /// once they have `bytes`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read(&self, from: u64, count: usize, bytes: usize) -> Result<Vec<Entry>, StoreError> {
        let queue = self.database.begin_read()?.open_table(QUEUE)?;
        let (mut entries, mut size) = (Vec::new(), 0);
        for item in queue.range(from..)?.take(count) {
            let (sequence, guard) = item?;
            // What is too short is nothing that could be read as an event either.
            let value = guard.value();
            let (since, record) = value
                .split_first_chunk::<SINCE>()
                .unwrap_or((&[0; SINCE], value));
            size += record.len();
            entries.push(Entry {
                sequence: sequence.value(),
                since: i64::from_le_bytes(*since),
                record: record.to_vec(),
            });
            if size >= bytes {
                break;
            }
        }
        Ok(entries)
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

    /// Dead letters, the oldest first, those behind `after` only. Nothing if there is no such.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn dead(
        &self,
        after: Option<&EventId>,
        limit: usize,
    ) -> Result<Option<Vec<DeadLetter>>, StoreError> {
        let transaction = self.database.begin_read()?;
        let from = match after {
            None => 0,
            Some(id) => match transaction.open_table(DEAD_IDS)?.get(id.as_bytes())? {
                Some(sequence) => sequence.value() + 1,
                None => return Ok(None),
            },
        };
        let dead = transaction.open_table(DEAD)?;
        let letters = dead.range(from..)?.take(limit);
        let letters = letters.map(|item| letter(item?.1.value()));
        letters.collect::<Result<_, _>>().map(Some)
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

    /// Gives space that is not used back to the disk. Takes time, and some space first.
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

// === impl Tables ===

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        let queue = transaction.open_table(QUEUE)?;
        let dead = transaction.open_table(DEAD)?;
        let counts = transaction.open_table(COUNTS)?;
        let count = |name| -> Result<u64, StoreError> {
            Ok(counts.get(name)?.map_or(0, |count| count.value()))
        };
        let totals = Totals {
            pending: queue.len()?,
            pending_bytes: count(QUEUE_BYTES)?,
            dead: dead.len()?,
            dead_bytes: count(DEAD_BYTES)?,
            next: count(NEXT)?,
            oldest: oldest(&queue)?,
        };
        Ok(Self {
            queue,
            ids: transaction.open_table(IDS)?,
            dead,
            dead_records: transaction.open_table(DEAD_RECORDS)?,
            dead_ids: transaction.open_table(DEAD_IDS)?,
            counts,
            totals,
        })
    }

    /// What the store holds, with the work so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Puts an event at the end of the queue. It waits since `now`, in seconds.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn append(&mut self, now: i64, record: &[u8]) -> Result<(), StoreError> {
        let sequence = self.next();
        let mut place = self.queue.insert_reserve(sequence, SINCE + record.len())?;
        let (since, rest) = place.as_mut().split_at_mut(SINCE);
        since.copy_from_slice(&now.to_le_bytes());
        rest.copy_from_slice(record);
        drop(place);
        self.totals.pending_bytes += charge(record.len());
        Ok(())
    }

    /// Remembers an id that came at `now`, in seconds.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn remember(&mut self, id: &EventId, now: i64) -> Result<(), StoreError> {
        let mut value = [0; 40];
        let (at, bytes) = value.split_at_mut(SINCE);
        at.copy_from_slice(&now.to_le_bytes());
        bytes.copy_from_slice(id.as_bytes());
        let sequence = self.next();
        self.ids.insert(sequence, &value)?;
        Ok(())
    }

    /// Forgets some ids that came before `second`, and those beyond `most`; says which.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn forget(&mut self, second: i64, most: u64) -> Result<Vec<EventId>, StoreError> {
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

    /// An event was delivered. Nothing happens if it is not there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn delivered(&mut self, sequence: u64) -> Result<(), StoreError> {
        if let Some(value) = self.queue.remove(sequence)? {
            let length = value.value().len().saturating_sub(SINCE);
            let bytes = &mut self.totals.pending_bytes;
            *bytes = bytes.saturating_sub(charge(length));
        }
        Ok(())
    }

    /// Makes a dead letter of a queued event. Nothing happens if it is not there.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn give_up(
        &mut self,
        sequence: u64,
        id: &EventId,
        letter: &DeadLetter,
    ) -> Result<(), StoreError> {
        let Some(value) = self
            .queue
            .remove(sequence)?
            .map(|value| value.value().to_vec())
        else {
            return Ok(());
        };
        let record = value.get(SINCE..).unwrap_or_default();
        let bytes = &mut self.totals.pending_bytes;
        *bytes = bytes.saturating_sub(charge(record.len()));
        self.bury(id, letter, record)
    }

    /// Keeps a dead letter. An older one with the same id gives way.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn bury(
        &mut self,
        id: &EventId,
        letter: &DeadLetter,
        record: &[u8],
    ) -> Result<(), StoreError> {
        self.dig_up(id)?;
        let sequence = self.next();
        let known = serde_json::to_vec(letter).map_err(|_| StoreError::Failed("JSON".into()))?;
        self.dead.insert(sequence, &*known)?;
        self.dead_records.insert(sequence, record)?;
        self.dead_ids.insert(id.as_bytes(), sequence)?;
        self.totals.dead += 1;
        self.totals.dead_bytes += charge(record.len());
        Ok(())
    }

    /// Drops the oldest dead letters until they take at most so many bytes; says which.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn evict(&mut self, most: u64) -> Result<Vec<DeadLetter>, StoreError> {
        let mut evicted = Vec::new();
        while self.totals.dead_bytes > most {
            let Some(oldest) = self.oldest_dead(u64::MAX)? else {
                break;
            };
            let Some((letter, _)) = self.dig_up(&oldest)? else {
                break;
            };
            evicted.push(letter);
        }
        Ok(evicted)
    }

    /// The oldest dead letter before this sequence number.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn oldest_dead(&self, before: u64) -> Result<Option<EventId>, StoreError> {
        let Some((sequence, known)) = self.dead.first()? else {
            return Ok(None);
        };
        if sequence.value() >= before {
            return Ok(None);
        }
        let letter = letter(known.value())?;
        let bytes = contract::mac::from_hex(letter.id.as_bytes());
        let id = bytes.ok_or_else(|| StoreError::Damaged("a dead letter without id".into()))?;
        Ok(Some(EventId::from_bytes(id)))
    }

    /// Takes a dead letter away, and hands it out with its record.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn dig_up(&mut self, id: &EventId) -> Result<Option<(DeadLetter, Vec<u8>)>, StoreError> {
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
        Ok(Some((letter(known.value())?, record)))
    }

    /// Lets the sequence go on from this number at least.
    pub fn advance(&mut self, next: u64) {
        self.totals.next = self.totals.next.max(next);
    }

    fn next(&mut self) -> u64 {
        let sequence = self.totals.next;
        self.totals.next += 1;
        sequence
    }

    fn finish(mut self) -> Result<Totals, StoreError> {
        let totals = Totals {
            pending: self.queue.len()?,
            dead: self.dead.len()?,
            oldest: oldest(&self.queue)?,
            ..self.totals
        };
        self.counts.insert(NEXT, totals.next)?;
        self.counts.insert(QUEUE_BYTES, totals.pending_bytes)?;
        self.counts.insert(DEAD_BYTES, totals.dead_bytes)?;
        Ok(totals)
    }
}

fn oldest(queue: &Table<'_, u64, &'static [u8]>) -> Result<Option<i64>, StoreError> {
    let first = queue.first()?;
    Ok(first.and_then(|(_, value)| {
        let since = value.value().first_chunk::<SINCE>()?;
        Some(i64::from_le_bytes(*since))
    }))
}

fn seconds(value: &[u8; 40]) -> i64 {
    value
        .first_chunk::<SINCE>()
        .map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

fn id_of(value: &[u8; 40]) -> EventId {
    let mut id = [0; 32];
    id.copy_from_slice(&value[SINCE..]);
    EventId::from_bytes(id)
}

fn letter(known: &[u8]) -> Result<DeadLetter, StoreError> {
    serde_json::from_slice(known)
        .map_err(|_| StoreError::Damaged("a dead letter that cannot be read".into()))
}

// === impl StoreError ===

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        use io::ErrorKind::{InvalidData, QuotaExceeded, StorageFull, UnexpectedEof};
        match error {
            redb::Error::Io(error) => match error.kind() {
                StorageFull | QuotaExceeded => Self::Full(error),
                InvalidData | UnexpectedEof => Self::Damaged(error.to_string()),
                _ => Self::Failed(error.to_string()),
            },
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::Corrupted(_) | redb::Error::RepairAborted => {
                Self::Damaged(error.to_string())
            }
            // Also one that another version of us wrote: it stays where it is for that one.
            error => Self::Failed(error.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

from_redb!(
    CommitError,
    DatabaseError,
    StorageError,
    TableError,
    TransactionError
);

#[cfg(test)]
mod tests;
