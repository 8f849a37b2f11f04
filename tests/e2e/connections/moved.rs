//! Grants that move to another cluster: here to another namespace, which for a grant is just as foreign.

use std::path::Path;

use anyhow::ensure;
use serde_json::json;

use super::{Scene, until};
use crate::bed::{
    Bed, Case, Options,
    object::{message, reason},
    tools,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("connections::moved_to_another_cluster", moved)]
}

/// Runs `grants` in a namespace; whether it succeeded, and what it said.
async fn grants(bed: &Bed, command: &[&str], folder: &Path) -> anyhow::Result<(bool, String)> {
    let key = folder.join("key").display().to_string();
    let mut args = vec!["grants"];
    args.extend(command);
    args.extend(["--namespace", bed.namespace(), "--key-file", &key]);
    let said = tools::run(env!("CARGO_BIN_EXE_zoom-operator"), &args).await?;
    Ok((said.success, said.stdout + &said.stderr))
}

async fn moved(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["there"], async |[there]| {
        exported_and_imported(&bed, there).await
    })
    .await
}

async fn exported_and_imported(bed: &Bed, there: &Bed) -> anyhow::Result<()> {
    let options = Options::default().serving(&[bed, there]);
    let scene = Scene::new(bed, &options, json!({}), &json!({})).await?;
    let ada = scene.app.people(&scene.sim).await?.remove(0);
    let minted = scene.app.mint(&scene.sim, &ada).await?;
    scene.app.import(bed, "ada", &minted, &json!({})).await?;
    until(bed, "ada", "Connected").await?;

    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("key"), "k".repeat(44))?;
    let file = folder.path().join("grants").display().to_string();
    let (done, said) = grants(bed, &["export", "ada", "--output", &file], folder.path()).await?;
    ensure!(done && said.contains("zconn/ada  exported"), "{said}");
    let sealed = std::fs::read_to_string(&file)?;
    ensure!(!sealed.contains("refreshToken"), "the file is not sealed");
    // Nothing is left here that could be refreshed.
    let here = until(bed, "ada", "Exported").await?;
    ensure!(message(&here, "Ready").contains("another cluster"));
    let grant = bed.get("secrets", "ada-zoom-grant").await?;
    let grant = crate::bed::object::key(&grant, "grant");
    ensure!(grant.contains(r#""refreshToken":"""#), "a token is left");
    let (done, said) = grants(bed, &["export", "ada", "--output", &file], folder.path()).await?;
    ensure!(!done && said.contains("complete export"), "{said}");

    // Without its connection a grant is put nowhere.
    let import = ["import", file.as_str()];
    let (done, said) = grants(there, &import, folder.path()).await?;
    ensure!(!done && said.contains("create it first"), "{said}");
    there.apply(&scene.app.0.secret()).await?;
    there.apply(&scene.app.manifest(&json!({}))).await?;
    there
        .apply(&scene.app.connection("ada", &json!({})))
        .await?;
    let (done, said) = grants(there, &import, folder.path()).await?;
    ensure!(done && said.contains("zconn/ada  imported"), "{said}");
    until(there, "ada", "Connected").await?;
    // A second time, after an answer that was lost, it is there, and nothing changes.
    let (done, said) = grants(there, &import, folder.path()).await?;
    ensure!(done && said.contains("zconn/ada  imported"), "{said}");
    // It is used there, and Zoom sees one holder.
    let request = json!({"metadata": {"annotations": {"zoom-operator.io/refresh-requested-at": jiff::Timestamp::now().to_string()}}});
    there.patch("zoomconnections", "ada", &request).await?;
    crate::bed::wait_for("a refresh there", crate::bed::LIMIT * 2, || async {
        let grant = scene.app.grant(&scene.sim, minted.id).await?;
        Ok((grant["generation"].as_u64() >= Some(2)).then_some(()))
    })
    .await?;
    let grant = scene.app.grant(&scene.sim, minted.id).await?;
    ensure!(grant["alive"] == true, "{grant:#}");
    let here = bed.get("zoomconnections", "ada").await?;
    ensure!(reason(&here, "Ready") == "Exported", "{here:#}");
    Ok(())
}
