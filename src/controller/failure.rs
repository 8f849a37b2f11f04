//! Failed attempts to get a token, as the status records them: a restart neither forgets the backoff
//! nor begins it anew. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::schedule::{self, Retry};
use crate::api::{annotation, v1alpha1::TokenFailure};
use zoom::{Class, Fault};

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

/// The earliest time for the next attempt after `failure`: changed credentials are tried soon, and so is
/// what a person mended at Zoom and then asked for by a `wish`. Zoom's own wish to wait stands.
#[must_use]
pub fn not_before(
    failure: &TokenFailure,
    credentials_version: &str,
    wish: Option<Timestamp>,
) -> Timestamp {
    let retry_at = failure.retry_at.0;
    if failure.credentials_version != credentials_version {
        return schedule::after_changed_credentials(failure.time.0).min(retry_at);
    }
    let mendable = is_for_a_person(failure) || failure.reason == MISSING_SCOPES;
    schedule::at_wish(wish, Some(failure.time.0))
        .filter(|_| mendable)
        .map_or(retry_at, |at| at.min(retry_at))
}

/// When another token was last asked for on an object (RFC 3339). Anything else is no time and asks for
/// nothing.
#[must_use]
pub fn wish<K: ResourceExt>(object: &K) -> Option<Timestamp> {
    let annotations = object.annotations();
    annotations
        .get(annotation::REFRESH_REQUESTED_AT)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed(reason: &str) -> TokenFailure {
        TokenFailure {
            reason: reason.into(),
            message: String::new(),
            attempts: 9,
            time: Time(at(1000)),
            retry_at: Time(at(5000)),
            credentials_version: "c/1".into(),
        }
    }

    #[test]
    fn what_a_person_mended_is_tried_at_his_wish_and_soon() {
        let wished = |reason, wish| not_before(&failed(reason), "c/1", wish);
        for reason in ["AccountRejected", MISSING_SCOPES] {
            assert_eq!(wished(reason, None), at(5000));
            assert_eq!(wished(reason, Some(at(999))), at(5000));
            assert_eq!(wished(reason, Some(at(1001))), at(1060));
            assert_eq!(wished(reason, Some(at(2000))), at(2000));
            assert_eq!(wished(reason, Some(at(9000))), at(5000));
        }
        assert_eq!(wished("RateLimited", Some(at(2000))), at(5000));
        let changed = not_before(&failed("AccountRejected"), "c/2", None);
        assert_eq!(changed, at(1005));
    }
}
