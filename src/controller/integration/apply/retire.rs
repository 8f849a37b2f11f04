//! Workloads that are to go: kept up to date until they are empty, then removed.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::{
    pace::{ask_next, rollout_name},
    write::{child, remove},
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context,
        error::Error,
        integration::{
            observe::{Observed, Receiver},
            ownership::owned,
            plan::Plan,
            resources::{self, Kind, Setting},
        },
        published,
    },
};

/// Deletes the workloads that can go, and keeps the one up to date that cannot.
pub(super) async fn retire(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    setting: &Setting<'_>,
) -> Result<(), Error> {
    let live = &observed.receiver;
    let webhook = integration.spec.webhook.as_ref();
    let wanted = webhook.map(|webhook| Kind::of(webhook.buffer.as_ref()));
    for kind in &plan.transition.delete {
        match kind {
            Kind::Deployment => remove(context, integration, live.deployment.as_ref()).await?,
            Kind::StatefulSet => remove(context, integration, live.stateful_set.as_ref()).await?,
        }
    }
    let goes = plan.transition.delete.contains(&Kind::StatefulSet);
    if wanted != Some(Kind::StatefulSet) && !goes {
        refresh_retiring(context, integration, live, setting).await?;
    }
    Ok(())
}

/// A `StatefulSet` that runs empty has the sink of today: what it stored must go somewhere.
async fn refresh_retiring(
    context: &Context,
    integration: &ZoomIntegration,
    live: &Receiver,
    setting: &Setting<'_>,
) -> Result<(), Error> {
    let live = live.stateful_set.as_ref();
    if let Some(live) = live.filter(|live| owned(integration, *live))
        && let Some(wanted) = resources::retiring(integration, live, setting)
    {
        child(context, integration, Some(live), wanted).await?;
    }
    Ok(())
}

/// The same for an integration that is being deleted.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn keep_up(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
) -> Result<(), Error> {
    let live = &observed.receiver;
    let setting = Setting {
        image: &context.config.receiver,
        policy: &context.config.policy,
        sink: observed.sink_access(),
        replicas: None,
        live: live.stateful_set.as_ref(),
        exposed: false,
    };
    match refresh_retiring(context, integration, live, &setting).await {
        // A quota or a webhook of the cluster stands against it: what runs goes on.
        Err(Error::Kubernetes(kube::Error::Api(status))) => {
            tracing::warn!(
                message = status.message,
                "failed to update a receiver that is to go"
            );
            Ok(())
        }
        other => other,
    }
}

/// Removes what there is, the workloads first and each as soon as it is empty.
pub(super) async fn remove_receiver(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
) -> Result<(), Error> {
    let live = &observed.receiver;
    for kind in &plan.transition.delete {
        match kind {
            Kind::Deployment => remove(context, integration, live.deployment.as_ref()).await?,
            Kind::StatefulSet => remove(context, integration, live.stateful_set.as_ref()).await?,
        }
    }
    remove(context, integration, live.ingress.as_ref()).await?;
    remove(context, integration, live.http_route.as_ref()).await?;
    if plan.transition.waiting.is_some() {
        return Ok(());
    }
    remove(context, integration, live.service.as_ref()).await?;
    remove(context, integration, live.disruption_budget.as_ref()).await?;
    remove(context, integration, live.network_policy.as_ref()).await?;
    remove(context, integration, live.service_account.as_ref()).await?;
    if live
        .control
        .as_ref()
        .is_some_and(|live| owned(integration, live))
    {
        context.leadership.check()?;
        let secrets: Api<Secret> = context.beside(integration);
        published::remove(&secrets, &resources::control_name(integration)).await?;
    }
    ask_next(context, &rollout_name(integration));
    Ok(())
}
