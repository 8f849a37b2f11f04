//! Limits the rate of requests with bounded memory: requests are counted by a few bits of a hash that
//! outsiders cannot predict.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    num::NonZeroU32,
};

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::args::Rates;

/// Number of buckets.
const BUCKETS: u64 = 8192;

/// After how many seconds to retry.
pub const RETRY_AFTER: u32 = 10;

/// Limits the rate of requests.
pub struct Limiter {
    overall: DefaultDirectRateLimiter,
    strangers: DefaultDirectRateLimiter,
    clients: DefaultKeyedRateLimiter<u64>,
    each: DefaultKeyedRateLimiter<u64>,
    begun: DefaultKeyedRateLimiter<u64>,
    hash: RandomState,
}

// === impl Limiter ===

impl Limiter {
    /// Creates the counters.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            overall: RateLimiter::direct(Quota::per_second(rates.overall)),
            strangers: RateLimiter::direct(Quota::per_second(rates.strangers)),
            clients: RateLimiter::keyed(each_minute(rates.client)),
            each: RateLimiter::keyed(each_minute(rates.each)),
            begun: RateLimiter::keyed(Quota::per_minute(rates.begun)),
            hash: RandomState::new(),
        }
    }

    /// Whether any more requests may be served now.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.overall.check().is_ok()
    }

    /// Whether another request for a page that does not exist may be served. These do not use up the limit of
    /// people who authorize.
    #[must_use]
    pub fn admits_stranger(&self) -> bool {
        self.strangers.check().is_ok()
    }

    /// Whether this client may send another request.
    #[must_use]
    pub fn admits_client(&self, client: IpAddr) -> bool {
        let bucket = self.hash.hash_one(client) % BUCKETS;
        self.clients.check_key(&bucket).is_ok()
    }

    /// Whether another request for this page or consent may be served.
    #[must_use]
    pub fn admits_for(&self, thing: &str) -> bool {
        let bucket = self.hash.hash_one(thing) % BUCKETS;
        self.each.check_key(&bucket).is_ok()
    }

    /// Whether this link of a connection may start another consent: each costs the controller a Secret to read, and
    /// requests to Zoom.
    #[must_use]
    pub fn admits_consent(&self, link: &str) -> bool {
        let bucket = self.hash.hash_one(link) % BUCKETS;
        self.begun.check_key(&bucket).is_ok()
    }
}

/// Half of a minute's requests may come in one burst.
fn each_minute(rate: NonZeroU32) -> Quota {
    let burst = NonZeroU32::new(rate.get().div_ceil(2)).unwrap_or(NonZeroU32::MIN);
    Quota::per_minute(rate).allow_burst(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_in_demand_does_not_close_the_others() {
        let four = NonZeroU32::MIN.saturating_add(3);
        let limiter = Limiter::new(Rates {
            overall: four,
            strangers: four,
            client: four,
            each: four,
            begun: four,
        });
        assert!(limiter.admits_for("a") && limiter.admits_for("a"));
        assert!(!limiter.admits_for("a"));
        let admitted = (0..50).filter(|i| limiter.admits_for(&i.to_string()));
        assert!(admitted.count() > 40);
        assert_eq!((0..10).filter(|_| limiter.admits_stranger()).count(), 4);
        assert_eq!((0..10).filter(|_| limiter.admits()).count(), 4);
        let begun = (0..10).filter(|_| limiter.admits_consent("a"));
        assert_eq!(begun.count(), 4);
        assert!(limiter.admits_consent("b"));
        let client = |last| IpAddr::from([203, 0, 113, last]);
        let count = |last| {
            (0..10)
                .filter(|_| limiter.admits_client(client(last)))
                .count()
        };
        assert_eq!((count(1), count(2)), (2, 2));
    }
}
