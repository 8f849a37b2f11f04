//! The life of a grant: taken over, refreshed at its access token's own expiry, taken over again.

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Scene, events, published, refresh_now, stored, until, until_connection, until_published,
};
use crate::bed::{
    Bed, Case, LIMIT, Options,
    object::{key, message, reason, status, text},
    secret, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("connections::private_secret_is_nobodys", private),
        Case::new("connections::refreshed_at_its_own_expiry", own_expiry),
        Case::new("connections::another_grant_is_taken_over", another_grant),
        Case::new("connections::grant_to_import_comes_late", late_import),
        Case::new(
            "connections::import_that_zoom_refuses_is_tried_once",
            spent_import,
        ),
    ]
}

async fn private(bed: Bed) -> anyhow::Result<()> {
    let (scene, minted) = Scene::connected(&bed).await?;
    let connection = bed.get("zoomconnections", "ada").await?;
    let private = bed.get("secrets", "ada-zoom-grant").await?;
    ensure!(private["type"] == "zoom-operator.io/grant", "{private:#}");
    let keys: Vec<&String> = private["data"].as_object().unwrap().keys().collect();
    ensure!(
        keys == ["grant", "identity", "imported", "namespace-uid"],
        "{keys:?}"
    );
    let labels = &private["metadata"]["labels"];
    ensure!(labels["app.kubernetes.io/managed-by"] == "zoom-operator");
    ensure!(labels["zoom-operator.io/connection"] == "ada");
    for name in ["ada-zoom-grant", "ada-zoom-token"] {
        let secret = bed.get("secrets", name).await?;
        let owner = &secret["metadata"]["ownerReferences"][0];
        ensure!(
            owner["kind"] == "ZoomConnection"
                && owner["controller"] == true
                && owner["uid"] == connection["metadata"]["uid"],
            "{name}: {owner:#}"
        );
    }

    // Neither the refresh token that is alive nor the one that was handed over is anywhere else.
    let grant = stored(&bed, "ada").await?;
    let alive = text(&grant, "/credential/refreshToken");
    ensure!(alive.len() > 20 && alive != minted.refresh_token);
    let public = bed.get("secrets", "ada-zoom-token").await?;
    for (name, _) in public["data"].as_object().unwrap() {
        let value = key(&public, name);
        ensure!(!value.contains(alive), "{name} holds the refresh token");
    }
    ensure!(key(&public, "access-token") == text(&grant, "/access/token"));
    ensure!(text(&grant, "/intent/begun").is_empty(), "{grant:#}");
    let connection = connection.to_string();
    ensure!(!connection.contains(alive) && !connection.contains(&minted.refresh_token));

    for pod in bed.list("pods", "").await? {
        let pod = pod["spec"].to_string();
        ensure!(!pod.contains("-zoom-grant"), "{pod}");
    }
    scene.seen(&minted).await?.ensure_sound()?;
    ensure!(scene.requests().await? == 1);
    Ok(())
}

/// A token that lives 16 seconds is replaced after some twelve, again and again.
async fn own_expiry(bed: Bed) -> anyhow::Result<()> {
    let short = json!({"token_lifetime_seconds": 16});
    let scene = Scene::new(&bed, &Options::default(), short, &json!({})).await?;
    let minted = scene.connect("ada", 0).await?;
    let mut tokens = vec![published(&bed, "ada").await?];
    for generation in 2..5 {
        until_published(&bed, "ada", generation).await?;
        let token = published(&bed, "ada").await?;
        ensure!(!tokens.contains(&token), "a token came back");
        tokens.push(token);
    }
    let path = format!("apps/{}/requests", scene.app.0.client_id);
    let log = scene.sim.admin("GET", &path, None).await?;
    let times: Vec<Timestamp> = log
        .as_array()
        .into_iter()
        .flatten()
        // Not the one that tried the app's credentials.
        .filter(|request| request["outcome"] == "issued")
        .map(|request| text(request, "/at").parse())
        .collect::<Result<_, _>>()?;
    ensure!(times.len() >= 4, "{times:?}");
    let mut expired = false;
    for pair in times.windows(2) {
        let after = pair[1].duration_since(pair[0]).as_secs_f64();
        // On a slow machine it may be late.
        ensure!(after >= 10.0, "refreshed after {after} s");
        expired |= after > 14.0;
    }
    // 20 to 30 per cent of the life are left, in whole seconds.
    let planned = bed.get("zoomconnections", "ada").await?;
    let at = |pointer: &str| anyhow::Ok(text(&planned, pointer).parse::<Timestamp>()?.as_second());
    let left = at("/status/token/expiresAt")? - at("/status/token/refreshAt")?;
    ensure!((2..=6).contains(&left), "{left} s");
    let seen = scene.seen(&minted).await?;
    seen.ensure_sound()?;
    ensure!(seen.alive && seen.generation >= 4, "{seen:?}");
    let connected = events(&bed, "ada").await?;
    ensure!(
        expired || connected == ["Connected"],
        "a refresh is no news: {connected:?}"
    );
    Ok(())
}

/// Another value in the import Secret begins again, while consumers never miss a token.
async fn another_grant(bed: Bed) -> anyhow::Result<()> {
    let (scene, first) = Scene::connected(&bed).await?;
    let old = published(&bed, "ada").await?;
    // Zoom invalidates the first: that is what another authorization does.
    let second = scene.mint(0).await?;
    let token = second.refresh_token.as_bytes();
    bed.apply(&secret("ada-import", &[("refresh-token", token)]))
        .await?;
    // Whether the connection's own still works, Zoom says at its next use.
    until_connection(&bed, "ada", "the import waits", |connection| {
        message(connection, "Ready").contains("holds another refresh token")
    })
    .await?;
    ensure!(scene.requests().await? == 1);
    refresh_now(&bed, "ada").await?;
    wait_for("a token of the other grant", LIMIT, || async {
        let token = published(&bed, "ada").await?;
        ensure!(!token.is_empty(), "consumers find nothing");
        Ok((token != old).then_some(()))
    })
    .await?;
    let connection = until(&bed, "ada", "Connected").await?;
    ensure!(status(&connection, "SubjectVerified") == "True");
    let (first, second) = (scene.seen(&first).await?, scene.seen(&second).await?);
    ensure!(
        first.dead_because == "replaced" && first.answered == 2,
        "{first:?}"
    );
    ensure!(second.alive && second.generation == 1, "{second:?}");
    second.ensure_sound()?;

    // Written once more, it is no other value.
    let touched = json!({"metadata": {"annotations": {"example.com/touched": "true"}}});
    bed.patch("secrets", "ada-import", &touched).await?;
    bed.patch("zoomconnections", "ada", &touched).await?;
    scene
        .change("ada", &json!({"externalRefs": {"crm": "1"}}))
        .await?;
    until_connection(&bed, "ada", "seen", |_| true).await?;
    ensure!(scene.requests().await? == 3);
    Ok(())
}

async fn late_import(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let minted = scene.mint(0).await?;
    let import = json!({"importSecretRef": {"name": "late"}});
    bed.apply(&scene.app.connection("ada", &import)).await?;
    let connection = until(&bed, "ada", "AwaitingImport").await?;
    ensure!(text(&connection, "/status/phase") == "Awaiting credentials");
    ensure!(status(&connection, "Reconciling") == "True");
    ensure!(message(&connection, "Ready").contains("Secret late"));

    let token = minted.refresh_token.as_bytes();
    bed.apply(&secret("late", &[("token", token)])).await?;
    until_connection(&bed, "ada", "the key is missing", |connection| {
        message(connection, "Ready").contains("has no key refresh-token")
    })
    .await?;
    ensure!(scene.requests().await? == 0);
    bed.apply(&secret("late", &[("refresh-token", token)]))
        .await?;
    until(&bed, "ada", "Connected").await?;
    scene.until_generation("ada", &minted, 1).await?;
    Ok(())
}

/// What Zoom refuses is never sent again, not even by the next process, until there is another.
async fn spent_import(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let minted = scene.mint(0).await?;
    let path = format!(
        "apps/{}/grants/{}/expire-refresh-token",
        scene.app.0.client_id, minted.id
    );
    scene.sim.admin("POST", &path, None).await?;
    scene.app.import(&bed, "ada", &minted, &json!({})).await?;
    let connection = until(&bed, "ada", "GrantLost").await?;
    ensure!(text(&connection, "/status/phase") == "Reauthorization required");
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(text(&connection, "/status/grant/lost") == "GrantLost");
    ensure!(bed.find("secrets", "ada-zoom-token").await?.is_none());
    let grant = stored(&bed, "ada").await?;
    ensure!(
        !text(&grant, "/credential/refreshToken").is_empty(),
        "not sealed"
    );
    ensure!(!text(&grant, "/loss/sealed/since").is_empty(), "{grant:#}");

    let import = bed.get("secrets", "ada-import").await?;
    bed.apply(&scene.app.0.secret()).await?;
    bed.patch(
        "secrets",
        "ada-import",
        &json!({"metadata": {"labels": {"a": "b"}}}),
    )
    .await?;
    scene.operator.restart().await?;
    scene
        .change("ada", &json!({"externalRefs": {"crm": "1"}}))
        .await?;
    let connection = until(&bed, "ada", "GrantLost").await?;
    ensure!(reason(&connection, "TokenFresh") == "GrantLost");
    ensure!(scene.requests().await? == 1, "sent again");
    ensure!(bed.get("secrets", "ada-import").await?["data"] == import["data"]);

    let another = scene.mint(0).await?;
    let token = another.refresh_token.as_bytes();
    bed.apply(&secret("ada-import", &[("refresh-token", token)]))
        .await?;
    let connection = until(&bed, "ada", "Connected").await?;
    ensure!(connection["status"]["grant"]["lost"] == Value::Null);
    scene.until_generation("ada", &another, 1).await?;
    Ok(())
}
