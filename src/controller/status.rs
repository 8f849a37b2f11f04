//! The status to publish, computed from what was observed and done. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{
    apply::Applied,
    observe::Observed,
    schedule,
    token_secret::{self, TokenSecret},
    verdict::{self, Findings, Flow, ReceiverFinding, TokenFinding, Verdict},
};
use crate::{
    api::{
        condition::{self, Statement, Status, Type},
        v1alpha1::{
            ScopesStatus, TokenFailure, TokenStatus, WebhookStatus, ZoomIntegration,
            ZoomIntegrationStatus,
        },
    },
    receiver::facts::Facts,
    zoom::{
        Endpoints,
        scopes::{self, Comparison},
    },
};

/// The status of `integration` at `now`, and how long to wait for the next pass.
#[must_use]
pub fn status(
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &Applied,
    endpoints: &Endpoints,
    now: Timestamp,
) -> (ZoomIntegrationStatus, Duration) {
    let before = integration.status.clone().unwrap_or_default();
    let spec = &integration.spec;
    let scopes = granted(integration, &applied.token);
    let webhook = webhook(integration, &before, observed.facts.as_ref());
    let findings = Findings {
        spec,
        before: &before,
        credentials: observed.credentials.complaint(),
        token: spec
            .is_server_to_server()
            .then(|| token_finding(integration, applied, scopes.as_ref())),
        receiver: spec.webhook.is_some().then(|| applied.receiver.clone()),
    };
    let verdict = verdict::verdict(&findings, now);
    let mut statements = general(&verdict);
    statements.extend(credentials_valid(&findings, applied));
    statements.extend(token_fresh(&findings));
    statements.extend(scopes_granted(&findings));
    statements.extend(receiver_available(&findings));
    statements.extend(endpoint_validated(webhook.as_ref(), observed, now));

    let stored = stored(&applied.token);
    let token = spec.is_server_to_server().then(|| TokenStatus {
        secret_name: Some(token_secret::name(integration)),
        expires_at: stored.and_then(|stored| stored.expires_at).map(Time),
        refresh_at: stored.and_then(|stored| stored.refresh_at).map(Time),
        failure: applied.failure.clone(),
    });
    let conditions = condition::merge(
        &before.conditions,
        statements,
        integration.metadata.generation,
        now,
    );
    let wait = wait(
        spec.suspend,
        token.as_ref(),
        webhook.as_ref(),
        applied,
        &conditions,
        now,
    );
    let status = ZoomIntegrationStatus {
        observed_generation: integration.metadata.generation,
        phase: Some(verdict.phase),
        conditions,
        install_url: install_url(integration, observed, endpoints),
        client_id: observed.credentials.client_id.clone().or(before.client_id),
        scopes: scopes.map(|scopes| ScopesStatus {
            granted: scopes.granted,
            missing: scopes.missing,
            excess: scopes.excess,
        }),
        token,
        webhook,
        connections: before.connections,
    };
    (status, wait)
}

fn stored(token: &TokenSecret) -> Option<&token_secret::Stored> {
    match token {
        TokenSecret::Ours(stored) => Some(stored),
        _ => None,
    }
}

fn granted(integration: &ZoomIntegration, token: &TokenSecret) -> Option<Comparison> {
    let declared = &integration.spec.scopes;
    let optional = declared.optional.as_deref().unwrap_or_default();
    stored(token).map(|stored| scopes::compare(&stored.scope, &declared.required, optional))
}

fn token_finding<'a>(
    integration: &ZoomIntegration,
    applied: &'a Applied,
    scopes: Option<&'a Comparison>,
) -> TokenFinding<'a> {
    let failure = applied.failure.as_ref();
    match (&applied.token, scopes) {
        (TokenSecret::Foreign, _) => TokenFinding::Conflict(format!(
            "Secret {} exists and was not made for this integration: delete or rename it, or set token.secretName to another name.",
            token_secret::name(integration)
        )),
        (TokenSecret::Ours(stored), Some(scopes)) => match stored.expires_at {
            Some(expires_at) if stored.intact => TokenFinding::Present {
                expires_at,
                scopes,
                failure,
            },
            _ => TokenFinding::Absent { failure },
        },
        _ => TokenFinding::Absent { failure },
    }
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

/// The newest facts: what was known stays known while a receiver cannot be asked.
fn webhook(
    integration: &ZoomIntegration,
    before: &ZoomIntegrationStatus,
    facts: Option<&Facts>,
) -> Option<WebhookStatus> {
    let wanted = integration.spec.webhook.as_ref()?;
    let known = before.webhook.clone().unwrap_or_default();
    let declared = |event: &String| {
        wanted
            .subscriptions
            .iter()
            .any(|subscription| subscription.events.contains(event))
    };
    let validated = facts.and_then(|facts| facts.last_validated);
    let mut events_seen: Vec<String> = known
        .events_seen
        .into_iter()
        .chain(
            facts
                .into_iter()
                .flat_map(|facts| facts.event_types_seen.iter().cloned()),
        )
        .filter(declared)
        .collect();
    events_seen.sort();
    events_seen.dedup();
    Some(WebhookStatus {
        url: wanted.url(),
        last_validated: known
            .last_validated
            .map(|time| time.0)
            .max(validated)
            .map(Time),
        last_secret: facts
            .and_then(|facts| facts.last_verified_secret)
            .map(|secret| format!("{secret:?}"))
            .or(known.last_secret),
        events_seen,
    })
}

/// Zoom's authorization page for this app. `scope` is left out on purpose: Zoom then takes the app's
/// own scopes, while several in one parameter are refused.
fn install_url(
    integration: &ZoomIntegration,
    observed: &Observed,
    endpoints: &Endpoints,
) -> Option<String> {
    if integration.spec.is_server_to_server() {
        return None;
    }
    let oauth = integration.spec.oauth.as_ref()?;
    if let Some(start) = oauth
        .consent
        .as_ref()
        .and_then(|consent| consent.start_url.clone())
    {
        return Some(start);
    }
    let url = url::Url::parse_with_params(
        &endpoints.authorize(),
        [
            ("response_type", "code"),
            ("client_id", observed.credentials.client_id.as_deref()?),
            ("redirect_uri", oauth.redirect_url.as_deref()?),
        ],
    );
    url.ok().map(Into::into)
}

fn wait(
    suspended: bool,
    token: Option<&TokenStatus>,
    webhook: Option<&WebhookStatus>,
    applied: &Applied,
    conditions: &[Condition],
    now: Timestamp,
) -> Duration {
    let mut times = Vec::new();
    if !suspended {
        if let Some(token) = token {
            let failure = token.failure.as_ref();
            // While attempts fail, the refresh time has passed and the next attempt counts.
            times.extend(token.refresh_at.iter().map(|time| time.0));
            times.extend(token.expires_at.iter().map(|time| time.0));
            times.extend(failure.map(|failure| failure.retry_at.0));
        }
        times.extend(applied.look_again);
        if let Some(webhook) = webhook {
            let up_since = Type::ReceiverAvailable
                .find(conditions)
                .map(|condition| condition.last_transition_time.0);
            let validated = webhook.last_validated.as_ref().map(|time| time.0);
            times.push(schedule::next_facts(validated.is_some(), up_since, now));
            times.extend(validated.map(|at| schedule::later(at, schedule::VALIDATION_PERIOD)));
        }
    }
    schedule::wait(times, now)
}
