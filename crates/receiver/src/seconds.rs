//! A flag that states a time.

use std::time::Duration;

/// Longest time that a flag may state, seconds: a week.
const MAX_SECONDS: f64 = 604_800.0;

/// The time of a flag that states seconds, with or without a fraction.
///
/// # Errors
/// When the text is no number, or out of bounds.
pub fn seconds(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or("expected seconds, such as 2.5, up to a week")
}
