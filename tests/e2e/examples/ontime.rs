//! `OnTime`: a private, user-managed app for several servers, without events; each user authorizes.

use anyhow::ensure;
use serde_json::json;

use super::{
    ensure_next, ensure_scopes, is_connected, is_ready_to_install,
    record::Run,
    scene::{Scene, World},
    state, step,
};
use crate::bed::{
    Bed,
    object::{status, text},
};

const HANAKO: &str = "hanako@corp.example";
const TARO: &str = "taro@corp.example";
/// The first nine; the others are about Webex.
const MANUAL: u32 = 9;

const WORLD: World = World {
    classic: true,
    users: &[(HANAKO, false), (TARO, false)],
    pages: false,
};

/// No event is declared, and so there is no receiver to wait for.
pub async fn run(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::open(&bed, "ontime", WORLD).await?;
    scene.apply("integration.yaml").await?;
    scene.person("ontime").before("Install").works().await?;
    let goal = scene
        .until("ontime", "ready to install", |object| {
            is_ready_to_install(object) && state(object, "Credentials") == "Done"
        })
        .await?;
    ensure!(status(&goal, "Ready") == "True");
    ensure!(step(&goal, "Endpoint").is_null() && step(&goal, "SecretToken").is_null());
    for kind in ["deployments", "statefulsets", "services"] {
        let receivers = bed
            .list(kind, "app.kubernetes.io/name=zoom-receiver")
            .await?;
        ensure!(receivers.is_empty(), "{receivers:?}");
    }
    let careful = step(&goal, "Install")["careful"].to_string();
    ensure!(careful.contains("Change Now"), "{careful}");
    RUN.keep(&scene, &goal)?;
    let walk = scene.person("ontime").user(HANAKO).works().await?;
    ensure_scopes(walk.scope.as_deref(), &goal)
}

const RUN: Run = Run {
    integration: "ontime",
    file: "integration.yaml",
    manual: MANUAL,
};

/// With the operator's own consent, and a grant for each user. Another redirect URL is pasted; then one of the two users
/// does not authorize.
pub async fn mistakes(bed: Bed) -> anyhow::Result<()> {
    let world = World {
        classic: false,
        pages: true,
        ..WORLD
    };
    let name = "ontime-consent";
    let scene = Scene::open(&bed, "ontime", world).await?;
    scene.apply("with-consent.yaml").await?;
    let person = || {
        scene
            .person(name)
            .people("hanako", HANAKO)
            .people("taro", TARO)
    };

    let elsewhere = "https://connect.example.com/callback/elsewhere";
    let paste = |field: &str| json!({"action": "Paste", "field": field, "value": elsewhere});
    let slip = json!({"entries": [paste("OAuth Redirect URL"), paste("OAuth Allow Lists")]});
    let words = person().slips("Redirect", &slip).gets_stuck().await?;
    ensure!(words.contains("Invalid redirect url (4700)"), "{words}");
    let object = scene.until(name, "the setup stops", |_| true).await?;
    ensure_next(&object, "Open the installation link")?;
    ensure!(state(&object, "Redirect") == "Unknown" && !is_connected(&object));

    person().without("taro").works().await?;
    let object = scene
        .until(name, "one of two", |object| {
            text(step(object, "Install"), "/evidence").contains("1 of 2")
        })
        .await?;
    ensure!(state(&object, "Redirect") == "Done" && state(&object, "Install") == "Open");
    ensure_next(&object, "Open the installation link")?;

    person().works().await?;
    let goal = scene
        .until(name, "both are connected", |object| {
            is_connected(object) && state(object, "Install") == "Done"
        })
        .await?;
    CONSENT.keep(&scene, &goal)
}

const CONSENT: Run = Run {
    integration: "ontime-consent",
    file: "with-consent.yaml",
    manual: MANUAL,
};
