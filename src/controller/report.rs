//! Says what was found: the single status write of a pass, and Kubernetes Events on change.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{PartialObjectMeta, Patch, PatchParams},
    core::error_boundary::InvalidObject,
    runtime::events::{Event, EventType},
};
use serde_json::json;

use super::{Context, error::Error};
use crate::api::{
    FIELD_MANAGER,
    condition::{self, Statement, Status, Type},
    v1alpha1::{Phase, ZoomIntegration, ZoomIntegrationStatus},
};

/// Publishes `status`, if it says anything new.
///
/// # Errors
/// When the API server refuses, somebody wrote in between, or this replica was deposed.
pub async fn report(
    context: &Context,
    integration: &ZoomIntegration,
    status: &ZoomIntegrationStatus,
) -> Result<(), Error> {
    if integration.status.as_ref() == Some(status) {
        return Ok(());
    }
    context.leadership.check()?;
    let api: Api<ZoomIntegration> = context.beside(integration);
    let patch = json!({
        "apiVersion": ZoomIntegration::api_version(&()),
        "kind": ZoomIntegration::kind(&()),
        "metadata": ObjectMeta {
            // Written for exactly the object that was read.
            resource_version: integration.resource_version(),
            uid: integration.uid(),
            ..ObjectMeta::default()
        },
        "status": status,
    });
    api.patch_status(
        &integration.name_any(),
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(&patch),
    )
    .await
    .map_err(Error::from_write)?;
    for event in events(integration.status.as_ref(), status) {
        let about = integration.object_ref(&());
        if let Err(error) = context.recorder.publish(&event, &about).await {
            tracing::warn!(%error, "failed to publish an event");
        }
    }
    Ok(())
}

/// Says that this version cannot read the resource; the rest of its status stays as it is.
///
/// # Errors
/// As [`report`].
pub async fn unreadable(context: &Context, invalid: &InvalidObject) -> Result<(), Error> {
    context.leadership.check()?;
    let meta = &invalid.metadata;
    tracing::warn!(
        namespace = meta.namespace,
        name = meta.name,
        error = invalid.error,
        "unreadable"
    );
    let message = format!(
        "This version of the operator cannot read the resource: {}. Correct it, or upgrade the operator.",
        invalid.error
    );
    // The same words and times on every pass, or this write would lead to the next.
    let since = meta
        .creation_timestamp
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let say = |type_, status: Status| Statement::new(type_, status, "Unreadable", &message);
    let statements = vec![
        say(Type::Ready, Status::False),
        say(Type::Stalled, Status::True),
    ];
    let status = ZoomIntegrationStatus {
        observed_generation: meta.generation,
        phase: Some(Phase::Degraded),
        conditions: condition::merge(&[], statements, meta.generation, since),
        ..ZoomIntegrationStatus::default()
    };
    let api: Api<PartialObjectMeta<ZoomIntegration>> = Api::namespaced(
        context.client.clone(),
        meta.namespace.as_deref().unwrap_or_default(),
    );
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": meta.resource_version},
        "status": status,
    }));
    api.patch_status(
        meta.name.as_deref().unwrap_or_default(),
        &PatchParams::default(),
        &patch,
    )
    .await
    .map_err(Error::from_write)?;
    Ok(())
}

/// One event for each change that a person would want to know of; none for a routine refresh.
fn events(before: Option<&ZoomIntegrationStatus>, now: &ZoomIntegrationStatus) -> Vec<Event> {
    let conditions = |status: Option<&ZoomIntegrationStatus>, type_: Type| {
        status
            .and_then(|status| type_.find(&status.conditions))
            .map(|condition| {
                (
                    condition.status.clone(),
                    condition.reason.clone(),
                    condition.message.clone(),
                )
            })
    };
    let mut events = Vec::new();
    for type_ in [Type::Ready, Type::TokenFresh, Type::EndpointValidated] {
        let Some((status, reason, message)) = conditions(Some(now), type_) else {
            continue;
        };
        let old = conditions(before, type_);
        if old
            .is_some_and(|(old_status, old_reason, _)| old_status == status && old_reason == reason)
        {
            continue;
        }
        // Ready speaks for the others when it changed for the same reason; Unknown is no news.
        let said = events.iter().any(|event: &Event| event.reason == reason);
        let news = type_ == Type::Ready
            || status == "False"
            || (type_ == Type::EndpointValidated && status == "True");
        if said || !news {
            continue;
        }
        events.push(Event {
            type_: severity(type_, &status, now.phase),
            reason,
            note: Some(message.chars().take(1000).collect()),
            action: "Reconcile".into(),
            secondary: None,
        });
    }
    events
}

fn severity(type_: Type, status: &str, phase: Option<Phase>) -> EventType {
    let waiting = matches!(
        phase,
        Some(
            Phase::AwaitingCredentials
                | Phase::ReadyToInstall
                | Phase::Connecting
                | Phase::Suspended
        )
    );
    if status == "True" || (type_ == Type::Ready && waiting) {
        EventType::Normal
    } else {
        EventType::Warning
    }
}
