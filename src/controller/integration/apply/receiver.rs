//! The receiver's objects: written when they differ from what is wanted, removed when they are ours.

use k8s_openapi::{NamespaceResourceScope, api::apps::v1::Deployment};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    api::{FIELD_MANAGER, v1alpha1::ZoomIntegration},
    controller::{
        Context,
        error::Error,
        integration::{
            observe::Receiver,
            plan::ReceiverStep,
            resources::{self, Resources},
            verdict::ReceiverFinding,
        },
        published::gone,
    },
};

/// Carries out the receiver's step.
pub(super) async fn apply(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Receiver,
    step: ReceiverStep,
) -> Result<ReceiverFinding, Error> {
    let wanted = resources::build(integration, &context.config.receiver);
    match (step, wanted) {
        (ReceiverStep::Apply, Some(wanted)) => {
            match apply_receiver(context, integration, observed, wanted).await {
                Err(Error::Kubernetes(kube::Error::Api(status))) => {
                    Ok(ReceiverFinding::NotApplied(format!(
                        "The receiver's objects could not be written: {}",
                        status.message
                    )))
                }
                other => other,
            }
        }
        (ReceiverStep::Remove, _) => {
            remove_receiver(context, integration, observed).await?;
            Ok(ReceiverFinding::Unavailable(
                "The receiver is removed.".into(),
            ))
        }
        _ => Ok(availability(observed.deployment.as_ref())),
    }
}

async fn apply_receiver(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Receiver,
    wanted: Resources,
) -> Result<ReceiverFinding, Error> {
    let Resources {
        service_account,
        service,
        deployment,
    } = wanted;
    let foreign = [
        foreign(integration, observed.service_account.as_ref()),
        foreign(integration, observed.service.as_ref()),
        foreign(integration, observed.deployment.as_ref()),
    ];
    if let Some(object) = foreign.into_iter().flatten().next() {
        return Ok(ReceiverFinding::Conflict(format!(
            "{object} exists and was not made for this integration: delete it, or create the integration under another name."
        )));
    }
    let leaving = [
        leaving(integration, observed.service_account.as_ref()),
        leaving(integration, observed.service.as_ref()),
        leaving(integration, observed.deployment.as_ref()),
    ];
    if leaving.contains(&true) {
        return Ok(ReceiverFinding::Unavailable(
            "The receiver of a deleted integration of this name is being removed.".into(),
        ));
    }
    child(
        context,
        integration,
        observed.service_account.as_ref(),
        service_account,
    )
    .await?;
    child(context, integration, observed.service.as_ref(), service).await?;
    let deployment = child(
        context,
        integration,
        observed.deployment.as_ref(),
        deployment,
    )
    .await?;
    Ok(availability(Some(&deployment)))
}

/// Applies one object, unless it already is as wanted.
async fn child<K>(
    context: &Context,
    integration: &ZoomIntegration,
    live: Option<&K>,
    wanted: K,
) -> Result<K, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    if let Some(live) = live {
        let json = |object: &K| serde_json::to_value(object).unwrap_or_default();
        if resources::covers(&json(live), &json(&wanted)) {
            return Ok(live.clone());
        }
    }
    context.leadership.check()?;
    let api: Api<K> = context.beside(integration);
    let name = wanted.name_any();
    tracing::info!(kind = %K::kind(&()), name, "applying");
    api.patch(
        &name,
        &PatchParams::apply(FIELD_MANAGER).force(),
        &Patch::Apply(&wanted),
    )
    .await
    .map_err(Error::from_write)
}

async fn remove_receiver(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Receiver,
) -> Result<(), Error> {
    remove(context, integration, observed.deployment.as_ref()).await?;
    remove(context, integration, observed.service.as_ref()).await?;
    remove(context, integration, observed.service_account.as_ref()).await
}

/// Deletes one object if it is ours.
async fn remove<K>(
    context: &Context,
    integration: &ZoomIntegration,
    live: Option<&K>,
) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let Some(live) = live.filter(|live| owned(integration, *live)) else {
        return Ok(());
    };
    context.leadership.check()?;
    let api: Api<K> = context.beside(integration);
    let exactly = Preconditions {
        uid: live.uid(),
        resource_version: None,
    };
    gone(
        api.delete(
            &live.name_any(),
            &DeleteParams::background().preconditions(exactly),
        )
        .await,
    )
}

/// Kind and name of an object that another owner made under our name.
fn foreign<K: Resource<DynamicType = ()>>(
    integration: &ZoomIntegration,
    live: Option<&K>,
) -> Option<String> {
    let live = live?;
    (!owned(integration, live) && !leaving(integration, Some(live)))
        .then(|| format!("{} {}", K::kind(&()), live.name_any()))
}

fn owned<K: Resource>(integration: &ZoomIntegration, live: &K) -> bool {
    live.owner_references()
        .iter()
        .any(|owner| Some(&owner.uid) == integration.metadata.uid.as_ref())
}

/// Whether the object is that of a deleted integration of the same name, which the garbage collector
/// removes.
fn leaving<K: Resource>(integration: &ZoomIntegration, live: Option<&K>) -> bool {
    live.is_some_and(|live| {
        !owned(integration, live)
            && live.owner_references().iter().any(|owner| {
                owner.kind == ZoomIntegration::kind(&())
                    && Some(&owner.name) == integration.metadata.name.as_ref()
            })
    })
}

fn availability(deployment: Option<&Deployment>) -> ReceiverFinding {
    let Some(deployment) = deployment else {
        return ReceiverFinding::Unavailable("The receiver is not deployed.".into());
    };
    let status = deployment.status.clone().unwrap_or_default();
    if status.available_replicas.unwrap_or_default() > 0 {
        return ReceiverFinding::Available;
    }
    let trouble = status
        .conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
        .and_then(|condition| condition.message)
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    ReceiverFinding::Unavailable(format!(
        "No Pod of Deployment {} is available yet{trouble}.",
        deployment.name_any()
    ))
}
