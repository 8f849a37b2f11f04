//! What became of a wish for another token, by the status. Pure.

use jiff::Timestamp;

use crate::api::v1alpha1::TokenStatus;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is another token.
    Replaced,
    /// The attempt failed: why.
    Refused(String),
}

/// What became of a wish of the time `wish`, with the token `before` it and `now`; `None` while the operator
/// has not answered.
pub fn outcome(before: &TokenStatus, now: &TokenStatus, wish: Timestamp) -> Option<Outcome> {
    // The status has whole seconds.
    let failure = now
        .failure
        .as_ref()
        .filter(|failure| failure.time.0.as_second() >= wish.as_second());
    if let Some(failure) = failure {
        return Some(Outcome::Refused(failure.message.clone()));
    }
    (now.expires_at.is_some() && now.expires_at > before.expires_at).then_some(Outcome::Replaced)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> TokenStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn another_end_or_a_later_failure_is_an_answer() {
        let wish: Timestamp = "2026-11-22T12:00:00.7Z".parse().unwrap();
        let before = status(json!({"expiresAt": "2026-11-22T12:30:00Z"}));
        let failed = |time: &str| {
            status(json!({"expiresAt": "2026-11-22T12:30:00Z", "failure": {
                "reason": "AppDisabled", "message": "m", "attempts": 1, "time": time,
                "retryAt": "2026-11-22T12:10:00Z", "credentialsVersion": "v",
            }}))
        };
        let later = status(json!({"expiresAt": "2026-11-22T13:00:00Z"}));
        let of = |now: &TokenStatus| outcome(&before, now, wish);
        assert_eq!(of(&before), None);
        assert_eq!(of(&later), Some(Outcome::Replaced));
        assert_eq!(of(&failed("2026-11-22T11:59:59Z")), None);
        assert_eq!(
            of(&failed("2026-11-22T12:00:00Z")),
            Some(Outcome::Refused("m".into()))
        );
        let none = TokenStatus::default();
        assert_eq!(outcome(&none, &later, wish), Some(Outcome::Replaced));
        assert_eq!(outcome(&none, &none, wish), None);
    }
}
