//! A brake on token requests: somebody else who writes the token Secret after each of our writes would cost a token of
//! Zoom each time.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{altered::Alteration, model::Cause};
use crate::controller::{schedule, token_secret::Stored};

/// Time between two tokens for a Secret that others change again and again.
pub const BETWEEN_TOKENS: Duration = Duration::from_mins(2);

/// Whatever is changed of the Secret counts.
const ANYTHING: &str = "token";

/// What is known of a token Secret and of those who change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// When the token that was published last is due for a refresh.
    refresh_at: Option<Timestamp>,
    /// What it was requested with.
    source: String,
    /// The changes by others that were undone.
    undone: Option<Alteration>,
}

/// What is known of the token Secrets of all integrations, by UID.
#[derive(Default)]
pub struct Rewrites(Mutex<HashMap<String, Rewritten>>);

// === impl Rewritten ===

impl Rewritten {
    /// What is known once a token was `published` for this cause, if that was `known` before.
    #[must_use]
    pub fn after(known: Option<&Self>, cause: Cause, published: &Stored, now: Timestamp) -> Self {
        let undone = known.and_then(|known| {
            let undone = known.undone.as_ref();
            if known.is_by_others(cause, &published.source, now) {
                Alteration::after(undone, Some(ANYTHING.into()), None, now)
            } else {
                undone.filter(|undone| undone.counts_at(now)).cloned()
            }
        });
        Self {
            refresh_at: published.refresh_at,
            source: published.source.clone(),
            undone,
        }
    }

    /// Until when no token is requested for this cause, with credentials of this `version`: others change the Secret
    /// again and again.
    #[must_use]
    pub fn rests_until(&self, cause: Cause, version: &str, now: Timestamp) -> Option<Timestamp> {
        if !self.is_by_others(cause, version, now) {
            return None;
        }
        let until = self.undone.as_ref()?.rests_until(BETWEEN_TOKENS);
        until.filter(|until| now < *until)
    }

    /// Whether somebody else caused it: the token that was published last needs no other one.
    fn is_by_others(&self, cause: Cause, version: &str, now: Timestamp) -> bool {
        match cause {
            Cause::NoSecret | Cause::SecretModified => true,
            Cause::RefreshDue => self.refresh_at.is_some_and(|at| now < at),
            Cause::CredentialsChanged => self.source == version,
            Cause::ScopesMissing | Cause::Unproven | Cause::Requested => false,
        }
    }
}

// === impl Rewrites ===

impl Rewrites {
    /// What is known of an integration's token Secret.
    #[must_use]
    pub fn of(&self, uid: &str) -> Option<Rewritten> {
        self.lock().get(uid).cloned()
    }

    /// Remembers it.
    pub fn learn(&self, uid: &str, rewritten: Rewritten) {
        self.lock().insert(uid.to_owned(), rewritten);
    }

    /// Forgets a deleted integration.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Rewritten>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the rest that lasts `until` began.
#[must_use]
pub fn began(until: Timestamp) -> Timestamp {
    let began = until.checked_sub(BETWEEN_TOKENS).unwrap_or(until);
    schedule::later(began, Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn published(refresh_at: i64) -> Stored {
        Stored {
            refresh_at: Some(at(refresh_at)),
            source: "c/1".into(),
            ..Stored::default()
        }
    }

    /// The causes of the requests, by second, for a Secret that others change every second.
    fn requests(cause: Cause, seconds: i64) -> Vec<i64> {
        let mut known = Rewritten::after(None, Cause::NoSecret, &published(3000), at(0));
        let mut requests = Vec::new();
        for second in 1..=seconds {
            if known.rests_until(cause, "c/1", at(second)).is_none() {
                known = Rewritten::after(Some(&known), cause, &published(3000), at(second));
                requests.push(second);
            }
        }
        requests
    }

    #[test]
    fn who_changes_the_secret_again_and_again_costs_a_token_in_two_minutes() {
        for cause in [
            Cause::NoSecret,
            Cause::SecretModified,
            Cause::RefreshDue,
            Cause::CredentialsChanged,
        ] {
            assert_eq!(requests(cause, 250), [1, 2, 3, 123, 243], "{cause:?}");
        }
    }

    #[test]
    fn short_lives_and_other_credentials_are_nobodys_doing() {
        let mut known = Rewritten::after(None, Cause::NoSecret, &published(10), at(0));
        for second in 1..10 {
            let due = second * 10;
            let rests = known.rests_until(Cause::RefreshDue, "c/1", at(due));
            assert_eq!(rests, None);
            let next = published(due + 10);
            known = Rewritten::after(Some(&known), Cause::RefreshDue, &next, at(due));
        }
        let frequent = (1..5).fold(known, |known, second| {
            let next = published(3000);
            Rewritten::after(Some(&known), Cause::SecretModified, &next, at(100 + second))
        });
        let rests = |cause, version| frequent.rests_until(cause, version, at(105));
        assert_eq!(rests(Cause::SecretModified, "c/1"), Some(at(224)));
        assert_eq!(rests(Cause::CredentialsChanged, "c/2"), None);
        assert_eq!(rests(Cause::Requested, "c/1"), None);
    }
}
