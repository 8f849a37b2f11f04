//! A rollout that does not end, while a Pod with the former settings keeps accepting requests.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;

use super::receiver::trouble;
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

/// When the rollout will have taken too long, if there is one.
pub(super) fn at(outcome: &ReceiverOutcome) -> Option<Timestamp> {
    let is_rolling = outcome.progress == Some(Progress::Rolling);
    let since = outcome.rolling_since.filter(|_| is_rolling)?;
    Some(schedule::later(since, LONGEST))
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
    let (what, discarded) = if has_former || !serves {
        (
            "Pods with the current settings do not become available, and those with the former settings keep serving",
            discarded(integration, observed),
        )
    } else {
        ("Not all of its Pods are available", String::new())
    };
    let trouble = trouble(observed, live);
    let trouble = trouble
        .as_deref()
        .unwrap_or("see kubectl describe and the logs of the Pods");
    Some(format!(
        "{what}: {}.{discarded}",
        trouble.trim_end_matches('.')
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
