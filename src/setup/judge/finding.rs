//! The finding about a step, and how proofs and mistakes change it.

use jiff::Timestamp;

use crate::setup::step::{Evidence, Mistake, State};

/// The finding about a step.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How far it is.
    pub state: State,
    /// What proves it, or would prove it.
    pub evidence: Evidence,
    /// The known mistakes.
    pub mistakes: Vec<Mistake>,
    /// When the proof was seen.
    pub at: Option<Timestamp>,
}

// === impl Finding ===

impl Finding {
    pub(super) fn of(evidence: Evidence) -> Self {
        Self {
            state: State::Unknown,
            evidence,
            mistakes: Vec::new(),
            at: None,
        }
    }

    pub(super) fn open(self) -> Self {
        Self {
            state: State::Open,
            ..self
        }
    }

    pub(super) fn done_if(self, proved: bool, at: Option<Timestamp>) -> Self {
        if proved {
            Self {
                state: State::Done,
                at,
                ..self
            }
        } else {
            self
        }
    }

    /// A mistake overrides every proof.
    pub(super) fn wrong(self, mistakes: Vec<Mistake>) -> Self {
        if mistakes.is_empty() {
            return self;
        }
        Self {
            state: State::Open,
            mistakes,
            at: None,
            ..self
        }
    }
}
