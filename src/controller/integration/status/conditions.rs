//! The conditions that a pass states.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::{Webhook, WebhookStatus, ZoomIntegrationSpec},
    },
    controller::{
        failure,
        integration::{
            model::{Applied, Observed, ReceiverFinding},
            verdict::Findings,
        },
        rollouts::Progress,
        schedule,
        verdict::{self, Verdict},
    },
};
use zoom::scopes::remedy::Then;

/// All conditions.
pub(super) fn statements(
    verdict: &Verdict,
    findings: &Findings<'_>,
    applied: &Applied,
    webhook: Option<&WebhookStatus>,
    observed: &Observed,
    now: Timestamp,
) -> Vec<Statement> {
    let mut statements = verdict::general(verdict);
    statements.extend(credentials_valid(findings, applied, observed));
    statements.extend(findings.token.as_ref().map(verdict::token_fresh));
    statements.extend(granted(findings));
    statements.extend(receiver_available(findings, applied));
    statements.extend(endpoint_validated(findings.spec, webhook, observed, now));
    statements
}

fn credentials_valid(
    findings: &Findings<'_>,
    applied: &Applied,
    observed: &Observed,
) -> Option<Statement> {
    let say = |status, reason: Reason, message: &str| {
        Some(Statement::new(
            Type::CredentialsValid,
            status,
            reason,
            message,
        ))
    };
    // Zoom's token endpoint does not depend on the other keys of the Secret.
    if !observed.credentials.are_complete(findings.spec) {
        let complaint = findings.credentials.as_deref().unwrap_or_default();
        return say(Status::False, Reason::AwaitingCredentials, complaint);
    }
    if findings.spec.is_webhook_only() {
        return if findings.endpoint.proved.is_some() {
            say(
                Status::True,
                Reason::Accepted,
                "Zoom signs its requests with the secret token.",
            )
        } else {
            say(
                Status::Unknown,
                Reason::NotTried,
                "Zoom has sent no request yet that is signed with the secret token.",
            )
        };
    }
    if let Some(failure) = findings.check {
        let status = if failure::is_for_a_person(failure) {
            Status::False
        } else {
            Status::Unknown
        };
        return say(status, failure.reason, &failure.message);
    }
    if let Some(failure) = applied.failure.as_ref() {
        if failure::is_for_a_person(failure) {
            return say(Status::False, failure.reason, &failure.message);
        }
        if failure.reason != Reason::MissingScopes && !applied.with_current_credentials {
            return say(
                Status::Unknown,
                Reason::NotTried,
                "Zoom has not judged these credentials yet.",
            );
        }
    }
    let accepted = applied.checked.accepted_version.as_ref();
    if accepted == Some(&observed.credentials.version) {
        return say(
            Status::True,
            Reason::Accepted,
            "Zoom accepts client id and secret.",
        );
    }
    if applied.with_current_credentials {
        say(
            Status::True,
            Reason::Accepted,
            "Zoom gave a token for these credentials.",
        )
    } else {
        say(
            Status::Unknown,
            Reason::NotTried,
            "Zoom has not judged these credentials yet.",
        )
    }
}

fn receiver_available(findings: &Findings<'_>, applied: &Applied) -> Option<Statement> {
    let receiver = &applied.receiver;
    let Some(finding) = &findings.receiver else {
        return receiver.refused.as_deref().map(not_removed);
    };
    let (status, reason, message) = match finding {
        ReceiverFinding::Available if receiver.refused.is_some() => (
            Status::True,
            Reason::UpdateRefused,
            "The receiver accepts requests. The API server refused an update of its objects:",
        ),
        ReceiverFinding::Available if receiver.stuck.is_some() => (
            Status::True,
            Reason::RolloutStuck,
            "The receiver accepts requests.",
        ),
        ReceiverFinding::Available if receiver.refused_class.is_some() => (
            Status::True,
            Reason::PriorityClassRefused,
            "The receiver accepts requests.",
        ),
        ReceiverFinding::Available if !receiver.refused_metadata.is_empty() => (
            Status::True,
            Reason::MetadataRefused,
            "The receiver accepts requests.",
        ),
        ReceiverFinding::Available if receiver.progress == Some(Progress::Outdated) => (
            Status::True,
            Reason::Available,
            "The receiver accepts requests. Its new version waits until fewer other receivers are being replaced.",
        ),
        ReceiverFinding::Available => (
            Status::True,
            Reason::Available,
            "The receiver accepts requests.",
        ),
        ReceiverFinding::Unavailable(message) => {
            (Status::False, Reason::ReceiverUnavailable, message.as_str())
        }
        ReceiverFinding::NotApplied(message) => {
            (Status::False, Reason::ReceiverNotApplied, message.as_str())
        }
        ReceiverFinding::Conflict(message) => {
            (Status::False, Reason::ReceiverConflict, message.as_str())
        }
    };
    let refused = receiver
        .refused
        .clone()
        .filter(|_| reason == Reason::UpdateRefused);
    let parts = [
        Some(message.to_owned()),
        refused,
        receiver.stuck.clone(),
        receiver.refused_class.as_deref().map(refused_class),
        refused_metadata(&receiver.refused_metadata),
        theirs(&receiver.theirs),
        contested(&receiver.contested),
        receiver.growing.clone(),
    ];
    let message = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    Some(Statement::new(
        Type::ReceiverAvailable,
        status,
        reason,
        &message,
    ))
}

/// The receiver of an integration without a webhook that may not be removed.
fn not_removed(sentence: &str) -> Statement {
    Statement::new(
        Type::ReceiverAvailable,
        Status::True,
        Reason::UpdateRefused,
        format!(
            "The receiver is no longer wanted. The API server refused to remove its objects: {sentence}"
        ),
    )
}

/// The priority class that is not applied, and the remedy.
fn refused_class(class: &str) -> String {
    format!(
        "Not applied, because the operator's configuration does not allow it: webhook.receiver.priorityClassName {class}. Remove the field, name a class that is allowed, or ask the platform engineer to allow this one (chart value receiver.pods.allowedPriorityClasses)."
    )
}

/// Labels and annotations that are not applied, and the remedy.
fn refused_metadata(fields: &[String]) -> Option<String> {
    (!fields.is_empty()).then(|| {
        format!(
            "Not applied, because the operator's configuration does not allow it: {}. Remove what is listed, or ask the platform engineer to allow the keys (chart values receiver.endpoint and receiver.pods: allowedLabels, allowedAnnotations). Snippets, keys that claim further hosts, and values that name another host than endpoint.host are never applied.",
            fields.join(", ")
        )
    })
}

/// Says what others changed on the receiver's objects, and that it is left alone.
fn theirs(theirs: &[String]) -> Option<String> {
    (!theirs.is_empty()).then(|| {
        format!(
            "Something in the cluster, such as an admission policy, changes what the operator applies, and the operator leaves that as it is: {}. To end this, exempt these objects from that policy.",
            theirs.join(", ")
        )
    })
}

/// Says which Secrets with routes others change again and again.
fn contested(secrets: &[String]) -> Option<String> {
    (!secrets.is_empty()).then(|| {
        format!(
            "Something in the cluster, such as an admission webhook or a tool that copies Secrets, changes or deletes these Secrets with routes of connections again and again, and the operator repairs them only now and then: {}.",
            secrets.join(", ")
        )
    })
}

fn endpoint_validated(
    spec: &ZoomIntegrationSpec,
    webhook: Option<&WebhookStatus>,
    observed: &Observed,
    now: Timestamp,
) -> Option<Statement> {
    let webhook = webhook?;
    let say = |status: Status, reason: Reason, message: String| {
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
        let since = webhook.proved_since.as_ref();
        let rejected = observed
            .facts
            .as_ref()
            .and_then(|facts| facts.last_rejected)
            .is_some_and(|at| since.is_none_or(|since| at >= since.0));
        return if rejected {
            say(Status::Unknown, Reason::SignatureMismatch, "A request arrived whose signature does not match: compare the app's Secret Token in Zoom with the webhook secret token in the credentials Secret.".into())
        } else if has_bots_events_only(spec) {
            let message = match webhook.last_verified {
                None => format!(
                    "Zoom does not validate the URL of a bot: paste {where_to} as bot endpoint URL. The bot's first event will show that Zoom has it."
                ),
                Some(Time(at)) => format!(
                    "Zoom does not validate the URL of a bot. Its last signed request arrived at {at}."
                ),
            };
            say(Status::Unknown, Reason::NotValidated, message)
        } else if since.is_some() && webhook.url.is_some() {
            say(
                Status::Unknown,
                Reason::NotValidated,
                format!(
                    "The URL has changed: paste {where_to} as event notification endpoint URL and press Validate."
                ),
            )
        } else {
            say(
                Status::Unknown,
                Reason::NotValidated,
                format!(
                    "Zoom has not validated the endpoint yet: paste {where_to} as event notification endpoint URL and press Validate."
                ),
            )
        };
    };
    if now < schedule::later(validated, zoom::URL_VALIDATION_PERIOD) {
        say(
            Status::True,
            Reason::Validated,
            format!(
                "Zoom validated the endpoint at {validated}.{}",
                seen(webhook)
            ),
        )
    } else {
        say(
            Status::False,
            Reason::ValidationOverdue,
            format!(
                "Zoom last validated the endpoint at {validated}, and does so every 72 hours: check that {where_to} is reachable from the internet. Zoom stops sending after six failures."
            ),
        )
    }
}

/// Whether Zoom has no event subscription to validate: no event but the bot's own, whose names have no dot, is declared.
fn has_bots_events_only(spec: &ZoomIntegrationSpec) -> bool {
    let events = spec.webhook.as_ref().map(Webhook::events);
    spec.has_bot() && events.is_some_and(|events| events.iter().all(|event| !event.contains('.')))
}

fn granted(findings: &Findings<'_>) -> Option<Statement> {
    Some(verdict::scopes_granted(
        findings.token.as_ref()?,
        Then::Wait,
    ))
}

/// How many of the declared events have arrived; empty if none is declared.
fn seen(webhook: &WebhookStatus) -> String {
    match webhook.events_declared {
        Some(declared) if declared > 0 => format!(
            " Seen {} of {declared} declared events.",
            webhook.events_seen.len()
        ),
        _ => String::new(),
    }
}
