//! Whether another release works on the same objects. Each release writes its name into the status, and one that
//! finds another's where its own was has a rival. One of the two then waits, ever longer, so that they do not
//! write against each other for ever. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::controller::{key::Key, schedule};

/// How long the release that gives way waits the first time: the other may only have learned later that the object
/// is no longer its own.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// Not longer: once the other release is gone, a refresh that is due has at least twice this time.
const LAST_WAIT: Duration = Duration::from_mins(5);
/// Without a change of hands for this time, there is no rival any more.
const MEMORY: Duration = Duration::from_hours(2);
/// Most rivals that are told apart.
const MOST: usize = 20;

/// The rivals of this release.
#[derive(Debug, Default)]
pub struct Rivals {
    /// The name of this release; empty if nobody gave it one.
    own: Arc<str>,
    marks: HashMap<Key, Mark>,
}

/// What is known of an object's release.
#[derive(Debug, Default)]
struct Mark {
    /// This release's name was on it.
    was_own: bool,
    /// Who had it last, when, and how many times in a row.
    rival: Option<Rival>,
}

#[derive(Clone, Debug)]
struct Rival {
    name: Arc<str>,
    at: Timestamp,
    times: u32,
    /// Until when this release waits.
    wait: Option<Timestamp>,
}

/// What a pass does about a rival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// There is none.
    Alone,
    /// The pass goes on, and tells of it.
    Told(Arc<str>),
    /// The other release goes on. There is no pass for this time.
    Yield {
        /// The other release.
        rival: Arc<str>,
        /// How long.
        wait: Duration,
        /// Whether that has just begun.
        is_new: bool,
    },
}

// === impl Rivals ===

impl Rivals {
    /// Of the release with this name.
    #[must_use]
    pub fn of(own: &str) -> Self {
        Self {
            own: own.into(),
            marks: HashMap::new(),
        }
    }

    /// The name of this release; empty if it has none.
    pub fn own(&self) -> Arc<str> {
        Arc::clone(&self.own)
    }

    /// What to do about an object whose status names this release.
    pub fn claim(&mut self, key: &Key, named: Option<&str>, now: Timestamp) -> Claim {
        if self.own.is_empty() {
            return Claim::Alone;
        }
        let own = Arc::clone(&self.own);
        let Some(named) = named.filter(|named| **named != *own) else {
            if named.is_some() {
                self.signed(key);
            }
            return Claim::Alone;
        };
        let Some(mark) = self.marks.get_mut(key) else {
            // It was theirs, and is this release's from now on.
            return Claim::Alone;
        };
        if std::mem::take(&mut mark.was_own) {
            let recent = |rival: &&Rival| schedule::later(rival.at, MEMORY) > now;
            let before = mark.rival.as_ref().filter(recent).map_or(0, |it| it.times);
            let pause = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(before.min(10)));
            let rival = Rival {
                name: named.into(),
                at: now,
                times: before.saturating_add(1),
                wait: (*own > *named).then(|| schedule::later(now, pause.min(LAST_WAIT))),
            };
            mark.rival = Some(rival.clone());
            return match rival.wait {
                Some(until) => Claim::Yield {
                    rival: rival.name,
                    wait: schedule::between(now, until),
                    is_new: true,
                },
                // Once may be a change of hands that this release has not noticed yet.
                None if rival.times > 1 => Claim::Told(rival.name),
                None => Claim::Alone,
            };
        }
        match &mark.rival {
            Some(Rival {
                name,
                wait: Some(until),
                ..
            }) if now < *until => Claim::Yield {
                rival: name.clone(),
                wait: schedule::between(now, *until),
                is_new: false,
            },
            _ => Claim::Alone,
        }
    }

    /// This release wrote its name into the status.
    pub fn signed(&mut self, key: &Key) {
        if !self.own.is_empty() {
            self.marks.entry(key.clone()).or_default().was_own = true;
        }
    }

    /// How many objects each rival works on, too.
    #[must_use]
    pub fn count(&self, now: Timestamp) -> BTreeMap<Arc<str>, i64> {
        let mut counted = BTreeMap::new();
        let rivals = self.marks.values().filter_map(|mark| mark.rival.as_ref());
        let proven = |rival: &&Rival| rival.times > 1 && schedule::later(rival.at, MEMORY) > now;
        for rival in rivals.filter(proven) {
            if counted.len() < MOST || counted.contains_key(&rival.name) {
                *counted.entry(rival.name.clone()).or_default() += 1;
            }
        }
        counted
    }

    /// Forgets an object that is gone, or not served any more.
    pub fn forget(&mut self, key: &Key) {
        self.marks.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn app() -> Key {
        Key::integration("clinics", "acme")
    }

    /// Two releases that see each other's writes at once: how many writes they make within a day.
    #[test]
    fn two_releases_do_not_write_against_each_other() {
        let mut releases = ["a/zoom", "b/zoom"].map(|name| (name, Rivals::of(name)));
        let (mut named, mut writes, mut told) = (None, 0, 0);
        for second in 0..86_400 {
            for (own, rivals) in &mut releases {
                let claim = rivals.claim(&app(), named, at(second));
                told += usize::from(matches!(claim, Claim::Told(_)));
                if !matches!(claim, Claim::Yield { .. }) && named != Some(*own) {
                    named = Some(*own);
                    rivals.signed(&app());
                    writes += 1;
                }
            }
        }
        assert!(writes < 600, "{writes}");
        assert!(told > 10, "{told}");
        let [(_, first), (_, second)] = &releases;
        let now = at(86_400);
        assert_eq!(first.count(now), [("b/zoom".into(), 1)].into());
        assert_eq!(second.count(now), [("a/zoom".into(), 1)].into());
    }

    #[test]
    fn what_changes_hands_once_has_no_rival() {
        let mut old = Rivals::of("a/zoom");
        let mut new = Rivals::of("b/zoom");
        assert_eq!(old.claim(&app(), Some("a/zoom"), at(0)), Claim::Alone);
        assert_eq!(new.claim(&app(), Some("a/zoom"), at(1)), Claim::Alone);
        assert_eq!(new.claim(&app(), Some("b/zoom"), at(2)), Claim::Alone);
        assert_eq!(old.claim(&app(), Some("b/zoom"), at(3)), Claim::Alone);
        old.forget(&app());
        for rivals in [&old, &new] {
            assert!(rivals.count(at(9)).is_empty());
        }
    }

    #[test]
    fn who_gave_way_takes_over_once_the_other_is_gone() {
        let mut rivals = Rivals::of("b/zoom");
        rivals.claim(&app(), Some("b/zoom"), at(0));
        let claim = rivals.claim(&app(), Some("a/zoom"), at(1));
        let wait = |is_new, seconds| Claim::Yield {
            rival: "a/zoom".into(),
            wait: Duration::from_secs(seconds),
            is_new,
        };
        assert_eq!(claim, wait(true, 30));
        let claim = rivals.claim(&app(), Some("a/zoom"), at(11));
        assert_eq!(claim, wait(false, 20));
        let claim = rivals.claim(&app(), Some("a/zoom"), at(31));
        assert_eq!(claim, Claim::Alone);
        let claim = rivals.claim(&app(), Some("b/zoom"), at(32));
        assert_eq!(claim, Claim::Alone);
    }

    #[test]
    fn a_status_of_a_version_that_names_nobody_is_no_rival() {
        let mut rivals = Rivals::of("b/zoom");
        rivals.claim(&app(), Some("b/zoom"), at(0));
        assert_eq!(rivals.claim(&app(), None, at(1)), Claim::Alone);
        let mut unnamed = Rivals::default();
        unnamed.claim(&app(), Some("b/zoom"), at(0));
        assert_eq!(unnamed.claim(&app(), Some("a/zoom"), at(1)), Claim::Alone);
    }
}
