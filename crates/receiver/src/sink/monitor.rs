//! Checks the sink periodically, so that the facts say whether it can be reached.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time;
use tracing::{info, warn};

use super::any::Sink;
use crate::recorder::{Recorder, Urgency};

/// Between two checks of a sink that cannot be reached.
const SOON: Duration = Duration::from_secs(30);
/// Between two checks of one that can.
const LATER: Duration = Duration::from_mins(10);

/// Checks the sink periodically and records the result, forever, for the first time after `first`. Skips the check while
/// events get through.
pub async fn follow(sink: Sink, first: Duration, timeout: Duration, recorder: Recorder) {
    time::sleep(first).await;
    let mut last = Ok(());
    loop {
        let health = recorder.health();
        let delivered = health
            .last_delivered
            .filter(|_| health.sink_failures.is_none());
        let is_fresh =
            delivered.is_some_and(|at| Timestamp::now().duration_since(at).unsigned_abs() < LATER);
        let found = if is_fresh {
            Ok(())
        } else {
            sink.check(timeout).await
        };
        if found != last {
            match found {
                Ok(()) => info!(sink = %sink.target(), "the sink can be reached"),
                Err(cause) => warn!(
                    sink = %sink.target(),
                    %cause,
                    "the sink cannot be reached: correct webhook.sink of the ZoomIntegration"
                ),
            }
            last = found;
        }
        recorder.record_health(Urgency::Soon, |health| {
            // A failed delivery says more than a check.
            if health.sink_failures.is_none() {
                health.sink_cause = found.err().map(|cause| cause.to_string());
            }
        });
        time::sleep(if found.is_ok() { LATER } else { SOON }).await;
    }
}
