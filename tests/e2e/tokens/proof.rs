//! Whether a token can be used: for a consumer that mounts it while Zoom invalidates the former one, and by a call to Zoom.

use std::time::Duration;

use anyhow::ensure;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{connected, token};
use crate::bed::{
    Bed, Case, LIMIT, Options, keep,
    object::{key, message, reason, status, text},
    program, tools, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tokens::mounted_token_follows_a_refresh", mounted).needs_host(),
        Case::new("tokens::proved_by_a_call", probe),
    ]
}

/// Least time between a refresh and the end of the old token.
const EARLY: i64 = 90;
/// How far a mounted Secret lags at most.
const LAG: Duration = Duration::from_mins(2);

/// Says every second which token it has mounted.
const CONSUMER: &str =
    "while /busybox true; do /busybox sha256sum /token/access-token; /busybox sleep 1; done";

/// The least favourable case: Zoom invalidates the former token at once.
async fn mounted(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let voids = json!({"voids_former_tokens": true});
    let tenant = connected(&bed, &sim, "acme", voids, json!({})).await?;
    let secret = bed.get("secrets", &tenant.token_secret()).await?;
    let refresh_at: Timestamp = text(
        &secret,
        "/metadata/annotations/zoom-operator.io~1refresh-at",
    )
    .parse()?;
    let expires_at: Timestamp = key(&secret, "expires-at").parse()?;
    let left = expires_at.as_second() - refresh_at.as_second();
    ensure!(left >= EARLY, "refreshed {left} s before the end");

    let container = json!({
        "image": program::image("busybox").await?,
        "command": ["/busybox", "sh", "-c", CONSUMER],
        "volumeMounts": [{"name": "token", "mountPath": "/token", "readOnly": true}],
    });
    let volume = json!({"name": "token", "secret": {"secretName": tenant.token_secret()}});
    bed.create(&json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "consumer"},
        "spec": program::pod_spec(json!({"volumes": [volume]}), container),
    }))
    .await?;
    let old = token(&bed, &tenant.token_secret()).await?;
    until_mounted(&bed, &old).await?;
    let zoom = bed.list("pods", "app.kubernetes.io/name=zoom-sim").await?;
    let zoom = format!("{}:8080", text(&zoom[0], "/status/podIP"));
    let call =
        async |token: &str| tools::status_with_token(&zoom, "/v2/users?page_size=1", token).await;
    ensure!(call(&old).await? == 200);

    let before = Timestamp::now();
    bed.refresh_now(&tenant).await?;
    let new = wait_for("another token", LIMIT, || async {
        let token = token(&bed, &tenant.token_secret()).await?;
        Ok((token != old).then_some(token))
    })
    .await?;
    let written = Timestamp::now();
    keep(&new);
    ensure!(call(&old).await? == 401 && call(&new).await? == 200);
    let path = format!("apps/{}/requests", tenant.client_id);
    let requests = sim.admin("GET", &path, None).await?;
    let last = requests.as_array().and_then(|all| all.last()).cloned();
    let asked: Timestamp = text(&last.unwrap_or_default(), "/at").parse()?;
    let took = written.duration_since(asked);
    ensure!(
        asked >= before && took.as_secs() <= 5,
        "the Secret followed Zoom's answer after {took:?}"
    );
    until_mounted(&bed, &new).await
}

/// Waits until the consumer has this token.
async fn until_mounted(bed: &Bed, token: &str) -> anyhow::Result<()> {
    let digest = HEXLOWER.encode(&Sha256::digest(token));
    wait_for("the mounted token", LAG, || async {
        let said = bed.kubectl(&["logs", "consumer", "--tail=1"]).await?.stdout;
        Ok(said.starts_with(&digest).then_some(()))
    })
    .await
}

/// A token counts once Zoom answers a call with it. A refusal is told, and a trouble of Zoom's says nothing.
async fn probe(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let probe = json!({"credentials": {"probe": {}}});
    let tenant = connected(&bed, &sim, "acme", json!({}), probe).await?;
    let object = bed.integration("acme").await?;
    ensure!(status(&object, "TokenFresh") == "True", "{object:#}");

    let down = json!({"kind": "status", "status": 503, "body": "<html>maintenance</html>"});
    let first = token(&bed, &tenant.token_secret()).await?;
    sim.fault("down", "api", down).await?;
    bed.refresh_now(&tenant).await?;
    wait_for("a token and its call", LIMIT, || async {
        let called = sim.fault_state("down").await?["applied"].as_u64() >= Some(1);
        let token = token(&bed, &tenant.token_secret()).await?;
        Ok((called && token != first).then_some(()))
    })
    .await?;
    sim.clear_fault("down").await?;
    let object = bed.until_reason("acme", "Connected").await?;
    ensure!(status(&object, "TokenFresh") == "True", "{object:#}");

    let second = token(&bed, &tenant.token_secret()).await?;
    let refusal = json!({
        "kind": "status", "status": 401, "body": r#"{"code":124,"message":"Invalid access token."}"#,
    });
    sim.fault("refused", "api", refusal).await?;
    bed.refresh_now(&tenant).await?;
    let object = bed.until_reason("acme", "ProbeRefused").await?;
    ensure!(
        status(&object, "TokenFresh") == "False" && reason(&object, "TokenFresh") == "ProbeRefused",
        "{object:#}"
    );
    ensure!(status(&object, "CredentialsValid") == "True", "{object:#}");
    let told = message(&object, "TokenFresh");
    ensure!(
        told.contains("GET /v2/users") && told.contains("Invalid access token."),
        "{told}"
    );
    let third = token(&bed, &tenant.token_secret()).await?;
    ensure!(
        third != second,
        "the newest token is published all the same"
    );

    // Another token is tried by itself.
    sim.clear_fault("refused").await?;
    let object = bed.until_reason("acme", "Connected").await?;
    ensure!(status(&object, "TokenFresh") == "True", "{object:#}");
    ensure!(token(&bed, &tenant.token_secret()).await? != third);
    Ok(())
}
