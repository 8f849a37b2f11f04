//! The outcome of a request for another token, according to the status. Pure.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};

use crate::api::{reason::Reason, v1alpha1::TokenStatus};

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// There is a new token.
    Replaced {
        /// What the status says about required scopes that it lacks.
        lacking: Option<String>,
    },
    /// The attempt failed, with the reason.
    Refused(String),
}

/// What the status says about a token.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The token.
    pub token: TokenStatus,
    /// Why there will be none until a person authorizes again.
    pub lost: Option<String>,
}

/// The outcome of a request at `requested_at`, according to the status `before` it and `now`; `None` until
/// the operator has answered.
pub fn outcome(before: &Answer, now: &Answer, requested_at: Timestamp) -> Option<RefreshOutcome> {
    if let Some(lost) = &now.lost {
        return Some(RefreshOutcome::Refused(lost.clone()));
    }
    let (before, now) = (&before.token, &now.token);
    let is_other = now.expires_at.is_some() && now.expires_at != before.expires_at;
    // The status has whole seconds.
    let failure = now
        .failure
        .as_ref()
        .filter(|failure| failure.time.0.as_second() >= requested_at.as_second());
    let lacking = match failure {
        // Recorded together with the token that lacks the scopes, never instead of it.
        Some(failure) if failure.reason == Reason::MissingScopes => Some(failure.message.clone()),
        Some(failure) => return Some(RefreshOutcome::Refused(failure.message.clone())),
        None => None,
    };
    is_other.then_some(RefreshOutcome::Replaced { lacking })
}

/// The API server's time, from the `Date` of its answer: the controller compares requests with tokens by that
/// clock and not by this machine's. The header has whole seconds. This is the last moment of the second,
/// because a token may have been issued within it.
pub fn time(date: &str) -> Option<Timestamp> {
    let second = DateTimeParser::new().parse_timestamp(date).ok()?;
    second.checked_add(SignedDuration::from_millis(999)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> Answer {
        Answer {
            token: serde_json::from_value(value).unwrap(),
            lost: None,
        }
    }

    #[test]
    fn another_end_or_a_later_failure_is_an_answer() {
        let requested_at: Timestamp = "2026-11-22T12:00:00.7Z".parse().unwrap();
        let before = status(json!({"expiresAt": "2026-11-22T12:30:00Z"}));
        let failed = |time: &str| {
            status(json!({"expiresAt": "2026-11-22T12:30:00Z", "failure": {
                "reason": "AppDisabled", "message": "m", "attempts": 1, "time": time,
                "retryAt": "2026-11-22T12:10:00Z", "credentialsVersion": "v",
            }}))
        };
        let later = status(json!({"expiresAt": "2026-11-22T13:00:00Z"}));
        let shorter = status(json!({"expiresAt": "2026-11-22T12:20:00Z"}));
        let of = |now: &Answer| outcome(&before, now, requested_at);
        assert_eq!(of(&before), None);
        let replaced = Some(RefreshOutcome::Replaced { lacking: None });
        assert_eq!(of(&later), replaced);
        assert_eq!(of(&shorter), replaced);
        assert_eq!(of(&failed("2026-11-22T11:59:59Z")), None);
        assert_eq!(
            of(&failed("2026-11-22T12:00:00Z")),
            Some(RefreshOutcome::Refused("m".into()))
        );
        let lost = Answer {
            lost: Some("Authorize again.".into()),
            ..before.clone()
        };
        assert_eq!(
            of(&lost),
            Some(RefreshOutcome::Refused("Authorize again.".into()))
        );
        let none = Answer::default();
        assert_eq!(outcome(&none, &later, requested_at), replaced);
        assert_eq!(outcome(&none, &none, requested_at), None);
    }

    #[test]
    fn a_token_that_lacks_scopes_is_another_token() {
        let requested_at: Timestamp = "2026-11-22T12:00:00.7Z".parse().unwrap();
        let of = |end: &str, reason: &str, time: &str| {
            status(json!({"expiresAt": end, "failure": {
                "reason": reason, "message": "Tick a:read.", "attempts": 1, "time": time,
                "retryAt": "2026-11-22T12:10:00Z", "credentialsVersion": "v",
            }}))
        };
        let (old, new) = ("2026-11-22T12:30:00Z", "2026-11-22T13:00:00Z");
        let (earlier, later) = ("2026-11-22T11:50:00Z", "2026-11-22T12:00:01Z");
        let before = of(old, "MissingScopes", earlier);
        let outcome = |now: &Answer| outcome(&before, now, requested_at);
        let lacking = |lacking: Option<&str>| {
            let lacking = lacking.map(ToOwned::to_owned);
            Some(RefreshOutcome::Replaced { lacking })
        };
        assert_eq!(outcome(&before), None);
        assert_eq!(
            outcome(&of(new, "MissingScopes", later)),
            lacking(Some("Tick a:read."))
        );
        assert_eq!(outcome(&of(new, "MissingScopes", earlier)), lacking(None));
        // Only together with a token.
        assert_eq!(outcome(&of(old, "MissingScopes", later)), None);
        assert_eq!(
            outcome(&of(old, "TokenSecretNotWritten", later)),
            Some(RefreshOutcome::Refused("Tick a:read.".into()))
        );
    }

    #[test]
    fn the_api_servers_time_is_read_to_the_end_of_its_second() {
        let read = time("Sun, 22 Nov 2026 12:00:41 GMT").unwrap();
        assert_eq!(read.to_string(), "2026-11-22T12:00:41.999Z");
        for text in ["", "2026-11-22T12:00:41Z", "yesterday"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
