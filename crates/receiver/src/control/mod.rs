//! The authenticated port: dead letters, which are about people, and the drain.
//!
//! ```text
//! GET    /dead-letters[?limit=100&after=<id>]   POST /dead-letters/replay        DELETE /dead-letters
//! GET    /dead-letters/<id>                     POST /dead-letters/<id>/replay   DELETE /dead-letters/<id>
//! POST   /skip                                  PUT  /drain  {"drain":true}
//! ```
//! `/skip` makes a dead letter of the first event that fails and answers with it: 409 when none fails.
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
    receiver::control::{Count, DEAD_LETTERS, DRAIN, Drain, Listing, SKIP},
};
use url::form_urlencoded;

use self::{
    answers::{Shown, json, listed},
    token::TokenFile,
};
use super::{buffer::Buffer, event::EventId};

/// Items of a page, unless asked otherwise.
const LIMIT: usize = 100;
/// Most items of a page.
const MAX_LIMIT: usize = 1000;
/// Most bytes of a request's body.
const MAX_BODY: usize = 1024;

type Shared = State<Arc<Buffer>>;

/// The router of the control port. The token is read from its file for every request, so that a new one
/// works at once.
pub fn router(token: PathBuf, buffer: Option<Buffer>) -> Router {
    let routes = match buffer {
        None => Router::new(),
        Some(buffer) => Router::new()
            .route(DEAD_LETTERS, get(list).delete(drop_all))
            .route(&format!("{DEAD_LETTERS}/replay"), post(replay_all))
            .route(
                &format!("{DEAD_LETTERS}/{{id}}"),
                get(show).delete(drop_one),
            )
            .route(&format!("{DEAD_LETTERS}/{{id}}/replay"), post(replay_one))
            .route(DRAIN, put(drain))
            .route(SKIP, post(skip))
            .with_state(Arc::new(buffer)),
    };
    let token = Arc::new(TokenFile::new(token));
    let check = move |request: Request, next: Next| {
        let token = Arc::clone(&token);
        async move {
            if token.admits(request.headers()) {
                next.run(request).await
            } else {
                StatusCode::UNAUTHORIZED.into_response()
            }
        }
    };
    routes
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn(check))
}

async fn list(State(buffer): Shared, uri: Uri) -> Response {
    let (mut limit, mut after) = (LIMIT, None);
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
            _ => false,
        };
        if !is_right {
            return StatusCode::BAD_REQUEST.into_response();
        }
    }
    match buffer.dead_letters(after, limit).await {
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some((None, _)) => StatusCode::NOT_FOUND.into_response(),
        Some((Some(letters), total)) => json(&Listing {
            items: letters.into_iter().map(listed).collect(),
            total,
        }),
    }
}

async fn show(State(buffer): Shared, Path(text): Path<String>) -> Response {
    let Some(id) = id(&text) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match buffer.dead_letter(id).await {
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(None) => StatusCode::NOT_FOUND.into_response(),
        Some(Some((letter, event))) => json(&Shown::new(letter, event)),
    }
}

async fn replay_one(state: Shared, id: Path<String>) -> Response {
    exhume(state, &id, true).await
}

async fn drop_one(state: Shared, id: Path<String>) -> Response {
    exhume(state, &id, false).await
}

async fn exhume(State(buffer): Shared, text: &str, replay: bool) -> Response {
    let Some(id) = id(text) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let status = match buffer.exhume(id, replay).await {
        None => StatusCode::SERVICE_UNAVAILABLE,
        Some(false) => StatusCode::NOT_FOUND,
        Some(true) => StatusCode::NO_CONTENT,
    };
    status.into_response()
}

async fn replay_all(State(buffer): Shared) -> Response {
    exhume_all(&buffer, true).await
}

async fn drop_all(State(buffer): Shared) -> Response {
    exhume_all(&buffer, false).await
}

async fn exhume_all(buffer: &Buffer, replay: bool) -> Response {
    match buffer.exhume_all(replay).await {
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(count) => json(&Count { count }),
    }
}

async fn skip(State(buffer): Shared) -> Response {
    match buffer.skip().await {
        Some(letter) => json(&listed(letter)),
        None => StatusCode::CONFLICT.into_response(),
    }
}

async fn drain(State(buffer): Shared, request: Request) -> Response {
    let Ok(body) = to_bytes(request.into_body(), MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match serde_json::from_slice(&body) {
        Ok(Drain { drain }) => {
            buffer.drain(drain);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn id(text: &str) -> Option<EventId> {
    mac::from_hex(text.as_bytes()).map(EventId::from_bytes)
}
