//! A rollout that does not end, while a Pod with the former settings keeps accepting requests.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;

use super::trouble::trouble;
use crate::{
    api::v1alpha1::{Webhook, ZoomIntegration},
    controller::{
        integration::{
            model::{Observed, ReceiverOutcome},
            resources::Kind,
            rollout_state::Rolling,
        },
        rollouts::{LONGEST, Progress},
        schedule,
    },
};

/// What each further Pod of a `StatefulSet` may take: it delivers for a while before it ends.
const EACH_FURTHER: Duration = Duration::from_mins(4);

/// When the receiver's slot passes to the next one, if it is being replaced.
pub(super) fn slot_ends(outcome: &ReceiverOutcome) -> Option<Timestamp> {
    Some(schedule::later(since(outcome)?, LONGEST))
}

fn since(outcome: &ReceiverOutcome) -> Option<Timestamp> {
    let is_rolling = outcome.progress == Some(Progress::Rolling);
    outcome.rolling_since.filter(|_| is_rolling)
}

/// When the rollout will have taken too long, if there is one. The Pods of a `StatefulSet` are replaced one by one.
pub(super) fn at(outcome: &ReceiverOutcome) -> Option<Timestamp> {
    let since = since(outcome)?;
    let set = outcome.live.stateful_set.as_ref();
    let pods = set.and_then(|set| set.spec.as_ref()?.replicas).unwrap_or(1);
    let further = u32::try_from(pods - 1).unwrap_or_default();
    Some(schedule::later(since, LONGEST + EACH_FURTHER * further))
}

/// Why the Pods of a receiver cannot be replaced, and what that means, as sentences; `None` unless the rollout has
/// taken too long or the Deployment says that it fails.
pub(super) fn stuck(
    integration: &ZoomIntegration,
    observed: &Observed,
    outcome: &ReceiverOutcome,
    now: Timestamp,
) -> Option<String> {
    let webhook = integration.spec.webhook.as_ref()?;
    let live = &outcome.live;
    let kind = Kind::of(webhook.buffer.as_ref());
    let deployment = live.deployment.as_ref();
    let fails = kind == Kind::Deployment && deployment.is_some_and(says_so);
    let is_rolling = outcome.progress == Some(Progress::Rolling);
    if !is_rolling || !(fails || at(outcome).is_some_and(|at| at <= now)) {
        return None;
    }
    let has_former = match kind {
        Kind::Deployment => deployment.is_some_and(Rolling::has_former_pods),
        Kind::StatefulSet => live
            .stateful_set
            .as_ref()
            .is_some_and(Rolling::has_former_pods),
    };
    let mut workloads = live.live(integration).into_iter();
    let serves = workloads.any(|live| live.kind == kind && live.available);
    if serves && !has_former {
        // A Pod is missing, as while a node is lost: events are taken with the current settings.
        return None;
    }
    let trouble = trouble(observed, live);
    let trouble = trouble
        .as_deref()
        .unwrap_or("see kubectl describe and the logs of the Pods");
    Some(format!(
        "Pods with the current settings do not become available, and those with the former settings keep serving: {}.{}",
        trouble.trim_end_matches('.'),
        discarded(integration, observed)
    ))
}

/// Whether a Deployment says that it cannot create a Pod, or makes no progress.
fn says_so(live: &Deployment) -> bool {
    let Some(status) = live.status.as_ref() else {
        return false;
    };
    let is_current = status.observed_generation >= live.metadata.generation;
    let mut conditions = status.conditions.iter().flatten();
    is_current
        && live.is_rolling()
        && conditions.any(|condition| {
            let reason = condition.reason.as_deref();
            match condition.type_.as_str() {
                "ReplicaFailure" => condition.status == "True",
                "Progressing" => reason == Some("ProgressDeadlineExceeded"),
                _ => false,
            }
        })
}

/// The events that are declared and that the former Pods discard, as a sentence.
fn discarded(integration: &ZoomIntegration, observed: &Observed) -> String {
    let webhook = integration.spec.webhook.as_ref();
    let declared = webhook.map(Webhook::events).unwrap_or_default();
    let health = observed.facts.iter().flat_map(|facts| &facts.health);
    let came = health.flat_map(|health| health.undeclared.keys());
    let names: Vec<&str> = came
        .map(String::as_str)
        .filter(|name| declared.contains(name))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(
            " They discard events that were declared since: {}.",
            names.join(", ")
        )
    }
}
