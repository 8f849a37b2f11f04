//! What people do at Zoom about an app: switch it off, leave, remove it, authorize again.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{Scene, refresh_now, stored, until, until_connection};
use crate::bed::{
    Bed, Case,
    object::{message, reason, status, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("connections::app_disabled_and_enabled_again", disabled),
        Case::new("connections::disabled_by_the_accounts_admin", by_admin),
        Case::new("connections::grants_that_zoom_ended", ended),
    ]
}

/// No consent is needed: the grant sleeps.
async fn disabled(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    scene
        .sim
        .patch_app(&scene.app.0, json!({"active": false}))
        .await?;
    refresh_now(&bed, "ada").await?;
    asleep(&scene, "AppDisabled").await?;
    scene
        .sim
        .patch_app(&scene.app.0, json!({"active": true}))
        .await?;
    until(&bed, "ada", "Connected").await?;
    let seen = scene.until_generation("ada", &minted, 2).await?;
    ensure!(seen.answered == 3, "{seen:?}");
    seen.ensure_sound()
}

async fn by_admin(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    let app = &scene.app.0;
    let path = format!("accounts/{}/apps/{}", app.account_id, app.client_id);
    let set = async |disabled: bool| {
        let policy = json!({"disabled": disabled});
        scene.sim.admin("PUT", &path, Some(&policy)).await
    };
    set(true).await?;
    refresh_now(&bed, "ada").await?;
    asleep(&scene, "DisabledByAdmin").await?;
    set(false).await?;
    until(&bed, "ada", "Connected").await?;
    let seen = scene.until_generation("ada", &minted, 2).await?;
    seen.ensure_sound()
}

/// The status says who must act, and the grant is kept.
async fn asleep(scene: &Scene, wanted: &str) -> anyhow::Result<()> {
    let connection = until(&scene.bed, "ada", wanted).await?;
    ensure!(text(&connection, "/status/phase") == "Disabled in Zoom");
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(text(&connection, "/status/grant/lost").is_empty());
    let grant = stored(&scene.bed, "ada").await?;
    ensure!(text(&grant, "/credential/refreshToken").len() > 20);
    ensure!(grant["intent"] == Value::Null, "{grant:#}");
    Ok(())
}

/// Each in its way, once and for all: the token is not sent a second time.
async fn ended(bed: Bed) -> anyhow::Result<()> {
    let (scene, removed) = Scene::connected(&bed).await?;
    let left = scene.connect("alan", 1).await?;
    let replaced = scene.connect("barbara", 2).await?;
    let expired = scene.connect("edsger", 3).await?;
    let app = &scene.app.0;
    let grant = |id: u64, what: &str| format!("apps/{}/grants/{id}/{what}", app.client_id);
    let deactivate = format!("accounts/{}/users/{}/deactivate", app.account_id, left.user);
    for path in [
        grant(removed.id, "deauthorize"),
        deactivate,
        grant(expired.id, "expire-refresh-token"),
    ] {
        scene.sim.admin("POST", &path, None).await?;
    }
    let newer = scene.app.mint(&scene.sim, &replaced.user).await?;

    for (name, minted, wanted) in [
        ("ada", &removed, "GrantLost"),
        ("alan", &left, "OwnerGone"),
        ("barbara", &replaced, "GrantLost"),
        ("edsger", &expired, "GrantLost"),
    ] {
        refresh_now(&bed, name).await?;
        let connection = until(&bed, name, wanted).await?;
        ensure!(text(&connection, "/status/phase") == "Reauthorization required");
        ensure!(status(&connection, "Stalled") == "True");
        ensure!(text(&connection, "/status/grant/lost") == wanted);
        // Without consent pages, an import is the way back.
        ensure!(message(&connection, "Ready").contains("importSecretRef"));
        let grant = stored(&bed, name).await?;
        ensure!(
            !text(&grant, "/loss/sealed/since").is_empty(),
            "{name}: not sealed"
        );
        let seen = scene.seen(minted).await?;
        ensure!(seen.answered == 2, "{name}: {seen:?}");
        seen.ensure_sound()?;
    }
    let requests = scene.requests().await?;
    scene.operator.restart().await?;
    for name in ["ada", "alan", "barbara", "edsger"] {
        scene
            .change(name, &json!({"externalRefs": {"crm": "1"}}))
            .await?;
        let connection = until_connection(&bed, name, "seen", |_| true).await?;
        ensure!(status(&connection, "Ready") == "False", "{name}");
    }
    ensure!(scene.requests().await? == requests);

    // The newer grant serves a person who authorized again.
    scene
        .app
        .import(&bed, "barbara", &newer, &json!({}))
        .await?;
    let connection = until(&bed, "barbara", "Connected").await?;
    ensure!(reason(&connection, "SubjectVerified") == "Verified");
    scene.until_generation("barbara", &newer, 1).await?;
    Ok(())
}
