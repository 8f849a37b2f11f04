//! Somebody else touches the Secrets of a connection, or had them first.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{Scene, published, until, until_connection, until_published};
use crate::bed::{
    App, Bed, Case, LIMIT, Options,
    object::{key, message, reason, status, text},
    secret, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "connections::consumers_secret_is_restored_without_zoom",
            restored,
        ),
        Case::new("connections::grant_deleted_by_hand", deleted_grant),
        Case::new("connections::grant_changed_by_hand", broken_grant),
        Case::new("connections::names_of_somebody_elses_secrets", foreign),
        Case::new("connections::consumers_secret_gets_another_name", renamed),
        Case::new("connections::token_under_the_name_of_the_grant", misnamed),
        Case::new("connections::grant_copied_from_elsewhere", copied),
    ]
}

/// The grant holds the access token: nobody has to ask Zoom for what consumers lost.
async fn restored(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    let token = published(&bed, "ada").await?;
    let before = bed.get("secrets", "ada-zoom-token").await?;
    for change in [
        json!({"stringData": {"access-token": "another"}}),
        json!({"data": {"expires-at": null}}),
    ] {
        bed.patch("secrets", "ada-zoom-token", &change).await?;
        bed.until_object("secrets", "ada-zoom-token", "restored", |secret| {
            secret["data"] == before["data"]
        })
        .await?;
    }
    bed.delete("secrets", "ada-zoom-token").await?;
    bed.until_object("secrets", "ada-zoom-token", "made again", |secret| {
        key(secret, "access-token") == token
            && secret["metadata"]["uid"] != before["metadata"]["uid"]
    })
    .await?;
    until(&bed, "ada", "Connected").await?;
    ensure!(scene.requests().await? == 1);
    scene.until_generation("ada", &minted, 1).await?;
    Ok(())
}

/// A loss that nobody can avoid: the status says so, and what was spent before is not sent once more.
async fn deleted_grant(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    bed.delete("secrets", "ada-zoom-grant").await?;
    let connection = until_connection(&bed, "ada", "the loss", |connection| {
        text(connection, "/status/phase") == "Reauthorization required"
    })
    .await?;
    ensure!(status(&connection, "Stalled") == "True", "{connection:#}");
    ensure!(reason(&connection, "Ready") == "GrantDeleted");
    let seen = scene.seen(&minted).await?;
    ensure!(seen.alive && seen.answered == 1, "{seen:?}");
    seen.ensure_sound()?;

    // The way out.
    let another = scene.mint(0).await?;
    let token = another.refresh_token.as_bytes();
    bed.apply(&secret("ada-import", &[("refresh-token", token)]))
        .await?;
    until(&bed, "ada", "Connected").await?;
    scene.until_generation("ada", &another, 1).await?;
    Ok(())
}

async fn broken_grant(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    let before = bed.get("secrets", "ada-zoom-grant").await?;
    let broken = json!({"stringData": {"grant": "{"}});
    bed.patch("secrets", "ada-zoom-grant", &broken).await?;
    let connection = until(&bed, "ada", "SecretConflict").await?;
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(message(&connection, "Ready").contains("changed by hand"));
    let now = bed.get("secrets", "ada-zoom-grant").await?;
    ensure!(key(&now, "grant") == "{", "overwritten");
    // Put back, it is as good as before.
    let restored = json!({"data": before["data"]});
    bed.patch("secrets", "ada-zoom-grant", &restored).await?;
    until(&bed, "ada", "Connected").await?;
    ensure!(scene.requests().await? == 1);
    scene.until_generation("ada", &minted, 1).await?;
    Ok(())
}

async fn foreign(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let minted = scene.mint(0).await?;
    let mut theirs = Vec::new();
    for name in ["ada-zoom-grant", "ada-zoom-token"] {
        theirs.push(bed.create(&secret(name, &[("grant", b"theirs")])).await?);
    }
    scene.app.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "SecretConflict").await?;
    ensure!(text(&connection, "/status/phase") == "Degraded");
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(message(&connection, "Ready").contains("-zoom-grant"));
    ensure!(scene.requests().await? == 0, "nowhere to store it");
    ensure!(bed.get("secrets", "ada-zoom-grant").await? == theirs[0]);

    bed.delete("secrets", "ada-zoom-grant").await?;
    until_connection(&bed, "ada", "the other conflict", |connection| {
        message(connection, "Ready").contains("Secret ada-zoom-token exists")
    })
    .await?;
    ensure!(bed.get("secrets", "ada-zoom-token").await? == theirs[1]);
    bed.delete("secrets", "ada-zoom-token").await?;
    until(&bed, "ada", "Connected").await?;
    ensure!(scene.requests().await? == 1);
    scene.until_generation("ada", &minted, 1).await?;
    Ok(())
}

async fn renamed(bed: Bed) -> anyhow::Result<()> {
    let (scene, _) = Scene::connected(&bed).await?;
    let token = published(&bed, "ada").await?;
    scene
        .change("ada", &json!({"token": {"secretName": "elsewhere"}}))
        .await?;
    bed.until_object("secrets", "elsewhere", "there", |secret| {
        key(secret, "access-token") == token
    })
    .await?;
    bed.until_gone("secrets", "ada-zoom-token").await?;
    until_connection(&bed, "ada", "the other name", |connection| {
        text(connection, "/status/token/secretName") == "elsewhere"
            && reason(connection, "Ready") == "Connected"
    })
    .await?;
    ensure!(scene.requests().await? == 1);
    Ok(())
}

/// A wrong name that is put back costs neither the grant nor the token.
async fn misnamed(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    let token = published(&bed, "ada").await?;
    let uid = |secret: &Value| secret["metadata"]["uid"].clone();
    let grant = uid(&bed.get("secrets", "ada-zoom-grant").await?);
    scene
        .change("ada", &json!({"token": {"secretName": "ada-zoom-grant"}}))
        .await?;
    let connection = until(&bed, "ada", "SecretConflict").await?;
    ensure!(text(&connection, "/status/token/secretName") == "ada-zoom-token");
    ensure!(published(&bed, "ada").await? == token);

    scene.change("ada", &json!({"token": null})).await?;
    until(&bed, "ada", "Connected").await?;
    ensure!(published(&bed, "ada").await? == token);
    ensure!(uid(&bed.get("secrets", "ada-zoom-grant").await?) == grant);
    ensure!(scene.requests().await? == 1);
    scene.until_generation("ada", &minted, 1).await?;
    Ok(())
}

/// Whoever holds the original may spend it: a copy in another namespace is refused before Zoom hears of it.
async fn copied(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["copy"], async |[neighbour]| copy(&bed, neighbour).await)
        .await
}

async fn copy(bed: &Bed, neighbour: &Bed) -> anyhow::Result<()> {
    let options = Options::default().serving(&[bed, neighbour]);
    let scene = Scene::new(bed, &options, json!({}), &json!({})).await?;
    let minted = scene.connect("ada", 0).await?;
    let app: &App = &scene.app;
    neighbour.apply(&app.0.secret()).await?;
    neighbour.apply(&app.manifest(&json!({}))).await?;
    let original = bed.get("secrets", "ada-zoom-grant").await?;
    let copy = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "ada-zoom-grant", "labels": original["metadata"]["labels"]},
        "type": original["type"],
        "data": original["data"],
    });
    neighbour.create(&copy).await?;
    neighbour.apply(&app.connection("ada", &json!({}))).await?;
    let connection = until(neighbour, "ada", "GrantCopied").await?;
    ensure!(text(&connection, "/status/phase") == "Reauthorization required");
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(neighbour.find("secrets", "ada-zoom-token").await?.is_none());
    // Also when it would be due.
    super::refresh_now(neighbour, "ada").await?;
    super::refresh_now(bed, "ada").await?;
    until_published(bed, "ada", 2).await?;
    until(neighbour, "ada", "GrantCopied").await?;
    let seen = scene.until_generation("ada", &minted, 2).await?;
    seen.ensure_sound()?;
    ensure!(scene.requests().await? == 2, "the copy was spent");

    // Taking over a grant of its own ends it.
    let other = scene.mint(1).await?;
    app.import(neighbour, "ada", &other, &json!({})).await?;
    until(neighbour, "ada", "Connected").await?;
    wait_for("the neighbour's own token", LIMIT, || async {
        let token: Value = neighbour.get("secrets", "ada-zoom-token").await?;
        Ok((key(&token, "access-token") != published(bed, "ada").await?).then_some(()))
    })
    .await?;
    Ok(())
}
