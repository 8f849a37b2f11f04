//! What to do next, decided from what was observed. Pure: the clock is an argument.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Secret};
use kube::{Resource, ResourceExt as _};
use serde::Serialize;

use super::{
    model::{
        Cause, CredentialsStep, Exposure, Judgement, Objects, Observed, Plan, Receiver,
        ReceiverFinding, ReceiverStep, TokenStep, Transition,
    },
    ownership::{Whose, owned, whose},
    pace, policy,
    resources::{self, Kind, Part, Resources, Setting, Workload},
    support, transition,
};
use crate::{
    api::{
        annotation,
        v1alpha1::{TokenFailure, ZoomIntegration},
    },
    controller::{
        config::{ReceiverImage, ReceiverPolicy},
        failure, schedule,
        token_secret::{self, Owner, Stored, TokenSecret},
    },
};
use zoom::AccessToken;
use zoom::scopes;

/// What the operator's configuration and the watches say.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Whether there are consent pages.
    pub has_pages: bool,
    /// When Zoom last refused the credentials to one of the integration's connections, which says so.
    pub rejected: Option<Timestamp>,
    /// The image of the receivers.
    pub image: &'a ReceiverImage,
    /// What receivers may do.
    pub receivers: &'a ReceiverPolicy,
}

/// Decides what to do at `now`.
#[must_use]
pub fn plan(
    integration: &ZoomIntegration,
    observed: &Observed,
    rules: Rules<'_>,
    now: Timestamp,
) -> Plan {
    let idle = integration.metadata.deletion_timestamp.is_some();
    let suspended = integration.spec.suspend;
    let supported = support::unsupported(&integration.spec, rules.has_pages).is_empty();
    let receiver = if idle || !supported {
        ReceiverStep::Keep
    } else if integration.spec.webhook.is_some() {
        // Also while suspended: the receiver is told, and goes on to answer URL validations.
        ReceiverStep::Apply
    } else if suspended || observed.receiver.is_empty() {
        ReceiverStep::Keep
    } else {
        ReceiverStep::Remove
    };
    let transition = match receiver {
        ReceiverStep::Keep => Transition::default(),
        ReceiverStep::Apply | ReceiverStep::Remove => transition(integration, observed),
    };
    let judgement = policy::judge(integration, observed, rules.receivers);
    let obstacle = (receiver == ReceiverStep::Apply)
        .then(|| obstacle(integration, &observed.receiver))
        .flatten();
    let objects = (receiver == ReceiverStep::Apply && obstacle.is_none())
        .then(|| objects(integration, observed, &judgement, &transition, rules))
        .flatten();
    Plan {
        receiver,
        obstacle,
        objects: objects.map(Box::new),
        judgement,
        transition,
        // A field that this version cannot serve is no reason to let a token expire.
        token: if idle || suspended {
            TokenStep::Keep
        } else {
            token(integration, observed, now)
        },
        credentials: if idle || suspended {
            CredentialsStep::Keep
        } else {
            credentials(integration, observed, rules.rejected, now)
        },
        remove_old_token_secret: !idle && !suspended && observed.old_token_secret.is_some(),
    }
}

/// How the workloads change. An integration that is being deleted wants none.
#[must_use]
pub fn transition(integration: &ZoomIntegration, observed: &Observed) -> Transition {
    let webhook = integration.spec.webhook.as_ref();
    let webhook = webhook.filter(|_| integration.metadata.deletion_timestamp.is_none());
    let wanted = webhook.map(|webhook| (Kind::of(webhook.buffer.as_ref()), webhook.replicas()));
    let live = observed.receiver.live(integration);
    transition::transition(wanted, &live, &observed.pods, discards(integration))
}

/// Other people's objects under our names, and those of a deleted integration of this name.
fn obstacle(integration: &ZoomIntegration, live: &Receiver) -> Option<ReceiverFinding> {
    let parts = live.parts();
    let first = |wanted| {
        let mut parts = parts.iter();
        parts.find(|(_, object)| whose(integration, object) == wanted)
    };
    if let Some((part, object)) = first(Whose::Foreign) {
        return Some(ReceiverFinding::Conflict(format!(
            "{} {} exists and was not made for this integration: delete it, or create the integration under another name.",
            part.kind(),
            object.name.as_deref().unwrap_or_default()
        )));
    }
    first(Whose::Leaving).map(|_| {
        ReceiverFinding::Unavailable(
            "The receiver of a deleted integration of this name is being removed.".into(),
        )
    })
}

/// The receiver's objects as they should be, and which of them are not.
fn objects(
    integration: &ZoomIntegration,
    observed: &Observed,
    judgement: &Judgement,
    transition: &Transition,
    rules: Rules<'_>,
) -> Option<Objects> {
    let live = &observed.receiver;
    let setting = Setting {
        image: rules.image,
        policy: rules.receivers,
        sink: judgement.sink,
        replicas: transition.replicas,
        live: live.stateful_set.as_ref(),
        exposed: judgement.exposure != Exposure::Refused,
    };
    let wanted = resources::build(integration, &setting)?;
    let (is_set, situation) = match &wanted.workload {
        Workload::Deployment(wanted) => {
            let live = live.deployment.as_ref();
            (false, pace::situation(integration, live, wanted.as_ref()))
        }
        Workload::StatefulSet(wanted) => {
            let live = live.stateful_set.as_ref();
            (true, pace::situation(integration, live, wanted.as_ref()))
        }
    };
    let goes = is_set || transition.delete.contains(&Kind::StatefulSet);
    Some(Objects {
        writes: writes(integration, live, &wanted),
        retiring: (!goes)
            .then(|| retiring(integration, live, &setting))
            .flatten(),
        situation,
        wanted,
    })
}

/// The objects that are not as they should be.
fn writes(integration: &ZoomIntegration, live: &Receiver, wanted: &Resources) -> BTreeSet<Part> {
    let Resources {
        service_account,
        service,
        workload,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
    } = wanted;
    let (part, workload) = match workload {
        Workload::Deployment(wanted) => (
            Part::Deployment,
            differs(live.deployment.as_ref(), Some(wanted.as_ref())),
        ),
        Workload::StatefulSet(wanted) => (
            Part::StatefulSet,
            differs(live.stateful_set.as_ref(), Some(wanted.as_ref())),
        ),
    };
    let webhook = integration.spec.webhook.as_ref();
    let is_buffered = webhook.is_some_and(|webhook| webhook.buffer.is_some());
    let all = [
        (
            Part::ServiceAccount,
            differs(live.service_account.as_ref(), Some(service_account)),
        ),
        (Part::Service, differs(live.service.as_ref(), Some(service))),
        (part, workload),
        (
            Part::PodDisruptionBudget,
            differs(live.disruption_budget.as_ref(), disruption_budget.as_ref()),
        ),
        (
            Part::NetworkPolicy,
            differs(live.network_policy.as_ref(), network_policy.as_ref()),
        ),
        (
            Part::Ingress,
            differs(live.ingress.as_ref(), ingress.as_ref()),
        ),
        (
            Part::HttpRoute,
            differs(live.http_route.as_ref(), http_route.as_ref()),
        ),
        (Part::ControlSecret, is_buffered && live.control.is_none()),
    ];
    let changed = all.into_iter().filter(|(_, differs)| *differs);
    changed.map(|(part, _)| part).collect()
}

/// Whether an object has to be written.
fn differs<K: Resource + Serialize>(live: Option<&K>, wanted: Option<&K>) -> bool {
    let json = |object: &K| serde_json::to_value(object).unwrap_or_default();
    match (live, wanted) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(live), Some(wanted)) => !resources::covers(&json(live), &json(wanted)),
    }
}

/// A `StatefulSet` that is emptied before it goes, if it has to be written: with the sink of today, since
/// what it stored must go somewhere.
#[must_use]
pub fn retiring(
    integration: &ZoomIntegration,
    live: &Receiver,
    setting: &Setting<'_>,
) -> Option<StatefulSet> {
    let live = live.stateful_set.as_ref();
    let live = live.filter(|live| owned(integration, *live))?;
    let wanted = resources::retiring(integration, live, setting)?;
    differs(Some(live), Some(&wanted)).then_some(wanted)
}

/// Whether somebody said that stored events may be lost.
#[must_use]
pub fn discards(integration: &ZoomIntegration) -> bool {
    let annotations = integration.annotations();
    annotations.get(annotation::DISCARD).map(String::as_str) == Some("true")
}

fn token(integration: &ZoomIntegration, observed: &Observed, now: Timestamp) -> TokenStep {
    if observed.credentials.server_to_server.is_none() {
        return TokenStep::Keep;
    }
    let stored = match &observed.token {
        TokenSecret::Foreign => return TokenStep::Keep,
        TokenSecret::Leaving => {
            return TokenStep::Wait(schedule::once_gone(now));
        }
        TokenSecret::Absent => None,
        TokenSecret::Ours(stored) => Some(stored),
    };
    let checks = [
        no_secret,
        modified,
        credentials_changed,
        refresh_due,
        scopes_missing,
        requested,
    ];
    let cause = checks
        .into_iter()
        .find_map(|check| check(integration, observed, stored, now));
    let Some(cause) = cause else {
        let wished =
            schedule::at_wish(failure::wish(integration), stored.and_then(|s| s.issued_at));
        return match (stored, wished) {
            (Some(stored), _) if !stored.owned_as_wished => TokenStep::Reown,
            (_, Some(time)) => TokenStep::Later(time),
            _ => TokenStep::Keep,
        };
    };
    match not_before(integration, observed) {
        Some(time) if time > now => TokenStep::Wait(time),
        _ => TokenStep::Request(cause),
    }
}

/// Zoom is asked once for each version of the Secret, whatever connections there are: one that is connected
/// shows only that Zoom took the credentials that its last token was got with. What Zoom refuses is asked
/// again as slowly as other failures: an app whose requests fail often may be switched off. And what it took
/// is asked again once a connection was `rejected` since.
fn credentials(
    integration: &ZoomIntegration,
    observed: &Observed,
    rejected: Option<Timestamp>,
    now: Timestamp,
) -> CredentialsStep {
    if integration.spec.is_server_to_server() || observed.credentials.app.is_none() {
        return CredentialsStep::Forget;
    }
    let version = &observed.credentials.version;
    let last = observed.checked.checked_at;
    let accepted = observed.checked.accepted_version.as_ref();
    let due = match &observed.checked.failure {
        Some(failure) => {
            let due = failure::not_before(failure, version, failure::wish(integration));
            Some(due.max(schedule::after_check(last)))
        }
        None if accepted == Some(version) => schedule::at_doubt(last, rejected),
        None => Some(schedule::after_check(last)),
    };
    match due {
        None => CredentialsStep::Keep,
        Some(due) if due > now => CredentialsStep::Wait(due),
        Some(_) => CredentialsStep::Ask,
    }
}

/// The Secret for a token that was asked for, which says when it is to be replaced.
#[must_use]
pub fn token_secret(
    integration: &ZoomIntegration,
    observed: &Observed,
    token: &AccessToken,
    replaces: Option<&str>,
) -> Secret {
    let uid = integration.uid().unwrap_or_default();
    let refresh_at = schedule::refresh_at(token.issued_at, token.expires_at, &uid);
    let owner = Owner::integration(integration);
    let version = &observed.credentials.version;
    token_secret::build(&owner, token, refresh_at, version, replaces)
}

/// The last failure, if it still counts: it is kept in the status, so that a restart neither forgets
/// the backoff nor begins it anew.
#[must_use]
pub fn last_failure(integration: &ZoomIntegration) -> Option<&TokenFailure> {
    integration
        .status
        .as_ref()?
        .token
        .as_ref()?
        .failure
        .as_ref()
}

/// The earliest time for the next request after a failure.
fn not_before(integration: &ZoomIntegration, observed: &Observed) -> Option<Timestamp> {
    let failure = last_failure(integration)?;
    let wish = failure::wish(integration);
    let version = &observed.credentials.version;
    Some(failure::not_before(failure, version, wish))
}

// === The reasons to ask Zoom for a token, in the order in which they are named ===

fn no_secret(
    _: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    stored.is_none().then_some(Cause::NoSecret)
}

fn modified(
    _: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    stored
        .is_some_and(|stored| !stored.intact || stored.expires_at.is_none())
        .then_some(Cause::SecretModified)
}

fn credentials_changed(
    _: &ZoomIntegration,
    observed: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    (stored?.source != observed.credentials.version).then_some(Cause::CredentialsChanged)
}

fn refresh_due(
    _: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    now: Timestamp,
) -> Option<Cause> {
    // A Secret without the annotation is refreshed when it has expired.
    let stored = stored?;
    (now >= stored.refresh_at.or(stored.expires_at)?).then_some(Cause::RefreshDue)
}

fn scopes_missing(
    integration: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    let declared = &integration.spec.scopes;
    let found = scopes::compare(&stored?.scope, &declared.required, &[]);
    (!found.missing.is_empty()).then_some(Cause::ScopesMissing)
}

fn requested(
    integration: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    now: Timestamp,
) -> Option<Cause> {
    let due = schedule::at_wish(failure::wish(integration), stored?.issued_at)?;
    (due <= now).then_some(Cause::Requested)
}

#[cfg(test)]
mod tests;
