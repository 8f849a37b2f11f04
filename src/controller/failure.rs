//! Failed attempts to get a token, as recorded in the status, so that a restart neither forgets nor restarts
//! the backoff. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::schedule::{self, Retry, Retrying};
use crate::api::{annotation, reason::Reason, v1alpha1::TokenFailure};
use zoom::{Class, Fault};

/// Whether a person must act before another attempt can succeed.
#[must_use]
pub fn is_for_a_person(failure: &TokenFailure) -> bool {
    let fault = failure.reason.fault();
    fault.is_some_and(|fault| fault.class() == Class::Person)
}

/// What failed, according to the recorded reason.
#[must_use]
pub fn retry_of(reason: Reason) -> Retry {
    match reason {
        Reason::MissingScopes => Retry::Scopes,
        Reason::TokenSecretNotWritten => Retry::Publish,
        _ => Retry::Fault(reason.fault().unwrap_or(Fault::Refused)),
    }
}

/// A failed attempt to record.
#[derive(Clone, Debug)]
pub struct Attempt<'a> {
    /// Why.
    pub reason: Reason,
    /// The reason as a sentence for people, with the remedy.
    pub message: String,
    /// How long Zoom asks to wait.
    pub retry_after: Option<Duration>,
    /// Version of the credentials Secret that it used.
    pub credentials_version: &'a str,
    /// When the current token expires; `None` if there is none.
    pub expires_at: Option<Timestamp>,
}

/// Records a failed attempt, counts those `before` it, and sets the time of the next one.
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
        expires_at,
    } = attempt;
    let before = before.filter(|before| before.credentials_version == credentials_version);
    // Whatever fails next, Zoom's own wait holds.
    let waits = before.and_then(|before| zoom_waits(before, now));
    let allowed = retry_after
        .map(|wait| schedule::later(now, wait))
        .max(waits);
    // The count starts over with other credentials, or when missing scopes give way to another failure or
    // vice versa.
    let before = before.filter(|before| {
        (before.reason == Reason::MissingScopes) == (reason == Reason::MissingScopes)
    });
    let attempts = before.map_or(1, |before| before.attempts.saturating_add(1));
    let retrying = Retrying {
        cause: retry_of(reason),
        attempts,
        retry_after,
        expires_at,
    };
    let retry_at = schedule::retry_at(retrying, now, uid);
    // The write of a Secret asks Zoom nothing.
    let asks = waits.filter(|_| reason != Reason::TokenSecretNotWritten);
    TokenFailure {
        reason,
        message,
        attempts,
        time: Time(schedule::later(now, Duration::ZERO)),
        retry_at: Time(asks.map_or(retry_at, |at| at.max(retry_at))),
        not_before: allowed.map(Time),
        credentials_version: credentials_version.into(),
    }
}

/// The earliest time of the next attempt after `failure`. Changed credentials are tried soon. A refresh that
/// somebody `requested` after the failure happens at once, but not before Zoom allows it.
#[must_use]
pub fn not_before(
    failure: &TokenFailure,
    credentials_version: &str,
    requested: Option<Timestamp>,
) -> Timestamp {
    let retry_at = failure.retry_at.0;
    if failure.credentials_version != credentials_version {
        return schedule::after_changed_credentials(failure.time.0).min(retry_at);
    }
    let allowed = failure.not_before.as_ref().map(|time| time.0);
    schedule::at_request(requested, Some(failure.time.0))
        .map(|at| allowed.map_or(at, |allowed| at.max(allowed)))
        .map_or(retry_at, |at| at.min(retry_at))
}

/// Until when Zoom is not asked after `failure`: as [`not_before`], but a Secret that could not be written must not
/// let a token expire.
#[must_use]
pub fn asks_at(
    failure: &TokenFailure,
    credentials_version: &str,
    requested: Option<Timestamp>,
) -> Option<Timestamp> {
    if failure.reason != Reason::TokenSecretNotWritten {
        return Some(not_before(failure, credentials_version, requested));
    }
    let is_same = failure.credentials_version == credentials_version;
    let allowed = failure.not_before.as_ref().filter(|_| is_same);
    allowed.map(|time| time.0)
}

/// What is left of `failure` at `now` once the Secret was written: Zoom's own wait.
#[must_use]
pub fn once_written(failure: TokenFailure, now: Timestamp) -> Option<TokenFailure> {
    if failure.reason != Reason::TokenSecretNotWritten {
        return Some(failure);
    }
    let until = zoom_waits(&failure, now)?;
    Some(TokenFailure {
        reason: Reason::RateLimited,
        message: zoom::Error::new(Fault::RateLimited, format!("not before {until}")).message(),
        retry_at: Time(until),
        ..failure
    })
}

/// Until when Zoom asked to wait, if that is later than `now`.
fn zoom_waits(failure: &TokenFailure, now: Timestamp) -> Option<Timestamp> {
    let until = failure.not_before.as_ref().map(|time| time.0);
    until.filter(|until| *until > now)
}

/// Whether a recorded failure still counts. It does not if Zoom `issued` a token later, even if that success
/// could not be written to the status. A time after `now` proves nothing: a tenant can write it into the grant.
#[must_use]
pub fn is_standing(failure: &TokenFailure, issued: Option<Timestamp>, now: Timestamp) -> bool {
    let issued = issued.filter(|issued| *issued <= now);
    issued.is_none_or(|issued| issued.as_second() <= failure.time.0.as_second())
}

/// Whether a recorded failure counts at `now`. One from a clock that was ahead and was set back since would hold up
/// every attempt until the time that it had.
#[must_use]
pub fn is_believed(failure: &TokenFailure, now: Timestamp) -> bool {
    !schedule::is_ahead(Some(failure.time.0), now)
}

/// When somebody last requested another token on an object (RFC 3339). Values that are not a time request
/// nothing.
#[must_use]
pub fn requested_at<K: ResourceExt>(object: &K) -> Option<Timestamp> {
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

    fn failed(reason: Reason) -> TokenFailure {
        TokenFailure {
            reason,
            message: String::new(),
            attempts: 9,
            time: Time(at(1000)),
            retry_at: Time(at(5000)),
            credentials_version: "c/1".into(),
            not_before: None,
        }
    }

    const REASONS: [Reason; 4] = [
        Reason::AccountRejected,
        Reason::MissingScopes,
        Reason::ZoomUnavailable,
        Reason::RateLimited,
    ];

    #[test]
    fn a_requested_refresh_is_made_at_once_unless_zoom_said_when() {
        let tried = |failure: &TokenFailure, requested| not_before(failure, "c/1", requested);
        for reason in REASONS {
            let failure = failed(reason);
            assert_eq!(tried(&failure, None), at(5000));
            assert_eq!(tried(&failure, Some(at(999))), at(5000));
            assert_eq!(tried(&failure, Some(at(1001))), at(1060));
            assert_eq!(tried(&failure, Some(at(2000))), at(2000));
            assert_eq!(tried(&failure, Some(at(9000))), at(5000));
            let limited = TokenFailure {
                not_before: Some(Time(at(4900))),
                ..failure
            };
            assert_eq!(tried(&limited, Some(at(2000))), at(4900));
        }
    }

    #[test]
    fn changed_credentials_are_tried_soon() {
        assert_eq!(not_before(&failed(REASONS[0]), "c/2", None), at(1005));
    }

    #[test]
    fn a_failure_from_a_clock_that_was_ahead_is_not_believed() {
        let failure = failed(REASONS[0]);
        assert!(is_believed(&failure, at(2000)));
        assert!(is_believed(&failure, at(940)), "clocks differ a little");
        assert!(!is_believed(&failure, at(939)));
    }

    #[test]
    fn a_failure_is_over_once_there_is_a_newer_token() {
        let standing = |issued| is_standing(&failed(REASONS[0]), issued, at(2000));
        assert!(standing(None) && standing(Some(at(999))) && standing(Some(at(1000))));
        assert!(!standing(Some(at(1001))));
        assert!(standing(Some(at(2001))), "not issued yet");
    }
}
