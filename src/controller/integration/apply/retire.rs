//! Workloads that are being removed: kept up to date until they are empty, then deleted.

use jiff::Timestamp;
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
            altered::{Alteration, Alterations},
            model::{Observed, Plan, Receiver, Transition},
            objects,
            ownership::owned,
            resources::{self, Kind, Part},
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
/// that nothing else keeps up to date, because there is no webhook. If they do so again and again, it is left as it is:
/// Pods would come and go without an end. Returns what is known of that after a write.
///
/// # Errors
/// When the `StatefulSet` cannot be written.
pub async fn restore_scale(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: Option<&StatefulSet>,
    altered: &Alterations,
) -> Result<Option<Alteration>, Error> {
    let Some(live) = live.filter(|live| owned(integration, *live)) else {
        return Ok(None);
    };
    let buffers = resources::buffers(integration, live);
    let known = altered.get(&Part::StatefulSet);
    let Some(before) = objects::fewer(live, buffers) else {
        return Ok(None);
    };
    if known.is_some_and(|known| known.is_left_alone(&before)) {
        return Ok(None);
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
    let written = written.map_err(Error::from_write)?;
    let after = objects::fewer(&written, buffers);
    writer.wrote(&Key::from(integration), written);
    Ok(Alteration::after(
        known,
        Some(before),
        after,
        Timestamp::now(),
    ))
}

/// Updates the `StatefulSet` of an integration that is being deleted. Returns it as it is now.
///
/// # Errors
/// When a request to the API server fails.
pub async fn update_retiring(
    writer: &Writer,
    integration: &ZoomIntegration,
    wanted: &StatefulSet,
) -> Result<StatefulSet, Error> {
    write(writer, integration, wanted).await
}

/// Removes all objects: the workloads first, each as soon as it is empty. Returns what is known of those who scale the
/// `StatefulSet`, if it was scaled back.
pub(super) async fn remove_receiver(
    context: &Context,
    integration: &ZoomIntegration,
    Observed {
        receiver: live,
        altered,
        ..
    }: &Observed,
    transition: &Transition,
) -> Result<Option<Alteration>, Error> {
    let writer = &context.writer;
    delete(writer, integration, live, &transition.delete).await?;
    remove(writer, integration, live.ingress.as_ref()).await?;
    remove(writer, integration, live.http_route.as_ref()).await?;
    if transition.waiting.is_some() {
        let set = live.stateful_set.as_ref();
        return restore_scale(writer, integration, set, altered).await;
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
    Ok(None)
}

#[cfg(test)]
mod tests {
    use crate::controller::rehearsal::Rehearsal;

    use super::*;

    #[tokio::test]
    async fn pods_are_not_brought_back_for_ever_against_an_autoscaler() {
        let path = "/apis/apps/v1/namespaces/clinics/statefulsets/acme-receiver";
        let set = json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {
                "name": "acme-receiver", "namespace": "clinics", "uid": "s", "resourceVersion": "1",
                "annotations": {crate::api::annotation::BUFFERS: "3"},
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "ZoomIntegration", "name": "acme", "uid": "u1",
                    "controller": true,
                }],
            },
            "spec": {"replicas": 1, "selector": {}, "template": {}},
        });
        let rehearsal = Rehearsal::new(|_, _, _| None, [(path, set.clone())]).await;
        let integration: ZoomIntegration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
        }))
        .unwrap();
        let live: StatefulSet = serde_json::from_value(set).unwrap();
        let mut altered = Alterations::new();
        for _ in 0..5 {
            let writer = &rehearsal.context.writer;
            let known = restore_scale(writer, &integration, Some(&live), &altered).await;
            altered.extend(known.unwrap().map(|known| (Part::StatefulSet, known)));
        }
        assert_eq!(rehearsal.writes("PATCH").len(), 3);
    }
}
