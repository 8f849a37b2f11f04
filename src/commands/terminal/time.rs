//! Formats times for people.

use jiff::{SignedDuration, Timestamp};

/// A time in UTC, to the second, with its distance from now.
#[must_use]
pub fn when(time: Timestamp, now: Timestamp) -> String {
    let away = time.duration_since(now);
    let exact = time.strftime("%Y-%m-%d %H:%M:%S UTC");
    if away.is_negative() {
        format!("{exact} ({} ago)", rough(away.abs()))
    } else {
        format!("{exact} (in {})", rough(away))
    }
}

/// How long something has lasted.
#[must_use]
pub fn age(since: Timestamp, now: Timestamp) -> String {
    rough(now.duration_since(since).max(SignedDuration::ZERO))
}

/// A duration in one unit, like kubectl's ages.
fn rough(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_how_far_it_is_away() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        assert_eq!(when(at(2530), now), "2026-11-22 12:42:10 UTC (in 42 min)");
        assert_eq!(when(at(-90), now), "2026-11-22 11:58:30 UTC (90 s ago)");
        assert_eq!(age(at(-3 * 86_400), now), "3 d");
        assert_eq!(age(at(-7200), now), "2 h");
        assert_eq!(age(at(5), now), "0 s");
    }
}
