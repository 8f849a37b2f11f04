//! The process is killed, and the next one in the same Pod finds what it left.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{
    Scene, begin, begin_held, hold, kill, prepare, refresh_now, stored, until, until_held,
    until_restarted,
};
use crate::bed::{
    Bed, Case, LIMIT, Options,
    object::{status, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "connections::crash_killed_while_zoom_has_not_processed",
            unprocessed,
        )
        .needs_host(),
        Case::new(
            "connections::crash_killed_while_zoom_holds_the_reply",
            reply_lost,
        )
        .needs_host(),
        Case::new("connections::crash_killed_before_the_send", unsent).needs_host(),
        Case::new("connections::crash_killed_during_an_import", import).needs_host(),
    ]
}

/// After a loss, the status asks the person to authorize again within this time.
const TOLD_WITHIN: Duration = Duration::from_mins(2);

async fn unprocessed(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted, leader) = begin_held(&bed, 1, 45, "hold_before").await?;
    kill(&scene, &leader).await?;
    // One more attempt, with the token that nobody spent.
    let seen = scene.until_generation("ada", &minted, 2).await?;
    seen.ensure_sound()?;
    until_restarted(&bed, &leader).await?;
    // What was held is processed only now, and finds the token spent.
    scene.sim.clear_fault("hold").await?;
    until(&bed, "ada", "Connected").await?;
    refresh_now(&bed, "ada").await?;
    let seen = scene.until_generation("ada", &minted, 3).await?;
    ensure!(seen.spent_again_after_lost_reply == 0, "{seen:?}");
    ensure!(scene.requests().await? == 4);
    seen.ensure_sound()
}

/// Zoom has spent the token and who would have had its successor is dead: nobody can avoid this loss.
async fn reply_lost(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = begin(&bed, 1, 45).await?;
    let leader = scene.operator.until_leading().await?;
    let token = super::super::published(&bed, "ada").await?;
    hold(&scene, "hold").await?;
    refresh_now(&bed, "ada").await?;
    until_held(&scene.sim).await?;
    let since = Instant::now();
    kill(&scene, &leader).await?;
    let connection = until(&bed, "ada", "ReplyLost").await?;
    ensure!(since.elapsed() < TOLD_WITHIN, "{:?}", since.elapsed());
    scene.sim.clear_fault("hold").await?;
    ensure!(text(&connection, "/status/phase") == "Reauthorization required");
    ensure!(status(&connection, "Stalled") == "True");
    let link = text(&connection, "/status/installUrl");
    ensure!(link.starts_with("https://connect.example.com/"), "{link}");
    ensure!(
        super::super::published(&bed, "ada").await? == token,
        "the access token is good until it expires"
    );
    let seen = scene.seen(&minted).await?;
    ensure!(
        seen.spent_again_after_lost_reply == 1 && scene.requests().await? == 3,
        "one attempt tells: {seen:?}"
    );
    seen.ensure_sound()
}

/// The intent is written down, and not one byte has left: the network swallows the connection.
async fn unsent(bed: Bed) -> anyhow::Result<()> {
    // A Service whose only endpoint is whatever the test says.
    bed.apply(&json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "zoom"},
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }))
    .await?;
    let zoom = format!("http://zoom.{}.svc", bed.namespace());
    let options = Options {
        values: vec![format!("zoom.oauthUrl={zoom}")],
        ..Options::default()
    };
    let scene = Scene::untried(&bed, &options, json!({}), &json!({})).await?;
    let pods = bed.list("pods", "app.kubernetes.io/name=zoom-sim").await?;
    let alive = text(pods.first().context("no Pod")?, "/status/podIP");
    bed.apply(&endpoint(alive)).await?;
    scene.until_tried(&scene.app).await?;
    let minted = scene.connect("ada", 0).await?;

    // In the Pods' own network, where nobody answers.
    let (network, _) = alive.rsplit_once('.').context("no address")?;
    bed.apply(&endpoint(&format!("{network}.254"))).await?;
    // No connection is kept open from before.
    let leader = scene.operator.restart().await?;
    refresh_now(&bed, "ada").await?;
    // Whichever attempt it is: none of them leaves.
    wait_for("killed with an intent", 2 * LIMIT, || async {
        let grant = stored(&bed, "ada").await?;
        ensure!(grant["generation"] == 1, "it was sent");
        if grant["intent"] == Value::Null {
            return Ok(None);
        }
        kill(&scene, &leader).await?;
        let grant = stored(&bed, "ada").await?;
        ensure!(grant["intent"] != Value::Null, "killed too late");
        Ok(Some(()))
    })
    .await?;
    bed.apply(&endpoint(alive)).await?;
    let seen = scene.until_generation("ada", &minted, 2).await?;
    ensure!(scene.requests().await? == 2, "{seen:?}");
    seen.ensure_sound()
}

fn endpoint(address: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "zoom", "labels": {"kubernetes.io/service-name": "zoom"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    })
}

async fn import(bed: Bed) -> anyhow::Result<()> {
    let scene = prepare(&bed, 1, 45).await?;
    let leader = scene.operator.until_leading().await?;
    let minted = scene.mint(0).await?;
    hold(&scene, "hold_before").await?;
    scene.app.import(&bed, "ada", &minted, &json!({})).await?;
    until_held(&scene.sim).await?;
    kill(&scene, &leader).await?;
    until(&bed, "ada", "Connected").await?;
    let seen = scene.until_generation("ada", &minted, 1).await?;
    seen.ensure_sound()?;
    scene.sim.clear_fault("hold").await?;
    until_restarted(&bed, &leader).await?;
    ensure!(scene.requests().await? == 2);
    Ok(())
}
