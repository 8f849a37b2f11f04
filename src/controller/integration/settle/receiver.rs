//! The receiver after the pass: what others changed of it, whether a Pod is available, and why not.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{stuck::stuck, trouble::trouble};
use crate::{
    api::{reason::Reason, v1alpha1::ZoomIntegration},
    controller::{
        integration::{
            altered::{Alteration, Alterations},
            model::{
                Observed, Plan, Receiver, ReceiverFinding, ReceiverOutcome, ReceiverState,
                ReceiverStep, Refusal, Volumes,
            },
            objects::{self, Pair},
            resources::{self, Part},
        },
        rollouts::Progress,
    },
};

/// The receiver after `plan` led to `outcome`.
pub fn receiver(
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    outcome: &ReceiverOutcome,
    now: Timestamp,
) -> ReceiverState {
    let (altered, theirs) = others(observed, plan, outcome, now);
    let found = availability(integration, observed, &outcome.live);
    let is_available = found == ReceiverFinding::Available;
    let stuck = stuck(integration, observed, outcome, now).filter(|_| is_available);
    let finding = match (plan.receiver, &plan.obstacle, &outcome.refused) {
        (ReceiverStep::Remove, ..) => {
            ReceiverFinding::Unavailable("The receiver is removed.".into())
        }
        (_, Some(obstacle), _) => obstacle.clone(),
        (_, None, Some(sentence)) if !is_available => ReceiverFinding::NotApplied(format!(
            "The receiver's objects could not be written: {sentence}"
        )),
        (_, None, _) => found,
    };
    ReceiverState {
        finding,
        refused: outcome
            .refused
            .clone()
            .filter(|_| is_available || plan.receiver == ReceiverStep::Remove),
        refused_metadata: plan.judgement.refused_metadata.clone(),
        refused_class: plan.judgement.refused_class.clone(),
        replicas: outcome
            .live
            .live(integration)
            .iter()
            .map(|live| live.running.min(live.replicas))
            .max()
            .unwrap_or_default(),
        waiting: plan.transition.waiting,
        growing: observed
            .volumes
            .as_ref()
            .filter(|_| outcome.not_expanded.is_none() && !integration.spec.suspend)
            .and_then(Volumes::growing),
        progress: stuck.as_ref().map(|_| Progress::Stuck).or(outcome.progress),
        stuck,
        altered,
        theirs,
        contested: Vec::new(),
    }
}

/// The changes that others made to the receiver's objects after they were applied, and a text for people.
fn others(
    observed: &Observed,
    plan: &Plan,
    outcome: &ReceiverOutcome,
    now: Timestamp,
) -> (Alterations, Vec<String>) {
    let mut altered = observed.altered.clone();
    let scaled_back = outcome.scaled_back.clone();
    altered.extend(scaled_back.map(|known| (Part::StatefulSet, known)));
    let Some(objects) = &plan.objects else {
        return (altered, Vec::new());
    };
    let pairs = |live| objects::pairs(live, &objects.wanted, objects.retiring.as_ref());
    let after = pairs(&outcome.live);
    for (before, after) in pairs(&observed.receiver).iter().zip(&after) {
        if !outcome.written.contains(&after.part) {
            continue;
        }
        let fingerprint = |pair: &Pair| pair.drift().and_then(|drift| drift.fingerprint());
        let known = altered.remove(&after.part);
        let next = Alteration::after(known.as_ref(), fingerprint(before), fingerprint(after), now);
        altered.extend(next.map(|next| (after.part, next)));
    }
    let theirs = after.iter().filter_map(|pair| pair.theirs(&altered));
    let theirs = theirs.collect();
    (altered, theirs)
}

fn availability(
    integration: &ZoomIntegration,
    observed: &Observed,
    live: &Receiver,
) -> ReceiverFinding {
    let workloads = live.live(integration);
    let Some(first) = workloads.first() else {
        return ReceiverFinding::Unavailable("The receiver is not deployed.".into());
    };
    if workloads.iter().any(|live| live.available) {
        return ReceiverFinding::Available;
    }
    let trouble = trouble(observed, live);
    let trouble = trouble.map(|trouble| format!(": {trouble}"));
    ReceiverFinding::Unavailable(format!(
        "No Pod of {} {} is available yet{}.",
        first.kind.as_str(),
        resources::workload_name(&integration.name_any(), first.kind),
        trouble.as_deref().unwrap_or_default().trim_end_matches('.')
    ))
}

/// Why the volumes of a buffer do not grow, and what to do.
pub fn not_expanded(observed: &Observed, outcome: &ReceiverOutcome) -> Option<Refusal> {
    let volumes = observed.volumes.as_ref()?;
    let sentence = outcome.not_expanded.as_ref();
    let sentence = sentence.or(volumes.unreadable.as_ref())?;
    let live = observed.receiver.stateful_set.as_ref()?;
    let now = resources::size_of(live).filter(|now| *now != volumes.size)?;
    Some(Refusal::new(
        Reason::BufferImmutable,
        format!(
            "The volume of the buffer cannot be expanded to {}, and the receiver continues with {}: {}. If its StorageClass does not allow it, ask its administrator for allowVolumeExpansion: true, or set webhook.buffer.size back to {1}. For another volume, set webhook.buffer.storage to Ephemeral, wait until the StatefulSet is gone, and set it to Persistent again.",
            volumes.size.0,
            now.0,
            sentence.trim_end_matches('.')
        ),
    ))
}
