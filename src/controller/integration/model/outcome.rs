//! What happened when a plan was carried out: the raw answers, not what they mean.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::observed::Receiver;
use crate::controller::{
    integration::{altered::Alteration, resources::Part},
    rollouts::Progress,
    token_secret::TokenSecret,
};

/// What happened in one pass.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The token's outcome.
    pub token: TokenOutcome,
    /// Whether Zoom accepts a General app's credentials.
    pub credentials: Option<CheckOutcome>,
    /// Zoom was not asked: the app's budget allows the check after this time.
    pub check_postponed: Option<Duration>,
    /// The outcome of the receiver's objects.
    pub receiver: ReceiverOutcome,
    /// Whether the token Secret under an earlier name was removed.
    pub old_token_secret_removed: bool,
}

/// The outcome of the token.
#[derive(Clone, Debug)]
pub enum TokenOutcome {
    /// Nothing had to be done.
    Untouched,
    /// The owner references were changed; this is the Secret now.
    Reowned(TokenSecret),
    /// Zoom issued a token; this is the Secret that holds it.
    Published(TokenSecret),
    /// The same, and Zoom refused the call that should prove the token.
    Unproven(TokenSecret, zoom::Error),
    /// Zoom was not asked: the account's budget allows a request after this time.
    Postponed(Duration),
    /// Zoom issued no token.
    Refused(zoom::Error),
    /// Zoom issued a token, and the API server refused its Secret with this sentence.
    NotWritten(String),
}

/// Zoom's answer about a General app's credentials.
#[derive(Clone, Debug)]
pub struct CheckOutcome {
    /// When Zoom was asked.
    pub asked: Timestamp,
    /// Zoom's answer.
    pub answer: Result<(), zoom::Error>,
}

/// The outcome of the receiver's objects.
#[derive(Clone, Debug, Default)]
pub struct ReceiverOutcome {
    /// The current objects, as far as they were written.
    pub live: Receiver,
    /// The objects that were written.
    pub written: BTreeSet<Part>,
    /// How far the workload is from its wanted state; `None` if it was not checked.
    pub progress: Option<Progress>,
    /// Since when its Pods are being replaced, as far as this process saw it.
    pub rolling_since: Option<Timestamp>,
    /// The API server refused an object with this sentence.
    pub refused: Option<String>,
    /// The API server refused to expand a volume with this sentence.
    pub not_expanded: Option<String>,
    /// The cluster does not define the route's kind.
    pub is_gateway_api_missing: bool,
    /// What is known of those who scale a `StatefulSet` that goes, if it was scaled back.
    pub scaled_back: Option<Alteration>,
}

// === impl TokenOutcome ===

impl TokenOutcome {
    /// How long the request has to wait, if the budget postponed it.
    #[must_use]
    pub fn postponed(&self) -> Option<Duration> {
        match self {
            Self::Postponed(wait) => Some(*wait),
            _ => None,
        }
    }

    /// The token Secret now, if it was `before`.
    #[must_use]
    pub fn secret<'a>(&'a self, before: &'a TokenSecret) -> &'a TokenSecret {
        match self {
            Self::Reowned(secret) | Self::Published(secret) | Self::Unproven(secret, _) => secret,
            Self::Untouched | Self::Postponed(_) | Self::Refused(_) | Self::NotWritten(_) => before,
        }
    }
}
