//! A durable buffer: what it holds outlives processes, Pods and a back end that is away.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::{
    RECEIVER,
    back_end::{Account, BackEnd},
    connected,
    load::{address, sink},
    pods,
    traffic::Traffic,
};
use crate::bed::{
    Bed, Case, LIMIT, Options, Sim, Tenant,
    object::{name, text},
    tools, wait_for,
};

/// Requests at a time.
const AT_A_TIME: usize = 8;

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::buffer_survives_kills", kills).needs_host(),
        Case::new("receiver::buffer_survives_its_pods", pods_go).needs_host(),
        Case::new("receiver::buffer_keeps_the_order_over_an_outage", outage).needs_host(),
        Case::new("receiver::buffer_before_a_slow_and_flapping_sink", flapping).needs_host(),
        Case::new("receiver::buffer_full_is_said", full).needs_host(),
        Case::new("receiver::buffer_while_suspended", suspended).needs_host(),
        Case::new("receiver::buffer_ephemeral_drains", ephemeral).needs_host(),
    ]
}

/// A tenant with a buffer, its back end, and the address of its receiver.
pub struct Buffered {
    pub sim: Sim,
    pub tenant: Tenant,
    pub back_end: BackEnd,
    pub url: String,
}

/// Makes them; `webhook` is merged into the integration's.
pub async fn buffered(bed: &Bed, webhook: Value) -> anyhow::Result<Buffered> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let back_end = BackEnd::start(bed, "back-end").await?;
    let mut spec = json!({"webhook": {"sink": sink("back-end"), "buffer": {"size": "64Mi"}}});
    crate::bed::merge(&mut spec["webhook"], &webhook);
    let tenant = connected(bed, &sim, spec).await?;
    let url = address(bed, RECEIVER).await?;
    Ok(Buffered {
        sim,
        tenant,
        back_end,
        url,
    })
}

impl Buffered {
    /// Events of this tenant.
    pub fn traffic(&self, name: &str, at_a_time: usize) -> Traffic {
        Traffic::start(&self.url, &self.tenant.webhook_secret, name, at_a_time)
    }

    /// Ends the traffic and waits until everything has arrived.
    pub async fn settle(&self, what: &str, traffic: Traffic) -> anyhow::Result<Account> {
        let ledger = traffic.stop().await;
        let account = self.back_end.has_all(&ledger).await?;
        println!("{what}: {ledger}; {account:?}");
        ensure!(ledger.late == 0, "{ledger}");
        Ok(account)
    }
}

async fn kills(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("kills", AT_A_TIME);
    // The kubelet waits longer each time before it starts the container again.
    let rounds = 3;
    for round in 0..rounds {
        traffic.acknowledged(100).await?;
        let pod = only_pod(&bed).await?;
        tools::cluster("signal", &["KILL", bed.namespace(), &pod, "receiver"]).await?;
        wait_for("the container was started again", LIMIT, || async {
            let pod = bed.get("pods", &pod).await?;
            let status = &pod["status"]["containerStatuses"][0];
            let restarted = status["restartCount"].as_u64() > Some(round);
            Ok((restarted && status["ready"] == true).then_some(()))
        })
        .await?;
    }
    traffic.acknowledged(100).await?;
    let account = buffered
        .settle("receiver killed three times", traffic)
        .await?;
    // What was with the back end when the process ended is sent once more: events go one at a time, and their
    // ends are noted together, so it is few for each kill.
    ensure!(account.repeated as u64 <= rounds * 64, "{account:?}");
    Ok(())
}

async fn pods_go(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("pods", AT_A_TIME);
    traffic.acknowledged(100).await?;
    buffered.back_end.down().await;
    traffic.acknowledged(100).await?;
    for grace in ["30", "0"] {
        let pod = &pods(&bed).await?[0];
        let old = text(pod, "/metadata/uid").to_owned();
        let args = [
            "delete",
            "pod",
            name(pod),
            &format!("--grace-period={grace}"),
            &format!("--force={}", grace == "0"),
        ];
        bed.kubectl(&args).await?;
        wait_for("another Pod is ready", LIMIT, || async {
            let pods = pods(&bed).await?;
            let is_new = pods
                .iter()
                .any(|pod| text(pod, "/metadata/uid") != old && is_ready(pod));
            Ok(is_new.then_some(()))
        })
        .await?;
        traffic.acknowledged(50).await?;
    }
    buffered.back_end.up().await?;
    buffered
        .settle("Pod deleted twice, once by force", traffic)
        .await?;
    Ok(())
}

async fn outage(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("outage", 1);
    traffic.acknowledged(20).await?;
    buffered.back_end.down().await;
    traffic.acknowledged(200).await?;
    buffered.back_end.up().await?;
    traffic.acknowledged(20).await?;
    let ledger = traffic.stop().await;
    let account = buffered.back_end.has_all(&ledger).await?;
    println!("back end down: {ledger}; {account:?}");
    ensure!(
        ledger.answers.keys().all(|status| *status == 204),
        "Zoom noticed: {ledger}"
    );
    let mut arrived = buffered.back_end.order();
    // Sent again after an unanswered request; the order of the first arrivals counts.
    let mut seen = std::collections::BTreeSet::new();
    arrived.retain(|id| seen.insert(id.clone()));
    ensure!(arrived == ledger.order, "another order");
    Ok(())
}

async fn flapping(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    let traffic = buffered.traffic("flapping", 4);
    buffered.back_end.answers(204, Duration::from_secs(5));
    traffic.acknowledged(100).await?;
    for round in 0..10 {
        let status = if round % 2 == 0 { 503 } else { 204 };
        buffered.back_end.answers(status, Duration::ZERO);
        traffic.acknowledged(20).await?;
    }
    buffered.back_end.answers(204, Duration::ZERO);
    let account = buffered.settle("slow, then flapping", traffic).await?;
    println!("{account:?}, asked {}", buffered.back_end.asked());
    Ok(())
}

async fn full(bed: Bed) -> anyhow::Result<()> {
    let small = json!({"buffer": {"size": "16Mi"}});
    let buffered = buffered(&bed, small).await?;
    buffered.back_end.down().await;
    let traffic = Traffic::start_large(
        &buffered.url,
        &buffered.tenant.webhook_secret,
        "full",
        4,
        100_000,
    );
    wait_for("the buffer is full", LIMIT, || async {
        Ok(traffic.ledger().answers.contains_key(&503).then_some(()))
    })
    .await?;
    // Zoom would switch the endpoint off otherwise.
    let validation = buffered.sim.validate(&buffered.tenant).await?;
    ensure!(validation["ok"] == true, "{validation:#}");
    bed.until("acme", "the buffer is said to be full", |object| {
        object["status"]["conditions"]
            .to_string()
            .contains("BufferFull")
    })
    .await?;
    buffered.back_end.up().await?;
    traffic.acknowledged(20).await?;
    buffered
        .settle("buffer full, then room again", traffic)
        .await?;
    bed.until(
        "acme",
        "the buffer is no longer said to be full",
        |object| {
            !object["status"]["conditions"]
                .to_string()
                .contains("BufferFull")
        },
    )
    .await?;
    Ok(())
}

async fn suspended(bed: Bed) -> anyhow::Result<()> {
    let buffered = buffered(&bed, json!({})).await?;
    bed.change("acme", &json!({"suspend": true})).await?;
    wait_for("a Pod that was told", LIMIT, || async {
        let pods = pods(&bed).await?;
        let told = pods.len() == 1
            && is_ready(&pods[0])
            && pods[0]["spec"]["containers"][0]["args"]
                .to_string()
                .contains("--suspended");
        Ok(told.then_some(()))
    })
    .await?;
    let traffic = buffered.traffic("suspended", 2);
    traffic.acknowledged(30).await?;
    let ledger = traffic.stop().await;
    ensure!(buffered.back_end.account(&ledger).arrived == 0);
    bed.change("acme", &json!({"suspend": false})).await?;
    buffered.back_end.has_all(&ledger).await?;
    Ok(())
}

async fn ephemeral(bed: Bed) -> anyhow::Result<()> {
    let in_the_pod = json!({"buffer": {"storage": "Ephemeral"}});
    let buffered = buffered(&bed, in_the_pod).await?;
    let traffic = buffered.traffic("ephemeral", 4);
    buffered.back_end.down().await;
    traffic.acknowledged(50).await?;
    let old = only_pod(&bed).await?;
    // A container that is killed keeps its Pod, and so its buffer.
    tools::cluster("signal", &["KILL", bed.namespace(), &old, "receiver"]).await?;
    traffic.acknowledged(50).await?;
    bed.change("acme", &json!({"externalRefs": {"round": "2"}}))
        .await?;
    wait_for("the old Pod is asked to end", LIMIT, || async {
        let pod = bed.find("pods", &old).await?;
        Ok(pod
            .is_none_or(|pod| !pod["metadata"]["deletionTimestamp"].is_null())
            .then_some(()))
    })
    .await?;
    // It forwards what it has before it ends.
    buffered.back_end.up().await?;
    traffic.acknowledged(20).await?;
    buffered
        .settle("ephemeral buffer replaced", traffic)
        .await?;
    Ok(())
}

/// Name of the only Pod, once there is just one.
pub async fn only_pod(bed: &Bed) -> anyhow::Result<String> {
    wait_for("just one Pod", LIMIT, || async {
        let pods = pods(bed).await?;
        ensure!(pods.len() == 1, "{} Pods", pods.len());
        Ok(Some(name(&pods[0]).to_owned()))
    })
    .await
}

/// Whether a Pod is ready.
pub fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
