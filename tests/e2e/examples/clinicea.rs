//! Clinicea: a private, user-managed app with classic scopes and one event; the vendor has the callback.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{
    ensure_next, ensure_scopes, is_connected, is_ready_to_install, mistake, phase,
    record::Run,
    scene::{Scene, World},
    state,
};
use crate::bed::{
    Bed,
    object::{status, text},
};

const CLINIC: &str = "clinic@clinicea.example";
const MANUAL: u32 = 18;

const WORLD: World = World {
    classic: true,
    users: &[(CLINIC, false)],
    pages: false,
};

/// The receiver is there before anybody presses Validate, so that the validation passes.
pub async fn run(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::open(&bed, "clinicea", WORLD).await?;
    scene.apply("integration.yaml").await?;
    let first = scene
        .until("clinicea", "waits for a person", |object| {
            phase(object) == "Awaiting credentials"
        })
        .await?;
    ensure_next(&first, "Create the General app")?;
    scene.person("clinicea").before("Install").works().await?;
    let goal = scene
        .until("clinicea", "ready to install", |object| {
            is_ready_to_install(object) && state(object, "Endpoint") == "Done"
        })
        .await?;
    ensure!(status(&goal, "Ready") == "True" && status(&goal, "EndpointValidated") == "True");
    ensure_next(&goal, "Open the installation link")?;
    RUN.keep(&scene, &goal)?;

    // The vendor's own people go on.
    let walk = scene.person("clinicea").user(CLINIC).works().await?;
    ensure_scopes(walk.scope.as_deref(), &goal)?;
    ensure!(scene.happens("meeting.ended").await? == 1);
    ensure!(scene.happens("meeting.started").await? == 0);
    let event = scene.at_the_sink("meeting.ended").await?;
    ensure!(
        event["headers"]["ce-headorganizationid"] == "4711",
        "{event}"
    );
    scene.look("clinicea").await?;
    let end = scene.until("clinicea", "connected", is_connected).await?;
    for step in ["Redirect", "Events", "BackEnd", "Install"] {
        ensure!(
            state(&end, step) == "Done",
            "{step}: {:#}",
            end["status"]["setup"]
        );
    }
    Ok(())
}

const RUN: Run = Run {
    integration: "clinicea",
    file: "integration.yaml",
    manual: MANUAL,
};

/// With the operator's own consent. The Secret Token is left out; then the Client Secret is copied in its place.
pub async fn mistakes(bed: Bed) -> anyhow::Result<()> {
    let world = World {
        classic: false,
        pages: true,
        ..WORLD
    };
    let name = "clinicea-consent";
    let scene = Scene::open(&bed, "clinicea", world).await?;
    scene.apply("with-consent.yaml").await?;
    let person = || scene.person(name).user(CLINIC);

    let words = person()
        .leaves_out("SecretToken")
        .in_haste()
        .gets_stuck()
        .await?;
    ensure!(words.contains("URL validation failed"), "{words}");
    let object = scene
        .until(name, "the setup stops", |object| {
            mistake(object, "SecretToken").contains("has no key webhook-secret-token")
        })
        .await?;
    ensure!(state(&object, "SecretToken") == "Open");
    ensure_next(&object, "Copy the Secret Token into the Secret")?;

    let slip = json!({"where": "Basic Information > App Credentials", "entries": [{
        "action": "Copy", "field": "Client Secret", "value": "clinicea-zoom/webhook-secret-token",
    }]});
    let clumsy = person().slips("SecretToken", &slip).before("Endpoint");
    clumsy.works().await?;
    let object = scene
        .until(name, "the mistake is named", |object| {
            mistake(object, "SecretToken").contains("have the same value")
        })
        .await?;
    let words = mistake(&object, "SecretToken");
    ensure!(
        words.contains("webhook-secret-token") && words.contains("client-secret"),
        "{words}"
    );

    person().works().await?;
    let goal = scene.until(name, "connected", all_done).await?;
    ensure!(text(&goal, "/status/phase") == "Connected");
    CONSENT.keep(&scene, &goal)
}

const CONSENT: Run = Run {
    integration: "clinicea-consent",
    file: "with-consent.yaml",
    manual: MANUAL,
};

/// Connected, and nothing is left but the first event.
fn all_done(object: &Value) -> bool {
    let steps = [
        "Credentials",
        "Redirect",
        "SecretToken",
        "Endpoint",
        "Scopes",
        "Install",
    ];
    is_connected(object) && steps.iter().all(|step| state(object, step) == "Done")
}
