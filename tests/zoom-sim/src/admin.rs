//! The admin API, by which tests set the stage and look behind it. It takes secrets and never gives one back; the one
//! thing of value it gives is a grant that it is asked to mint.

mod accounts;
mod grants;
mod portal;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    canned,
    deauthorization::Tweaks,
    deliveries::{self, Order},
    faults::{Endpoint, Rule},
    server::Sim,
    settings::{Patch, Settings},
    validation, webhooks,
};

type Shared = State<Arc<Sim>>;
type Answer = Result<Response, Refusal>;

/// Why the admin API did nothing.
pub struct Refusal(StatusCode, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    url: String,
}

/// All routes. A body is JSON, in and out; a change without an answer is 204.
pub fn router(sim: Arc<Sim>) -> Router {
    let app = put(put_app)
        .patch(patch_app)
        .get(get_app)
        .delete(delete_app);
    Router::new()
        // `Settings` in (PATCH: some of them), `View` with the counters out.
        .route("/apps/{client_id}", app)
        .route("/apps/{client_id}/expire-tokens", post(expire_tokens))
        .route("/apps/{client_id}/requests", get(requests))
        .route("/apps/{client_id}/deliveries", post(deliver))
        .route("/apps/{client_id}/validations", post(validate))
        .route("/deliveries/{id}", get(delivery))
        .route("/faults", get(faults).delete(clear_faults))
        .route("/faults/{name}", put(put_fault).delete(delete_fault))
        .route("/faults/{name}/release", post(release))
        .merge(grants::routes())
        .merge(accounts::routes())
        .merge(portal::routes())
        .merge(probes())
        .with_state(sim)
}

/// `/live` and `/ready`: whoever answers is both.
pub fn probes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/live", get(|| async { "ok\n" }))
        .route("/ready", get(|| async { "ok\n" }))
}

/// Reads a JSON body whatever its content type.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| bad_request(error.to_string()))
}

/// Tweaks, or an empty body or null for none.
fn tweaks(body: &[u8]) -> Result<Tweaks, Refusal> {
    if body.is_empty() {
        return Ok(Tweaks::default());
    }
    parse::<Option<Tweaks>>(body).map(Option::unwrap_or_default)
}

/// A refusal with status 400.
pub fn bad_request(why: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why)
}

// === impl Refusal ===

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

// === apps ===

async fn put_app(State(sim): Shared, Path(client_id): Path<String>, body: Bytes) -> Answer {
    let settings: Settings = parse(&body)?;
    check_endpoint(&sim, settings.deauthorization_url.as_deref())?;
    sim.apps.put(&client_id, settings);
    get_app(State(sim), Path(client_id)).await
}

async fn patch_app(State(sim): Shared, Path(client_id): Path<String>, body: Bytes) -> Answer {
    let patch: Patch = parse(&body)?;
    check_endpoint(&sim, patch.deauthorization_url.as_deref())?;
    found(sim.apps.patch(&client_id, patch))?;
    get_app(State(sim), Path(client_id)).await
}

async fn get_app(State(sim): Shared, Path(client_id): Path<String>) -> Answer {
    let view = sim.apps.view(&client_id).ok_or_else(unknown)?;
    Ok(Json(view).into_response())
}

fn check_endpoint(sim: &Sim, url: Option<&str>) -> Result<(), Refusal> {
    let checked = url.map(|url| webhooks::endpoint(url, sim.allow_http_endpoints));
    checked.transpose().map(drop).map_err(bad_request)
}

async fn delete_app(State(sim): Shared, Path(client_id): Path<String>) -> Answer {
    found(sim.apps.remove(&client_id))
}

async fn expire_tokens(State(sim): Shared, Path(client_id): Path<String>) -> Answer {
    found(sim.apps.expire_tokens(&client_id, Timestamp::now()))
}

async fn requests(State(sim): Shared, Path(client_id): Path<String>) -> Answer {
    let log = sim.apps.log(&client_id).ok_or_else(unknown)?;
    Ok(Json(log).into_response())
}

// === webhooks ===

async fn deliver(State(sim): Shared, Path(client_id): Path<String>, body: Bytes) -> Answer {
    let secret = webhook_secret(&sim, &client_id)?;
    let order: Order = parse(&body)?;
    let id = deliveries::start(&sim, client_id, secret, order)
        .await
        .map_err(bad_request)?;
    let delivery = sim.deliveries.get(id).ok_or_else(unknown)?;
    Ok((StatusCode::CREATED, Json(delivery)).into_response())
}

async fn delivery(State(sim): Shared, Path(id): Path<u64>) -> Answer {
    let delivery = sim.deliveries.get(id).ok_or_else(unknown)?;
    Ok(Json(delivery).into_response())
}

async fn validate(State(sim): Shared, Path(client_id): Path<String>, body: Bytes) -> Answer {
    let secret = webhook_secret(&sim, &client_id)?;
    let target: Target = parse(&body)?;
    let way = sim
        .names
        .way(&target.url, sim.allow_http_endpoints)
        .map_err(bad_request)?;
    Ok(Json(validation::validate(&sim, client_id, &secret, way).await).into_response())
}

fn webhook_secret(sim: &Sim, client_id: &str) -> Result<String, Refusal> {
    let settings = sim.apps.settings(client_id).ok_or_else(unknown)?;
    settings.webhook_secret_token.ok_or_else(|| {
        Refusal(
            StatusCode::CONFLICT,
            "the app has no webhook secret token".to_owned(),
        )
    })
}

// === faults ===

async fn faults(State(sim): Shared) -> Response {
    Json(sim.faults.views()).into_response()
}

async fn put_fault(State(sim): Shared, Path(name): Path<String>, body: Bytes) -> Answer {
    let rule: Rule = parse(&body)?;
    // Tried out now, so that a fault that cannot work is refused here and not found out in a test.
    canned::answer(&rule.fault, Endpoint::Api, Timestamp::now()).map_err(bad_request)?;
    sim.faults.put(name, rule);
    found(true)
}

async fn delete_fault(State(sim): Shared, Path(name): Path<String>) -> Answer {
    found(sim.faults.remove(&name))
}

async fn clear_faults(State(sim): Shared) -> Answer {
    sim.faults.clear();
    found(true)
}

async fn release(State(sim): Shared, Path(name): Path<String>) -> Answer {
    let released = sim.faults.release(&name).ok_or_else(unknown)?;
    Ok(Json(json!({"released": released})).into_response())
}

fn found(found: bool) -> Answer {
    if found {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(unknown())
    }
}

fn unknown() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "there is no such thing".to_owned())
}
