//! What goes wrong around the operator: Zoom, the tenants' Secrets, its own processes, the API server.

mod answers;
mod api_server;
mod leader;
mod memory;
mod restart;
mod tenants;
mod zoom;

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bed::{
    Bed, Case, LIMIT, Operator, Options, Sim, Tenant,
    object::{self, text},
    wait_for,
};

pub fn cases() -> Vec<Case> {
    [
        zoom::cases(),
        answers::cases(),
        tenants::cases(),
        restart::cases(),
        leader::cases(),
        api_server::cases(),
        memory::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// An attempt that failed, as the status records it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    reason: String,
    attempts: i64,
    retry_at: Timestamp,
}

/// A token request as the offline Zoom recorded it.
#[derive(Clone, Debug)]
struct Request {
    at: Timestamp,
    outcome: String,
}

/// An operator, the offline Zoom, and the tenant `acme`, connected.
async fn connected(bed: &Bed, options: &Options) -> anyhow::Result<(Sim, Operator, Tenant)> {
    let (sim, operator) = bed.zoom_and_operator(options).await?;
    let tenant = Tenant::server_to_server("acme");
    add(bed, &sim, &tenant, json!({})).await?;
    bed.until_reason("acme", "Connected").await?;
    Ok((sim, operator, tenant))
}

/// Makes the tenant's app, credentials and integration.
async fn add(bed: &Bed, sim: &Sim, tenant: &Tenant, settings: Value) -> anyhow::Result<()> {
    tenant
        .declare(bed, sim, settings, &tenant.manifest())
        .await?;
    Ok(())
}

/// Brings the time of the next refresh forward to now; the token itself stays valid.
async fn make_refresh_due(bed: &Bed, tenant: &Tenant) -> anyhow::Result<()> {
    let now = Timestamp::from_second(Timestamp::now().as_second())?;
    let patch = json!({"metadata": {"annotations": {
        "zoom-operator.io/refresh-at": now.to_string(),
    }}});
    bed.patch("secrets", &tenant.token_secret(), &patch).await?;
    Ok(())
}

/// The failure in the status, if any.
fn failure(integration: &Value) -> Option<Failure> {
    let failure = integration.pointer("/status/token/failure")?;
    Some(Failure {
        reason: text(failure, "/reason").to_owned(),
        attempts: failure["attempts"].as_i64()?,
        retry_at: text(failure, "/retryAt").parse().ok()?,
    })
}

/// Waits until the last attempts have failed for `reason`.
async fn until_failing(bed: &Bed, name: &str, reason: &str) -> anyhow::Result<(Value, Failure)> {
    let object = bed
        .until(name, &format!("a failure for {reason}"), |object| {
            failure(object).is_some_and(|failure| failure.reason == reason)
        })
        .await?;
    let failure = failure(&object).context("no failure")?;
    Ok((object, failure))
}

/// The token requests of a tenant, the oldest first.
async fn requests(sim: &Sim, tenant: &Tenant) -> anyhow::Result<Vec<Request>> {
    let path = format!("apps/{}/requests", tenant.client_id);
    let log = sim.admin("GET", &path, None).await?;
    let requests = log.as_array().into_iter().flatten().map(|request| {
        Ok(Request {
            at: text(request, "/at").parse()?,
            outcome: text(request, "/outcome").to_owned(),
        })
    });
    requests.collect()
}

/// Waits until the offline Zoom holds back a reply.
async fn until_held(sim: &Sim, fault: &str) -> anyhow::Result<()> {
    wait_for("a held reply", LIMIT, || async {
        let state = sim.fault_state(fault).await?;
        Ok((state["held"] == 1).then_some(()))
    })
    .await
}

/// Holds back the reply to the tenant's next token request, once.
async fn hold(sim: &Sim, tenant: &Tenant) -> anyhow::Result<()> {
    let rule = json!({
        "endpoint": "token",
        "client_id": tenant.client_id,
        "times": 1,
        "fault": {"kind": "hold"},
    });
    sim.put_fault("hold", rule).await
}

/// Waits until the token Secret is another one than `before`, and the status tells of it.
async fn until_new_token(bed: &Bed, tenant: &Tenant, before: &Value) -> anyhow::Result<Value> {
    let old = object::key(before, "access-token");
    let secret = bed
        .until_object("secrets", &tenant.token_secret(), "a new token", |secret| {
            let token = object::key(secret, "access-token");
            !token.is_empty() && token != old
        })
        .await?;
    let expires_at = object::key(&secret, "expires-at");
    bed.until(&tenant.name, "Connected with the new token", |object| {
        object::reason(object, "Ready") == "Connected"
            && object::reason(object, "TokenFresh") == "Refreshed"
            && text(object, "/status/token/expiresAt") == expires_at
    })
    .await?;
    Ok(secret)
}

/// How often the container of each operator Pod was restarted.
async fn container_restarts(bed: &Bed) -> anyhow::Result<BTreeMap<String, u64>> {
    let pods = bed.list("pods", "app.kubernetes.io/name=zoom-operator");
    let restarts = pods.await?.into_iter().map(|pod| {
        let count = pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
        (object::name(&pod).to_owned(), count.unwrap_or_default())
    });
    Ok(restarts.collect())
}

/// Waits until the kubelet has told that the container of a Pod was restarted; how often.
async fn until_restarted(bed: &Bed, pod: &str) -> anyhow::Result<u64> {
    wait_for("the restart shows", LIMIT, || async {
        let restarts = container_restarts(bed).await?.remove(pod);
        Ok(restarts.filter(|restarts| *restarts > 0))
    })
    .await
}

/// Kubernetes' own opinion on whether a Pod is ready.
fn is_ready(pod: &Value) -> bool {
    object::status(pod, "Ready") == "True"
}

/// Whether the condition has status and reason.
fn says(object: &Value, type_: &str, status: &str, reason: &str) -> bool {
    object::status(object, type_) == status && object::reason(object, type_) == reason
}
