//! The end of an integration whose receiver stores events: they are delivered first. All others need no
//! finalizer, and nothing can hang.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;

use super::{
    apply, facts,
    hold::{FINALIZER, is_held, is_needed},
    model::{Observed, Receiver, Waiting},
    objects, observe, plan,
    resources::Setting,
};
use crate::{
    api::{
        condition::{self, Statement, Status, Type},
        reason::Reason,
        v1alpha1::ZoomIntegration,
    },
    controller::{Context, error::Error, finalizer, reconcile::Action, report},
};

/// Between telling Kubernetes that volume claims can go, and the look whether it knows.
const BETWEEN_STEPS: Duration = Duration::from_secs(1);

/// Between two looks at a receiver that runs empty.
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
    let wanted =
        is_needed(integration, receiver) && !observe::namespace_ends(context, integration).await?;
    if !wanted && is_held(integration) {
        tracing::info!("nothing holds the integration any more: no buffer, or its namespace goes");
    }
    finalizer::bring(context, integration, FINALIZER, wanted).await
}

/// Lets a deleted integration go as soon as nothing is stored any more.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn conclude(context: &Context, integration: &ZoomIntegration) -> Result<Action, Error> {
    if !is_held(integration) {
        // Children go by their owner references: there is nothing to do, and nothing that can hang.
        return Ok(Action::await_change());
    }
    let receiver = observe::receiver(context, integration).await?;
    let live = receiver.live(integration);
    let buffered = live.iter().any(|live| live.buffered);
    if !buffered || observe::namespace_ends(context, integration).await? {
        finalizer::bring(context, integration, FINALIZER, false).await?;
        return Ok(Action::await_change());
    }
    if plan::discards(integration) {
        return let_go(context, integration, &receiver).await;
    }
    let (sink_secret, sink_service) = observe::sink(context, integration).await?;
    let observed = Observed {
        sink_secret,
        sink_service,
        pods: facts::gather(context, integration, &receiver).await,
        receiver,
        ..Observed::default()
    };
    let transition = plan::transition(integration, &observed);
    let Some(waiting) = transition.waiting else {
        return let_go(context, integration, &observed.receiver).await;
    };
    let setting = Setting {
        image: &context.config.receiver,
        policy: &context.config.policy,
        sink: observed.sink_access(),
        replicas: None,
        live: observed.receiver.stateful_set.as_ref(),
        exposed: false,
    };
    if let Some(wanted) = objects::retiring(integration, &observed.receiver, &setting)
        && objects::must_be_written(&observed, &wanted)
    {
        apply::retire::keep_up(context, integration, &wanted).await?;
    }
    facts::tell(context, integration, &transition.orders).await?;
    say(context, integration, waiting).await?;
    Ok(Action::requeue(BETWEEN_LOOKS))
}

/// Lets an integration go of whose events nothing is kept.
async fn let_go(
    context: &Context,
    integration: &ZoomIntegration,
    receiver: &Receiver,
) -> Result<Action, Error> {
    let set_of_pods = receiver.stateful_set.as_ref();
    if !apply::retire::release_claims(context, integration, set_of_pods).await? {
        return Ok(Action::requeue(BETWEEN_STEPS));
    }
    finalizer::bring(context, integration, FINALIZER, false).await?;
    Ok(Action::await_change())
}

/// Says what a deletion waits for.
async fn say(
    context: &Context,
    integration: &ZoomIntegration,
    waiting: Waiting,
) -> Result<(), Error> {
    let namespace = integration.namespace().unwrap_or_default();
    let suspended = integration.spec.suspend;
    let message = waiting.message(&namespace, &integration.name_any(), suspended);
    let mut status = integration.status.clone().unwrap_or_default();
    status.conditions = with_waiting(
        &status.conditions,
        &message.unwrap_or_default(),
        integration.metadata.generation,
        Timestamp::now(),
    );
    status.observed_generation = integration.metadata.generation;
    report::report(context, integration, &status).await
}

/// The conditions with the one that says what is waited for; the others stay.
fn with_waiting(
    before: &[Condition],
    message: &str,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let waits = Statement::new(
        Type::EventsDelivered,
        Status::False,
        Reason::Draining,
        message,
    );
    let others = before
        .iter()
        .filter(|condition| condition.type_ != Type::EventsDelivered.as_str());
    let said = condition::merge(before, vec![waits], generation, now);
    others.cloned().chain(said).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::StatefulSet;
    use serde_json::{Value, json};

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "cases read better")]
    fn integration(webhook: Value) -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []}, "webhook": webhook,
            },
        }))
        .unwrap()
    }

    #[test]
    fn only_a_buffer_holds_an_integration() {
        let sink = json!({"http": {"url": "https://s"}});
        let plain = integration(json!({"sink": sink}));
        assert!(!is_needed(&plain, &Receiver::default()));
        let buffered = integration(json!({"sink": sink, "buffer": {}}));
        assert!(is_needed(&buffered, &Receiver::default()));
        // The buffer is no longer wanted, and still there.
        let mut set = StatefulSet::default();
        set.metadata.owner_references = Some(vec![
            k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference {
                uid: "u1".into(),
                ..Default::default()
            },
        ]);
        let left = Receiver {
            stateful_set: Some(set),
            ..Receiver::default()
        };
        assert!(is_needed(&plain, &left));
        assert!(is_needed(&integration(Value::Null), &left));
    }

    #[test]
    fn what_was_said_otherwise_stays() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ready = Statement::new(Type::Ready, Status::True, Reason::Connected, "fine");
        let before = condition::merge(&[], vec![ready], Some(1), at(1));
        let first = with_waiting(&before, "3 events", Some(2), at(2));
        let second = with_waiting(&first, "2 events", Some(2), at(3));
        assert_eq!(second[0], before[0]);
        assert_eq!((second.len(), second[1].message.as_str()), (2, "2 events"));
        assert_eq!(second[1].last_transition_time.0, at(2));
    }
}
