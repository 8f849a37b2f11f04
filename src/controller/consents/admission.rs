//! What happens to a person who connects by self-service. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use crate::{
    api::{label, reason::Reason, v1alpha1::ZoomIntegration},
    controller::{
        connection::model::{Consent, Wait, code_expires},
        credentials::Credentials,
        failure,
        schedule::{self, Retry, Retrying},
        tenancy::{self, Agreement, Labels},
    },
};
use grant::SpendOutcome;
use zoom::{App, Class};

/// How many consents of an integration a pass handles: somebody with the link can start many.
const PER_PASS: usize = 3;

/// How soon the next pass continues: a person is waiting in front of a page.
const SOON: Duration = Duration::from_secs(2);

/// A consent of a person who has no connection yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The consent.
    pub consent: Consent,
    /// The wait, if Zoom did not do what the consent needs.
    pub wait: Option<Wait>,
    /// Why it leads to no connection, once known.
    pub refusal: Option<Refusal>,
}

/// Why a person is not connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for machines.
    pub reason: Reason,
    /// The message, for people.
    pub message: String,
}

/// What the API server has against a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Its sentence.
    pub sentence: String,
    /// Whether it stays until somebody changes something.
    pub is_final: bool,
}

/// How many connections exist and are allowed.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The names of those that self-service created.
    pub made: Vec<String>,
    /// How many it may create.
    pub most: i32,
}

/// Where connections are created.
#[derive(Clone, Debug)]
pub struct Target {
    /// The namespace.
    pub namespace: String,
    /// Its UID.
    pub uid: String,
    /// Why none is created there, as a part of a sentence.
    pub objection: Option<String>,
}

/// The namespace in which connections are to be created.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its name.
    pub namespace: &'a str,
    /// The integration's namespace.
    pub home: &'a str,
    /// Whether the integration allows it.
    pub is_allowed: bool,
    /// Its labels; `None` if it does not exist or is not watched.
    pub labels: Option<&'a Labels>,
}

/// What to do with a consent.
#[derive(Clone, Debug)]
pub enum Step {
    /// Nothing: its connection or another process handles it.
    Leave,
    /// Nothing before this time.
    Wait(Timestamp),
    /// Spend the code, if the connection with this name may be created.
    Redeem(App, String),
    /// Create the connection with this name.
    Create(String),
    /// Nothing for now, although Zoom gave a grant: somebody may correct this.
    Hold(Refusal),
    /// Remove the consent.
    Refuse(Refusal),
}

// === impl Pending ===

impl Pending {
    /// The consent in a Secret, if it is for a new connection of this integration. What Zoom gave outlives an integration
    /// that is created again.
    #[must_use]
    pub fn of(secret: &Secret, integration: &ZoomIntegration) -> Option<Self> {
        let consent = Consent::of(secret);
        let handoff = consent.handoff.as_ref()?;
        let is_ours = if consent.is_redeemed() {
            let home = integration.metadata.namespace.as_deref();
            Some(&handoff.integration) == integration.metadata.name.as_ref()
                && Some(handoff.integration_namespace()) == home
        } else {
            Some(&handoff.integration_uid) == integration.metadata.uid.as_ref()
        };
        (is_ours && handoff.connection_uid.is_none()).then_some(Self {
            wait: consent.wait,
            consent,
            refusal: None,
        })
    }
}

/// Whether a refusal may be final: the integration by which it was `judged` is still the `live` one.
#[must_use]
pub fn is_current(judged: &ObjectMeta, live: Option<&ObjectMeta>) -> bool {
    live.is_some_and(|live| live.uid == judged.uid && live.generation == judged.generation)
}

/// Why no connection is created there, as a part of a sentence: both sides have to agree.
#[must_use]
pub fn objection(place: &Place<'_>, agreements: &[Agreement]) -> Option<String> {
    let Place {
        namespace, home, ..
    } = place;
    if namespace == home {
        return None;
    }
    let Some(labels) = place.labels else {
        return Some(format!(
            "namespace {namespace} does not exist, or is not watched"
        ));
    };
    if !place.is_allowed {
        return Some(format!(
            "allowedNamespaces does not allow namespace {namespace}"
        ));
    }
    (!tenancy::accepts(namespace, labels, home, agreements)).then(|| {
        format!(
            "namespace {namespace} does not have the label {}={home}, and the chart value connect.acceptConnections does not list it",
            label::ACCEPT_CONNECTIONS
        )
    })
}

/// Why the consent leads to no connection in the target namespace, if so.
#[must_use]
pub fn misplaced(pending: &Pending, target: &Target) -> Option<Refusal> {
    let handoff = pending.consent.handoff.as_ref()?;
    if handoff.namespace != target.namespace {
        return Some(Refusal {
            reason: Reason::ConsentOutdated,
            message: if pending.consent.is_redeemed() {
                format!(
                    "A person authorized and waits: the namespace of selfService.template changed during the consent. Set it back to {} within two days; otherwise they have to open the link again.",
                    handoff.namespace
                )
            } else {
                "A person was not connected: the namespace of selfService.template changed during the consent. They have to open the link again.".into()
            },
        });
    }
    let objection = target.objection.as_ref()?;
    Some(Refusal {
        reason: Reason::SelfServiceRefused,
        message: format!(
            "A person {}: {objection}. Correct that, or selfService.template.namespace.",
            fate(pending)
        ),
    })
}

/// What became of the person: a grant that Zoom gave already is not thrown away.
fn fate(pending: &Pending) -> &'static str {
    if pending.consent.is_redeemed() {
        "authorized and waits"
    } else {
        "wanted to connect and was refused"
    }
}

/// The next step for a consent at `now`.
#[must_use]
pub fn next(pending: &Pending, limit: &Limit, credentials: &Credentials, now: Timestamp) -> Step {
    let Some(handoff) = &pending.consent.handoff else {
        return Step::Leave;
    };
    if limit.made.contains(&handoff.connection) {
        return Step::Leave;
    }
    let refusal = pending.refusal.clone();
    let refusal = refusal.or_else(|| foreign(pending, credentials));
    let refusal = refusal.or_else(|| exceeded(pending, limit));
    let waits = pending.wait.map(|wait| wait.until);
    let waits = waits.filter(|until| *until > now);
    if pending.consent.is_redeemed() {
        return match (waits, refusal) {
            (Some(until), _) => Step::Wait(until),
            (None, Some(refusal)) => Step::Hold(refusal),
            (None, None) => Step::Create(handoff.connection.clone()),
        };
    }
    if let Some(refusal) = refusal {
        return Step::Refuse(refusal);
    }
    let expires = code_expires(handoff.authorized);
    if now > expires {
        return Step::Refuse(Refusal {
            reason: Reason::CodeExpired,
            message: "A person was not connected: Zoom's code expired before it could be redeemed. They have to open the link again.".into(),
        });
    }
    if let Some(until) = waits {
        return Step::Wait(until.min(schedule::later(expires, SOON)));
    }
    match &credentials.app {
        Some(app) if app.client_id == handoff.client_id => {
            Step::Redeem(app.clone(), handoff.connection.clone())
        }
        _ => Step::Refuse(Refusal {
            reason: Reason::ConsentOutdated,
            message: "A person was not connected: the app's client id changed during the consent. They have to open the link again.".into(),
        }),
    }
}

/// Why what Zoom gave leads to no connection under the present credentials, if so: the integration may have been created
/// again for another app. Somebody may put the app's own back.
fn foreign(pending: &Pending, credentials: &Credentials) -> Option<Refusal> {
    let client_id = pending.consent.client_id()?;
    let app = credentials.app.as_ref();
    let is_own = app.is_some_and(|app| app.client_id == client_id);
    (pending.consent.is_redeemed() && !is_own).then(|| Refusal {
        reason: Reason::ConsentOutdated,
        message: format!(
            "A person authorized and waits: the credentials Secret does not hold the client id {client_id}, to which their grant was given. Put that app's credentials back within two days; otherwise they have to open the link again."
        ),
    })
}

/// Why there is no place for another connection, if so.
fn exceeded(pending: &Pending, limit: &Limit) -> Option<Refusal> {
    let made = i32::try_from(limit.made.len()).unwrap_or(i32::MAX);
    (made >= limit.most).then(|| Refusal {
        reason: Reason::SelfServiceLimit,
        message: format!(
            "A person {}: there are {} connections by self-service. Delete some, or raise oauth.consent.selfService.maxConnections.",
            fate(pending), limit.most
        ),
    })
}

/// The consents that a pass at `now` handles: the first few with which something can be done. Those that wait
/// hold up nobody. Also returns when the next pass is due because of the others.
#[must_use]
pub fn due(
    pending: Vec<Pending>,
    limit: &Limit,
    credentials: &Credentials,
    now: Timestamp,
) -> (Vec<Pending>, Vec<Timestamp>) {
    let (mut due, mut again) = (Vec::new(), Vec::new());
    for consent in pending {
        match next(&consent, limit, credentials, now) {
            Step::Leave => {}
            Step::Wait(until) => again.push(until),
            _ if due.len() == PER_PASS => again.push(soon(now)),
            Step::Redeem(..) | Step::Create(_) | Step::Hold(_) | Step::Refuse(_) => {
                due.push(consent);
            }
        }
    }
    (due, again)
}

/// The state at `now`, after an attempt to spend the code.
#[must_use]
pub fn settle(mut pending: Pending, outcome: SpendOutcome<zoom::Error>, now: Timestamp) -> Pending {
    let refusal = |reason: Reason, why: &str| {
        Some(Refusal {
            reason,
            message: format!("A person was not connected: {why}"),
        })
    };
    let soon = Wait {
        attempts: pending.wait.map_or(0, |wait| wait.attempts),
        until: soon(now),
    };
    match outcome {
        SpendOutcome::Stored(grant) => pending.consent.grant = Some(*grant),
        SpendOutcome::Refused(refused) if refused.error.fault.class() == Class::Person => {
            let error = refused.error;
            pending.refusal = refusal(error.fault.into(), &error.message());
        }
        SpendOutcome::Refused(refused) => {
            pending.wait = Some(wait(&pending, &refused.error, now));
        }
        SpendOutcome::Lost(_) => {
            let why =
                "Zoom did not accept the authorization code. They have to open the link again.";
            pending.refusal = refusal(Reason::CodeRejected, why);
        }
        SpendOutcome::OtherClient => {
            let why =
                "the app's client id changed during the consent. They have to open the link again.";
            pending.refusal = refusal(Reason::ConsentOutdated, why);
        }
        SpendOutcome::Waiting | SpendOutcome::Superseded | SpendOutcome::Gone => {
            pending.wait = Some(soon);
        }
    }
    pending
}

/// The state at `now`, after the API server did not take the connection. A grant that Zoom gave already waits whatever
/// the objection: the person authorized, and somebody may raise the quota.
#[must_use]
pub fn objected(mut pending: Pending, objection: &Objection, now: Timestamp) -> Pending {
    if objection.is_final && !pending.consent.is_redeemed() {
        pending.refusal = Some(refusal(&pending, objection));
        return pending;
    }
    held(pending, now)
}

/// The state at `now` of a consent that waits until somebody changes something, or until it is too old.
#[must_use]
pub fn held(mut pending: Pending, now: Timestamp) -> Pending {
    pending.wait = Some(waits(&pending, Retry::Publish, None, now));
    pending
}

/// Whether the owner of the integration is told why a consent waits: at first, and then less and less often.
#[must_use]
pub fn is_told(pending: &Pending) -> bool {
    let attempts = pending.wait.map_or(0, |wait| wait.attempts);
    attempts.count_ones() <= 1
}

/// What the owner of the integration is told of a lasting objection.
#[must_use]
pub fn refusal(pending: &Pending, objection: &Objection) -> Refusal {
    Refusal {
        reason: Reason::SelfServiceRefused,
        message: format!(
            "A person {}: the API server does not accept the connection. Allow it in the quota, policy or webhook that refuses it: {}",
            fate(pending),
            objection.sentence
        ),
    }
}

/// The wait after an error, by the same rule as for every other request.
fn wait(pending: &Pending, error: &zoom::Error, now: Timestamp) -> Wait {
    let cause = failure::retry_of(error.fault.into());
    waits(pending, cause, error.retry_after, now)
}

fn waits(pending: &Pending, cause: Retry, retry_after: Option<Duration>, now: Timestamp) -> Wait {
    let attempts = pending
        .wait
        .map_or(0, |wait| wait.attempts)
        .saturating_add(1);
    let retrying = Retrying {
        cause,
        attempts,
        retry_after,
        expires_at: None,
    };
    Wait {
        attempts,
        until: schedule::retry_at(retrying, now, &pending.consent.secret_name),
    }
}

/// When the next pass continues.
#[must_use]
pub fn soon(now: Timestamp) -> Timestamp {
    schedule::later(now, SOON)
}

#[cfg(test)]
mod tests;
