//! A buffer that is to go is emptied first, unless somebody says otherwise.

use anyhow::ensure;
use serde_json::json;

use super::{RECEIVER, buffer::buffered, pods};
use crate::bed::{Bed, Case, LIMIT, wait_for};

/// Gives up what is buffered.
const DISCARD: &str = "zoom-operator.io/discard-buffered-events";

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::unbuffering_waits", unbuffering).needs_host(),
        Case::new("receiver::scaling_down_waits", scaling_down).needs_host(),
        Case::new("receiver::deletion_waits", deletion).needs_host(),
        Case::new("receiver::deletion_in_the_foreground", foreground).needs_host(),
        Case::new("receiver::deletion_can_be_forced", forced).needs_host(),
        Case::new(
            "receiver::deletion_of_the_namespace_does_not_hang",
            namespace,
        )
        .needs_host(),
    ]
}

/// Waits until the status says that events are waited for, and names the way out.
async fn until_waiting(bed: &Bed) -> anyhow::Result<()> {
    bed.until("acme", "it is said that events are waited for", |object| {
        let conditions = object["status"]["conditions"].to_string();
        conditions.contains("buffered") && conditions.contains(DISCARD)
    })
    .await?;
    Ok(())
}

async fn unbuffering(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("unbuffering", 2);
    buffered.back_end.down().await;
    traffic.acknowledged(30).await?;
    bed.change("acme", &json!({"webhook": {"buffer": null}}))
        .await?;
    until_waiting(&bed).await?;
    ensure!(bed.find("statefulsets", RECEIVER).await?.is_some());
    buffered.back_end.up().await?;
    bed.until_gone("statefulsets", RECEIVER).await?;
    ensure!(bed.find("deployments", RECEIVER).await?.is_some());
    traffic.acknowledged(30).await?;
    buffered.settle("unbuffered", traffic).await?;
    wait_for("the volume claims are gone", LIMIT, || async {
        let claims = bed.list("persistentvolumeclaims", "").await?;
        Ok(claims.is_empty().then_some(()))
    })
    .await?;
    // And back again.
    let traffic = buffered.traffic("buffering", 2);
    bed.change("acme", &json!({"webhook": {"buffer": {"size": "64Mi"}}}))
        .await?;
    bed.until_gone("deployments", RECEIVER).await?;
    traffic.acknowledged(30).await?;
    buffered.settle("buffered again", traffic).await?;
    bed.until_reason("acme", "Connected").await?;
    Ok(())
}

async fn scaling_down(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({"receiver": {"replicas": 2}})).await?;
    ensure!(bed.find("poddisruptionbudgets", RECEIVER).await?.is_some());
    wait_for("two Pods", LIMIT, || async {
        let set = bed.get("statefulsets", RECEIVER).await?;
        Ok((set["status"]["readyReplicas"] == 2).then_some(()))
    })
    .await?;
    let traffic = buffered.traffic("scaling-down", 8);
    traffic.acknowledged(100).await?;
    buffered.back_end.down().await;
    traffic.acknowledged(100).await?;
    bed.change("acme", &json!({"webhook": {"receiver": {"replicas": 1}}}))
        .await?;
    until_waiting(&bed).await?;
    let set = bed.get("statefulsets", RECEIVER).await?;
    ensure!(set["spec"]["replicas"] == 2, "{set:#}");
    traffic.acknowledged(50).await?;
    buffered.back_end.up().await?;
    wait_for("one Pod", LIMIT, || async {
        let set = bed.get("statefulsets", RECEIVER).await?;
        Ok((set["spec"]["replicas"] == 1 && pods(&bed).await?.len() == 1).then_some(()))
    })
    .await?;
    traffic.acknowledged(50).await?;
    buffered.settle("scaled from two to one", traffic).await?;
    Ok(())
}

async fn deletion(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("deletion", 2);
    buffered.back_end.down().await;
    traffic.acknowledged(30).await?;
    let ledger = traffic.stop().await;
    bed.delete("zoomintegrations", "acme").await?;
    until_waiting(&bed).await?;
    // Without Pods nothing is left to be asked, and what they stored is there.
    let none = json!({"spec": {"replicas": 0}});
    bed.patch("statefulsets", RECEIVER, &none).await?;
    wait_for("the Pod is back", LIMIT, || async {
        let set = bed.get("statefulsets", RECEIVER).await?;
        Ok((set["spec"]["replicas"] == 1 && set["status"]["readyReplicas"] == 1).then_some(()))
    })
    .await?;
    buffered.back_end.up().await?;
    let account = buffered.back_end.has_all(&ledger).await?;
    println!("deleted: {ledger}; {account:?}");
    bed.until_gone("zoomintegrations", "acme").await?;
    bed.until_gone("statefulsets", RECEIVER).await?;
    Ok(())
}

/// Kubernetes deletes the receiver at once, and what it stored stays on its volume.
async fn foreground(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("foreground", 2);
    buffered.back_end.down().await;
    traffic.acknowledged(10).await?;
    traffic.stop().await;
    let foreground = ["delete", "zint", "acme", "--cascade=foreground"];
    let said = bed.kubectl(&foreground).await?;
    ensure!(said.success, "{}", said.stderr);
    bed.until_gone("zoomintegrations", "acme").await?;
    until_given_up(&bed).await
}

/// Waits until an Event says that the claims stay, and looks whether they do.
async fn until_given_up(bed: &Bed) -> anyhow::Result<()> {
    wait_for("it is said that events were given up", LIMIT, || async {
        let events = bed.events("acme").await?;
        let told = events.iter().any(|event| {
            event["reason"] == "EventsGivenUp"
                && event["note"].to_string().contains("kubectl get pvc")
        });
        Ok(told.then_some(()))
    })
    .await?;
    let claims = bed.list("persistentvolumeclaims", "").await?;
    ensure!(claims.len() == 1, "{claims:#?}");
    Ok(())
}

async fn forced(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("forced", 2);
    buffered.back_end.down().await;
    traffic.acknowledged(10).await?;
    traffic.stop().await;
    bed.delete("zoomintegrations", "acme").await?;
    until_waiting(&bed).await?;
    let patch = json!({"metadata": {"annotations": {DISCARD: "true"}}});
    bed.patch("zoomintegrations", "acme", &patch).await?;
    bed.until_gone("zoomintegrations", "acme").await?;
    Ok(())
}

/// With everything else gone there is nothing to wait for.
async fn namespace(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("namespace", 2);
    buffered.back_end.down().await;
    traffic.acknowledged(10).await?;
    traffic.stop().await;
    // The operator of this test lives in the namespace and would go with it; so by hand, as with a namespace:
    // the integration is to go, and its StatefulSet goes.
    bed.delete("zoomintegrations", "acme").await?;
    until_waiting(&bed).await?;
    bed.delete("statefulsets", RECEIVER).await?;
    bed.until_gone("zoomintegrations", "acme").await?;
    // What was stored is left to whoever deleted its receiver.
    until_given_up(&bed).await
}
