//! Under load: what Zoom was told is stored arrives, whatever ends, changes or fails meanwhile.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{
    RECEIVER, UNTIL_MOUNTED, back_end::BackEnd, buffer::only_pod, connected, pods, traffic::Traffic,
};
use crate::bed::{
    Bed, Case, LIMIT, Options, Tenant,
    object::{name, text},
    unique, wait_for,
};

/// Requests at a time.
const AT_A_TIME: usize = 8;

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::load_secret_rotation", rotation).needs_host(),
        Case::new("receiver::load_rollout_of_ten", rollout).needs_host(),
    ]
}

/// The address of a receiver's Service, which is reached from the node, once it leads to a Pod: a moment after that is
/// ready.
pub async fn address(bed: &Bed, receiver: &str) -> anyhow::Result<String> {
    let service = bed.get("services", receiver).await?;
    let address = text(&service, "/spec/clusterIP");
    wait_for("the receiver's address leads to it", LIMIT, || async {
        let connected = TcpStream::connect((address, 80));
        let connected = tokio::time::timeout(Duration::from_secs(5), connected).await;
        Ok(connected
            .is_ok_and(|connected| connected.is_ok())
            .then_some(()))
    })
    .await?;
    Ok(format!("http://{address}/"))
}

/// What `webhook.sink` has to be for a back end of this name.
pub fn sink(back_end: &str) -> Value {
    json!({"http": {"serviceRef": {"name": back_end}, "url": null}})
}

/// Zoom's secret changes while events come: announced, changed, and the old one taken away.
async fn rotation(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let back_end = BackEnd::start(&bed, "back-end").await?;
    let spec = json!({"webhook": {"sink": sink("back-end")}});
    let tenant = connected(&bed, &sim, spec).await?;
    let url = address(&bed, RECEIVER).await?;
    let traffic = Traffic::start(&url, &tenant.webhook_secret, "rotation", AT_A_TIME);
    traffic.acknowledged(50).await?;

    let old = tenant.secret()["data"]["webhook-secret-token"].clone();
    let mut rotated = tenant.clone();
    rotated.webhook_secret = unique("webhook-secret");
    // Announced: what Zoom signs with the coming secret is not refused for good.
    let mut secret = tenant.secret();
    secret["data"]["previous-webhook-secret-token"] = old.clone();
    bed.apply(&secret).await?;
    let probe = Traffic::start(&url, &rotated.webhook_secret, "announced", 1);
    let pod = only_pod(&bed).await?;
    wait_for("the rotation is announced", UNTIL_MOUNTED, || async {
        bed.look_at_pod(&pod).await?;
        let answers = probe.ledger().answers;
        Ok(answers.contains_key(&503).then_some(()))
    })
    .await?;
    probe.stop().await;
    // Zoom changes first, and we follow.
    traffic.sign_with(&rotated.webhook_secret);
    let mut secret = rotated.secret();
    secret["data"]["previous-webhook-secret-token"] = old;
    bed.apply(&secret).await?;
    traffic.acknowledged(50).await?;
    bed.apply(&rotated.secret()).await?;
    traffic.acknowledged(50).await?;

    let ledger = traffic.stop().await;
    println!("secret rotation under load: {ledger}");
    ensure!(!ledger.answers.contains_key(&401), "{ledger}");
    ensure!(ledger.late == 0, "{ledger}");
    back_end.has_all(&ledger).await?;
    Ok(())
}

/// Ten tenants' receivers are replaced while their events come.
async fn rollout(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let mut tenants = Vec::new();
    for number in 0..10 {
        let tenant = Tenant::server_to_server(&format!("tenant-{number}"));
        let back_end = BackEnd::start(&bed, &format!("back-end-{number}")).await?;
        sim.put_app(&tenant, json!({})).await?;
        bed.apply(&tenant.secret()).await?;
        let mut manifest = tenant.manifest_with_webhook();
        manifest["spec"]["webhook"]["sink"] =
            json!({"http": {"serviceRef": {"name": format!("back-end-{number}")}}});
        bed.apply(&manifest).await?;
        tenants.push((tenant, back_end));
    }
    let mut under_load = Vec::new();
    for (tenant, back_end) in tenants {
        bed.until_reason(&tenant.name, "Connected").await?;
        let url = address(&bed, &format!("{}-receiver", tenant.name)).await?;
        let traffic = Traffic::start(&url, &tenant.webhook_secret, &tenant.name, 2);
        traffic.acknowledged(20).await?;
        under_load.push((tenant, back_end, traffic));
    }
    let before = names(&pods(&bed).await?);
    ensure!(before.len() == 10, "{before:?}");
    for (tenant, ..) in &under_load {
        bed.change(&tenant.name, &json!({"externalRefs": {"round": "2"}}))
            .await?;
    }
    wait_for("new Pods everywhere", 2 * LIMIT, || async {
        let now = names(&pods(&bed).await?);
        let replaced = now.len() == 10 && now.iter().all(|name| !before.contains(name));
        ensure!(replaced, "{now:?}");
        Ok(Some(()))
    })
    .await?;
    for (tenant, back_end, traffic) in under_load {
        traffic.acknowledged(20).await?;
        let ledger = traffic.stop().await;
        let account = back_end.has_all(&ledger).await?;
        println!("rollout under load, {}: {ledger}; {account:?}", tenant.name);
        ensure!(ledger.late == 0, "{ledger}");
    }
    Ok(())
}

fn names(pods: &[Value]) -> Vec<String> {
    pods.iter().map(|pod| name(pod).to_owned()).collect()
}
