//! Whole passes over a connection.

mod self_service;

use axum::http::Method;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::*;
use crate::controller::{
    grants::{
        handoff,
        secret::{self, StoredGrant},
    },
    rehearsal::{Judge, Rehearsal},
};
use grant::{Access, Credential, Grant};

const OWN: &str = "/apis/zoom-operator.io/v1alpha1/namespaces/clinic/zoomconnections/ada";
const APP: &str = "/apis/zoom-operator.io/v1alpha1/namespaces/platform/zoomintegrations/app";
const GRANT: &str = "/api/v1/namespaces/clinic/secrets/ada-zoom-grant";
const TOKEN: &str = "/api/v1/namespaces/clinic/secrets/ada-zoom-token";
const CONSENTS: &str = "/api/v1/namespaces/operator/secrets";
const CREDENTIALS: &str = "/api/v1/namespaces/platform/secrets/zoom";

/// A connection of a tenant, of which a pass said this.
fn tenant(allowed: &str, since: &str) -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinic", "uid": "c", "resourceVersion": "1", "generation": 1},
        "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
        "status": {"conditions": [{
            "type": "NamespaceAllowed", "status": allowed, "reason": "R", "message": "m",
            "lastTransitionTime": since,
        }]},
    }))
    .unwrap()
}

fn app(allowed: &Value) -> Value {
    json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "app", "namespace": "platform", "uid": "i", "resourceVersion": "1", "generation": 1},
        "spec": {
            "app": {"kind": "General", "management": "Admin"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": ["user:read:user:admin"]}, "allowedNamespaces": allowed,
        },
    })
}

fn data(namespace: &str, name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "data": data,
        "metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"},
    })
}

/// The grant of a person, whose token was requested then.
fn kept(issued: Timestamp) -> StoredGrant {
    StoredGrant {
        grant: Grant {
            id: "consent".into(),
            generation: 1,
            since: issued,
            client_id: Some("b".into()),
            credential: Credential::RefreshToken("r1".into()),
            access: Some(Access {
                token: "t".into(),
                scope: "user:read:user:admin".into(),
                api_url: "https://api.zoom.us".into(),
                token_type: "bearer".into(),
                issued_at: issued,
                expires_at: schedule::later(issued, Duration::from_hours(1)),
            }),
            intent: None,
            loss: None,
        },
        identity: None,
        identified: true,
        namespace_uid: "n".into(),
        imported: None,
    }
}

/// Its Secret.
fn grant_of(connection: &ZoomConnection, kept: &StoredGrant) -> Value {
    let mut secret: Secret = secret::build(connection, kept);
    secret.metadata.uid = Some("g".into());
    secret.metadata.resource_version = Some("1".into());
    json!(secret)
}

/// A cluster with this connection, its credentials and no consents, and what else a test needs.
async fn rehearsal(
    connection: &ZoomConnection,
    objects: impl IntoIterator<Item = (&'static str, Value)>,
) -> Rehearsal {
    let own = [
        (OWN, json!(connection)),
        (
            "/api/v1/namespaces/clinic",
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "clinic", "uid": "n", "labels": {"tenant": "yes"}},
            }),
        ),
        (
            CREDENTIALS,
            data(
                "platform",
                "zoom",
                &json!({"client-id": "Yg==", "client-secret": "Yw=="}),
            ),
        ),
        (CONSENTS, listed(&[])),
        (
            "/v2/users/me",
            json!({"id": "user", "account_id": "account"}),
        ),
    ];
    let takes_all: Judge = |_: &Method, _: &str, _: &Value| None;
    Rehearsal::new(takes_all, own.into_iter().chain(objects)).await
}

fn listed(items: &[Value]) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {}, "items": items,
    })
}

async fn pass(rehearsal: &Rehearsal) {
    let connection: ZoomConnection = serde_json::from_value(rehearsal.object(OWN)).unwrap();
    Box::pin(connection.pass(&rehearsal.context)).await.unwrap();
}

/// A pass over a tenant whose token expired, of an operator that watches these namespaces only.
async fn watching(namespaces: &[&str], connection: &ZoomConnection, app: Value) -> Rehearsal {
    let long_ago: Timestamp = "2026-01-01T10:00:00Z".parse().unwrap();
    let grant = grant_of(connection, &kept(long_ago));
    let mut rehearsal = rehearsal(connection, [(APP, app), (GRANT, grant)]).await;
    let context = std::sync::Arc::get_mut(&mut rehearsal.context).unwrap();
    let scope = &mut context.config.scope;
    scope.watch_namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
    pass(&rehearsal).await;
    rehearsal
}

/// Status, reason and message of the condition that was written last.
fn said(rehearsal: &Rehearsal, type_: &str) -> (String, String, String) {
    rehearsal.said(OWN, type_)
}

fn refreshed(rehearsal: &Rehearsal) -> bool {
    !rehearsal.writes("/oauth/token").is_empty()
}

// === What an operator with `watchNamespaces` does not see ===

const BEFORE: &str = "2026-01-01T09:00:00Z";

fn selector() -> Value {
    json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}})
}

/// Neither the first pass nor one long after it takes anything from the tenant.
#[tokio::test]
async fn who_was_allowed_by_labels_stays_so_where_labels_are_not_watched() {
    for stated in ["True", "Unknown"] {
        let ada = tenant(stated, BEFORE);
        let found = watching(&["platform", "clinic"], &ada, app(&selector())).await;
        assert!(refreshed(&found), "{stated}");
        assert_eq!(found.object(TOKEN)["kind"], "Secret", "{stated}");
        assert!(found.writes("DELETE").is_empty());
        let (status, reason, message) = said(&found, "NamespaceAllowed");
        assert_eq!((&*status, &*reason), ("Unknown", "NamespaceNotWatched"));
        assert!(message.contains("spec.allowedNamespaces.from"), "{message}");
        assert_eq!(said(&found, "Ready").1, "Connected");
    }
}

#[tokio::test]
async fn who_was_allowed_keeps_everything_while_the_integration_is_not_watched() {
    let ada = tenant("Unknown", BEFORE);
    let found = watching(&["clinic"], &ada, app(&json!({"from": "All"}))).await;
    assert!(!refreshed(&found), "there are no credentials to do it with");
    assert!(found.writes("DELETE").is_empty());
    assert_eq!(found.object(GRANT)["kind"], "Secret");
    assert_eq!(said(&found, "NamespaceAllowed").0, "Unknown");
    let (status, reason, message) = said(&found, "Ready");
    assert_eq!((&*status, &*reason), ("False", "NamespaceNotWatched"));
    assert!(
        message.contains("add it to the chart's watchNamespaces"),
        "{message}"
    );
}

#[tokio::test]
async fn nobody_is_allowed_because_something_is_not_seen() {
    let new = || {
        let mut ada = tenant("True", BEFORE);
        ada.status = None;
        ada
    };
    let unlabelled = json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "no"}}});
    let same = json!({"from": "Same"});
    for (watched, ada, allowed) in [
        (vec!["platform", "clinic"], new(), selector()),
        (
            vec!["platform", "clinic"],
            tenant("False", BEFORE),
            selector(),
        ),
        (
            vec!["platform", "clinic"],
            tenant("True", BEFORE),
            unlabelled,
        ),
        (vec!["platform", "clinic"], tenant("True", BEFORE), same),
        (vec!["clinic"], new(), json!({"from": "All"})),
        (
            vec!["clinic"],
            tenant("False", BEFORE),
            json!({"from": "All"}),
        ),
    ] {
        let found = watching(&watched, &ada, app(&allowed)).await;
        assert!(!refreshed(&found), "{watched:?} {allowed}");
        assert_eq!(said(&found, "NamespaceAllowed").1, "NamespaceNotAllowed");
    }
}

// === A clock that is ahead ===

/// The integration has not allowed the namespace for months, by our clock.
#[tokio::test]
async fn a_grant_is_erased_only_if_the_api_server_has_the_same_time() {
    let ada = tenant("False", BEFORE);
    let grant = grant_of(&ada, &kept(BEFORE.parse().unwrap()));
    let objects = [(APP, app(&json!({"from": "Same"}))), (GRANT, grant)];
    let found = rehearsal(&ada, objects).await;
    found.time(Some("2026-01-01T10:00:00Z".parse().unwrap()));
    pass(&found).await;
    assert!(found.writes("DELETE").is_empty());
    found.time(None);
    pass(&found).await;
    assert_eq!(found.writes(&format!("DELETE {GRANT}")).len(), 1);
}

// === A consent whose code was spent ===

const CONSENT: &str = "/api/v1/namespaces/operator/secrets/zoom-consent-t";

/// The Secret of a redeemed consent, which began with this integration.
fn redeemed(integration_uid: &str) -> Secret {
    let now = Timestamp::now();
    let handoff = json!({
        "namespace": "clinic", "integration": "app", "integrationNamespace": "platform",
        "integrationUid": integration_uid, "connection": "ada", "connectionUid": "c", "clientId": "b",
        "redirectUrl": "https://connect.example.com/cb", "code": "", "codeVerifier": "",
        "begun": now.to_string(), "authorized": now.to_string(),
    });
    let handoff = serde_json::from_value(handoff).unwrap();
    let mut kept = kept(now);
    kept.grant.id = "zoom-consent-t".into();
    kept.identified = false;
    let mut secret = handoff::rebuild("zoom-consent-t", "operator", &handoff, &kept).unwrap();
    secret.metadata.uid = Some("s".into());
    secret.metadata.resource_version = Some("1".into());
    secret
}

/// Zoom asked to wait before it says who authorized. Meanwhile a tool created the integration again, or somebody set
/// `consent.mode` for a minute.
#[tokio::test]
async fn a_spent_code_is_not_thrown_away_because_the_integration_was_created_again() {
    let all = json!({"from": "All"});
    let mut external = app(&all);
    external["spec"]["oauth"] = json!({"consent": {"mode": "External"}});
    external["spec"]["oauth"]["redirectUrl"] = json!("https://clinic.example.com/cb");
    for (began_with, app) in [("former", app(&all)), ("i", external)] {
        let consent = redeemed(began_with);
        let list = listed(&[json!({"metadata": consent.metadata})]);
        let objects = [(APP, app), (CONSENTS, list), (CONSENT, json!(consent))];
        let found = rehearsal(&tenant("True", BEFORE), objects).await;
        pass(&found).await;
        assert!(
            !found.writes(GRANT_WRITE).is_empty(),
            "{began_with}: adopted"
        );
        let said = found.writes(&format!("PATCH {OWN}/status"));
        let consent = &said.last().unwrap()["status"]["consent"];
        assert_eq!(consent["outcome"], "Succeeded", "{consent}");
    }
}

const GRANT_WRITE: &str = "POST /api/v1/namespaces/clinic/secrets?";

// === A refresh token to import ===

/// For a minute the Secret has the credentials of another app.
#[tokio::test]
async fn an_import_does_not_replace_the_grant_of_a_consent_that_works_again_in_a_minute() {
    let mut ada = tenant("True", BEFORE);
    ada.spec.import_secret_ref = serde_json::from_value(json!({"name": "import"})).unwrap();
    let grant = grant_of(&ada, &kept(Timestamp::now()));
    let objects = [
        (APP, app(&json!({"from": "All"}))),
        (GRANT, grant.clone()),
        (
            "/api/v1/namespaces/clinic/secrets/import",
            data("clinic", "import", &json!({"refresh-token": "b2xk"})),
        ),
        (
            CREDENTIALS,
            data(
                "platform",
                "zoom",
                &json!({"client-id": "eA==", "client-secret": "eQ=="}),
            ),
        ),
    ];
    let found = rehearsal(&ada, objects).await;
    pass(&found).await;
    assert_eq!(found.object(GRANT)["data"]["grant"], grant["data"]["grant"]);
    assert!(!refreshed(&found));
    let (_, reason, message) = said(&found, "Ready");
    assert_eq!(reason, "ClientIdChanged");
    assert!(message.contains("importSecretRef"), "{message}");
}
