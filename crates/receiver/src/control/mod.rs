//! The authenticated port: dead letters, which are about people, and the drain.
//!
//! ```text
//! GET    /dead-letters[?limit=100&after=<id>]   POST /dead-letters/replay        DELETE /dead-letters
//! GET    /dead-letters/<id>                     POST /dead-letters/<id>/replay   DELETE /dead-letters/<id>
//! POST   /skip                                  PUT  /drain  {"drain":true}
//! ```
//! What concerns all dead letters, and `/skip`, takes `connection=<namespace>/<name>`: only those that followed
//! the route of this connection. `/skip` makes a dead letter of the first event that fails and answers with it: 409 when none fails.
//!
//! Whoever has no token learns nothing: 401 whatever was asked. 404 without a buffer, 503 while its
//! store is not open.

mod answers;
mod token;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::to_bytes,
    extract::{Path, Request, State},
    http::{StatusCode, Uri},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use contract::{
    mac,
    receiver::{
        Integration,
        control::{CONNECTION, Count, DEAD_LETTERS, DRAIN, Drain, Listing, SKIP},
        routes::Connection,
    },
};
use runtime::audit::{Action, Kind, Outcome, Record};
use url::form_urlencoded;

use self::{
    answers::{DeadLetterDetail, json, listed},
    token::TokenFile,
};
use super::{
    buffer::{Buffer, command::Resolution, store::Filter},
    event::EventId,
};

/// Items of a page, unless asked otherwise.
const LIMIT: usize = 100;
/// Most items of a page.
const MAX_LIMIT: usize = 1000;
/// Why nothing was done: the store is not open.
const AWAY: &str = "unavailable";
/// Why nothing was done: there is no such event.
const ABSENT: &str = "not_found";

/// Most bytes of a request's body.
const MAX_BODY: usize = 1024;

type Shared = State<Arc<Held>>;

/// The dead letters, and whose they are.
struct Held {
    buffer: Buffer,
    integration: Integration,
}

/// The router of the control port of an integration's receiver. The token is read from its file for every
/// request, so that a new one works at once.
pub fn router(token: PathBuf, buffer: Option<Buffer>, integration: Integration) -> Router {
    let routes = match buffer {
        None => Router::new(),
        Some(buffer) => Router::new()
            .route(DEAD_LETTERS, get(list).delete(discard_all))
            .route(&format!("{DEAD_LETTERS}/replay"), post(replay_all))
            .route(
                &format!("{DEAD_LETTERS}/{{id}}"),
                get(show).delete(discard_one),
            )
            .route(&format!("{DEAD_LETTERS}/{{id}}/replay"), post(replay_one))
            .route(DRAIN, put(drain))
            .route(SKIP, post(skip))
            .with_state(Arc::new(Held {
                buffer,
                integration: integration.clone(),
            })),
    };
    let token = Arc::new(TokenFile::new(token));
    let check = move |request: Request, next: Next| {
        let (token, integration) = (Arc::clone(&token), integration.clone());
        async move {
            if token.admits(request.headers()) {
                next.run(request).await
            } else {
                record(Action::ControlAccess, &integration)
                    .but(Outcome::Refused, "unauthorized")
                    .write();
                StatusCode::UNAUTHORIZED.into_response()
            }
        }
    };
    routes
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn(check))
}

async fn list(State(held): Shared, uri: Uri) -> Response {
    let (mut limit, mut after, mut filter) = (LIMIT, None, Filter::All);
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let is_right = match &*name {
            "limit" => match value.parse() {
                Ok(number @ 1..=MAX_LIMIT) => {
                    limit = number;
                    true
                }
                _ => false,
            },
            "after" => {
                after = id(&value);
                after.is_some()
            }
            CONNECTION => match value.parse() {
                Ok(connection) => {
                    filter = Filter::Connection(connection);
                    true
                }
                Err(_) => false,
            },
            _ => false,
        };
        if !is_right {
            return StatusCode::BAD_REQUEST.into_response();
        }
    }
    let (answer, found) = match held.buffer.dead_letters(after, limit, filter).await {
        None => (StatusCode::SERVICE_UNAVAILABLE.into_response(), Err(AWAY)),
        Some((None, _)) => (StatusCode::NOT_FOUND.into_response(), Err(ABSENT)),
        Some((Some(letters), total)) => {
            let items = letters.into_iter().map(listed).collect();
            (json(&Listing { items, total }), Ok(()))
        }
    };
    held.note(Action::DeadLetterList, found, None);
    answer
}

async fn show(State(held): Shared, Path(text): Path<String>) -> Response {
    let Some(id) = id(&text) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (answer, found) = match held.buffer.dead_letter(id).await {
        None => (StatusCode::SERVICE_UNAVAILABLE.into_response(), Err(AWAY)),
        Some(None) => (StatusCode::NOT_FOUND.into_response(), Err(ABSENT)),
        Some(Some((letter, event))) => (json(&DeadLetterDetail::new(letter, event)), Ok(())),
    };
    held.note(Action::DeadLetterShow, found, Some(id.to_string()));
    answer
}

async fn replay_one(state: Shared, id: Path<String>) -> Response {
    resolve(state, &id, Resolution::Replay).await
}

async fn discard_one(state: Shared, id: Path<String>) -> Response {
    resolve(state, &id, Resolution::Discard).await
}

async fn resolve(State(held): Shared, text: &str, resolution: Resolution) -> Response {
    let Some(id) = id(text) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (status, found) = match held.buffer.resolve(id, resolution).await {
        None => (StatusCode::SERVICE_UNAVAILABLE, Err(AWAY)),
        Some(false) => (StatusCode::NOT_FOUND, Err(ABSENT)),
        Some(true) => (StatusCode::NO_CONTENT, Ok(())),
    };
    held.note(taken(resolution), found, Some(id.to_string()));
    status.into_response()
}

async fn replay_all(State(held): Shared, uri: Uri) -> Response {
    resolve_all(&held, &uri, Resolution::Replay).await
}

async fn discard_all(State(held): Shared, uri: Uri) -> Response {
    resolve_all(&held, &uri, Resolution::Discard).await
}

async fn resolve_all(held: &Held, uri: &Uri, resolution: Resolution) -> Response {
    let Ok(connection) = connection(uri) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let of = connection
        .as_ref()
        .map(|connection| format!("all of {connection}"));
    let filter = connection.map_or(Filter::All, Filter::Connection);
    let count = held.buffer.resolve_all(filter, resolution).await;
    held.note(taken(resolution), count.map(drop).ok_or(AWAY), of);
    match count {
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(count) => json(&Count { count }),
    }
}

async fn skip(State(held): Shared, uri: Uri) -> Response {
    let Ok(connection) = connection(&uri) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let skipped = held.buffer.skip(connection).await;
    let id = skipped.as_ref().map(|letter| letter.id.clone());
    let found = id.as_ref().map(drop).ok_or(ABSENT);
    held.note(Action::DeadLetterSkip, found, id);
    match skipped {
        Some(letter) => json(&listed(letter)),
        None => StatusCode::CONFLICT.into_response(),
    }
}

async fn drain(State(held): Shared, request: Request) -> Response {
    let Ok(body) = to_bytes(request.into_body(), MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match serde_json::from_slice(&body) {
        Ok(Drain { drain }) => {
            held.buffer.drain(drain);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

// === impl Held ===

impl Held {
    /// Writes an access into the audit trail, to the event of this id or to all.
    fn note(&self, action: Action, done: Result<(), &str>, id: Option<String>) {
        let record = record(action, &self.integration).item(id.unwrap_or_else(|| "all".into()));
        match done {
            Ok(()) => record.write(),
            Err(reason) => record.but(Outcome::Failed, reason).write(),
        }
    }
}

fn record(action: Action, integration: &Integration) -> Record<'_> {
    let Integration { namespace, name } = integration;
    Record::done(action, Kind::Integration, namespace, name)
}

fn taken(resolution: Resolution) -> Action {
    match resolution {
        Resolution::Replay => Action::DeadLetterReplay,
        Resolution::Discard => Action::DeadLetterDrop,
    }
}

/// The connection that a request is limited to.
fn connection(uri: &Uri) -> Result<Option<Connection>, ()> {
    let mut connection = None;
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != CONNECTION || connection.is_some() {
            return Err(());
        }
        connection = Some(value.parse().map_err(drop)?);
    }
    Ok(connection)
}

fn id(text: &str) -> Option<EventId> {
    mac::from_hex(text.as_bytes()).map(EventId::from_bytes)
}
