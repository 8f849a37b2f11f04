//! How a receiver's workloads change, and which events that has to wait for.

use super::pods::Order;
use crate::{
    api::annotation,
    controller::integration::{
        count::Count,
        resources::{Kind, workload_name},
    },
};

/// What to do, and what to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transition {
    /// The number of Pods for now, if it differs from the declared one.
    pub replicas: Option<i32>,
    /// Orders for Pods.
    pub orders: Vec<Order>,
    /// The workloads that can be deleted.
    pub delete: Vec<Kind>,
    /// What the change waits for.
    pub waiting: Option<Waiting>,
}

/// Events that the change waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The reason.
    pub why: Why,
    /// Events that are not delivered yet.
    pub pending: u64,
    /// Pods that cannot be asked.
    pub silent: usize,
    /// To how many Pods somebody keeps scaling the `StatefulSet`, and how many may have stored events.
    pub scaled: Option<(i32, i32)>,
}

/// Why the change waits for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No events yet: the new workload has to be available first.
    Successor,
    /// This workload is replaced by one of another kind.
    Moving(Kind),
    /// Fewer Pods are wanted.
    ScalingDown,
    /// No receiver is wanted.
    Ending,
}

// === impl Transition ===

impl Transition {
    /// If two changes wait, the one with events counts.
    pub fn wait(&mut self, waiting: Waiting) {
        let more = |known: Waiting| Waiting {
            why: waiting.why,
            pending: known.pending + waiting.pending,
            silent: known.silent + waiting.silent,
            scaled: known.scaled.or(waiting.scaled),
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
    /// A message for people with the way out; `None` if no events are waited for.
    #[must_use]
    pub fn message(&self, namespace: &str, name: &str, suspended: bool) -> Option<String> {
        let what = match self.why {
            Why::Successor => return None,
            Why::Moving(kind) => format!(
                "The former receiver, {} {}, delivers its stored events before it is removed",
                kind.as_str(),
                workload_name(name, kind)
            ),
            Why::ScalingDown => {
                "The surplus Pods deliver their stored events before they are removed".into()
            }
            Why::Ending => "The receiver delivers its stored events before it is removed".into(),
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
        let scaled = self.scaled.map(|(now, all)| {
            let set = workload_name(name, Kind::StatefulSet);
            format!(
                " Something, such as an autoscaler, keeps scaling StatefulSet {set} to {now}, and {all} Pods may have stored events: remove what does so, and run kubectl scale statefulset -n {namespace} {set} --replicas={all}."
            )
        });
        let scaled = scaled.unwrap_or_default();
        let suspended = if suspended {
            " Nothing is delivered while suspend is set: set it to false."
        } else {
            ""
        };
        Some(format!(
            "{what}: {events}{silent}.{scaled}{suspended} To lose them instead: kubectl annotate zint -n {namespace} {name} {}=true",
            annotation::DISCARD
        ))
    }
}
