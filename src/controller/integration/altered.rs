//! Objects that others keep changing, such as an admission policy that replaces an image's registry. If a
//! difference comes back after we applied the object, we leave it alone: applying the object again and again
//! would only replace Pods.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::resources::Part;
use crate::controller::schedule;

/// A difference is reverted this many times within [`WINDOW`] before it is left alone.
const MOST_TIMES: u32 = 3;
/// Occasional manual changes are not treated as a policy.
const WINDOW: Duration = Duration::from_mins(10);

/// A change that others made to an object after we applied it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// A digest of the fields that differ.
    pub fingerprint: String,
    /// How often we reverted it.
    times: u32,
    /// When we last reverted it.
    last: Timestamp,
}

/// The changes that others made to the objects of one integration.
pub type Alterations = BTreeMap<Part, Alteration>;

/// The changes that others made to the objects of all integrations, by namespace and name.
#[derive(Default)]
pub struct Altered(Mutex<HashMap<(String, String), Alterations>>);

// === impl Alteration ===

impl Alteration {
    /// Records the result of an apply: the differences `before` and `after` it.
    #[must_use]
    pub fn after(
        known: Option<&Self>,
        before: Option<String>,
        after: Option<String>,
        now: Timestamp,
    ) -> Option<Self> {
        // An object that comes back changed from our own request is changed each time.
        if let Some(fingerprint) = after {
            return Some(Self {
                fingerprint,
                times: MOST_TIMES,
                last: now,
            });
        }
        let fingerprint = before?;
        let known = known.filter(|known| known.fingerprint == fingerprint && known.counts_at(now));
        Some(Self {
            fingerprint,
            times: known.map_or(1, |known| known.times.saturating_add(1)),
            last: now,
        })
    }

    /// Whether a difference with this fingerprint is left alone.
    #[must_use]
    pub fn is_left_alone(&self, fingerprint: &str) -> bool {
        self.is_frequent() && self.fingerprint == fingerprint
    }

    /// Whether it was reverted so often that it is left alone as long as it stays the same.
    #[must_use]
    pub fn is_frequent(&self) -> bool {
        self.times >= MOST_TIMES
    }

    /// When to revert it again, if it came back so often that this has to wait for a `pause`.
    #[must_use]
    pub fn rests_until(&self, pause: Duration) -> Option<Timestamp> {
        self.is_frequent()
            .then(|| schedule::later(self.last, pause))
    }

    /// Whether it was reverted so lately that it still counts.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> bool {
        now < self.counts_until()
    }

    /// Until when it counts, unless it is reverted again.
    #[must_use]
    pub fn counts_until(&self) -> Timestamp {
        schedule::later(self.last, WINDOW)
    }
}

// === impl Altered ===

impl Altered {
    /// The known changes to an integration's objects.
    #[must_use]
    pub fn of(&self, namespace: &str, name: &str) -> Alterations {
        let key = (namespace.to_owned(), name.to_owned());
        self.lock().get(&key).cloned().unwrap_or_default()
    }

    /// Remembers the changes to an integration's objects.
    pub fn learn(&self, namespace: &str, name: &str, alterations: &Alterations) {
        let key = (namespace.to_owned(), name.to_owned());
        if alterations.is_empty() {
            self.lock().remove(&key);
        } else {
            self.lock().insert(key, alterations.clone());
        }
    }

    /// Forgets a deleted integration.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.learn(namespace, name, &Alterations::default());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Alterations>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_an_admission_policy_alters_is_left_alone_at_once() {
        let known = Alteration::after(None, None, Some("a".into()), at(0)).unwrap();
        assert!(known.is_left_alone("a"));
        assert!(!known.is_left_alone("b"), "somebody else's edit is undone");
        // The policy no longer exists.
        assert_eq!(Alteration::after(Some(&known), None, None, at(1)), None);
    }

    #[test]
    fn what_somebody_sets_again_and_again_is_undone_twice() {
        let mut known = None;
        for second in 0..3 {
            let left_alone = known
                .as_ref()
                .is_some_and(|known: &Alteration| known.is_left_alone("a"));
            assert!(!left_alone, "{second}");
            known = Alteration::after(known.as_ref(), Some("a".into()), None, at(second));
        }
        assert!(known.unwrap().is_left_alone("a"));
    }

    #[test]
    fn an_edit_by_hand_now_and_then_is_always_undone() {
        let mut known = None;
        for minute in [0, 20, 40, 60] {
            known = Alteration::after(known.as_ref(), Some("a".into()), None, at(minute * 60));
            assert!(!known.as_ref().unwrap().is_left_alone("a"));
        }
    }

    #[test]
    fn integrations_do_not_share_what_is_known_and_are_forgotten() {
        let altered = Altered::default();
        let known = Alteration::after(None, None, Some("a".into()), at(0)).unwrap();
        let known: Alterations = [(Part::Deployment, known)].into();
        altered.learn("clinics", "acme", &known);
        assert_eq!(altered.of("clinics", "acme"), known);
        assert!(altered.of("clinics", "other").is_empty());
        altered.forget("clinics", "acme");
        assert!(altered.of("clinics", "acme").is_empty());
    }
}
