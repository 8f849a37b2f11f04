//! The state of an integration in one word, decided from the findings of a pass. Pure.
//!
//! The rows of the status contract (`docs/status.md`) are decided here and nowhere else.

use jiff::Timestamp;

use super::{schedule::Retry, support};
use crate::{
    api::{
        condition::{Status, Type},
        v1alpha1::{Phase, ReadyWhen, TokenFailure, ZoomIntegrationSpec, ZoomIntegrationStatus},
    },
    zoom::{Class, Fault, scopes::Comparison},
};

/// What a pass found, after it acted.
#[derive(Clone, Debug)]
pub struct Findings<'a> {
    /// What is wanted.
    pub spec: &'a ZoomIntegrationSpec,
    /// What was said last.
    pub before: &'a ZoomIntegrationStatus,
    /// What is wrong with the credentials, as a sentence.
    pub credentials: Option<String>,
    /// What became of the token; `None` for an app without one.
    pub token: Option<TokenFinding<'a>>,
    /// What became of the receiver; `None` without webhook.
    pub receiver: Option<ReceiverFinding>,
}

/// What became of the token.
#[derive(Clone, Debug)]
pub enum TokenFinding<'a> {
    /// Somebody else's Secret has its name.
    Conflict(String),
    /// It is not there yet.
    Absent {
        /// The attempts that failed.
        failure: Option<&'a TokenFailure>,
    },
    /// It is there.
    Present {
        /// When it expires.
        expires_at: Timestamp,
        /// Scopes.
        scopes: &'a Comparison,
        /// The attempts to replace it that failed.
        failure: Option<&'a TokenFailure>,
    },
}

/// What became of the receiver.
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

/// The state of an integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// For people.
    pub phase: Phase,
    /// The `Ready` condition.
    pub ready: Status,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// What goes on besides.
    pub flow: Flow,
}

/// What goes on besides: at most one of `Reconciling` and `Stalled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing.
    Settled,
    /// Work, or waiting for what comes by itself or by a click elsewhere.
    Reconciling,
    /// A person must change something here or in Zoom.
    Stalled,
}

// === impl Verdict ===

impl Verdict {
    fn new(
        phase: Phase,
        ready: Status,
        flow: Flow,
        reason: &str,
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

    /// A person must change something.
    fn stalled(phase: Phase, reason: &str, message: impl Into<String>) -> Self {
        Self::new(phase, Status::False, Flow::Stalled, reason, message)
    }
}

/// Decides the state at `now`.
#[must_use]
pub fn verdict(findings: &Findings<'_>, now: Timestamp) -> Verdict {
    suspended(findings)
        .or_else(|| unsupported(findings))
        .or_else(|| awaiting_credentials(findings))
        .or_else(|| conflict(findings))
        .or_else(|| token(findings, now))
        .or_else(|| receiver(findings))
        .unwrap_or_else(|| usable(findings))
}

/// What the status says of a token that failed `failure` to be replaced.
#[must_use]
pub fn is_for_a_person(failure: &TokenFailure) -> bool {
    Fault::from_reason(&failure.reason).is_some_and(|fault| fault.class() == Class::Person)
}

/// The reason under which missing scopes are recorded as a failed attempt.
pub const MISSING_SCOPES: &str = "MissingScopes";

/// The reason under which a token that could not be stored is recorded.
pub const SECRET_NOT_WRITTEN: &str = "TokenSecretNotWritten";

/// What a recorded failure was about.
#[must_use]
pub fn retry_of(reason: &str) -> Retry {
    match reason {
        MISSING_SCOPES => Retry::Scopes,
        SECRET_NOT_WRITTEN => Retry::Publish,
        _ => Retry::Fault(Fault::from_reason(reason).unwrap_or(Fault::Refused)),
    }
}

// === The rows, in their order ===

fn suspended(findings: &Findings<'_>) -> Option<Verdict> {
    findings.spec.suspend.then(|| {
        let message = "Suspended by spec.suspend: nothing is refreshed or changed.";
        // The last word on Ready stands.
        match Type::Ready.find(&findings.before.conditions) {
            Some(last) => Verdict::new(
                Phase::Suspended,
                match last.status.as_str() {
                    "True" => Status::True,
                    "False" => Status::False,
                    _ => Status::Unknown,
                },
                Flow::Settled,
                &last.reason,
                last.message.clone(),
            ),
            None => Verdict::new(
                Phase::Suspended,
                Status::Unknown,
                Flow::Settled,
                "Suspended",
                message,
            ),
        }
    })
}

fn unsupported(findings: &Findings<'_>) -> Option<Verdict> {
    let fields = support::unsupported(findings.spec);
    (!fields.is_empty()).then(|| {
        Verdict::stalled(
            Phase::Degraded,
            "NotSupported",
            format!(
                "This version of the operator cannot do: {}.",
                fields.join(", ")
            ),
        )
    })
}

fn awaiting_credentials(findings: &Findings<'_>) -> Option<Verdict> {
    let complaint = findings.credentials.as_ref()?;
    Some(Verdict::new(
        Phase::AwaitingCredentials,
        Status::False,
        Flow::Reconciling,
        "AwaitingCredentials",
        complaint,
    ))
}

fn conflict(findings: &Findings<'_>) -> Option<Verdict> {
    if let Some(TokenFinding::Conflict(message)) = &findings.token {
        return Some(Verdict::stalled(Phase::Degraded, "SecretConflict", message));
    }
    match &findings.receiver {
        Some(ReceiverFinding::Conflict(message)) => Some(Verdict::stalled(
            Phase::Degraded,
            "ReceiverConflict",
            message,
        )),
        _ => None,
    }
}

fn token(findings: &Findings<'_>, now: Timestamp) -> Option<Verdict> {
    let (expires_at, scopes, failure) = match findings.token.as_ref()? {
        TokenFinding::Conflict(_) => return None,
        TokenFinding::Absent { failure } => (None, None, *failure),
        TokenFinding::Present {
            expires_at,
            scopes,
            failure,
        } => (Some(*expires_at), Some(*scopes), *failure),
    };
    if let Some(failure) = failure.filter(|failure| is_for_a_person(failure)) {
        let phase = match Fault::from_reason(&failure.reason) {
            Some(Fault::AppDisabled | Fault::DisabledByAdmin) => Phase::DisabledInZoom,
            Some(Fault::GrantLost | Fault::OwnerGone) => Phase::ReauthorizationRequired,
            _ => Phase::Degraded,
        };
        return Some(Verdict::stalled(phase, &failure.reason, &failure.message));
    }
    let Some(expires_at) = expires_at else {
        return Some(match failure {
            Some(failure) => in_progress(findings, &failure.reason, &failure.message),
            None => in_progress(
                findings,
                "RequestingToken",
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
            findings,
            "TokenExpired",
            format!("The token expired at {expires_at}; {why}"),
        ));
    }
    let missing = scopes.filter(|scopes| !scopes.missing.is_empty())?;
    Some(match failure {
        // Zoom may leave scopes out for some seconds after a change: one repetition, then a person.
        Some(failure) if failure.reason == MISSING_SCOPES && failure.attempts < 2 => {
            in_progress(findings, "ScopesPending", &failure.message)
        }
        _ => Verdict::stalled(
            Phase::MissingScopes,
            MISSING_SCOPES,
            missing_scopes(missing),
        ),
    })
}

fn receiver(findings: &Findings<'_>) -> Option<Verdict> {
    match findings.receiver.as_ref()? {
        ReceiverFinding::Available | ReceiverFinding::Conflict(_) => None,
        ReceiverFinding::Unavailable(message) => {
            Some(in_progress(findings, "ReceiverUnavailable", message))
        }
        ReceiverFinding::NotApplied(message) => {
            Some(in_progress(findings, "ReceiverNotApplied", message))
        }
    }
}

fn usable(findings: &Findings<'_>) -> Verdict {
    let done = |phase, reason, message: &str| {
        Verdict::new(phase, Status::True, Flow::Settled, reason, message)
    };
    if findings.token.is_some() {
        return done(
            Phase::Connected,
            "Connected",
            "The token is valid and has the required scopes.",
        );
    }
    let message = "Everything is prepared: a person has to install the app by status.installUrl.";
    match findings.spec.ready_when.unwrap_or_default() {
        ReadyWhen::Installable => done(Phase::ReadyToInstall, "ReadyToInstall", message),
        ReadyWhen::Connected => Verdict::new(
            Phase::ReadyToInstall,
            Status::False,
            Flow::Reconciling,
            "ReadyToInstall",
            message,
        ),
    }
}

/// Not usable, and it may become so by itself. What was never usable is still being made
/// (`Unknown`); what was usable once is lost for now (`False`).
fn in_progress(findings: &Findings<'_>, reason: &str, message: impl Into<String>) -> Verdict {
    let was_usable = Type::Ready
        .find(&findings.before.conditions)
        .is_some_and(|ready| {
            ready.status == "True"
                || ready.status == "False"
                    && findings.before.phase == Some(Phase::Degraded)
                    && !stalled(findings)
        });
    let (phase, ready) = if was_usable {
        (Phase::Degraded, Status::False)
    } else {
        (Phase::Connecting, Status::Unknown)
    };
    Verdict::new(phase, ready, Flow::Reconciling, reason, message)
}

fn stalled(findings: &Findings<'_>) -> bool {
    Type::Stalled.find(&findings.before.conditions).is_some()
}

/// Names the boxes to tick.
#[must_use]
pub fn missing_scopes(scopes: &Comparison) -> String {
    let granted = if scopes.granted.is_empty() {
        " Zoom named no scope at all."
    } else {
        ""
    };
    format!(
        "Zoom did not grant {}: add them on the app's Scopes page in the Zoom App Marketplace, or remove them from scopes.required.{granted}",
        scopes.missing.join(", ")
    )
}

#[cfg(test)]
mod tests;
