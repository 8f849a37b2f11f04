//! The store, and a disk that stops or fails at each of its operations.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use redb::StorageBackend;

use super::*;
use crate::buffer::dead::Reason;

/// A disk: what is on it, and what was written since the last flush.
#[derive(Debug, Default)]
struct Disk {
    durable: Vec<u8>,
    cached: Vec<u8>,
    unflushed: Vec<Change>,
    operations: usize,
    fault: Option<(usize, Fault)>,
    is_dead: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The machine stops: nothing is written any more.
    Stop,
    /// One operation fails, the disk goes on.
    Fails,
    /// From here on there is no space for longer files.
    Full,
}

/// Which unflushed writes reach a disk that stops.
#[derive(Clone, Copy, Debug)]
enum Lost {
    All,
    None,
    Even,
    Odd,
    Torn,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Disk>>);

impl Disk {
    fn apply(bytes: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Length(length) => bytes.resize(*length, 0),
            Change::Write(offset, data) => {
                if bytes.len() < offset + data.len() {
                    bytes.resize(offset + data.len(), 0);
                }
                bytes[*offset..offset + data.len()].copy_from_slice(data);
            }
        }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        self.operation(matches!(change, Change::Length(n) if n > self.cached.len()))?;
        Self::apply(&mut self.cached, &change);
        self.unflushed.push(change);
        Ok(())
    }

    fn operation(&mut self, is_growth: bool) -> io::Result<()> {
        self.operations += 1;
        if let Some((at, fault)) = self.fault
            && self.operations >= at
        {
            match fault {
                Fault::Stop => self.is_dead = true,
                Fault::Fails => self.fault = None,
                Fault::Full if !is_growth => return Ok(()),
                Fault::Full => return Err(io::ErrorKind::StorageFull.into()),
            }
            return Err(io::Error::other("injected"));
        }
        if self.is_dead {
            return Err(io::Error::other("dead"));
        }
        Ok(())
    }

    /// What is found when the machine starts again.
    fn after(&self, lost: Lost) -> Shared {
        let mut bytes = self.durable.clone();
        for (n, change) in self.unflushed.iter().enumerate() {
            let change = match (lost, change) {
                (Lost::All, _) => continue,
                (Lost::Even, Change::Write(..)) if n % 2 == 0 => continue,
                (Lost::Odd, Change::Write(..)) if n % 2 == 1 => continue,
                (Lost::Torn, Change::Write(offset, data)) => {
                    // Whole sectors only, and the first of them only.
                    Change::Write(*offset, data[..data.len().min(512)].to_vec())
                }
                (_, change) => change.clone(),
            };
            Self::apply(&mut bytes, &change);
        }
        Shared(Arc::new(Mutex::new(Self {
            durable: bytes.clone(),
            cached: bytes,
            ..Self::default()
        })))
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        let found = disk.cached.get(offset..offset + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap();
        self.0.lock().unwrap().change(Change::Length(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.operation(false)?;
        let disk = &mut *disk;
        for change in disk.unflushed.drain(..) {
            Disk::apply(&mut disk.durable, &change);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let change = Change::Write(offset, data.to_vec());
        self.0.lock().unwrap().change(change)
    }
}

/// What the store should hold: numbers of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    queue: Vec<u32>,
    dead: Vec<u32>,
    ids: BTreeSet<u32>,
}

fn record(n: u32) -> Vec<u8> {
    let sizes = [300, 2000, 5000, 40];
    let mut record = n.to_le_bytes().to_vec();
    record.resize(sizes[n as usize % sizes.len()], 7);
    record
}

fn number(record: &[u8]) -> u32 {
    let number = u32::from_le_bytes(record[..4].try_into().unwrap());
    assert_eq!(record, self::record(number), "to the byte");
    number
}

fn id(n: u32) -> EventId {
    EventId::of(&n.to_le_bytes())
}

fn letter(n: u32) -> DeadLetter {
    DeadLetter {
        id: id(n).to_string(),
        event: None,
        received_at: Timestamp::UNIX_EPOCH,
        failed_at: Timestamp::UNIX_EPOCH,
        reason: Reason::Refused,
        detail: None,
        attempts: 1,
        bytes: record(n).len(),
        account: None,
        connection: None,
    }
}

fn open(disk: &Shared) -> Result<Store, StoreError> {
    let mut builder = Database::builder();
    builder.set_cache_size(256 * 1024);
    Store::new(builder.create_with_backend(disk.clone())?)
}

fn observed(store: &Store) -> Model {
    let entries = store.read(0, usize::MAX, usize::MAX).unwrap();
    let dead = store
        .dead_letters(None, usize::MAX, &Filter::All)
        .unwrap()
        .0
        .unwrap();
    let of = |letter: &DeadLetter| {
        let bytes = contract::mac::from_hex(letter.id.as_bytes()).unwrap();
        let (known, record) = store
            .dead_letter(&EventId::from_bytes(bytes))
            .unwrap()
            .unwrap();
        assert_eq!(known, *letter);
        number(&record)
    };
    let known = store.ids().unwrap();
    let model = Model {
        queue: entries
            .iter()
            .map(|entry| number(&entry.record.bytes()))
            .collect(),
        dead: dead.iter().map(of).collect(),
        ids: (0..200).filter(|n| known.contains(&id(*n))).collect(),
    };
    let bytes = |numbers: &[u32]| {
        numbers
            .iter()
            .map(|n| crate::buffer::capacity::charge(record(*n).len()))
            .sum::<u64>()
    };
    let totals = store.totals();
    assert_eq!(totals.pending, model.queue.len() as u64);
    assert_eq!(totals.pending_bytes, bytes(&model.queue));
    assert_eq!(totals.dead, model.dead.len() as u64);
    assert_eq!(totals.dead_bytes, bytes(&model.dead));
    assert_eq!(totals.oldest, entries.first().map(|entry| entry.since));
    model
}

/// One transaction of a receiver's life: events come, the first leaves, one is given up, one put back.
fn step(store: &mut Store, model: &Model, n: u32) -> Result<Model, StoreError> {
    let first = store.read(0, 2, usize::MAX)?;
    let mut next = model.clone();
    store.write(|tables| {
        for n in 3 * n..3 * n + 3 {
            tables.append(i64::from(n), &record(n))?;
            tables.insert_id(&id(n), i64::from(n))?;
            next.queue.push(n);
            next.ids.insert(n);
        }
        if let [one, other] = &first[..] {
            tables.remove(one.sequence)?;
            next.queue.remove(0);
            let given_up = next.queue.remove(0);
            tables.move_to_dead_letters(other.sequence, &id(given_up), &letter(given_up))?;
            next.dead.push(given_up);
        }
        if n % 3 == 2 {
            let back = next.dead.remove(0);
            let (_, record) = tables.remove_dead_letter(&id(back))?.unwrap();
            tables.append(0, &record)?;
            next.queue.push(back);
        }
        for forgotten in tables.expire_ids(i64::from(n), 1000)? {
            let is_it = |n: &u32| id(*n) == forgotten;
            let forgotten = next.ids.iter().copied().find(is_it).unwrap();
            next.ids.remove(&forgotten);
        }
        Ok(())
    })?;
    Ok(next)
}

const STEPS: u32 = 8;

/// A disk on which a store was made, which [`super::super::directory`] does apart.
fn disk() -> Shared {
    let disk = Shared::default();
    open(&disk).unwrap().close().unwrap();
    disk.0.lock().unwrap().operations = 0;
    disk
}

/// Lives until the end or the fault. Hands out what is acknowledged, and what was under way.
fn live(disk: &Shared) -> (Model, Option<Model>) {
    let mut model = Model::default();
    let Ok(mut store) = open(disk) else {
        return (model, None);
    };
    for n in 0..STEPS {
        // Tells what the step would have made, by the same on a disk without a fault.
        match step(&mut store, &model, n) {
            Ok(next) => model = next,
            Err(_) => return (model.clone(), Some(expected(n))),
        }
    }
    let _ = store.close();
    (model, None)
}

/// The state after a step.
fn expected(last: u32) -> Model {
    let mut store = open(&Shared::default()).unwrap();
    (0..=last).fold(Model::default(), |model, n| {
        step(&mut store, &model, n).unwrap()
    })
}

#[test]
fn the_tables_do_what_the_model_says() {
    let disk = Shared::default();
    let (model, _) = live(&disk);
    assert_eq!(observed(&open(&disk).unwrap()), model);
    assert!(!model.dead.is_empty() && model.ids.len() < 3 * STEPS as usize);
}

#[test]
fn whatever_the_moment_of_a_crash_what_was_acknowledged_is_there() {
    let disk = self::disk();
    live(&disk);
    let operations = disk.0.lock().unwrap().operations;
    let mut cells = 0;
    for at in 1..=operations {
        let disk = self::disk();
        disk.0.lock().unwrap().fault = Some((at, Fault::Stop));
        let (acknowledged, in_flight) = live(&disk);
        for lost in [Lost::All, Lost::None, Lost::Even, Lost::Odd, Lost::Torn] {
            let disk = disk.0.lock().unwrap().after(lost);
            let found = observed(&open(&disk).unwrap());
            assert!(
                found == acknowledged || Some(&found) == in_flight.as_ref(),
                "at {at} of {operations}, {lost:?}: {found:?}, acknowledged {acknowledged:?}"
            );
            cells += 1;
        }
    }
    println!("{cells} crashes");
    assert!(cells > 300, "{cells}");
}

#[test]
fn a_failing_operation_costs_at_most_what_was_under_way() {
    let disk = self::disk();
    live(&disk);
    let operations = disk.0.lock().unwrap().operations;
    for at in 1..=operations {
        let disk = self::disk();
        disk.0.lock().unwrap().fault = Some((at, Fault::Fails));
        let (acknowledged, in_flight) = live(&disk);
        disk.0.lock().unwrap().fault = None;
        let found = observed(&open(&disk).unwrap());
        assert!(
            found == acknowledged || Some(&found) == in_flight.as_ref(),
            "at {at}: {found:?}, acknowledged {acknowledged:?}"
        );
    }
}

#[test]
fn no_space_is_told_apart_and_loses_nothing() {
    let disk = Shared::default();
    let mut store = open(&disk).unwrap();
    let model = step(&mut store, &Model::default(), 0).unwrap();
    disk.0.lock().unwrap().fault = Some((0, Fault::Full));
    let full = loop {
        if let Err(error) = store.write(|tables| tables.append(0, &record(1)).map(drop)) {
            break error;
        }
    };
    assert!(matches!(full, StoreError::Full(_)), "{full:?}");
    drop(store);
    disk.0.lock().unwrap().fault = None;
    let store = open(&disk).unwrap();
    let found = store.read(0, 3, usize::MAX).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|entry| number(&entry.record.bytes()))
        .collect();
    assert_eq!(found, model.queue);
}

#[test]
fn a_second_time_the_sequence_goes_on() {
    let disk = Shared::default();
    let mut store = open(&disk).unwrap();
    store
        .write(|tables| tables.append(0, &record(0)).map(drop))
        .unwrap();
    let first = store.read(0, 1, 1).unwrap()[0].sequence;
    store.write(|tables| tables.remove(first)).unwrap();
    store.close().unwrap();
    let mut store = open(&disk).unwrap();
    store
        .write(|tables| tables.append(0, &record(1)).map(drop))
        .unwrap();
    assert!(store.read(0, 1, 1).unwrap()[0].sequence > first);
    assert!(store.read(first + 2, 1, 1).unwrap().is_empty());
}
