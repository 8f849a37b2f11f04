//! The receiver's objects: written when they differ from what is wanted, removed when they are ours.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    control::make_control,
    pace::paced,
    retire::{remove_receiver, retire},
    write::{child, maybe},
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context,
        error::Error,
        integration::{
            facts,
            observe::{Observed, Receiver},
            ownership::{foreign, leaving},
            plan::{Plan, ReceiverStep},
            policy::{Exposure, Refusal},
            resources::{self, Resources, Setting, Workload},
            transition::Waiting,
            verdict::ReceiverFinding,
        },
        rollouts::Progress,
        schedule,
    },
};

/// Between two looks at a receiver that runs empty.
const WHILE_DRAINING: Duration = Duration::from_secs(5);
/// Between two looks at a receiver that waits to be replaced; it is also told when its turn comes.
const WHILE_OUTDATED: Duration = Duration::from_secs(30);
/// Between two looks for an API that is not there.
const UNTIL_DEFINED: Duration = Duration::from_mins(1);

/// How the receiver stands after the plan was carried out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it takes requests.
    pub finding: ReceiverFinding,
    /// Events that are waited for.
    pub waiting: Option<Waiting>,
    /// How it stands to what is wanted of it; `None` without one.
    pub progress: Option<Progress>,
    /// What could not be made for a reason that a person must know.
    pub refusal: Option<Refusal>,
    /// When to look again.
    pub look_again: Option<Timestamp>,
}

// === impl Outcome ===

impl Outcome {
    fn new(finding: ReceiverFinding) -> Self {
        Self {
            finding,
            waiting: None,
            progress: None,
            refusal: None,
            look_again: None,
        }
    }
}

/// Carries out the receiver's step.
pub(super) async fn apply(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
) -> Result<Outcome, Error> {
    let now = Timestamp::now();
    let mut outcome = match plan.receiver {
        ReceiverStep::Keep => Outcome::new(availability(integration, &observed.receiver)),
        ReceiverStep::Apply => match bring_about(context, integration, observed, plan, now).await {
            Err(Error::Kubernetes(kube::Error::Api(status))) => {
                Outcome::new(ReceiverFinding::NotApplied(not_written(&status.message)))
            }
            other => other?,
        },
        ReceiverStep::Remove => {
            remove_receiver(context, integration, observed, plan).await?;
            Outcome::new(ReceiverFinding::Unavailable(
                "The receiver is removed.".into(),
            ))
        }
    };
    if plan.receiver != ReceiverStep::Keep {
        facts::tell(context, integration, &plan.transition.orders).await?;
        outcome.waiting = plan.transition.waiting;
    }
    let pauses = [
        outcome.waiting.map(|_| WHILE_DRAINING),
        (outcome.progress == Some(Progress::Outdated)).then_some(WHILE_OUTDATED),
        outcome.refusal.as_ref().map(|_| UNTIL_DEFINED),
        (plan.judgement.exposure == Exposure::Unknown).then_some(WHILE_DRAINING),
    ];
    outcome.look_again = pauses
        .into_iter()
        .flatten()
        .min()
        .map(|pause| schedule::later(now, pause));
    Ok(outcome)
}

fn not_written(message: &str) -> String {
    format!("The receiver's objects could not be written: {message}")
}

async fn bring_about(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let live = &observed.receiver;
    if let Some(finding) = in_the_way(integration, live) {
        return Ok(Outcome::new(finding));
    }
    let setting = Setting {
        image: &context.config.receiver,
        policy: &context.config.policy,
        sink: plan.judgement.sink,
        replicas: plan.transition.replicas,
        live: live.stateful_set.as_ref(),
        exposed: plan.judgement.exposure != Exposure::Refused,
    };
    let Some(wanted) = resources::build(integration, &setting) else {
        return Ok(Outcome::new(availability(integration, live)));
    };
    let Resources {
        service_account,
        service,
        workload,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
    } = wanted;
    let account = live.service_account.as_ref();
    child(context, integration, account, service_account).await?;
    child(context, integration, live.service.as_ref(), service).await?;
    let budget = live.disruption_budget.as_ref();
    maybe(context, integration, budget, disruption_budget).await?;
    let policy = live.network_policy.as_ref();
    maybe(context, integration, policy, network_policy).await?;
    let buffer = integration.spec.webhook.as_ref();
    if buffer.is_some_and(|webhook| webhook.buffer.is_some()) && live.control.is_none() {
        make_control(context, integration).await?;
    }
    let mut now_live = live.clone();
    let progress = match workload {
        Workload::Deployment(wanted) => {
            let live = live.deployment.as_ref();
            let (written, progress) = paced(context, integration, live, *wanted, now).await?;
            now_live.deployment = written;
            progress
        }
        Workload::StatefulSet(wanted) => {
            let live = live.stateful_set.as_ref();
            let (written, progress) = paced(context, integration, live, *wanted, now).await?;
            now_live.stateful_set = written;
            progress
        }
    };
    retire(context, integration, observed, plan, &setting).await?;
    let mut outcome = Outcome::new(availability(integration, &now_live));
    outcome.progress = Some(progress);
    if plan.judgement.exposure != Exposure::Unknown {
        maybe(context, integration, live.ingress.as_ref(), ingress).await?;
        match maybe(context, integration, live.http_route.as_ref(), http_route).await {
            Err(Error::Kubernetes(kube::Error::Api(status))) if status.code == 404 => {
                outcome.refusal = Some(Refusal::new(
                    "GatewayApiMissing",
                    "The cluster has no HTTPRoute of gateway.networking.k8s.io/v1: install the Gateway API, or expose the receiver by endpoint.ingress.".into(),
                ));
            }
            other => other?,
        }
    }
    Ok(outcome)
}

/// Other people's objects under our names, and those of a deleted integration of this name.
fn in_the_way(integration: &ZoomIntegration, live: &Receiver) -> Option<ReceiverFinding> {
    let route = live.http_route.as_ref();
    let foreign = [
        foreign(integration, "ServiceAccount", live.service_account.as_ref()),
        foreign(integration, "Service", live.service.as_ref()),
        foreign(integration, "Deployment", live.deployment.as_ref()),
        foreign(integration, "StatefulSet", live.stateful_set.as_ref()),
        foreign(
            integration,
            "PodDisruptionBudget",
            live.disruption_budget.as_ref(),
        ),
        foreign(integration, "NetworkPolicy", live.network_policy.as_ref()),
        foreign(integration, "Ingress", live.ingress.as_ref()),
        foreign(integration, "HTTPRoute", route),
        foreign(integration, "Secret", live.control.as_ref()),
    ];
    if let Some(object) = foreign.into_iter().flatten().next() {
        return Some(ReceiverFinding::Conflict(format!(
            "{object} exists and was not made for this integration: delete it, or create the integration under another name."
        )));
    }
    let leaving = leaving(integration, live.service_account.as_ref())
        || leaving(integration, live.service.as_ref())
        || leaving(integration, live.deployment.as_ref())
        || leaving(integration, live.stateful_set.as_ref())
        || leaving(integration, live.disruption_budget.as_ref())
        || leaving(integration, live.network_policy.as_ref())
        || leaving(integration, live.ingress.as_ref())
        || leaving(integration, route)
        || leaving(integration, live.control.as_ref());
    leaving.then(|| {
        ReceiverFinding::Unavailable(
            "The receiver of a deleted integration of this name is being removed.".into(),
        )
    })
}

fn availability(integration: &ZoomIntegration, live: &Receiver) -> ReceiverFinding {
    let workloads = live.live(integration);
    let Some(first) = workloads.first() else {
        return ReceiverFinding::Unavailable("The receiver is not deployed.".into());
    };
    if workloads.iter().any(|live| live.available) {
        return ReceiverFinding::Available;
    }
    let conditions = live.deployment.as_ref();
    let conditions = conditions.and_then(|live| live.status.as_ref()?.conditions.as_ref());
    let trouble = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
        .and_then(|condition| condition.message.as_ref())
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    ReceiverFinding::Unavailable(format!(
        "No Pod of {} {} is available yet{trouble}.",
        first.kind.as_str(),
        resources::name(integration)
    ))
}
