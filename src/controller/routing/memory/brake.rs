//! A brake on repairs: somebody who changes routes after each of our writes would have us write without an end.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::Routes;
use crate::controller::{integration::altered::Alteration, key::Key};

/// Time between two repairs of routes that are changed again and again: shorter than events of an account without a
/// connection wait.
const BETWEEN_REPAIRS: Duration = Duration::from_mins(2);

/// Whatever is changed of a Secret counts.
const ANYTHING: &str = "routes";

// === impl Routes ===

impl Routes {
    /// Until when a Secret is left as somebody else has changed it: they do so again and again.
    #[must_use]
    pub fn rests(&self, integration: &Key, shard: usize, now: Timestamp) -> Option<Timestamp> {
        let repairs = self.repairs();
        let last = repairs.get(&(integration.clone(), shard))?;
        last.rests_until(BETWEEN_REPAIRS)
            .filter(|until| now < *until)
    }

    /// The Secrets that somebody else changes again and again, and until when each counts as such.
    #[must_use]
    pub fn contested(&self, integration: &Key, now: Timestamp) -> BTreeMap<usize, Timestamp> {
        let repairs = self.repairs();
        let lately = repairs
            .iter()
            .filter(|(_, last)| last.is_frequent() && last.counts_at(now));
        let own = lately.filter(|((of, _), _)| of == integration);
        own.map(|((_, shard), last)| (*shard, last.counts_until()))
            .collect()
    }

    /// Records that routes of a Secret are repaired. Returns whether the next repair is the first that has to wait.
    #[must_use]
    pub fn repaired(&self, integration: &Key, shard: usize, now: Timestamp) -> bool {
        let mut repairs = self.repairs();
        repairs.retain(|_, last| last.counts_at(now));
        let secret = (integration.clone(), shard);
        let known = repairs.get(&secret);
        let rested = known.is_some_and(|last| last.rests_until(BETWEEN_REPAIRS).is_some());
        let Some(last) = Alteration::after(known, Some(ANYTHING.into()), None, now) else {
            return false;
        };
        let rests = last.rests_until(BETWEEN_REPAIRS).is_some();
        repairs.insert(secret, last);
        rests && !rested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_that_are_changed_again_and_again_are_repaired_with_a_pause() {
        let routes = Routes::default();
        let app = Key::integration("platform", "app");
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in 0..2 {
            assert!(!routes.repaired(&app, 3, at(second)));
            assert_eq!(routes.rests(&app, 3, at(second)), None);
            assert!(routes.contested(&app, at(second)).is_empty());
        }
        assert!(routes.repaired(&app, 3, at(2)), "it is said");
        assert_eq!(routes.rests(&app, 3, at(3)), Some(at(122)));
        assert_eq!(routes.rests(&app, 4, at(3)), None, "another Secret");
        assert_eq!(routes.rests(&app, 3, at(122)), None);
        assert!(!routes.repaired(&app, 3, at(122)), "once");
        assert_eq!(routes.rests(&app, 3, at(123)), Some(at(242)));
        assert_eq!(routes.contested(&app, at(700)), [(3, at(722))].into());
        assert!(routes.contested(&app, at(722)).is_empty(), "it has ended");
        // It starts again.
        assert!(!routes.repaired(&app, 3, at(1000)));
        assert_eq!(routes.rests(&app, 3, at(1000)), None);
    }
}
