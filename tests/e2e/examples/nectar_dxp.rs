//! Nectar DXP: a private, admin-managed production app with 16 scopes and five events. The back end has the callback, and
//! verifies Zoom's signature itself.

use anyhow::ensure;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    ensure_next, ensure_scopes, is_connected, is_ready_to_install, mistake,
    record::Run,
    scene::{Scene, World},
    state, step,
};
use crate::bed::{
    Bed,
    object::{status, text},
    secret,
};

const ADMINISTRATOR: &str = "zoom-admin@customer.example";
const MANUAL: u32 = 30;
const EVENTS: [&str; 5] = [
    "user.created",
    "meeting.ended",
    "webinar.ended",
    "user.deleted",
    "user.updated",
];

const WORLD: World = World {
    classic: false,
    users: &[(ADMINISTRATOR, true)],
    pages: false,
};

/// The first signed event after the validation proves that somebody has installed the app.
pub async fn run(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::open(&bed, "nectar-dxp", WORLD).await?;
    let name = "nectar-dxp";
    scene.apply("integration.yaml").await?;
    let walk = scene.person(name).user(ADMINISTRATOR).works().await?;
    scene.look(name).await?;
    let object = scene
        .until(name, "waits", |object| {
            is_ready_to_install(object) && state(object, "Endpoint") == "Done"
        })
        .await?;
    ensure_scopes(walk.scope.as_deref(), &object)?;
    ensure!(status(&object, "Ready") == "False");

    ensure!(scene.happens(EVENTS[0]).await? == 1);
    let event = scene.at_the_sink(EVENTS[0]).await?;
    ensure_signed(
        &event,
        &scene.key("nectar-zoom", "webhook-secret-token").await?,
    )?;
    scene.look(name).await?;
    let goal = scene
        .until(name, "connected", |object| {
            is_connected(object) && state(object, "Install") == "Done"
        })
        .await?;
    ensure!(goal["status"]["nextStep"].is_null(), "{:#}", goal["status"]);
    let events = step(&goal, "Events");
    ensure!(text(events, "/evidence").contains("1 of 5"), "{events:#}");
    RUN.keep(&scene, &goal)?;

    for event in &EVENTS[1..] {
        ensure!(scene.happens(event).await? == 1);
        scene.at_the_sink(event).await?;
    }
    scene.look(name).await?;
    let end = scene
        .until(name, "every event", |object| {
            state(object, "Events") == "Done"
        })
        .await?;
    ensure!(end["status"]["nextStep"].is_null(), "{:#}", end["status"]);
    Ok(())
}

const RUN: Run = Run {
    integration: "nectar-dxp",
    file: "integration.yaml",
    manual: MANUAL,
};

/// As Zoom signs: an unmodified back end takes it.
fn ensure_signed(event: &Value, secret: &str) -> anyhow::Result<()> {
    let header = |name: &str| event["headers"][name].as_str().unwrap_or_default();
    let body = event["body"].as_str().unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(format!("v0:{}:{body}", header("x-zm-request-timestamp")).as_bytes());
    let digits = mac.finalize().into_bytes();
    let digits: Vec<String> = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = format!("v0={}", digits.concat());
    ensure!(header("x-zm-signature") == signature, "{event:#}");
    Ok(())
}

/// With the operator's own consent. The Secret Token is another app's, and the events are left out.
pub async fn mistakes(bed: Bed) -> anyhow::Result<()> {
    let world = World {
        pages: true,
        ..WORLD
    };
    let name = "nectar-dxp-consent";
    let scene = Scene::open(&bed, "nectar-dxp", world).await?;
    scene.apply("with-consent.yaml").await?;
    let person = || scene.person(name).people("administrator", ADMINISTRATOR);
    let wrong = other_token(&scene).await?;
    bed.apply(&secret(
        "nectar-zoom",
        &[("webhook-secret-token", wrong.as_bytes())],
    ))
    .await?;

    let hasty = || person().leaves_out("SecretToken").in_haste();
    let words = hasty().leaves_out("Events").gets_stuck().await?;
    ensure!(words.ends_with("without an event subscription"), "{words}");
    let object = scene
        .until(name, "the setup stops", |object| {
            state(object, "Credentials") == "Done" && state(object, "Endpoint") == "Open"
        })
        .await?;
    ensure_next(&object, "Paste the endpoint URL, press Validate")?;
    ensure!(state(&object, "Events") == "Unknown");
    ensure!(scene.happens(EVENTS[0]).await? == 0, "nobody asked for it");

    let words = hasty().gets_stuck().await?;
    ensure!(words.contains("URL validation failed"), "{words}");
    let object = scene
        .until(name, "the mistake is named", |object| {
            mistake(object, "SecretToken")
                .contains("does not match Secret nectar-zoom, key webhook-secret-token")
        })
        .await?;
    ensure_next(&object, "Copy the Secret Token into the Secret")?;

    person().works().await?;
    let goal = scene
        .until(name, "connected", |object| {
            let steps = ["SecretToken", "Endpoint", "Install", "Scopes"];
            is_connected(object) && steps.iter().all(|step| state(object, step) == "Done")
        })
        .await?;
    ensure!(scene.key("nectar-zoom", "webhook-secret-token").await? != wrong);
    CONSENT.keep(&scene, &goal)
}

const CONSENT: Run = Run {
    integration: "nectar-dxp-consent",
    file: "with-consent.yaml",
    manual: MANUAL,
};

/// The Secret Token of another app of the same developer.
async fn other_token(scene: &Scene) -> anyhow::Result<String> {
    scene.open_desk("other", false).await?;
    let step = |place: &str, entries: Value| json!({"where": place, "entries": entries});
    let create = json!([
        {"action": "Choose", "field": "Build App", "value": "General App"},
        {"action": "Choose", "field": "Management", "value": "Admin-managed"},
    ]);
    let build = "Zoom App Marketplace > Develop > Build App";
    let copy = json!([{"action": "Copy", "field": "Secret Token", "value": "other/token"}]);
    let path = "portal/other/steps";
    scene
        .sim
        .admin("POST", path, Some(&step(build, create)))
        .await?;
    let token = step("Features > Access > Token", copy);
    let report = scene.sim.admin("POST", path, Some(&token)).await?;
    let token = report["copied"]["other"]["token"].as_str();
    Ok(token.unwrap_or_default().to_owned())
}
