//! How a receiver changes to its wanted state without losing an event that Zoom was told is stored. Pure.
//!
//! Pods that are being removed are drained first: they accept nothing more and deliver what they have. A Pod
//! that cannot be asked counts as not empty.

use super::{
    model::{Live, ReceiverPod, Transition, Waiting, Why},
    resources::Kind,
};

/// Decides what to do next. `wanted` is the kind of workload and its number of Pods, `None` if no workload is
/// wanted. `discard` allows events to be lost.
#[must_use]
pub fn transition(
    wanted: Option<(Kind, i32)>,
    live: &[Live],
    pods: &[ReceiverPod],
    discard: bool,
) -> Transition {
    let mut next = Transition::default();
    let successor = wanted.and_then(|(kind, _)| live.iter().find(|live| live.kind == kind));
    if let (Some((_, replicas)), Some(now)) = (wanted, successor) {
        remaining(*now, replicas, pods, discard, &mut next);
    }
    for old in live
        .iter()
        .filter(|old| wanted.is_none_or(|(kind, _)| old.kind != kind))
    {
        if wanted.is_some() && !successor.is_some_and(|new| new.available) {
            next.wait(Waiting {
                why: Why::Successor,
                pending: 0,
                silent: 0,
                scaled: None,
            });
            continue;
        }
        let why = if wanted.is_some() {
            Why::Moving(old.kind)
        } else {
            Why::Ending
        };
        let theirs = pods.iter().filter(|pod| pod.kind == old.kind).collect();
        if discard || !old.buffered || emptied(why, theirs, old.replicas, &mut next) {
            next.delete.push(old.kind);
        }
    }
    next
}

/// Handles the workload that stays, which may shrink.
fn remaining(now: Live, replicas: i32, pods: &[ReceiverPod], discard: bool, next: &mut Transition) {
    let (going, staying): (Vec<_>, Vec<_>) = pods
        .iter()
        .filter(|pod| pod.kind == now.kind)
        .partition(|pod| pod.ordinal().is_some_and(|ordinal| ordinal >= replicas));
    // Kubernetes decides which Pods of a Deployment are removed; they deliver before they end.
    let shrinks = now.kind == Kind::StatefulSet && now.buffered && now.replicas > replicas;
    if shrinks && !discard && !emptied(Why::ScalingDown, going, now.replicas - replicas, next) {
        next.replicas = Some(now.replicas);
    }
    // The removal was cancelled.
    let stopped = staying
        .into_iter()
        .filter(|pod| pod.buffer().is_some_and(|buffer| buffer.draining) && !pod.leaving);
    next.orders
        .extend(stopped.filter_map(|pod| pod.order(false)));
}

/// Whether all of the `expected` Pods are empty. Orders the others to drain.
fn emptied(why: Why, pods: Vec<&ReceiverPod>, expected: i32, next: &mut Transition) -> bool {
    let missing = usize::try_from(expected)
        .unwrap_or_default()
        .saturating_sub(pods.len());
    let mut waiting = Waiting {
        why,
        pending: 0,
        silent: missing,
        scaled: None,
    };
    let mut empty = missing == 0;
    for pod in pods {
        let Some(facts) = &pod.facts else {
            waiting.silent += 1;
            empty = false;
            next.orders.extend(pod.order(true));
            continue;
        };
        // The receiver itself reports that it has no buffer.
        let Some(buffer) = &facts.buffer else {
            continue;
        };
        waiting.pending += buffer.pending;
        // A buffer that cannot be read may hold anything.
        waiting.silent += usize::from(!buffer.open);
        empty &= buffer.open && buffer.draining && buffer.pending == 0;
        if !buffer.draining && !pod.leaving {
            next.orders.extend(pod.order(true));
        }
    }
    if !empty {
        next.wait(waiting);
    }
    empty
}

#[cfg(test)]
mod tests;
