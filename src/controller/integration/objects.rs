//! The receiver's objects: what prevents them, and which of them have to be written. Pure.
//!
//! An object is written if its digest differs from the wanted one, or if a field that we set has another
//! value. Fields that others add are left to them, and so are changes that they make each time.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use serde::Serialize;
use serde_json::Value;

use super::{
    altered::{Alteration, Alterations},
    lifecycle,
    model::{Objects, Observed, Receiver, ReceiverFinding, Transition},
    ownership::{Whose, is_controlled, owned, whose},
    resources::{self, Drift, Kind, Part, Resources, Setting, Workload},
    rollout_state::{self, Rolling},
};
use crate::{api::v1alpha1::ZoomIntegration, controller::rollouts::Situation};

/// An object in its current and its wanted state.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Its kind.
    pub part: Part,
    /// The current state.
    pub live: Option<Value>,
    /// The wanted state; `None` if the object is not wanted.
    pub wanted: Option<Value>,
}

/// An object of somebody else under one of our names, or one of a deleted integration of this name.
#[must_use]
pub fn obstacle(integration: &ZoomIntegration, live: &Receiver) -> Option<ReceiverFinding> {
    let mut parts = live.parts();
    // Without lifecycle events, nothing of ours has that name.
    let is_told = lifecycle::is_wanted(integration);
    parts.retain(|(part, _)| is_told || *part != Part::LifecycleSecret);
    let first = |wanted| {
        let mut parts = parts.iter();
        parts.find(|(_, object)| whose(integration, object) == wanted)
    };
    if let Some((part, object)) = first(Whose::Foreign) {
        return Some(ReceiverFinding::Conflict(format!(
            "{} {} exists and was not made for this integration: delete it, or create the integration under another name.",
            part.kind(),
            object.name.as_deref().unwrap_or_default()
        )));
    }
    first(Whose::Leaving).map(|_| {
        ReceiverFinding::Unavailable(
            "The receiver of a deleted integration of this name is being removed.".into(),
        )
    })
}

/// The wanted state of the receiver's objects, and which of them have to be written; `None` without a
/// webhook.
#[must_use]
pub fn objects(
    integration: &ZoomIntegration,
    observed: &Observed,
    transition: &Transition,
    setting: &Setting<'_>,
) -> Option<Objects> {
    let live = &observed.receiver;
    let wanted = resources::build(integration, setting)?;
    let is_set = matches!(wanted.workload, Workload::StatefulSet(_));
    let goes = is_set || transition.delete.contains(&Kind::StatefulSet);
    let retiring = (!goes)
        .then(|| retiring(integration, live, setting))
        .flatten();
    let altered = &observed.altered;
    let pairs = pairs(live, &wanted, retiring.as_ref());
    let mut writes: BTreeSet<Part> = pairs
        .iter()
        .filter(|pair| pair.must_be_written(altered))
        .map(|pair| pair.part)
        .collect();
    let webhook = integration.spec.webhook.as_ref();
    let control = live.control.as_ref();
    let has_control = control.is_some_and(|live| {
        let ours = resources::control_metadata(integration);
        is_controlled(integration, &live.metadata)
            && setting.policy.defaults.are_on(&live.metadata, &ours)
    }) && !live.control_lacks_token;
    if webhook.is_some_and(|webhook| webhook.buffer.is_some()) && !has_control {
        writes.insert(Part::ControlSecret);
    }
    let situation = match &wanted.workload {
        Workload::Deployment(wanted) => situation(
            integration,
            Part::Deployment,
            live.deployment.as_ref(),
            wanted.as_ref(),
            &pairs,
            altered,
        ),
        Workload::StatefulSet(wanted) => situation(
            integration,
            Part::StatefulSet,
            live.stateful_set.as_ref(),
            wanted.as_ref(),
            &pairs,
            altered,
        ),
    };
    Some(Objects {
        wanted,
        retiring,
        writes,
        situation,
    })
}

/// What is known about the workload before it is written.
fn situation<K: Rolling>(
    integration: &ZoomIntegration,
    part: Part,
    live: Option<&K>,
    wanted: &K,
    pairs: &[Pair],
    altered: &Alterations,
) -> Situation {
    let pair = pairs.iter().find(|pair| pair.part == part);
    let drift = pair.and_then(|pair| pair.counted_drift(altered));
    let seen = integration.status.as_ref();
    let seen = seen.and_then(|status| status.observed_generation);
    Situation {
        version: rollout_state::version(wanted),
        differs: live.is_none_or(|live| {
            rollout_state::template(live) != rollout_state::template(wanted)
                || drift.is_some_and(|drift| drift.is_in_template())
        }),
        own_change: live.is_none() || seen != integration.metadata.generation,
        rolling: live.is_some_and(Rolling::is_rolling),
    }
}

/// The wanted state of a `StatefulSet` that is drained before it is deleted. It uses the current sink,
/// because its stored events must go somewhere.
#[must_use]
pub fn retiring(
    integration: &ZoomIntegration,
    live: &Receiver,
    setting: &Setting<'_>,
) -> Option<StatefulSet> {
    let live = live.stateful_set.as_ref();
    let live = live.filter(|live| owned(integration, *live))?;
    resources::retiring(integration, live, setting)
}

/// Whether a `StatefulSet` that is being drained has to be written.
#[must_use]
pub fn must_be_written(observed: &Observed, retiring: &StatefulSet) -> bool {
    let live = observed.receiver.stateful_set.as_ref();
    let pair = pair(Part::StatefulSet, live, Some(retiring));
    pair.must_be_written(&observed.altered)
}

/// What is known of changes by others after a `StatefulSet` that is being drained was `written`.
#[must_use]
pub fn altered_retiring(
    observed: &Observed,
    retiring: &StatefulSet,
    written: &StatefulSet,
    now: Timestamp,
) -> Alterations {
    let fingerprint = |live: &StatefulSet| {
        let pair = pair(Part::StatefulSet, Some(live), Some(retiring));
        pair.drift()?.fingerprint()
    };
    let mut altered = observed.altered.clone();
    let known = altered.remove(&Part::StatefulSet);
    let before = observed.receiver.stateful_set.as_ref();
    let before = before.and_then(fingerprint);
    let next = Alteration::after(known.as_ref(), before, fingerprint(written), now);
    altered.extend(next.map(|next| (Part::StatefulSet, next)));
    altered
}

/// The digest of the difference, if a `StatefulSet` is to have fewer Pods than may have stored events.
#[must_use]
pub fn fewer(live: &StatefulSet, buffers: i32) -> Option<String> {
    let scale = resources::scale(live);
    let drift = Drift {
        changed: vec![("spec.replicas".into(), scale.into())],
        added: Vec::new(),
    };
    (scale < buffers).then(|| drift.fingerprint()).flatten()
}

fn pair<K: Serialize>(part: Part, live: Option<&K>, wanted: Option<&K>) -> Pair {
    let json = |object: &K| serde_json::to_value(object).unwrap_or_default();
    Pair {
        part,
        live: live.map(json),
        wanted: wanted.map(json),
    }
}

/// Each object in its current and its wanted state.
#[must_use]
pub fn pairs(live: &Receiver, wanted: &Resources, retiring: Option<&StatefulSet>) -> Vec<Pair> {
    let Resources {
        service_account,
        service,
        workload,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
    } = wanted;
    let (deployment, stateful_set) = match workload {
        Workload::Deployment(wanted) => (Some(wanted.as_ref()), retiring),
        Workload::StatefulSet(wanted) => (None, Some(wanted.as_ref())),
    };
    vec![
        pair(
            Part::ServiceAccount,
            live.service_account.as_ref(),
            Some(service_account),
        ),
        pair(Part::Service, live.service.as_ref(), Some(service)),
        pair(Part::Deployment, live.deployment.as_ref(), deployment),
        pair(Part::StatefulSet, live.stateful_set.as_ref(), stateful_set),
        pair(
            Part::PodDisruptionBudget,
            live.disruption_budget.as_ref(),
            disruption_budget.as_ref(),
        ),
        pair(
            Part::NetworkPolicy,
            live.network_policy.as_ref(),
            network_policy.as_ref(),
        ),
        pair(Part::Ingress, live.ingress.as_ref(), ingress.as_ref()),
        pair(
            Part::HttpRoute,
            live.http_route.as_ref(),
            http_route.as_ref(),
        ),
    ]
}

// === impl Pair ===

impl Pair {
    /// How the object differs from its wanted state, if it exists and was applied in that state.
    #[must_use]
    pub fn drift(&self) -> Option<Drift> {
        let (live, wanted) = self.live.as_ref().zip(self.wanted.as_ref())?;
        (resources::seal(live) == resources::seal(wanted)).then(|| resources::drift(live, wanted))
    }

    /// The drift, unless it is left alone.
    fn counted_drift(&self, altered: &Alterations) -> Option<Drift> {
        let drift = self.drift()?;
        let fingerprint = drift.fingerprint()?;
        let known = altered.get(&self.part);
        (!known.is_some_and(|known| known.is_left_alone(&fingerprint))).then_some(drift)
    }

    /// Whether the object has to be written.
    #[must_use]
    pub fn must_be_written(&self, altered: &Alterations) -> bool {
        let Some(wanted) = &self.wanted else {
            return false;
        };
        let seal = self.live.as_ref().map(resources::seal);
        seal != Some(resources::seal(wanted)) || self.counted_drift(altered).is_some()
    }

    /// The changes by others that are left alone, as text for people.
    #[must_use]
    pub fn theirs(&self, altered: &Alterations) -> Option<String> {
        let drift = self.drift()?;
        let paths: Vec<&str> = if self.counted_drift(altered).is_some() {
            drift.added.iter().map(String::as_str).collect()
        } else {
            drift.paths().collect()
        };
        let name = self.live.as_ref()?["metadata"]["name"].as_str()?;
        (!paths.is_empty()).then(|| format!("{} {name} ({})", self.part.kind(), listed(&paths)))
    }
}

/// The first paths, and how many more there are.
fn listed(paths: &[&str]) -> String {
    const MOST: usize = 5;
    let first = paths
        .iter()
        .take(MOST)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match paths.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
