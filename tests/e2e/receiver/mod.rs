//! A tenant's receiver: its objects, and what it does with what Zoom sends.

pub mod back_end;
pub mod buffer;
mod dead_letters;
mod exposure;
pub mod load;
mod nats;
mod objects;
mod pace;
mod reach;
mod sinks;
pub mod traffic;
mod transitions;
mod upgrade;
mod volumes;
mod webhooks;

use std::{collections::BTreeSet, time::Duration};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::bed::{Bed, Case, LIMIT, Sim, Tenant, merge, object::text, wait_for};

/// A kubelet brings a changed Secret to a Pod within about a minute and a half.
pub const UNTIL_MOUNTED: Duration = Duration::from_mins(3);

/// Name of the receiver's objects.
const RECEIVER: &str = "acme-receiver";

pub fn cases() -> Vec<Case> {
    [
        objects::cases(),
        webhooks::cases(),
        load::cases(),
        buffer::cases(),
        transitions::cases(),
        dead_letters::cases(),
        nats::cases(),
        pace::cases(),
        sinks::cases(),
        exposure::cases(),
        reach::cases(),
        upgrade::cases(),
        volumes::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A connected tenant with a receiver.
async fn connected(bed: &Bed, sim: &Sim, spec: Value) -> anyhow::Result<Tenant> {
    let tenant = Tenant::server_to_server("acme");
    let mut manifest = tenant.manifest_with_webhook();
    merge(&mut manifest["spec"], &spec);
    tenant.declare(bed, sim, json!({}), &manifest).await?;
    bed.until_reason("acme", "Connected").await?;
    Ok(tenant)
}

/// An event as Zoom sends it.
fn meeting_ended(id: &str) -> Value {
    json!({
        "event": "meeting.ended",
        "event_ts": 1_626_230_691_572_i64,
        "payload": {
            "account_id": "AAAAAABBBB",
            "object": {"id": id, "uuid": "4444AAAiAAAAAiAiAiiAii==", "topic": "Visite \u{1f389}"},
        },
    })
}

/// What Zoom was answered at its first attempt.
fn answer(delivery: &Value) -> &Value {
    &delivery["attempts"][0]["status"]
}

/// Delivers what `order` says until the receiver takes it; one that is busy says 503, and Zoom comes again.
async fn taken(sim: &Sim, tenant: &Tenant, order: Value) -> anyhow::Result<Value> {
    wait_for("the receiver takes it", LIMIT, || async {
        let delivery = sim.deliver(tenant, order.clone()).await?;
        ensure!(*answer(&delivery) == 204, "{delivery:#}");
        Ok(Some(delivery))
    })
    .await
}

/// The ids of what the sink took: each event comes at least once.
fn distinct(events: &[Value]) -> BTreeSet<&str> {
    events
        .iter()
        .map(|event| text(event, "/headers/ce-id"))
        .collect()
}

/// The receiver's Pods that are not about to end.
pub async fn pods(bed: &Bed) -> anyhow::Result<Vec<Value>> {
    let mut pods = bed
        .list("pods", "app.kubernetes.io/name=zoom-receiver")
        .await?;
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    Ok(pods)
}
