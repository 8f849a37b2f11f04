//! The bare client: it creates the integrations and does what the controller must do for each, with nothing watched,
//! decided, compared or remembered: a token from Zoom, the token Secret, the status, an Event.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, each},
    tenants::{Fleet, Tenant},
};

/// Creates and serves the integrations with these numbers; how long it took.
pub async fn serve(
    cluster: &Cluster,
    fleet: &Fleet,
    numbers: std::ops::Range<u32>,
    oauth: &str,
    in_flight: usize,
) -> anyhow::Result<Duration> {
    let http = reqwest::Client::new();
    let started = Instant::now();
    each(numbers, in_flight, |number| {
        let http = &http;
        async move {
            let tenant = fleet.tenant(number);
            let created = cluster
                .create(&tenant.collection(), &fleet.integration(&tenant))
                .await?;
            let token = token(http, &tenant, oauth).await?;
            publish(cluster, &tenant, &created["metadata"]["uid"], &token).await
        }
    })
    .await?;
    Ok(started.elapsed())
}

async fn token(http: &reqwest::Client, tenant: &Tenant, oauth: &str) -> anyhow::Result<Value> {
    let form = [
        ("grant_type", "account_credentials"),
        ("account_id", &tenant.account_id()),
    ];
    let answer = http
        .post(format!("{oauth}/oauth/token"))
        .basic_auth(tenant.client_id(), Some(tenant.client_secret()))
        .form(&form)
        .send()
        .await?
        .error_for_status()?;
    Ok(answer.json().await?)
}

async fn publish(
    cluster: &Cluster,
    tenant: &Tenant,
    uid: &Value,
    token: &Value,
) -> anyhow::Result<()> {
    let now = Timestamp::now().to_string();
    let name = tenant.token_secret();
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/managed-by": "bare-client",
                "app.kubernetes.io/instance": tenant.name,
            },
            "annotations": {"bench/issued-at": now, "bench/refresh-at": now},
            // Kubernetes deletes it with the integration.
            "ownerReferences": [{
                "apiVersion": "zoom-operator.io/v1alpha1",
                "kind": "ZoomIntegration",
                "name": tenant.name,
                "uid": uid,
                "controller": true,
            }],
        },
        "stringData": {
            "access-token": token["access_token"],
            "token-type": token["token_type"],
            "expires-at": now,
            "scope": token["scope"],
            "api-url": token["api_url"],
        },
    });
    cluster
        .apply(&format!("{}/{name}", tenant.secrets()), &secret)
        .await?;
    let condition = |kind: &str| {
        json!({
            "type": kind,
            "status": "True",
            "reason": "Served",
            "message": "Served by the bare client.",
            "lastTransitionTime": now,
            "observedGeneration": 1,
        })
    };
    let conditions = [
        "Ready",
        "Reconciling",
        "Stalled",
        "CredentialsValid",
        "TokenFresh",
    ];
    let conditions: Vec<Value> = conditions.into_iter().map(condition).collect();
    let status = json!({"status": {
        "observedGeneration": 1,
        "conditions": conditions,
        "token": {"secretName": name, "expiresAt": now},
    }});
    let path = format!("{}/status", tenant.path());
    cluster.merge(&path, &status).await?;
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": format!("{}-", tenant.name)},
        "eventTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        "type": "Normal",
        "reason": "Served",
        "action": "Serve",
        "note": "Served by the bare client.",
        "reportingController": "bare-client",
        "reportingInstance": "bare-client",
        "regarding": {
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomIntegration",
            "namespace": tenant.namespace,
            "name": tenant.name,
        },
    });
    let events = format!(
        "/apis/events.k8s.io/v1/namespaces/{}/events",
        tenant.namespace
    );
    cluster.create(&events, &event).await?;
    Ok(())
}
