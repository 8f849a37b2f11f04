//! `Retry-After` as Zoom sends it: an ISO 8601 date-time for the daily limit, not the seconds or the
//! HTTP date of RFC 9110 section 10.2.3. All three forms are read.

use std::time::Duration;

use jiff::Timestamp;

/// The longest wait that is believed: a daily limit ends within a day.
const LONGEST: Duration = Duration::from_hours(25);

/// How long to wait from `now` on; `None` when the header says nothing that can be read.
pub fn parse(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let until = header
        .parse::<Timestamp>()
        .ok()
        .or_else(|| Some(jiff::fmt::rfc2822::parse(header).ok()?.timestamp()))?;
    let wait = until.duration_since(now).max(jiff::SignedDuration::ZERO);
    Some(wait.unsigned_abs().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap_or_default()
    }

    #[test]
    fn all_three_forms_are_read() {
        for header in [
            "90",
            "2026-03-01T10:01:30Z",
            "Sun, 01 Mar 2026 10:01:30 GMT",
        ] {
            assert_eq!(
                parse(header, now()),
                Some(Duration::from_secs(90)),
                "{header}"
            );
        }
    }

    #[test]
    fn the_past_is_now_and_the_far_future_is_a_day() {
        assert_eq!(parse("2026-03-01T09:00:00Z", now()), Some(Duration::ZERO));
        assert_eq!(parse("2036-03-01T09:00:00Z", now()), Some(LONGEST));
        assert_eq!(parse("99999999999999", now()), Some(LONGEST));
    }

    #[test]
    fn anything_else_says_nothing() {
        for header in ["", "soon", "-5", "1.5"] {
            assert_eq!(parse(header, now()), None, "{header}");
        }
    }
}
