//! The pace at which receivers are replaced after a change of the operator: a few at a time, so that an
//! upgrade neither starts hundreds of Pods at once nor brings a broken image to every tenant.
//!
//! A tenant's own change is applied at once. The decision is pure. The registry is in memory and is rebuilt
//! by the first passes after a restart.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::schedule;

/// How long one receiver may keep a slot. A tenant whose receiver cannot start, for example because of a
/// quota, must not block all others. A rollout that takes longer is stuck.
pub const LONGEST: Duration = Duration::from_mins(10);

/// How long an offered slot is kept free. A pass begins within a second, if nothing is wrong.
const OFFER: Duration = Duration::from_secs(30);

/// Namespace and name of an integration.
pub type Name = (String, String);

/// How far a receiver is from its wanted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is up to date.
    Current,
    /// Its Pods are being replaced.
    Rolling,
    /// It waits until fewer others are being replaced.
    Outdated,
    /// Its Pods cannot be replaced, and former ones keep serving.
    Stuck,
}

/// What is known of a receiver before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Identifies the wanted Pods: equal numbers mean equal Pods.
    pub version: u64,
    /// Whether its Pods have to be replaced.
    pub differs: bool,
    /// Whether the integration itself changed, or has no receiver yet.
    pub own_change: bool,
    /// Whether its Pods are being replaced now.
    pub rolling: bool,
}

/// The receivers that are being replaced, and those that are waiting.
#[derive(Debug)]
pub struct Rollouts {
    limit: usize,
    known: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    rolling: HashMap<Name, Slot>,
    waiting: BTreeMap<Name, Waiting>,
}

/// A receiver that could not be replaced yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Whether it could not be replaced when it had a slot: those that had none yet go first.
    had_its_turn: bool,
    /// When a free slot was offered to it, if one was since it last asked for one.
    offered: Option<Timestamp>,
}

/// One receiver's turn to be replaced.
#[derive(Clone, Copy, Debug)]
struct Slot {
    since: Timestamp,
    version: u64,
}

// === impl Slots ===

impl Slots {
    /// How many slots are taken by receivers other than `but`.
    fn taken(&self, but: Option<&Name>, now: Timestamp) -> usize {
        let others = self.rolling.iter();
        let others = others.filter(|(name, slot)| Some(*name) != but && !slot.is_over(now));
        others.count()
    }

    /// Whether a receiver waits that had no slot yet.
    fn has_first_timers(&self) -> bool {
        self.waiting.values().any(|waiting| !waiting.had_its_turn)
    }

    /// Offers each free slot to a receiver that waits. One that does not take it is not offered another one before it
    /// asks again.
    fn offer(&mut self, limit: usize, now: Timestamp) -> Vec<Name> {
        let unclaimed = limit.saturating_sub(self.taken(None, now));
        if unclaimed == 0 || self.waiting.is_empty() {
            return Vec::new();
        }
        let offers = self.waiting.values().filter(|one| one.has_offer(now));
        let free = unclaimed.saturating_sub(offers.count());
        let first_timers = self.has_first_timers();
        let asking =
            |waiting: &Waiting| waiting.offered.is_none() && waiting.had_its_turn != first_timers;
        let next = self.waiting.iter_mut();
        let next = next.filter(|(_, waiting)| asking(waiting)).take(free);
        next.map(|(name, waiting)| {
            waiting.offered = Some(now);
            name.clone()
        })
        .collect()
    }
}

// === impl Slot ===

impl Slot {
    /// Whether the turn has used up its time, with or without success.
    fn is_over(&self, now: Timestamp) -> bool {
        now >= schedule::later(self.since, LONGEST)
    }
}

// === impl Waiting ===

impl Waiting {
    /// Whether it may still take the slot that was offered to it.
    fn has_offer(&self, now: Timestamp) -> bool {
        self.offered
            .is_some_and(|offered| now < schedule::later(offered, OFFER))
    }
}

// === impl Progress ===

impl Progress {
    /// All values.
    pub const ALL: [Self; 4] = [Self::Current, Self::Rolling, Self::Outdated, Self::Stuck];

    /// The name in the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Rolling => "rolling",
            Self::Outdated => "outdated",
            Self::Stuck => "stuck",
        }
    }
}

// === impl Rollouts ===

impl Rollouts {
    /// Allows at most `limit` replacements at a time.
    #[must_use]
    pub fn new(limit: u16) -> Self {
        Self {
            limit: usize::from(limit.max(1)),
            known: Mutex::default(),
        }
    }

    /// How far a receiver is at `now`. It must be written unless the answer is [`Progress::Outdated`].
    ///
    /// For each version, a turn lasts at most ten minutes, however often the receiver is written during it. A
    /// receiver that could not be replaced in its turn gets another one when no other is waiting.
    pub fn judge(&self, name: &Name, situation: Situation, now: Timestamp) -> Progress {
        let mut known = self.lock();
        known.waiting.remove(name);
        if !situation.rolling && !situation.differs {
            known.rolling.remove(name);
            return Progress::Current;
        }
        let slot = Slot {
            since: now,
            version: situation.version,
        };
        if !situation.differs {
            // For example one that was being replaced when this process started.
            known.rolling.entry(name.clone()).or_insert(slot);
            return Progress::Rolling;
        }
        let mine = known.rolling.get(name);
        let mine = mine.filter(|mine| mine.version == situation.version);
        if mine.is_some_and(|mine| !mine.is_over(now)) {
            return Progress::Rolling;
        }
        let had_its_turn = mine.is_some();
        let is_free = known.taken(Some(name), now) < self.limit;
        let others_first = had_its_turn && known.has_first_timers();
        if !situation.own_change && (!is_free || others_first) {
            let waiting = Waiting {
                had_its_turn,
                offered: None,
            };
            known.waiting.insert(name.clone(), waiting);
            return Progress::Outdated;
        }
        known.rolling.insert(name.clone(), slot);
        Progress::Rolling
    }

    /// Since when a receiver is being replaced, as far as this process saw it.
    #[must_use]
    pub fn rolling_since(&self, name: &Name) -> Option<Timestamp> {
        self.lock().rolling.get(name).map(|slot| slot.since)
    }

    /// Releases the slot of a receiver that is up to date or deleted. Returns the receivers that can start
    /// now.
    pub fn freed(&self, name: &Name, now: Timestamp) -> Vec<Name> {
        let mut known = self.lock();
        known.rolling.remove(name);
        known.waiting.remove(name);
        known.offer(self.limit, now)
    }

    /// The receivers that can start now, for example because the time of another one is used up.
    pub fn next(&self, now: Timestamp) -> Vec<Name> {
        self.lock().offer(self.limit, now)
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPGRADE: Situation = Situation {
        version: 2,
        differs: true,
        own_change: false,
        rolling: false,
    };
    const ROLLING: Situation = Situation {
        version: 2,
        differs: false,
        own_change: false,
        rolling: true,
    };
    const DONE: Situation = Situation {
        version: 2,
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
                    // One round later, its Pods are replaced.
                    Progress::Rolling => *state = DONE,
                    Progress::Current | Progress::Outdated | Progress::Stuck => {}
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
        assert_eq!(rollouts.freed(&name(0), at(0)), [name(1)]);
        assert_eq!(rollouts.judge(&name(1), UPGRADE, at(1)), Progress::Rolling);
        assert!(rollouts.freed(&name(2), at(1)).is_empty());
    }

    /// Passes over 1,000 receivers, each only when one is requested: how many there are until all are replaced, and the
    /// most at a time.
    #[test]
    fn who_waits_does_not_look_again_before_a_slot_is_free() {
        let rollouts = Rollouts::new(5);
        let mut states = vec![UPGRADE; 1000];
        let mut requested: Vec<usize> = (0..states.len()).collect();
        let mut passes = 0;
        let mut most = 0;
        for second in 0.. {
            if requested.is_empty() {
                break;
            }
            let mut next = Vec::new();
            for number in std::mem::take(&mut requested) {
                passes += 1;
                let name = name(number);
                let offered = match rollouts.judge(&name, states[number], at(second)) {
                    // Its Pods are replaced when it is looked at again.
                    Progress::Rolling => {
                        states[number] = if states[number] == UPGRADE {
                            ROLLING
                        } else {
                            DONE
                        };
                        next.push(number);
                        rollouts.next(at(second))
                    }
                    Progress::Current => rollouts.freed(&name, at(second)),
                    Progress::Outdated | Progress::Stuck => rollouts.next(at(second)),
                };
                next.extend(
                    offered
                        .iter()
                        .map(|(_, name)| name.trim_start_matches('a').parse::<usize>().unwrap()),
                );
                most = most.max(rollouts.lock().rolling.len());
            }
            requested = next;
        }
        assert!(states.iter().all(|state| *state == DONE));
        assert_eq!(most, 5);
        // One at first, one at its turn, one while it is replaced, one when it has been.
        assert!(passes <= 4 * 1000, "{passes}");
    }

    #[test]
    fn a_slot_whose_time_is_used_up_passes_to_the_next_one() {
        let rollouts = Rollouts::new(1);
        rollouts.judge(&name(0), UPGRADE, at(0));
        rollouts.judge(&name(1), UPGRADE, at(0));
        assert!(rollouts.next(at(599)).is_empty());
        assert_eq!(rollouts.next(at(600)), [name(1)]);
        assert!(rollouts.next(at(600)).is_empty(), "it was offered");
    }

    #[test]
    fn who_does_not_take_its_turn_holds_up_nobody() {
        let rollouts = Rollouts::new(1);
        for number in 0..3 {
            rollouts.judge(&name(number), UPGRADE, at(0));
        }
        // The pass over the second one fails before it asks.
        assert_eq!(rollouts.freed(&name(0), at(1)), [name(1)]);
        assert!(rollouts.next(at(30)).is_empty(), "it may still come");
        assert_eq!(rollouts.next(at(31)), [name(2)]);
        assert_eq!(rollouts.judge(&name(2), UPGRADE, at(32)), Progress::Rolling);
        // It is not asked again and again.
        assert!(rollouts.freed(&name(2), at(601)).is_empty());
        assert_eq!(
            rollouts.judge(&name(1), UPGRADE, at(602)),
            Progress::Rolling
        );
    }

    #[test]
    fn who_had_a_turn_gets_another_one_after_all_others() {
        let rollouts = Rollouts::new(1);
        rollouts.judge(&name(0), UPGRADE, at(0));
        rollouts.judge(&name(1), UPGRADE, at(0));
        assert_eq!(
            rollouts.judge(&name(0), UPGRADE, at(600)),
            Progress::Outdated
        );
        assert_eq!(rollouts.next(at(600)), [name(1)]);
        assert_eq!(
            rollouts.judge(&name(1), UPGRADE, at(601)),
            Progress::Rolling
        );
        assert_eq!(rollouts.freed(&name(1), at(602)), [name(0)]);
        assert_eq!(
            rollouts.judge(&name(0), UPGRADE, at(603)),
            Progress::Rolling
        );
    }

    #[test]
    fn a_receiver_that_does_not_get_ready_frees_its_slot_in_the_end() {
        let rollouts = Rollouts::new(1);
        rollouts.judge(&name(0), UPGRADE, at(0));
        rollouts.judge(&name(0), ROLLING, at(500));
        assert_eq!(rollouts.rolling_since(&name(0)), Some(at(0)));
        assert_eq!(
            rollouts.judge(&name(1), UPGRADE, at(599)),
            Progress::Outdated
        );
        assert_eq!(
            rollouts.judge(&name(1), UPGRADE, at(600)),
            Progress::Rolling
        );
    }

    #[test]
    fn a_receiver_that_stays_different_after_each_write_frees_its_slot_all_the_same() {
        let rollouts = Rollouts::new(1);
        for second in 0..600 {
            assert_eq!(
                rollouts.judge(&name(0), UPGRADE, at(second)),
                Progress::Rolling
            );
            if second % 30 == 0 {
                let others = rollouts.judge(&name(1), UPGRADE, at(second));
                assert_eq!(others, Progress::Outdated);
            }
        }
        // It has had its turn: those that have not go first.
        assert_eq!(
            rollouts.judge(&name(0), UPGRADE, at(600)),
            Progress::Outdated
        );
        assert_eq!(
            rollouts.judge(&name(1), UPGRADE, at(601)),
            Progress::Rolling
        );
        assert_eq!(rollouts.judge(&name(1), DONE, at(700)), Progress::Current);
        assert_eq!(
            rollouts.judge(&name(0), UPGRADE, at(701)),
            Progress::Rolling
        );
    }

    #[test]
    fn receivers_that_cannot_be_replaced_let_all_others_through() {
        let rollouts = Rollouts::new(2);
        let mut states = vec![UPGRADE; 20];
        for minute in 0..60 {
            for (number, state) in states.iter_mut().enumerate() {
                let is_stuck = number < 6;
                let progress = rollouts.judge(&name(number), *state, at(minute * 60));
                if progress == Progress::Rolling && !is_stuck {
                    *state = DONE;
                }
            }
        }
        assert!(states[6..].iter().all(|state| *state == DONE), "{states:?}");
    }

    #[test]
    fn the_next_version_is_another_turn() {
        let rollouts = Rollouts::new(1);
        rollouts.judge(&name(0), UPGRADE, at(0));
        let next = Situation {
            version: 3,
            ..UPGRADE
        };
        assert_eq!(rollouts.judge(&name(0), next, at(599)), Progress::Rolling);
        assert_eq!(rollouts.judge(&name(1), next, at(601)), Progress::Outdated);
    }
}
