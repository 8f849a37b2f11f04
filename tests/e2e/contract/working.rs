//! The rows in which the operator works, or has done its work.

use serde_json::json;

use super::{
    FIRST_WORK, RETRYING, UNSEEN, USABLE,
    judges::{self, judge},
    tenant,
};
use crate::bed::{
    Bed, Case, Operator, Options, Tenant,
    object::{condition, key, message, reason, seen, status, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("contract::created_unseen", created_unseen),
        Case::new("contract::first_work", first_work),
        Case::new("contract::connected", connected),
        Case::new("contract::connected_with_receiver", with_receiver),
        Case::new("contract::routine_refresh", routine_refresh),
        Case::new("contract::refresh_fails_while_valid", refresh_fails),
        Case::new("contract::token_expired", token_expired),
        Case::new("contract::receiver_down", receiver_down),
        Case::new("contract::spec_change_is_stamped", spec_change),
    ]
}

async fn created_unseen(bed: Bed) -> anyhow::Result<()> {
    let operator = Operator::install(&bed, &Options::default()).await?;
    // A process that is told to stop in its first moments does not hear it yet.
    operator.until_leading().await?;
    operator.scale(0).await?;
    let created = bed
        .apply(&Tenant::server_to_server("acme").manifest())
        .await?;
    // On the very answer to its creation, before anybody could have written.
    anyhow::ensure!(created["status"]["observedGeneration"] == -1, "{created:#}");
    judge(&bed, "acme", UNSEEN).await
}

async fn first_work(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    sim.fault("down", "any", json!({"kind": "status", "status": 503}))
        .await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest()).await?;
    let object = bed.until_reason("acme", "ZoomUnavailable").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Connecting");
    judge(&bed, "acme", FIRST_WORK).await?;
    sim.clear_fault("down").await?;
    bed.until_reason("acme", "Connected").await?;
    judge(&bed, "acme", USABLE).await
}

async fn connected(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest()).await?;
    let object = bed.until_reason("acme", "Connected").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Connected");
    judge(&bed, "acme", USABLE).await?;
    let said = bed.kubectl(&["get", "zint"]).await?.stdout;
    let words: Vec<&str> = said.split_whitespace().collect();
    for word in ["STATUS", "READY", "REASON", "EXPIRES", "AGE", "Connected"] {
        anyhow::ensure!(words.contains(&word), "no {word} in {said}");
    }
    Ok(())
}

async fn with_receiver(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest_with_webhook()).await?;
    let object = bed.until_reason("acme", "Connected").await?;
    anyhow::ensure!(status(&object, "ReceiverAvailable") == "True");
    // Zoom's validation is a person's click and no part of Ready.
    anyhow::ensure!(status(&object, "EndpointValidated") == "Unknown");
    judge(&bed, "acme", USABLE).await
}

/// Not one version of the status says anything but "usable" while tokens are replaced.
async fn routine_refresh(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until_reason("acme", "Connected").await?;
    let history = bed.record("acme").await?;
    judge(&bed, "acme", USABLE).await?;
    for _ in 0..2 {
        let before = bed.get("secrets", &tenant.token_secret()).await?;
        bed.refresh_now(&tenant).await?;
        let after = bed
            .until_object("secrets", &tenant.token_secret(), "a new token", |secret| {
                key(secret, "access-token") != key(&before, "access-token")
            })
            .await?;
        let refreshed = history.until("a refresh", |object| {
            text(object, "/status/token/expiresAt") == key(&after, "expires-at")
        });
        refreshed.await?;
    }
    for version in history.versions() {
        judges::conditions(&version, USABLE)?;
        anyhow::ensure!(status(&version, "TokenFresh") == "True", "{version:#}");
        let (health, message) = judges::health(&version).await?;
        anyhow::ensure!(health == "Healthy", "{health}: {message}");
    }
    anyhow::ensure!(
        bed.events("acme")
            .await?
            .iter()
            .all(|event| event["type"] == "Normal")
    );
    Ok(())
}

async fn refresh_fails(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until_reason("acme", "Connected").await?;
    sim.fault("down", "token", json!({"kind": "status", "status": 503}))
        .await?;
    bed.refresh_now(&tenant).await?;
    let object = bed
        .until("acme", "TokenFresh=False", |object| {
            status(object, "TokenFresh") == "False"
        })
        .await?;
    judge(&bed, "acme", USABLE).await?;
    anyhow::ensure!(reason(&object, "TokenFresh") == "ZoomUnavailable");
    let next = text(&object, "/status/token/failure/retryAt");
    anyhow::ensure!(message(&object, "TokenFresh").contains(next), "no {next}");
    let (_, said) = judges::health(&object).await?;
    anyhow::ensure!(said.contains("refresh is failing"), "{said}");
    sim.clear_fault("down").await?;
    bed.until("acme", "TokenFresh=True", |object| {
        status(object, "TokenFresh") == "True" && object.pointer("/status/token/failure").is_none()
    })
    .await?;
    judge(&bed, "acme", USABLE).await
}

async fn token_expired(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({"token_lifetime_seconds": 12})).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until_reason("acme", "Connected").await?;
    sim.fault("down", "token", json!({"kind": "refuse"}))
        .await?;
    let object = bed.until_reason("acme", "TokenExpired").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Degraded");
    anyhow::ensure!(reason(&object, "TokenFresh") == "ZoomUnreachable");
    judge(&bed, "acme", RETRYING).await?;
    sim.patch_app(&tenant, json!({"token_lifetime_seconds": 3600}))
        .await?;
    sim.clear_fault("down").await?;
    bed.until_reason("acme", "Connected").await?;
    judge(&bed, "acme", USABLE).await
}

async fn receiver_down(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest_with_webhook()).await?;
    bed.until_reason("acme", "Connected").await?;
    bed.create(&json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-pods"},
        "spec": {"hard": {"pods": "0"}},
    }))
    .await?;
    // Enforced from the moment at which its controller has counted.
    bed.until_object("resourcequotas", "no-pods", "counted", |quota| {
        quota["status"]["hard"]["pods"] == "0"
    })
    .await?;
    for pod in bed
        .list("pods", "app.kubernetes.io/name=zoom-receiver")
        .await?
    {
        bed.delete("pods", text(&pod, "/metadata/name")).await?;
    }
    let object = bed.until_reason("acme", "ReceiverUnavailable").await?;
    anyhow::ensure!(text(&object, "/status/phase") == "Degraded");
    anyhow::ensure!(status(&object, "ReceiverAvailable") == "False");
    judge(&bed, "acme", RETRYING).await?;
    bed.delete("resourcequotas", "no-pods").await?;
    // Someone who repairs it does not wait for Kubernetes' backoff.
    let restart = ["rollout", "restart", "deployment/acme-receiver"];
    anyhow::ensure!(bed.kubectl(&restart).await?.success);
    bed.until_reason("acme", "Connected").await?;
    judge(&bed, "acme", USABLE).await
}

/// `kubectl wait` reads each condition's own generation: a stale one would make it hang for ever.
async fn spec_change(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = tenant(&bed, &sim, json!({})).await?;
    bed.apply(&tenant.manifest_with_webhook()).await?;
    let before = bed.until_reason("acme", "Connected").await?;
    let changed = bed
        .change("acme", &json!({"app": {"displayName": "Acme"}}))
        .await?;
    anyhow::ensure!(changed["metadata"]["generation"] == 2);
    let after = bed.until("acme", "the change is seen", seen).await?;
    anyhow::ensure!(after["status"]["observedGeneration"] == 2);
    let since = |object: &serde_json::Value| {
        condition(object, "Ready").map(|ready| text(ready, "/lastTransitionTime").to_owned())
    };
    anyhow::ensure!(since(&after) == since(&before), "Ready did not change");
    judge(&bed, "acme", USABLE).await
}
