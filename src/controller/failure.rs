//! Failed attempts to get a token, as the status records them: a restart neither forgets the backoff
//! nor begins it anew. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::schedule::{self, Retry};
use crate::{
    api::v1alpha1::TokenFailure,
    zoom::{Class, Fault},
};

/// The reason under which missing scopes are recorded as a failed attempt.
pub const MISSING_SCOPES: &str = "MissingScopes";

/// The reason under which a token that could not be stored is recorded.
pub const SECRET_NOT_WRITTEN: &str = "TokenSecretNotWritten";

/// Whether a person must act before another attempt can succeed.
#[must_use]
pub fn is_for_a_person(failure: &TokenFailure) -> bool {
    Fault::from_reason(&failure.reason).is_some_and(|fault| fault.class() == Class::Person)
}

/// What a recorded failure was about.
#[must_use]
pub fn retry_of(reason: &str) -> Retry {
    match reason {
        MISSING_SCOPES => Retry::Scopes,
        SECRET_NOT_WRITTEN => Retry::Publish,
        _ => Retry::Fault(Fault::from_reason(reason).unwrap_or(Fault::Refused)),
    }
}

/// An attempt that failed, to be recorded.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// Why.
    pub reason: &'a str,
    /// The same for people, with the remedy.
    pub message: String,
    /// How long Zoom asks to wait.
    pub retry_after: Option<Duration>,
    /// Version of the credentials Secret that it used.
    pub credentials_version: &'a str,
}

/// Records a failed attempt after those `before` it, with the time of the next one.
#[must_use]
pub fn record(
    attempt: Attempt<'_>,
    before: Option<&TokenFailure>,
    uid: &str,
    now: Timestamp,
) -> TokenFailure {
    let Attempt {
        reason,
        message,
        retry_after,
        credentials_version,
    } = attempt;
    // Other credentials, or another trouble than missing scopes: the count begins anew.
    let before = before.filter(|before| {
        before.credentials_version == credentials_version
            && (before.reason == MISSING_SCOPES) == (reason == MISSING_SCOPES)
    });
    let attempts = before.map_or(1, |before| before.attempts.saturating_add(1));
    let cause = retry_of(reason);
    TokenFailure {
        reason: reason.into(),
        message,
        attempts,
        time: Time(schedule::later(now, Duration::ZERO)),
        retry_at: Time(schedule::retry_at(cause, attempts, retry_after, now, uid)),
        credentials_version: credentials_version.into(),
    }
}

/// The earliest time for the next attempt after `failure`: changed credentials are tried soon.
#[must_use]
pub fn not_before(failure: &TokenFailure, credentials_version: &str) -> Timestamp {
    if failure.credentials_version == credentials_version {
        failure.retry_at.0
    } else {
        schedule::after_changed_credentials(failure.time.0).min(failure.retry_at.0)
    }
}
