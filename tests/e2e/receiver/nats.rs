//! NATS `JetStream` as the sink: what it acknowledged is on its disk, and each event once.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::json;

use super::{
    RECEIVER, answer, connected,
    load::address,
    meeting_ended, pods, taken,
    traffic::{self, Traffic},
};
use crate::bed::{
    Bed, Case, LIMIT, Nats, Options,
    object::{message, name},
    tools, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::nats_takes_events_once", once).needs_host(),
        Case::new("receiver::nats_killed_under_load", killed).needs_host(),
        Case::new("receiver::nats_elsewhere_is_refused", refused).needs_host(),
    ]
}

/// The operator allows sinks in the cluster's own networks.
fn options() -> Options {
    Options {
        values: vec!["receiver.sinks.allowedNetworks={10.96.0.0/16,10.244.0.0/16}".into()],
        ..Options::default()
    }
}

async fn once(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&options()).await?;
    let nats = Nats::deploy(&bed).await?;
    let client = nats.client().await?;
    nats.put_stream(&client, "zoom", &["zoom.>"]).await?;
    let sink = json!({"http": null, "nats": {"url": nats.url()}});
    let spec = json!({"webhook": {"sink": sink}, "externalRefs": {"tenantid": "klinik-7"}});
    let tenant = connected(&bed, &sim, spec).await?;
    let event = meeting_ended("1");
    taken(&sim, &tenant, json!({"event": event})).await?;
    // Another process that remembers nothing gets the same event once more.
    let old = pods(&bed).await?;
    bed.delete("pods", name(&old[0])).await?;
    wait_for("another Pod", LIMIT, || async {
        let pods = pods(&bed).await?;
        Ok((pods.len() == 1
            && name(&pods[0]) != name(&old[0])
            && super::buffer::is_ready(&pods[0]))
        .then_some(()))
    })
    .await?;
    taken(&sim, &tenant, json!({"event": event})).await?;
    let stored = nats.stored(&client, "zoom").await?;
    ensure!(stored.len() == 1, "{stored:?}");
    let subject = format!("zoom.{}.acme.meeting.ended", bed.namespace());
    ensure!(stored[0].subject == subject, "{stored:?}");
    ensure!(stored[0].payload == event.to_string().as_bytes());
    for (header, value) in [
        ("Nats-Msg-Id", traffic::id(&event.to_string())),
        ("ce-type", "us.zoom.meeting.ended".into()),
        ("ce-tenantid", "klinik-7".into()),
    ] {
        let found = stored[0].headers.get(header).map(ToString::to_string);
        ensure!(found == Some(value), "{header}: {stored:?}");
    }
    Ok(())
}

async fn killed(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&options()).await?;
    let nats = Nats::deploy(&bed).await?;
    let client = nats.client().await?;
    nats.put_stream(&client, "zoom", &["zoom.>"]).await?;
    let sink = json!({"http": null, "nats": {"url": nats.url()}});
    let buffer = json!({"size": "64Mi"});
    let spec = json!({"webhook": {"sink": sink, "buffer": buffer}});
    let tenant = connected(&bed, &sim, spec).await?;
    let url = address(&bed, RECEIVER).await?;
    let traffic = Traffic::start(&url, &tenant.webhook_secret, "nats", 8);
    for _ in 0..3 {
        traffic.acknowledged(150).await?;
        // It may still be on its way back from the last time.
        wait_for("NATS is killed", LIMIT, || async {
            tools::cluster("signal", &["KILL", bed.namespace(), "nats-0"]).await?;
            Ok(Some(()))
        })
        .await?;
    }
    traffic.acknowledged(150).await?;
    let ledger = traffic.stop().await;
    ensure!(ledger.late == 0, "{ledger}");
    let client = nats.client().await?;
    let ids = wait_for("what was acknowledged is in the stream", LIMIT, || async {
        let stored = nats.stored(&client, "zoom").await?;
        let ids: Vec<String> = stored
            .iter()
            .map(|message| traffic::id(&String::from_utf8_lossy(&message.payload)))
            .collect();
        let distinct: BTreeSet<String> = ids.iter().cloned().collect();
        let missing = ledger.acknowledged.difference(&distinct).count();
        ensure!(missing == 0, "{missing} missing of {ledger}");
        Ok(Some(ids))
    })
    .await?;
    let distinct: BTreeSet<&String> = ids.iter().collect();
    println!(
        "NATS killed three times: {ledger}; {} stored, {} distinct",
        ids.len(),
        distinct.len()
    );
    ensure!(ids.len() == distinct.len(), "an event is there twice");
    Ok(())
}

/// Without the operator's word a sink inside the cluster's networks is not connected to.
async fn refused(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let nats = Nats::deploy(&bed).await?;
    let client = nats.client().await?;
    nats.put_stream(&client, "zoom", &["zoom.>"]).await?;
    let sink = json!({"http": null, "nats": {"url": nats.url()}});
    let tenant = connected(&bed, &sim, json!({"webhook": {"sink": sink}})).await?;
    let delivery = sim
        .deliver(&tenant, json!({"event": meeting_ended("1")}))
        .await?;
    ensure!(*answer(&delivery) == 503, "{delivery:#}");
    ensure!(nats.stored(&client, "zoom").await?.is_empty());
    let object = bed.integration("acme").await?;
    println!("{}", message(&object, "ReceiverAvailable"));
    Ok(())
}
