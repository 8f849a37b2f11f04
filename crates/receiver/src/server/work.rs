//! Who takes events, where stored ones go, and what has to be finished at the end.

use std::{io, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use runtime::admin::Readiness;
use tokio::{task::JoinSet, time};
use tracing::{error, warn};

use crate::{
    buffer::{Buffer, outlet::Outlet, tasks::BufferTasks},
    config::Config,
    dedupe::Dedupe,
    intake::Intake,
    metrics::Metrics,
    passthrough::PassThrough,
    recorder::Recorder,
    routing::{Routing, sinks::Sinks},
    sink::Sink,
};

/// Zoom's last retry comes after 85 minutes; nothing shorter would recognize it.
const MIN_DEDUPE_WINDOW: Duration = Duration::from_hours(2);

/// Who takes events, and what has to be finished at the end.
pub(super) fn intake(
    config: &Config,
    sink: Option<Sink>,
    registry: &mut Registry,
    (metrics, recorder): (&Metrics, &Recorder),
    (readiness, followers): (&Readiness, &mut JoinSet<()>),
) -> io::Result<(Intake, Option<BufferTasks>)> {
    let window = dedupe_window(config.tolerance);
    if let Some(settings) = config.buffer.clone() {
        let outlet = outlet(config, sink, followers);
        if settings.ephemeral && matches!(outlet, Outlet::None | Outlet::Held(_)) {
            // What this Pod would store, it could not forward before it ends.
            return Ok((Intake::None, None));
        }
        let (buffer, work) = Buffer::start(
            settings, window, outlet, registry, metrics, recorder, readiness,
        )?;
        return Ok((Intake::Buffer(buffer), Some(work)));
    }
    let intake = sink.map_or(Intake::None, |sink| {
        Intake::PassThrough(Arc::new(PassThrough::new(
            sink,
            config.tuning.sink_concurrency,
            Dedupe::bounded(window, config.tuning.dedupe_capacity),
            metrics.clone(),
            recorder.clone(),
        )))
    });
    Ok((intake, None))
}

/// Where stored events go.
fn outlet(config: &Config, sink: Option<Sink>, followers: &mut JoinSet<()>) -> Outlet {
    let Some(settings) = config.routing.clone() else {
        let sink = sink.filter(|_| !config.suspended);
        return sink.map_or(Outlet::None, Outlet::Sink);
    };
    let (source, extensions) = (config.integration.clone(), config.extensions.clone());
    let sinks = Sinks::new(config.sink.clone(), source, extensions);
    let routing = Routing::new(settings, sink, sinks);
    followers.spawn(routing.clone().follow());
    if config.suspended {
        Outlet::Held(routing)
    } else {
        Outlet::Routes(routing)
    }
}

/// Finishes what is under way within `limit`; before that, an ephemeral buffer is emptied.
pub(super) async fn finish(
    intake: &Intake,
    work: Option<BufferTasks>,
    empty: Option<time::Instant>,
    limit: Duration,
) {
    if let Intake::PassThrough(through) = intake
        && !through.drained(limit).await
    {
        warn!("deliveries cut off");
    }
    let Some(work) = work else {
        return;
    };
    if let Some(until) = empty {
        let left = until.saturating_duration_since(time::Instant::now());
        if !work.emptied(left).await {
            error!("events lost with the buffer: the sink did not accept them in time");
        }
    }
    work.finish(limit).await;
}

/// Twice the tolerance: what is signed at the far end of the window can come from its beginning.
fn dedupe_window(tolerance: Duration) -> Duration {
    (2 * tolerance).max(MIN_DEDUPE_WINDOW)
}

/// Whether what the buffer holds goes with the Pod.
pub(super) fn is_ephemeral(config: &Config) -> bool {
    let buffer = config.buffer.as_ref();
    !config.suspended && buffer.is_some_and(|buffer| buffer.ephemeral)
}
