//! The facts port, for the controller.

use axum::{
    Router,
    http::{HeaderMap, Uri, header},
    routing::get,
};
use contract::{
    facts::{PATH, VERIFIED_BEFORE},
    health,
    routing_facts::asked_after,
};

use super::{buffer::Buffer, recorder::Recorder};

/// The routes of the facts port. The state of the buffer is read for each request.
pub fn router(recorder: &Recorder, buffer: Option<Buffer>) -> Router {
    let recorder = recorder.clone();
    let answer = move |uri: Uri, headers: HeaderMap| async move {
        if headers.contains_key(VERIFIED_BEFORE) {
            recorder.verified_before();
        }
        let mut facts = recorder.facts();
        if uri.query() != Some(health::QUERY) {
            facts.health = None;
        }
        facts.buffer = buffer.as_ref().map(Buffer::facts);
        let after = asked_after(uri.query());
        facts.routing = buffer
            .as_ref()
            .and_then(|buffer| buffer.routing_facts(after));
        let text = facts.to_json();
        ([(header::CONTENT_TYPE, "application/json")], text)
    };
    Router::new().route(PATH, get(answer))
}
