//! What the control port says, as JSON.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Serialize;

use crate::{buffer::dead::DeadLetter, event::Event};

/// A page of the list.
#[derive(Debug, Serialize)]
pub struct Page {
    items: Vec<Item>,
    total: u64,
}

/// A dead letter as it is listed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    id: String,
    event: Option<String>,
    received_at: Timestamp,
    failed_at: Timestamp,
    reason: String,
    attempts: u32,
    bytes: usize,
}

/// A dead letter as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    #[serde(flatten)]
    item: Item,
    zoom: Zoom,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// How many there were.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counted {
    /// That many.
    pub count: u64,
}

/// Zoom's headers.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Zoom {
    request_id: Option<String>,
    tracking_id: Option<String>,
    timestamp: Option<String>,
}

/// The answer with this text.
pub fn json(value: &impl Serialize) -> Response {
    // Strings, numbers and times only: there is nothing that could fail.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

// === impl Page ===

impl Page {
    /// These of so many.
    #[must_use]
    pub fn new(letters: Vec<DeadLetter>, total: u64) -> Self {
        let items = letters.into_iter().map(Item::from).collect();
        Self { items, total }
    }
}

// === impl Shown ===

impl Shown {
    /// A dead letter with its event, if its bytes can be read.
    #[must_use]
    pub fn new(letter: DeadLetter, event: Option<Event>) -> Self {
        let mut shown = Self {
            item: letter.into(),
            zoom: Zoom::default(),
            body: None,
            body_base64: None,
        };
        if let Some(Event { zoom, body, .. }) = event {
            shown.zoom = Zoom {
                request_id: zoom.request_id,
                tracking_id: zoom.tracking_id,
                timestamp: zoom.timestamp,
            };
            match std::str::from_utf8(&body) {
                Ok(text) => shown.body = Some(text.to_owned()),
                Err(_) => shown.body_base64 = Some(STANDARD.encode(&body)),
            }
        }
        shown
    }
}

// === impl Item ===

impl From<DeadLetter> for Item {
    fn from(letter: DeadLetter) -> Self {
        let reason = letter.reason.label();
        Self {
            id: letter.id,
            event: letter.event,
            received_at: letter.received_at,
            failed_at: letter.failed_at,
            reason: match letter.detail {
                Some(detail) => format!("{reason}: {detail}"),
                None => reason.to_owned(),
            },
            attempts: letter.attempts,
            bytes: letter.bytes,
        }
    }
}
