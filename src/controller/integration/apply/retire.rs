//! Workloads that are being removed: kept up to date until they are empty, then deleted.

use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Secret};
use kube::{Api, ResourceExt as _, api::Patch};
use serde_json::json;

use super::{
    turn,
    write::{apply as write, remove},
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context,
        error::Error,
        integration::{
            model::{Plan, Receiver, Transition},
            ownership::owned,
            resources::{self, Kind},
        },
        key::Key,
        published::{self, Exactly},
        writer::Writer,
    },
};

/// Deletes the workloads that are ready to be deleted.
pub(super) async fn retire(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: &Receiver,
    plan: &Plan,
) -> Result<(), Error> {
    delete(writer, integration, live, &plan.transition.delete).await
}

async fn delete(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: &Receiver,
    kinds: &[Kind],
) -> Result<(), Error> {
    for kind in kinds {
        match kind {
            Kind::Deployment => remove(writer, integration, live.deployment.as_ref()).await?,
            Kind::StatefulSet => {
                let set = live.stateful_set.as_ref();
                if release_claims(writer, integration, set).await? {
                    remove(writer, integration, set).await?;
                }
            }
        }
    }
    Ok(())
}

/// Lets Kubernetes delete the volume claims of an emptied `StatefulSet` together with it, and returns whether
/// that is in effect. This must not happen earlier: if anything else ends its Pods, such as `kubectl scale`
/// or a foreground deletion, their stored events must stay.
///
/// # Errors
/// When the `StatefulSet` cannot be written.
pub async fn release_claims(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: Option<&StatefulSet>,
) -> Result<bool, Error> {
    let Some(live) = live.filter(|live| owned(integration, *live)) else {
        return Ok(true);
    };
    if claims_go(live) {
        // Kubernetes has updated the claims, too.
        let seen = live
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        return Ok(seen == live.metadata.generation);
    }
    let policy =
        json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}});
    let params = published::patch_parameters();
    let api: Api<StatefulSet> = writer.beside(integration)?;
    match api
        .patch(&live.name_any(), &params, &Patch::Merge(policy))
        .await
    {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(true),
        Err(error) => Err(Error::from_write(error)),
        Ok(written) => {
            writer.wrote(&Key::from(integration), written);
            Ok(false)
        }
    }
}

fn claims_go(live: &StatefulSet) -> bool {
    live.spec
        .as_ref()
        .and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref())
        .is_some_and(|policy| policy.when_deleted.as_deref() == Some("Delete"))
}

/// Brings back the Pods of a `StatefulSet` that somebody scaled away, so that what they stored can be delivered: of one
/// that nothing else keeps up to date, because there is no webhook.
///
/// # Errors
/// When the `StatefulSet` cannot be written.
pub async fn restore_scale(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: Option<&StatefulSet>,
) -> Result<(), Error> {
    let Some(live) = live.filter(|live| owned(integration, *live)) else {
        return Ok(());
    };
    let buffers = resources::buffers(integration, live);
    if resources::scale(live) >= buffers {
        return Ok(());
    }
    let name = live.name_any();
    tracing::warn!(
        name,
        buffers,
        "brings back Pods that may have stored events"
    );
    let params = published::patch_parameters();
    let api: Api<StatefulSet> = writer.beside(integration)?;
    let scale = json!({"spec": {"replicas": buffers}});
    let written = api.patch(&name, &params, &Patch::Merge(scale)).await;
    writer.wrote(&Key::from(integration), written.map_err(Error::from_write)?);
    Ok(())
}

/// Updates the `StatefulSet` of an integration that is being deleted.
///
/// # Errors
/// When a request to the API server fails.
pub async fn update_retiring(
    writer: &Writer,
    integration: &ZoomIntegration,
    wanted: &StatefulSet,
) -> Result<(), Error> {
    match write(writer, integration, wanted).await {
        // A quota or a webhook of the cluster refuses it: the running Pods continue.
        Err(Error::Kubernetes(kube::Error::Api(status))) => {
            tracing::warn!(
                message = status.message,
                "failed to update a receiver that is to go"
            );
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Removes all objects: the workloads first, each as soon as it is empty.
pub(super) async fn remove_receiver(
    context: &Context,
    integration: &ZoomIntegration,
    live: &Receiver,
    transition: &Transition,
) -> Result<(), Error> {
    let writer = &context.writer;
    delete(writer, integration, live, &transition.delete).await?;
    remove(writer, integration, live.ingress.as_ref()).await?;
    remove(writer, integration, live.http_route.as_ref()).await?;
    if transition.waiting.is_some() {
        return restore_scale(writer, integration, live.stateful_set.as_ref()).await;
    }
    remove(writer, integration, live.service.as_ref()).await?;
    remove(writer, integration, live.disruption_budget.as_ref()).await?;
    remove(writer, integration, live.network_policy.as_ref()).await?;
    remove(writer, integration, live.service_account.as_ref()).await?;
    let control = live.control.as_ref();
    if let Some(control) = control.filter(|control| owned(integration, *control)) {
        let secrets: Api<Secret> = writer.beside(integration)?;
        published::remove(&secrets, &Exactly::of(&control.metadata)).await?;
    }
    let name = turn::name(integration);
    turn::release(&context.receivers.rollouts, &context.requeue, &name);
    Ok(())
}
