//! The result of a pass: judges what happened and decides when to try again. Pure. What became of the receiver is in
//! `receiver.rs`.

mod receiver;
mod stuck;
mod trouble;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

use self::receiver::{not_expanded, receiver};
use super::{
    model::{
        Applied, CheckOutcome, Checked, CredentialsStep, Exposure, Observed, Outcome, Plan,
        ReceiverFinding, Refusal, SinkService, TokenOutcome, TokenStep,
    },
    plan::last_failure,
    rewrites::{self, Rewritten},
};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{Probe, TokenFailure, ZoomIntegration},
    },
    controller::{
        failure::{self, Attempt},
        rollouts::{LONGEST, Progress},
        schedule,
        token_secret::{Owner, TokenSecret},
    },
};
use zoom::{
    Class, Fault,
    scopes::{
        self,
        remedy::{self, Then},
    },
};

/// Time between two checks of a receiver that is draining.
const WHILE_DRAINING: Duration = Duration::from_secs(5);
/// Time between two checks of a receiver that waits to be replaced. It is notified of its turn; this is for the case that
/// nothing else happens for so long that would notify it.
const WHILE_OUTDATED: Duration = LONGEST;
/// Time between two checks for a missing API.
const UNTIL_DEFINED: Duration = Duration::from_mins(1);
/// Time between two attempts to expand a volume that the API server refuses to expand.
const UNTIL_EXPANDABLE: Duration = Duration::from_mins(5);
/// Time between two checks of a volume that is growing, which no watch reports.
const WHILE_GROWING: Duration = Duration::from_secs(15);
/// Time between two checks for the sink's Service, which is often applied together with the integration: the receiver
/// connects to its addresses only once they are known.
const UNTIL_THERE: Duration = Duration::from_secs(10);
/// Time between two checks of what no watch reports: somebody else's object, the sink's Service, the Events
/// about a receiver that does not start or cannot be replaced.
const UNTIL_CORRECTED: Duration = Duration::from_mins(1);

/// The state at `now`, after `plan` led to `outcome`.
#[must_use]
pub fn settle(
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    outcome: &Outcome,
    now: Timestamp,
) -> Applied {
    let (token, failure) = token(integration, observed, plan, &outcome.token, now);
    let checked = if outcome.check_postponed.is_some() {
        observed.checked.clone()
    } else {
        checked(
            integration,
            observed,
            plan,
            outcome.credentials.as_ref(),
            now,
        )
    };
    let receiver = receiver(integration, observed, plan, &outcome.receiver, now);
    let gateway = outcome.receiver.is_gateway_api_missing.then(|| {
        Refusal::new(
            Reason::GatewayApiMissing,
            "The cluster has no HTTPRoute of gateway.networking.k8s.io/v1: install the Gateway API, or expose the receiver by endpoint.ingress.".into(),
        )
    });
    let not_expanded = not_expanded(observed, &outcome.receiver);
    let is_declared = integration.spec.webhook.is_some();
    let pauses = [
        not_expanded.as_ref().map(|_| UNTIL_EXPANDABLE),
        receiver.growing.as_ref().map(|_| WHILE_GROWING),
        receiver.waiting.map(|_| WHILE_DRAINING),
        (receiver.progress == Some(Progress::Outdated)).then_some(WHILE_OUTDATED),
        (receiver.progress == Some(Progress::Stuck)).then_some(UNTIL_CORRECTED),
        gateway.as_ref().map(|_| UNTIL_DEFINED),
        outcome
            .receiver
            .refused
            .as_ref()
            .map(|_| schedule::UNTIL_ALLOWED),
        (plan.judgement.exposure == Exposure::Unknown).then_some(WHILE_DRAINING),
        (is_declared && receiver.finding != ReceiverFinding::Available).then_some(UNTIL_CORRECTED),
        match observed.sink_service {
            SinkService::Usable => None,
            SinkService::Absent => Some(UNTIL_THERE),
            SinkService::External | SinkService::NoPort => Some(UNTIL_CORRECTED),
        },
    ];
    let pause = pauses.into_iter().flatten().min();
    let look_again = [
        plan.token.until(),
        plan.credentials.until(),
        pause.map(|pause| schedule::later(now, pause)),
        stuck::slot_ends(&outcome.receiver).filter(|at| *at > now),
        stuck::at(&outcome.receiver).filter(|at| *at > now),
        outcome
            .token
            .postponed()
            .map(|wait| schedule::later(now, wait)),
        outcome
            .check_postponed
            .map(|wait| schedule::later(now, wait)),
    ];
    Applied {
        token_secret_name: token_secret_name(integration, observed, outcome),
        has_old_token_secret: observed.old_token_secret.is_some()
            && !outcome.old_token_secret_removed,
        rewritten: rewritten(observed, plan, &outcome.token, now),
        failure,
        with_current_credentials: matches!(
            &token,
            TokenSecret::Ours(stored) if stored.source == observed.credentials.version
        ),
        token,
        checked,
        receiver,
        refusals: plan
            .judgement
            .refusals
            .iter()
            .cloned()
            .chain(gateway)
            .chain(not_expanded)
            .collect(),
        look_again: look_again.into_iter().flatten().min(),
    }
}

/// The Secret that holds the token: the one under an earlier name until it is removed. A name under which nothing
/// was written is not recorded: what has it later is not the operator's to remove.
fn token_secret_name(
    integration: &ZoomIntegration,
    observed: &Observed,
    outcome: &Outcome,
) -> Option<String> {
    let old = observed.old_token_secret.as_ref();
    let old = old.filter(|_| !outcome.old_token_secret_removed);
    let is_there = matches!(outcome.token.secret(&observed.token), TokenSecret::Ours(_));
    old.map(|old| old.name.clone())
        .or_else(|| is_there.then(|| Owner::integration(integration).secret_name))
}

/// The token Secret after the pass, and the failure if there is one.
fn token(
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    outcome: &TokenOutcome,
    now: Timestamp,
) -> (TokenSecret, Option<TokenFailure>) {
    let failed = |reason: Reason, message: String, retry_after| {
        let attempt = Attempt {
            reason,
            message,
            retry_after,
            credentials_version: &observed.credentials.version,
            expires_at: match &observed.token {
                TokenSecret::Ours(stored) => stored.expires_at,
                _ => None,
            },
        };
        let uid = integration.uid().unwrap_or_default();
        failure::record(attempt, last_failure(integration, now), &uid, now)
    };
    let failure = match outcome {
        TokenOutcome::Untouched => match plan.token {
            TokenStep::Wait(_) => last_failure(integration, now).cloned(),
            TokenStep::Rest(until) => Some(contested(integration, observed, until)),
            TokenStep::Keep if integration.spec.suspend => last_failure(integration, now).cloned(),
            _ => None,
        },
        TokenOutcome::Postponed(_) => last_failure(integration, now).cloned(),
        TokenOutcome::Reowned(_) => None,
        TokenOutcome::Published(secret) => missing_scopes(integration, secret)
            .map(|message| failed(Reason::MissingScopes, message, None)),
        TokenOutcome::Unproven(_, error) => Some(failed(
            Reason::ProbeRefused,
            unproven(integration, error),
            error.retry_after,
        )),
        TokenOutcome::Refused(error) => Some(failed(
            error.fault.into(),
            error.message(),
            error.retry_after,
        )),
        TokenOutcome::NotWritten(sentence) => {
            let name = Owner::integration(integration).secret_name;
            let message = format!("Secret {name} could not be written: {sentence}");
            Some(failed(Reason::TokenSecretNotWritten, message, None))
        }
    };
    (outcome.secret(&observed.token).clone(), failure)
}

/// What is known of those who change the token Secret, after a token was published.
fn rewritten(
    observed: &Observed,
    plan: &Plan,
    outcome: &TokenOutcome,
    now: Timestamp,
) -> Option<Rewritten> {
    let (TokenOutcome::Published(secret) | TokenOutcome::Unproven(secret, _)) = outcome else {
        return None;
    };
    let (TokenStep::Request(cause), TokenSecret::Ours(stored)) = (&plan.token, secret) else {
        return None;
    };
    let known = observed.rewritten.as_ref();
    Some(Rewritten::after(known, *cause, stored, now))
}

/// What is said while others change the token Secret again and again.
fn contested(integration: &ZoomIntegration, observed: &Observed, until: Timestamp) -> TokenFailure {
    let name = Owner::integration(integration).secret_name;
    TokenFailure {
        reason: Reason::TokenSecretContested,
        message: format!(
            "Something in the cluster changes or deletes Secret {name} after each write, and each time costs a token: it is written again every two minutes only. Find out who does (kubectl get secret {name} -o yaml --show-managed-fields) and stop it, or set token.secretName to another name."
        ),
        attempts: 1,
        time: Time(rewrites::began(until)),
        retry_at: Time(until),
        not_before: None,
        credentials_version: observed.credentials.version.clone(),
    }
}

/// What to do when Zoom gave a token and does not take it.
fn unproven(integration: &ZoomIntegration, error: &zoom::Error) -> String {
    let probe = integration.spec.credentials.probe.as_ref();
    let path = probe.map_or("", Probe::path);
    format!(
        "Zoom gave a token and refuses GET /v2{path} with it: add the scope that this call needs to scopes.required and to the app, ask the administrator of the Zoom account whether its API is restricted, or set credentials.probe.path to another call. ({})",
        error.detail
    )
}

/// The required scopes that a new token lacks, as a sentence with the remedy.
fn missing_scopes(integration: &ZoomIntegration, secret: &TokenSecret) -> Option<String> {
    let TokenSecret::Ours(stored) = secret else {
        return None;
    };
    let found = scopes::compare(&stored.scope, &integration.spec.own_scopes(), &[]);
    remedy::message(&found, Then::Wait)
}

/// What is known about a General app's credentials after the pass.
fn checked(
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    outcome: Option<&CheckOutcome>,
    now: Timestamp,
) -> Checked {
    let before = &observed.checked;
    let version = &observed.credentials.version;
    match (plan.credentials, outcome) {
        (CredentialsStep::Keep | CredentialsStep::Wait(_), _) => before.clone(),
        // Credentials that come and go must not be checked more often than others.
        (CredentialsStep::Forget, _) | (CredentialsStep::Ask, None) => Checked {
            checked_at: before.checked_at,
            ..Checked::default()
        },
        (CredentialsStep::Ask, Some(CheckOutcome { asked, answer })) => match answer {
            Ok(()) => Checked {
                accepted_version: Some(version.to_owned()),
                checked_at: Some(*asked),
                failure: None,
            },
            Err(error) => {
                let uid = integration.uid().unwrap_or_default();
                refused(error, before.clone(), version, &uid, *asked, now)
            }
        },
    }
}

fn refused(
    error: &zoom::Error,
    before: Checked,
    version: &str,
    uid: &str,
    asked: Timestamp,
    now: Timestamp,
) -> Checked {
    let attempt = Attempt {
        reason: error.fault.into(),
        message: check_message(error),
        retry_after: error.retry_after,
        credentials_version: version,
        expires_at: None,
    };
    let mut failure = failure::record(attempt, before.failure.as_ref(), uid, now);
    if error.fault.class() == Class::Person {
        let earliest = schedule::after_refused_check(asked);
        failure.retry_at.0 = failure.retry_at.0.max(earliest);
    }
    Checked {
        checked_at: Some(asked),
        failure: Some(failure),
        ..before
    }
}

/// The remedy for a General app, where it differs from that for an app with its own token.
fn check_message(error: &zoom::Error) -> String {
    if error.fault == Fault::WrongAppKind {
        format!(
            "These are not the credentials of a General app: use those of a General app, or create a ZoomIntegration with app.kind: ServerToServer. ({})",
            error.detail
        )
    } else {
        error.message()
    }
}

#[cfg(test)]
mod tests;
