//! The receiver's objects: writes those that the plan names, and removes those that are not wanted.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    control,
    retire::{remove_receiver, retire},
    turn,
    volumes::expand,
    write::{apply as write, remove},
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context,
        error::Error,
        index::Watched,
        integration::{
            model::{Exposure, Objects, Observed, Plan, Receiver, ReceiverOutcome, ReceiverStep},
            resources::{Part, Resources, Workload},
        },
        rollouts::Progress,
    },
};

/// Carries out the plan for the receiver. What the API server refuses of it is part of the outcome: the token does not
/// wait for it.
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
    if plan.receiver == ReceiverStep::Keep {
        return Ok(outcome);
    }
    let changed = change(context, integration, observed, plan, &mut outcome).await;
    let mut refused = match changed {
        Ok(()) => None,
        Err(error) => Some(error.into_refusal()?),
    };
    if let Some(expansion) = &plan.expansion {
        let writer = &context.writer;
        outcome.not_expanded = expand(writer, integration, expansion, &mut refused).await?;
    }
    let orders = &plan.transition.orders;
    if let Err(error) = control::send(context, integration, orders).await {
        refused.get_or_insert(error.into_refusal()?);
    }
    outcome.refused = refused;
    Ok(outcome)
}

/// Writes or removes the objects.
async fn change(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    outcome: &mut ReceiverOutcome,
) -> Result<(), Error> {
    match (plan.receiver, &plan.objects) {
        (ReceiverStep::Keep, _) | (ReceiverStep::Apply, None) => Ok(()),
        (ReceiverStep::Apply, Some(objects)) => {
            let one = One {
                context,
                integration,
                objects,
            };
            one.write_all(observed, plan, outcome).await
        }
        (ReceiverStep::Remove, _) => {
            outcome.scaled_back =
                remove_receiver(context, integration, observed, &plan.transition).await?;
            Ok(())
        }
    }
}

/// Reconciles the objects one after the other.
struct One<'a> {
    context: &'a Context,
    integration: &'a ZoomIntegration,
    objects: &'a Objects,
}

// === impl One ===

impl One<'_> {
    async fn write_all(
        &self,
        observed: &Observed,
        plan: &Plan,
        outcome: &mut ReceiverOutcome,
    ) -> Result<(), Error> {
        let Resources {
            service_account,
            service,
            workload,
            disruption_budget,
            network_policy,
            ingress,
            http_route,
        } = &self.objects.wanted;
        let ReceiverOutcome {
            live,
            written,
            progress,
            rolling_since,
            is_gateway_api_missing,
            ..
        } = outcome;
        let part = Part::ServiceAccount;
        self.reconcile(
            part,
            &mut live.service_account,
            Some(service_account),
            written,
        )
        .await?;
        let part = Part::Service;
        self.reconcile(part, &mut live.service, Some(service), written)
            .await?;
        let (part, budget) = (Part::PodDisruptionBudget, disruption_budget.as_ref());
        self.reconcile(part, &mut live.disruption_budget, budget, written)
            .await?;
        let (part, policy) = (Part::NetworkPolicy, network_policy.as_ref());
        self.reconcile(part, &mut live.network_policy, policy, written)
            .await?;
        if self.objects.writes.contains(&Part::ControlSecret) {
            let defaults = &self.context.config.policy.defaults;
            let live = &observed.receiver;
            control::ensure(&self.context.writer, self.integration, defaults, live).await?;
        }
        *progress = Some(self.workload(workload, live, written).await?);
        let rollouts = &self.context.receivers.rollouts;
        *rolling_since = rollouts.rolling_since(&turn::name(self.integration));
        retire(
            &self.context.writer,
            self.integration,
            &observed.receiver,
            plan,
        )
        .await?;
        if self.objects.retiring.is_some() {
            let (part, set) = (Part::StatefulSet, self.objects.retiring.as_ref());
            self.reconcile(part, &mut live.stateful_set, set, written)
                .await?;
        }
        if plan.judgement.exposure == Exposure::Unknown {
            return Ok(());
        }
        self.reconcile(Part::Ingress, &mut live.ingress, ingress.as_ref(), written)
            .await?;
        let (part, route) = (Part::HttpRoute, http_route.as_ref());
        match self
            .reconcile(part, &mut live.http_route, route, written)
            .await
        {
            Err(Error::Kubernetes(kube::Error::Api(status))) if status.code == 404 => {
                *is_gateway_api_missing = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Writes an object if the plan says so, or removes one that is not wanted.
    async fn reconcile<K: Watched + Serialize>(
        &self,
        part: Part,
        live: &mut Option<K>,
        wanted: Option<&K>,
        written: &mut BTreeSet<Part>,
    ) -> Result<(), Error> {
        match wanted {
            Some(wanted) if self.objects.writes.contains(&part) => {
                *live = Some(write(&self.context.writer, self.integration, wanted).await?);
                written.insert(part);
            }
            Some(_) => {}
            None => {
                remove(&self.context.writer, self.integration, live.as_ref()).await?;
                *live = None;
            }
        }
        Ok(())
    }

    /// Writes the workload if it has its turn.
    async fn workload(
        &self,
        workload: &Workload,
        live: &mut Receiver,
        written: &mut BTreeSet<Part>,
    ) -> Result<Progress, Error> {
        let name = turn::name(self.integration);
        let now = Timestamp::now();
        let rollouts = &self.context.receivers.rollouts;
        let progress = rollouts.judge(&name, self.objects.situation, now);
        if progress == Progress::Current {
            turn::release(rollouts, &self.context.requeue, &name);
        }
        if progress == Progress::Outdated {
            return Ok(progress);
        }
        match workload {
            Workload::Deployment(wanted) => {
                let (part, wanted) = (Part::Deployment, Some(wanted.as_ref()));
                self.reconcile(part, &mut live.deployment, wanted, written)
                    .await?;
            }
            Workload::StatefulSet(wanted) => {
                let (part, wanted) = (Part::StatefulSet, Some(wanted.as_ref()));
                self.reconcile(part, &mut live.stateful_set, wanted, written)
                    .await?;
            }
        }
        Ok(progress)
    }
}
