//! The end of an integration whose receiver stores events: they are delivered first, within a time that has
//! an end. All others need no finalizer, and nothing can hang.

mod ending;

use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::events::{Event, EventType};

use self::ending::{Ending, GivenUp, Limits};
use super::{
    apply,
    buffer_finalizer::{FINALIZER, has_finalizer, is_needed},
    facts,
    model::Receiver,
    objects, observe,
    resources::Setting,
    status,
};
use crate::{
    api::{reason::Reason, v1alpha1::ZoomIntegration},
    controller::{Context, error::Error, finalizer, reconcile::Action, report, writer::Writer},
};

/// Between telling Kubernetes that volume claims can go, and the look whether it knows.
const BETWEEN_STEPS: Duration = Duration::from_secs(1);

/// Between two looks at a receiver that is emptied.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Brings the finalizer in line with the buffer; whether it had to be changed. In a namespace that is being
/// deleted there is none: the Role by which it could be removed later may be deleted before the integration.
///
/// # Errors
/// When it cannot be written.
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

/// Lets a deleted integration go as soon as nothing is stored any more, or its time has come.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn conclude(context: &Context, integration: &ZoomIntegration) -> Result<Action, Error> {
    if !has_finalizer(integration) {
        // Children go by their owner references: there is nothing to do, and nothing that can hang.
        return Ok(Action::await_change());
    }
    let (observed, namespace_ends) =
        observe::ending(observe::Sources::of(context), integration).await?;
    let policy = &context.config.policy;
    let limits = Limits {
        longest: policy.drain_limit,
        without_sink: policy.drain_limit_without_sink,
    };
    let now = Timestamp::now();
    match ending::ending(integration, &observed, namespace_ends, limits, now) {
        Ending::Release => {
            finalizer::ensure(&context.writer, integration, FINALIZER, false).await?;
            Ok(Action::await_change())
        }
        Ending::GiveUp(given_up) => {
            let set = observed.receiver.stateful_set.as_ref();
            if !apply::retire::release_claims(&context.writer, integration, set).await? {
                return Ok(Action::requeue(BETWEEN_STEPS));
            }
            if let Some(given_up) = given_up {
                announce(&context.writer, integration, &given_up).await;
            }
            finalizer::ensure(&context.writer, integration, FINALIZER, false).await?;
            Ok(Action::await_change())
        }
        Ending::Drain(drain) => {
            let setting = Setting {
                image: &context.config.receiver,
                policy,
                sink: observed.sink_access(),
                replicas: None,
                live: observed.receiver.stateful_set.as_ref(),
                exposed: false,
            };
            if let Some(wanted) = objects::retiring(integration, &observed.receiver, &setting)
                && objects::must_be_written(&observed, &wanted)
            {
                apply::retire::update_retiring(&context.writer, integration, &wanted).await?;
            }
            facts::send_orders(
                &context.writer,
                &context.receivers.http,
                integration,
                &drain.orders,
            )
            .await?;
            let status = status::ending(integration, &observed, &drain.message, now);
            report::report(&context.writer, integration, &status).await?;
            Ok(Action::requeue(BETWEEN_LOOKS))
        }
    }
}

/// Says in an Event what nobody will get: the object, and its status with it, is about to be gone.
async fn announce(writer: &Writer, integration: &ZoomIntegration, given_up: &GivenUp) {
    let message = given_up.message();
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
