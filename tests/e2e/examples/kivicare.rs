//! `KiviCare`: an unlisted, user-managed production app without events. Its back end makes the state, with the doctor's id.

use anyhow::ensure;
use serde_json::json;

use super::{
    ensure_next, ensure_scopes, is_connected, is_ready_to_install, mistake,
    record::Run,
    scene::{Scene, World},
    state, step,
};
use crate::bed::{
    Bed,
    object::{status, text},
};

const DOCTOR: &str = "ada@clinic.example";
const MANUAL: u32 = 10;

const WORLD: World = World {
    classic: false,
    users: &[(DOCTOR, false)],
    pages: true,
};

/// With the callback of `KiviCare`, then with the operator's, which gives the doctor's token to a Secret.
pub async fn run(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::open(&bed, "kivicare", WORLD).await?;
    scene.apply("integration.yaml").await?;
    scene.person("kivicare").before("Install").works().await?;
    let goal = scene
        .until("kivicare", "ready to install", |object| {
            is_ready_to_install(object) && state(object, "Credentials") == "Done"
        })
        .await?;
    ensure!(status(&goal, "Ready") == "True");
    let careful = step(&goal, "Install")["careful"].to_string();
    ensure!(careful.contains("Add App"), "{careful}");
    RUN.keep(&scene, &goal)?;
    let walk = scene.person("kivicare").user(DOCTOR).works().await?;
    ensure_scopes(walk.scope.as_deref(), &goal)?;
    let ids: Vec<&str> = walk.steps.iter().map(|step| text(step, "/id")).collect();
    ensure!(
        ids.ends_with(&["Install", "DomainValidation", "Submit"]),
        "{ids:?}"
    );

    bed.delete("zoomintegrations", "kivicare").await?;
    bed.until_gone("zoomintegrations", "kivicare").await?;
    scene.apply("with-consent.yaml").await?;
    // All else is done already: the doctor must not take the link for everybody before their own is there.
    scene
        .until("kivicare-consent", "the doctor's link", |object| {
            let entries = step(object, "Install")["entries"].as_array();
            entries
                .into_iter()
                .flatten()
                .any(|entry| entry["field"] == "doctor-17")
        })
        .await?;
    let doctor = scene.person("kivicare-consent").people("doctor-17", DOCTOR);
    doctor.works().await?;
    let goal = scene
        .until("kivicare-consent", "connected", |object| {
            let steps = ["Credentials", "Redirect", "Scopes", "Install"];
            is_connected(object) && steps.iter().all(|step| state(object, step) == "Done")
        })
        .await?;
    let connection = bed.get("zoomconnections", "doctor-17").await?;
    ensure!(connection["spec"]["externalRefs"]["doctorid"] == "17");
    ensure!(
        text(&connection, "/status/phase") == "Connected",
        "{connection:#}"
    );
    CONSENT.keep(&scene, &goal)
}

const RUN: Run = Run {
    integration: "kivicare",
    file: "integration.yaml",
    manual: MANUAL,
};

const CONSENT: Run = Run {
    integration: "kivicare-consent",
    file: "with-consent.yaml",
    manual: MANUAL,
};

/// The credentials are left out; then the secret is copied from the Development tab.
pub async fn mistakes(bed: Bed) -> anyhow::Result<()> {
    let world = World {
        pages: false,
        ..WORLD
    };
    let scene = Scene::open(&bed, "kivicare", world).await?;
    scene.apply("integration.yaml").await?;
    let person = || scene.person("kivicare").user(DOCTOR);
    person()
        .leaves_out("Credentials")
        .before("BackEnd")
        .works()
        .await?;
    let object = scene
        .until("kivicare", "the setup stops", |object| {
            mistake(object, "Credentials").contains("The Secret kivicare-zoom does not exist")
        })
        .await?;
    ensure!(state(&object, "Credentials") == "Open");
    ensure_next(&object, "Create the General app")?;

    let copy = |field: &str, key: &str| json!({"action": "Copy", "field": field, "value": format!("kivicare-zoom/{key}")});
    let tab =
        |tab: &str| json!({"action": "Choose", "field": "Development / Production", "value": tab});
    let slip = json!({"entries": [
        copy("Client ID", "client-id"),
        tab("Development"),
        copy("Client Secret", "client-secret"),
        tab("Production"),
    ]});
    let words = person()
        .slips("Credentials", &slip)
        .in_haste()
        .gets_stuck()
        .await?;
    ensure!(
        words.contains("copy both from the Production tab"),
        "{words}"
    );
    let object = scene
        .until("kivicare", "the mistake is named", |object| {
            mistake(object, "Credentials").contains("copy both from the Production tab")
        })
        .await?;
    ensure_next(&object, "Copy the app's credentials")?;
    let warnings = object["status"]["warnings"].to_string();
    ensure!(warnings.contains("Development tab"), "{warnings}");

    let walk = person().works().await?;
    ensure_scopes(walk.scope.as_deref(), &object)?;
    scene
        .until("kivicare", "ready to install", |object| {
            is_ready_to_install(object) && state(object, "Credentials") == "Done"
        })
        .await?;
    Ok(())
}
