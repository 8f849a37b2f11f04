//! The thread that holds the store: takes everything that waits, does it in one transaction, and then
//! tells all who asked.
//!
//! While the disk works on one transaction the next ones wait together, so that many events share one
//! flush; when idle an event is flushed at once. A failure costs the events of its transaction a 503. The
//! store is then opened anew, and the ends of deliveries that were not committed are kept until they are.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{
    capacity::Capacity,
    command::{Append, Command, Exhume, Settle, Which},
    home::{Home, Trust},
    metrics::BufferMetrics,
    status::Status,
    store::{Store, StoreError, Tables},
};
use crate::{dedupe::Dedupe, outcome::Outcome};
use runtime::admin::Gate;

/// Most commands of a transaction.
const BATCH: usize = 1024;
/// No further command once a transaction has so many bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Between two attempts to open the store, or to take the reserve.
const PAUSE: Duration = Duration::from_secs(1);
/// What has to have left the store before it gives space back once more, bytes.
const COMPACT: u64 = 1024 * 1024;
/// What is handed out at a time.
const READ: usize = 64;
/// What is handed out at a time, bytes.
const READ_BYTES: usize = 256 * 1024;

/// The thread's own.
#[derive(Debug)]
pub struct Writer {
    /// Where the store is.
    pub home: Home,
    /// What to think of the store that is there.
    pub trust: Trust,
    /// What may be in it.
    pub capacity: Capacity,
    /// What is known of it.
    pub ids: Dedupe,
    /// How long ids are remembered.
    pub window: Duration,
    /// How many at most.
    pub most_ids: u64,
    /// What it is asked.
    pub commands: Receiver<Command>,
    /// Who looks at it.
    pub status: watch::Sender<Status>,
    /// Opened once the store was.
    pub gate: Gate,
    /// The numbers.
    pub metrics: BufferMetrics,
    /// What was stored when space was last given back to a full disk; at first as much as can be.
    pub compacted: u64,
}

/// What is to be done in one transaction, and what only afterwards.
#[derive(Debug, Default)]
struct Batch {
    appends: Vec<Append>,
    exhumes: Vec<Exhume>,
    later: Vec<Command>,
    is_last: bool,
}

// === impl Writer ===

impl Writer {
    /// Works until it is told to close, or nobody is left to ask.
    pub fn run(mut self) {
        let mut store = None;
        let mut settles = Vec::new();
        let mut tried: Option<Instant> = None;
        let mut said = false;
        loop {
            let is_due = tried.is_none_or(|at| at.elapsed() >= PAUSE);
            if store.is_none() && is_due {
                tried = Some(Instant::now());
                match guarded(|| self.open()) {
                    Ok(opened) => {
                        info!(
                            pending = opened.totals().pending,
                            dead_letters = opened.totals().dead,
                            "buffer open"
                        );
                        store = Some(opened);
                        said = false;
                    }
                    Err(error) => {
                        if !mem::replace(&mut said, true) {
                            error!(%error, "failed to open the buffer, trying again");
                        }
                        self.failed(&error);
                    }
                }
            } else if store.is_some() && !self.status.borrow().accepting && is_due {
                tried = Some(Instant::now());
                if let Some(open) = &mut store
                    && let Err(error) = guarded(|| self.recover(open))
                {
                    warn!(%error, "failed to make room in the buffer");
                    self.failed(&error);
                    discard(&mut store);
                }
            }
            let is_well = store.is_some() && self.status.borrow().accepting;
            let pause = if is_well && settles.is_empty() {
                None
            } else {
                Some(PAUSE)
            };
            let mut batch = self.gather(&mut settles, pause);
            if let Some(open) = &mut store
                && let Err(error) = guarded(|| self.work(open, &mut batch, &mut settles))
            {
                warn!(%error, "failed to use the buffer, opening it anew");
                self.failed(&error);
                discard(&mut store);
                // At once, the first time.
                tried = tried.filter(|at| at.elapsed() < PAUSE);
            }
            refuse(&mut batch);
            if batch.is_last {
                break;
            }
        }
        if let Some(store) = store
            && let Err(error) = store.close()
        {
            warn!(%error, "failed to close the buffer");
        }
    }

    fn open(&mut self) -> Result<Store, StoreError> {
        let accepting = self.home.reserve();
        let opened = self.home.open(self.trust)?;
        if opened.is_fresh_after_damage {
            self.trust = Trust::Full;
            self.metrics.damaged();
        }
        let mut store = opened.store;
        let next = self.status.borrow().totals.next;
        if store.totals().next < next {
            // A fresh one goes on where the lost one was: the forwarder does not look back.
            store.write(|tables| {
                tables.advance(next);
                Ok(())
            })?;
        }
        self.ids.replace(store.ids()?.into_iter());
        self.publish(&store, accepting);
        self.gate.open();
        Ok(store)
    }

    /// After "no space left": looks whether there is space again, perhaps in the store itself.
    fn recover(&mut self, store: &mut Store) -> Result<(), StoreError> {
        let totals = store.totals();
        let stored = totals.pending_bytes + totals.dead_bytes;
        let mut is_held = self.home.reserve();
        if !is_held && (stored == 0 || stored.saturating_add(COMPACT) <= self.compacted) {
            store.compact()?;
            self.compacted = stored;
            is_held = self.home.reserve();
        }
        if is_held {
            self.compacted = u64::MAX;
        }
        self.status
            .send_if_modified(|status| mem::replace(&mut status.accepting, is_held) != is_held);
        Ok(())
    }

    fn failed(&mut self, error: &StoreError) {
        self.metrics.failed();
        if matches!(error, StoreError::Damaged(_)) {
            self.trust = match self.trust {
                Trust::Full => Trust::Checked,
                Trust::Checked | Trust::None => Trust::None,
            };
        }
        if matches!(error, StoreError::Full(_)) {
            self.home.release();
        }
        self.status.send_modify(|status| {
            status.open = false;
            status.accepting = false;
        });
    }

    fn publish(&self, store: &Store, accepting: bool) {
        let totals = store.totals();
        self.capacity
            .set_stored(totals.pending_bytes + totals.dead_bytes);
        self.status.send_replace(Status {
            open: true,
            accepting,
            totals,
        });
    }

    /// Waits for something to do, but not beyond `pause`, and takes what else is there.
    fn gather(&self, settles: &mut Vec<Settle>, pause: Option<Duration>) -> Batch {
        let mut batch = Batch::default();
        let first = match pause {
            None => self
                .commands
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
            Some(pause) => self.commands.recv_timeout(pause),
        };
        let mut next = match first {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Close),
        };
        let (mut count, mut bytes) = (0, 0);
        while let Some(command) = next {
            match command {
                Command::Append(append) => {
                    bytes += append.record.len();
                    batch.appends.push(append);
                }
                Command::Settle(settle) => settles.push(settle),
                Command::Exhume(exhume) => batch.exhumes.push(exhume),
                Command::Close => batch.is_last = true,
                look => batch.later.push(look),
            }
            count += 1;
            let is_enough = batch.is_last || count >= BATCH || bytes >= BATCH_BYTES;
            next = if is_enough {
                None
            } else {
                self.commands.try_recv().ok()
            };
        }
        batch
    }

    /// Does what there is to do. With an error nothing of it is done, as far as anybody is told.
    fn work(
        &mut self,
        store: &mut Store,
        batch: &mut Batch,
        settles: &mut Vec<Settle>,
    ) -> Result<(), StoreError> {
        let accepting = self.status.borrow().accepting;
        if !accepting {
            for append in batch.appends.drain(..) {
                self.metrics.refused();
                append.claim.settle(Outcome::BufferFull, Instant::now());
            }
        }
        let is_write =
            !(batch.appends.is_empty() && batch.exhumes.is_empty() && settles.is_empty());
        if is_write {
            self.write(store, batch, settles)?;
            self.trust = Trust::Full;
        }
        for command in batch.later.drain(..) {
            look(store, command)?;
        }
        Ok(())
    }

    /// Writes it in one transaction, and then tells who asked.
    fn write(
        &self,
        store: &mut Store,
        batch: &mut Batch,
        settles: &mut Vec<Settle>,
    ) -> Result<(), StoreError> {
        let accepting = self.status.borrow().accepting;
        let now = Timestamp::now().as_second();
        let since = now.saturating_sub_unsigned(self.window.as_secs());
        let (dead_limit, most_ids) = (self.capacity.dead_limit(), self.most_ids);
        let (counts, evicted, forgotten) = store.write(|tables| {
            for settle in settles.iter() {
                match &settle.dead {
                    None => tables.delivered(settle.sequence)?,
                    Some((id, letter)) => tables.give_up(settle.sequence, id, letter)?,
                }
            }
            for append in &batch.appends {
                let ids = append.claim.ids();
                match &append.dead {
                    None => tables.append(now, &append.record)?,
                    Some(letter) => tables.bury(&ids.id, letter, &append.record)?,
                }
                for id in ids.iter() {
                    tables.remember(&id, now)?;
                }
            }
            let mut counts = Vec::new();
            for exhume in &batch.exhumes {
                counts.push(exhume_some(tables, exhume, now)?);
            }
            let evicted = tables.evict(dead_limit)?;
            let forgotten = tables.forget(since, most_ids)?;
            Ok((counts, evicted, forgotten))
        })?;

        self.publish(store, accepting);
        for append in &mut batch.appends {
            // Before anybody is answered: who comes next must not find it counted twice.
            append.room.release();
        }
        self.metrics.committed(batch.appends.len());
        for settle in settles.drain(..) {
            if let Some((_, letter)) = settle.dead {
                self.metrics.dead(letter.reason);
            }
            drop(settle.permit);
        }
        for append in batch.appends.drain(..) {
            if let Some(letter) = &append.dead {
                self.metrics.dead(letter.reason);
            }
            append.claim.settle(Outcome::Stored, Instant::now());
        }
        for (exhume, count) in batch.exhumes.drain(..).zip(counts) {
            let _ = exhume.reply.send(Some(count));
        }
        for letter in evicted {
            error!(
                id = letter.id,
                event = letter.event,
                "dead letter dropped, their share is full"
            );
            self.metrics.evicted();
        }
        for id in forgotten {
            self.ids.forget(&id);
        }
        Ok(())
    }
}

/// What the library cannot go on with is a failure of the store, and not the end of the thread.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(StoreError::Failed("it stopped the library".into())))
}

/// Lets go of a store that failed.
fn discard(store: &mut Option<Store>) {
    let store = store.take();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(store)));
}

fn look(store: &Store, command: Command) -> Result<(), StoreError> {
    // Who does not wait any more is not told.
    match command {
        Command::Read(from, reply) => {
            let _ = reply.send(store.read(from, READ, READ_BYTES)?);
        }
        Command::List(list) => {
            let page = store.dead(list.after.as_ref(), list.limit)?;
            let _ = list.reply.send(Some((page, store.totals().dead)));
        }
        Command::Show(id, reply) => {
            let _ = reply.send(Some(store.dead_letter(&id)?));
        }
        // These are done before.
        Command::Append(_) | Command::Settle(_) | Command::Exhume(_) | Command::Close => {}
    }
    Ok(())
}

fn exhume_some(tables: &mut Tables<'_>, exhume: &Exhume, now: i64) -> Result<u64, StoreError> {
    let (mut next, most, before) = match exhume.which {
        Which::One(id) => (Some(id), 1, 0),
        Which::Oldest(before, most) => (tables.oldest_dead(before)?, most, before),
    };
    let mut count = 0;
    while let Some(id) = next.filter(|_| count < most) {
        let Some((_, record)) = tables.dig_up(&id)? else {
            break;
        };
        if exhume.replay {
            tables.append(now, &record)?;
        }
        count += 1;
        next = tables.oldest_dead(before)?;
    }
    Ok(count)
}

/// Tells those whose wishes were not done.
fn refuse(batch: &mut Batch) {
    for append in batch.appends.drain(..) {
        append.claim.settle(Outcome::BufferFailed, Instant::now());
    }
    for exhume in batch.exhumes.drain(..) {
        let _ = exhume.reply.send(None);
    }
    batch.later.clear();
}
