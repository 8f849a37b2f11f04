//! The writer with events that come while the store is not open.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};

use axum::body::Body;
use futures::FutureExt as _;
use prometheus_client::registry::Registry;
use redb::{Database, StorageBackend, backends::InMemoryBackend};
use runtime::admin::Readiness;
use tokio::sync::Semaphore;

use super::*;
use crate::{
    body::Budget,
    buffer::{
        command::{Append, Settle},
        dead::{DeadLetter, Reason},
        record,
    },
    dedupe::{ClaimResult, PendingOutcome},
    event::{Event, ZoomHeaders},
    identity,
};

/// A disk that stores what is flushed, and can say that it did not.
#[derive(Clone, Debug, Default)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    is_failing: Arc<AtomicBool>,
    /// Its size, unless that is 0.
    size: Arc<AtomicU64>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let size = self.size.load(Ordering::Relaxed);
        if size > 0 && length > size {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.memory.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.memory.sync_data()?;
        if self.is_failing.load(Ordering::Relaxed) {
            return Err(io::Error::other("injected"));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.memory.write(offset, data)
    }
}

impl Disk {
    fn open(&self) -> Store {
        Store::new(
            Database::builder()
                .create_with_backend(self.clone())
                .unwrap(),
        )
        .unwrap()
    }
}

/// A writer of a process that has just started, and the way to it.
fn writer(directory: &Path) -> (Writer, mpsc::Sender<Command>) {
    let (commands, receiver) = mpsc::channel();
    let (status, statuses) = watch::channel(Status::default());
    let (capacity, ids) = (Capacity::new(1 << 26), Dedupe::default());
    let registry = &mut Registry::default();
    let writer = Writer {
        directory: BufferDirectory::new(directory.to_owned()),
        open_mode: OpenMode::default(),
        capacity: capacity.clone(),
        ids: ids.clone(),
        window: Duration::from_hours(4),
        most_ids: 100,
        commands: receiver,
        status,
        gate: Readiness::default().gate("buffer"),
        metrics: BufferMetrics::register(registry, statuses, capacity, ids),
        lanes: None,
        letters: Letters::default(),
        fresh: None,
        compacted: u64::MAX,
        is_tight: false,
    };
    (writer, commands)
}

/// An event, which is new as far as is known.
fn append(writer: &Writer) -> (Append, PendingOutcome) {
    let event = Event::new(Timestamp::UNIX_EPOCH, ZoomHeaders::default(), "{}".into());
    let claimed = writer.ids.claim(identity::ids(&event), Instant::now());
    let ClaimResult::New(claim, outcome) = claimed else {
        panic!("not new: {claimed:?}");
    };
    let budget = Budget::new(1 << 20);
    let raw = budget.read(Body::empty(), 1, None);
    let append = Append {
        claim,
        dead: None,
        room: writer.capacity.reserve(record::size(&event)).unwrap(),
        lane: None,
        event: Arc::new(event),
        raw: raw.now_or_never().unwrap().unwrap(),
    };
    (append, outcome)
}

fn said(outcome: PendingOutcome) -> Option<RequestOutcome> {
    outcome.outcome().now_or_never().unwrap()
}

#[test]
fn a_copy_that_came_before_the_store_was_open_is_recognized() {
    let directory = tempfile::tempdir().unwrap();
    for expected in [RequestOutcome::Stored, RequestOutcome::Duplicate] {
        let (writer, commands) = writer(directory.path());
        let (append, outcome) = append(&writer);
        commands.send(Command::Append(append)).unwrap();
        commands.send(Command::Close).unwrap();
        let status = writer.status.subscribe();
        writer.run();
        assert_eq!(said(outcome), Some(expected));
        assert_eq!(status.borrow().totals.pending, 1);
    }
}

#[test]
fn a_copy_of_what_reached_the_disk_although_the_disk_denied_it_is_recognized() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let (mut writer, _commands) = writer(directory.path());
    let work = |writer: &mut Writer, store: &mut Store, append| {
        let mut batch = Batch::default();
        batch.appends.push(append);
        let worked = writer.work(store, &mut batch, &mut Settles::default());
        batch.refuse();
        worked.is_ok()
    };
    let mut store = disk.open();
    writer.adopt(&store, true).unwrap();
    disk.is_failing.store(true, Ordering::Relaxed);
    let (first, outcome) = append(&writer);
    assert!(!work(&mut writer, &mut store, first));
    assert_eq!(said(outcome), Some(RequestOutcome::BufferFailed));
    drop(store);
    disk.is_failing.store(false, Ordering::Relaxed);
    // Zoom's next attempt, before the store is open again.
    let (copy, outcome) = append(&writer);
    let mut store = disk.open();
    writer.adopt(&store, true).unwrap();
    assert!(work(&mut writer, &mut store, copy));
    assert_eq!(said(outcome), Some(RequestOutcome::Duplicate));
    assert_eq!(store.totals().pending, 1);
}

#[test]
fn a_store_that_cannot_be_opened_again_is_told_and_the_pod_stays_ready() {
    let directory = tempfile::tempdir().unwrap();
    let readiness = Readiness::default();
    // As after a store that failed, and one that is well again.
    for is_failing in [true, false] {
        let path = directory.path().join("volume");
        if !is_failing {
            std::fs::create_dir(&path).unwrap();
        }
        let (mut writer, commands) = writer(&path);
        writer.gate = readiness.gate("buffer");
        writer.gate.set(true);
        writer.failed(&StoreError::Failed("injected".into()));
        let (append, outcome) = append(&writer);
        commands.send(Command::Append(append)).unwrap();
        commands.send(Command::Close).unwrap();
        let status = writer.status.subscribe();
        writer.run();
        assert_eq!(status.borrow().failed, is_failing);
        assert!(readiness.closed().is_empty(), "{is_failing}");
        let expected = if is_failing {
            RequestOutcome::BufferFailed
        } else {
            RequestOutcome::Stored
        };
        assert_eq!(said(outcome), Some(expected));
    }
}

fn settle(sequence: u64, is_dead: bool) -> Settle {
    let body = sequence.to_string().into();
    let event = Event::new(Timestamp::UNIX_EPOCH, ZoomHeaders::default(), body);
    let letter = DeadLetter::new(&event, Reason::Refused, None, 1);
    Settle {
        sequence,
        dead: is_dead.then_some((event.id, letter)),
        permit: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
    }
}

#[test]
fn what_does_not_fit_on_a_full_disk_at_once_is_written_one_by_one() {
    let record = vec![7; 100_000];
    let append = |store: &mut Store| store.write(|tables| tables.append(0, &record).map(drop));
    let full = |most: usize| {
        let disk = Disk::default();
        let mut store = disk.open();
        disk.size.store(4 << 20, Ordering::Relaxed);
        let count = (0..most).take_while(|_| append(&mut store).is_ok()).count();
        (disk, store, count)
    };
    // Room is left for one or two.
    let most = full(usize::MAX).2 - 2;
    let (disk, mut store, _) = full(most);
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _commands) = writer(directory.path());
    writer.adopt(&store, true).unwrap();
    let mut settles = Settles::default();
    for (n, entry) in store.read(0, most, usize::MAX).unwrap().iter().enumerate() {
        settles.push(settle(entry.sequence, n < most / 2));
    }
    let error = writer.work(&mut store, &mut Batch::default(), &mut settles);
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    writer.failed(&error);
    drop(store);
    let mut store = disk.open();
    writer.adopt(&store, false).unwrap();
    writer
        .work(&mut store, &mut Batch::default(), &mut settles)
        .unwrap();
    let totals = store.totals();
    assert_eq!((totals.pending, totals.dead), (0, most as u64 / 2));
}
