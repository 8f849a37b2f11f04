//! The thread that owns the store: it takes all waiting commands, executes them in one transaction, and then
//! replies to their callers.
//!
//! A transaction costs far more than the events in it. So that many share one, transactions begin [`PACE`] apart
//! when there is much to do; an idle writer flushes an event at once, and [`super::settles`] wait for it. If a transaction fails, its events are answered 503. The
//! store is then reopened, and uncommitted deliveries are retained until they are committed.

mod full;

use std::{
    collections::HashSet,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{
    answers,
    batch::Batch,
    capacity::Capacity,
    command::{Command, Settle},
    directory::{BufferDirectory, OpenMode},
    fresh::Fresh,
    lanes::index::{Account, LaneIndex, Pending, Room},
    letters::Letters,
    metrics::BufferMetrics,
    record,
    settles::Settles,
    status::Status,
    store::{Store, StoreError},
    transaction::{Bounds, Done, execute},
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
    /// Opened once the store is open.
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

    /// What is known in memory is what this store has.
    fn adopt(&self, store: &Store, accepting: bool) -> Result<(), StoreError> {
        self.ids.replace(store.ids()?.into_iter());
        if let Some(fresh) = &self.fresh {
            fresh.clear();
        }
        self.build_index(store)?;
        self.publish(store, accepting);
        self.gate.open();
        Ok(())
    }

    /// Reads what is pending and dead, for what is known of it in memory.
    fn build_index(&self, store: &Store) -> Result<(), StoreError> {
        let Some(lanes) = &self.lanes else {
            return Ok(());
        };
        self.letters.clear();
        store.each_dead(|place, letter| self.letters.added(place, letter))?;
        let mut accounts: HashSet<Account> = HashSet::new();
        let mut pending = Vec::new();
        store.each_pending(|sequence, since, bytes| {
            let account = record::account(bytes).unwrap_or_default();
            let known = accounts.get(&*account).cloned();
            let account = known.unwrap_or_else(|| Account::from(account));
            accounts.insert(Arc::clone(&account));
            pending.push((account, Pending::new(sequence, since, bytes.len())));
        })?;
        lanes.rebuild(pending);
        Ok(())
    }

    /// What was stored is forwarded soon.
    fn keep_fresh(&self, first: u64, now: i64, (batch, settles): (&Batch, &[Settle]), done: &Done) {
        let Some(fresh) = &self.fresh else {
            return;
        };
        let mut resolved = done.resolved.iter();
        if resolved.any(|resolved| !resolved.replayed.is_empty()) {
            fresh.clear();
            return;
        }
        fresh.forget(settles);
        let stored = batch.appends.iter().zip(&done.places);
        let stored = stored.filter(|(append, _)| append.dead.is_none());
        fresh.keep(
            first,
            stored.map(|(append, place)| (*place, now, Arc::clone(&append.event))),
        );
    }

    /// A transaction is on the disk: what is known in memory follows.
    fn index(&self, now: i64, batch: &mut Batch, done: &Done, settles: &[Settle]) {
        let Some(lanes) = &self.lanes else {
            return;
        };
        for (place, letter) in &done.added {
            self.letters.added(*place, letter);
        }
        let resolved = done.resolved.iter().flat_map(|resolved| &resolved.letters);
        for (place, letter) in resolved.chain(&done.replaced).chain(&done.evicted) {
            self.letters.removed(*place, letter);
        }
        let stored: Vec<(Room, u64)> = batch
            .appends
            .iter_mut()
            .zip(&done.places)
            .filter_map(|(append, place)| Some((append.lane.take()?, *place)))
            .collect();
        let replayed = done
            .resolved
            .iter()
            .flat_map(|resolved| resolved.replayed.clone());
        let removed = settles.iter().map(|settle| settle.sequence);
        lanes.committed(now, stored, replayed, removed);
    }

    /// Dead letters of accounts that hold more than their share, of those that this batch gives something to.
    fn excess(&self, batch: &Batch, settles: &[Settle]) -> Vec<u64> {
        let Some(lanes) = &self.lanes else {
            return Vec::new();
        };
        let dead = settles.iter().filter_map(|settle| settle.dead.as_ref());
        let dead = dead.filter_map(|(_, letter)| letter.account.as_deref());
        let pending = batch
            .appends
            .iter()
            .filter_map(|append| append.lane.as_ref());
        let accounts: HashSet<&str> = dead.chain(pending.map(Room::account)).collect();
        let excess = accounts.into_iter().flat_map(|account| {
            // An event that dies in this batch counts as pending once more, and its letter not yet.
            let (held, share) = lanes.held(account);
            let excess = (held + self.letters.bytes(account)).saturating_sub(share);
            self.letters.oldest(account, excess)
        });
        excess.collect()
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
        });
    }

    fn publish(&self, store: &Store, accepting: bool) {
        let totals = store.totals();
        self.capacity
            .set_stored(totals.pending_bytes, totals.dead_bytes);
        self.status.send_replace(Status {
            open: true,
            accepting,
            totals,
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
