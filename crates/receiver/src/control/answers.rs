//! What the control port says, as JSON.

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::receiver::control;
use serde::Serialize;

use crate::{buffer::dead::DeadLetter, event::Event};

/// A dead letter as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterDetail {
    #[serde(flatten)]
    item: control::DeadLetter,
    zoom: Zoom,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
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

// === impl DeadLetterDetail ===

impl DeadLetterDetail {
    /// A dead letter with its event, if its bytes can be read.
    #[must_use]
    pub fn new(letter: DeadLetter, event: Option<Event>) -> Self {
        let mut shown = Self {
            item: listed(letter),
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

/// A dead letter as it is listed.
pub fn listed(letter: DeadLetter) -> control::DeadLetter {
    control::DeadLetter {
        reason: letter.reason_text(),
        id: letter.id,
        event: letter.event,
        received_at: letter.received_at,
        failed_at: letter.failed_at,
        attempts: letter.attempts,
        bytes: letter.bytes as u64,
        account: letter.account,
        connection: letter.connection,
    }
}
