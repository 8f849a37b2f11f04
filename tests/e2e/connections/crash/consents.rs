//! The leader sleeps in the middle of a code exchange, for longer than its lease, and another one redeems the consent.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{
    Scene, UNTIL_TAKEN_OVER, prepare, refresh_now, stored, until, until_held, until_restarted,
};
use crate::bed::{
    Bed, Case, LIMIT,
    consent::hand_over,
    object::{reason, status, text},
    tools, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "connections::crash_frozen_during_a_code_exchange",
            unprocessed,
        )
        .needs_host(),
        Case::new(
            "connections::crash_frozen_while_zoom_holds_a_codes_reply",
            processed,
        )
        .needs_host(),
    ]
}

const CONSENTS: &str = "zoom-operator.io/use=consent";

/// A connection whose person has just allowed the app, while Zoom holds the exchange of the code; the leader.
async fn begin(bed: &Bed, hold: &str) -> anyhow::Result<(Scene, String)> {
    let scene = prepare(bed, 2, 15).await?;
    bed.until_deployed("zoom-operator").await?;
    bed.apply(&scene.app.connection("ada", &json!({}))).await?;
    until(bed, "ada", "ReadyToInstall").await?;
    let leader = scene.operator.until_leading().await?;
    let rule = json!({
        "endpoint": "token",
        "client_id": scene.app.0.client_id,
        "grant_type": "authorization_code",
        "times": 1,
        "fault": {"kind": hold},
    });
    scene.sim.put_fault("hold", rule).await?;
    let person = scene.app.people(&scene.sim).await?.remove(0);
    hand_over(&scene.sim, &scene.app, bed, bed, "ada", &person).await?;
    until_held(&scene.sim).await?;
    Ok((scene, leader))
}

async fn signal(bed: &Bed, name: &str, pod: &str) -> anyhow::Result<()> {
    tools::cluster("signal", &[name, bed.namespace(), pod]).await?;
    Ok(())
}

/// Zoom has not seen the code yet: the other replica redeems it, and the sleeper's request is refused.
async fn unprocessed(bed: Bed) -> anyhow::Result<()> {
    let (scene, leader) = begin(&bed, "hold_before").await?;
    let since = Instant::now();
    signal(&bed, "STOP", &leader).await?;
    wait_for("the other replica redeems it", UNTIL_TAKEN_OVER, || async {
        let connection = bed.get("zoomconnections", "ada").await?;
        Ok((reason(&connection, "Ready") == "Connected").then_some(()))
    })
    .await?;
    ensure!(scene.operator.leader().await?.as_ref() != Some(&leader));
    // Nobody can tell a sleeper from one that still waits, except by waiting for longer than it could have led.
    ensure!(since.elapsed() > Duration::from_secs(15), "{since:?}");

    scene.sim.clear_fault("hold").await?;
    signal(&bed, "CONT", &leader).await?;
    until_restarted(&bed, &leader).await?;
    until(&bed, "ada", "Connected").await?;
    nothing_is_left(&scene).await?;
    only_grant_is_usable(&scene).await
}

/// Zoom has redeemed the code for the sleeper. Whether it still reads the reply or a person authorizes again: no token
/// stays where nobody uses it.
async fn processed(bed: Bed) -> anyhow::Result<()> {
    let (scene, leader) = begin(&bed, "hold").await?;
    signal(&bed, "STOP", &leader).await?;
    let connection = wait_for("the other replica judges it", UNTIL_TAKEN_OVER, || async {
        let connection = bed.get("zoomconnections", "ada").await?;
        let is_judged = text(&connection, "/status/consent/outcome") == "Failed";
        Ok(is_judged.then_some(connection))
    })
    .await?;
    ensure!(status(&connection, "Ready") == "False", "{connection:#}");
    ensure!(scene.operator.leader().await?.as_ref() != Some(&leader));
    // The reply is there when the sleeper wakes up.
    scene.sim.clear_fault("hold").await?;
    signal(&bed, "CONT", &leader).await?;
    until_restarted(&bed, &leader).await?;
    nothing_is_left(&scene).await?;
    let connection = bed.get("zoomconnections", "ada").await?;
    if status(&connection, "Ready") != "True" {
        ensure!(
            text(&connection, "/status/installUrl").starts_with("https://connect.example.com/"),
            "{connection:#}"
        );
        let person = scene.app.people(&scene.sim).await?.remove(0);
        hand_over(&scene.sim, &scene.app, &bed, &bed, "ada", &person).await?;
        until(&bed, "ada", "Connected").await?;
        nothing_is_left(&scene).await?;
    }
    only_grant_is_usable(&scene).await
}

/// No code and no refresh token lies where nobody reads it.
async fn nothing_is_left(scene: &Scene) -> anyhow::Result<()> {
    wait_for("the consents are done", LIMIT, || async {
        let left = scene.bed.list("secrets", CONSENTS).await?;
        Ok(left.is_empty().then_some(()))
    })
    .await
}

/// The grant that Zoom has alive is the one that is stored, and it can be refreshed.
async fn only_grant_is_usable(scene: &Scene) -> anyhow::Result<()> {
    let path = format!("apps/{}/grants", scene.app.0.client_id);
    let alive = async || {
        let grants = scene.sim.admin("GET", &path, None).await?;
        let mut grants = grants.as_array().cloned().unwrap_or_default();
        grants.retain(|grant| grant["alive"] == true);
        ensure!(grants.len() == 1, "{grants:#?}");
        grants.pop().context("no grant")
    };
    let before = alive().await?;
    let generation = |grant: &Value| grant["generation"].as_u64().unwrap_or_default();
    let own = generation(&stored(&scene.bed, "ada").await?);
    refresh_now(&scene.bed, "ada").await?;
    wait_for("a refresh", LIMIT, || async {
        let now = alive().await?;
        let is_stored = generation(&stored(&scene.bed, "ada").await?) > own;
        Ok((is_stored && generation(&now) == generation(&before) + 1).then_some(()))
    })
    .await?;
    until(&scene.bed, "ada", "Connected").await?;
    Ok(())
}
