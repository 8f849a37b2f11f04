//! From the store to the sink: one event at a time, in the order that [`super::schedule`] gives.
//!
//! A failed delivery is repeated with growing pauses, or when the sink asks for it (`Retry-After`). An
//! event leaves the queue when the sink has acknowledged it, or as a dead letter: the sink refused it for
//! good, or refused it several times and took other events meanwhile, or it has waited for too long, or a
//! person skipped it. The ends of deliveries are committed together; after a crash those that were not
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

/// Most ends of deliveries that are not committed, and therefore most events that a crash repeats.
pub const UNSETTLED: u32 = 64;

/// Between two attempts to read from a store that is not open.
const REREAD: Duration = Duration::from_secs(1);

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
    /// Takes note of deliveries and failures.
    pub recorder: Recorder,
    /// The process or its part is about to end: no pause is long any more.
    pub hurry: watch::Receiver<bool>,
    /// Requests to skip the event that holds up the queue.
    pub skips: mpsc::Receiver<Skip>,
    /// Finishes with the event under way.
    pub stop: Shutdown,
}

/// A request to skip the first event that fails. The answer is its dead letter, or `None` when no event
/// has failed.
pub type Skip = oneshot::Sender<Option<DeadLetter>>;

/// The work of a forwarder: what it was told, and where it is in the queue.
#[derive(Debug)]
struct Work {
    forwarder: Forwarder,
    schedule: Schedule,
    /// The first place of the queue that was not read.
    from: u64,
    unsettled: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    is_urgent: bool,
    /// How many events were set aside when it was last told.
    told_aside: usize,
}

/// Why waiting ended.
#[derive(Debug)]
enum Woken {
    /// The time has come, or there may be more hurry.
    Due,
    Read(Vec<Entry>),
    Skip(Skip),
}

/// The work stops: it was told to, or the store's thread is gone.
#[derive(Clone, Copy, Debug)]
struct Stopped;

// === impl Forwarder ===

impl Forwarder {
    /// Works until it is told to stop.
    pub async fn run(self) {
        let work = Work {
            schedule: Schedule::new(self.rules),
            from: 0,
            unsettled: Arc::new(Semaphore::new(UNSETTLED as usize)),
            permit: None,
            is_urgent: false,
            told_aside: 0,
            forwarder: self,
        };
        work.run().await;
    }
}

// === impl Work ===

impl Work {
    async fn run(mut self) {
        loop {
            let is_urgent = *self.forwarder.hurry.borrow_and_update();
            if is_urgent && !self.is_urgent {
                self.schedule.hurry(Instant::now());
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
        if set_aside == self.told_aside {
            return;
        }
        self.told_aside = set_aside;
        self.forwarder.metrics.set_aside(set_aside);
        self.forwarder
            .recorder
            .record_health(Urgency::Soon, |health| health.set_aside = set_aside as u64);
    }

    /// Waits until then, unless there is a reason to look again; with `reads` for what follows in the
    /// queue, too.
    async fn wait(&mut self, until: Option<Instant>, reads: bool) -> Result<(), Stopped> {
        let Forwarder {
            commands,
            status,
            hurry,
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
            read = following(commands, status, &mut self.from), if reads => {
                Woken::Read(read.ok_or(Stopped)?)
            }
            () = due => Woken::Due,
            Ok(()) = hurry.changed() => Woken::Due,
            Some(skip) = skips.recv() => Woken::Skip(skip),
            () = stop.requested() => return Err(Stopped),
        };
        match woken {
            Woken::Due => {}
            Woken::Read(entries) => self.schedule.push(entries),
            Woken::Skip(answer) => self.skip(answer).await?,
        }
        Ok(())
    }

    /// Sends the event whose turn it is.
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
            // It has left the queue: the store was lost.
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
        // Each event is tried once: time passes also while nothing is forwarded.
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
                    info!(failures, "the sink takes events again");
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
        let is_urgent = *self.forwarder.hurry.borrow();
        let given_up = self
            .schedule
            .failed(failure, now, rand::random(), is_urgent);
        if let Some(item) = given_up {
            let attempts = item.attempts;
            warn!(id = %event.id, %error, attempts, "event given up, the sink takes others");
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

    /// Takes the right to settle one event, which bounds the ends that are not committed.
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

    /// Reads what follows in the queue, if anything does, without waiting for it.
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

/// The next events of the queue, in order, once there are some. `None` when there will be none any more.
/// Nothing is lost when this is not waited for to its end.
async fn following(
    commands: &Sender<Command>,
    status: &mut watch::Receiver<Status>,
    from: &mut u64,
) -> Option<Vec<Entry>> {
    loop {
        let seen = *status.borrow_and_update();
        if seen.open && seen.totals.next > *from {
            let entries = read(commands, *from).await.ok()?;
            match entries.as_ref().map(|entries| entries.last()) {
                Some(Some(last)) => {
                    *from = last.sequence + 1;
                    return entries;
                }
                // All events that there were have left already.
                Some(None) if status.borrow().open => *from = seen.totals.next,
                _ => time::sleep(REREAD).await,
            }
            continue;
        }
        status.changed().await.ok()?;
    }
}

/// Events from this place on, or `None` while the store cannot be read.
async fn read(commands: &Sender<Command>, from: u64) -> Result<Option<Vec<Entry>>, Stopped> {
    let (reply, entries) = oneshot::channel();
    let command = Command::Read(from, reply);
    commands.send(command).map_err(|_| Stopped)?;
    Ok(entries.await.ok())
}

/// Stands for an event whose record cannot be read.
fn unreadable(item: &Item, record: &[u8]) -> Event {
    let since = Timestamp::from_second(item.since).unwrap_or_default();
    let record = Bytes::copy_from_slice(record);
    Event::new(since, ZoomHeaders::default(), record)
}
