//! A verified event on its way from Zoom to the sink.

use std::{fmt, sync::OnceLock};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName},
};
use jiff::Timestamp;

pub use super::event_id::EventId;
use super::{envelope::Envelope, signature};

/// Zoom's id of one delivery, the same over its retries.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-zm-request-id");
/// Zoom's id of one attempt.
pub const TRACKING_ID: HeaderName = HeaderName::from_static("x-zm-trackingid");

/// A verified event: what Zoom sent, and what can be read in it. Cheap to clone.
#[derive(Clone)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// When it came, by our clock.
    pub received: Timestamp,
    /// What Zoom's headers say.
    pub zoom: ZoomHeaders,
    /// What the body says; `None` when it is not one JSON object.
    pub envelope: Option<Envelope>,
    /// The body, to the byte.
    pub body: Bytes,
    /// See [`super::identity::key`]; it takes a walk through the body.
    pub(super) key: OnceLock<Option<EventId>>,
}

/// Those of Zoom's headers that go along with an event. Only `timestamp` is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoomHeaders {
    /// [`REQUEST_ID`].
    pub request_id: Option<String>,
    /// [`TRACKING_ID`].
    pub tracking_id: Option<String>,
    /// [`signature::TIMESTAMP`].
    pub timestamp: Option<String>,
}

// === impl Event ===

impl Event {
    /// The event that came at `received` with these headers and this body.
    #[must_use]
    pub fn new(received: Timestamp, zoom: ZoomHeaders, body: Bytes) -> Self {
        let envelope = Envelope::parse(&body).ok();
        Self::with_envelope(received, zoom, envelope, body)
    }

    /// The same, of a body that was read already.
    #[must_use]
    pub fn with_envelope(
        received: Timestamp,
        zoom: ZoomHeaders,
        envelope: Option<Envelope>,
        body: Bytes,
    ) -> Self {
        Self {
            id: EventId::of(&body),
            received,
            zoom,
            envelope,
            body,
            key: OnceLock::new(),
        }
    }

    /// Zoom's name of it, such as `meeting.ended`, if it can be read.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.envelope.as_ref().and_then(Envelope::name)
    }

    /// Zoom's id of the account it is of, if it can be read.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.envelope.as_ref().and_then(Envelope::account)
    }
}

impl PartialEq for Event {
    /// All else is made from these.
    fn eq(&self, other: &Self) -> bool {
        (self.received, &self.zoom, &self.body) == (other.received, &other.zoom, &other.body)
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    /// Without the body, which is about people.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Event")
            .field("id", &self.id)
            .field("received", &self.received)
            .field("name", &self.name())
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

// === impl ZoomHeaders ===

impl From<&HeaderMap> for ZoomHeaders {
    fn from(headers: &HeaderMap) -> Self {
        let text = |name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        Self {
            request_id: text(REQUEST_ID),
            tracking_id: text(TRACKING_ID),
            timestamp: text(signature::TIMESTAMP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_not_shown() {
        let body = Bytes::from_static(br#"{"event":"user.created","x":"hidden"}"#);
        let event = Event::new(Timestamp::UNIX_EPOCH, ZoomHeaders::default(), body);
        let shown = format!("{event:?}");
        assert!(
            shown.contains("user.created") && !shown.contains("hidden"),
            "{shown}"
        );
    }
}
