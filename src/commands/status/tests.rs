use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{commands::handout::Handout, setup::tests::fixtures::now};

fn object<K: serde::de::DeserializeOwned>(
    kind: &str,
    name: &str,
    spec: &Value,
    status: &Value,
) -> K {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "clinics", "generation": 3},
        "spec": spec, "status": status,
    }))
    .unwrap()
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": type_, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-11-22T09:30:00Z",
    })
}

fn general() -> ZoomIntegration {
    let spec = json!({
        "app": {"kind": "General", "management": "Admin"},
        "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": ["user:read:user:admin"]},
        "webhook": {"sink": {"http": {"url": "https://s"}}},
    });
    let status = json!({
        "observedGeneration": 3, "phase": "Ready to install", "clientId": "AbC",
        "installUrl": "https://connect.example.com/i/clinics/acme/n",
        "redirectUrl": "https://connect.example.com/callback/clinics/acme",
        "nextStep": "Next: paste the endpoint URL, press Validate, then Save. Not confirmed yet: create the General app.",
        "conditions": [
            condition("Ready", "False", "ReadyToInstall", "A person has to open the link."),
            condition("Reconciling", "True", "ReadyToInstall", ""),
            condition("EndpointValidated", "Unknown", "NeverValidated", "Zoom has not asked yet."),
            condition("CredentialsValid", "True", "Accepted", "Zoom takes them."),
        ],
        "connections": {"total": 3, "connected": 1},
        "scopes": {"granted": ["a:b:c:admin"], "missing": ["user:read:user:admin"]},
        "webhook": {
            "url": "https://zoom.example.com/acme", "lastVerified": "2026-11-22T11:00:00Z",
            "eventsDeclared": 5, "eventsSeen": ["meeting.ended"], "buffer": {"deadLetters": 2},
        },
        "warnings": ["http://a.example is\nnot encrypted."],
    });
    object("ZoomIntegration", "acme", &spec, &status)
}

fn connection() -> ZoomConnection {
    let status = json!({
        "observedGeneration": 3, "phase": "Degraded",
        "installUrl": "https://connect.example.com/connections/clinics/ada/n",
        "subject": {"email": "ada@example.com", "accountId": "acc"},
        "grant": {"since": "2026-11-02T12:00:00Z", "expiresAt": "2027-01-31T12:00:00Z"},
        "conditions": [
            condition("Ready", "False", "TokenExpired", "The token has expired."),
            condition("TokenFresh", "False", "ZoomUnavailable", "Zoom answers with an error."),
        ],
        "consent": {"transaction": "t", "outcome": "Failed", "reason": "R", "message": "Not Ada."},
        "token": {
            "secretName": "ada-zoom-token", "expiresAt": "2026-11-22T11:59:00Z",
            "failure": {
                "reason": "ZoomUnavailable", "message": "Zoom answers with a server error.",
                "attempts": 7, "time": "2026-11-22T11:40:00Z", "retryAt": "2026-11-22T12:20:00Z",
                "credentialsVersion": "v",
            },
        },
    });
    let spec = json!({"integrationRef": {"name": "acme"}});
    object("ZoomConnection", "ada", &spec, &status)
}

/// A connection of a tenant's namespace.
fn tenants() -> ZoomConnection {
    let status = json!({
        "observedGeneration": 3, "phase": "Connected",
        "subject": {"email": "grace@example.com", "accountId": "acc"},
        "account": {"id": "proved", "since": "2026-11-02T12:00:00Z"},
        "conditions": [
            condition("Ready", "True", "Connected", ""),
            condition("EventsRouted", "True", "Routed", "To the sink."),
        ],
        "events": {
            "deadLetters": 2, "lastReason": "refused: 422",
            "lastFailedAt": "2026-11-22T11:00:00Z", "sinkFailure": "HTTP 503",
        },
    });
    let spec = json!({
        "integrationRef": {"name": "acme", "namespace": "clinics"},
        "sink": {"http": {"url": "https://s"}},
    });
    let mut tenant: ZoomConnection = object("ZoomConnection", "zoom", &spec, &status);
    tenant.metadata.namespace = Some("clinic-a".into());
    tenant
}

fn unseen() -> ZoomIntegration {
    let spec = json!({
        "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": []},
    });
    object(
        "ZoomIntegration",
        "new",
        &spec,
        &json!({"observedGeneration": -1}),
    )
}

#[test]
fn the_table_has_a_line_for_each() {
    let found = [general(), unseen()];
    let connections = [connection(), tenants()];
    insta::assert_snapshot!(list::render(&found, &connections, true).unwrap());
    let here = list::render(&found, &[], false).unwrap();
    assert!(here.starts_with("NAME "), "{here}");
    assert!(!here.contains("CONNECTION "), "{here}");
    let tenant = list::render(&[], &connections, false).unwrap();
    assert!(tenant.starts_with("CONNECTION "), "{tenant}");
}

#[test]
fn the_pages_say_how_it_stands() {
    let now: Timestamp = now();
    let waiting: ZoomConnection = object(
        "ZoomConnection",
        "grace",
        &json!({"integrationRef": {"name": "acme"}}),
        &Value::Null,
    );
    let pages = [
        integration::page(&general(), &[connection(), waiting, tenants()], now).unwrap(),
        integration::page(&unseen(), &[], now).unwrap(),
        super::connection::page(&connection(), now).unwrap(),
        super::connection::page(&tenants(), now).unwrap(),
    ];
    insta::assert_snapshot!(pages.join("=====\n"));
}

/// Before the operator has observed the integration, a list would be a guess.
#[test]
fn without_a_report_there_is_no_list() {
    assert!(Handout::of(&unseen(), &[], now()).is_none());
    let mut seen = general();
    let status = seen.status.get_or_insert_default();
    status.setup.push(crate::api::v1alpha1::SetupStep {
        id: "CreateApp".into(),
        state: "Unknown".into(),
        ..Default::default()
    });
    let handout = Handout::of(&seen, &[], now()).unwrap();
    assert_eq!(handout.integration, "clinics/acme");
    assert!(!handout.steps.is_empty());
}
