//! Whole passes in a cluster that refuses something.

mod deletion;
mod routes;
mod self_service;
mod token;

use axum::http::Method;
use serde_json::{Value, json};

use super::*;
use crate::controller::rehearsal::{Judge, Rehearsal};

const OWN: &str = "/apis/zoom-operator.io/v1alpha1/namespaces/clinics/zoomintegrations/acme";
const CONNECTIONS: &str = "/apis/zoom-operator.io/v1alpha1/namespaces/clinics/zoomconnections";
const SECRETS: &str = "/api/v1/namespaces/clinics/secrets";

fn integration(change: impl Fn(&mut Value)) -> ZoomIntegration {
    let mut integration = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1", "resourceVersion": "1", "generation": 1},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": ["user:read:user:admin"]},
        },
    });
    change(&mut integration);
    serde_json::from_value(integration).unwrap()
}

fn credentials() -> Value {
    let data = [
        ("account-id", "YQ=="),
        ("client-id", "Yg=="),
        ("client-secret", "Yw=="),
    ];
    let data: serde_json::Map<String, Value> = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "zoom", "namespace": "clinics", "uid": "s", "resourceVersion": "1"},
        "data": data,
    })
}

/// An object of the receiver.
fn owned(kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {
            "name": name, "namespace": "clinics", "uid": "o", "resourceVersion": "1",
            "ownerReferences": [{
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
                "name": "acme", "uid": "u1", "controller": true,
            }],
        },
    })
}

/// A pass over the integration in a cluster with these other objects.
async fn rehearsed(
    judge: Judge,
    integration: &ZoomIntegration,
    objects: impl IntoIterator<Item = (&'static str, Value)>,
) -> Rehearsal {
    let own = [
        (OWN, serde_json::to_value(integration).unwrap()),
        ("/api/v1/namespaces/clinics/secrets/zoom", credentials()),
        (
            "/api/v1/namespaces/clinics",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clinics", "uid": "n"}}),
        ),
    ];
    let rehearsal = Rehearsal::new(judge, own.into_iter().chain(objects)).await;
    Box::pin(integration.pass(&rehearsal.context))
        .await
        .unwrap();
    rehearsal
}

/// The condition in the status that was written last.
fn said(rehearsal: &Rehearsal, type_: &str) -> (String, String, String) {
    rehearsal.said(OWN, type_)
}

#[tokio::test]
async fn a_receiver_that_may_not_be_removed_stops_no_token() {
    let refusal = |method: &Method, path: &str, _: &Value| {
        let is_it = method == Method::DELETE && path.contains("/services/");
        is_it.then_some((400, "admission webhook \"keep\" denied the request"))
    };
    let objects = [(
        "/api/v1/namespaces/clinics/services/acme-receiver",
        owned("Service", "acme-receiver"),
    )];
    let had_a_webhook = integration(|object| object["status"] = json!({"webhook": {}}));
    let rehearsal = rehearsed(refusal, &had_a_webhook, objects).await;
    assert_eq!(rehearsal.writes("refused DELETE").len(), 1);
    assert_eq!(rehearsal.writes("/oauth/token").len(), 1);
    assert_eq!(rehearsal.writes(&format!("POST {SECRETS}")).len(), 1);
    assert_eq!(said(&rehearsal, "Ready").1, "Connected");
    let (status, reason, message) = said(&rehearsal, "ReceiverAvailable");
    assert_eq!((&*status, &*reason), ("True", "UpdateRefused"));
    assert!(message.contains("denied the request"), "{message}");
    // It is not forgotten.
    again(&rehearsal, |_| ()).await;
    assert_eq!(rehearsal.writes("refused DELETE").len(), 2);
    assert_eq!(said(&rehearsal, "ReceiverAvailable").1, "UpdateRefused");
    rehearsal.judge(|_, _, _| None);
    again(&rehearsal, |_| ()).await;
    let services = "DELETE /api/v1/namespaces/clinics/services";
    assert_eq!(rehearsal.writes(services).len(), 3, "removed in the end");
}

/// Another pass over the integration as its status was left, with this change.
async fn again(rehearsal: &Rehearsal, change: impl Fn(&mut Value)) {
    let mut object = rehearsal.object(OWN);
    change(&mut object);
    let integration: ZoomIntegration = serde_json::from_value(object).unwrap();
    Box::pin(integration.pass(&rehearsal.context))
        .await
        .unwrap();
}

#[tokio::test]
async fn labels_that_are_refused_leave_a_valid_token_ready() {
    let rehearsal = rehearsed(|_, _, _| None, &integration(|_| {}), []).await;
    assert_eq!(said(&rehearsal, "Ready").1, "Connected");
    rehearsal.judge(|method, path, _| {
        let is_it = method == Method::PATCH && path.contains("/secrets/");
        is_it.then_some((403, "label team is not one of ours"))
    });
    let label = |object: &mut Value| object["spec"]["token"] = json!({"labels": {"team": "x"}});
    again(&rehearsal, label).await;
    assert_eq!(rehearsal.writes("refused PATCH").len(), 1);
    assert_eq!(rehearsal.writes("/oauth/token").len(), 1);
    assert_eq!(said(&rehearsal, "Ready").1, "Connected");
    let (status, reason, message) = said(&rehearsal, "TokenFresh");
    assert_eq!((&*status, &*reason), ("False", "TokenSecretNotWritten"));
    assert!(
        message.contains("label team is not one of ours"),
        "{message}"
    );
    rehearsal.judge(|_, _, _| None);
    again(&rehearsal, label).await;
    assert_eq!(said(&rehearsal, "TokenFresh").0, "True");
}

#[tokio::test]
async fn a_refused_lifecycle_secret_is_said_without_harm() {
    let told = integration(|object| {
        let sink = json!({"http": {"url": "https://sink.example"}});
        object["spec"]["webhook"] = json!({"sink": sink, "lifecycleEvents": {}});
    });
    let mut available = owned("Deployment", "acme-receiver");
    available["apiVersion"] = json!("apps/v1");
    available["spec"] = json!({"replicas": 1, "selector": {}, "template": {}});
    available["status"] = json!({"availableReplicas": 1, "replicas": 1});
    let deployment = "/apis/apps/v1/namespaces/clinics/deployments/acme-receiver";
    let refusal = |method: &Method, path: &str, body: &Value| {
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let is_it = method == Method::POST && name == "acme-receiver-lifecycle";
        (is_it && path.contains("/secrets")).then_some((403, "exceeded quota: secrets=9"))
    };
    let rehearsal = rehearsed(refusal, &told, [(deployment, available)]).await;
    let ready = said(&rehearsal, "Ready");
    again(&rehearsal, |_| {}).await;
    assert_eq!(rehearsal.writes("refused POST").len(), 2);
    assert_eq!(said(&rehearsal, "Ready"), ready);
    let (status, reason, message) = said(&rehearsal, "ReceiverAvailable");
    assert_eq!((&*status, &*reason), ("True", "UpdateRefused"), "{message}");
    assert!(message.contains("exceeded quota"), "{message}");
    rehearsal.judge(|_, _, _| None);
    again(&rehearsal, |_| {}).await;
    again(&rehearsal, |_| {}).await;
    assert_eq!(said(&rehearsal, "ReceiverAvailable").1, "Available");
}

#[tokio::test]
async fn a_control_token_that_is_lost_is_replaced() {
    let buffered = integration(|object| {
        let sink = json!({"http": {"url": "https://sink.example"}});
        object["spec"]["webhook"] = json!({"sink": sink, "buffer": {}});
    });
    let mut control = owned("Secret", "acme-receiver-control");
    control["data"] = json!({"tokn": "YQ=="});
    let path = "/api/v1/namespaces/clinics/secrets/acme-receiver-control";
    let rehearsal = Rehearsal::new(|_, _, _| None, [(path, control.clone())]).await;
    let writer = &rehearsal.context.writer;
    let made = apply::control::token(writer, &buffered).await.unwrap();
    assert_eq!(made.as_ref().map(String::len), Some(64));
    let again = apply::control::token(writer, &buffered).await.unwrap();
    assert_eq!((again, rehearsal.writes("PATCH").len()), (made, 1));
    // Without a reason to talk to the receiver, too.
    let buffered = integration(|object| {
        *object = serde_json::to_value(&buffered).unwrap();
        object["metadata"]["finalizers"] = json!([buffer_finalizer::FINALIZER]);
    });
    let rehearsal = rehearsed(|_, _, _| None, &buffered, [(path, control)]).await;
    let token = rehearsal.object(path)["data"]["token"].clone();
    assert!(
        token.as_str().is_some_and(|token| token.len() > 64),
        "{token}"
    );
}

const SET: &str = "/apis/apps/v1/namespaces/clinics/statefulsets/acme-receiver";

/// The `StatefulSet` of a receiver that somebody has scaled to this many Pods, and whose Pods cannot be seen.
fn scaled(replicas: i32, buffers: Option<&str>) -> [(&'static str, Value); 1] {
    let mut set = owned("StatefulSet", "acme-receiver");
    set["apiVersion"] = json!("apps/v1");
    set["spec"] = json!({"replicas": replicas, "selector": {}, "template": {}});
    if let Some(buffers) = buffers {
        set["metadata"]["annotations"] = json!({"zoom-operator.io/buffers": buffers});
    }
    [(SET, set)]
}

/// The numbers of Pods that were written, and whether the volumes were given up.
fn written(rehearsal: &Rehearsal) -> (Vec<i64>, bool) {
    let patches = rehearsal.writes(&format!("PATCH {SET}"));
    let replicas = patches
        .iter()
        .filter_map(|patch| patch["spec"]["replicas"].as_i64())
        .collect();
    let policy = "persistentVolumeClaimRetentionPolicy";
    let goes = patches
        .iter()
        .any(|patch| patch["spec"][policy]["whenDeleted"] == "Delete");
    let is_deleted = !rehearsal.writes(&format!("DELETE {SET}")).is_empty();
    (replicas, goes || is_deleted)
}

#[tokio::test]
async fn pods_that_somebody_scaled_away_come_back_to_be_read() {
    let nothing = |_: &Method, _: &str, _: &Value| None;
    let webhook = |change: Value| {
        let mut webhook = json!({
            "sink": {"http": {"url": "https://s"}}, "buffer": {"size": "1Gi"},
            "endpoint": {"host": "hooks.example.com"},
        });
        for (field, value) in change.as_object().unwrap() {
            webhook[field] = value.clone();
        }
        webhook
    };
    let deleted = integration(|object| {
        object["metadata"]["deletionTimestamp"] = json!(Timestamp::now().to_string());
        object["metadata"]["finalizers"] = json!(["zoom-operator.io/buffer"]);
        object["spec"]["webhook"] = webhook(json!({"receiver": {"replicas": 2}}));
    });
    // One of a version that did not note the number.
    let rehearsal = rehearsed(nothing, &deleted, scaled(0, None)).await;
    assert_eq!(written(&rehearsal), (vec![2], false));

    let without_webhook = integration(|object| {
        object["metadata"]["finalizers"] = json!(["zoom-operator.io/buffer"]);
        object["status"] = json!({"webhook": {}});
    });
    let rehearsal = rehearsed(nothing, &without_webhook, scaled(0, Some("2"))).await;
    assert_eq!(written(&rehearsal), (vec![2], false));
    let mut deleted = without_webhook;
    deleted.metadata.deletion_timestamp = Some(
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::now()),
    );
    let rehearsal = rehearsed(nothing, &deleted, scaled(0, Some("2"))).await;
    assert_eq!(written(&rehearsal), (vec![2], false));

    let fewer = integration(|object| {
        object["metadata"]["finalizers"] = json!(["zoom-operator.io/buffer"]);
        object["spec"]["webhook"] = webhook(json!({"receiver": {"replicas": 1}}));
    });
    let rehearsal = rehearsed(nothing, &fewer, scaled(1, Some("2"))).await;
    assert_eq!(written(&rehearsal), (vec![2], false));
    let set = rehearsal.object(SET);
    let noted = &set["metadata"]["annotations"]["zoom-operator.io/buffers"];
    assert_eq!(noted, "2");

    let ephemeral = integration(|object| {
        object["metadata"]["finalizers"] = json!(["zoom-operator.io/buffer"]);
        object["spec"]["webhook"] =
            webhook(json!({"receiver": {"replicas": 2}, "buffer": {"storage": "Ephemeral"}}));
    });
    let deployment = {
        let mut deployment = owned("Deployment", "acme-receiver");
        deployment["apiVersion"] = json!("apps/v1");
        deployment["spec"] = json!({"replicas": 2, "selector": {}, "template": {}});
        deployment["status"] = json!({"availableReplicas": 2});
        let path = "/apis/apps/v1/namespaces/clinics/deployments/acme-receiver";
        [(path, deployment)]
    };
    let objects = scaled(0, Some("2")).into_iter().chain(deployment);
    let rehearsal = rehearsed(nothing, &ephemeral, objects).await;
    assert_eq!(written(&rehearsal), (vec![2], false));
}
