//! What is known of the dead letters without reading them: how many each connection has and why, and whose
//! nobody had claimed. In memory only, kept by the store's thread.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::receiver::routes::Connection;
use jiff::Timestamp;

use super::dead::{DeadLetter, Reason};

/// Divisor: an account with this part of all dead letters makes room for those of others.
const HEAVY: u64 = 8;

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
    /// Size of those of each account, bytes of bodies.
    bytes: HashMap<String, u64>,
    /// How many of each account nobody had claimed.
    unclaimed: HashMap<String, u64>,
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
        self.state().unclaimed.keys().cloned().collect()
    }

    /// The account with the most dead letters, if they are a large part of all.
    #[must_use]
    pub fn heavy(&self) -> Option<String> {
        let state = self.state();
        let all: u64 = state.bytes.values().sum();
        let (account, bytes) = state.bytes.iter().max_by_key(|(_, bytes)| **bytes)?;
        (*bytes >= all / HEAVY).then(|| account.clone())
    }

    /// Forgets everything: the store is about to be read.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// A dead letter was stored.
    pub fn added(&self, letter: &DeadLetter) {
        let mut state = self.state();
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
        if let Some(account) = &letter.account {
            *state.bytes.entry(account.clone()).or_default() += letter.bytes as u64;
        }
        if let Some(account) = unclaimed(letter) {
            *state.unclaimed.entry(account.clone()).or_default() += 1;
        }
    }

    /// A dead letter was replayed, discarded, replaced or dropped.
    pub fn removed(&self, letter: &DeadLetter) {
        let mut state = self.state();
        if let Some(connection) = &letter.connection
            && let Some(summary) = state.connections.get_mut(connection)
        {
            summary.count = summary.count.saturating_sub(1);
            if summary.count == 0 {
                state.connections.remove(connection);
            }
        }
        if let Some(account) = &letter.account
            && let Some(bytes) = state.bytes.get_mut(account)
        {
            *bytes = bytes.saturating_sub(letter.bytes as u64);
            if *bytes == 0 {
                state.bytes.remove(account);
            }
        }
        if let Some(account) = unclaimed(letter)
            && let Some(count) = state.unclaimed.get_mut(account)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.unclaimed.remove(account);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unclaimed(letter: &DeadLetter) -> Option<&String> {
    let account = letter.account.as_ref();
    account.filter(|_| letter.reason == Reason::Unclaimed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn letter(connection: Option<&str>, reason: Reason, second: i64) -> DeadLetter {
        DeadLetter {
            id: String::new(),
            event: None,
            received_at: Timestamp::UNIX_EPOCH,
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
        let (first, last) = (
            letter(Some("a/b"), Reason::Refused, 1),
            letter(Some("a/b"), Reason::Expired, 2),
        );
        let nobodys = letter(None, Reason::Unclaimed, 3);
        for letter in [&last, &first, &nobodys] {
            letters.added(letter);
        }
        let summary = letters.connections().into_values().next().unwrap();
        assert_eq!(summary.count, 2);
        assert_eq!(summary.last.unwrap().1, "expired: at 2");
        assert_eq!(letters.unclaimed(), ["acc"]);
        assert_eq!(letters.heavy(), Some("acc".into()));
        for letter in [&last, &first, &nobodys] {
            letters.removed(letter);
        }
        assert!(letters.connections().is_empty() && letters.unclaimed().is_empty());
        assert_eq!(letters.heavy(), None);
    }
}
