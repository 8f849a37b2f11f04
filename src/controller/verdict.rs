//! The state of an object in one word: the part that both kinds of resource share. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::failure;
use crate::api::{
    condition::{Statement, Status, Type},
    reason::Reason,
    v1alpha1::{Phase, TokenFailure, TokenStatus},
};
use zoom::{
    Fault,
    scopes::{
        Comparison,
        remedy::{self, Then},
    },
};

/// The state of the token.
#[derive(Clone, Debug)]
pub enum TokenFinding<'a> {
    /// Its name is taken by somebody else's Secret.
    Conflict(String),
    /// There is no token yet.
    Absent {
        /// The failed attempts.
        failure: Option<&'a TokenFailure>,
    },
    /// There is a token.
    Present {
        /// When it expires.
        expires_at: Timestamp,
        /// Granted and missing scopes.
        scopes: &'a Comparison,
        /// The failed attempts to replace it.
        failure: Option<&'a TokenFailure>,
    },
}

/// The state of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The phase.
    pub phase: Phase,
    /// The `Ready` condition.
    pub ready: Status,
    /// The reason of `Ready`.
    pub reason: Reason,
    /// The message of `Ready`.
    pub message: String,
    /// Whether work continues, or a person must act.
    pub flow: Flow,
}

/// Which one of `Reconciling` and `Stalled` applies, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Neither.
    Settled,
    /// Work is in progress, or the object waits for something that happens by itself or by a click elsewhere.
    Reconciling,
    /// A person must change something here or in Zoom.
    Stalled,
}

// === impl Verdict ===

impl Verdict {
    #[must_use]
    pub fn new(
        phase: Phase,
        ready: Status,
        flow: Flow,
        reason: impl Into<Reason>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            phase,
            ready,
            reason: reason.into(),
            message: message.into(),
            flow,
        }
    }

    /// A state that only a person can change.
    #[must_use]
    pub fn stalled(phase: Phase, reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self::new(phase, Status::False, Flow::Stalled, reason, message)
    }
}

/// The previous status.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// The phase.
    pub phase: Option<Phase>,
    /// The conditions.
    pub conditions: &'a [Condition],
}

/// While the object is suspended, `Ready` keeps its last status.
#[must_use]
pub fn suspended(before: Before<'_>) -> Verdict {
    match Type::Ready.find(before.conditions) {
        Some(last) => Verdict::new(
            Phase::Suspended,
            match last.status.as_str() {
                "True" => Status::True,
                "False" => Status::False,
                _ => Status::Unknown,
            },
            Flow::Settled,
            Reason::of(last).unwrap_or_default(),
            last.message.clone(),
        ),
        None => Verdict::new(
            Phase::Suspended,
            Status::Unknown,
            Flow::Settled,
            Reason::Suspended,
            "Suspended by spec.suspend of the ZoomIntegration: nothing is refreshed or changed. To resume, remove that field.",
        ),
    }
}

/// The state that a token causes if it is unusable or lacks scopes; `None` if nothing is wrong with it.
/// `then` is the step after ticking a scope in Zoom that makes it count.
#[must_use]
pub fn token(
    finding: &TokenFinding<'_>,
    then: Then,
    before: Before<'_>,
    now: Timestamp,
) -> Option<Verdict> {
    let (expires_at, scopes, failure) = match finding {
        TokenFinding::Conflict(_) => return None,
        TokenFinding::Absent { failure } => (None, None, *failure),
        TokenFinding::Present {
            expires_at,
            scopes,
            failure,
        } => (Some(*expires_at), Some(*scopes), *failure),
    };
    if let Some(verdict) = failure.and_then(for_a_person) {
        return Some(verdict);
    }
    let Some(expires_at) = expires_at else {
        return Some(match failure {
            Some(failure) => in_progress(before, failure.reason, &failure.message),
            None => in_progress(
                before,
                Reason::RequestingToken,
                "A token is being requested from Zoom.",
            ),
        });
    };
    if now >= expires_at {
        let why = failure.map_or_else(
            || "a new one is being requested".to_owned(),
            |failure| {
                format!(
                    "next attempt at {}: {}",
                    failure.retry_at.0, failure.message
                )
            },
        );
        return Some(in_progress(
            before,
            Reason::TokenExpired,
            format!("The token expired at {expires_at}; {why}"),
        ));
    }
    if let Some(failure) = failure.filter(|failure| failure.reason == Reason::ProbeRefused)
        && scopes.is_none_or(|scopes| scopes.missing.is_empty())
    {
        return Some(Verdict::stalled(
            Phase::Degraded,
            failure.reason,
            &failure.message,
        ));
    }
    let missing = scopes.filter(|scopes| !scopes.missing.is_empty())?;
    Some(match failure {
        // Zoom may leave scopes out for a few seconds after a change: retry once, then a person must act.
        Some(failure) if failure.reason == Reason::MissingScopes && failure.attempts < 2 => {
            in_progress(before, Reason::ScopesPending, &failure.message)
        }
        _ => Verdict::stalled(
            Phase::MissingScopes,
            Reason::MissingScopes,
            remedy::message(missing, then).unwrap_or_default(),
        ),
    })
}

/// The state for a failure that a person must fix; `None` if it may be temporary.
#[must_use]
pub fn for_a_person(failure: &TokenFailure) -> Option<Verdict> {
    if !failure::is_for_a_person(failure) {
        return None;
    }
    let phase = match failure.reason.fault() {
        Some(Fault::AppDisabled | Fault::DisabledByAdmin) => Phase::DisabledInZoom,
        Some(Fault::GrantLost | Fault::OwnerGone) => Phase::ReauthorizationRequired,
        _ => Phase::Degraded,
    };
    Some(Verdict::stalled(phase, failure.reason, &failure.message))
}

/// Not usable now, but it may recover by itself. Something that was never usable is still being set up
/// (`Unknown`); something that was usable is temporarily lost (`False`).
#[must_use]
pub fn in_progress(
    before: Before<'_>,
    reason: impl Into<Reason>,
    message: impl Into<String>,
) -> Verdict {
    let was_usable = Type::Ready.find(before.conditions).is_some_and(|ready| {
        ready.status == "True"
            || ready.status == "False"
                && before.phase == Some(Phase::Degraded)
                && Type::Stalled.find(before.conditions).is_none()
    });
    let (phase, ready) = if was_usable {
        (Phase::Degraded, Status::False)
    } else {
        (Phase::Connecting, Status::Unknown)
    };
    Verdict::new(phase, ready, Flow::Reconciling, reason, message)
}

/// `Ready`, and at most one of `Reconciling` and `Stalled`.
#[must_use]
pub fn general(verdict: &Verdict) -> Vec<Statement> {
    let say = |type_, status| Statement::new(type_, status, verdict.reason, &verdict.message);
    let mut statements = vec![say(Type::Ready, verdict.ready)];
    match verdict.flow {
        Flow::Settled => {}
        Flow::Reconciling => statements.push(say(Type::Reconciling, Status::True)),
        Flow::Stalled => statements.push(say(Type::Stalled, Status::True)),
    }
    statements
}

/// Whether nothing is due before a person acts: what is tried again until then is not urgent. A token that works is
/// refreshed in time, whatever else is wrong.
#[must_use]
pub fn awaits_person(conditions: &[Condition], token: Option<&TokenStatus>) -> bool {
    let is_due = |token: &TokenStatus| match &token.failure {
        Some(failure) => !failure::is_for_a_person(failure),
        None => token.refresh_at.is_some(),
    };
    Type::Stalled.find(conditions).is_some() && !token.is_some_and(is_due)
}

/// Whether the last attempt to get a token succeeded.
#[must_use]
pub fn token_fresh(finding: &TokenFinding<'_>) -> Statement {
    let say = |status, reason: Reason, message: String| {
        Statement::new(Type::TokenFresh, status, reason, message)
    };
    let failing = |failure: &TokenFailure| {
        format!(
            "{} Failed {} times in a row; next attempt at {}.",
            failure.message, failure.attempts, failure.retry_at.0
        )
    };
    match finding {
        TokenFinding::Conflict(message) => {
            say(Status::False, Reason::SecretConflict, message.clone())
        }
        TokenFinding::Absent {
            failure: Some(failure),
        } => say(Status::False, failure.reason, failing(failure)),
        TokenFinding::Absent { failure: None } => say(
            Status::Unknown,
            Reason::NoToken,
            "There is no token yet.".into(),
        ),
        TokenFinding::Present {
            failure: Some(failure),
            ..
        } if failure.reason != Reason::MissingScopes => {
            say(Status::False, failure.reason, failing(failure))
        }
        TokenFinding::Present { .. } => say(
            Status::True,
            Reason::Refreshed,
            "The last token request succeeded.".into(),
        ),
    }
}

/// Whether all required scopes were granted. `then` is the step after ticking a scope in Zoom that makes it
/// count.
#[must_use]
pub fn scopes_granted(finding: &TokenFinding<'_>, then: Then) -> Statement {
    let say = |status: Status, reason: Reason, message: &str| {
        Statement::new(Type::ScopesGranted, status, reason, message)
    };
    match finding {
        TokenFinding::Present { scopes, .. } => match remedy::message(scopes, then) {
            None => say(
                Status::True,
                Reason::Granted,
                "Zoom granted all required scopes.",
            ),
            Some(message) => say(Status::False, Reason::MissingScopes, &message),
        },
        _ => say(Status::Unknown, Reason::NoToken, "There is no token yet."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn only_what_a_person_must_mend_is_not_urgent() {
        let condition = |type_: &str| -> Condition {
            from_value(json!({
                "type": type_, "status": "True", "reason": "CredentialsRejected", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }))
            .unwrap()
        };
        let awaits = |type_: &str, token: Value| {
            let token: Option<TokenStatus> = from_value(token).unwrap();
            awaits_person(&[condition("Ready"), condition(type_)], token.as_ref())
        };
        let failure = json!({
            "reason": "CredentialsRejected", "message": "", "attempts": 1,
            "time": "2026-01-01T00:00:00Z", "retryAt": "2026-01-01T00:01:00Z", "credentialsVersion": "1",
        });
        assert!(awaits("Stalled", Value::Null));
        assert!(awaits("Stalled", json!({"failure": failure})));
        // A token that nothing refreshes any more.
        let refused = json!({"refreshAt": "2026-01-01T00:45:00Z", "failure": failure});
        assert!(awaits("Stalled", refused));
        let works = json!({"refreshAt": "2026-01-01T00:45:00Z"});
        assert!(!awaits("Stalled", works), "its refresh is due");
        for reason in ["ZoomUnavailable", "MissingScopes"] {
            let mut soon = json!({"refreshAt": "2026-01-01T00:45:00Z", "failure": failure});
            soon["failure"]["reason"] = json!(reason);
            assert!(!awaits("Stalled", soon), "{reason}");
        }
        // Time may heal it.
        assert!(!awaits("Reconciling", json!({"failure": failure})));
    }
}
