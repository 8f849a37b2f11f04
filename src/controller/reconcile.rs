//! One pass over one integration: observe, plan, apply, report.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{
    ResourceExt as _,
    runtime::{controller::Action, reflector::ObjectRef},
};
use tracing::Instrument as _;

use super::{
    Cached, Context,
    apply::apply,
    error::Error,
    fleet::Member,
    observe,
    plan::plan,
    report::{report, unreadable},
    schedule,
    status::status,
};
use crate::api::{condition::Type, v1alpha1::ZoomIntegrationStatus};

/// A pass makes some ten requests, each of which may be retried for a while.
const LONGEST_PASS: Duration = Duration::from_mins(1);

/// Passes that failed in a row, per object: kube-runtime has no backoff of its own.
#[derive(Debug, Default)]
pub struct Failures {
    in_a_row: Mutex<HashMap<ObjectRef<Cached>, u32>>,
}

/// One pass.
///
/// # Errors
/// When the pass could not be finished; [`retry`] says when to try again.
pub async fn reconcile(cached: Arc<Cached>, context: Arc<Context>) -> Result<Action, Error> {
    let span = tracing::info_span!(
        "reconcile",
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
    context.failures.forget(&ObjectRef::from_obj(&*cached));
    Ok(action)
}

async fn pass(cached: &Cached, context: &Context) -> Result<Action, Error> {
    context.leadership.check()?;
    let Some(live) = observe::integration(context, cached).await? else {
        return Ok(Action::await_change());
    };
    let integration = match live.0 {
        Ok(integration) => integration,
        Err(invalid) => {
            unreadable(context, &invalid).await?;
            return Ok(Action::await_change());
        }
    };
    if integration.metadata.deletion_timestamp.is_some() {
        // Children go by their owner references: there is nothing to do, and nothing that can hang.
        return Ok(Action::await_change());
    }
    let observed = observe::observe(context, &integration).await?;
    let plan = plan(&integration, &observed, Timestamp::now());
    tracing::debug!(?plan, "planned");
    let applied = apply(context, &integration, &observed, &plan).await?;
    let now = Timestamp::now();
    let (status, wait) = status(
        &integration,
        &observed,
        &applied,
        context.zoom.endpoints(),
        now,
    );
    report(context, &integration, &status).await?;
    remember(context, ObjectRef::from_obj(cached), &status, wait, now);
    Ok(Action::requeue(wait))
}

/// When to try again after a pass that could not be finished.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature is kube-runtime's"
)]
#[must_use]
pub fn retry(cached: Arc<Cached>, error: &Error, context: Arc<Context>) -> Action {
    let object = ObjectRef::from_obj(&*cached);
    let wait = match error {
        Error::Conflict => Duration::from_millis(100),
        // The process ends within moments.
        Error::Deposed => Duration::from_secs(1),
        Error::Kubernetes(_) | Error::Timeout(_) => {
            let failures = context.failures.count(&object);
            Duration::from_secs(1)
                .saturating_mul(2_u32.saturating_pow(failures.min(10)))
                .min(Duration::from_mins(1))
        }
    };
    tracing::warn!(
        namespace = object.namespace,
        name = object.name,
        error = error as &dyn std::error::Error,
        retry_seconds = wait.as_secs_f32(),
        "pass not finished"
    );
    Action::requeue(wait)
}

fn remember(
    context: &Context,
    object: ObjectRef<Cached>,
    status: &ZoomIntegrationStatus,
    wait: Duration,
    now: Timestamp,
) {
    let Some(phase) = status.phase else {
        return;
    };
    let is_false = |type_: Type| {
        type_
            .find(&status.conditions)
            .is_some_and(|condition| condition.status == "False")
    };
    context.fleet.seen(
        object,
        Member {
            phase,
            expires_at: status
                .token
                .as_ref()
                .and_then(|token| Some(token.expires_at.as_ref()?.0)),
            stalled: Type::Stalled
                .find(&status.conditions)
                .map(|condition| condition.reason.clone()),
            next_pass: schedule::later(now, wait),
            receiver_down: is_false(Type::ReceiverAvailable),
            validation_overdue: is_false(Type::EndpointValidated),
        },
    );
}

// === impl Failures ===

impl Failures {
    /// Counts a failure; how many there were before it.
    fn count(&self, object: &ObjectRef<Cached>) -> u32 {
        let mut in_a_row = self.in_a_row.lock().unwrap_or_else(PoisonError::into_inner);
        let count = in_a_row.entry(object.clone()).or_default();
        *count = count.saturating_add(1);
        *count - 1
    }

    /// Forgets the failures of an object that succeeded or is gone.
    pub fn forget(&self, object: &ObjectRef<Cached>) {
        self.in_a_row
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(object);
    }
}
