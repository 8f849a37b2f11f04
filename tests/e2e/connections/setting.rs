//! What a connection needs around it: an integration of the right kind that is not suspended.

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::json;

use super::{Scene, stored, until, until_connection, until_published};
use crate::bed::{
    App, Bed, Case, LIMIT, Options, Tenant,
    object::{message, reason, status, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("connections::suspended_with_their_integration", suspended),
        Case::new("connections::integration_comes_later", later),
        Case::new("connections::integration_of_the_wrong_kind", wrong_kind),
        Case::new("connections::each_hears_of_the_others_end", ends),
        Case::new("connections::consent_is_somebody_elses", external),
        Case::new("connections::credentials_come_later", credentials),
    ]
}

/// The integration counts no connection that is gone; a connection says that its integration is gone.
async fn ends(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    scene.connect("ada", 0).await?;
    scene.connect("grace", 4).await?;
    bed.until("app", "both are counted", |app| {
        app["status"]["connections"] == json!({"total": 2, "connected": 2})
    })
    .await?;
    bed.delete("zoomconnections", "grace").await?;
    bed.until("app", "one is counted", |app| {
        app["status"]["connections"] == json!({"total": 1, "connected": 1})
    })
    .await?;
    bed.delete("zoomintegrations", "app").await?;
    until_connection(&bed, "ada", "without integration", |connection| {
        reason(connection, "Ready") == "IntegrationNotFound"
    })
    .await?;
    Ok(())
}

/// Nothing is refreshed, and nothing is lost: the refresh token outlives the access token by far.
async fn suspended(bed: Bed) -> anyhow::Result<()> {
    let short = json!({"token_lifetime_seconds": 14});
    let scene = Scene::new(&bed, &Options::default(), short, &json!({})).await?;
    let minted = scene.connect("ada", 0).await?;
    bed.change("app", &json!({"suspend": true})).await?;
    until_connection(&bed, "ada", "suspended", |connection| {
        text(connection, "/status/phase") == "Suspended"
    })
    .await?;
    let requests = scene.requests().await?;
    let grant = stored(&bed, "ada").await?;
    let expires: Timestamp = text(&grant, "/access/expiresAt").parse()?;
    wait_for("the token expires", LIMIT, || async {
        Ok((Timestamp::now() > expires).then_some(()))
    })
    .await?;
    scene
        .change("ada", &json!({"externalRefs": {"crm": "1"}}))
        .await?;
    until_connection(&bed, "ada", "still suspended", |connection| {
        text(connection, "/status/phase") == "Suspended"
    })
    .await?;
    ensure!(scene.requests().await? == requests);
    let generation = grant["generation"].as_u64().unwrap_or_default();

    bed.change("app", &json!({"suspend": null})).await?;
    until_published(&bed, "ada", generation + 1).await?;
    let connection = until(&bed, "ada", "Connected").await?;
    ensure!(text(&connection, "/status/phase") == "Connected");
    let seen = scene.seen(&minted).await?;
    ensure!(seen.alive, "{seen:?}");
    seen.ensure_sound()
}

async fn later(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let late = App::general("late");
    late.register(&scene.sim, json!({})).await?;
    let person = late.people(&scene.sim).await?.remove(0);
    let minted = late.mint(&scene.sim, &person).await?;
    late.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "IntegrationNotFound").await?;
    ensure!(text(&connection, "/status/phase") == "Connecting");
    ensure!(message(&connection, "Ready").contains("ZoomIntegration late"));
    bed.apply(&late.0.secret()).await?;
    bed.apply(&late.manifest(&json!({}))).await?;
    until(&bed, "ada", "Connected").await?;

    // It goes and comes back while the connection stays: what is there is kept.
    bed.delete("zoomintegrations", "late").await?;
    scene
        .change("ada", &json!({"externalRefs": {"crm": "1"}}))
        .await?;
    let connection = until(&bed, "ada", "IntegrationNotFound").await?;
    ensure!(text(&connection, "/status/phase") == "Degraded");
    ensure!(bed.find("secrets", "ada-zoom-grant").await?.is_some());
    ensure!(bed.find("secrets", "ada-zoom-token").await?.is_some());
    bed.apply(&late.manifest(&json!({}))).await?;
    until(&bed, "ada", "Connected").await?;
    ensure!(late.grant_requests(&scene.sim).await? == 1);
    Ok(())
}

async fn wrong_kind(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let minted = scene.mint(0).await?;
    let other = App(Tenant::server_to_server("other"));
    other
        .0
        .declare(&bed, &scene.sim, json!({}), &other.0.manifest())
        .await?;
    bed.until_reason("other", "Connected").await?;
    other.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "NotAGeneralApp").await?;
    ensure!(text(&connection, "/status/phase") == "Degraded");
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(
        scene.sim.token_requests(&other.0).await? == 1,
        "only its own"
    );
    ensure!(scene.seen(&minted).await?.answered == 0);
    ensure!(bed.find("secrets", "ada-zoom-token").await?.is_none());
    Ok(())
}

/// In the mode External the tenant's own back end has the grants, and there is no link.
async fn external(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    bed.apply(&scene.app.connection("ada", &json!({}))).await?;
    let connection = until(&bed, "ada", "ConsentIsExternal").await?;
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(message(&connection, "Ready").contains("importSecretRef"));
    ensure!(text(&connection, "/status/installUrl").is_empty());
    ensure!(scene.requests().await? == 0);

    // The operator's own consent needs its pages, which this operator has not.
    let own = json!({"oauth": {"redirectUrl": null, "consent": {"mode": "Operator"}}});
    bed.change("app", &own).await?;
    let connection = until(&bed, "ada", "NotSupported").await?;
    ensure!(message(&connection, "Ready").contains("connect.url"));
    Ok(())
}

async fn credentials(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    bed.delete("secrets", &scene.app.0.secret_name()).await?;
    let minted = scene.mint(0).await?;
    scene.app.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "AwaitingCredentials").await?;
    ensure!(text(&connection, "/status/phase") == "Awaiting credentials");
    ensure!(reason(&connection, "Reconciling") == "AwaitingCredentials");
    ensure!(scene.requests().await? == 0);
    bed.apply(&scene.app.0.secret()).await?;
    until(&bed, "ada", "Connected").await?;
    scene.until_generation("ada", &minted, 1).await?;
    Ok(())
}
