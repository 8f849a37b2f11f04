//! The pace at which receivers are replaced when it is the operator that changed: a few at a time, so that
//! an upgrade neither starts hundreds of Pods at once nor brings a broken image to every tenant.
//!
//! What a tenant changes himself is done at once. The decision is pure; the registry is in memory, and
//! fills again with the first passes after a restart.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::schedule;

/// How long one receiver keeps a slot. A tenant whose receiver cannot start, for want of quota perhaps,
/// must not hold up all others.
const LONGEST: Duration = Duration::from_mins(10);

/// Namespace and name of an integration.
pub type Name = (String, String);

/// How a receiver stands to what is wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is as wanted.
    Current,
    /// Its Pods are being replaced.
    Rolling,
    /// It waits until fewer others are being replaced.
    Outdated,
}

/// What is known of a receiver before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Whether its Pods would have to be replaced.
    pub differs: bool,
    /// Whether the change comes from the integration itself, or it is its first time.
    pub own_change: bool,
    /// Whether its Pods are being replaced now.
    pub rolling: bool,
}

/// The receivers that are being replaced, and those that wait.
#[derive(Debug)]
pub struct Rollouts {
    limit: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Since when.
    rolling: HashMap<Name, Timestamp>,
    waiting: BTreeSet<Name>,
}

// === impl Progress ===

impl Progress {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Current, Self::Rolling, Self::Outdated];

    /// The name in the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Rolling => "rolling",
            Self::Outdated => "outdated",
        }
    }
}

// === impl Rollouts ===

impl Rollouts {
    /// At most so many at a time.
    #[must_use]
    pub fn new(limit: u16) -> Self {
        Self {
            limit: usize::from(limit.max(1)),
            known: Mutex::default(),
        }
    }

    /// How a receiver stands at `now`. It must be written unless it is [`Progress::Outdated`].
    pub fn judge(&self, name: &Name, situation: Situation, now: Timestamp) -> Progress {
        let mut known = self.lock();
        known.waiting.remove(name);
        let rolls = situation.rolling || situation.differs;
        if !rolls {
            known.rolling.remove(name);
            return Progress::Current;
        }
        let others = known
            .rolling
            .iter()
            .filter(|(other, since)| *other != name && now < schedule::later(**since, LONGEST));
        let is_free = others.count() < self.limit;
        if situation.differs && !situation.own_change && !is_free {
            known.waiting.insert(name.clone());
            return Progress::Outdated;
        }
        let since = known.rolling.entry(name.clone()).or_insert(now);
        if situation.differs {
            *since = now;
        }
        Progress::Rolling
    }

    /// A receiver is as wanted, or gone: who waits for its slot.
    pub fn freed(&self, name: &Name) -> Vec<Name> {
        let mut known = self.lock();
        known.rolling.remove(name);
        known.waiting.remove(name);
        let free = self.limit.saturating_sub(known.rolling.len());
        known.waiting.iter().take(free).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPGRADE: Situation = Situation {
        differs: true,
        own_change: false,
        rolling: false,
    };
    const ROLLING: Situation = Situation {
        differs: false,
        own_change: false,
        rolling: true,
    };
    const DONE: Situation = Situation {
        differs: false,
        own_change: false,
        rolling: false,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn name(number: usize) -> Name {
        ("clinics".into(), format!("a{number:03}"))
    }

    #[test]
    fn two_hundred_receivers_are_replaced_five_at_a_time() {
        let rollouts = Rollouts::new(5);
        let mut states = vec![UPGRADE; 200];
        let mut most = 0;
        for round in 0..1000 {
            for (number, state) in states.iter_mut().enumerate() {
                match rollouts.judge(&name(number), *state, at(round)) {
                    Progress::Rolling if *state == UPGRADE => *state = ROLLING,
                    // One round later its Pods are replaced.
                    Progress::Rolling => *state = DONE,
                    Progress::Current | Progress::Outdated => {}
                }
                most = most.max(rollouts.lock().rolling.len());
            }
        }
        assert!(states.iter().all(|state| *state == DONE));
        assert_eq!(most, 5);
    }

    #[test]
    fn what_a_tenant_changes_is_done_at_once() {
        let rollouts = Rollouts::new(1);
        assert_eq!(rollouts.judge(&name(0), UPGRADE, at(0)), Progress::Rolling);
        assert_eq!(rollouts.judge(&name(1), UPGRADE, at(0)), Progress::Outdated);
        let own = Situation {
            own_change: true,
            ..UPGRADE
        };
        assert_eq!(rollouts.judge(&name(2), own, at(0)), Progress::Rolling);
    }

    #[test]
    fn who_waits_is_told_when_a_slot_is_free() {
        let rollouts = Rollouts::new(1);
        rollouts.judge(&name(0), UPGRADE, at(0));
        rollouts.judge(&name(1), UPGRADE, at(0));
        rollouts.judge(&name(2), UPGRADE, at(0));
        assert_eq!(rollouts.freed(&name(0)), [name(1)]);
        assert_eq!(rollouts.judge(&name(1), UPGRADE, at(1)), Progress::Rolling);
        assert!(rollouts.freed(&name(2)).is_empty());
    }

    #[test]
    fn a_receiver_that_does_not_get_ready_frees_its_slot_in_the_end() {
        let rollouts = Rollouts::new(1);
        rollouts.judge(&name(0), UPGRADE, at(0));
        rollouts.judge(&name(0), ROLLING, at(500));
        assert_eq!(
            rollouts.judge(&name(1), UPGRADE, at(599)),
            Progress::Outdated
        );
        assert_eq!(
            rollouts.judge(&name(1), UPGRADE, at(600)),
            Progress::Rolling
        );
    }
}
