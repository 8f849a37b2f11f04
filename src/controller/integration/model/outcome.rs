//! What happened when a plan was carried out: answers as they came, not what they mean.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::observed::Receiver;
use crate::controller::{
    integration::resources::Part, rollouts::Progress, token_secret::TokenSecret,
};

/// What happened in one pass.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// With the token.
    pub token: TokenOutcome,
    /// With the question whether Zoom takes a General app's credentials.
    pub credentials: Option<CheckOutcome>,
    /// That question was not asked: the app's budget allows it after this time.
    pub check_postponed: Option<Duration>,
    /// With the receiver's objects.
    pub receiver: ReceiverOutcome,
    /// Whether the token Secret under an earlier name was removed.
    pub old_token_secret_removed: bool,
}

/// What happened with the token.
#[derive(Clone, Debug)]
pub enum TokenOutcome {
    /// Nothing was to be done.
    Untouched,
    /// The Secret as it is after its owner references were changed.
    Reowned(TokenSecret),
    /// Zoom gave a token; the Secret that holds it.
    Published(TokenSecret),
    /// Zoom was not asked: the account's budget allows it after this time.
    Postponed(Duration),
    /// Zoom gave no token.
    Refused(zoom::Error),
    /// Zoom gave a token, and the API server refused its Secret with this sentence.
    NotWritten(String),
}

/// What Zoom said of a General app's credentials.
#[derive(Clone, Debug)]
pub struct CheckOutcome {
    /// When it was asked.
    pub asked: Timestamp,
    /// Its answer.
    pub answer: Result<(), zoom::Error>,
}

/// What happened with the receiver's objects.
#[derive(Clone, Debug, Default)]
pub struct ReceiverOutcome {
    /// The objects, as they are now as far as they were written.
    pub live: Receiver,
    /// Those that were written.
    pub written: BTreeSet<Part>,
    /// How the workload stands to what is wanted of it; `None` when it was not looked at.
    pub progress: Option<Progress>,
    /// The API server refused an object with this sentence.
    pub refused: Option<String>,
    /// The cluster does not know the kind of the route.
    pub is_gateway_api_missing: bool,
}

// === impl TokenOutcome ===

impl TokenOutcome {
    /// How long the request has to wait, if it was not made for that reason.
    #[must_use]
    pub fn postponed(&self) -> Option<Duration> {
        match self {
            Self::Postponed(wait) => Some(*wait),
            _ => None,
        }
    }

    /// The token Secret as it is now, if it was `before`.
    #[must_use]
    pub fn secret<'a>(&'a self, before: &'a TokenSecret) -> &'a TokenSecret {
        match self {
            Self::Reowned(secret) | Self::Published(secret) => secret,
            Self::Untouched | Self::Postponed(_) | Self::Refused(_) | Self::NotWritten(_) => before,
        }
    }
}
