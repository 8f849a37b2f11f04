//! What stands against parts of a webhook.

use crate::{api::reason::Reason, controller::integration::resources::SinkAccess};

/// What may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What is refused, with the remedies.
    pub refusals: Vec<Refusal>,
    /// Fields with labels and annotations that are not applied.
    pub undressed: Vec<String>,
    /// Whether the receiver has its sink.
    pub sink: SinkAccess,
    /// Whether the host is the integration's.
    pub exposure: Exposure,
}

/// Something that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for machines.
    pub reason: Reason,
    /// Why, and the remedy.
    pub message: String,
    /// Whether it is only waited for: a Secret that may come late.
    pub waits: bool,
}

/// Whether a host is the integration's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// It is.
    #[default]
    Granted,
    /// It is not.
    Refused,
    /// The others are not known yet: what there is stays.
    Unknown,
}

// === impl Refusal ===

impl Refusal {
    /// Something that a person must change.
    #[must_use]
    pub fn new(reason: Reason, message: String) -> Self {
        Self {
            reason,
            message,
            waits: false,
        }
    }
}
