//! Whose grant it is: compared before any consumer finds a token.

use anyhow::ensure;
use serde_json::json;

use super::{Scene, refresh_now, until, until_connection};
use crate::bed::{
    Bed, Case, Options,
    object::{message, reason, status, text},
    secret,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("connections::somebody_else_authorized", wrong_person),
        Case::new("connections::whoever_came_first_stays", pinned),
        Case::new("connections::zoom_may_not_tell_who_it_is", untold),
        Case::new("connections::two_connections_of_one_person", twice),
    ]
}

async fn wrong_person(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;
    let minted = scene.mint(1).await?;
    let ada = scene.app.people(&scene.sim).await?.remove(0);
    let expected = json!({"subject": {"email": ada}});
    scene.app.import(&bed, "ada", &minted, &expected).await?;
    let connection = until(&bed, "ada", "WrongSubject").await?;
    ensure!(text(&connection, "/status/phase") == "Degraded");
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(status(&connection, "SubjectVerified") == "False");
    ensure!(text(&connection, "/status/subject/email").is_empty());
    ensure!(bed.find("secrets", "ada-zoom-token").await?.is_none());

    // Another account's, too.
    scene
        .change(
            "ada",
            &json!({"subject": {"email": null, "accountId": "another"}}),
        )
        .await?;
    until_connection(&bed, "ada", "the other account", |connection| {
        reason(connection, "Ready") == "WrongSubject"
            && message(connection, "Ready").contains("subject.accountId")
    })
    .await?;
    ensure!(bed.find("secrets", "ada-zoom-token").await?.is_none());

    // It was meant for this person after all: Zoom is not asked again. The case of letters says nothing.
    let corrected = json!({"subject": {"accountId": null, "email": minted.user.to_uppercase()}});
    scene.change("ada", &corrected).await?;
    let connection = until(&bed, "ada", "Connected").await?;
    ensure!(text(&connection, "/status/subject/email") == minted.user);
    let seen = scene.until_generation("ada", &minted, 1).await?;
    ensure!(scene.requests().await? == 1);
    seen.ensure_sound()
}

/// Without an expectation, the first person is the one.
async fn pinned(bed: Bed) -> anyhow::Result<()> {
    let (scene, _) = Scene::connected(&bed).await?;
    let first = bed.get("zoomconnections", "ada").await?;
    let other = scene.mint(1).await?;
    let token = other.refresh_token.as_bytes();
    bed.apply(&secret("ada-import", &[("refresh-token", token)]))
        .await?;
    // It replaces no grant that works.
    bed.until_object(
        "zoomconnections",
        "ada",
        "says that it waits",
        |connection| message(connection, "Ready").contains("holds another refresh token"),
    )
    .await?;
    ensure!(scene.requests().await? == 1);
    bed.delete("secrets", "ada-zoom-grant").await?;
    let connection = until(&bed, "ada", "WrongSubject").await?;
    ensure!(message(&connection, "Ready").contains("different person authorized"));
    ensure!(connection["status"]["subject"] == first["status"]["subject"]);
    // What the first person gave is of use until it expires; nothing of the other's is published.
    let private = super::stored(&bed, "ada").await?;
    let public = super::published(&bed, "ada").await?;
    ensure!(public != text(&private, "/access/token"));
    Ok(())
}

/// The app has no scope by which Zoom would tell.
async fn untold(bed: Bed) -> anyhow::Result<()> {
    let scopes = ["meeting:read:meeting"];
    let settings = json!({"scopes": scopes});
    let spec = json!({"scopes": {"required": scopes}});
    let scene = Scene::new(&bed, &Options::default(), settings, &spec).await?;
    scene.connect("anybody", 0).await?;
    let connection = bed.get("zoomconnections", "anybody").await?;
    ensure!(status(&connection, "SubjectVerified") == "Unknown");
    ensure!(reason(&connection, "SubjectVerified") == "NotTold");
    ensure!(bed.find("secrets", "anybody-zoom-token").await?.is_some());

    let minted = scene.mint(1).await?;
    let expected = json!({"subject": {"email": minted.user}});
    scene.app.import(&bed, "alan", &minted, &expected).await?;
    let connection = until(&bed, "alan", "SubjectUnverifiable").await?;
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(message(&connection, "Ready").contains("user:read:user"));
    ensure!(bed.find("secrets", "alan-zoom-token").await?.is_none());
    // The other way out that the message names.
    scene.change("alan", &json!({"subject": null})).await?;
    until(&bed, "alan", "Connected").await?;
    ensure!(scene.requests().await? == 2);
    Ok(())
}

/// Zoom keeps one grant for each user and app: the second invalidates the first.
async fn twice(bed: Bed) -> anyhow::Result<()> {
    let (scene, first) = Scene::connected(&bed).await?;
    let second = scene.mint(0).await?;
    scene.app.import(&bed, "again", &second, &json!({})).await?;
    let connection = until(&bed, "again", "SubjectAlreadyConnected").await?;
    ensure!(status(&connection, "Stalled") == "True");
    ensure!(message(&connection, "Ready").contains("ZoomConnection ada"));
    ensure!(bed.find("secrets", "again-zoom-token").await?.is_none());
    refresh_now(&bed, "ada").await?;
    until(&bed, "ada", "GrantLost").await?;
    ensure!(scene.seen(&first).await?.dead_because == "replaced");

    // As the message says: one of the two goes.
    bed.delete("zoomconnections", "ada").await?;
    until(&bed, "again", "Connected").await?;
    let seen = scene.until_generation("again", &second, 1).await?;
    seen.ensure_sound()
}
