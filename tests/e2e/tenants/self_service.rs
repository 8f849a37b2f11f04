//! Customers who allow the app by themselves: their connections are made in the namespace of the template, if it agrees.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{UNTIL_MOUNTED, deliver, look, routes};
use crate::{
    bed::{
        App, Bed, LIMIT, Options, Sim,
        consent::hand_over_again,
        object::{key, reason, seen, status, text},
        wait_for,
    },
    receiver::back_end::BackEnd,
};

pub async fn elsewhere(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(["labelled", "listed"], async |[labelled, listed]| {
        scenario(&bed, labelled, listed).await
    })
    .await
}

async fn scenario(platform: &Bed, labelled: &Bed, listed: &Bed) -> anyhow::Result<()> {
    let (sim, app) = prepare(platform, labelled, listed).await?;

    // Without an agreement, nobody is connected, and nothing is spent at Zoom.
    let early = Customer::of(&sim, "early").await?;
    early.allows(&sim, &app, platform, labelled).await?;
    let label = format!(
        "zoom-operator.io/accept-connections={}",
        platform.namespace()
    );
    refused(platform, "SelfServiceRefused", 1).await?;
    let said = notes(platform, "SelfServiceRefused").await?.remove(0);
    ensure!(
        said.contains(&label) && said.contains("connect.acceptConnections"),
        "{said}"
    );
    // An agreement with another namespace is none.
    let namespace = labelled.namespace();
    let label_it = |label: &str| {
        let label = label.to_owned();
        async move {
            let args = [
                "label",
                "namespace",
                namespace,
                label.as_str(),
                "--overwrite",
            ];
            platform.kubectl(&args).await
        }
    };
    label_it("zoom-operator.io/accept-connections=stranger").await?;
    early.allows(&sim, &app, platform, labelled).await?;
    refused(platform, "SelfServiceRefused", 2).await?;
    ensure!(labelled.list("zoomconnections", "").await?.is_empty());
    ensure!(redeemed(&sim, &app).await? == 0);

    // Agreed by the namespace's label.
    label_it(&label).await?;
    let sink = BackEnd::start(labelled, "back-end").await?;
    let first = Customer::of(&sim, "first").await?;
    first.allows(&sim, &app, platform, labelled).await?;
    first.is_connected(platform, labelled).await?;
    deliver(&sim, &app, "first", "first").await?;
    arrives(platform, &sink, "first").await?;

    // Agreed by the chart's value, without a label.
    change(platform, &self_service(listed, 2)).await?;
    let sink = BackEnd::start(listed, "back-end").await?;
    let second = Customer::of(&sim, "second").await?;
    second.allows(&sim, &app, platform, listed).await?;
    second.is_connected(platform, listed).await?;
    deliver(&sim, &app, "second", "second").await?;
    arrives(platform, &sink, "second").await?;
    ensure!(routes(platform).await?.len() == 2);

    // Up to the limit of the namespace.
    change(platform, &self_service(listed, 1)).await?;
    let late = Customer::of(&sim, "late").await?;
    late.allows(&sim, &app, platform, listed).await?;
    refused(platform, "SelfServiceLimit", 1).await?;
    ensure!(listed.list("zoomconnections", "").await?.len() == 1);
    ensure!(redeemed(&sim, &app).await? == 2);

    // And only into a namespace that the integration allows.
    let closed = json!({"allowedNamespaces": {"from": "Same"}});
    change(platform, &closed).await?;
    late.allows(&sim, &app, platform, listed).await?;
    refused(platform, "SelfServiceRefused", 3).await?;
    ensure!(
        notes(platform, "SelfServiceRefused")
            .await?
            .iter()
            .any(|note| note.contains("allowedNamespaces does not allow"))
    );
    Ok(())
}

/// Changes the integration, and waits until the operator has seen it: the next consent is judged by it.
async fn change(platform: &Bed, spec: &Value) -> anyhow::Result<()> {
    platform.change("acme", spec).await?;
    platform.until("acme", "the change is seen", seen).await?;
    Ok(())
}

async fn prepare(platform: &Bed, labelled: &Bed, listed: &Bed) -> anyhow::Result<(Sim, App)> {
    let accepts = |field: &str, bed: &Bed| {
        format!("connect.acceptConnections[0].{field}={}", bed.namespace())
    };
    let options = Options::default()
        .serving(&[platform, labelled, listed])
        .with_pages()
        .with(accepts("namespace", listed))
        .with(accepts("from", platform));
    platform
        .zoom_and_shared_app(&options, "acme", &self_service(labelled, 2))
        .await
}

/// Connections are made in this namespace, up to this many.
fn self_service(target: &Bed, most: u32) -> Value {
    let template = json!({
        "namespace": target.namespace(),
        "sink": {"http": {"serviceRef": {"name": "back-end"}}},
    });
    let policy = json!({"maxConnections": most, "template": template});
    json!({"oauth": {"redirectUrl": null, "consent": {"mode": "Operator", "selfService": policy}}})
}

/// An account at Zoom, and its administrator.
struct Customer {
    account: String,
    administrator: String,
}

// === impl Customer ===

impl Customer {
    async fn of(sim: &Sim, account: &str) -> anyhow::Result<Self> {
        let made = sim
            .admin("PUT", &format!("accounts/{account}"), None)
            .await?;
        Ok(Self {
            account: account.to_owned(),
            administrator: text(&made, "/users/0/email").to_owned(),
        })
    }

    fn connection(&self) -> String {
        format!("acme-{}", self.account)
    }

    async fn allows(
        &self,
        sim: &Sim,
        app: &App,
        platform: &Bed,
        target: &Bed,
    ) -> anyhow::Result<()> {
        let name = self.connection();
        hand_over_again(sim, app, platform, target, &name, &self.administrator).await
    }

    /// The connection has its account, token and route; the platform's namespace has none of them.
    async fn is_connected(&self, platform: &Bed, target: &Bed) -> anyhow::Result<()> {
        let name = self.connection();
        let made = target
            .until_object("zoomconnections", &name, "connected", |connection| {
                reason(connection, "Ready") == "Connected"
                    && status(connection, "EventsRouted") == "True"
            })
            .await?;
        ensure!(text(&made, "/status/account/id") == self.account);
        let from = text(&made, "/spec/integrationRef/namespace");
        ensure!(from == platform.namespace(), "{from}");
        let token = format!("{name}-zoom-token");
        ensure!(!key(&target.get("secrets", &token).await?, "access-token").is_empty());
        ensure!(platform.find("secrets", &token).await?.is_none());
        ensure!(platform.list("zoomconnections", "").await?.is_empty());
        Ok(())
    }
}

/// Waits for the one event of this account.
async fn arrives(platform: &Bed, sink: &BackEnd, account: &str) -> anyhow::Result<()> {
    let request = wait_for("the customer's event", UNTIL_MOUNTED, || async {
        look(platform).await?;
        Ok(sink.last())
    })
    .await?;
    let body: Value = serde_json::from_slice(&request.body)?;
    ensure!(text(&body, "/payload/account_id") == account, "{body}");
    ensure!(sink.count() == 1, "{:?}", sink.order());
    Ok(())
}

/// How many codes Zoom redeemed.
async fn redeemed(sim: &Sim, app: &App) -> anyhow::Result<u64> {
    let path = format!("apps/{}", app.0.client_id);
    let told = sim.admin("GET", &path, None).await?;
    Ok(told["counters"]["codes_redeemed"].as_u64().unwrap_or(0))
}

/// Waits until this many people were refused for this reason, and their consents are gone.
async fn refused(platform: &Bed, why: &str, times: u64) -> anyhow::Result<()> {
    wait_for(&format!("{why}, {times} times"), LIMIT, || async {
        let events = platform.events("acme").await?;
        let told: u64 = events
            .iter()
            .filter(|event| text(event, "/reason") == why)
            .map(|event| event["series"]["count"].as_u64().unwrap_or(1))
            .sum();
        let waiting = platform
            .list("secrets", "zoom-operator.io/use=consent")
            .await?;
        Ok((told >= times && waiting.is_empty()).then_some(()))
    })
    .await
}

async fn notes(platform: &Bed, why: &str) -> anyhow::Result<Vec<String>> {
    let events = platform.events("acme").await?;
    let of_reason = events.iter().filter(|event| text(event, "/reason") == why);
    Ok(of_reason
        .map(|event| text(event, "/note").to_owned())
        .collect())
}
