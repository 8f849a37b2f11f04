//! How often something may be asked for. Bounded memory: what is counted is known by a few bits of its
//! hash, which nobody outside can foresee.

use std::{hash::BuildHasher as _, hash::RandomState, num::NonZeroU32};

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::args::Rates;

/// How many things are told apart.
const BUCKETS: u64 = 8192;

/// After how many seconds to come again.
pub const RETRY_AFTER: u32 = 10;

/// Counts requests.
pub struct Limiter {
    overall: DefaultDirectRateLimiter,
    each: DefaultKeyedRateLimiter<u64>,
    hash: RandomState,
}

// === impl Limiter ===

impl Limiter {
    /// Counters with nothing in them.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        let overall = Quota::per_second(rates.overall);
        // Half a minute's worth may come at once.
        let burst = NonZeroU32::new(rates.each.get().div_ceil(2)).unwrap_or(NonZeroU32::MIN);
        let each = Quota::per_minute(rates.each).allow_burst(burst);
        Self {
            overall: RateLimiter::direct(overall),
            each: RateLimiter::keyed(each),
            hash: RandomState::new(),
        }
    }

    /// Whether another request may be served at all.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.overall.check().is_ok()
    }

    /// Whether this thing may be asked for once more.
    #[must_use]
    pub fn admits_for(&self, thing: &str) -> bool {
        let bucket = self.hash.hash_one(thing) % BUCKETS;
        self.each.check_key(&bucket).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_in_demand_does_not_close_the_others() {
        let four = NonZeroU32::MIN.saturating_add(3);
        let limiter = Limiter::new(Rates {
            overall: four,
            each: four,
        });
        assert!(limiter.admits_for("a") && limiter.admits_for("a"));
        assert!(!limiter.admits_for("a"));
        let admitted = (0..50).filter(|i| limiter.admits_for(&i.to_string()));
        assert!(admitted.count() > 40);
        assert_eq!((0..10).filter(|_| limiter.admits()).count(), 4);
    }
}
