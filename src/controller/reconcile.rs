//! One pass over one object of either kind: limited in time, logged, counted, repeated.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::events::{Event, EventType};
use tracing::{Instrument as _, Span, field};

use super::{
    Context,
    error::{Error, chain},
    index::{Claim, Guarded, Watched},
    key::{Key, Kind},
    queue::{Next, Priority},
    reader::Reads,
    report,
};
use crate::api::{
    reason::Reason,
    v1alpha1::{ZoomConnection, ZoomIntegration},
};

/// A pass makes about ten requests, and each of them may be retried for a while.
const LONGEST_PASS: Duration = Duration::from_mins(1);

/// Wait between two passes over an object that somebody else writes at the same time.
const FIRST_WAIT_AFTER_CONFLICT: Duration = Duration::from_millis(100);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_mins(1);

/// A permission that is being granted is missing for a moment, and so is an API server: after so many failures in a row
/// the status says it.
const FAILURES: u32 = 3;

/// When the next pass over an object is due if nothing changes, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action(Option<Next>);

/// A kind of resource that the controller works on.
pub trait Managed: report::Reported {
    /// How long to wait until there is something to do, if nothing but time led to this pass, and what is due has to
    /// wait for its turn. Reads nothing. `None`: the pass is made.
    fn turn(&self, _context: &Context) -> Option<Duration> {
        None
    }

    /// Makes one pass over an object: observe, plan, apply, settle, report.
    ///
    /// # Errors
    /// When the pass could not finish; it is then repeated.
    fn pass(&self, context: &Context) -> impl Future<Output = Result<Action, Error>> + Send;

    /// Ends the deletion of an object in a namespace where the operator may look at nothing else.
    ///
    /// # Errors
    /// When a request to the API server fails.
    fn end_unseen(&self, context: &Context) -> impl Future<Output = Result<Action, Error>> + Send;

    /// Does what follows every pass that began at `begun`, also one that failed or was not made.
    fn passed(_context: &Context, _key: &Key, _begun: Timestamp) {}

    /// Forgets what is known about a deleted object outside the index.
    fn forget(context: &Context, object: &ObjectMeta);
}

// === impl Action ===

impl Action {
    /// The next pass is due after this time.
    #[must_use]
    pub const fn requeue(wait: Duration) -> Self {
        Self(Some((wait, Priority::DUE)))
    }

    /// The same, but if a person waits, then ahead of routine work.
    #[must_use]
    pub const fn prompt_if(self, is_awaited: bool) -> Self {
        match self.0 {
            Some((wait, _)) if is_awaited => Self(Some((wait, Priority::PROMPT))),
            _ => self,
        }
    }

    /// The same, but if a person must act first, then behind everything else.
    #[must_use]
    pub const fn retry_if(self, awaits_person: bool) -> Self {
        match self.0 {
            Some((wait, _)) if awaits_person => Self(Some((wait, Priority::RETRY))),
            _ => self,
        }
    }

    /// No pass is due until something changes.
    #[must_use]
    pub const fn await_change() -> Self {
        Self(None)
    }
}

/// Makes one pass. Returns the time until the next one, if one is due.
pub async fn reconcile(context: Arc<Context>, key: Key, why: Priority) -> Option<Next> {
    match key.kind {
        Kind::Integration => Box::pin(follow::<ZoomIntegration>(&context, &key, why)).await,
        Kind::Connection => Box::pin(follow::<ZoomConnection>(&context, &key, why)).await,
    }
}

async fn follow<K: Managed>(context: &Context, key: &Key, why: Priority) -> Option<Next>
where
    Guarded<K>: Watched,
{
    let begun = Timestamp::now();
    let next = Box::pin(run::<K>(context, key, why)).await;
    K::passed(context, key, begun);
    next
}

async fn run<K: Managed>(context: &Context, key: &Key, why: Priority) -> Option<Next>
where
    Guarded<K>: Watched,
{
    // Once the namespace can be watched, every object in it gets a pass.
    if !context.reader.index().is_watched(&key.namespace) {
        let wait = Box::pin(unwatched::<K>(context, key)).await?;
        return Some((wait, Priority::ROUTINE));
    }
    let object = context
        .reader
        .index()
        .get::<Guarded<K>>(&key.namespace, &key.name)?;
    if !context.reader.index().serves(key) {
        // Another operator may have taken it over.
        context.reader.index().leave(key);
        K::forget(context, kube::Resource::meta(&*object));
        return None;
    }
    if !why.is_whole()
        && let Ok(found) = &object.0
        && let Some(wait) = found.turn(context)
    {
        context
            .reader
            .index()
            .postponed(key, wait, Timestamp::now());
        // A person may wait for it.
        return Some((wait, why));
    }
    let span = span(key);
    match claim(context, key, &object) {
        Claim::Alone => {}
        Claim::Told(rival) => {
            tell(context, &object, &rival)
                .instrument(span.clone())
                .await;
        }
        Claim::Yield {
            rival,
            wait,
            is_new,
        } => {
            if is_new {
                span.in_scope(|| {
                    tracing::warn!(
                        rival = &*rival,
                        wait_seconds = wait.as_secs(),
                        "another release serves the object, too: this one waits. Keep them apart by watchNamespaces, watchNamespaceSelector or operatorClass"
                    );
                });
            }
            context.reader.index().left_to_rival(key);
            return Some((wait, Priority::ROUTINE));
        }
    }
    let started = Instant::now();
    let result = tokio::time::timeout(
        LONGEST_PASS,
        pass(&object, context).instrument(span.clone()),
    )
    .await
    .unwrap_or(Err(Error::Timeout(LONGEST_PASS)));
    let took = started.elapsed();
    context.metrics.pass(result.as_ref().err(), took);
    match result {
        Ok(Action(next)) => {
            context.reader.index().succeeded(key);
            next
        }
        Err(error) => {
            let before = context.reader.index().failed(key);
            let retry = retry(&error, before);
            span.in_scope(|| {
                tracing::warn!(
                    error = chain(&error),
                    retry_seconds = retry.as_secs_f32(),
                    "pass not finished"
                );
            });
            if matches!(error, Error::Conflict) {
                reread::<K>(context, key).await;
            }
            if let Ok(object) = &object.0
                && before >= FAILURES
            {
                let told = report::failing(&context.writer, object, key, &error).await;
                if let Err(error) = told {
                    span.in_scope(|| {
                        tracing::debug!(error = chain(&error), "the status does not say so");
                    });
                }
            }
            Some((retry, Priority::ROUTINE))
        }
    }
}

/// In a namespace that cannot be watched, only a deletion that waits for the operator goes on: the namespace may be
/// going as well, and the watch of this kind may be the only one that works.
async fn unwatched<K: Managed>(context: &Context, key: &Key) -> Option<Duration>
where
    Guarded<K>: Watched,
{
    let index = context.reader.index();
    if !index.is_away(&key.namespace) || !index.serves(key) {
        return None;
    }
    let object = index.get::<Guarded<K>>(&key.namespace, &key.name)?;
    let object = object.0.as_ref().ok()?;
    object.meta().deletion_timestamp.as_ref()?;
    let span = span(key);
    let ended = object.end_unseen(context).instrument(span.clone()).await;
    match ended {
        Ok(Action(next)) => next.map(|(wait, _)| wait),
        Err(error) => {
            span.in_scope(|| {
                tracing::warn!(
                    error = chain(&error),
                    "the object is being deleted, and the operator has no permission to release it: give it its Role in the namespace, or remove the finalizers that begin with zoom-operator.io/"
                );
            });
            Some(LAST_WAIT)
        }
    }
}

/// Whether another release works on the object. Both may end a deletion.
fn claim<K: Managed>(context: &Context, key: &Key, object: &Guarded<K>) -> Claim {
    let Ok(object) = &object.0 else {
        return Claim::Alone;
    };
    let index = context.reader.index();
    // Only the release of the pages knows a consent, and its code is valid for minutes.
    let has_consents = index.consents(key).is_some_and(|known| !known.is_empty());
    if object.meta().deletion_timestamp.is_some() || has_consents {
        return Claim::Alone;
    }
    let named = object.status().and_then(K::operator);
    index.claim(key, named, Timestamp::now())
}

/// Tells people of another release that works on the object.
async fn tell<K: Managed>(context: &Context, object: &Guarded<K>, rival: &str) {
    tracing::warn!(rival, "another release serves the object, too");
    let Ok(object) = &object.0 else {
        return;
    };
    let own = context.reader.index().release();
    let note = format!(
        "The releases {own} and {rival} both serve this object: keep them apart by watchNamespaces, watchNamespaceSelector or operatorClass, or uninstall one. {rival} waits meanwhile."
    );
    let event = Event {
        type_: EventType::Warning,
        reason: Reason::ServedTwice.into(),
        note: Some(note),
        action: "Reconcile".into(),
        secondary: None,
    };
    context.writer.publish(object, event).await;
}

async fn pass<K: Managed>(object: &Guarded<K>, context: &Context) -> Result<Action, Error> {
    context.writer.lead()?;
    match &object.0 {
        Ok(object) => object.pass(context).await,
        Err(invalid) => {
            report::unreadable::<K>(&context.writer, invalid).await?;
            Ok(Action::await_change())
        }
    }
}

/// Reads the object again: somebody else wrote it, and the watch may not have reported that yet.
async fn reread<K: Managed>(context: &Context, key: &Key)
where
    Guarded<K>: Watched,
{
    let objects: Reads<Guarded<K>> = context.reader.within(&key.namespace);
    // The watch reports deletions.
    if let Ok(Some(object)) = objects.get_opt(&key.name).await {
        context.writer.wrote(key, object);
    }
}

/// The fields of every log line of a pass.
fn span(key: &Key) -> Span {
    let span = tracing::info_span!(
        "reconcile",
        namespace = &*key.namespace,
        integration = field::Empty,
        connection = field::Empty,
    );
    match key.kind {
        Kind::Integration => span.record("integration", &*key.name),
        Kind::Connection => span.record("connection", &*key.name),
    };
    span
}

/// How long to wait after a pass that could not finish, following this many other failures `before` it.
fn retry(error: &Error, before: u32) -> Duration {
    let first = match error {
        Error::Conflict => FIRST_WAIT_AFTER_CONFLICT,
        // The process is about to end.
        Error::Deposed => return FIRST_WAIT,
        Error::Kubernetes(_) | Error::Store(_) | Error::Timeout(_) => FIRST_WAIT,
    };
    first
        .saturating_mul(2_u32.saturating_pow(before.min(10)))
        .min(LAST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_a_person_waits_for_stays_urgent() {
        let wait = Duration::from_millis(200);
        let next = |action: Action| action.0;
        let due = Action::requeue(wait);
        assert_eq!(next(due.prompt_if(false)), Some((wait, Priority::DUE)));
        assert_eq!(next(due.prompt_if(true)), Some((wait, Priority::PROMPT)));
        assert_eq!(next(Action::await_change().prompt_if(true)), None);
        // Also if nothing else can change before a person acts.
        let retry = due.retry_if(true);
        assert_eq!(next(retry), Some((wait, Priority::RETRY)));
        assert_eq!(next(retry.prompt_if(true)), Some((wait, Priority::PROMPT)));
    }

    #[test]
    fn failures_in_a_row_are_repeated_ever_more_rarely() {
        let waits = |error: &Error| [0, 1, 3, 30].map(|before| retry(error, before).as_millis());
        assert_eq!(waits(&Error::Conflict), [100, 200, 800, 60_000]);
        let slow = Error::Timeout(LONGEST_PASS);
        assert_eq!(waits(&slow), [1_000, 2_000, 8_000, 60_000]);
    }
}
