//! The examples as people write them, and what the operator sees.

use std::{fs, path::Path};

use jiff::Timestamp;

use crate::{
    api::v1alpha1::{ZoomIntegration, ZoomIntegrationSpec},
    setup::{
        facts::{Attempt, ConsentFacts, EndpointFacts, Facts, PeopleFacts, SecretFacts},
        order,
    },
};
use contract::facts::SecretRole;
use zoom::scopes;

/// The five integrations that the examples take from their vendors' manuals.
pub(crate) const FIVE: [&str; 5] = ["clinicea", "kivicare", "ontime", "nectar-dxp", "stackone"];

/// The time of the tests.
pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// This many hours earlier.
pub(crate) fn ago(hours: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_hours(hours)
}

/// The first resource of a file below `examples/`.
pub(crate) fn spec(file: &str) -> ZoomIntegrationSpec {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(file);
    let text = fs::read_to_string(path).unwrap();
    let first = text.split("\n---\n").next().unwrap();
    let resource: ZoomIntegration = serde_saphyr::from_str(first).unwrap();
    resource.spec
}

/// One of the five.
pub(crate) fn example(name: &str) -> ZoomIntegrationSpec {
    spec(&format!("{name}/integration.yaml"))
}

/// A Secret with every key that the integration needs.
pub(crate) fn secret(spec: &ZoomIntegrationSpec) -> SecretFacts {
    let keys = &spec.credentials;
    let mut all = Vec::new();
    if !spec.is_webhook_only() {
        all.extend([keys.client_id(), keys.client_secret()]);
    }
    if spec.is_server_to_server() {
        all.push(keys.account_id());
    }
    if spec.webhook.is_some() {
        all.push(keys.webhook_secret_token());
    }
    SecretFacts {
        exists: true,
        keys: all.into_iter().map(ToOwned::to_owned).collect(),
        ..SecretFacts::default()
    }
}

/// The credentials exist, Zoom accepts them, and the receiver is up.
pub(crate) fn half_way(spec: &ZoomIntegrationSpec) -> Facts {
    Facts {
        secret: secret(spec),
        credentials: if spec.is_webhook_only() {
            Attempt::Untried
        } else {
            Attempt::Accepted(Some(ago(20)))
        },
        endpoint: EndpointFacts {
            available: Some(true),
            ..EndpointFacts::default()
        },
        consent: links(spec),
        ..Facts::default()
    }
}

/// Everything was done, and everything that can be seen of it was seen.
pub(crate) fn done(spec: &ZoomIntegrationSpec) -> Facts {
    let mut facts = half_way(spec);
    if spec.webhook.is_some() {
        facts.endpoint = EndpointFacts {
            available: Some(true),
            validated_at: Some(ago(10)),
            verified_at: Some(ago(1)),
            secret: Some(SecretRole::Current),
            events_seen: order::events(spec)
                .iter()
                .map(ToString::to_string)
                .collect(),
            ..EndpointFacts::default()
        };
    }
    if !order::is_external(spec) && !spec.is_webhook_only() {
        let required = &spec.scopes.required;
        facts.scopes = Some(scopes::compare(&required.join(" "), required, &[]));
    }
    let people = &mut facts.consent.people;
    people.links.clear();
    people.connected = people.total;
    people.since = Some(ago(5)).filter(|_| people.total > 0);
    facts
}

/// Nobody has authorized.
pub(crate) fn unauthorized(spec: &ZoomIntegrationSpec) -> PeopleFacts {
    links(spec).people
}

fn links(spec: &ZoomIntegrationSpec) -> ConsentFacts {
    if !spec.is_general() {
        return ConsentFacts::default();
    }
    if order::is_external(spec) {
        let oauth = spec.oauth.as_ref().unwrap();
        let start = oauth.consent.as_ref().unwrap().start_url.clone();
        let zoom = "https://zoom.us/oauth/authorize?response_type=code&client_id=abc";
        return ConsentFacts {
            install_url: Some(start.unwrap_or_else(|| zoom.into())),
            ..ConsentFacts::default()
        };
    }
    ConsentFacts {
        callback: Some("https://connect.example.com/callback/tenants/app".into()),
        people: PeopleFacts {
            total: 1,
            links: vec![(
                "administrator".into(),
                "https://connect.example.com/connections/tenants/administrator/nonce".into(),
            )],
            ..PeopleFacts::default()
        },
        ..ConsentFacts::default()
    }
}
