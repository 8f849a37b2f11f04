//! What a status says about an app's setup. The controller, which writes the status, and a tool that can only
//! read the resources use this to get the same list.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{
    facts::{
        Attempt, ConnectionFacts, ConsentFacts, EndpointFacts, Facts, Remembered, SecretFacts,
    },
    step::{State, StepId},
};
use crate::api::{
    condition::Type,
    reason::Reason,
    v1alpha1::{
        CredentialsStatus, Phase, Webhook, WebhookStatus, ZoomConnection, ZoomIntegrationSpec,
        ZoomIntegrationStatus,
    },
};
use contract::facts::SecretRole;
use zoom::{
    Fault,
    scopes::{self, Comparison},
};

/// The part of a connection's status that the list depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    connection: ConnectionFacts,
    granted: Option<Vec<String>>,
    /// Why its last consent failed.
    consent: Option<Fault>,
    /// Why its token currently fails.
    token: Option<Fault>,
}

/// Reads the part of a connection's status that the list depends on.
#[must_use]
pub fn read(found: &ZoomConnection) -> Read {
    let status = found.status.as_ref();
    let scopes = status.and_then(|status| status.scopes.as_ref());
    Read {
        connection: connection(found),
        granted: scopes.map(|scopes| scopes.granted.clone()),
        consent: consent_fault(found),
        token: token_fault(found),
    }
}

/// What `status` and the statuses of the integration's connections say.
#[must_use]
pub fn facts<'a>(
    spec: &ZoomIntegrationSpec,
    status: &ZoomIntegrationStatus,
    connections: impl IntoIterator<Item = &'a ZoomConnection>,
) -> Facts {
    let mut connections: Vec<Read> = connections.into_iter().map(read).collect();
    // A watch returns them in any order.
    connections.sort_by(|one, other| one.connection.name.cmp(&other.connection.name));
    Facts {
        secret: status.credentials.as_ref().map(secret).unwrap_or_default(),
        credentials: credentials(status),
        scopes: granted(spec, status, &connections),
        endpoint: endpoint(spec, status),
        consent: ConsentFacts {
            callback: status.redirect_url.clone(),
            install_url: status.install_url.clone(),
            faults: faults(&connections),
            connections: connections
                .into_iter()
                .map(|read| read.connection)
                .collect(),
        },
        before: status
            .setup
            .iter()
            .filter_map(|step| {
                Some(Remembered {
                    id: StepId::from_name(&step.id)?,
                    state: State::from_name(&step.state)?,
                    since: step.since.as_ref()?.0,
                })
            })
            .collect(),
    }
}

fn secret(found: &CredentialsStatus) -> SecretFacts {
    let keys = found
        .usable
        .iter()
        .chain(&found.unusable)
        .chain(&found.legacy);
    SecretFacts {
        exists: found.found,
        keys: keys.cloned().collect(),
        unusable: found.unusable.iter().cloned().collect(),
        same: found
            .same
            .iter()
            .map(|same| (same.key.clone(), same.other.clone()))
            .collect(),
    }
}

fn credentials(status: &ZoomIntegrationStatus) -> Attempt {
    let Some(found) = Type::CredentialsValid.find(&status.conditions) else {
        return Attempt::Untried;
    };
    match found.status.as_str() {
        "True" => Attempt::Accepted(Some(found.last_transition_time.0)),
        "False" => Reason::of(found)
            .and_then(Reason::fault)
            .map_or(Attempt::Untried, Attempt::Failed),
        _ => Attempt::Untried,
    }
}

/// For the app's token, or for the connection that lacks most.
fn granted(
    spec: &ZoomIntegrationSpec,
    status: &ZoomIntegrationStatus,
    connections: &[Read],
) -> Option<Comparison> {
    let optional = spec.scopes.optional.as_deref().unwrap_or_default();
    let of = |granted: &[String], required: &[String]| {
        scopes::compare(&granted.join(" "), required, optional)
    };
    let own = status.scopes.as_ref();
    let own = own.map(|own| of(&own.granted, &spec.own_scopes()));
    let people = spec.consent_scopes();
    // A bot's token shows nothing about the scopes of people's tokens.
    let own = own.filter(|own| !own.is_complete() || !spec.has_bot() || people.is_empty());
    let theirs = connections.iter().filter_map(|read| read.granted.as_ref());
    own.into_iter()
        .chain(theirs.map(|granted| of(granted, &people)))
        .max_by_key(|found| found.missing.len())
}

fn endpoint(spec: &ZoomIntegrationSpec, status: &ZoomIntegrationStatus) -> EndpointFacts {
    let holds = |type_: Type| match type_.find(&status.conditions)?.status.as_str() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    };
    let declared = spec.webhook.as_ref().and_then(Webhook::url);
    let published = status.webhook.as_ref();
    let webhook = status.webhook.clone().unwrap_or_default();
    let unreachable = Type::EndpointReachable
        .find(&status.conditions)
        .filter(|found| found.status == "False");
    EndpointFacts {
        available: holds(Type::ReceiverAvailable),
        withheld: declared.is_some() && published.is_some_and(|webhook| webhook.url.is_none()),
        unreachable: unreachable.map(|found| found.message.clone()),
        validated_at: webhook.last_validated.as_ref().map(|time| time.0),
        verified_at: webhook.last_verified.as_ref().map(|time| time.0),
        secret: last_secret(&webhook),
        rejected_at: webhook.last_rejected.as_ref().map(|time| time.0),
        events_seen: webhook.events_seen.iter().cloned().collect::<BTreeSet<_>>(),
        events_undeclared: webhook.events_undeclared,
        removal_seen: webhook.removal_seen,
    }
}

fn last_secret(webhook: &WebhookStatus) -> Option<SecretRole> {
    let stored = webhook.last_secret.as_deref()?;
    [SecretRole::Current, SecretRole::Previous]
        .into_iter()
        .find(|role| role.as_str() == stored)
}

fn connection(connection: &ZoomConnection) -> ConnectionFacts {
    let status = connection.status.clone().unwrap_or_default();
    let connected = status.phase == Some(Phase::Connected);
    let grant = status.grant.unwrap_or_default();
    let since: Option<Timestamp> = grant.since.map(|time| time.0);
    ConnectionFacts {
        name: connection.name_any(),
        install_url: status.install_url,
        connected,
        since: since.filter(|_| connected),
        lost: grant.lost.is_some(),
    }
}

/// Why connections fail that are not connected. A consent's failure may have been fixed since, and certainly
/// has if another one succeeded.
fn faults(connections: &[Read]) -> Vec<Fault> {
    let any = connections.iter().any(|read| read.connection.connected);
    let mut faults: Vec<Fault> = Vec::new();
    let failing = connections.iter().filter(|read| !read.connection.connected);
    for fault in failing.flat_map(|read| [read.consent.filter(|_| !any), read.token]) {
        faults.extend(fault.filter(|fault| !faults.contains(fault)));
    }
    faults
}

fn consent_fault(connection: &ZoomConnection) -> Option<Fault> {
    let consent = connection.status.as_ref()?.consent.as_ref()?;
    consent
        .has_failed()
        .then(|| consent.reason.fault())
        .flatten()
}

fn token_fault(connection: &ZoomConnection) -> Option<Fault> {
    let conditions = &connection.status.as_ref()?.conditions;
    let ready = Type::Ready.find(conditions)?;
    (ready.status == "False")
        .then(|| Reason::of(ready)?.fault())
        .flatten()
}
