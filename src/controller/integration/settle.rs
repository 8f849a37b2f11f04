//! The result of a pass: judges what happened and decides when to try again. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{
    altered::{Alteration, Alterations},
    model::{
        Applied, CheckOutcome, Checked, CredentialsStep, Exposure, Observed, Outcome, Plan,
        Receiver, ReceiverFinding, ReceiverOutcome, ReceiverState, ReceiverStep, Refusal,
        SinkService, TokenOutcome, TokenStep, Volumes,
    },
    objects::{self, Pair},
    plan::last_failure,
    resources,
};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{Probe, TokenFailure, ZoomIntegration},
    },
    controller::{
        failure::{self, Attempt},
        rollouts::Progress,
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
/// Time between two checks of a receiver that waits to be replaced; it is also notified of its turn.
const WHILE_OUTDATED: Duration = Duration::from_secs(30);
/// Time between two checks for a missing API.
const UNTIL_DEFINED: Duration = Duration::from_mins(1);
/// Time between two attempts to expand a volume that the API server refuses to expand.
const UNTIL_EXPANDABLE: Duration = Duration::from_mins(5);
/// Time between two checks of a volume that is growing, which no watch reports.
const WHILE_GROWING: Duration = Duration::from_secs(15);
/// Time between two attempts to write what the API server refuses.
const UNTIL_ALLOWED: Duration = Duration::from_mins(1);

/// Time between two checks for the sink's Service, which is often applied together with the integration: the receiver
/// connects to its addresses only once they are known.
const UNTIL_THERE: Duration = Duration::from_secs(10);
/// Time between two checks of what no watch reports: somebody else's object, the sink's Service, the Events
/// about a receiver that does not start.
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
        gateway.as_ref().map(|_| UNTIL_DEFINED),
        outcome.receiver.refused.as_ref().map(|_| UNTIL_ALLOWED),
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

/// Why the volumes of a buffer do not grow, and what to do.
fn not_expanded(observed: &Observed, outcome: &ReceiverOutcome) -> Option<Refusal> {
    let volumes = observed.volumes.as_ref()?;
    let sentence = outcome.not_expanded.as_ref();
    let sentence = sentence.or(volumes.unreadable.as_ref())?;
    let live = observed.receiver.stateful_set.as_ref()?;
    let now = resources::size_of(live).filter(|now| *now != volumes.size)?;
    Some(Refusal::new(
        Reason::BufferImmutable,
        format!(
            "The volume of the buffer cannot be expanded to {}, and the receiver goes on with {}: {}. If its StorageClass does not allow it, ask its administrator for allowVolumeExpansion: true, or set webhook.buffer.size back to {1}. For another volume, set webhook.buffer.storage to Ephemeral, wait until the StatefulSet is gone, and set it to Persistent again.",
            volumes.size.0,
            now.0,
            sentence.trim_end_matches('.')
        ),
    ))
}

/// The Secret that holds the token: the one under an earlier name until it is removed.
fn token_secret_name(
    integration: &ZoomIntegration,
    observed: &Observed,
    outcome: &Outcome,
) -> String {
    let old = observed.old_token_secret.clone();
    old.filter(|_| !outcome.old_token_secret_removed)
        .unwrap_or_else(|| Owner::integration(integration).secret_name)
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
        failure::record(attempt, last_failure(integration), &uid, now)
    };
    let failure = match outcome {
        TokenOutcome::Untouched => match plan.token {
            TokenStep::Wait(_) => last_failure(integration).cloned(),
            TokenStep::Keep if integration.spec.suspend => last_failure(integration).cloned(),
            _ => None,
        },
        TokenOutcome::Postponed(_) => last_failure(integration).cloned(),
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
            let message = format!("The Secret {name} could not be written: {sentence}");
            Some(failed(Reason::TokenSecretNotWritten, message, None))
        }
    };
    (outcome.secret(&observed.token).clone(), failure)
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
            "Zoom does not take these as the credentials of a General app: use those of a General app, or set app.kind: ServerToServer in a new ZoomIntegration. ({})",
            error.detail
        )
    } else {
        error.message()
    }
}

fn receiver(
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    outcome: &ReceiverOutcome,
    now: Timestamp,
) -> ReceiverState {
    let (altered, theirs) = others(observed, plan, outcome, now);
    let found = availability(integration, observed, &outcome.live);
    let is_available = found == ReceiverFinding::Available;
    let finding = match (plan.receiver, &plan.obstacle, &outcome.refused) {
        (ReceiverStep::Remove, ..) => {
            ReceiverFinding::Unavailable("The receiver is removed.".into())
        }
        (_, Some(obstacle), _) => obstacle.clone(),
        (_, None, Some(sentence)) if !is_available => ReceiverFinding::NotApplied(format!(
            "The receiver's objects could not be written: {sentence}"
        )),
        (_, None, _) => found,
    };
    ReceiverState {
        finding,
        refused: outcome.refused.clone().filter(|_| is_available),
        refused_metadata: plan.judgement.refused_metadata.clone(),
        refused_class: plan.judgement.refused_class.clone(),
        replicas: outcome
            .live
            .live(integration)
            .iter()
            .map(|live| live.running.min(live.replicas))
            .max()
            .unwrap_or_default(),
        waiting: plan.transition.waiting,
        growing: observed
            .volumes
            .as_ref()
            .filter(|_| outcome.not_expanded.is_none() && !integration.spec.suspend)
            .and_then(Volumes::growing),
        progress: outcome.progress,
        altered,
        theirs,
    }
}

/// The changes that others made to the receiver's objects after they were applied, and a text for people.
fn others(
    observed: &Observed,
    plan: &Plan,
    outcome: &ReceiverOutcome,
    now: Timestamp,
) -> (Alterations, Vec<String>) {
    let mut altered = observed.altered.clone();
    let Some(objects) = &plan.objects else {
        return (altered, Vec::new());
    };
    let pairs = |live| objects::pairs(live, &objects.wanted, objects.retiring.as_ref());
    let after = pairs(&outcome.live);
    for (before, after) in pairs(&observed.receiver).iter().zip(&after) {
        if !outcome.written.contains(&after.part) {
            continue;
        }
        let fingerprint = |pair: &Pair| pair.drift().and_then(|drift| drift.fingerprint());
        let known = altered.remove(&after.part);
        let next = Alteration::after(known.as_ref(), fingerprint(before), fingerprint(after), now);
        altered.extend(next.map(|next| (after.part, next)));
    }
    let theirs = after.iter().filter_map(|pair| pair.theirs(&altered));
    let theirs = theirs.collect();
    (altered, theirs)
}

fn availability(
    integration: &ZoomIntegration,
    observed: &Observed,
    live: &Receiver,
) -> ReceiverFinding {
    let workloads = live.live(integration);
    let Some(first) = workloads.first() else {
        return ReceiverFinding::Unavailable("The receiver is not deployed.".into());
    };
    if workloads.iter().any(|live| live.available) {
        return ReceiverFinding::Available;
    }
    let trouble = trouble(observed, live);
    let trouble = trouble.map(|trouble| format!(": {trouble}"));
    ReceiverFinding::Unavailable(format!(
        "No Pod of {} {} is available yet{}.",
        first.kind.as_str(),
        resources::workload_name(&integration.name_any(), first.kind),
        trouble.as_deref().unwrap_or_default().trim_end_matches('.')
    ))
}

/// Why no Pod is available: none can be created, or what the Pods report.
fn trouble(observed: &Observed, live: &Receiver) -> Option<String> {
    let conditions = live.deployment.as_ref();
    let conditions = conditions.and_then(|live| live.status.as_ref()?.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let failure = conditions
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")
        .and_then(|condition| condition.message.clone());
    let of_pod = || observed.pods.iter().find_map(|pod| pod.trouble.clone());
    failure.or_else(|| observed.warning.clone()).or_else(of_pod)
}

#[cfg(test)]
mod tests;
