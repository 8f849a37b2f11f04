//! Which parts of a webhook are refused.

use crate::{api::reason::Reason, controller::integration::resources::SinkAccess};

/// What is allowed and what is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What is refused, with remedies.
    pub refusals: Vec<Refusal>,
    /// Fields with labels and annotations that are not applied.
    pub refused_metadata: Vec<String>,
    /// The priority class that the receiver does not get.
    pub refused_class: Option<String>,
    /// Whether the receiver may use its sink.
    pub sink: SinkAccess,
    /// Whether the host belongs to the integration.
    pub exposure: Exposure,
}

/// Something that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for machines.
    pub reason: Reason,
    /// The reason and the remedy, for people.
    pub message: String,
    /// Whether it may resolve by itself: a Secret that may be created later.
    pub waits: bool,
}

/// Whether a host belongs to the integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// It belongs to the integration.
    #[default]
    Granted,
    /// It does not belong to the integration.
    Refused,
    /// Other claims are not known yet: existing objects stay.
    Unknown,
}

// === impl Refusal ===

impl Refusal {
    /// A refusal that a person must fix.
    #[must_use]
    pub fn new(reason: Reason, message: String) -> Self {
        Self {
            reason,
            message,
            waits: false,
        }
    }
}
