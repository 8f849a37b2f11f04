//! Whose the Secret is: lost, edited, foreign, renamed, kept.

use serde_json::json;

use super::{connected, event_count, token};
use crate::bed::{
    Bed, Case, LIMIT, Options, Tenant,
    object::{key, name},
    secret, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tokens::deleted_secret_comes_back", deleted),
        Case::new("tokens::edited_secret_is_repaired", edited),
        Case::new("tokens::foreign_secret_is_left_alone", foreign),
        Case::new("tokens::renamed_secret", renamed),
        Case::new("tokens::deletion_policies", policies),
    ]
}

async fn deleted(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, "acme", json!({}), json!({})).await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    bed.delete("secrets", &tenant.token_secret()).await?;
    bed.until_object("secrets", &tenant.token_secret(), "back", |secret| {
        secret["metadata"]["uid"] != before["metadata"]["uid"]
    })
    .await?;
    bed.until_reason("acme", "Connected").await?;
    anyhow::ensure!(sim.token_requests(&tenant).await? == 2);
    Ok(())
}

async fn edited(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, "acme", json!({}), json!({})).await?;
    let name = tenant.token_secret();
    for (requests, edit) in [
        (2, json!({"data": {"access-token": "ZWRpdGVkLWJ5LWhhbmQ="}})),
        (3, json!({"data": {"expires-at": null}})),
        (4, json!({"data": {"scope": ""}})),
    ] {
        bed.patch("secrets", &name, &edit).await?;
        wait_for("a repaired Secret", LIMIT, || async {
            let secret = bed.get("secrets", &name).await?;
            let sound = key(&secret, "access-token") != "edited-by-hand"
                && !key(&secret, "expires-at").is_empty()
                && !key(&secret, "scope").is_empty();
            Ok(sound.then_some(()))
        })
        .await?;
        anyhow::ensure!(sim.token_requests(&tenant).await? == requests, "{edit}");
    }
    bed.until_reason("acme", "Connected").await?;
    // What others add is none of the operator's business.
    let before = token(&bed, &name).await?;
    let added = json!({"metadata": {"annotations": {"example.com/mine": "true"}}});
    bed.patch("secrets", &name, &added).await?;
    bed.refresh_now(&tenant).await?;
    wait_for("another token", LIMIT, || async {
        Ok((token(&bed, &name).await? != before).then_some(()))
    })
    .await?;
    let secret = bed.get("secrets", &name).await?;
    anyhow::ensure!(secret["metadata"]["annotations"]["example.com/mine"] == "true");
    Ok(())
}

async fn foreign(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    let theirs = secret(&tenant.token_secret(), &[("access-token", b"theirs")]);
    let before = bed.apply(&theirs).await?;
    bed.apply(&tenant.secret()).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until_reason("acme", "SecretConflict").await?;
    // Taken over by another name instead; theirs stays as it was.
    bed.change("acme", &json!({"token": {"secretName": "ours"}}))
        .await?;
    bed.until_reason("acme", "Connected").await?;
    bed.get("secrets", "ours").await?;
    let after = bed.get("secrets", &tenant.token_secret()).await?;
    anyhow::ensure!(after == before, "{after:#}");
    anyhow::ensure!(event_count(&bed, "acme", "SecretConflict").await? == 1);
    // Nor is another integration's Secret taken.
    let other = Tenant::server_to_server("other");
    let manifest = other.manifest_with(&json!({"token": {"secretName": "ours"}}));
    other.declare(&bed, &sim, json!({}), &manifest).await?;
    bed.until_reason("other", "SecretConflict").await?;
    anyhow::ensure!(sim.token_requests(&other).await? == 0);
    Ok(())
}

async fn renamed(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, "acme", json!({}), json!({})).await?;
    bed.change("acme", &json!({"token": {"secretName": "second"}}))
        .await?;
    bed.until_gone("secrets", &tenant.token_secret()).await?;
    // The old one goes when the new one is there.
    bed.get("secrets", "second").await?;
    let object = bed.until_reason("acme", "Connected").await?;
    anyhow::ensure!(object["status"]["token"]["secretName"] == "second");
    bed.change("acme", &json!({"token": null})).await?;
    bed.until_gone("secrets", "second").await?;
    bed.get("secrets", &tenant.token_secret()).await?;
    Ok(())
}

async fn policies(bed: Bed) -> anyhow::Result<()> {
    let (sim, operator) = bed.zoom_and_operator(&Options::default()).await?;
    let delete = json!({"token": {"deletionPolicy": "Delete"}});
    let retain = json!({"token": {"deletionPolicy": "Retain"}});
    let goes = connected(&bed, &sim, "goes", json!({}), delete.clone()).await?;
    let stays = connected(&bed, &sim, "stays", json!({}), retain.clone()).await?;
    let secret = bed.get("secrets", &stays.token_secret()).await?;
    anyhow::ensure!(secret["metadata"]["ownerReferences"].is_null());

    // Without any operator: nothing hangs, and the garbage collector does the rest.
    operator.scale(0).await?;
    for tenant in [&goes, &stays] {
        bed.delete("zoomintegrations", &tenant.name).await?;
        anyhow::ensure!(bed.find("zoomintegrations", &tenant.name).await?.is_none());
    }
    bed.until_gone("secrets", &goes.token_secret()).await?;
    let kept = bed.get("secrets", &stays.token_secret()).await?;
    anyhow::ensure!(kept == secret, "{}", name(&kept));

    // An integration of the same name takes the kept token up without a call to Zoom.
    operator.scale(1).await?;
    bed.apply(&stays.manifest_with(&retain)).await?;
    bed.until_reason("stays", "Connected").await?;
    anyhow::ensure!(sim.token_requests(&stays).await? == 1);
    anyhow::ensure!(token(&bed, &stays.token_secret()).await? == key(&kept, "access-token"));
    // And back to Delete: the owner reference comes.
    bed.change("stays", &delete).await?;
    bed.until_object("secrets", &stays.token_secret(), "owned", |secret| {
        secret["metadata"]["ownerReferences"][0]["name"] == "stays"
    })
    .await?;
    bed.delete("zoomintegrations", "stays").await?;
    bed.until_gone("secrets", &stays.token_secret()).await
}
