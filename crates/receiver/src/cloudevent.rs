//! The event as a `CloudEvent` 1.0 in HTTP binary mode: attributes in `ce-*` headers, and the body
//! unchanged, byte for byte.
//!
//! | attribute | value |
//! |---|---|
//! | `id` | SHA-256 of the body: the same for every retry and replica |
//! | `type` | `us.zoom.` and Zoom's name, or `us.zoom.unknown` |
//! | `source` | the integration: `/apis/zoom-operator.io/namespaces/<ns>/zoomintegrations/<name>` |
//! | `time`, `subject` | `event_ts`; the id of the object that it is about |
//! | `zoomaccountid` | `payload.account_id` |
//! | `zoomeventkey` | the same for deliveries of one event whose bytes differ, see [`super::identity`] |
//! | `zoomrequestid`, `zoomtrackingid`, `zoomtimestamp` | Zoom's headers, of which only the last is signed |
//! | further ones | what the integration declares about its tenant |

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use contract::receiver::Integration;

use super::{event::Event, identity};
use contract::lifecycle::{self, State};

/// Reverse-DNS prefix of `type`.
const TYPE_PREFIX: &str = "us.zoom.";
/// The type of signed events that cannot be parsed.
const UNKNOWN: &str = "unknown";
/// Longest value of an attribute, bytes. Zoom's ids have some dozens.
const MAX_VALUE: usize = 1024;
/// Attribute names of the specification and of this receiver. All names that start with `zoom`
/// are reserved as well.
const RESERVED: [&str; 9] = [
    "data",
    "datacontenttype",
    "dataschema",
    "id",
    "source",
    "specversion",
    "subject",
    "time",
    "type",
];
const OWN_PREFIX: &str = "zoom";

/// An extension attribute: a fact about the tenant that is sent with every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    name: HeaderName,
    value: HeaderValue,
}

/// Why a fact about the tenant was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// Not `[a-z0-9]{1,20}`.
    #[error("attribute names are 1 to 20 lower-case letters and digits")]
    Name,
    /// The name means something already.
    #[error("attribute name is reserved")]
    Reserved,
    /// Empty, too long, or with control characters.
    #[error("attribute value is empty, too long or has control characters")]
    Value,
}

/// The headers of the request to the sink. Of two extensions with one name the later one counts.
#[must_use]
pub fn headers<'a>(
    source: &Integration,
    extensions: impl IntoIterator<Item = &'a Extension>,
    event: &Event,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let mut put = |name: &'static str, value: &str| {
        // Values that CloudEvents cannot carry are left out: an optional attribute must not cost the event.
        if let Some(value) = encode(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    let name = event.name().unwrap_or(UNKNOWN);
    put("ce-specversion", "1.0");
    put("ce-id", &event.id.to_string());
    put("ce-type", &format!("{TYPE_PREFIX}{name}"));
    put("ce-source", &self::source(source));
    if let Some(envelope) = &event.envelope {
        put("ce-subject", envelope.object_id.as_deref().unwrap_or(""));
        let time = envelope.time.map(|time| time.to_string());
        put("ce-time", time.as_deref().unwrap_or(""));
        put(
            "ce-zoomaccountid",
            envelope.account_id.as_deref().unwrap_or(""),
        );
    }
    if let Some(key) = identity::key(event) {
        put("ce-zoomeventkey", &key.to_string());
    }
    for (attribute, value) in [
        ("ce-zoomrequestid", &event.zoom.request_id),
        ("ce-zoomtrackingid", &event.zoom.tracking_id),
        ("ce-zoomtimestamp", &event.zoom.timestamp),
    ] {
        put(attribute, value.as_deref().unwrap_or(""));
    }
    for Extension { name, value } in extensions {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// The headers of the request that tells the sink of a state of the integration or of a connection. The facts
/// about the object itself override those about the tenant.
#[must_use]
pub fn state_headers(source: &Integration, extensions: &[Extension], state: &State) -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    let own = state.external_refs.iter();
    let own = own.filter_map(|(name, value)| Extension::new(name, value).ok());
    for Extension { name, value } in extensions.iter().cloned().chain(own) {
        headers.insert(name, value);
    }
    for (name, value) in [
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", state.id.clone()),
        (
            "ce-type",
            format!("{}{}", lifecycle::TYPE_PREFIX, state.name()),
        ),
        ("ce-source", self::source(source)),
        ("ce-subject", state.subject()),
        ("ce-time", state.data.since.to_string()),
    ] {
        if let Some(value) = encode(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// A value encoded for the HTTP binding (`CloudEvents` HTTP 1.0.2, section 3.1.3.2): space, double
/// quote, percent and all that is not printable ASCII become `%XX` of their UTF-8 bytes. Nothing
/// when the value is empty, too long, or has characters that a `CloudEvents` string may not have.
#[must_use]
pub fn encode(value: &str) -> Option<HeaderValue> {
    let unfit = |symbol: char| {
        let code = u32::from(symbol);
        symbol.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
    };
    if value.is_empty() || value.len() > MAX_VALUE || value.contains(unfit) {
        return None;
    }
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    HeaderValue::try_from(encoded).ok()
}

/// The source of an integration's events, as a URI reference.
fn source(integration: &Integration) -> String {
    let Integration { namespace, name } = integration;
    format!("/apis/zoom-operator.io/namespaces/{namespace}/zoomintegrations/{name}")
}

// === impl Extension ===

impl Extension {
    /// Checks name and value of a fact about the tenant.
    ///
    /// # Errors
    /// When the name is not `[a-z0-9]{1,20}`, is reserved or starts with `zoom`, or when the value
    /// cannot be carried.
    pub fn new(name: &str, value: &str) -> Result<Self, ExtensionError> {
        let is_name = (1..=20).contains(&name.len())
            && name
                .bytes()
                .all(|symbol| symbol.is_ascii_lowercase() || symbol.is_ascii_digit());
        if !is_name {
            return Err(ExtensionError::Name);
        }
        if RESERVED.contains(&name) || name.starts_with(OWN_PREFIX) {
            return Err(ExtensionError::Reserved);
        }
        Ok(Self {
            name: HeaderName::try_from(format!("ce-{name}")).map_err(|_| ExtensionError::Name)?,
            value: encode(value).ok_or(ExtensionError::Value)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use axum::body::Bytes;
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{
        super::event::{EventId, REQUEST_ID, TRACKING_ID},
        *,
    };

    fn described(body: &str, zoom: &HeaderMap, extensions: &[Extension]) -> Vec<(String, String)> {
        let source: Integration = "tenant-a/zoom".parse().unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let event = Event::new(Timestamp::UNIX_EPOCH, zoom.into(), body);
        let headers = headers(&source, extensions, &event);
        let mut headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        headers
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        expected.iter().map(owned).collect()
    }

    const SOURCE: &str = "/apis/zoom-operator.io/namespaces/tenant-a/zoomintegrations/zoom";

    #[test]
    fn an_event_is_described_in_full() {
        let zoom = HeaderMap::from_iter([
            (REQUEST_ID, HeaderValue::from_static("6009d653_d487")),
            (TRACKING_ID, HeaderValue::from_static("v=2.0;clid=us05")),
            (super::super::signature::TIMESTAMP, 1_739_923_528.into()),
        ]);
        let body = r#"{"event":"meeting.ended","event_ts":1626230691572,"payload":{"account_id":"AB","object":{"id":97}}}"#;
        let extension = Extension::new("headorg", "Klinik Süd 100%").unwrap();
        assert_eq!(
            described(body, &zoom, &[extension]),
            pairs(&[
                ("ce-headorg", "Klinik%20S%C3%BCd%20100%25"),
                (
                    "ce-id",
                    "915d3c501b9f85c6031fb972006609adba94890c84c160ca54e2e603a9a230d5"
                ),
                ("ce-source", SOURCE),
                ("ce-specversion", "1.0"),
                ("ce-subject", "97"),
                ("ce-time", "2021-07-14T02:44:51.572Z"),
                ("ce-type", "us.zoom.meeting.ended"),
                ("ce-zoomaccountid", "AB"),
                (
                    "ce-zoomeventkey",
                    "6ac5d5fa4e4be3aca55ee14967432fad849f9484a2e5847f2b68a5ecd73ce23c"
                ),
                ("ce-zoomrequestid", "6009d653_d487"),
                ("ce-zoomtimestamp", "1739923528"),
                ("ce-zoomtrackingid", "v=2.0;clid=us05"),
                ("content-type", "application/json"),
            ])
        );
    }

    #[test]
    fn what_cannot_be_read_is_still_an_event() {
        for body in ["not JSON", r#"{"event":"a b"}"#, r#"{"event":7}"#] {
            let id = EventId::of(body.as_bytes()).to_string();
            let expected = pairs(&[
                ("ce-id", &id),
                ("ce-source", SOURCE),
                ("ce-specversion", "1.0"),
                ("ce-type", "us.zoom.unknown"),
                ("content-type", "application/json"),
            ]);
            assert_eq!(described(body, &HeaderMap::new(), &[]), expected);
        }
    }

    #[test]
    fn facts_about_the_tenant_are_checked() {
        for (name, value) in [("orgid", "1"), ("a", "b=c"), ("abcdefghij0123456789", "x")] {
            assert!(Extension::new(name, value).is_ok(), "{name}");
        }
        for (name, value, error) in [
            ("", "1", ExtensionError::Name),
            ("orgId", "1", ExtensionError::Name),
            ("org-id", "1", ExtensionError::Name),
            ("abcdefghij0123456789a", "x", ExtensionError::Name),
            ("id", "1", ExtensionError::Reserved),
            ("zoomaccountid", "1", ExtensionError::Reserved),
            ("orgid", "", ExtensionError::Value),
            ("orgid", "a\nb", ExtensionError::Value),
        ] {
            assert_eq!(Extension::new(name, value), Err(error), "{name}={value:?}");
        }
    }

    proptest! {
        #[test]
        fn encoded_values_are_printable_and_decode_to_themselves(value in "\\PC{1,200}") {
            let encoded = encode(&value).unwrap();
            let text = encoded.to_str().unwrap();
            prop_assert!(text.bytes().all(|b| (0x21..=0x7e).contains(&b) && b != b'"'));
            let mut decoded = Vec::new();
            let mut rest = text.as_bytes();
            while let Some((&byte, tail)) = rest.split_first() {
                rest = tail;
                if byte == b'%' {
                    let (pair, tail) = rest.split_at(2);
                    rest = tail;
                    let pair = str::from_utf8(pair).unwrap();
                    decoded.push(u8::from_str_radix(pair, 16).unwrap());
                } else {
                    decoded.push(byte);
                }
            }
            prop_assert_eq!(String::from_utf8(decoded).unwrap(), value);
        }
    }
}
