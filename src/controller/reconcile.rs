//! One pass over one object, whichever its kind: bounded in time, logged, counted, repeated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{ResourceExt as _, core::DeserializeGuard, runtime::controller::Action};
use tracing::Instrument as _;

use super::{Context, error::Error, fleet::Key, report};

/// A pass makes some ten requests, each of which may be retried for a while.
const LONGEST_PASS: Duration = Duration::from_mins(1);

/// An object as it came from the watch. One that cannot be read, perhaps written by a newer version,
/// must not stop the work on all others.
pub type Guarded<K> = DeserializeGuard<K>;

/// A kind of resource that the controller works on.
pub trait Managed: report::Reported {
    /// One pass over an object that was just read: observe, plan, apply, report.
    ///
    /// # Errors
    /// When the pass could not be finished; [`retry`] says when to try again.
    fn pass(&self, context: &Context) -> impl Future<Output = Result<Action, Error>> + Send;

    /// Asks for passes over the objects for which it matters that this one is gone.
    fn gone(context: &Context, object: &ObjectMeta);
}

/// Passes that failed in a row, per object: kube-runtime has no backoff of its own.
#[derive(Debug, Default)]
pub struct Failures {
    in_a_row: Mutex<HashMap<Key, u32>>,
}

/// One pass.
///
/// # Errors
/// When the pass could not be finished; [`retry`] says when to try again.
pub async fn reconcile<K: Managed>(
    cached: Arc<Guarded<K>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let span = tracing::info_span!(
        "reconcile",
        kind = %K::kind(&()),
        namespace = cached.namespace(),
        name = cached.name_any()
    );
    let started = Instant::now();
    let result = tokio::time::timeout(LONGEST_PASS, pass(&cached, &context).instrument(span))
        .await
        .unwrap_or(Err(Error::Timeout(LONGEST_PASS)));
    context
        .metrics
        .pass(result.as_ref().err(), started.elapsed());
    let action = result?;
    context.failures.forget(&Key::of(&*cached));
    Ok(action)
}

async fn pass<K: Managed>(cached: &Guarded<K>, context: &Context) -> Result<Action, Error> {
    context.leadership.check()?;
    // The cached object may be older than our own last write.
    let live = context
        .beside::<Guarded<K>>(cached)
        .get_opt(&cached.name_any())
        .await?
        .filter(|live| live.uid() == cached.uid());
    let Some(live) = live else {
        return Ok(Action::await_change());
    };
    match live.0 {
        Ok(object) => object.pass(context).await,
        Err(invalid) => {
            report::unreadable::<K>(context, &invalid).await?;
            Ok(Action::await_change())
        }
    }
}

/// When to try again after a pass that could not be finished.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature is kube-runtime's"
)]
#[must_use]
pub fn retry<K: Managed>(cached: Arc<Guarded<K>>, error: &Error, context: Arc<Context>) -> Action {
    let wait = match error {
        Error::Conflict => Duration::from_millis(100),
        // The process ends within moments.
        Error::Deposed => Duration::from_secs(1),
        Error::Kubernetes(_) | Error::Store(_) | Error::Timeout(_) => {
            let failures = context.failures.count(Key::of(&*cached));
            Duration::from_secs(1)
                .saturating_mul(2_u32.saturating_pow(failures.min(10)))
                .min(Duration::from_mins(1))
        }
    };
    tracing::warn!(
        kind = %K::kind(&()),
        namespace = cached.namespace(),
        name = cached.name_any(),
        error = error as &dyn std::error::Error,
        retry_seconds = wait.as_secs_f32(),
        "pass not finished"
    );
    Action::requeue(wait)
}

// === impl Failures ===

impl Failures {
    /// Counts a failure; how many there were before it.
    fn count(&self, object: Key) -> u32 {
        let mut in_a_row = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        let count = in_a_row.entry(object).or_default();
        *count = count.saturating_add(1);
        *count - 1
    }

    /// Forgets the failures of an object that succeeded or is gone.
    pub fn forget(&self, object: &Key) {
        self.in_a_row
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(object);
    }
}
