//! The list in the status, which is written only when it changes.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "cases read better without ceremony"
)]

mod people;

use super::super::{Setting, status, tests::applied};
use super::*;
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{
        index::Totals,
        integration::model::{Applied, Observed, Refusal},
        token_secret::{Stored, TokenSecret},
    },
};
use contract::facts::{Facts, SecretRole};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use url::Url;
use zoom::Endpoints;

const SCOPE: &str = "user:read:list_users:admin";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn integration(change: Value) -> ZoomIntegration {
    let mut object = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1", "generation": 1},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": [SCOPE]},
            "webhook": {
                "sink": {"http": {"url": "https://s"}},
                "endpoint": {"host": "hooks.example.com", "path": "/zoom"},
                "subscriptions": [{"name": "a", "events": ["meeting.started", "meeting.ended"]}],
            },
        },
    });
    for (key, value) in change.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

fn general() -> ZoomIntegration {
    integration(json!({
        "app": {"kind": "General", "management": "User"},
        "scopes": {"required": ["user:read:user"]},
        "webhook": null,
    }))
}

/// The Secret with these keys, each with a different value.
fn secret(keys: &[&str]) -> Secret {
    let data = keys
        .iter()
        .map(|key| ((*key).to_owned(), format!("value-of-{key}")));
    serde_json::from_value(json!({
        "metadata": {"uid": "c", "resourceVersion": "1"},
        "data": data.map(|(key, value)| {
            (key, json!(k8s_openapi::ByteString(value.into_bytes())))
        }).collect::<serde_json::Map<_, _>>(),
    }))
    .unwrap()
}

const ALL: [&str; 4] = [
    "client-id",
    "client-secret",
    "account-id",
    "webhook-secret-token",
];

/// The observations of a pass over an integration.
struct Pass {
    integration: ZoomIntegration,
    secret: Option<Secret>,
    facts: Option<Facts>,
    scope: Option<&'static str>,
    checked: Checked,
    refusals: Vec<Refusal>,
    connections: Vec<ZoomConnection>,
}

impl Pass {
    fn over(integration: ZoomIntegration) -> Self {
        Self {
            integration,
            secret: Some(secret(&ALL)),
            facts: None,
            scope: None,
            checked: Checked::default(),
            refusals: Vec::new(),
            connections: Vec::new(),
        }
    }

    /// The status that is written at this second, as the next pass reads it from the API server.
    fn at(&mut self, second: i64) -> ZoomIntegrationStatus {
        let observed = Observed {
            credentials: Credentials::read(&self.integration.spec, self.secret.as_ref()),
            facts: self.facts.clone(),
            ..Observed::default()
        };
        let token = self.scope.map_or(TokenSecret::Absent, |scope| {
            TokenSecret::Ours(Stored {
                expires_at: Some(at(1_000_000)),
                refresh_at: Some(at(900_000)),
                source: "c/1".into(),
                scope: scope.into(),
                intact: true,
                has_wanted_metadata: true,
                restarted_for: None,
                ..Stored::default()
            })
        });
        let applied = Applied {
            checked: self.checked.clone(),
            refusals: self.refusals.clone(),
            ..applied(token)
        };
        let url = |text| Url::parse(text).unwrap();
        let endpoints = Endpoints::new(url("https://zoom.us"), url("https://api.zoom.us"));
        let pages = url("https://connect.example.com");
        let totals: Totals = self.connections.iter().collect();
        let setting = Setting {
            endpoints: &endpoints,
            pages: Some(&pages),
            knows_labels: true,
            connections: totals.summary("clinics", MOST_LOST, MOST_LINKS),
            reach: None,
            sharers: vec![],
        };
        let published = status(&self.integration, &observed, &applied, &setting, at(second)).0;
        let text = serde_json::to_string(&published).unwrap();
        assert!(!text.contains("value-of-client-secret"), "{text}");
        assert!(!text.contains("value-of-webhook"), "{text}");
        self.integration.status = serde_json::from_str(&text).unwrap();
        published
    }
}

fn step<'a>(status: &'a ZoomIntegrationStatus, id: &str) -> &'a SetupStep {
    status.setup.iter().find(|step| step.id == id).unwrap()
}

/// Ids of the steps in this state.
fn in_state<'a>(status: &'a ZoomIntegrationStatus, state: &str) -> Vec<&'a str> {
    let steps = status.setup.iter().filter(|step| step.state == state);
    steps.map(|step| step.id.as_str()).collect()
}

fn seen(change: impl FnOnce(&mut Facts)) -> Option<Facts> {
    let mut facts = Facts::default();
    change(&mut facts);
    Some(facts)
}

#[test]
fn each_step_is_done_when_its_proof_was_seen() {
    let mut pass = Pass::over(integration(json!({})));
    pass.secret = None;
    let published = pass.at(10);
    assert_eq!(in_state(&published, "Done"), [""; 0]);
    assert_eq!(
        published.next_step.as_deref(),
        Some("Create the Server-to-Server OAuth app")
    );
    assert_eq!(
        published.credentials.as_ref().map(|found| found.found),
        Some(false)
    );
    let message = step(&published, "Credentials").message.clone();
    assert_eq!(message.as_deref(), Some("The Secret zoom does not exist."));

    pass.secret = Some(secret(&ALL[..3]));
    pass.scope = Some(SCOPE);
    let published = pass.at(20);
    assert_eq!(
        in_state(&published, "Done"),
        ["CreateApp", "Credentials", "Scopes", "Activate"]
    );
    assert_eq!(
        published.next_step.as_deref(),
        Some("Copy the Secret Token into the Secret")
    );

    pass.secret = Some(secret(&ALL));
    pass.facts = seen(|facts| facts.validated(at(25), SecretRole::Current));
    let published = pass.at(30);
    assert_eq!(step(&published, "Endpoint").state, "Done");
    assert_eq!(step(&published, "Credentials").since, Some(Time(at(20))));
    // It works, and the list shows which events have arrived.
    assert_eq!(published.next_step, None);

    pass.facts = seen(|facts| {
        facts.validated(at(25), SecretRole::Current);
        facts.seen("meeting.started");
        facts.seen("meeting.ended");
        facts.verified(at(35), SecretRole::Current);
    });
    let published = pass.at(40);
    assert_eq!(published.next_step, None, "{:#?}", published.setup);
    assert_eq!(in_state(&published, "Done").len(), published.setup.len());
}

#[test]
fn an_idle_pass_says_the_same_to_the_letter() {
    let mut pass = Pass::over(integration(json!({})));
    pass.scope = Some("");
    pass.facts = seen(|facts| facts.rejected(at(5)));
    let first = pass.at(10);
    assert!(!first.setup.is_empty() && first.next_step.is_some());
    for second in [11, 500, 80_000] {
        // Zoom and strangers continue to send requests.
        let moved = at(second.min(3000));
        pass.facts = seen(|facts| facts.rejected(moved));
        assert_eq!(pass.at(second), first, "{second}");
    }
}

#[test]
fn what_zoom_sends_is_no_write_for_each_request() {
    let mut pass = Pass::over(integration(json!({})));
    pass.scope = Some(SCOPE);
    let signed = |second| {
        seen(|facts| {
            facts.validated(at(5), SecretRole::Current);
            facts.seen("meeting.ended");
            facts.verified(at(second), SecretRole::Current);
        })
    };
    pass.facts = signed(10);
    let first = pass.at(20);
    assert_eq!(
        first.webhook.as_ref().unwrap().last_verified,
        Some(Time(at(10)))
    );
    pass.facts = signed(3609);
    assert_eq!(pass.at(3620), first);
    pass.facts = signed(3610);
    let later = pass.at(3630);
    assert_eq!(
        later.webhook.as_ref().unwrap().last_verified,
        Some(Time(at(3610)))
    );
    assert_eq!(later.setup, first.setup, "the same proof, only newer");
}

#[test]
fn a_wrong_signature_is_the_secret_tokens_mistake() {
    let mut pass = Pass::over(integration(json!({})));
    pass.facts = seen(|facts| facts.rejected(at(5)));
    let published = pass.at(10);
    let found = step(&published, "SecretToken");
    assert_eq!(found.state, "Open");
    let message = found.message.as_deref().unwrap();
    assert!(
        message.contains("Secret zoom, key webhook-secret-token"),
        "{message}"
    );
    pass.facts = seen(|facts| {
        facts.rejected(at(5));
        facts.validated(at(15), SecretRole::Current);
    });
    let published = pass.at(20);
    assert_eq!(step(&published, "SecretToken").state, "Done");
    assert_eq!(step(&published, "SecretToken").message, None);
}

#[test]
fn a_removal_stays_seen() {
    let mut pass = Pass::over(integration(json!({})));
    pass.facts = seen(|facts| facts.removed(at(5), "user-1", "account-1"));
    assert!(pass.at(10).webhook.unwrap().removal_seen);
    pass.facts = seen(|_| {});
    assert!(pass.at(20).webhook.unwrap().removal_seen);
}

#[test]
fn a_general_apps_credentials_are_judged_by_the_check() {
    let mut pass = Pass::over(general());
    let published = pass.at(10);
    assert_eq!(step(&published, "Credentials").state, "Unknown");
    let condition = |status: &ZoomIntegrationStatus| {
        let found = Type::CredentialsValid.find(&status.conditions).unwrap();
        (found.status.clone(), found.reason.clone())
    };
    assert_eq!(condition(&published), ("Unknown".into(), "NotTried".into()));

    let failure = |reason: &str| {
        serde_json::from_value(json!({
            "reason": reason, "message": "why", "attempts": 1, "time": at(15),
            "retryAt": at(75), "credentialsVersion": "c/1",
        }))
        .unwrap()
    };
    pass.checked.failure = Some(failure("CredentialsRejected"));
    let published = pass.at(20);
    assert_eq!(
        condition(&published),
        ("False".into(), "CredentialsRejected".into())
    );
    assert_eq!(
        Type::Stalled.find(&published.conditions).unwrap().reason,
        "CredentialsRejected"
    );
    let found = step(&published, "Credentials");
    assert_eq!(found.state, "Open");
    let message = found.message.as_deref().unwrap();
    assert!(
        message.contains("copy both from the Production tab"),
        "{message}"
    );
    assert_eq!(published.warnings.len(), 2, "{:?}", published.warnings);

    pass.checked.failure = Some(failure("ZoomUnavailable"));
    let published = pass.at(30);
    assert_eq!(
        condition(&published),
        ("Unknown".into(), "ZoomUnavailable".into())
    );
    assert_eq!(Type::Stalled.find(&published.conditions), None);

    pass.checked = Checked {
        accepted_version: Some("c/1".into()),
        ..Checked::default()
    };
    let published = pass.at(40);
    assert_eq!(condition(&published), ("True".into(), "Accepted".into()));
    assert_eq!(step(&published, "Credentials").state, "Done");
    assert_eq!(step(&published, "Credentials").since, Some(Time(at(40))));
    // Other credentials that Zoom has not checked yet.
    pass.checked.accepted_version = Some("c/0".into());
    assert_eq!(condition(&pass.at(50)).0, "Unknown");
}

#[test]
fn what_stalls_the_integration_is_what_to_do_next() {
    let mut pass = Pass::over(integration(json!({})));
    pass.scope = Some(SCOPE);
    for (reason, next) in [
        (
            Reason::GatewayApiMissing,
            "Install the Gateway API, or use endpoint.ingress",
        ),
        (
            Reason::HostClaimed,
            "Choose another endpoint.host or endpoint.path, or delete the other integration",
        ),
        (
            Reason::BufferImmutable,
            "Set the field back, or ask for a StorageClass with allowVolumeExpansion; for another volume set buffer.storage: Ephemeral first",
        ),
    ] {
        pass.refusals = vec![Refusal::new(reason, "m".into())];
        assert_eq!(pass.at(10).next_step.as_deref(), Some(next));
    }
    pass.refusals.clear();
    pass.scope = Some("");
    assert_eq!(pass.at(10).next_step.as_deref(), Some("Tick the scopes"));
    // Zoom has no box for a classic scope.
    let mut pass = Pass::over(integration(json!({
        "scopes": {"required": ["meeting:write:admin"]},
    })));
    pass.scope = Some("meeting:write:meeting:admin");
    let next = pass.at(10).next_step.unwrap();
    assert!(
        next.starts_with("Correct the names in scopes.required"),
        "{next}"
    );
}

#[test]
fn while_suspended_the_list_stands() {
    let mut pass = Pass::over(general());
    pass.checked.accepted_version = Some("c/1".into());
    let before = pass.at(10);
    pass.integration.spec.suspend = true;
    pass.secret = None;
    pass.checked = Checked::default();
    let published = pass.at(20);
    assert_eq!(published.setup, before.setup);
    assert_eq!(published.next_step, before.next_step);
    assert_eq!(published.warnings, before.warnings);
}
