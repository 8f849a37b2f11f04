//! What is known of the dead letters without reading them: how many each connection has and why, and where those
//! of each account are. In memory only, kept by the store's thread; a few bytes for each letter.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::receiver::routes::Connection;
use jiff::Timestamp;

use super::{
    capacity::charge,
    dead::{DeadLetter, Reason},
};

/// Divisor: an account with this part of all dead letters makes room for those of others.
const HEAVY: u64 = 8;
/// Most letters of one account that make room in one transaction.
const MOST: usize = 64;
/// Bytes of a record beside its body: about as many as Zoom's headers take.
const HEAD: usize = 128;

/// Counts of dead letters. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Letters(Arc<Mutex<State>>);

/// The dead letters of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many are kept.
    pub count: u64,
    /// Why the last event became one, and when.
    pub last: Option<(Timestamp, String)>,
}

#[derive(Debug, Default)]
struct State {
    connections: BTreeMap<Connection, Summary>,
    accounts: HashMap<String, OfAccount>,
    /// Size of those of all accounts.
    bytes: u64,
    /// Accounts with a letter that nobody had claimed, stored since somebody asked.
    fresh: HashSet<String>,
}

/// The dead letters of an account.
#[derive(Debug, Default)]
struct OfAccount {
    /// By their places in the store.
    places: BTreeMap<u64, Known>,
    bytes: u64,
    /// How many nobody had claimed.
    unclaimed: u64,
}

/// Small: there may be many.
#[derive(Clone, Copy, Debug)]
struct Known {
    bytes: u32,
    /// When it came, seconds since the epoch; only if nobody had claimed it.
    unclaimed: Option<u32>,
}

// === impl Letters ===

impl Letters {
    /// The dead letters of each connection that has some.
    #[must_use]
    pub fn connections(&self) -> BTreeMap<Connection, Summary> {
        self.state().connections.clone()
    }

    /// Accounts with events that nobody had claimed.
    #[must_use]
    pub fn unclaimed(&self) -> Vec<String> {
        let state = self.state();
        let some = state.accounts.iter().filter(|(_, of)| of.unclaimed > 0);
        some.map(|(account, _)| account.clone()).collect()
    }

    /// Accounts that got such a letter since the last call.
    #[must_use]
    pub fn take_fresh(&self) -> Vec<String> {
        self.state().fresh.drain().collect()
    }

    /// These accounts are to be looked at again.
    pub fn mark_fresh(&self, account: &str) {
        self.state().fresh.insert(account.to_owned());
    }

    /// Places of the letters of an account that nobody had claimed and that came at `since` (seconds) or later:
    /// from this place on, at most `most`.
    #[must_use]
    pub fn unclaimed_of(&self, account: &str, since: i64, from: u64, most: usize) -> Vec<u64> {
        let state = self.state();
        let Some(of) = state.accounts.get(account) else {
            return Vec::new();
        };
        let is_meant = |known: &Known| {
            known
                .unclaimed
                .is_some_and(|second| i64::from(second) >= since)
        };
        let found = of.places.range(from..).filter(|(_, known)| is_meant(known));
        found.map(|(place, _)| *place).take(most).collect()
    }

    /// Size of the letters of an account.
    #[must_use]
    pub fn bytes(&self, account: &str) -> u64 {
        let state = self.state();
        state.accounts.get(account).map_or(0, |of| of.bytes)
    }

    /// The oldest letters of an account that have at least so many bytes, but a bounded number.
    #[must_use]
    pub fn oldest(&self, account: &str, bytes: u64) -> Vec<u64> {
        let state = self.state();
        state
            .accounts
            .get(account)
            .map_or_else(Vec::new, |of| of.oldest(bytes))
    }

    /// The oldest letters of the account with the most, if they are a large part of all.
    #[must_use]
    pub fn heavy(&self) -> Vec<u64> {
        let state = self.state();
        let most = state.accounts.values().max_by_key(|of| of.bytes);
        most.filter(|of| of.bytes >= state.bytes / HEAVY)
            .map_or_else(Vec::new, |of| of.oldest(u64::MAX))
    }

    /// Forgets everything: the store is about to be read.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// A dead letter was stored at this place.
    pub fn added(&self, place: u64, letter: &DeadLetter) {
        let mut state = self.state();
        let state = &mut *state;
        if let Some(connection) = &letter.connection {
            let summary = state.connections.entry(connection.clone()).or_default();
            summary.count += 1;
            if summary
                .last
                .as_ref()
                .is_none_or(|(at, _)| *at <= letter.failed_at)
            {
                summary.last = Some((letter.failed_at, letter.reason_text()));
            }
        }
        let Some(account) = &letter.account else {
            return;
        };
        let is_unclaimed = letter.reason == Reason::Unclaimed;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let received = u64::try_from(letter.received_at.as_second()).unwrap_or_default();
        let known = Known {
            bytes: small(charge(letter.bytes.saturating_add(HEAD))),
            unclaimed: is_unclaimed.then(|| small(received)),
        };
        let of = state.accounts.entry(account.clone()).or_default();
        of.places.insert(place, known);
        of.bytes += u64::from(known.bytes);
        of.unclaimed += u64::from(is_unclaimed);
        state.bytes += u64::from(known.bytes);
        if is_unclaimed {
            state.fresh.insert(account.clone());
        }
    }

    /// The dead letter at this place was replayed, discarded, replaced or dropped.
    pub fn removed(&self, place: u64, letter: &DeadLetter) {
        let mut state = self.state();
        let state = &mut *state;
        if let Some(connection) = &letter.connection
            && let Some(summary) = state.connections.get_mut(connection)
        {
            summary.count = summary.count.saturating_sub(1);
            if summary.count == 0 {
                state.connections.remove(connection);
            }
        }
        if let Some(account) = &letter.account
            && let Some(of) = state.accounts.get_mut(account)
            && let Some(known) = of.places.remove(&place)
        {
            of.bytes -= u64::from(known.bytes);
            of.unclaimed -= u64::from(known.unclaimed.is_some());
            state.bytes -= u64::from(known.bytes);
            if of.places.is_empty() {
                state.accounts.remove(account);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl OfAccount ===

impl OfAccount {
    fn oldest(&self, bytes: u64) -> Vec<u64> {
        let mut size = 0;
        let is_needed = |(_, known): &(&u64, &Known)| {
            let is_needed = size < bytes;
            size += u64::from(known.bytes);
            is_needed
        };
        let oldest = self.places.iter().take(MOST).take_while(is_needed);
        oldest.map(|(place, _)| *place).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn letter(connection: Option<&str>, reason: Reason, second: i64) -> DeadLetter {
        DeadLetter {
            id: String::new(),
            event: None,
            received_at: Timestamp::from_second(second).unwrap(),
            failed_at: Timestamp::from_second(second).unwrap(),
            reason,
            detail: Some(format!("at {second}")),
            attempts: 0,
            bytes: 1,
            account: Some("acc".into()),
            connection: connection.map(|name| name.parse().unwrap()),
        }
    }

    #[test]
    fn the_last_reason_stays_as_long_as_there_is_a_letter() {
        let letters = Letters::default();
        let all = [
            (7, letter(Some("a/b"), Reason::Expired, 2)),
            (8, letter(Some("a/b"), Reason::Refused, 1)),
            (9, letter(None, Reason::Unclaimed, 3)),
        ];
        for (place, letter) in &all {
            letters.added(*place, letter);
        }
        let summary = letters.connections().into_values().next().unwrap();
        assert_eq!(summary.count, 2);
        assert_eq!(summary.last.unwrap().1, "expired: at 2");
        assert_eq!(letters.unclaimed(), ["acc"]);
        assert_eq!(letters.heavy(), [7, 8, 9]);
        assert_eq!(letters.oldest("acc", charge(HEAD + 1) + 1), [7, 8]);
        assert_eq!(letters.bytes("acc"), 3 * charge(HEAD + 1));
        for (place, letter) in &all {
            letters.removed(*place, letter);
        }
        assert!(letters.connections().is_empty() && letters.unclaimed().is_empty());
        assert!(letters.heavy().is_empty());
        assert_eq!(letters.bytes("acc"), 0);
    }

    #[test]
    fn what_is_too_old_or_no_longer_new_is_not_looked_for_again() {
        let letters = Letters::default();
        for place in 0..1000 {
            let reason = if place % 2 == 0 {
                Reason::Unclaimed
            } else {
                Reason::Expired
            };
            let second = i64::try_from(place).unwrap();
            letters.added(place, &letter(None, reason, second));
        }
        assert_eq!(letters.take_fresh(), ["acc"]);
        assert!(letters.take_fresh().is_empty());
        assert_eq!(letters.unclaimed_of("acc", 990, 0, 3), [990, 992, 994]);
        assert_eq!(letters.unclaimed_of("acc", 990, 995, 3), [996, 998]);
        assert!(letters.unclaimed_of("acc", 2000, 0, 3).is_empty());
        assert!(letters.unclaimed_of("other", 0, 0, 3).is_empty());
    }
}
