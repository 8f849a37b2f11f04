//! The end of a connection: its tokens are erased, revoked or kept.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::{Scene, events, published, until, until_connection};
use crate::bed::{
    Bed, Case, Minted, Options,
    object::{reason, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("connections::deleted_with_their_tokens", delete),
        Case::new("connections::deleted_and_revoked", revoke),
        Case::new(
            "connections::deleted_in_the_foreground_and_revoked",
            revoke_in_the_foreground,
        ),
        Case::new(
            "connections::deleted_and_revoked_after_the_token_expired",
            revoke_late,
        ),
        Case::new("connections::deleted_while_zoom_is_down", patience),
        Case::new("connections::deleted_and_taken_up_again", retain),
        Case::new("connections::deletion_policy_changes", changed_mind),
        Case::new(
            "connections::deleted_after_revoke_became_delete",
            no_revocation_after_all,
        ),
    ]
}

/// A connection with this deletion policy.
async fn connected(bed: &Bed, policy: &str) -> anyhow::Result<(Scene, Minted)> {
    let scene = Scene::new(bed, &Options::default(), json!({}), &json!({})).await?;
    let minted = scene.mint(0).await?;
    let policy = json!({"token": {"deletionPolicy": policy}});
    scene.app.import(bed, "ada", &minted, &policy).await?;
    until(bed, "ada", "Connected").await?;
    Ok((scene, minted))
}

async fn until_erased(bed: &Bed) -> anyhow::Result<()> {
    for name in ["ada-zoom-grant", "ada-zoom-token"] {
        bed.until_gone("secrets", name).await?;
    }
    Ok(())
}

/// At Zoom the app stays installed, and there is no finalizer to hang on.
async fn delete(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = connected(&bed, "Delete").await?;
    let connection = bed.get("zoomconnections", "ada").await?;
    ensure!(connection["metadata"]["finalizers"] == Value::Null);
    let counted =
        |total: u64| move |object: &Value| object["status"]["connections"]["total"] == total;
    bed.until("app", "counted", counted(1)).await?;
    bed.delete("zoomconnections", "ada").await?;
    bed.until_gone("zoomconnections", "ada").await?;
    until_erased(&bed).await?;
    ensure!(
        bed.find("secrets", "ada-import").await?.is_some(),
        "not ours"
    );
    let seen = scene.seen(&minted).await?;
    ensure!(seen.alive && seen.answered == 1, "{seen:?}");
    bed.until("app", "without connections", counted(0)).await?;
    Ok(())
}

async fn revoke(bed: Bed) -> anyhow::Result<()> {
    revoked(bed, "background").await
}

/// Kubernetes erases everything that the connection owns before it lets the connection go.
async fn revoke_in_the_foreground(bed: Bed) -> anyhow::Result<()> {
    revoked(bed, "foreground").await
}

async fn revoked(bed: Bed, cascade: &str) -> anyhow::Result<()> {
    let (scene, minted) = connected(&bed, "Revoke").await?;
    let connection = bed.get("zoomconnections", "ada").await?;
    let finalizers = &connection["metadata"]["finalizers"];
    ensure!(*finalizers == json!(["zoom-operator.io/revoke"]));
    let cascade = format!("--cascade={cascade}");
    let said = bed.kubectl(&["delete", "zconn", "ada", &cascade]).await?;
    ensure!(said.success, "{}", said.stderr);
    bed.until_gone("zoomconnections", "ada").await?;
    until_erased(&bed).await?;
    let seen = scene.seen(&minted).await?;
    ensure!(!seen.alive && seen.dead_because == "revoked", "{seen:?}");
    ensure!(
        !events(&bed, "ada")
            .await?
            .contains(&"NotRevoked".to_owned())
    );
    Ok(())
}

/// Zoom revokes by a token that still works: the expired one is refreshed for that once more.
async fn revoke_late(bed: Bed) -> anyhow::Result<()> {
    let short = json!({"token_lifetime_seconds": 12});
    let scene = Scene::new(&bed, &Options::default(), short, &json!({})).await?;
    let minted = scene.mint(0).await?;
    let policy = json!({"token": {"deletionPolicy": "Revoke"}});
    scene.app.import(&bed, "ada", &minted, &policy).await?;
    until(&bed, "ada", "Connected").await?;
    bed.change("app", &json!({"suspend": true})).await?;
    until_connection(&bed, "ada", "expired while suspended", |connection| {
        let expires = text(connection, "/status/token/expiresAt").parse::<jiff::Timestamp>();
        text(connection, "/status/phase") == "Suspended"
            && expires.is_ok_and(|expires| expires < jiff::Timestamp::now())
    })
    .await?;
    bed.delete("zoomconnections", "ada").await?;
    bed.until_gone("zoomconnections", "ada").await?;
    until_erased(&bed).await?;
    let seen = scene.seen(&minted).await?;
    ensure!(seen.dead_because == "revoked", "{seen:?}");
    Ok(())
}

/// The deletion does not wait for Zoom longer than two minutes.
async fn patience(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = connected(&bed, "Revoke").await?;
    scene
        .sim
        .fault("down", "any", json!({"kind": "refuse"}))
        .await?;
    bed.delete("zoomconnections", "ada").await?;
    let since = Instant::now();
    wait_for("the connection goes", Duration::from_mins(3), || async {
        let found = bed.find("zoomconnections", "ada").await?;
        Ok(found.is_none().then_some(()))
    })
    .await?;
    let took = since.elapsed();
    ensure!(took > Duration::from_mins(1), "no second attempt: {took:?}");
    ensure!(took < Duration::from_secs(160), "too patient: {took:?}");
    until_erased(&bed).await?;
    let told = events(&bed, "ada").await?;
    ensure!(told.contains(&"NotRevoked".to_owned()), "{told:?}");
    ensure!(scene.seen(&minted).await?.alive);
    Ok(())
}

/// A connection of the same name goes on where the other ended, without a consent and without a request.
async fn retain(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = connected(&bed, "Retain").await?;
    let token = published(&bed, "ada").await?;
    for name in ["ada-zoom-grant", "ada-zoom-token"] {
        let secret = bed.get("secrets", name).await?;
        let owners = secret["metadata"]["ownerReferences"].as_array();
        ensure!(owners.is_none_or(Vec::is_empty), "{name} is owned");
    }
    bed.delete("zoomconnections", "ada").await?;
    bed.until_gone("zoomconnections", "ada").await?;
    bed.delete("secrets", "ada-import").await?;
    for name in ["ada-zoom-grant", "ada-zoom-token"] {
        bed.get("secrets", name).await?;
    }

    bed.apply(&scene.app.connection("ada", &json!({}))).await?;
    let connection = until(&bed, "ada", "Connected").await?;
    ensure!(text(&connection, "/status/subject/email") == minted.user);
    ensure!(published(&bed, "ada").await? == token);
    ensure!(scene.requests().await? == 1);
    scene.until_generation("ada", &minted, 1).await?;
    // This one has the default policy: what it took up is its own now.
    for name in ["ada-zoom-grant", "ada-zoom-token"] {
        bed.until_object("secrets", name, "owned", |secret| {
            secret["metadata"]["ownerReferences"][0]["uid"] == connection["metadata"]["uid"]
        })
        .await?;
    }
    bed.delete("zoomconnections", "ada").await?;
    until_erased(&bed).await
}

async fn changed_mind(bed: Bed) -> anyhow::Result<()> {
    let (scene, _) = connected(&bed, "Delete").await?;
    let policy = |policy: &str| json!({"token": {"deletionPolicy": policy}});
    let finalizers = |connection: &Value| connection["metadata"]["finalizers"].clone();
    scene.change("ada", &policy("Revoke")).await?;
    until_connection(&bed, "ada", "with finalizer", |connection| {
        finalizers(connection) == json!(["zoom-operator.io/revoke"])
    })
    .await?;
    scene.change("ada", &policy("Retain")).await?;
    until_connection(&bed, "ada", "without finalizer", |connection| {
        finalizers(connection) == Value::Null && reason(connection, "Ready") == "Connected"
    })
    .await?;
    for name in ["ada-zoom-grant", "ada-zoom-token"] {
        bed.until_object("secrets", name, "not owned", |secret| {
            let owners = secret["metadata"]["ownerReferences"].as_array();
            owners.is_none_or(Vec::is_empty)
        })
        .await?;
    }
    ensure!(scene.requests().await? == 1);
    Ok(())
}

/// The integration is suspended, so that no pass comes to the grant for another reason.
async fn no_revocation_after_all(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = connected(&bed, "Revoke").await?;
    bed.change("app", &json!({"suspend": true})).await?;
    until_connection(&bed, "ada", "suspended", |connection| {
        text(connection, "/status/phase") == "Suspended"
    })
    .await?;
    let policy = json!({"token": {"deletionPolicy": "Delete"}});
    scene.change("ada", &policy).await?;
    let connection = until_connection(&bed, "ada", "without finalizer", |connection| {
        connection["metadata"]["finalizers"] == Value::Null
    })
    .await?;
    // Nothing waits for a later pass: the grant is owned as soon as the finalizer is gone.
    let grant = bed.get("secrets", "ada-zoom-grant").await?;
    let owner = &grant["metadata"]["ownerReferences"][0]["uid"];
    ensure!(*owner == connection["metadata"]["uid"], "{owner}");
    bed.delete("zoomconnections", "ada").await?;
    bed.until_gone("zoomconnections", "ada").await?;
    until_erased(&bed).await?;
    ensure!(scene.seen(&minted).await?.alive);
    Ok(())
}
