//! What to do in a pass.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;

use super::{applied::ReceiverFinding, judgement::Judgement, transition::Transition};
use crate::controller::{
    integration::resources::{Part, Resources},
    rollouts::Situation,
};
/// What to do in this pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// With the token.
    pub token: TokenStep,
    /// With the credentials of an app without a token of its own.
    pub credentials: CredentialsStep,
    /// With the receiver's objects.
    pub receiver: ReceiverStep,
    /// What keeps the receiver's objects from being written.
    pub obstacle: Option<ReceiverFinding>,
    /// The receiver's objects, where they are to be applied and nothing is in the way.
    pub objects: Option<Box<Objects>>,
    /// What stands against parts of the webhook.
    pub judgement: Judgement,
    /// How the receiver's workloads change without losing events.
    pub transition: Transition,
    /// Whether the Secret under an earlier `token.secretName` goes.
    pub remove_old_token_secret: bool,
}

/// What to do with the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenStep {
    /// Nothing.
    Keep,
    /// Nothing until then.
    Wait(Timestamp),
    /// Nothing is due; somebody asked for another token from then on.
    Later(Timestamp),
    /// Bring owner references in line with the deletion policy.
    Reown,
    /// Ask Zoom for a token.
    Request(Cause),
}

/// How it is found out whether Zoom takes a General app's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsStep {
    /// What is known stands.
    Keep,
    /// It stands until then.
    Wait(Timestamp),
    /// There is nothing to know: the app has a token of its own, or credentials are missing.
    Forget,
    /// Zoom is asked.
    Ask,
}

/// Why a token is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no token Secret.
    NoSecret,
    /// The Secret is not as we wrote it.
    SecretModified,
    /// The credentials Secret changed.
    CredentialsChanged,
    /// The token's time has come.
    RefreshDue,
    /// Zoom granted less than required; perhaps somebody ticked the box.
    ScopesMissing,
    /// Somebody asked for another token.
    Requested,
}

/// What to do with the receiver's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverStep {
    /// Nothing.
    Keep,
    /// Bring them to the wanted state.
    Apply,
    /// Remove them.
    Remove,
}

/// The receiver's objects as they should be, and which of them have to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    /// As they should be.
    pub wanted: Resources,
    /// A `StatefulSet` that is emptied before it goes, as it should be until then.
    pub retiring: Option<StatefulSet>,
    /// Which of them are not as they should be.
    pub writes: BTreeSet<Part>,
    /// How the workload stands to what is wanted of it.
    pub situation: Situation,
}

// === impl TokenStep ===

impl TokenStep {
    /// Until when nothing is done, if that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Wait(until) | Self::Later(until) => Some(*until),
            Self::Keep | Self::Reown | Self::Request(_) => None,
        }
    }
}

// === impl CredentialsStep ===

impl CredentialsStep {
    /// Until when nothing is done, if that is known.
    #[must_use]
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Wait(until) => Some(until),
            _ => None,
        }
    }
}
