//! What a status says about an app's setup. The controller, which writes the status, and a tool that can only
//! read the resources use this to get the same list.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    facts::{Attempt, ConsentFacts, EndpointFacts, Facts, Remembered, SecretFacts},
    people::Excerpt,
    step::{State, StepId},
};
use crate::api::{
    condition::Type,
    reason::Reason,
    v1alpha1::{
        CredentialsStatus, Webhook, WebhookStatus, ZoomIntegrationSpec, ZoomIntegrationStatus,
    },
};
use contract::facts::SecretRole;
use zoom::scopes::{self, Comparison};

/// What `status` and the statuses of the integration's connections, in total, say.
#[must_use]
pub fn facts(spec: &ZoomIntegrationSpec, status: &ZoomIntegrationStatus, said: Excerpt) -> Facts {
    Facts {
        secret: status.credentials.as_ref().map(secret).unwrap_or_default(),
        credentials: credentials(status),
        scopes: granted(spec, status, &said.granted),
        endpoint: endpoint(spec, status),
        consent: ConsentFacts {
            callback: status.redirect_url.clone(),
            install_url: status.install_url.clone(),
            faults: said.faults,
            people: said.people,
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
    to_people: &[Arc<[String]>],
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
    let theirs = to_people.iter().map(|granted| of(granted, &people));
    own.into_iter()
        .chain(theirs)
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
