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
//! | Who writes it, and when? | [`writer`] by [`transaction`], driven by [`command`], later by [`settles`]; it publishes [`status`] |
//! | What if the file is damaged, or the disk full? | [`directory`] |
//! | What goes to a sink, in which order, and when again? | [`delivery`] of a [`channel`], [`schedule`], [`backoff`] |
//! | What need not be read again? | [`fresh`] |
//! | To which sink? | [`outlet`]: all to one by [`forwarder`], or by account by [`lanes`] |
//! | What is known of the dead letters without reading them? | [`letters`] |
//! | How much may it hold? | [`settings`], [`capacity`] |
//! | What if an event comes twice? | [`super::dedupe`] |
//!
//! Exactly once into the buffer: an id is stored with its event, and removed after twice the time
//! tolerance, or when there are more than [`Settings::most_ids`]. At least once to the sink: after
//! a crash, deliveries that were not yet committed, [`forwarder::UNSETTLED`] at most, are sent
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

mod answers;
pub mod backoff;
mod batch;
pub mod capacity;
pub mod channel;
pub mod command;
pub mod dead;
pub mod delivery;
pub mod directory;
pub mod forwarder;
pub mod fresh;
pub mod lanes;
pub mod letters;
pub mod metrics;
pub mod outlet;
pub mod reader;
pub mod record;
mod requests;
mod resolve;
pub mod schedule;
pub mod settings;
pub mod settles;
pub mod status;
pub mod store;
pub mod tasks;
mod transaction;
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

use contract::{facts::BufferFacts, receiver::routes::Connection, routing_facts::RoutingFacts};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc as queue, oneshot, watch};

pub use self::settings::{MOST_IDS, PATIENCE, Settings, most_ids};
use self::{
    capacity::Capacity,
    command::{Append, Command},
    dead::{DeadLetter, Reason},
    delivery::{Common, Skip},
    directory::{BufferDirectory, OpenMode},
    fresh::Fresh,
    lanes::index::LaneIndex,
    letters::Letters,
    metrics::BufferMetrics,
    outlet::Outlet,
    schedule::Rules,
    status::Status,
    tasks::BufferTasks,
    writer::Writer,
};
use super::{
    body::Raw,
    dedupe::{ClaimResult, Dedupe},
    event::Event,
    identity,
    metrics::Metrics,
    outcome::RequestOutcome,
    recorder::Recorder,
    routing::Routing,
};
use runtime::{admin::Readiness, shutdown};

/// A running buffer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Buffer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    commands: Sender<Command>,
    status: watch::Receiver<Status>,
    capacity: Capacity,
    ids: Dedupe,
    metrics: BufferMetrics,
    draining: watch::Sender<bool>,
    urgent: watch::Sender<bool>,
    /// Only one pass over all dead letters at a time.
    resolving: tokio::sync::Mutex<()>,
    /// Leads to the forwarder, if there is one.
    skips: Option<queue::Sender<Skip>>,
    gate: Mutex<runtime::admin::Gate>,
    /// What is pending by account, and where it goes, if there are routes.
    lanes: Option<(LaneIndex, Routing)>,
    letters: Letters,
}

// === impl Buffer ===

impl Buffer {
    /// Starts the threads and tasks. The store is opened in the background: a large one takes time, while
    /// URL validations are answered.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        settings: Settings,
        window: Duration,
        outlet: Outlet,
        registry: &mut Registry,
        metrics: &Metrics,
        recorder: &Recorder,
        readiness: &Readiness,
    ) -> io::Result<(Self, BufferTasks)> {
        let (commands, receiver) = mpsc::channel();
        let (status, statuses) = watch::channel(Status::default());
        let capacity = Capacity::new(settings.size);
        let ids = Dedupe::default();
        let buffer_metrics =
            BufferMetrics::register(registry, statuses.clone(), capacity.clone(), ids.clone());
        let lanes = outlet.lanes(settings.size, registry);
        let letters = Letters::default();
        let fresh = Fresh::default();
        let writer = Writer {
            fresh: outlet.forwards().then(|| fresh.clone()),
            lanes: lanes.as_ref().map(|(index, _)| index.clone()),
            letters: letters.clone(),
            directory: BufferDirectory::new(settings.directory),
            open_mode: OpenMode::default(),
            capacity: capacity.clone(),
            ids: ids.clone(),
            window,
            most_ids: settings.most_ids,
            commands: receiver,
            status,
            gate: readiness.gate("buffer"),
            metrics: buffer_metrics.clone(),
            compacted: u64::MAX,
            is_tight: false,
        };
        let (ended, writer_end) = oneshot::channel();
        thread::Builder::new()
            .name("buffer".into())
            .spawn(move || {
                writer.run();
                let _ = ended.send(());
            })?;
        let urgent = watch::Sender::new(false);
        let (skips, skip_requests) = queue::channel(1);
        let (trigger, stop) = shutdown::channel();
        let common = Common {
            rules: Rules {
                backoff: settings.backoff,
                attempts: settings.attempts,
                patience: settings.patience,
            },
            max_age: settings.max_age,
            commands: commands.clone(),
            fresh,
            status: statuses.clone(),
            ids: ids.clone(),
            metrics: metrics.clone(),
            recorder: recorder.clone(),
            urgent: urgent.subscribe(),
            stop,
        };
        let is_ephemeral = settings.ephemeral;
        let forwarder = outlet.start(
            common,
            skip_requests,
            lanes.as_ref(),
            &letters,
            is_ephemeral,
        );
        let skips = forwarder.is_some().then_some(skips);
        let forwarder = forwarder.map(|task| (trigger, task));
        let gate = readiness.gate("intake");
        gate.open();
        let buffer = Self(Arc::new(Inner {
            commands,
            status: statuses,
            capacity,
            ids,
            metrics: buffer_metrics,
            draining: watch::Sender::new(false),
            urgent,
            resolving: tokio::sync::Mutex::default(),
            skips,
            gate: Mutex::new(gate),
            lanes,
            letters,
        }));
        let tasks = BufferTasks {
            forwarder,
            writer: writer_end,
            commands: buffer.0.commands.clone(),
            status: buffer.0.status.clone(),
        };
        Ok((buffer, tasks))
    }

    /// Stores one event and returns the outcome. Storing continues when the caller has gone: an event that
    /// is committed late is recognized when it is repeated.
    pub async fn take(&self, event: Event, raw: Raw) -> RequestOutcome {
        let inner = &*self.0;
        let (claim, pending) = match inner.ids.claim(identity::ids(&event), Instant::now()) {
            ClaimResult::Duplicate => return RequestOutcome::Duplicate,
            ClaimResult::InFlight(pending) => {
                return match pending.outcome().await {
                    Some(RequestOutcome::Stored) => RequestOutcome::Duplicate,
                    outcome => outcome.unwrap_or(RequestOutcome::BufferFailed),
                };
            }
            ClaimResult::New(claim, pending) => (claim, pending),
        };
        let size = record::size(&event);
        let Some(room) = inner.capacity.reserve(size) else {
            inner.metrics.refused();
            claim.settle(RequestOutcome::BufferFull, Instant::now());
            return RequestOutcome::BufferFull;
        };
        // Checked after the reservation: an event that passes here already counts as pending, so a drain is never
        // reported as finished before it is stored.
        if self.is_draining() {
            claim.settle(RequestOutcome::Draining, Instant::now());
            return RequestOutcome::Draining;
        }
        let is_dead = event.name().is_none();
        let lane = match (&inner.lanes, is_dead) {
            (Some((index, _)), false) => {
                let account = event.account().unwrap_or_default();
                let Some(lane) = index.reserve(account, size, inner.capacity.free()) else {
                    inner.metrics.refused_account();
                    claim.settle(RequestOutcome::AccountFull, Instant::now());
                    return RequestOutcome::AccountFull;
                };
                Some(lane)
            }
            _ => None,
        };
        let append = Append {
            lane,
            claim,
            dead: is_dead.then(|| DeadLetter::new(&event, Reason::Unparseable, None, 0)),
            event: Arc::new(event),
            room,
            raw,
        };
        if inner.commands.send(Command::Append(append)).is_err() {
            return RequestOutcome::BufferFailed;
        }
        pending
            .outcome()
            .await
            .unwrap_or(RequestOutcome::BufferFailed)
    }

    /// What the controller learns.
    #[must_use]
    pub fn facts(&self) -> BufferFacts {
        // Read first, see `take`.
        let draining = self.is_draining();
        let in_flight = self.0.capacity.in_flight();
        let status = *self.0.status.borrow();
        BufferFacts {
            open: status.open,
            pending: status.totals.pending + in_flight,
            dead_letters: status.totals.dead,
            oldest_seconds: metrics::age(status.totals.oldest, Timestamp::now()),
            full: self.0.capacity.is_full() || (status.open && !status.accepting),
            draining,
            failed: status.failed,
            damaged_stores: status.damaged,
            dropped_letters: self.0.metrics.dropped(),
        }
    }

    /// What the controller learns of the accounts, of connections after this one; `None` without routes.
    #[must_use]
    pub fn routing_facts(&self, after: Option<Connection>) -> Option<RoutingFacts> {
        let (_, routing) = self.0.lanes.as_ref()?;
        Some(lanes::facts(routing, &self.0.letters, after))
    }

    /// Begins or ends the drain: new events are rejected, and pending ones are forwarded.
    pub fn drain(&self, drain: bool) {
        let gate = self.0.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.draining.send_replace(drain);
        self.0.urgent.send_replace(drain);
        gate.set(!drain);
    }

    /// Retries pending events without long pauses from now on: the process is about to stop.
    pub fn shorten_pauses(&self) {
        self.0.urgent.send_replace(true);
    }

    /// Whether new events are rejected.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }
}
