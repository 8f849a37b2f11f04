//! `StackOne`: admin-managed with the development credentials and the operator's consent, and user-managed in production
//! with `StackOne`'s own callback.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{
    ensure_next, ensure_scopes, is_connected, is_ready_to_install, mistake, phase,
    record::Run,
    scene::{Scene, World},
    state, step,
};
use crate::bed::{Bed, object::text};

const ADMINISTRATOR: &str = "admin@developer.example";
const MANUAL: u32 = 7;

const WORLD: World = World {
    classic: false,
    users: &[(ADMINISTRATOR, true)],
    pages: true,
};

/// Both management types, each with scopes of its own level.
pub async fn run(bed: Bed) -> anyhow::Result<()> {
    let scene = Scene::open(&bed, "stackone", WORLD).await?;
    scene.apply("integration.yaml").await?;
    scene.apply("user-managed.yaml").await?;
    scene.open_desk("user", false).await?;
    let admin = scene.person("stackone").user(ADMINISTRATOR);
    let user = scene.person("stackone-user").desk("user").before("Install");
    futures::try_join!(admin.works(), user.works())?;

    let goal = scene.until("stackone", "connected", all_done).await?;
    ADMIN.keep(&scene, &goal)?;
    let goal = scene
        .until("stackone-user", "ready to install", |object| {
            is_ready_to_install(object) && state(object, "Credentials") == "Done"
        })
        .await?;
    USER.keep(&scene, &goal)?;
    let user = scene
        .person("stackone-user")
        .desk("user")
        .user(ADMINISTRATOR);
    ensure_scopes(user.works().await?.scope.as_deref(), &goal)
}

const ADMIN: Run = Run {
    integration: "stackone",
    file: "integration.yaml",
    manual: MANUAL,
};

const USER: Run = Run {
    integration: "stackone-user",
    file: "user-managed.yaml",
    manual: MANUAL,
};

fn all_done(object: &Value) -> bool {
    let steps = ["Credentials", "Redirect", "Scopes", "Install"];
    is_connected(object) && steps.iter().all(|step| state(object, step) == "Done")
}

/// The installation is left out; then one scope's box is missed.
pub async fn mistakes(bed: Bed) -> anyhow::Result<()> {
    let name = "stackone";
    let scene = Scene::open(&bed, name, WORLD).await?;
    scene.apply("integration.yaml").await?;
    let person = || scene.person(name).user(ADMINISTRATOR);

    let missed = "meeting:read:list_meetings:admin";
    let first = scene
        .until(name, "the scopes", |object| {
            !step(object, "Scopes").is_null()
        })
        .await?;
    let mut entries = step(&first, "Scopes")["entries"].clone();
    if let Some(boxes) = entries.as_array_mut() {
        boxes.retain(|tick| tick["value"] != missed);
    }
    let clumsy = || person().slips("Scopes", &json!({"entries": entries}));
    clumsy().leaves_out("Install").works().await?;
    let object = scene
        .until(name, "the setup stops", |object| {
            is_ready_to_install(object) && state(object, "Credentials") == "Done"
        })
        .await?;
    ensure!(state(&object, "Install") == "Open" && state(&object, "Scopes") == "Unknown");
    ensure_next(&object, "Open the installation link")?;

    clumsy().works().await?;
    let object = scene
        .until(name, "the mistake is named", |object| {
            mistake(object, "Scopes").contains(missed)
        })
        .await?;
    let connection = bed.get("zoomconnections", name).await?;
    ensure!(phase(&connection) == "Missing scopes", "{connection:#}");
    ensure_next(&object, "Tick the scopes")?;

    person().works().await?;
    let end = scene.until(name, "connected", all_done).await?;
    ensure!(text(&end, "/status/phase") == "Connected");
    Ok(())
}
