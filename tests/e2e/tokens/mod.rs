//! The life of an access token: from the Secret with the credentials to the Secret that consumers mount.

mod attempts;
mod consumers;
mod ownership;
mod proof;
mod refresh;
mod restart;
mod shared;

use serde_json::Value;

use crate::bed::{Bed, Case, LIMIT, Sim, Tenant, object, wait_for};

pub fn cases() -> Vec<Case> {
    [
        refresh::cases(),
        ownership::cases(),
        attempts::cases(),
        restart::cases(),
        shared::cases(),
        proof::cases(),
        consumers::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A tenant that Zoom knows, applied and connected.
async fn connected(
    bed: &Bed,
    sim: &Sim,
    name: &str,
    settings: Value,
    spec: Value,
) -> anyhow::Result<Tenant> {
    let tenant = Tenant::server_to_server(name);
    let manifest = tenant.manifest_with(&spec);
    tenant.declare(bed, sim, settings, &manifest).await?;
    bed.until_reason(name, "Connected").await?;
    Ok(tenant)
}

/// The token in a Secret.
async fn token(bed: &Bed, secret: &str) -> anyhow::Result<String> {
    let secret = bed.get("secrets", secret).await?;
    Ok(object::key(&secret, "access-token"))
}

/// How often an Event with this reason was sent about an integration; waits for the first, as Events follow the status
/// that they speak of.
async fn event_count(bed: &Bed, name: &str, reason: &str) -> anyhow::Result<u64> {
    wait_for(&format!("an Event {reason}"), LIMIT, || async {
        let count = count_now(bed, name, reason).await?;
        Ok((count > 0).then_some(count))
    })
    .await
}

async fn count_now(bed: &Bed, name: &str, reason: &str) -> anyhow::Result<u64> {
    let events = bed.events(name).await?;
    let of_reason = events.iter().filter(|event| event["reason"] == reason);
    Ok(of_reason
        .map(|event| event["series"]["count"].as_u64().unwrap_or(1))
        .sum())
}
