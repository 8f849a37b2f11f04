//! Computes the status to publish from what was observed and done. Pure.
//!
//! | Question | Where |
//! |---|---|
//! | Which condition is stated, and with which reason? | `conditions.rs`; `EventsDelivered`: `delivery.rs`; `EventsVerified`: `verified.rs`; `EndpointReachable`: `reachable.rs`, `route.rs` |
//! | When did Zoom last prove the endpoint? | `proofs.rs` |
//! | What is left for people to do? | `setup.rs` |
//! | When is the next pass? | `next.rs` |
//! | What is said while the integration is deleted? | `ending.rs` |

mod conditions;
mod delivery;
mod ending;
mod next;
mod proofs;
mod reachable;
mod route;
mod setup;
mod silent;
mod verified;
mod webhook;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use url::Url;

pub use self::{
    ending::ending,
    next::Next,
    proofs::validated,
    setup::{MOST_LINKS, MOST_LOST},
    verified::lacks_headers,
};
use self::{
    next::{Expected, next},
    reachable::endpoint_reachable,
    webhook::{buffered, webhook},
};
use super::{
    model::{Applied, Observed},
    verdict::{self, ConsentFinding, EndpointFinding, Findings},
};
use crate::{
    api::{
        condition::{self, Statement, Status, Type},
        v1alpha1::{
            ConsentMode, ScopesStatus, TokenStatus, WebhookStatus, ZoomIntegration,
            ZoomIntegrationStatus, told,
        },
    },
    controller::{
        index::Summary,
        integration::shared,
        key::Key,
        links,
        reach::ReachState,
        token_secret::{self, Owner, TokenSecret},
        verdict::TokenFinding,
    },
};
use contract::consent::{self, Link, Target};
use zoom::{
    Endpoints,
    scopes::{self, Comparison},
};

/// What the operator's configuration and the index say.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// Zoom's endpoints.
    pub endpoints: &'a Endpoints,
    /// Public address of the consent pages.
    pub pages: Option<&'a Url>,
    /// Whether the operator watches the labels of namespaces.
    pub knows_labels: bool,
    /// What the integration's connections say.
    pub connections: Summary,
    /// What is known about the webhook URL; `None` if it is not checked.
    pub reach: Option<ReachState>,
    /// Other integrations whose app Zoom accepted with the client id that the Secret has.
    pub sharers: Vec<Key>,
}

/// The status of `integration` at `now`, and when to check again.
#[must_use]
pub fn status(
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &Applied,
    setting: &Setting<'_>,
    now: Timestamp,
) -> (ZoomIntegrationStatus, Next) {
    let before = integration.status.clone().unwrap_or_default();
    let spec = &integration.spec;
    let scopes = granted(integration, &applied.token);
    let buffer = buffered(&before, observed);
    let webhook = webhook(integration, observed, applied, buffer.as_ref(), now);
    let operators = spec.consent_mode() == Some(ConsentMode::Operator);
    let redirect_url = setting
        .pages
        .filter(|_| operators)
        .map(|pages| callback(integration, pages));
    let findings = Findings {
        spec,
        before: &before,
        credentials: observed.credentials.complaint(),
        token: spec
            .has_own_token()
            .then(|| token_finding(integration, applied, scopes.as_ref())),
        check: applied.checked.failure.as_ref(),
        receiver: spec
            .webhook
            .is_some()
            .then(|| applied.receiver.finding.clone()),
        endpoint: webhook.as_ref().map(endpoint).unwrap_or_default(),
        refusals: &applied.refusals,
        consent: ConsentFinding {
            has_pages: setting.pages.is_some(),
            knows_labels: setting.knows_labels,
            callback: redirect_url.as_deref(),
            total: setting.connections.counted.total,
            connected: setting.connections.counted.connected,
            lost: setting.connections.lost,
            event_seen: webhook
                .as_ref()
                .is_some_and(|webhook| !webhook.events_seen.is_empty()),
        },
    };
    let verdict = verdict::verdict(&findings, now);
    let mut statements = conditions::statements(
        &verdict,
        &findings,
        applied,
        webhook.as_ref(),
        observed,
        now,
    );
    statements.extend(delivery::events_delivered(
        integration,
        applied.receiver.waiting,
        buffer.as_ref(),
        &delivery::Sink::of(observed, webhook.as_ref(), now),
    ));
    let facts = observed.facts.as_ref();
    let (seen, reach) = (webhook.as_ref(), setting.reach.as_ref());
    let verified = verified::events_verified(spec, seen, facts, reach, &before.conditions, now);
    statements.extend(verified);
    let reachable = endpoint_reachable(seen, reach, &before, now);
    statements.extend(route::refused(spec, observed, applied).or(reachable));

    let client_id = client_id(integration, observed, setting, &mut statements);
    // A Secret that is still to be removed is remembered.
    let token = (spec.has_own_token() || applied.has_old_token_secret)
        .then(|| token(applied))
        .and_then(told);
    let generation = integration.metadata.generation;
    let conditions = condition::merge(&before.conditions, statements, generation, now);
    let next = next(
        &Expected {
            spec,
            connections: setting.connections.counted.total,
            phase: verdict.phase,
            buffer: buffer.as_ref(),
            facts,
            token: token.as_ref(),
            webhook: webhook.as_ref(),
            conditions: &conditions,
            applied,
        },
        now,
    );
    let mut status = ZoomIntegrationStatus {
        operator: None,
        observed_generation: generation,
        phase: Some(verdict.phase),
        conditions,
        install_url: install_url(integration, client_id.as_deref(), setting),
        redirect_url,
        client_id,
        scopes: scopes.and_then(ScopesStatus::of),
        token,
        webhook,
        connections: spec
            .is_general()
            .then(|| setting.connections.counted.clone()),
        credentials: Some(setup::credentials(&observed.credentials, &applied.checked)),
        setup: before.setup,
        next_step: before.next_step,
        warnings: before.warnings,
    };
    setup::fill(spec, &mut status, &setting.connections.people, now);
    (status, next)
}

fn endpoint(webhook: &WebhookStatus) -> EndpointFinding<'_> {
    EndpointFinding {
        url: webhook.url.as_deref(),
        proved: proofs::latest(webhook),
    }
}

/// The client id to show. Adds that other integrations have the same app, if Zoom accepted this one's.
fn client_id(
    integration: &ZoomIntegration,
    observed: &Observed,
    setting: &Setting<'_>,
    statements: &mut Vec<Statement>,
) -> Option<String> {
    let is_accepted = statements.iter().any(|statement| {
        statement.type_ == Type::CredentialsValid && statement.status == Status::True
    });
    if is_accepted {
        let (own, sharers) = (integration.into(), &setting.sharers);
        let is_server_to_server = integration.spec.is_server_to_server();
        statements.extend(shared::statement(&own, is_server_to_server, sharers));
    }
    let found = observed.credentials.client_id.as_deref();
    let before = integration.status.as_ref();
    let before = before.and_then(|status| status.client_id.as_deref());
    shared::shown(found, is_accepted, before)
}

fn token(applied: &Applied) -> TokenStatus {
    let stored = stored(&applied.token);
    TokenStatus {
        secret_name: applied.token_secret_name.clone(),
        expires_at: stored.and_then(|stored| stored.expires_at).map(Time),
        refresh_at: stored.and_then(|stored| stored.refresh_at).map(Time),
        failure: applied.failure.clone(),
    }
}

fn stored(token: &TokenSecret) -> Option<&token_secret::Stored> {
    match token {
        TokenSecret::Ours(stored) => Some(stored),
        _ => None,
    }
}

fn granted(integration: &ZoomIntegration, token: &TokenSecret) -> Option<Comparison> {
    let spec = &integration.spec;
    let optional = spec.scopes.optional.as_deref().unwrap_or_default();
    // Declared, but of people's tokens.
    let others = spec.consent_scopes().into_iter().filter(|_| spec.has_bot());
    let optional: Vec<String> = optional.iter().cloned().chain(others).collect();
    stored(token).map(|stored| scopes::compare(&stored.scope, &spec.own_scopes(), &optional))
}

fn token_finding<'a>(
    integration: &ZoomIntegration,
    applied: &'a Applied,
    scopes: Option<&'a Comparison>,
) -> TokenFinding<'a> {
    let failure = applied.failure.as_ref();
    match (&applied.token, scopes) {
        (TokenSecret::Foreign, _) => TokenFinding::Conflict(format!(
            "Secret {} exists and was not made for this integration's token: set token.secretName to another name, or delete or rename that Secret if nobody needs it.",
            Owner::integration(integration).secret_name
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

/// The redirect URL if the operator has the callback.
fn callback(integration: &ZoomIntegration, pages: &Url) -> String {
    let namespace = integration.namespace().unwrap_or_default();
    let path = consent::callback_path(&namespace, &integration.name_any());
    format!("{}{path}", pages.as_str().trim_end_matches('/'))
}

/// The link to install the app: with self-service, the link of the consent pages; with External, the tenant's
/// own or Zoom's authorization page. `scope` is left out on purpose: Zoom then uses the app's own scopes, and
/// refuses several of them in one parameter.
fn install_url(
    integration: &ZoomIntegration,
    client_id: Option<&str>,
    setting: &Setting<'_>,
) -> Option<String> {
    let mode = integration.spec.consent_mode()?;
    let oauth = integration.spec.oauth.as_ref()?;
    let consent = oauth.consent.as_ref();
    if mode == ConsentMode::Operator {
        consent?.self_service.as_ref()?;
        let before = integration.status.as_ref();
        let before = before.and_then(|status| status.install_url.as_deref());
        let link = |nonce| Link {
            target: Target::Integration,
            namespace: integration.namespace().unwrap_or_default(),
            name: integration.name_any(),
            nonce,
        };
        return Some(links::keep_or_make(before, setting.pages?, link));
    }
    if let Some(start) = consent.and_then(|consent| consent.start_url.clone()) {
        return Some(start);
    }
    let url = Url::parse_with_params(
        &setting.endpoints.authorize(),
        [
            ("response_type", "code"),
            ("client_id", client_id?),
            ("redirect_uri", oauth.redirect_url.as_deref()?),
        ],
    );
    url.ok().map(Into::into)
}

#[cfg(test)]
mod tests;
