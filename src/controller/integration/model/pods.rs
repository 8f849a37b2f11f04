//! The Pods and workloads of a receiver.

use crate::controller::integration::resources::Kind;
use contract::facts::{BufferFacts, Facts};

/// The current state of one of our workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its kind.
    pub kind: Kind,
    /// How many Pods it should have.
    pub replicas: i32,
    /// How many Pods it has.
    pub running: i32,
    /// Whether one of them accepts requests.
    pub available: bool,
    /// Whether they store events.
    pub buffered: bool,
}

/// A Pod of one of the integration's workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverPod {
    /// The kind of its workload.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its address, once it has one.
    pub address: Option<String>,
    /// Whether it is being deleted.
    pub leaving: bool,
    /// Why it does not run, if its status says so.
    pub trouble: Option<String>,
    /// What it knows; `None` if it cannot be asked.
    pub facts: Option<Facts>,
}

/// An order for a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its address.
    pub address: String,
    /// Whether to drain, or to accept events again.
    pub drain: bool,
}

// === impl ReceiverPod ===

impl ReceiverPod {
    /// The number of a Pod of a `StatefulSet`.
    #[must_use]
    pub fn ordinal(&self) -> Option<i32> {
        let (_, ordinal) = self.name.rsplit_once('-')?;
        (self.kind == Kind::StatefulSet)
            .then(|| ordinal.parse().ok())
            .flatten()
    }

    /// What its buffer holds.
    #[must_use]
    pub fn buffer(&self) -> Option<&BufferFacts> {
        self.facts.as_ref()?.buffer.as_ref()
    }

    /// The order to drain, or to accept events again.
    #[must_use]
    pub fn order(&self, drain: bool) -> Option<Order> {
        let address = self.address.clone()?;
        Some(Order { address, drain })
    }
}

/// What all Pods that could be asked know in total; `None` if none could be asked. Whether a signature `was_verified`
/// before, the status knows also of Pods that are gone.
#[must_use]
pub fn together(pods: &[ReceiverPod], was_verified: bool) -> Option<Facts> {
    let known = pods.iter().filter_map(|pod| pod.facts.clone());
    Facts::together(known.collect(), was_verified)
}
