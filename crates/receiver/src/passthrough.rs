//! Without a buffer: Zoom gets its answer once the sink has answered.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::{sync::Semaphore, time};
use tracing::warn;

use super::{
    body::Raw,
    dedupe::{Claim, ClaimResult, Dedupe},
    event::Event,
    identity,
    metrics::Metrics,
    outcome::RequestOutcome,
    recorder::{Recorder, Urgency},
    sink::{Failure, Sink},
};

/// Hands each event to the sink while Zoom waits.
#[derive(Debug)]
pub struct PassThrough {
    sink: Sink,
    slots: Arc<Semaphore>,
    concurrency: u32,
    dedupe: Dedupe,
    metrics: Metrics,
    recorder: Recorder,
}

// === impl PassThrough ===

impl PassThrough {
    /// Delivers to `sink`, at most `concurrency` at a time, each event once as far as `dedupe` remembers.
    #[must_use]
    pub fn new(
        sink: Sink,
        concurrency: u32,
        dedupe: Dedupe,
        metrics: Metrics,
        recorder: Recorder,
    ) -> Self {
        Self {
            sink,
            slots: Arc::new(Semaphore::new(concurrency as usize)),
            concurrency,
            dedupe,
            metrics,
            recorder,
        }
    }

    /// Delivers one event and returns the outcome. `raw` is held until then: it counts against the memory
    /// of all bodies.
    pub async fn take(self: &Arc<Self>, event: Event, raw: Raw) -> RequestOutcome {
        let id = event.id;
        let claim = match self.dedupe.claim(identity::ids(&event), Instant::now()) {
            ClaimResult::New(claim, _) => claim,
            ClaimResult::Duplicate => return RequestOutcome::Duplicate,
            ClaimResult::InFlight(pending) => {
                return match pending.outcome().await {
                    Some(RequestOutcome::Delivered) => RequestOutcome::Duplicate,
                    _ => RequestOutcome::SinkFailed,
                };
            }
        };
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
            return RequestOutcome::Busy; // The process ends.
        };
        // A separate task: it continues when Zoom disconnects or our deadline passes, so that a
        // late acknowledgement is remembered and Zoom's retry not sent again.
        let this = Arc::clone(self);
        let delivery = tokio::spawn(async move {
            let result = this.deliver(&event, claim).await;
            drop((slot, raw));
            result
        });
        match delivery.await {
            Ok(Ok(())) => RequestOutcome::Delivered,
            Ok(Err(error)) => {
                warn!(%id, %error, "event not delivered");
                RequestOutcome::SinkFailed
            }
            Err(_) => RequestOutcome::SinkFailed,
        }
    }

    /// Waits for deliveries whose clients have disconnected. Returns whether all have ended.
    pub async fn drained(&self, limit: Duration) -> bool {
        // All slots are free once no delivery is in flight.
        let idle = self.slots.acquire_many(self.concurrency);
        time::timeout(limit, idle).await.is_ok()
    }

    async fn deliver(&self, event: &Event, claim: Claim) -> Result<(), Failure> {
        let started = Instant::now();
        let result = self.sink.deliver(event, &[]).await;
        let now = Timestamp::now();
        match result {
            Ok(()) => {
                claim.settle(RequestOutcome::Delivered, Instant::now());
                self.recorder
                    .record_health(Urgency::Soon, |health| health.delivered(now));
            }
            Err(failure) => {
                let cause = failure.to_string();
                self.recorder
                    .record_health(Urgency::Soon, |health| health.not_delivered(now, &cause));
            }
        }
        let error = result.map_err(|failure| failure.error);
        self.metrics
            .delivered(error, started.elapsed(), self.dedupe.len());
        result
    }
}
