//! Which situation leads to which step.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    clippy::large_stack_arrays,
    reason = "cases read better without ceremony"
)]

mod credentials;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::controller::{
    credentials::Credentials,
    integration::model::Cause,
    token_secret::{Stored, TokenSecret},
};

fn plan(
    integration: &ZoomIntegration,
    observed: &Observed,
    has_pages: bool,
    now: Timestamp,
) -> Plan {
    let (image, receivers) = (image(), receivers());
    let rules = Rules {
        has_pages,
        knows_labels: true,
        rejected: None,
        own_host: None,
        image: &image,
        receivers: &receivers,
        routes: false,
    };
    super::plan(integration, observed, rules, now)
}

fn image() -> ReceiverImage {
    ReceiverImage {
        name: "image".into(),
        pull_policy: "IfNotPresent".into(),
        pull_secrets: vec![],
    }
}

fn receivers() -> ReceiverPolicy {
    ReceiverPolicy {
        sink_allow_network: vec![],
        sink_refuse_network: vec![],
        allowed_hosts: vec![],
        keys: crate::controller::integration::own_metadata::AllowedKeys::default(),
        priority_classes: vec![],
        network_policies: false,
        operator_namespace: Some("ops".into()),
        defaults: crate::controller::receiver_defaults::ReceiverDefaults::default(),
        receiver_rollouts: 5,
        host_rules_required: false,
        egress: false,
        drain_limit: std::time::Duration::from_secs(1000),
        drain_limit_without_sink: std::time::Duration::from_secs(100),
        reachability_check: false,
    }
}

const NOW: i64 = 10_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn integration(spec: Value, failure: Option<Value>) -> ZoomIntegration {
    let mut object = json!({
        "apiVersion": "zoom-operator.io/v1alpha1",
        "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
        "spec": {
            "app": {"kind": "ServerToServer"},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": ["a:read:x:admin"]},
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    if let Some(failure) = failure {
        object["status"] = json!({"token": {"failure": failure}});
    }
    serde_json::from_value(object).unwrap()
}

fn failure(retry_at: i64, version: &str) -> Option<Value> {
    Some(json!({
        "reason": "CredentialsRejected", "message": "m", "attempts": 3,
        "time": at(NOW - 2).to_string(), "retryAt": at(retry_at).to_string(),
        "credentialsVersion": version,
    }))
}

fn stored() -> Stored {
    Stored {
        uid: None,
        resource_version: "1".into(),
        expires_at: Some(at(NOW + 900)),
        issued_at: Some(at(NOW - 300)),
        refresh_at: Some(at(NOW + 100)),
        source: "c/1".into(),
        scope: "a:read:x:admin".into(),
        intact: true,
        has_wanted_metadata: true,
        restarted_for: None,
    }
}

fn observed(token: TokenSecret) -> Observed {
    let app = zoom::App {
        client_id: "id".into(),
        client_secret: "secret".to_owned().into(),
    };
    Observed {
        credentials: Credentials {
            secret_name: "zoom".into(),
            exists: true,
            version: "c/1".into(),
            app: Some(app.clone()),
            server_to_server: Some(zoom::Credentials {
                app,
                account_id: "account".into(),
            }),
            ..Credentials::default()
        },
        token,
        ..Observed::default()
    }
}

fn step(spec: Value, failure: Option<Value>, observed: &Observed) -> TokenStep {
    plan(&integration(spec, failure), observed, false, at(NOW)).token
}

fn ours(change: impl Fn(&mut Stored)) -> Observed {
    let mut stored = stored();
    change(&mut stored);
    observed(TokenSecret::Ours(stored))
}

#[test]
fn a_fresh_token_is_left_alone() {
    assert_eq!(step(json!({}), None, &ours(|_| {})), TokenStep::Keep);
}

#[test]
fn each_reason_leads_to_a_request_and_is_named() {
    let cases: [(Observed, Cause); 7] = [
        (observed(TokenSecret::Absent), Cause::NoSecret),
        (ours(|s| s.intact = false), Cause::SecretModified),
        (ours(|s| s.expires_at = None), Cause::SecretModified),
        (ours(|s| s.source = "c/0".into()), Cause::CredentialsChanged),
        (ours(|s| s.refresh_at = Some(at(NOW))), Cause::RefreshDue),
        // By a clock that was ahead.
        (
            ours(|s| s.issued_at = Some(at(NOW + 61))),
            Cause::RefreshDue,
        ),
        (
            ours(|s| s.scope = "b:read:x:admin".into()),
            Cause::ScopesMissing,
        ),
    ];
    for (observed, cause) in cases {
        assert_eq!(step(json!({}), None, &observed), TokenStep::Request(cause));
    }
}

#[test]
fn a_requested_refresh_is_made_once_and_at_most_once_a_minute() {
    let requested = |time: Value, issued: Option<i64>| {
        let mut integration = integration(json!({}), None);
        let time = time
            .as_i64()
            .map_or_else(|| time.to_string(), |second| at(second).to_string());
        let annotations = integration.metadata.annotations.get_or_insert_default();
        annotations.insert(annotation::REFRESH_REQUESTED_AT.into(), time);
        let observed = ours(|stored| stored.issued_at = issued.map(at));
        plan(&integration, &observed, false, at(NOW)).token
    };
    let request = TokenStep::Request(Cause::Requested);
    assert_eq!(requested(json!(NOW - 1), Some(NOW - 300)), request);
    assert_eq!(requested(json!(NOW - 1), None), request);
    assert_eq!(
        requested(json!(NOW - 300), Some(NOW - 300)),
        TokenStep::Keep
    );
    assert_eq!(
        requested(json!(NOW - 1), Some(NOW - 20)),
        TokenStep::Later(at(NOW + 40))
    );
    assert_eq!(
        requested(json!(NOW + 50), Some(NOW - 300)),
        TokenStep::Later(at(NOW + 50))
    );
    assert_eq!(requested(json!("now"), Some(NOW - 300)), TokenStep::Keep);
}

#[test]
fn without_usable_credentials_or_with_anothers_secret_nothing_is_requested() {
    let mut incomplete = observed(TokenSecret::Absent);
    incomplete.credentials.server_to_server = None;
    assert_eq!(step(json!({}), None, &incomplete), TokenStep::Keep);
    assert_eq!(
        step(json!({}), None, &observed(TokenSecret::Foreign)),
        TokenStep::Keep
    );
}

#[test]
fn suspended_and_deleted_integrations_are_left_alone() {
    let absent = observed(TokenSecret::Absent);
    assert_eq!(
        step(json!({"suspend": true}), None, &absent),
        TokenStep::Keep
    );
    let mut deleted = integration(json!({}), None);
    deleted.metadata.deletion_timestamp = Some(
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(NOW)),
    );
    assert_eq!(
        plan(&deleted, &absent, false, at(NOW)).token,
        TokenStep::Keep
    );
}

#[test]
fn what_cannot_be_served_stops_the_receiver() {
    let spec = json!({
        "app": {"kind": "General", "management": "User"},
        "scopes": {"required": ["user:read:user"]},
        "webhook": {"sink": {"http": {"url": "http://sink"}}},
    });
    let plan = plan(
        &integration(spec, None),
        &observed(TokenSecret::Absent),
        false,
        at(NOW),
    );
    assert_eq!(plan.receiver, ReceiverStep::Keep);
}

#[test]
fn a_failure_in_the_status_holds_the_next_request_back() {
    let absent = observed(TokenSecret::Absent);
    assert_eq!(
        step(json!({}), failure(NOW + 60, "c/1"), &absent),
        TokenStep::Wait(at(NOW + 60))
    );
    assert_eq!(
        step(json!({}), failure(NOW, "c/1"), &absent),
        TokenStep::Request(Cause::NoSecret)
    );
    // From a clock that was ahead.
    let mut ahead = failure(NOW + 9000, "c/1");
    ahead.as_mut().unwrap()["time"] = json!(at(NOW + 61).to_string());
    for version in ["c/1", "c/2"] {
        ahead.as_mut().unwrap()["credentialsVersion"] = json!(version);
        assert_eq!(
            step(json!({}), ahead.clone(), &absent),
            TokenStep::Request(Cause::NoSecret)
        );
    }
}

#[test]
fn changed_credentials_are_tried_soon_but_not_again_and_again() {
    let absent = observed(TokenSecret::Absent);
    // The failure was two seconds ago: three seconds of the minimum distance remain.
    assert_eq!(
        step(json!({}), failure(NOW + 3000, "c/0"), &absent),
        TokenStep::Wait(at(NOW + 3))
    );
    assert_eq!(
        step(json!({}), failure(NOW + 1, "c/0"), &absent),
        TokenStep::Wait(at(NOW + 1)),
        "never later than planned"
    );
}

#[test]
fn the_secret_of_a_deleted_namesake_is_waited_for() {
    assert!(matches!(
        step(json!({}), None, &observed(TokenSecret::Leaving)),
        TokenStep::Wait(until) if until > at(NOW)
    ));
}

#[test]
fn a_changed_deletion_policy_changes_the_owner_only() {
    assert_eq!(
        step(json!({}), None, &ours(|s| s.has_wanted_metadata = false)),
        TokenStep::Reown
    );
}

#[test]
fn the_receiver_follows_the_webhook() {
    let webhook = json!({"webhook": {"sink": {"http": {"url": "http://sink"}}}});
    let receiver = |spec: Value, observed: &Observed| {
        plan(&integration(spec, None), observed, false, at(NOW)).receiver
    };
    let mut with_receiver = ours(|_| {});
    with_receiver.receiver.service = Some(k8s_openapi::api::core::v1::Service::default());
    let without = ours(|_| {});
    assert_eq!(receiver(webhook.clone(), &without), ReceiverStep::Apply);
    assert_eq!(receiver(json!({}), &with_receiver), ReceiverStep::Remove);
    assert_eq!(receiver(json!({}), &without), ReceiverStep::Keep);
    let mut suspended = webhook;
    suspended["suspend"] = json!(true);
    assert_eq!(receiver(suspended, &with_receiver), ReceiverStep::Apply);
    assert_eq!(
        receiver(json!({"suspend": true}), &with_receiver),
        ReceiverStep::Keep
    );
}

/// A bot's token belongs to the app itself, is requested with client id and secret only, and has one scope.
#[test]
fn a_bots_token_is_kept_like_a_server_to_server_apps() {
    let bot = json!({
        "app": {"kind": "General", "management": "Admin", "chatbot": {}},
        "scopes": {"required": ["imchat:bot", "user:read:user:admin"]},
    });
    let general = |token| {
        let mut observed = observed(token);
        observed.credentials.server_to_server = None;
        observed
    };
    let ours = |refresh_at: i64| {
        TokenSecret::Ours(Stored {
            scope: "imchat:bot".into(),
            refresh_at: Some(at(refresh_at)),
            ..stored()
        })
    };
    let decided = |spec: &Value, token| {
        let integration = integration(spec.clone(), None);
        let plan = plan(&integration, &general(token), true, at(NOW));
        (plan.token, plan.credentials)
    };
    for (token, wanted) in [
        (TokenSecret::Absent, TokenStep::Request(Cause::NoSecret)),
        (ours(NOW + 100), TokenStep::Keep),
        (ours(NOW), TokenStep::Request(Cause::RefreshDue)),
    ] {
        // The token shows that Zoom accepts the credentials.
        assert_eq!(decided(&bot, token), (wanted, CredentialsStep::Forget));
    }
    let mut people = bot;
    people["app"].as_object_mut().unwrap().remove("chatbot");
    let (token, credentials) = decided(&people, TokenSecret::Absent);
    assert_eq!(
        (token, credentials),
        (TokenStep::Keep, CredentialsStep::Ask)
    );
}

#[test]
fn a_token_that_zoom_refused_to_prove_is_requested_again() {
    let failure = |retry_at: i64| {
        json!({
            "reason": "ProbeRefused", "message": "m", "attempts": 1, "time": at(NOW - 200).to_string(),
            "retryAt": at(retry_at).to_string(), "credentialsVersion": "c/1",
        })
    };
    let probe = json!({"credentials": {"secretRef": {"name": "zoom"}, "probe": {}}});
    let observed = ours(|_| {});
    let due = step(probe.clone(), Some(failure(NOW)), &observed);
    assert_eq!(due, TokenStep::Request(Cause::Unproven));
    let waiting = step(probe.clone(), Some(failure(NOW + 9)), &observed);
    assert_eq!(waiting, TokenStep::Wait(at(NOW + 9)));
    // Another token was given since, or nobody wants a proof any more.
    let later = ours(|stored| stored.issued_at = Some(at(NOW - 100)));
    assert_eq!(step(probe, Some(failure(NOW)), &later), TokenStep::Keep);
    assert_eq!(
        step(json!({}), Some(failure(NOW)), &observed),
        TokenStep::Keep
    );
}
