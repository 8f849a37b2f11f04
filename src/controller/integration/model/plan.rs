//! What to do in a pass.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;

use super::{
    applied::ReceiverFinding, cause::Cause, judgement::Judgement, transition::Transition,
    volumes::Expansion,
};
use crate::controller::{
    integration::resources::{Part, Resources},
    rollouts::Situation,
};

/// What to do in this pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// For the token.
    pub token: TokenStep,
    /// For the credentials of an app without its own token.
    pub credentials: CredentialsStep,
    /// For the receiver's objects.
    pub receiver: ReceiverStep,
    /// Why the receiver's objects must not be written.
    pub obstacle: Option<ReceiverFinding>,
    /// The receiver's objects, if they have to be applied and nothing prevents it.
    pub objects: Option<Box<Objects>>,
    /// The volume claims that have to ask for more.
    pub expansion: Option<Expansion>,
    /// Which parts of the webhook are refused.
    pub judgement: Judgement,
    /// How the receiver's workloads change without losing events.
    pub transition: Transition,
    /// Whether to remove the Secret under an earlier `token.secretName`.
    pub remove_old_token_secret: bool,
}

/// What to do with the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenStep {
    /// Nothing.
    Keep,
    /// Nothing before this time.
    Wait(Timestamp),
    /// Nothing before this time, although the Secret is not as it should be: others change it again and again.
    Rest(Timestamp),
    /// Nothing is due now; somebody requested another token for this time.
    Later(Timestamp),
    /// Update the owner references to match the deletion policy.
    Reown,
    /// Request a token from Zoom.
    Request(Cause),
}

/// How to find out whether Zoom accepts a General app's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsStep {
    /// The last answer is still valid.
    Keep,
    /// The last answer is valid until this time.
    Wait(Timestamp),
    /// There is nothing to check: the app has its own token, or credentials are missing.
    Forget,
    /// Ask Zoom.
    Ask,
}

/// What to do with the receiver's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverStep {
    /// Nothing.
    Keep,
    /// Apply the wanted state.
    Apply,
    /// Remove them.
    Remove,
}

/// The wanted state of the receiver's objects, and which of them have to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// The wanted state.
    pub wanted: Resources,
    /// A `StatefulSet` that is drained before it is deleted, in its wanted state until then.
    pub retiring: Option<StatefulSet>,
    /// The objects that are not in their wanted state.
    pub writes: BTreeSet<Part>,
    /// What is known about the workload before it is written.
    pub situation: Situation,
}

// === impl TokenStep ===

impl TokenStep {
    /// Until when nothing is done, if known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Wait(until) | Self::Rest(until) | Self::Later(until) => Some(*until),
            Self::Keep | Self::Reown | Self::Request(_) => None,
        }
    }
}

// === impl CredentialsStep ===

impl CredentialsStep {
    /// Until when nothing is done, if known.
    #[must_use]
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Wait(until) => Some(until),
            _ => None,
        }
    }
}
