//! The deletion of an integration whose receiver stores events: they are delivered first, within a time
//! limit. Other integrations need no finalizer, so nothing can block them.

mod ending;

use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::events::{Event, EventType};

use self::ending::{Ending, GivenUp, Limits, Unseen};
use super::{
    apply,
    buffer_finalizer::{FINALIZER, has_finalizer, is_needed},
    model::{Observed, Receiver},
    objects, observe, plan,
    resources::{Part, Setting},
    routes, status,
};
use crate::{
    api::{reason::Reason, v1alpha1::ZoomIntegration},
    controller::{
        Context, clock,
        error::{Error, chain},
        finalizer,
        key::Key,
        reconcile::Action,
        report, schedule,
        writer::Writer,
    },
};

/// Time between releasing the volume claims and checking that Kubernetes has seen it.
const BETWEEN_STEPS: Duration = Duration::from_secs(1);

/// Time between two attempts to see anything at all.
const BETWEEN_ATTEMPTS: Duration = Duration::from_mins(1);

/// Time between two checks of a receiver that is delivering its last events.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Adds or removes the finalizer to match the buffer. Returns whether the object was changed. There is no
/// finalizer in a namespace that is being deleted: the Role that allows its removal may be deleted before the
/// integration.
///
/// # Errors
/// When the finalizer cannot be written.
pub async fn prepare(
    context: &Context,
    integration: &ZoomIntegration,
    receiver: &Receiver,
) -> Result<bool, Error> {
    let wanted = is_needed(integration, receiver)
        && !observe::namespace_ends(&context.reader, integration).await?;
    if !wanted && has_finalizer(integration) {
        tracing::info!("nothing holds the integration any more: no buffer, or its namespace goes");
    }
    finalizer::ensure(&context.writer, integration, FINALIZER, wanted).await
}

/// Releases a deleted integration as soon as nothing is stored any more, or its time limit has passed.
///
/// # Errors
/// When a request to the API server fails.
pub async fn conclude(context: &Context, integration: &ZoomIntegration) -> Result<Action, Error> {
    if !has_finalizer(integration) {
        // Kubernetes deletes the children by their owner references: there is nothing to do and nothing that
        // can block.
        return Ok(Action::await_change());
    }
    let observed = observe::ending(observe::Sources::of(context), integration).await;
    let (observed, namespace_ends) = match observed {
        Err(error) if error.forbidden().is_some() => {
            return Box::pin(conclude_unseen(context, integration)).await;
        }
        other => other?,
    };
    let policy = &context.config.policy;
    let is_routed = routes::are_on(context, integration);
    let limits = Limits {
        longest: policy.drain_limit,
        without_sink: policy.drain_limit_without_sink,
    };
    let now = Timestamp::now();
    let limits = limits.with_routes(is_routed);
    let decide = |now| ending::ending(integration, &observed, namespace_ends, limits, now);
    let mut decided = decide(now);
    if let Ending::GiveUp(Some(GivenUp::Discarded { .. })) = &decided
        && !clock::is_confirmed(&context.reader, "discard stored events").await
    {
        // Until it is certain that the time is over, they are delivered on.
        let began = integration.metadata.deletion_timestamp.as_ref();
        decided = decide(began.map_or(now, |began| began.0));
    }
    match decided {
        Ending::Release => {
            finalizer::ensure(&context.writer, integration, FINALIZER, false).await?;
            Ok(Action::await_change())
        }
        Ending::GiveUp(given_up) => {
            let last = ending::until(integration, policy.drain_limit, now);
            give_up(context, integration, &observed, given_up, now >= last).await
        }
        Ending::Drain(drain) => {
            let setting = Setting {
                image: &context.config.receiver,
                policy,
                sink: observed.sink_access(),
                secret_uid: plan::mounted_secret(&observed),
                sink_addresses: observed.sink_addresses.as_deref(),
                replicas: None,
                live: observed.receiver.stateful_set.as_ref(),
                grown: false,
                exposed: false,
                routes: is_routed,
            };
            let mut message = drain.message;
            if let Err(error) = keep_up(context, integration, &observed, &setting, now).await {
                let sentence = error.into_refusal()?;
                message = format!("{message} The receiver cannot be kept up to date: {sentence}");
            }
            let sent = apply::control::send(context, integration, &drain.orders).await;
            if let Err(error) = sent {
                let sentence = error.into_refusal()?;
                message = format!(
                    "{message} The receiver cannot be told to empty its buffer: {sentence}"
                );
            }
            let status = status::ending(integration, &observed, &message, now);
            report::report(&context.writer, integration, &status).await?;
            if let Err(error) = routes::keep(context, integration).await {
                tracing::warn!(error = chain(&error), "routes could not be repaired");
            }
            Ok(Action::requeue(BETWEEN_LOOKS))
        }
    }
}

/// Releases a deleted integration together with its volume claims. `is_last`: the time that a deletion waits has passed,
/// so that no refusal keeps it any longer, not even one that may end by itself. Then the claims stay.
async fn give_up(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    given_up: Option<GivenUp>,
    is_last: bool,
) -> Result<Action, Error> {
    let writer = &context.writer;
    let set = observed.receiver.stateful_set.as_ref();
    let kept = match apply::retire::release_claims(writer, integration, set).await {
        Ok(true) => None,
        Ok(false) => return Ok(Action::requeue(BETWEEN_STEPS)),
        Err(error) if is_last || error.is_final() => Some(error.into_refusal()?),
        Err(error) => return Err(error),
    };
    let kept = kept.map(|sentence| ending::kept(integration, &sentence));
    let given_up = given_up.map(|given_up| given_up.message());
    let said: Vec<String> = given_up.into_iter().chain(kept).collect();
    if !said.is_empty() {
        announce(writer, integration, said.join(" ")).await;
    }
    finalizer::ensure(writer, integration, FINALIZER, false).await?;
    Ok(Action::await_change())
}

/// Keeps a receiver up to date while it delivers its last events.
async fn keep_up(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    setting: &Setting<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let writer = &context.writer;
    let mut altered = observed.altered.clone();
    match objects::retiring(integration, &observed.receiver, setting) {
        Some(wanted) if objects::must_be_written(observed, &wanted) => {
            let written = apply::retire::update_retiring(writer, integration, &wanted).await?;
            altered = objects::altered_retiring(observed, &wanted, &written, now);
        }
        Some(_) => {}
        None => {
            let set = observed.receiver.stateful_set.as_ref();
            let known = apply::retire::restore_scale(writer, integration, set, &altered).await?;
            altered.extend(known.map(|known| (Part::StatefulSet, known)));
        }
    }
    let key = Key::from(integration);
    context
        .memory
        .altered
        .learn(&key.namespace, &key.name, &altered);
    Ok(())
}

/// Releases a deleted integration of whose receiver nothing can be seen: the Role was deleted with its namespace, or
/// somebody took it away. It may come back.
///
/// # Errors
/// When a request to the API server fails.
pub async fn conclude_unseen(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<Action, Error> {
    if !has_finalizer(integration) {
        return Ok(Action::await_change());
    }
    let (writer, now) = (&context.writer, Timestamp::now());
    let key = Key::from(integration);
    let namespace_ends = match observe::namespace_ends(&context.reader, integration).await {
        Err(error) if error.forbidden().is_some() => None,
        other => Some(other?),
    };
    let longest = context.config.policy.drain_limit;
    match ending::unseen(integration, namespace_ends, longest, now) {
        Unseen::Wait { until, message } => {
            tracing::warn!(message, "an integration is being deleted");
            // Without its Role, the operator may not be able to say so.
            if let Err(error) = report::forbidden(writer, integration, &key, &message).await {
                tracing::debug!(error = chain(&error), "the status does not say so");
            }
            Ok(Action::requeue(
                schedule::wait([until], now).min(BETWEEN_ATTEMPTS),
            ))
        }
        Unseen::Release(lost) => {
            finalizer::ensure(writer, integration, FINALIZER, false).await?;
            if let Some(lost) = lost {
                announce(writer, integration, lost.to_owned()).await;
            }
            Ok(Action::await_change())
        }
    }
}

/// Reports lost events in an Event: the object and its status are about to disappear.
async fn announce(writer: &Writer, integration: &ZoomIntegration, message: String) {
    tracing::warn!(message, "gave up stored events");
    let event = Event {
        type_: EventType::Warning,
        reason: Reason::EventsGivenUp.into(),
        note: Some(message),
        action: "Delete".into(),
        secondary: None,
    };
    writer.publish(integration, event).await;
}
