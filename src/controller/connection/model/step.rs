//! The steps of a pass, and their outcomes.

use std::time::Duration;

use super::{
    consent::{Asked, Consent, End},
    observed::{ForeignAttempt, Read},
};
use crate::controller::{
    grants::{TooEarly, secret::StoredGrant},
    published::Exactly,
    token_secret::TokenSecret,
};
use grant::Grant;
use zoom::App;

/// One step of a pass.
#[derive(Clone, Debug)]
pub enum Step {
    /// Takes note of attempts by other processes.
    Notice(Vec<ForeignAttempt>),
    /// Spends the grant's refresh token.
    Refresh(App),
    /// Writes the grant's Secret.
    Store(Box<StoredGrant>, Purpose),
    /// Asks Zoom who the grant belongs to.
    AskWho(Box<Grant>),
    /// Updates the owner references of the grant's Secret to match the deletion policy.
    ReownGrant,
    /// Spends the code of a consent.
    Redeem(App, Box<Consent>),
    /// Asks Zoom who gave a consent.
    AskWhoConsented(Box<Grant>),
    /// Removes a consent, which has ended.
    EndConsent(Box<Consent>, End),
    /// Publishes the access token for consumers.
    Publish(Box<Grant>),
    /// Updates the owner references of the token's Secret to match the deletion policy.
    ReownToken(String),
    /// Removes the Secret that consumers mount.
    RemoveToken(Exactly),
    /// Removes the grant's Secret: the integration has not been usable for too long.
    RemoveGrant,
    /// Removes the token Secret with an earlier name.
    RemoveOldToken(Exactly),
}

// === impl Step ===

impl Step {
    /// Whether the step erases a grant because a time has passed.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::RemoveGrant | Self::Store(_, Purpose::Expired))
    }

    /// Name of the Secret of the consent that the step concerns: the id of its grant.
    #[must_use]
    pub fn consent(&self) -> Option<&str> {
        match self {
            Self::Redeem(_, consent) | Self::EndConsent(consent, _) => Some(&consent.secret_name),
            Self::AskWhoConsented(grant) => Some(&grant.id),
            Self::Store(kept, Purpose::Adopted) => Some(&kept.grant.id),
            _ => None,
        }
    }
}

/// Why the grant's Secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A refresh token is imported.
    Imported,
    /// The grant of a consent becomes the connection's own.
    Adopted,
    /// Zoom said who it belongs to.
    Identified,
    /// The person removed the app: the grant is erased.
    Removed,
    /// It was sealed for long enough: it is erased.
    Expired,
}

/// The outcome of a step: the raw answers of Zoom and the API server.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Whether the grant was spent, and its Secret afterwards.
    Refreshed(grant::SpendOutcome<zoom::Error>, Read),
    /// The grant's Secret as written, or why the API server refused it.
    Stored(Result<Read, Refused>),
    /// Zoom's answer about the user.
    Who(Result<Asked, zoom::Error>),
    /// Whether the code was spent.
    Redeemed(grant::SpendOutcome<zoom::Error>),
    /// Neither was tried.
    Postponed(TooEarly),
    /// The token's Secret as written, or why the API server refused it.
    Published(Result<TokenSecret, Refused>),
    /// The owners, labels or annotations of a Secret could not be written; how long to wait until the next attempt.
    NotReowned(Duration),
}

/// A write that the API server refused, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);
