//! The receiver's objects: those that the plan names are written, those that are not wanted removed.

use jiff::Timestamp;
use kube::Resource;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    control::make_control,
    retire::{remove_receiver, retire},
    turn,
    write::{apply as write, remove},
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context,
        error::Error,
        integration::{
            facts,
            model::{Exposure, Objects, Observed, Plan, Receiver, ReceiverOutcome, ReceiverStep},
            resources::{Part, Resources, Workload},
        },
        rollouts::Progress,
    },
};

/// Carries out the receiver's step.
pub(super) async fn apply(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
) -> Result<ReceiverOutcome, Error> {
    let mut outcome = ReceiverOutcome {
        live: observed.receiver.clone(),
        ..ReceiverOutcome::default()
    };
    match (plan.receiver, &plan.objects) {
        (ReceiverStep::Keep, _) => return Ok(outcome),
        (ReceiverStep::Apply, None) => {}
        (ReceiverStep::Apply, Some(objects)) => {
            match write_objects(context, integration, observed, plan, objects).await {
                Ok(done) => outcome = done,
                Err(Error::Kubernetes(kube::Error::Api(status))) => {
                    outcome.refused = Some(status.message.clone());
                }
                Err(error) => return Err(error),
            }
        }
        (ReceiverStep::Remove, _) => {
            remove_receiver(context, integration, &observed.receiver, &plan.transition).await?;
        }
    }
    facts::tell(context, integration, &plan.transition.orders).await?;
    Ok(outcome)
}

async fn write_objects(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    objects: &Objects,
) -> Result<ReceiverOutcome, Error> {
    let Resources {
        service_account,
        service,
        workload,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
    } = &objects.wanted;
    let live = &observed.receiver;
    let one = One {
        context,
        integration,
        objects,
    };
    let mut now = Receiver {
        service_account: one
            .bring(
                Part::ServiceAccount,
                live.service_account.as_ref(),
                Some(service_account),
            )
            .await?,
        service: one
            .bring(Part::Service, live.service.as_ref(), Some(service))
            .await?,
        disruption_budget: one
            .bring(
                Part::PodDisruptionBudget,
                live.disruption_budget.as_ref(),
                disruption_budget.as_ref(),
            )
            .await?,
        network_policy: one
            .bring(
                Part::NetworkPolicy,
                live.network_policy.as_ref(),
                network_policy.as_ref(),
            )
            .await?,
        ..live.clone()
    };
    if objects.writes.contains(&Part::ControlSecret) {
        make_control(context, integration).await?;
    }
    let progress = one.workload(workload, live, &mut now).await?;
    retire(context, integration, live, plan, objects).await?;
    let mut outcome = ReceiverOutcome {
        live: now,
        progress: Some(progress),
        ..ReceiverOutcome::default()
    };
    if plan.judgement.exposure == Exposure::Unknown {
        return Ok(outcome);
    }
    let now = &mut outcome.live;
    now.ingress = one
        .bring(Part::Ingress, live.ingress.as_ref(), ingress.as_ref())
        .await?;
    let route = live.http_route.as_ref();
    match one.bring(Part::HttpRoute, route, http_route.as_ref()).await {
        Err(Error::Kubernetes(kube::Error::Api(status))) if status.code == 404 => {
            outcome.is_gateway_api_missing = true;
        }
        other => now.http_route = other?,
    }
    Ok(outcome)
}

/// Brings one object after the other to its wanted state.
struct One<'a> {
    context: &'a Context,
    integration: &'a ZoomIntegration,
    objects: &'a Objects,
}

// === impl One ===

impl One<'_> {
    /// Writes an object if the plan says so, or removes one that is not wanted: what there is afterwards.
    async fn bring<K>(
        &self,
        part: Part,
        live: Option<&K>,
        wanted: Option<&K>,
    ) -> Result<Option<K>, Error>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Serialize
            + DeserializeOwned
            + std::fmt::Debug,
    {
        match wanted {
            Some(wanted) if self.objects.writes.contains(&part) => {
                write(self.context, wanted).await.map(Some)
            }
            Some(_) => Ok(live.cloned()),
            None => {
                remove(self.context, self.integration, live).await?;
                Ok(None)
            }
        }
    }

    /// Writes the workload when it is its turn.
    async fn workload(
        &self,
        workload: &Workload,
        live: &Receiver,
        now: &mut Receiver,
    ) -> Result<Progress, Error> {
        let name = turn::name(self.integration);
        let rollouts = &self.context.rollouts;
        let progress = rollouts.judge(&name, self.objects.situation, Timestamp::now());
        match progress {
            Progress::Outdated => return Ok(progress),
            Progress::Rolling => {}
            Progress::Current => turn::pass_on(self.context, &name),
        }
        match workload {
            Workload::Deployment(wanted) => {
                let live = live.deployment.as_ref();
                now.deployment = self
                    .bring(Part::Deployment, live, Some(wanted.as_ref()))
                    .await?;
            }
            Workload::StatefulSet(wanted) => {
                let live = live.stateful_set.as_ref();
                now.stateful_set = self
                    .bring(Part::StatefulSet, live, Some(wanted.as_ref()))
                    .await?;
            }
        }
        Ok(progress)
    }
}
