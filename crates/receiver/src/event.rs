//! A verified event on its way from Zoom to the sink.

use data_encoding::HEXLOWER;
use std::fmt;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName},
};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{dedupe::Ids, envelope::Envelope, identity, signature};

/// Zoom's id of one delivery, the same over its retries.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-zm-request-id");
/// Zoom's id of one attempt.
pub const TRACKING_ID: HeaderName = HeaderName::from_static("x-zm-trackingid");

/// The identity of an event: SHA-256 of its raw body. Zoom's retries mostly repeat the body, see
/// [`super::identity`] for those that do not; Zoom's own request id lies outside the signature and could
/// be changed on the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 32]);

/// A verified event: what Zoom sent, and what can be read in it. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
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

// === impl EventId ===

impl EventId {
    /// The id of the event with this raw body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// The id with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
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
        }
    }

    /// Zoom's name of it, such as `meeting.ended`, if it can be read.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.envelope.as_ref().and_then(Envelope::name)
    }
}

impl Event {
    /// By what a repeat is recognized.
    #[must_use]
    pub fn ids(&self) -> Ids {
        Ids {
            id: self.id,
            content: identity::content(self),
        }
    }
}

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
    fn the_id_is_the_hash_of_the_bytes() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(EventId::of(b"").to_string(), empty);
        assert_ne!(EventId::of(b"{}"), EventId::of(b"{} "));
    }

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
