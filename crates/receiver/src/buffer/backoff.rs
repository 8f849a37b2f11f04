//! How long to wait before a delivery is tried again.

use std::time::Duration;

/// Random part of a pause, so that receivers that failed together do not retry
/// together.
const JITTER: f64 = 0.2;

/// Pauses that double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// The pause after `failures` in a row. `chance` lies in 0..1 and shortens it by up to a
    /// fifth.
    #[must_use]
    pub fn pause(self, failures: u32, chance: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let pause = self.first.saturating_mul(1 << doublings).min(self.longest);
        pause.mul_f64(1.0 - JITTER * chance.clamp(0.0, 1.0))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_mins(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let seconds = |failures| backoff.pause(failures, 0.0).as_secs();
        assert_eq!([1, 2, 3, 8, 9, 10].map(seconds), [1, 2, 4, 128, 256, 300]);
        assert_eq!(seconds(u32::MAX), 300);
    }

    #[test]
    fn chance_only_shortens() {
        let backoff = Backoff::default();
        assert_eq!(backoff.pause(9, 1.0).as_millis(), 204_800);
        assert_eq!(backoff.pause(9, 7.0), backoff.pause(9, 1.0));
    }
}
