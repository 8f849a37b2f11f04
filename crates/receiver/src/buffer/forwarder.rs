//! From the store to the integration's one sink: the whole queue is one line, in the order of arrival.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};

use super::{
    channel::{Channel, Decision, Wake},
    dead::DeadLetter,
    delivery::{Common, Delivery, Skip},
    reader::{Found, Stopped, next_events, read, read_one},
    schedule::Item,
};
use crate::{
    event::Event,
    recorder::Urgency,
    sink::{Failure, Sink},
};

/// Most completed deliveries that are not committed, and therefore most events that a crash repeats.
pub const UNSETTLED: u32 = 64;

/// Delivers what is stored.
#[derive(Debug)]
pub struct Forwarder {
    /// To where.
    pub sink: Sink,
    /// What it needs.
    pub common: Common,
    /// Requests to skip the event that holds up the queue.
    pub skips: mpsc::Receiver<Skip>,
}

/// The whole queue.
#[derive(Debug)]
struct Queue {
    common: Common,
    sink: Sink,
    /// The first place that was not read.
    from: u64,
    /// How many events were set aside at the last report.
    reported: usize,
}

// === impl Forwarder ===

impl Forwarder {
    /// Delivers until shutdown is requested.
    pub async fn run(self) {
        let queue = Queue {
            common: self.common.clone(),
            sink: self.sink,
            from: 0,
            reported: 0,
        };
        let unsettled = Arc::new(Semaphore::new(UNSETTLED as usize));
        Delivery::new(self.common, queue, self.skips, unsettled)
            .run()
            .await;
    }
}

// === impl Queue ===

impl Channel for Queue {
    type Turn = ();

    async fn wait(&mut self, reads: bool) -> Result<Wake, Stopped> {
        if !reads {
            return std::future::pending().await;
        }
        let Common {
            commands,
            fresh,
            status,
            ..
        } = &mut self.common;
        let read = next_events(commands, fresh, status, &mut self.from).await;
        let items = read.map(|entries| entries.into_iter().map(Item::from).collect());
        items.map(Wake::Read).ok_or(Stopped)
    }

    async fn ahead(&mut self) -> Result<Vec<Item>, Stopped> {
        let status = *self.common.status.borrow();
        if !status.open || status.totals.next <= self.from {
            return Ok(Vec::new());
        }
        let Common {
            commands, fresh, ..
        } = &self.common;
        let entries = read(commands, fresh, self.from).await?;
        let entries = entries.unwrap_or_default();
        if let Some(last) = entries.last() {
            self.from = last.sequence + 1;
        }
        Ok(entries.into_iter().map(Item::from).collect())
    }

    async fn read(&mut self, sequence: u64) -> Result<Found, Stopped> {
        let Common {
            commands, fresh, ..
        } = &self.common;
        read_one(commands, fresh, sequence).await
    }

    fn is_finished(&self) -> bool {
        false
    }

    fn decide(&mut self, _since: i64, _is_urgent: bool) -> Decision {
        Decision::Deliver
    }

    async fn acquire(&self, _bytes: usize) {}

    async fn deliver(&mut self, event: &Event, (): ()) -> Result<(), Failure> {
        let result = self.sink.deliver(event, &[]).await;
        let at = Timestamp::now();
        let cause = result.map_err(|failure| failure.error.to_string());
        self.common
            .recorder
            .record_health(Urgency::Soon, |health| match &cause {
                Ok(()) => health.delivered(at),
                Err(cause) => health.not_delivered(at, cause),
            });
        result
    }

    fn stamp(&self, _letter: &mut DeadLetter) {}

    fn settled(&mut self, _sequence: u64) {}

    fn report(&mut self, set_aside: usize, _failing: Option<u64>) {
        if set_aside == self.reported {
            return;
        }
        self.reported = set_aside;
        self.common.metrics.set_aside(set_aside);
        self.common
            .recorder
            .record_health(Urgency::Soon, |health| health.set_aside = set_aside as u64);
    }
}
