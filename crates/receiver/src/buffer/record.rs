//! An event as bytes in the store, and back.
//!
//! ```text
//! version (1) | seconds (8) | nanoseconds (4) | three headers: length (4), text | body
//! ```
//! Integers are little-endian; the length `0xffff_ffff` says that a header was absent. What can
//! be derived from the body, its id included, is recomputed on reading.

use std::sync::Arc;

use axum::body::Bytes;
use jiff::Timestamp;

use crate::{
    envelope::Envelope,
    event::{Event, ZoomHeaders},
};

/// The only layout so far.
const VERSION: u8 = 1;
const ABSENT: u32 = u32::MAX;

/// The bytes are not an event that this version can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored event cannot be read")]
pub struct Unreadable;

/// A stored event: what was read of it, or itself if this process has just stored it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Its bytes.
    Bytes(Bytes),
    /// The event, which need not be read, parsed and hashed again.
    Event(Arc<Event>),
}

/// The bytes of an event.
#[must_use]
pub fn encode(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_to(event, &mut bytes);
    bytes
}

/// How many bytes [`encode`] makes of it.
#[must_use]
pub fn size(event: &Event) -> usize {
    let headers = headers(&event.zoom);
    let texts: usize = headers.iter().flatten().map(|text| text.len()).sum();
    13 + 4 * headers.len() + texts + event.body.len()
}

/// Adds them to these bytes; there are [`size`] of them.
pub fn encode_to(event: &Event, bytes: &mut Vec<u8>) {
    bytes.reserve(size(event));
    bytes.push(VERSION);
    bytes.extend_from_slice(&event.received.as_second().to_le_bytes());
    bytes.extend_from_slice(&event.received.subsec_nanosecond().to_le_bytes());
    for header in headers(&event.zoom) {
        let text = header.unwrap_or_default();
        // A request head is bounded far below this.
        let length = header.map_or(ABSENT, |_| u32::try_from(text.len()).unwrap_or(ABSENT));
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(&event.body);
}

/// The event of these bytes, which shares their memory.
///
/// # Errors
/// When they are damaged, or of a later version.
pub fn decode(bytes: &Bytes) -> Result<Event, Unreadable> {
    let mut rest = &bytes[..];
    let [version] = take(&mut rest)?;
    if version != VERSION {
        return Err(Unreadable);
    }
    let second = i64::from_le_bytes(take(&mut rest)?);
    let nanosecond = i32::from_le_bytes(take(&mut rest)?);
    let received = Timestamp::new(second, nanosecond).map_err(|_| Unreadable)?;
    let zoom = ZoomHeaders {
        request_id: text(&mut rest)?,
        tracking_id: text(&mut rest)?,
        timestamp: text(&mut rest)?,
    };
    Ok(Event::new(received, zoom, bytes.slice_ref(rest)))
}

/// The account of the event of these bytes, without computing its id. `None` if there is none, or the bytes
/// are damaged.
#[must_use]
pub fn account(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    let [_version, ..] = take::<13>(&mut rest).ok()?;
    for _ in 0..3 {
        text(&mut rest).ok()?;
    }
    let envelope = Envelope::parse(rest).ok()?;
    envelope.account().map(str::to_owned)
}

// === impl Record ===

impl Record {
    /// Its size in the store.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Event(event) => size(event),
        }
    }

    /// The event.
    ///
    /// # Errors
    /// See [`decode`].
    pub fn event(&self) -> Result<Arc<Event>, Unreadable> {
        match self {
            Self::Bytes(bytes) => decode(bytes).map(Arc::new),
            Self::Event(event) => Ok(Arc::clone(event)),
        }
    }

    /// The bytes in the store.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Event(event) => encode(event).into(),
        }
    }
}

fn headers(zoom: &ZoomHeaders) -> [Option<&str>; 3] {
    [
        zoom.request_id.as_deref(),
        zoom.tracking_id.as_deref(),
        zoom.timestamp.as_deref(),
    ]
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Unreadable> {
    let (taken, left) = rest.split_first_chunk().ok_or(Unreadable)?;
    *rest = left;
    Ok(*taken)
}

fn text(rest: &mut &[u8]) -> Result<Option<String>, Unreadable> {
    let length = u32::from_le_bytes(take(rest)?);
    if length == ABSENT {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| Unreadable)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(Unreadable)?;
    *rest = left;
    let text = std::str::from_utf8(taken).map_err(|_| Unreadable)?;
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[ -~]{0,40}")
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(
            second in -1_000_000_000_i64..10_000_000_000,
            nanosecond in 0..1_000_000_000_i32,
            headers in (header(), header(), header()),
            body in prop_oneof![
                any::<Vec<u8>>(),
                "[a-z]{0,9}".prop_map(|account| {
                    format!(r#"{{"event":"a","payload":{{"account_id":"{account}"}}}}"#).into_bytes()
                }),
            ],
        ) {
            let received = Timestamp::new(second, 0).unwrap()
                + jiff::SignedDuration::from_nanos(i64::from(nanosecond));
            let (request_id, tracking_id, timestamp) = headers;
            let zoom = ZoomHeaders { request_id, tracking_id, timestamp };
            let event = Event::new(received, zoom, body.into());
            let bytes = encode(&event);
            let found = account(&bytes);
            prop_assert_eq!(found.as_deref(), event.account());
            prop_assert_eq!(bytes.len(), size(&event));
            prop_assert_eq!(decode(&bytes.into()), Ok(event));
        }

        #[test]
        fn no_bytes_are_a_panic(bytes: Vec<u8>) {
            let mut known = vec![VERSION];
            known.extend(&bytes);
            let _ = (decode(&bytes.into()), decode(&known.into()));
        }
    }
}
