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
    /// Since when it waits.
    since: Timestamp,
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

    /// Offers each free slot to the receiver that has waited for the longest time; those that had none yet go first. One
    /// that does not take it is not offered another one before it asks again.
    fn offer(&mut self, limit: usize, now: Timestamp) -> Vec<Name> {
        let unclaimed = limit.saturating_sub(self.taken(None, now));
        if unclaimed == 0 || self.waiting.is_empty() {
            return Vec::new();
        }
        let offers = self.waiting.values().filter(|one| one.has_offer(now));
        let free = unclaimed.saturating_sub(offers.count());
        let asking = self.waiting.iter_mut();
        let mut asking: Vec<_> = asking
            .filter(|(_, waiting)| waiting.offered.is_none())
            .collect();
        asking.sort_by_key(|(_, waiting)| (waiting.had_its_turn, waiting.since));
        let next = asking.into_iter().take(free);
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
    /// receiver that could not be replaced in its turn gets another one after those that wait.
    pub fn judge(&self, name: &Name, situation: Situation, now: Timestamp) -> Progress {
        let mut known = self.lock();
        let waited = known.waiting.remove(name);
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
        let has_offer = waited.is_some_and(|waited| waited.has_offer(now));
        let others_first = had_its_turn && !has_offer && !known.waiting.is_empty();
        if !situation.own_change && (!is_free || others_first) {
            let waiting = Waiting {
                had_its_turn,
                since: waited.map_or(now, |waited| waited.since),
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

    /// The receivers that can start now, after a pass over an integration that began at `begun`: the time of another
    /// receiver may be used up, or this one did not take the slot that it was offered.
    pub fn next(&self, name: &Name, begun: Timestamp, now: Timestamp) -> Vec<Name> {
        let mut known = self.lock();
        let is_declined = |waiting: &Waiting| waiting.offered.is_some_and(|at| at <= begun);
        if known.waiting.get(name).is_some_and(is_declined) {
            known.waiting.remove(name);
        }
        known.offer(self.limit, now)
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
