//! The portal for developers, and the names of the internet.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse as _,
    routing::{post, put},
};
use serde::Serialize;
use serde_json::Value;

use super::{Answer, Refusal, Shared, Target, bad_request, found, parse, unknown};
use crate::{
    portal::{self, Opening, Step},
    server::Sim,
};

pub fn routes() -> Router<Arc<Sim>> {
    Router::new()
        // `Opening` in; GET: the form of its app, without secrets.
        .route("/portal/{desk}", put(open).get(view))
        // One element of `status.setup` in; `Report` out, or 422 with the portal's words.
        .route("/portal/{desk}/steps", post(step))
        // What happens in the account, as Zoom's event would say it. Out: the deliveries.
        .route("/portal/{desk}/events", post(happen))
        // `Target` in: scheme, host and port to which the requests for a public host name go.
        .route("/names/{host}", put(name))
}

async fn open(State(sim): Shared, Path(desk): Path<String>, body: Bytes) -> Answer {
    let opening: Opening = parse(&body)?;
    portal::open(&sim, &desk, opening);
    view(State(sim), Path(desk)).await
}

async fn view(State(sim): Shared, Path(desk): Path<String>) -> Answer {
    let view = portal::view(&sim, &desk).ok_or_else(unknown)?;
    Ok(Json(view).into_response())
}

async fn step(State(sim): Shared, Path(desk): Path<String>, body: Bytes) -> Answer {
    let step: Step = parse(&body)?;
    answer(portal::perform(&sim, &desk, &step).await)
}

async fn happen(State(sim): Shared, Path(desk): Path<String>, body: Bytes) -> Answer {
    let event: Value = parse(&body)?;
    answer(portal::happen(&sim, &desk, &event).await)
}

async fn name(State(sim): Shared, Path(host): Path<String>, body: Bytes) -> Answer {
    let target: Target = parse(&body)?;
    sim.names.put(&host, &target.url).map_err(bad_request)?;
    found(true)
}

fn answer(outcome: Option<Result<impl Serialize, String>>) -> Answer {
    match outcome.ok_or_else(unknown)? {
        Ok(report) => Ok(Json(report).into_response()),
        Err(why) => Err(Refusal(StatusCode::UNPROCESSABLE_ENTITY, why)),
    }
}
