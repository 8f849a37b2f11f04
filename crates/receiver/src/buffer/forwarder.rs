//! From the store to the sink: one event at a time, in order.
//!
//! What fails is tried again, ever more rarely, and what comes after it waits. An event leaves the queue
//! when the sink has acknowledged it, or as a dead letter: refused for good, or failed when it had waited
//! for longer than it may. The ends of deliveries are committed together; after a crash those that were
//! not are delivered again, with the same id.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use axum::body::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::{Semaphore, oneshot, watch},
    time,
};
use tracing::{info, warn};

use super::{
    backoff::Backoff,
    command::{Command, Settle},
    dead::{DeadLetter, Reason},
    ids::Ids,
    record,
    store::Entry,
    writer::Status,
};
use crate::{
    event::{Event, EventId, ZoomHeaders},
    metrics::Metrics,
    sink::{Sink, SinkError},
};
use runtime::shutdown::Shutdown;

/// Most ends of deliveries that are not committed, and therefore most events that a crash repeats.
pub const UNSETTLED: u32 = 64;

/// Longest pause when what is stored has to be delivered before the end.
const SHORT: Duration = Duration::from_secs(2);

/// Delivers what is stored.
#[derive(Debug)]
pub struct Forwarder {
    /// To where.
    pub sink: Sink,
    /// How soon again.
    pub backoff: Backoff,
    /// How long an event may wait.
    pub max_age: Duration,
    /// The store's thread.
    pub commands: Sender<Command>,
    /// How it is with the store.
    pub status: watch::Receiver<Status>,
    /// What is remembered, for the numbers.
    pub ids: Ids,
    /// The numbers.
    pub metrics: Metrics,
    /// The process or its part is to end: nothing is waited for long any more.
    pub hurry: watch::Receiver<bool>,
    /// Finishes with the event under way.
    pub stop: Shutdown,
}

/// How the way of an event through the queue ended.
#[derive(Debug)]
enum Ended {
    /// The sink has it.
    Delivered,
    /// It was given up.
    Dead(Box<(EventId, DeadLetter)>),
    /// It did not: the forwarder is to stop.
    Stopped,
}

// === impl Forwarder ===

impl Forwarder {
    /// Works until it is told to stop.
    pub async fn run(mut self) {
        let unsettled = Arc::new(Semaphore::new(UNSETTLED as usize));
        let (mut from, mut failures) = (0, 0);
        let stop = self.stop.clone();
        let mut entries = VecDeque::new();
        loop {
            if entries.is_empty() {
                entries = tokio::select! {
                    entries = self.read(from) => entries,
                    () = stop.requested() => return,
                };
            }
            let Some(entry) = entries.pop_front() else {
                return; // The store's thread is gone.
            };
            from = entry.sequence + 1;
            let permit = tokio::select! {
                permit = Arc::clone(&unsettled).acquire_owned() => permit,
                () = stop.requested() => return,
            };
            let dead = match self.forward(&entry, &mut failures).await {
                Ended::Delivered => None,
                Ended::Dead(dead) => Some(*dead),
                Ended::Stopped => return,
            };
            let Ok(permit) = permit else {
                return; // The semaphore is never closed.
            };
            let settle = Settle {
                sequence: entry.sequence,
                dead,
                permit,
            };
            let _ = self.commands.send(Command::Settle(settle));
        }
    }

    /// The next events in order. Nothing, when there will be none any more.
    async fn read(&mut self, from: u64) -> VecDeque<Entry> {
        let mut from = from;
        loop {
            let status = *self.status.borrow_and_update();
            if status.open && status.totals.next > from {
                let (reply, entries) = oneshot::channel();
                if self.commands.send(Command::Read(from, reply)).is_err() {
                    return VecDeque::new();
                }
                match entries.await {
                    Ok(entries) if !entries.is_empty() => return entries.into(),
                    // All that there was has left already.
                    Ok(_) if self.status.borrow().open => from = status.totals.next,
                    _ => time::sleep(self.backoff.first).await,
                }
                continue;
            }
            if self.status.changed().await.is_err() {
                return VecDeque::new();
            }
        }
    }

    /// Delivers one event, however long that takes.
    async fn forward(&self, entry: &Entry, failures: &mut u32) -> Ended {
        let event = match record::decode(&entry.record) {
            Ok(event) => event,
            Err(error) => {
                warn!(%error, sequence = entry.sequence, "event given up");
                return dead(&unreadable(entry), Reason::Unparseable, None, 0);
            }
        };
        let (mut attempts, mut last) = (0, None);
        loop {
            // Each has its own chance: time passes also while nothing is to be forwarded.
            if attempts > 0 && self.is_too_old(entry) {
                warn!(id = %event.id, attempts, "event expired");
                return dead(&event, Reason::Expired, last, attempts);
            }
            let started = Instant::now();
            let result = self.sink.deliver(&event).await;
            self.metrics
                .delivered(result, started.elapsed(), self.ids.len());
            attempts += 1;
            let error = match result {
                Ok(()) => {
                    if *failures > 0 {
                        info!(failures, "the sink takes events again");
                    }
                    *failures = 0;
                    return Ended::Delivered;
                }
                Err(error) if error.is_final() => {
                    warn!(id = %event.id, %error, attempts, "event refused for good");
                    *failures = 0;
                    return dead(&event, Reason::Refused, Some(error), attempts);
                }
                Err(error) => error,
            };
            *failures = failures.saturating_add(1);
            last = Some(error);
            let mut hurry = self.hurry.clone();
            let is_urgent = *hurry.borrow();
            let mut pause = self.backoff.pause(*failures, rand::random());
            if is_urgent {
                pause = pause.min(SHORT);
            }
            let pause_seconds = pause.as_secs_f64();
            warn!(id = %event.id, %error, attempts, pause_seconds, "event not delivered");
            tokio::select! {
                () = time::sleep(pause) => {}
                Ok(_) = hurry.wait_for(|hurry| *hurry), if !is_urgent => {}
                () = self.stop.requested() => return Ended::Stopped,
            }
        }
    }

    fn is_too_old(&self, entry: &Entry) -> bool {
        let waited = Timestamp::now().as_second().saturating_sub(entry.since);
        u64::try_from(waited).is_ok_and(|waited| waited >= self.max_age.as_secs())
    }
}

fn dead(event: &Event, reason: Reason, error: Option<SinkError>, attempts: u32) -> Ended {
    let detail = error.map(|error| error.to_string());
    let letter = DeadLetter::new(event, reason, detail, attempts);
    Ended::Dead(Box::new((event.id, letter)))
}

/// Stands for an event whose record cannot be read.
fn unreadable(entry: &Entry) -> Event {
    let since = Timestamp::from_second(entry.since).unwrap_or_default();
    let record = Bytes::copy_from_slice(&entry.record);
    Event::new(since, ZoomHeaders::default(), record)
}
