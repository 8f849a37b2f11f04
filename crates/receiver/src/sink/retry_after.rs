//! `Retry-After`: when a sink asks for the next attempt (RFC 9110 section 10.2.3).

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822};

/// How long a sink that answered `status` asks us to wait. `None` unless it did so with 429 or 503,
/// in seconds or as a date that lies ahead.
#[must_use]
pub fn read(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if !matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        return None;
    }
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()) {
        // A number that overflows is a long time, too.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(until.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn wait(status: u16, text: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        read(status, &headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(wait(429, "120"), Some(120));
        assert_eq!(wait(503, " 7 "), Some(7));
        assert_eq!(wait(503, "Sun, 01 Mar 2026 12:01:30 GMT"), Some(90));
        assert_eq!(wait(429, &"9".repeat(40)), Some(u64::MAX));
    }

    #[test]
    fn anything_else_is_ignored() {
        for text in ["", "-1", "soon", "1.5", "Sun, 01 Mar 2026 11:59:00 GMT"] {
            assert_eq!(wait(503, text), None, "{text}");
        }
        assert_eq!(wait(500, "120"), None);
        let none = read(
            StatusCode::TOO_MANY_REQUESTS,
            &HeaderMap::new(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(none, None);
    }
}
