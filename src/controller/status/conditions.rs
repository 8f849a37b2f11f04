//! The conditions that a pass states.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        condition::{Statement, Status, Type},
        v1alpha1::{TokenFailure, WebhookStatus},
    },
    controller::{
        apply::Applied,
        observe::Observed,
        schedule,
        verdict::{self, Findings, Flow, ReceiverFinding, TokenFinding, Verdict},
    },
};

/// All of them.
pub(super) fn statements(
    verdict: &Verdict,
    findings: &Findings<'_>,
    applied: &Applied,
    webhook: Option<&WebhookStatus>,
    observed: &Observed,
    now: Timestamp,
) -> Vec<Statement> {
    let mut statements = general(verdict);
    statements.extend(credentials_valid(findings, applied));
    statements.extend(token_fresh(findings));
    statements.extend(scopes_granted(findings));
    statements.extend(receiver_available(findings));
    statements.extend(endpoint_validated(webhook, observed, now));
    statements
}

/// Ready, and at most one of Reconciling and Stalled.
fn general(verdict: &Verdict) -> Vec<Statement> {
    let say = |type_, status| Statement::new(type_, status, &verdict.reason, &verdict.message);
    let mut statements = vec![say(Type::Ready, verdict.ready)];
    match verdict.flow {
        Flow::Settled => {}
        Flow::Reconciling => statements.push(say(Type::Reconciling, Status::True)),
        Flow::Stalled => statements.push(say(Type::Stalled, Status::True)),
    }
    statements
}

fn credentials_valid(findings: &Findings<'_>, applied: &Applied) -> Option<Statement> {
    let say = |status, reason: &str, message: &str| {
        Some(Statement::new(
            Type::CredentialsValid,
            status,
            reason,
            message,
        ))
    };
    if let Some(complaint) = &findings.credentials {
        return say(Status::False, "AwaitingCredentials", complaint);
    }
    if let Some(failure) = applied.failure.as_ref() {
        if verdict::is_for_a_person(failure) {
            return say(Status::False, &failure.reason, &failure.message);
        }
        if failure.reason != verdict::MISSING_SCOPES && !applied.with_current_credentials {
            return say(
                Status::Unknown,
                "NotTried",
                "Zoom has not judged these credentials yet.",
            );
        }
    }
    if applied.with_current_credentials {
        say(
            Status::True,
            "Accepted",
            "Zoom gave a token for these credentials.",
        )
    } else {
        say(
            Status::Unknown,
            "NotTried",
            "Zoom has not judged these credentials yet.",
        )
    }
}

fn token_fresh(findings: &Findings<'_>) -> Option<Statement> {
    let say = |status, reason: &str, message: String| {
        Some(Statement::new(Type::TokenFresh, status, reason, message))
    };
    let failing = |failure: &TokenFailure| {
        format!(
            "{} Failed {} times in a row; next attempt at {}.",
            failure.message, failure.attempts, failure.retry_at.0
        )
    };
    match findings.token.as_ref()? {
        TokenFinding::Conflict(message) => say(Status::False, "SecretConflict", message.clone()),
        TokenFinding::Absent {
            failure: Some(failure),
        } => say(Status::False, &failure.reason, failing(failure)),
        TokenFinding::Absent { failure: None } => {
            say(Status::Unknown, "NoToken", "There is no token yet.".into())
        }
        TokenFinding::Present {
            failure: Some(failure),
            ..
        } if failure.reason != verdict::MISSING_SCOPES => {
            say(Status::False, &failure.reason, failing(failure))
        }
        TokenFinding::Present { .. } => say(
            Status::True,
            "Refreshed",
            "The last token request succeeded.".into(),
        ),
    }
}

fn scopes_granted(findings: &Findings<'_>) -> Option<Statement> {
    let say = |status: Status, reason: &str, message: &str| {
        Some(Statement::new(Type::ScopesGranted, status, reason, message))
    };
    match findings.token.as_ref()? {
        TokenFinding::Present { scopes, .. } if scopes.missing.is_empty() => {
            say(Status::True, "Granted", "Zoom granted all required scopes.")
        }
        TokenFinding::Present { scopes, .. } => say(
            Status::False,
            verdict::MISSING_SCOPES,
            &verdict::missing_scopes(scopes),
        ),
        _ => say(Status::Unknown, "NoToken", "There is no token yet."),
    }
}

fn receiver_available(findings: &Findings<'_>) -> Option<Statement> {
    let (status, reason, message) = match findings.receiver.as_ref()? {
        ReceiverFinding::Available => (Status::True, "Available", "The receiver takes requests."),
        ReceiverFinding::Unavailable(message) => {
            (Status::False, "ReceiverUnavailable", message.as_str())
        }
        ReceiverFinding::NotApplied(message) => {
            (Status::False, "ReceiverNotApplied", message.as_str())
        }
        ReceiverFinding::Conflict(message) => (Status::False, "ReceiverConflict", message.as_str()),
    };
    Some(Statement::new(
        Type::ReceiverAvailable,
        status,
        reason,
        message,
    ))
}

fn endpoint_validated(
    webhook: Option<&WebhookStatus>,
    observed: &Observed,
    now: Timestamp,
) -> Option<Statement> {
    let webhook = webhook?;
    let say = |status: Status, reason: &str, message: String| {
        Some(Statement::new(
            Type::EndpointValidated,
            status,
            reason,
            message,
        ))
    };
    let where_to = webhook
        .url
        .clone()
        .unwrap_or_else(|| "the public URL of the receiver".into());
    let Some(Time(validated)) = webhook.last_validated else {
        let rejected = observed
            .facts
            .as_ref()
            .is_some_and(|facts| facts.last_rejected.is_some());
        return if rejected {
            say(Status::Unknown, "SignatureMismatch", "A request arrived whose signature does not match: compare the Secret Token on the app's Access page with the webhook secret token in the credentials Secret.".into())
        } else {
            say(
                Status::Unknown,
                "NotValidated",
                format!(
                    "Zoom has not validated the endpoint yet: paste {where_to} as event notification endpoint URL and press Validate."
                ),
            )
        };
    };
    if now < schedule::later(validated, schedule::VALIDATION_PERIOD) {
        say(
            Status::True,
            "Validated",
            format!("Zoom validated the endpoint at {validated}."),
        )
    } else {
        say(
            Status::False,
            "ValidationOverdue",
            format!(
                "Zoom validates every 72 hours and did so last at {validated}: check that {where_to} is reachable from the internet; Zoom stops sending after six failures."
            ),
        )
    }
}
