//! From the store to the sink: one event at a time, in the order that [`super::schedule`] gives.
//!
//! A failed delivery is retried with growing pauses, or when the sink asks for it (`Retry-After`). An
//! event leaves the queue when the sink has acknowledged it, or as a dead letter: the sink rejected it for
//! good, or rejected it several times while it accepted others, or it has waited for too long, or a
//! person skipped it. Completed deliveries are committed in batches; after a crash those not yet
//! committed are delivered again, with the same id.

use std::{
    future,
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time,
};
use tracing::{info, warn};

use super::{
    command::{Command, Settle},
    dead::{DeadLetter, Reason},
    reader::{REREAD, Stopped, next_events, read},
    record,
    schedule::{Item, Rules, Schedule, Step},
    status::Status,
    store::Entry,
};
use crate::{
    dedupe::Dedupe,
    event::{Event, ZoomHeaders},
    metrics::Metrics,
    recorder::{Recorder, Urgency},
    sink::Sink,
};
use runtime::shutdown::Shutdown;

/// Most completed deliveries that are not committed, and therefore most events that a crash repeats.
pub const UNSETTLED: u32 = 64;

/// Delivers what is stored.
#[derive(Debug)]
pub struct Forwarder {
    /// To where.
    pub sink: Sink,
    /// How often, and how soon again.
    pub rules: Rules,
    /// How long an event may wait.
    pub max_age: Duration,
    /// The store's thread.
    pub commands: Sender<Command>,
    /// The state of the store.
    pub status: watch::Receiver<Status>,
    /// The remembered ids, for the metrics.
    pub ids: Dedupe,
    /// The metrics.
    pub metrics: Metrics,
    /// Records deliveries and failures.
    pub recorder: Recorder,
    /// The process or the buffer is about to stop: pauses are short from now on.
    pub urgent: watch::Receiver<bool>,
    /// Requests to skip the event that holds up the queue.
    pub skips: mpsc::Receiver<Skip>,
    /// Stops after the event in flight.
    pub stop: Shutdown,
}

/// A request to skip the first event that fails. The answer is its dead letter, or `None` when no event
/// has failed.
pub type Skip = oneshot::Sender<Option<DeadLetter>>;

/// A running forwarder: its settings and its position in the queue.
#[derive(Debug)]
struct DeliveryLoop {
    forwarder: Forwarder,
    schedule: Schedule,
    /// The first place of the queue that was not read.
    from: u64,
    unsettled: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    is_urgent: bool,
    /// How many events were set aside at the last report.
    reported_aside: usize,
}

/// What ended the wait.
#[derive(Debug)]
enum Wakeup {
    /// The time has come, or the pauses became short.
    Due,
    Read(Vec<Entry>),
    Skip(Skip),
}

// === impl Forwarder ===

impl Forwarder {
    /// Delivers until shutdown is requested.
    pub async fn run(self) {
        let delivery = DeliveryLoop {
            schedule: Schedule::new(self.rules),
            from: 0,
            unsettled: Arc::new(Semaphore::new(UNSETTLED as usize)),
            permit: None,
            is_urgent: false,
            reported_aside: 0,
            forwarder: self,
        };
        delivery.run().await;
    }
}

// === impl DeliveryLoop ===

impl DeliveryLoop {
    async fn run(mut self) {
        loop {
            let is_urgent = *self.forwarder.urgent.borrow_and_update();
            if is_urgent && !self.is_urgent {
                self.schedule.shorten_pauses(Instant::now());
            }
            self.is_urgent = is_urgent;
            let step = self.schedule.next(Instant::now());
            let done = match step {
                Step::Send => self.send().await,
                Step::Wait(until) => self.wait(Some(until), false).await,
                Step::Read(until) => self.wait(until, true).await,
            };
            if let Err(Stopped) = done {
                return;
            }
            self.count_set_aside();
        }
    }

    fn count_set_aside(&mut self) {
        let set_aside = self.schedule.set_aside();
        if set_aside == self.reported_aside {
            return;
        }
        self.reported_aside = set_aside;
        self.forwarder.metrics.set_aside(set_aside);
        self.forwarder
            .recorder
            .record_health(Urgency::Soon, |health| health.set_aside = set_aside as u64);
    }

    /// Waits until then, or until there is a reason to look again; with `reads` also for the next events of the
    /// queue.
    async fn wait(&mut self, until: Option<Instant>, reads: bool) -> Result<(), Stopped> {
        let Forwarder {
            commands,
            status,
            urgent,
            skips,
            stop,
            ..
        } = &mut self.forwarder;
        let due = async {
            match until {
                Some(until) => time::sleep_until(until.into()).await,
                None => future::pending().await,
            }
        };
        let woken = tokio::select! {
            read = next_events(commands, status, &mut self.from), if reads => {
                Wakeup::Read(read.ok_or(Stopped)?)
            }
            () = due => Wakeup::Due,
            Ok(()) = urgent.changed() => Wakeup::Due,
            Some(skip) = skips.recv() => Wakeup::Skip(skip),
            () = stop.requested() => return Err(Stopped),
        };
        match woken {
            Wakeup::Due => {}
            Wakeup::Read(entries) => self.schedule.push(entries),
            Wakeup::Skip(answer) => self.skip(answer).await?,
        }
        Ok(())
    }

    /// Sends the current event.
    async fn send(&mut self) -> Result<(), Stopped> {
        self.permit().await?;
        let Some(item) = self.schedule.current() else {
            return Ok(());
        };
        let (sequence, attempts) = (item.sequence, item.attempts);
        // The record of an event that is set aside is not kept in memory.
        let record = if item.record.is_empty() {
            self.reread(sequence).await?
        } else {
            Some(item.record.clone())
        };
        let Some(record) = record else {
            // It is no longer in the queue: the store was lost.
            self.schedule.take();
            return Ok(());
        };
        let event = match record::decode(&record) {
            Ok(event) => event,
            Err(error) => {
                warn!(%error, sequence, "event given up");
                if let Some(item) = self.schedule.take() {
                    let event = unreadable(&item, &record);
                    let letter = DeadLetter::new(&event, Reason::Unparseable, None, 0);
                    self.settle(sequence, Some((&event, letter)));
                }
                return Ok(());
            }
        };
        drop(record);
        // Each event is tried once, even if it expired while nothing was forwarded.
        if attempts > 0 && self.is_too_old(self.schedule.current()) {
            warn!(id = %event.id, attempts, "event expired");
            if let Some(item) = self.schedule.take() {
                self.give_up(&item, &event, Reason::Expired, None);
            }
            return Ok(());
        }
        self.deliver(&event).await
    }

    async fn deliver(&mut self, event: &Event) -> Result<(), Stopped> {
        let started = Instant::now();
        let result = self.forwarder.sink.deliver(event).await;
        let error = result.map_err(|failure| failure.error);
        self.forwarder
            .metrics
            .delivered(error, started.elapsed(), self.forwarder.ids.len());
        let (now, at) = (Instant::now(), Timestamp::now());
        let recorder = &self.forwarder.recorder;
        let failure = match result {
            Ok(()) => {
                recorder.record_health(Urgency::Soon, |health| health.delivered(at));
                let failures = self.schedule.failures();
                if failures > 0 {
                    info!(failures, "the sink accepts events again");
                }
                if let Some(item) = self.schedule.delivered(now) {
                    self.settle(item.sequence, None);
                }
                return Ok(());
            }
            Err(failure) => failure,
        };
        let error = failure.error;
        let cause = error.to_string();
        recorder.record_health(Urgency::Soon, |health| health.not_delivered(at, &cause));
        if error.is_final() {
            if let Some(mut item) = self.schedule.take() {
                item.attempts += 1;
                warn!(id = %event.id, %error, item.attempts, "event refused for good");
                self.give_up(&item, event, Reason::Refused, Some(error.to_string()));
            }
            return Ok(());
        }
        if self.schedule.lacks_probe() {
            self.look_ahead().await?;
        }
        let is_urgent = *self.forwarder.urgent.borrow();
        let given_up = self
            .schedule
            .failed(failure, now, rand::random(), is_urgent);
        if let Some(item) = given_up {
            let attempts = item.attempts;
            warn!(id = %event.id, %error, attempts, "event given up, the sink accepts others");
            let detail = format!("{error}, and took other events meanwhile");
            self.give_up(&item, event, Reason::Refused, Some(detail));
            return Ok(());
        }
        let attempts = self.schedule.current().map(|item| item.attempts);
        let set_aside = self.schedule.set_aside();
        warn!(id = %event.id, %error, attempts, set_aside, "event not delivered");
        Ok(())
    }

    /// Makes a dead letter of the first event that fails.
    async fn skip(&mut self, answer: Skip) -> Result<(), Stopped> {
        let Some(mut item) = self.schedule.skip() else {
            let _ = answer.send(None);
            return Ok(());
        };
        self.permit().await?;
        if item.record.is_empty() {
            item.record = self.reread(item.sequence).await?.unwrap_or_default();
        }
        let event =
            record::decode(&item.record).unwrap_or_else(|_| unreadable(&item, &item.record));
        let last = item.last.map(|error| error.to_string()).unwrap_or_default();
        let detail = Some(format!("skipped by a person after: {last}"));
        warn!(id = %event.id, attempts = item.attempts, "event skipped");
        let letter = DeadLetter::new(&event, Reason::Refused, detail, item.attempts);
        self.settle(item.sequence, Some((&event, letter.clone())));
        let _ = answer.send(Some(letter));
        Ok(())
    }

    fn give_up(&mut self, item: &Item, event: &Event, reason: Reason, detail: Option<String>) {
        let detail = detail.or_else(|| item.last.map(|error| error.to_string()));
        let letter = DeadLetter::new(event, reason, detail, item.attempts);
        self.settle(item.sequence, Some((event, letter)));
    }

    /// An event has left the queue.
    fn settle(&mut self, sequence: u64, dead: Option<(&Event, DeadLetter)>) {
        let Some(permit) = self.permit.take() else {
            return; // Each caller has taken one.
        };
        let settle = Settle {
            sequence,
            dead: dead.map(|(event, letter)| (event.id, letter)),
            permit,
        };
        let _ = self.forwarder.commands.send(Command::Settle(settle));
    }

    /// Acquires the permit to settle one event, which bounds the uncommitted deliveries.
    async fn permit(&mut self) -> Result<(), Stopped> {
        if self.permit.is_some() {
            return Ok(());
        }
        tokio::select! {
            permit = Arc::clone(&self.unsettled).acquire_owned() => {
                self.permit = Some(permit.map_err(|_| Stopped)?);
                Ok(())
            }
            () = self.forwarder.stop.requested() => Err(Stopped),
        }
    }

    /// Reads the next events of the queue, if there are any, without waiting.
    async fn look_ahead(&mut self) -> Result<(), Stopped> {
        let status = *self.forwarder.status.borrow();
        if status.open && status.totals.next > self.from {
            let entries = read(&self.forwarder.commands, self.from).await?;
            let entries = entries.unwrap_or_default();
            if let Some(last) = entries.last() {
                self.from = last.sequence + 1;
            }
            self.schedule.push(entries);
        }
        Ok(())
    }

    /// The record of one event that was read before; `None` when it has left the queue.
    async fn reread(&mut self, sequence: u64) -> Result<Option<Vec<u8>>, Stopped> {
        loop {
            if let Some(entries) = read(&self.forwarder.commands, sequence).await? {
                let first = entries.into_iter().next();
                let found = first.filter(|entry| entry.sequence == sequence);
                return Ok(found.map(|entry| entry.record));
            }
            tokio::select! {
                () = time::sleep(REREAD) => {}
                () = self.forwarder.stop.requested() => return Err(Stopped),
            }
        }
    }

    fn is_too_old(&self, item: Option<&Item>) -> bool {
        let Some(item) = item else { return false };
        let waited = Timestamp::now().as_second().saturating_sub(item.since);
        u64::try_from(waited).is_ok_and(|waited| waited >= self.forwarder.max_age.as_secs())
    }
}

/// Stands for an event whose record cannot be read.
fn unreadable(item: &Item, record: &[u8]) -> Event {
    let since = Timestamp::from_second(item.since).unwrap_or_default();
    let record = Bytes::copy_from_slice(record);
    Event::new(since, ZoomHeaders::default(), record)
}
