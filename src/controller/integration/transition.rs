//! How a receiver gets from what it is to what it shall be without losing an event that Zoom was told to
//! be safe. Pure.
//!
//! What goes is emptied first: its Pods are told to take nothing more and to deliver what they have. A Pod
//! that cannot be asked counts as not empty.

use super::{count::Count, facts::ReceiverPod, resources::Kind};

/// A workload of ours as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// What it is.
    pub kind: Kind,
    /// How many Pods it shall have.
    pub replicas: i32,
    /// Whether one of them takes requests.
    pub available: bool,
    /// Whether they store events.
    pub buffered: bool,
}

/// What to do, and what is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transition {
    /// The number of Pods to have for now, if another than declared.
    pub replicas: Option<i32>,
    /// What to tell Pods.
    pub orders: Vec<Order>,
    /// The workloads that can go.
    pub delete: Vec<Kind>,
    /// What is waited for.
    pub waiting: Option<Waiting>,
}

/// What to tell a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its address.
    pub address: String,
    /// To run empty, or to take events again.
    pub drain: bool,
}

/// Events that are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Why.
    pub why: Why,
    /// Events that are not delivered.
    pub pending: u64,
    /// Pods that cannot be asked.
    pub silent: usize,
}

/// Why events are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing to wait for yet: the new workload has to be available first.
    Successor,
    /// This workload is replaced by one of another kind.
    Moving(Kind),
    /// There shall be fewer Pods.
    ScalingDown,
    /// There shall be no receiver.
    Ending,
}

/// Decides what to do next. `wanted` is the kind of workload and its number of Pods, `None` if there is to
/// be none; `discard` says that events may be lost.
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
        keep(*now, replicas, pods, discard, &mut next);
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

/// The workload that stays, perhaps with fewer Pods.
fn keep(now: Live, replicas: i32, pods: &[ReceiverPod], discard: bool, next: &mut Transition) {
    let (going, staying): (Vec<_>, Vec<_>) = pods
        .iter()
        .filter(|pod| pod.kind == now.kind)
        .partition(|pod| pod.ordinal().is_some_and(|ordinal| ordinal >= replicas));
    // Which Pods of a Deployment go, Kubernetes decides; they deliver before they end.
    let shrinks = now.kind == Kind::StatefulSet && now.buffered && now.replicas > replicas;
    if shrinks && !discard && !emptied(Why::ScalingDown, going, now.replicas - replicas, next) {
        next.replicas = Some(now.replicas);
    }
    // Somebody thought better of it.
    let stopped = staying
        .into_iter()
        .filter(|pod| pod.buffer().is_some_and(|buffer| buffer.draining) && !pod.leaving);
    next.orders
        .extend(stopped.filter_map(|pod| pod.order(false)));
}

/// Whether these Pods, of which there must be so many, are empty. If not, they are told to become so.
fn emptied(why: Why, pods: Vec<&ReceiverPod>, expected: i32, next: &mut Transition) -> bool {
    let missing = usize::try_from(expected)
        .unwrap_or_default()
        .saturating_sub(pods.len());
    let mut waiting = Waiting {
        why,
        pending: 0,
        silent: missing,
    };
    let mut empty = missing == 0;
    for pod in pods {
        let Some(facts) = &pod.facts else {
            waiting.silent += 1;
            empty = false;
            next.orders.extend(pod.order(true));
            continue;
        };
        // It says itself that it has no buffer.
        let Some(buffer) = &facts.buffer else {
            continue;
        };
        waiting.pending += buffer.pending;
        // One that cannot be read may hold anything.
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

// === impl Transition ===

impl Transition {
    /// Of two things that are waited for, the one with events counts.
    fn wait(&mut self, waiting: Waiting) {
        let more = |known: Waiting| Waiting {
            why: waiting.why,
            pending: known.pending + waiting.pending,
            silent: known.silent + waiting.silent,
        };
        self.waiting = Some(match self.waiting {
            Some(known) if waiting.why == Why::Successor => known,
            Some(known) => more(known),
            None => waiting,
        });
    }
}

// === impl Waiting ===

impl Waiting {
    /// The same for people, with the way out; `None` when no events are waited for.
    #[must_use]
    pub fn message(&self, namespace: &str, name: &str, suspended: bool) -> Option<String> {
        let what = match self.why {
            Why::Successor => return None,
            Why::Moving(kind) => format!(
                "The former receiver, {} {name}-receiver, delivers what it has stored before it goes",
                kind.as_str()
            ),
            Why::ScalingDown => {
                "The Pods that are too many deliver what they have stored before they go".into()
            }
            Why::Ending => "The receiver delivers what it has stored before it goes".into(),
        };
        let events = match self.pending {
            0 => "no event is known to be pending".into(),
            1 => "1 event is pending".into(),
            pending => format!("{} events are pending", Count::of(pending)),
        };
        let silent = match self.silent {
            0 => String::new(),
            1 => ", and 1 Pod cannot be asked".into(),
            silent => format!(", and {silent} Pods cannot be asked"),
        };
        let suspended = if suspended {
            " Nothing is delivered while suspend is set: set it to false."
        } else {
            ""
        };
        Some(format!(
            "{what}: {events}{silent}.{suspended} To lose them instead: kubectl annotate zint -n {namespace} {name} {}=true",
            crate::api::annotation::DISCARD
        ))
    }
}

#[cfg(test)]
mod tests;
