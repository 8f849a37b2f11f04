//! The thread that owns the store: it takes all waiting commands, executes them in one transaction, and then
//! replies to their callers.
//!
//! A transaction costs far more than the events in it. So that many share one, transactions begin [`PACE`] apart
//! when there is much to do; an idle writer flushes an event at once, and [`super::settles`] wait for it. If a transaction fails, its events are answered 503. The
//! store is then reopened, and uncommitted deliveries are retained until they are committed.

mod full;
mod in_memory;

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{
    answers,
    batch::Batch,
    capacity::Capacity,
    command::Command,
    directory::{BufferDirectory, OpenMode},
    fresh::Fresh,
    lanes::index::LaneIndex,
    letters::Letters,
    metrics::BufferMetrics,
    settles::Settles,
    status::Status,
    store::{Store, StoreError},
    transaction::{Bounds, execute},
};
use crate::{dedupe::Dedupe, outcome::RequestOutcome};
use runtime::admin::Gate;

/// Pause between two attempts to open the store or to take the reserve.
const PAUSE: Duration = Duration::from_secs(1);
/// Least time from the begin of one transaction to that of the next.
const PACE: Duration = Duration::from_millis(2);

/// The state of the thread.
#[derive(Debug)]
pub struct Writer {
    /// Where the store is.
    pub directory: BufferDirectory,
    /// How to open the store.
    pub open_mode: OpenMode,
    /// The limit of its size.
    pub capacity: Capacity,
    /// The remembered ids, in memory.
    pub ids: Dedupe,
    /// How long ids are remembered.
    pub window: Duration,
    /// How many at most.
    pub most_ids: u64,
    /// The commands to execute.
    pub commands: Receiver<Command>,
    /// Published for the rest of the buffer.
    pub status: watch::Sender<Status>,
    /// Open while the store is, except for a moment when it is opened again.
    pub gate: Gate,
    /// The metrics.
    pub metrics: BufferMetrics,
    /// What is pending by account, if there are lanes.
    pub lanes: Option<LaneIndex>,
    /// What is known of the dead letters.
    pub letters: Letters,
    /// What was stored last, if somebody forwards it.
    pub fresh: Option<Fresh>,
    /// Bytes stored at the last compaction on a full disk; initially the maximum.
    pub compacted: u64,
    /// What waits did not fit on the disk at once.
    pub is_tight: bool,
}

// === impl Writer ===

impl Writer {
    /// Runs until it receives [`Command::Close`], or all senders are gone.
    pub fn run(mut self) {
        let mut store = None;
        let mut settles = Settles::default();
        let mut tried: Option<Instant> = None;
        let mut is_logged = false;
        let mut due = Instant::now();
        loop {
            let is_due = tried.is_none_or(|at| at.elapsed() >= PAUSE);
            if store.is_none() && is_due {
                tried = Some(Instant::now());
                match catch_panics(|| self.open()) {
                    Ok(opened) => {
                        info!(
                            pending = opened.totals().pending,
                            dead_letters = opened.totals().dead,
                            "buffer open"
                        );
                        store = Some(opened);
                        is_logged = false;
                    }
                    Err(error) => {
                        if !mem::replace(&mut is_logged, true) {
                            error!(%error, "failed to open the buffer, trying again");
                        }
                        self.failed(&error);
                        self.give_up();
                    }
                }
            }
            // Before anything is written: that would fail as before, and the store would be reopened for ever.
            if let Some(open) = &mut store
                && is_due
                && !self.status.borrow().accepting
            {
                tried = Some(Instant::now());
                if let Err(error) = catch_panics(|| self.recover(open)) {
                    warn!(%error, "failed to make room in the buffer");
                    self.failed(&error);
                    discard(&mut store);
                }
            }
            let is_well = store.is_some() && self.status.borrow().accepting;
            let patience = settles.patience().filter(|_| store.is_some());
            let pause = if is_well {
                patience
            } else {
                Some(patience.map_or(PAUSE, |patience| patience.min(PAUSE)))
            };
            let mut batch = Batch::collect(&self.commands, &mut settles, pause, due);
            if batch.is_write(&settles) || settles.patience().is_some() {
                due = Instant::now() + PACE;
            }
            if let Some(open) = &mut store
                && let Err(error) = catch_panics(|| self.work(open, &mut batch, &mut settles))
            {
                warn!(%error, "failed to use the buffer, reopening it");
                self.failed(&error);
                discard(&mut store);
                // The first retry is immediate.
                tried = tried.filter(|at| at.elapsed() < PAUSE);
            }
            batch.refuse();
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
        let accepting = self.directory.reserve();
        let opened = self.directory.open(self.open_mode)?;
        if opened.is_fresh_after_damage {
            self.open_mode = OpenMode::Normal;
            self.metrics.damaged();
        }
        let damaged = self.directory.damaged();
        self.status.send_modify(|status| status.damaged = damaged);
        let mut store = opened.store;
        let next = self.status.borrow().totals.next;
        if store.totals().next < next {
            // A new store continues the sequence of the lost one: the forwarder never reads backwards.
            store.write(|tables| {
                tables.advance(next);
                Ok(())
            })?;
        }
        self.adopt(&store, accepting)?;
        Ok(store)
    }

    fn failed(&mut self, error: &StoreError) {
        self.metrics.failed();
        if matches!(error, StoreError::Damaged(_)) {
            self.open_mode = match self.open_mode {
                OpenMode::Normal => OpenMode::CheckIntegrity,
                OpenMode::CheckIntegrity | OpenMode::Replace => OpenMode::Replace,
            };
        }
        if matches!(error, StoreError::Full(_)) {
            self.directory.release();
            self.is_tight = true;
        }
        self.status.send_modify(|status| {
            status.open = false;
            status.accepting = false;
            status.failed |= !matches!(error, StoreError::Full(_));
        });
    }

    /// The store could not even be opened again: it is told. A failure that the first new attempt ends is not.
    ///
    /// The Pod stays ready: for a Service without a ready Pod some proxies answer 404, after which Zoom sends an event never
    /// again.
    fn give_up(&self) {
        self.status.send_modify(|status| status.failed = true);
    }

    fn publish(&self, store: &Store, accepting: bool) {
        let totals = store.totals();
        self.capacity
            .set_stored(totals.pending_bytes, totals.dead_bytes);
        self.status.send_modify(|status| {
            *status = Status {
                open: true,
                accepting,
                failed: false,
                totals,
                ..*status
            };
        });
    }

    /// Executes a batch. With an error nothing is reported as done.
    fn work(
        &mut self,
        store: &mut Store,
        batch: &mut Batch,
        settles: &mut Settles,
    ) -> Result<(), StoreError> {
        batch.answer_known(&self.ids);
        let accepting = self.status.borrow().accepting;
        if !accepting {
            for append in batch.appends.drain(..) {
                self.metrics.refused();
                append
                    .claim
                    .settle(RequestOutcome::BufferFull, Instant::now());
            }
        }
        if batch.is_write(settles) {
            if self.is_tight {
                self.write_apart(store, batch, settles)?;
            } else {
                self.write(store, batch, settles, settles.list().len())?;
            }
            self.open_mode = OpenMode::Normal;
        }
        for command in batch.reads.drain(..) {
            answers::answer(store, command)?;
        }
        Ok(())
    }

    /// Writes a batch and the first so many settled events in one transaction, and then replies.
    fn write(
        &self,
        store: &mut Store,
        batch: &mut Batch,
        settles: &mut Settles,
        count: usize,
    ) -> Result<(), StoreError> {
        let settled = settles.list().get(..count).unwrap_or_default();
        let accepting = self.status.borrow().accepting;
        let now = Timestamp::now().as_second();
        let (totals, gives_way) = (store.totals(), self.lanes.is_some());
        let most_dead = self.capacity.dead_limit(totals.pending_bytes, gives_way);
        let is_near = totals.dead_bytes >= most_dead / 2;
        let bounds = Bounds {
            now,
            since: now.saturating_sub_unsigned(self.window.as_secs()),
            most_ids: self.most_ids,
            capacity: &self.capacity,
            gives_way,
            excess: &self.excess(batch, settled),
            heavy: &if gives_way && is_near {
                self.letters.heavy()
            } else {
                Vec::new()
            },
        };
        let done = store.write(|tables| execute(tables, batch, settled, &bounds))?;

        // Before anybody is told of them.
        self.keep_fresh(totals.next, now, (batch, settles.list()), &done);
        self.publish(store, accepting);
        for append in &mut batch.appends {
            // Before any reply: the next reservation must not count it twice.
            append.room.release();
        }
        self.index(now, batch, &done, settled);
        self.metrics.committed(batch.appends.len());
        for settle in settles.take(count) {
            if let Some((_, letter)) = settle.dead {
                self.metrics.dead(letter.reason);
            }
            drop(settle.permit);
        }
        for append in batch.appends.drain(..) {
            if let Some(letter) = &append.dead {
                self.metrics.dead(letter.reason);
            }
            append.claim.settle(RequestOutcome::Stored, Instant::now());
        }
        for (request, done) in batch.resolves.drain(..).zip(done.resolved) {
            let _ = request.reply.send(Some(done.letters.len() as u64));
        }
        for (_, letter) in done.evicted {
            error!(
                id = letter.id,
                event = letter.event,
                "dead letter dropped, their share is full"
            );
            self.metrics.evicted();
        }
        for id in done.forgotten {
            self.ids.forget(&id);
        }
        Ok(())
    }
}

/// A panic of the library becomes a failure of the store and does not end the thread.
fn catch_panics<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(StoreError::Failed("the library panicked".into())))
}

/// Drops a store that failed.
fn discard(store: &mut Option<Store>) {
    let store = store.take();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(store)));
}

#[cfg(test)]
mod tests;
