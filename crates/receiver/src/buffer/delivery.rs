//! One line of events on its way to a sink: one event at a time, in the order that [`super::schedule`] gives.
//!
//! Where the events come from and go to is a [`Channel`]: the whole queue, or the lane of one account.
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
use contract::receiver::routes::Connection;
use jiff::Timestamp;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time,
};
use tracing::{info, warn};

use super::{
    channel::{Channel, Decision, Wake},
    command::{Command, Settle},
    dead::{DeadLetter, Reason},
    fresh::Fresh,
    reader::{Found, REREAD, Stopped},
    record::Record,
    schedule::{Item, Rules, Schedule, Step},
    status::Status,
};
use crate::{
    dedupe::Dedupe,
    event::{Event, ZoomHeaders},
    metrics::Metrics,
    recorder::Recorder,
};
use runtime::shutdown::Shutdown;

/// What every line of events needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Common {
    /// How often, and how soon again.
    pub rules: Rules,
    /// How long an event may wait.
    pub max_age: Duration,
    /// The store's thread.
    pub commands: Sender<Command>,
    /// What was stored last.
    pub fresh: Fresh,
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
    /// Stops after the event in flight.
    pub stop: Shutdown,
}

/// A request to skip the first event that fails.
#[derive(Debug)]
pub struct Skip {
    /// Only an event of this connection.
    pub connection: Option<Connection>,
    /// Its dead letter, or `None` when no event has failed.
    pub reply: oneshot::Sender<Option<DeadLetter>>,
}

/// A line of events: its settings and its position in the queue.
#[derive(Debug)]
pub struct Delivery<C> {
    common: Common,
    channel: C,
    skips: mpsc::Receiver<Skip>,
    schedule: Schedule,
    /// Bounds the uncommitted deliveries.
    unsettled: Arc<Semaphore>,
    is_urgent: bool,
}

/// What ended the wait.
#[derive(Debug)]
enum Wakeup {
    /// The time has come, or the pauses became short.
    Due,
    Channel(Wake),
    Skip(Skip),
}

// === impl Delivery ===

impl<C: Channel> Delivery<C> {
    /// A line that has read nothing yet.
    pub fn new(
        common: Common,
        channel: C,
        skips: mpsc::Receiver<Skip>,
        unsettled: Arc<Semaphore>,
    ) -> Self {
        Self {
            schedule: Schedule::new(common.rules),
            common,
            channel,
            skips,
            unsettled,
            is_urgent: false,
        }
    }

    /// Delivers until shutdown is requested, or the channel has finished. Returns whether it has.
    pub async fn run(mut self) -> bool {
        loop {
            let is_urgent = *self.common.urgent.borrow_and_update();
            if is_urgent && !self.is_urgent {
                self.schedule.shorten_pauses(Instant::now());
            }
            self.is_urgent = is_urgent;
            let step = self.schedule.next(Instant::now());
            let done = match step {
                Step::Send => self.send().await,
                Step::Wait(until) => self.wait(Some(until), false).await,
                Step::Read(None) if self.channel.is_finished() => return true,
                Step::Read(until) => self.wait(until, true).await,
            };
            if let Err(Stopped) = done {
                return false;
            }
            let (set_aside, failing) = (self.schedule.set_aside(), self.schedule.first_failing());
            self.channel.report(set_aside, failing);
        }
    }

    /// Waits until then, or until there is a reason to look again; with `reads` also for the next events of the
    /// queue.
    async fn wait(&mut self, until: Option<Instant>, reads: bool) -> Result<(), Stopped> {
        let due = async {
            match until {
                Some(until) => time::sleep_until(until.into()).await,
                None => future::pending().await,
            }
        };
        let woken = tokio::select! {
            wake = self.channel.wait(reads) => Wakeup::Channel(wake?),
            () = due => Wakeup::Due,
            Ok(()) = self.common.urgent.changed() => Wakeup::Due,
            Some(skip) = self.skips.recv() => Wakeup::Skip(skip),
            () = self.common.stop.requested() => return Err(Stopped),
        };
        match woken {
            Wakeup::Due => {}
            Wakeup::Channel(Wake::Read(items)) => self.schedule.push(items),
            Wakeup::Channel(Wake::Moved) => self.schedule.retry_now(Instant::now()),
            Wakeup::Skip(skip) => self.skip(skip).await?,
        }
        Ok(())
    }

    /// Sends the current event.
    async fn send(&mut self) -> Result<(), Stopped> {
        let Some(item) = self.schedule.current() else {
            return Ok(());
        };
        let (sequence, since) = (item.sequence, item.since);
        let (size, is_late) = (item.size, item.is_late);
        if let Decision::Wait(until) = self.channel.decide(since, self.is_urgent) {
            return self.wait(Some(until), false).await;
        }
        let turn = self.turn(size).await?;
        // Only now: who waits for its turn needs no memory for a body.
        let found = match self.schedule.current().and_then(|item| item.record.clone()) {
            Some(record) => Found::Record(record),
            None => self.channel.read(sequence).await?,
        };
        let record = match found {
            Found::Record(record) => record,
            Found::Gone => {
                self.schedule.take();
                self.channel.settled(sequence);
                return Ok(());
            }
            Found::Later => {
                drop(turn);
                return self.wait(Some(Instant::now() + REREAD), false).await;
            }
        };
        let permit = self.permit().await?;
        let event = match record.event() {
            Ok(event) => event,
            Err(error) => {
                warn!(%error, sequence, "event given up");
                if let Some(item) = self.schedule.take() {
                    let event = unreadable(&item, record.bytes());
                    let letter = DeadLetter::new(&event, Reason::Unparseable, None, 0);
                    self.settle(sequence, Some((&event, letter)), permit);
                }
                return Ok(());
            }
        };
        drop(record);
        // Each event gets a last attempt, however old it became while nothing was sent.
        if is_late {
            if let Some(item) = self.schedule.take() {
                warn!(id = %event.id, item.attempts, "event expired");
                self.give_up(&item, &event, Reason::Expired, None, permit);
            }
            return Ok(());
        }
        // From here to the settlement nothing waits: what is replayed because of a new route comes later.
        match self.channel.decide(since, self.is_urgent) {
            Decision::Deliver => {
                if self.is_too_old(since) {
                    self.schedule.note_late();
                }
                self.deliver(&event, turn, permit).await
            }
            Decision::Wait(until) => {
                drop((turn, permit));
                self.wait(Some(until), false).await
            }
            Decision::Unclaimed(detail) => {
                if let Some(item) = self.schedule.take() {
                    self.give_up(&item, &event, Reason::Unclaimed, Some(detail), permit);
                }
                Ok(())
            }
            Decision::Drop => {
                if self.schedule.take().is_some() {
                    self.settle(sequence, None, permit);
                }
                Ok(())
            }
        }
    }

    async fn deliver(
        &mut self,
        event: &Event,
        turn: C::Turn,
        permit: OwnedSemaphorePermit,
    ) -> Result<(), Stopped> {
        let started = Instant::now();
        let result = self.channel.deliver(event, turn).await;
        let error = result.map_err(|failure| failure.error);
        self.common
            .metrics
            .delivered(error, started.elapsed(), self.common.ids.len());
        let now = Instant::now();
        let failure = match result {
            Ok(()) => {
                let failures = self.schedule.failures();
                if failures > 0 {
                    info!(failures, "the sink accepts events again");
                }
                if let Some(item) = self.schedule.delivered(now) {
                    self.settle(item.sequence, None, permit);
                }
                return Ok(());
            }
            Err(failure) => failure,
        };
        let error = failure.error;
        if error.is_final() {
            if let Some(mut item) = self.schedule.take() {
                item.attempts += 1;
                warn!(id = %event.id, %error, item.attempts, "event refused for good");
                let detail = Some(error.to_string());
                self.give_up(&item, event, Reason::Refused, detail, permit);
            }
            return Ok(());
        }
        if self.schedule.lacks_probe() {
            let items = self.channel.ahead().await?;
            self.schedule.push(items);
        }
        let is_urgent = *self.common.urgent.borrow();
        let given_up = self
            .schedule
            .failed(failure, now, rand::random(), is_urgent);
        if let Some(item) = given_up {
            let attempts = item.attempts;
            warn!(id = %event.id, %error, attempts, "event given up, the sink accepts others");
            let detail = format!("{error}, and took other events meanwhile");
            self.give_up(&item, event, Reason::Refused, Some(detail), permit);
            return Ok(());
        }
        let attempts = self.schedule.current().map(|item| item.attempts);
        let set_aside = self.schedule.set_aside();
        warn!(id = %event.id, %error, attempts, set_aside, "event not delivered");
        Ok(())
    }

    /// Makes a dead letter of the first event that fails.
    async fn skip(&mut self, Skip { reply, .. }: Skip) -> Result<(), Stopped> {
        let Some(mut item) = self.schedule.skip() else {
            let _ = reply.send(None);
            return Ok(());
        };
        let record = match item.record.take() {
            None => self.reread(item.sequence).await?,
            record => record,
        };
        let record = record.unwrap_or_else(|| Record::Bytes(Bytes::new()));
        let event = record
            .event()
            .unwrap_or_else(|_| unreadable(&item, record.bytes()).into());
        let last = item.last.map(|error| error.to_string()).unwrap_or_default();
        let detail = Some(format!("skipped by a person after: {last}"));
        let permit = self.permit().await?;
        warn!(id = %event.id, attempts = item.attempts, "event skipped");
        let mut letter = DeadLetter::new(&event, Reason::Refused, detail, item.attempts);
        self.channel.stamp(&mut letter);
        self.settle(item.sequence, Some((&event, letter.clone())), permit);
        let _ = reply.send(Some(letter));
        Ok(())
    }

    fn give_up(
        &mut self,
        item: &Item,
        event: &Event,
        reason: Reason,
        detail: Option<String>,
        permit: OwnedSemaphorePermit,
    ) {
        let detail = detail.or_else(|| item.last.map(|error| error.to_string()));
        let mut letter = DeadLetter::new(event, reason, detail, item.attempts);
        self.channel.stamp(&mut letter);
        self.settle(item.sequence, Some((event, letter)), permit);
    }

    /// An event has left the queue.
    fn settle(
        &mut self,
        sequence: u64,
        dead: Option<(&Event, DeadLetter)>,
        permit: OwnedSemaphorePermit,
    ) {
        let settle = Settle {
            sequence,
            dead: dead.map(|(event, letter)| (event.id, letter)),
            permit,
        };
        self.channel.settled(sequence);
        let _ = self.common.commands.send(Command::Settle(settle));
    }

    /// Acquires what an attempt at so many bytes needs first; the record and the permit to settle follow. All lines acquire
    /// in this order and keep nothing for the next attempt: who waits for its turn holds nothing that others need.
    async fn turn(&self, bytes: usize) -> Result<C::Turn, Stopped> {
        tokio::select! {
            turn = self.channel.acquire(bytes) => Ok(turn),
            () = self.common.stop.requested() => Err(Stopped),
        }
    }

    /// Acquires the permit to settle one event, which bounds the uncommitted deliveries.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, Stopped> {
        tokio::select! {
            permit = Arc::clone(&self.unsettled).acquire_owned() => permit.map_err(|_| Stopped),
            () = self.common.stop.requested() => Err(Stopped),
        }
    }

    /// The record of one event; `None` when it has left the queue.
    async fn reread(&mut self, sequence: u64) -> Result<Option<Record>, Stopped> {
        loop {
            match self.channel.read(sequence).await? {
                Found::Record(record) => return Ok(Some(record)),
                Found::Gone => return Ok(None),
                Found::Later => tokio::select! {
                    () = time::sleep(REREAD) => {}
                    () = self.common.stop.requested() => return Err(Stopped),
                },
            }
        }
    }

    fn is_too_old(&self, since: i64) -> bool {
        let waited = Timestamp::now().as_second().saturating_sub(since);
        u64::try_from(waited).is_ok_and(|waited| waited >= self.common.max_age.as_secs())
    }
}

/// Stands for an event whose record cannot be read.
fn unreadable(item: &Item, record: Bytes) -> Event {
    let since = Timestamp::from_second(item.since).unwrap_or_default();
    Event::new(since, ZoomHeaders::default(), record)
}

#[cfg(test)]
mod tests;
