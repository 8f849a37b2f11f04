//! From the version before to this one, and back: no event is lost, no token is asked for, nothing is refused.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{
    RECEIVER,
    back_end::BackEnd,
    connected,
    load::{address, sink},
    traffic::Traffic,
};
use crate::bed::{
    App, Bed, Case, LIMIT, Options, Sim, Tenant,
    object::{key, seen, status, text},
    tools, wait_for,
};

/// Requests at a time.
const AT_A_TIME: usize = 4;

pub fn cases() -> Vec<Case> {
    vec![Case::new("receiver::upgrade_and_rollback", upgrade_and_rollback).needs_host()]
}

async fn upgrade_and_rollback(bed: Bed) -> anyhow::Result<()> {
    let previous = Options {
        previous: Some(tools::cluster("previous", &[]).await?.trim().to_owned()),
        ..Options::default()
    };
    let present = Options {
        previous: None,
        ..previous.clone()
    };
    let (sim, operator) = bed.zoom_and_operator(&previous).await?;
    let back_end = BackEnd::start(&bed, "back-end").await?;
    let spec = json!({"webhook": {"sink": sink("back-end"), "buffer": {"size": "64Mi"}}});
    let tenant = connected(&bed, &sim, spec).await?;
    let app = App::general("app");
    app.declare(&bed, &sim, json!({}), &json!({})).await?;
    let people = app.people(&sim).await?;
    let minted = app.mint(&sim, &people[0]).await?;
    app.import(&bed, "ada", &minted, &json!({})).await?;
    until_connected(&bed).await?;
    let before = Tokens::of(&bed, &sim, &tenant, &app).await?;

    let url = address(&bed, RECEIVER).await?;
    let traffic = Traffic::start(&url, &tenant.webhook_secret, "upgrade", AT_A_TIME);
    traffic.acknowledged(50).await?;
    // What waits in the buffer has to survive the change of the image.
    back_end.down().await;
    traffic.acknowledged(50).await?;

    operator.upgrade(&present).await?;
    until_receiver_is(&bed, |image| image.contains("-receiver:")).await?;
    back_end.up().await?;
    traffic.acknowledged(50).await?;
    until_connected(&bed).await?;
    ensure!(
        Tokens::of(&bed, &sim, &tenant, &app).await? == before,
        "the upgrade cost a token"
    );

    back_end.down().await;
    traffic.acknowledged(50).await?;
    operator.roll_back(1).await?;
    until_receiver_is(&bed, |image| image.ends_with(":previous")).await?;
    back_end.up().await?;
    traffic.acknowledged(50).await?;
    until_connected(&bed).await?;
    ensure!(
        Tokens::of(&bed, &sim, &tenant, &app).await? == before,
        "the rollback cost a token"
    );

    let ledger = traffic.stop().await;
    let account = back_end.has_all(&ledger).await?;
    println!("upgrade and rollback: {ledger}; {account:?}");
    ensure!(account.lost == 0, "{account:?}");
    Ok(())
}

/// What each version published and asked Zoom for.
#[derive(Debug, PartialEq)]
struct Tokens {
    integration: String,
    connection: String,
    requests: u64,
    grant_requests: u64,
}

// === impl Tokens ===

impl Tokens {
    async fn of(bed: &Bed, sim: &Sim, tenant: &Tenant, app: &App) -> anyhow::Result<Self> {
        let token = async |name: &str| {
            let secret = bed.get("secrets", name).await?;
            anyhow::Ok(key(&secret, "access-token"))
        };
        Ok(Self {
            integration: token(&tenant.token_secret()).await?,
            connection: token("ada-zoom-token").await?,
            requests: sim.token_requests(tenant).await?,
            grant_requests: app.grant_requests(sim).await?,
        })
    }
}

/// Both are connected in the eyes of the operator that runs now.
async fn until_connected(bed: &Bed) -> anyhow::Result<()> {
    for (resource, name) in [("zoomintegrations", "acme"), ("zoomconnections", "ada")] {
        wait_for(&format!("{name} is connected"), LIMIT, || async {
            let object = bed.get(resource, name).await?;
            Ok((seen(&object) && status(&object, "Ready") == "True").then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Waits until the only receiver runs an image of which this holds, and is ready.
async fn until_receiver_is(bed: &Bed, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    wait_for("the receiver is replaced", 2 * LIMIT, || async {
        let pods = super::pods(bed).await?;
        let is_new = |pod: &Value| {
            let container = &pod["status"]["containerStatuses"][0];
            wanted(text(pod, "/spec/containers/0/image")) && container["ready"] == true
        };
        Ok((pods.len() == 1 && is_new(&pods[0])).then_some(()))
    })
    .await
}
