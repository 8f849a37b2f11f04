//! How things stand after a plan was carried out.

use jiff::Timestamp;

use super::{judgement::Refusal, transition::Waiting};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{CredentialsStatus, TokenFailure},
    },
    controller::{
        integration::altered::Alterations, rollouts::Progress, token_secret::TokenSecret,
    },
};

/// How things stand after the plan was carried out.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The token Secret.
    pub token: TokenSecret,
    /// The Secret that holds the token: for a while still the one under an earlier name.
    pub token_secret_name: String,
    /// The attempts to get a token that failed since the last success.
    pub failure: Option<TokenFailure>,
    /// Whether Zoom gave the token for the credentials as they are now.
    pub with_current_credentials: bool,
    /// What is known of a General app's credentials.
    pub checked: Checked,
    /// The receiver.
    pub receiver: ReceiverState,
    /// What stands against parts of the webhook.
    pub refusals: Vec<Refusal>,
    /// When the plan has to be made again.
    pub look_again: Option<Timestamp>,
}

/// How the receiver stands.
#[derive(Clone, Debug)]
pub struct ReceiverState {
    /// Whether it takes requests.
    pub finding: ReceiverFinding,
    /// The API server's sentence, if it refused an object of a receiver that takes requests.
    pub refused: Option<String>,
    /// Fields with labels and annotations of its way in that the operator's configuration does not allow.
    pub undressed: Vec<String>,
    /// How many Pods it has, without those that a rollout adds.
    pub replicas: i32,
    /// Events that are waited for.
    pub waiting: Option<Waiting>,
    /// How it stands to what is wanted of it; `None` without one.
    pub progress: Option<Progress>,
    /// What others made of its objects after they were applied, for the next pass.
    pub altered: Alterations,
    /// What others did to its objects that is left alone, for people.
    pub theirs: Vec<String>,
}

/// What is found of the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverFinding {
    /// It takes requests.
    Available,
    /// It does not take requests yet.
    Unavailable(String),
    /// Its objects could not be written.
    NotApplied(String),
    /// Somebody else's object has its name.
    Conflict(String),
}

/// What is known of a General app's credentials. Of an app with a token of its own, the token says it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_field_names, reason = "named as in the status")]
pub struct Checked {
    /// Version of the Secret that Zoom took last.
    pub accepted_version: Option<String>,
    /// When it was last asked.
    pub checked_at: Option<Timestamp>,
    /// The attempts that failed since.
    pub failure: Option<TokenFailure>,
}

// === impl Applied ===

impl Applied {
    /// Whether the host in the spec is this integration's, so that its URL may be given out.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let is_others = |refusal: &Refusal| {
            matches!(refusal.reason, Reason::HostClaimed | Reason::HostNotAllowed)
        };
        !self.refusals.iter().any(is_others)
    }
}

// === impl Checked ===

impl Checked {
    /// What the status says.
    #[must_use]
    pub fn of(known: &CredentialsStatus) -> Self {
        Self {
            accepted_version: known.accepted_version.clone(),
            checked_at: known.checked_at.as_ref().map(|time| time.0),
            failure: known.failure.clone(),
        }
    }
}
