//! The event as Zoom sent it, for back ends that were made for Zoom: the same body, Zoom's headers, and a
//! new signature, because receivers reject an old one.

use axum::http::{HeaderMap, HeaderValue, header};
use data_encoding::HEXLOWER;
use hmac::Mac as _;
use jiff::Timestamp;

use crate::{
    event::{Event, REQUEST_ID, TRACKING_ID},
    secrets::Secret,
    signature::{self, SIGNATURE, TIMESTAMP},
};

/// What Zoom calls itself.
const USER_AGENT: HeaderValue = HeaderValue::from_static("Zoom Marketplace/1.0a");
/// What Zoom calls the body.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Zoom's headers for this event, signed at `now`.
#[must_use]
pub fn headers(secret: &Secret, now: Timestamp, event: &Event) -> HeaderMap {
    let timestamp = now.as_second().to_string();
    let mac = signature::mac(secret)
        .chain_update(b"v0:")
        .chain_update(&timestamp)
        .chain_update(b":")
        .chain_update(&event.body)
        .finalize()
        .into_bytes();
    let mut headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::USER_AGENT, USER_AGENT),
    ]);
    for (name, value) in [
        (TIMESTAMP, Some(&timestamp)),
        (SIGNATURE, Some(&format!("v0={}", HEXLOWER.encode(&mac)))),
        (REQUEST_ID, event.zoom.request_id.as_ref()),
        (TRACKING_ID, event.zoom.tracking_id.as_ref()),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use axum::body::Bytes;

    use super::*;
    use crate::event::ZoomHeaders;

    #[test]
    fn it_looks_like_zoom() {
        let body = r#"{"event":"meeting.started","event_ts":1626230691572,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"café"}}}"#;
        let zoom = ZoomHeaders {
            request_id: Some("6009d653".into()),
            tracking_id: None,
            timestamp: Some("1".into()),
        };
        let event = Event::new(
            Timestamp::UNIX_EPOCH,
            zoom,
            Bytes::from_static(body.as_bytes()),
        );
        let secret = Secret::from(b"zoom-test-secret-token".to_vec());
        let now = Timestamp::from_second(1_739_923_528).unwrap();
        let headers = headers(&secret, now, &event);
        // Made with another implementation.
        let mac = "v0=6f301820e09db688fe1c0806e899d8c40fa3dcc38a45c426faaacfa23aa4e0ae";
        let expected = [
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", "Zoom Marketplace/1.0a"),
            ("x-zm-request-id", "6009d653"),
            ("x-zm-request-timestamp", "1739923528"),
            ("x-zm-signature", mac),
        ];
        let mut got: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        got.sort_unstable();
        assert_eq!(got, expected);
    }
}
