//! A time on the command line: seconds, with or without a fraction.

use std::time::Duration;

/// Longest time that a flag may state, seconds: a week.
const MAX_SECONDS: f64 = 604_800.0;

/// Reads a time.
///
/// # Errors
/// When the text is no number, or out of bounds.
pub fn parse(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or("expected seconds, such as 2.5, up to a week")
}

/// Writes a time. Less than a millisecond is cut off.
#[must_use]
pub fn write(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (whole, 0) => whole.to_string(),
        (whole, rest) => format!("{whole}.{rest:03}"),
    }
}
