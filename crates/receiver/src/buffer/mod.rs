//! The durable buffer: an event is acknowledged once it is on the disk, and forwarded afterwards.
//!
//! ```text
//! take -> known id? -> room? -> writer: one transaction for all that wait -> 204
//!                                  ^ |
//!                      ends, reads | v status
//!                                forwarder -> sink, in order, with backoff -> delivered or dead letter
//! ```
//!
//! | question | module |
//! |---|---|
//! | What is in the file? | [`store`], [`record`], [`dead`] |
//! | Who writes it, and when? | [`writer`], asked by [`command`]; what others see of it: [`status`] |
//! | What if the file is damaged, or the disk full? | [`home`] |
//! | What goes to the sink, in which order, and when again? | [`forwarder`], [`schedule`], [`backoff`] |
//! | How much may it hold? | [`settings`], [`capacity`] |
//! | What if an event comes twice? | [`super::dedupe`] |
//!
//! Exactly once into the buffer: an id is stored with its event, and forgotten after twice the time
//! tolerance, or when there are more than [`Settings::most_ids`]. Towards the sink at least once: after
//! a crash what was delivered and not yet committed, [`forwarder::UNSETTLED`] events at most, goes out
//! again with the same id.
//!
//! The store is redb 4.5. Measured against fjall 3.1 on one machine (ext4, 3500 flushes of 4 KiB a
//! second; events of 2 KiB, one transaction at a time):
//!
//! | | redb | fjall |
//! |---|---|---|
//! | transactions a second with 1, 8, 64 events | 1057, 518, 243 | 881, 607, 303 |
//! | resident, idle and after 30,000 events | 3.3, 5.0 MiB | 4.0, 8.6 MiB |
//! | opening 64 MiB after `kill -9` | 57 ms | 92 ms |
//! | on the disk with 30,000 events, and when they had left | 121, 121 MiB | not measured |
//! | after "no space left" | must be opened again, nothing lost | the same |
//!
//! In the whole receiver one transaction takes about 80 events under a load of 256 connections: 15,800
//! acknowledgements a second on a busy disk that managed 530 flushes a second.
//!
//! redb keeps one file, locks it against a second process, lets a test stand in for the disk, and starts
//! no threads; its file does not shrink when it empties.

pub mod backoff;
pub mod capacity;
pub mod command;
pub mod dead;
pub mod forwarder;
pub mod home;
pub mod metrics;
pub mod record;
pub mod schedule;
pub mod settings;
pub mod status;
pub mod store;
pub mod writer;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use contract::facts::BufferFacts;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::{
    sync::{mpsc as queue, oneshot, watch},
    task::JoinHandle,
    time,
};
use tracing::warn;

pub use self::settings::{MOST_IDS, PATIENCE, Settings, most_ids};
use self::{
    capacity::Capacity,
    command::{Append, Command, Exhume, List, Which},
    dead::{DeadLetter, Reason},
    forwarder::{Forwarder, Skip},
    home::{Home, Trust},
    metrics::BufferMetrics,
    schedule::Rules,
    status::Status,
    writer::Writer,
};
use super::{
    body::Raw,
    dedupe::{Dedupe, Seen},
    event::Event,
    event_id::EventId,
    identity,
    metrics::Metrics,
    outcome::Outcome,
    recorder::Recorder,
    sink::Sink,
};
use runtime::{
    admin::Readiness,
    shutdown::{self, Trigger},
};

/// Dead letters that one transaction puts back or drops.
const EXHUME: u64 = 256;

/// A buffer at work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Buffer(Arc<Inner>);

/// The tasks of a buffer.
#[derive(Debug)]
pub struct Work {
    forwarder: Option<(Trigger, JoinHandle<()>)>,
    writer: oneshot::Receiver<()>,
    buffer: Buffer,
}

#[derive(Debug)]
struct Inner {
    commands: Sender<Command>,
    status: watch::Receiver<Status>,
    capacity: Capacity,
    ids: Dedupe,
    metrics: BufferMetrics,
    draining: watch::Sender<bool>,
    hurry: watch::Sender<bool>,
    /// One walk over all dead letters at a time.
    exhuming: tokio::sync::Mutex<()>,
    /// Leads to the forwarder, if there is one.
    skips: Option<queue::Sender<Skip>>,
    gate: Mutex<runtime::admin::Gate>,
}

/// Without the forwarder events would be taken and go nowhere, and nothing would show it: a process that is
/// started again is better than that.
async fn or_abort(work: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = tokio::spawn(work).await
        && error.is_panic()
    {
        tracing::error!("the forwarder ended, starting anew");
        std::process::abort();
    }
}

// === impl Buffer ===

impl Buffer {
    /// Starts the threads and tasks. The store is opened in the background: a large one takes time, and
    /// URL validations are answered meanwhile. Without a sink events are stored only.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        settings: Settings,
        window: Duration,
        sink: Option<Sink>,
        registry: &mut Registry,
        metrics: &Metrics,
        recorder: &Recorder,
        readiness: &Readiness,
    ) -> io::Result<(Self, Work)> {
        let (commands, receiver) = mpsc::channel();
        let (status, statuses) = watch::channel(Status::default());
        let capacity = Capacity::new(settings.size);
        let ids = Dedupe::default();
        let buffer_metrics =
            BufferMetrics::register(registry, statuses.clone(), capacity.clone(), ids.clone());
        let writer = Writer {
            home: Home::new(settings.directory),
            trust: Trust::default(),
            capacity: capacity.clone(),
            ids: ids.clone(),
            window,
            most_ids: settings.most_ids,
            commands: receiver,
            status,
            gate: readiness.gate("buffer"),
            metrics: buffer_metrics.clone(),
            compacted: u64::MAX,
        };
        let (ended, writer_end) = oneshot::channel();
        thread::Builder::new()
            .name("buffer".into())
            .spawn(move || {
                writer.run();
                let _ = ended.send(());
            })?;
        let hurry = watch::Sender::new(false);
        let (skips, skip_requests) = queue::channel(1);
        let skips = sink.is_some().then_some(skips);
        let forwarder = sink.map(|sink| {
            let (trigger, stop) = shutdown::channel();
            let hurry = hurry.subscribe();
            let forwarder = Forwarder {
                sink,
                rules: Rules {
                    backoff: settings.backoff,
                    attempts: settings.attempts,
                    patience: settings.patience,
                },
                max_age: settings.max_age,
                commands: commands.clone(),
                status: statuses.clone(),
                ids: ids.clone(),
                metrics: metrics.clone(),
                recorder: recorder.clone(),
                hurry,
                skips: skip_requests,
                stop,
            };
            (trigger, tokio::spawn(or_abort(forwarder.run())))
        });
        let gate = readiness.gate("intake");
        gate.open();
        let buffer = Self(Arc::new(Inner {
            commands,
            status: statuses,
            capacity,
            ids,
            metrics: buffer_metrics,
            draining: watch::Sender::new(false),
            hurry,
            exhuming: tokio::sync::Mutex::default(),
            skips,
            gate: Mutex::new(gate),
        }));
        let work = Work {
            forwarder,
            writer: writer_end,
            buffer: buffer.clone(),
        };
        Ok((buffer, work))
    }

    /// Stores one event, and says how that ended. It goes on when nobody waits any more: an event that
    /// is committed late is known when it comes again.
    pub async fn take(&self, event: Event, raw: Raw) -> Outcome {
        let inner = &*self.0;
        let (claim, fate) = match inner.ids.claim(identity::ids(&event), Instant::now()) {
            Seen::Done => return Outcome::Duplicate,
            Seen::UnderWay(fate) => {
                return match fate.outcome().await {
                    Some(Outcome::Stored) => Outcome::Duplicate,
                    outcome => outcome.unwrap_or(Outcome::BufferFailed),
                };
            }
            Seen::New(claim, fate) => (claim, fate),
        };
        let record = record::encode(&event);
        let Some(room) = inner.capacity.reserve(record.len()) else {
            inner.metrics.refused();
            claim.settle(Outcome::BufferFull, Instant::now());
            return Outcome::BufferFull;
        };
        // Only now: an event that passes here counts as pending already, so nobody who saw us drain can take
        // us for empty before it is stored.
        if self.is_draining() {
            claim.settle(Outcome::Draining, Instant::now());
            return Outcome::Draining;
        }
        let is_dead = event.name().is_none();
        let append = Append {
            claim,
            record,
            dead: is_dead.then(|| DeadLetter::new(&event, Reason::Unparseable, None, 0)),
            room,
            raw,
        };
        // The record has all that counts.
        drop(event);
        if inner.commands.send(Command::Append(append)).is_err() {
            return Outcome::BufferFailed;
        }
        fate.outcome().await.unwrap_or(Outcome::BufferFailed)
    }

    /// What the controller learns.
    #[must_use]
    pub fn facts(&self) -> BufferFacts {
        // Asked first, see `take`.
        let draining = self.is_draining();
        let under_way = self.0.capacity.under_way();
        let status = *self.0.status.borrow();
        BufferFacts {
            open: status.open,
            pending: status.totals.pending + under_way,
            dead_letters: status.totals.dead,
            oldest_seconds: metrics::age(status.totals.oldest, Timestamp::now()),
            full: self.0.capacity.is_full() || (status.open && !status.accepting),
            draining,
        }
    }

    /// Begins or ends the drain: nothing new is taken, and what waits is forwarded.
    pub fn drain(&self, drain: bool) {
        let gate = self.0.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.draining.send_replace(drain);
        self.0.hurry.send_replace(drain);
        gate.set(!drain);
    }

    /// What waits is tried without long pauses from now on: the process is to end.
    pub fn hurry(&self) {
        self.0.hurry.send_replace(true);
    }

    /// Whether nothing new is taken.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }

    /// Dead letters, the oldest first, behind `after`, and how many there are in all. `None` without
    /// an open store; no page if `after` is none.
    pub async fn dead_letters(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Option<(Option<Vec<DeadLetter>>, u64)> {
        let ask = |reply| {
            Command::List(List {
                after,
                limit,
                reply,
            })
        };
        self.ask(ask).await
    }

    /// A dead letter and, unless its bytes are damaged, its event. `None` without an open store.
    pub async fn dead_letter(&self, id: EventId) -> Option<Option<(DeadLetter, Option<Event>)>> {
        let found = self.ask(|reply| Command::Show(id, reply)).await?;
        Some(found.map(|(letter, record)| (letter, record::decode(&record).ok())))
    }

    /// Puts a dead letter back at the end of the queue, or drops it. Says whether there was one; `None`
    /// without an open store.
    pub async fn exhume(&self, id: EventId, replay: bool) -> Option<bool> {
        let which = Which::One(id);
        let count = self.exhume_some(which, replay).await?;
        Some(count > 0)
    }

    /// The same with all that there are now. Says how many; `None` without an open store.
    pub async fn exhume_all(&self, replay: bool) -> Option<u64> {
        let _alone = self.0.exhuming.lock().await;
        let before = self.0.status.borrow().totals.next;
        let mut all = 0;
        loop {
            let which = Which::Oldest(before, EXHUME);
            let count = self.exhume_some(which, replay).await?;
            all += count;
            if count < EXHUME {
                return Some(all);
            }
        }
    }

    /// Makes a dead letter of the first event that fails, and hands that out. `None` when no event has
    /// failed, or none is forwarded.
    pub async fn skip(&self) -> Option<DeadLetter> {
        let (reply, answer) = oneshot::channel();
        self.0.skips.as_ref()?.send(reply).await.ok()?;
        answer.await.ok().flatten()
    }

    async fn exhume_some(&self, which: Which, replay: bool) -> Option<u64> {
        let ask = |reply| {
            Command::Exhume(Exhume {
                which,
                replay,
                reply,
            })
        };
        self.ask(ask).await
    }

    async fn ask<T>(&self, command: impl FnOnce(command::Reply<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.commands.send(command(reply)).ok()?;
        answer.await.ok().flatten()
    }
}

// === impl Work ===

impl Work {
    /// Waits until nothing is pending, at most so long.
    pub async fn emptied(&self, limit: Duration) -> bool {
        let mut status = self.buffer.0.status.clone();
        let empty = status.wait_for(|status| status.open && status.totals.pending == 0);
        time::timeout(limit, empty)
            .await
            .is_ok_and(|empty| empty.is_ok())
    }

    /// Finishes what is under way and closes the store, each within so long.
    pub async fn finish(self, limit: Duration) {
        if let Some((trigger, forwarder)) = self.forwarder {
            trigger.request();
            if time::timeout(limit, forwarder).await.is_err() {
                warn!("delivery cut off");
            }
        }
        let _ = self.buffer.0.commands.send(Command::Close);
        if time::timeout(limit, self.writer).await.is_err() {
            warn!("buffer not closed in time");
        }
    }
}
