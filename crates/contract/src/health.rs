//! What goes wrong at a receiver: requests that are not Zoom's as far as it can tell, and a sink that does
//! not accept events. Counted, with its beginning, so that a person hears of it within minutes.
//!
//! A part of the [facts](super::facts) that is given only to a controller that asks for it by [`QUERY`]:
//! earlier controllers refuse what they do not know. The reader ignores unknown fields, so further ones
//! need no such step.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{event_name, removal::Removal};

/// The query of `/facts` that asks for it.
pub const QUERY: &str = "health=1";
/// Most removals that are remembered.
pub const MAX_REMOVALS: usize = 16;
/// Most undeclared events that are remembered.
pub const MAX_UNDECLARED: usize = 16;
/// Anybody can claim a removal, and each new time is a question to Zoom: a later one of the same user counts
/// after this time.
const QUESTION: SignedDuration = SignedDuration::from_hours(1);
/// Longest sentence about the sink, bytes.
const MAX_CAUSE: usize = 200;

/// What goes wrong. Times are whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// Requests with a signature that no secret makes, since the last one with a right signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_signatures: Option<Run>,
    /// JSON posted to the webhook's path without Zoom's signature headers, since the last right signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_headers: Option<Run>,
    /// Requests with a right signature whose extra authentication is missing or wrong, since the last accepted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_authentication: Option<Run>,
    /// Requests with a right signature for a time too far from the receiver's clock, since the last accepted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_window: Option<Run>,
    /// Removals of the app that are not accepted, for example with a wrong signature: a reason to ask Zoom, and nothing to believe. One for
    /// each user, and a later one only after an hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unverified_removals: Vec<Removal>,
    /// Events that Zoom sends although they are not declared, the latest of them, with the hour.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub undeclared: BTreeMap<String, Timestamp>,
    /// When the sink last accepted an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_delivered: Option<Timestamp>,
    /// Deliveries that failed since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink_failures: Option<Run>,
    /// Why the last of them failed, or why the sink cannot be reached before there is an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink_cause: Option<String>,
    /// Events of the buffer that the sink refuses while it accepts others.
    pub set_aside: u64,
}

/// Things of one kind that happened without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// How many.
    pub count: u64,
    /// When the first one happened.
    pub since: Timestamp,
    /// When the last one happened.
    pub last: Timestamp,
}

// === impl Health ===

impl Health {
    /// A request was right in every way: what came before it is over.
    pub fn accepted(&mut self) {
        self.wrong_signatures = None;
        self.missing_headers = None;
        self.wrong_authentication = None;
        self.outside_window = None;
    }

    /// Only the extra authentication was not right. The secret token is.
    pub fn unauthenticated(&mut self, now: Timestamp) {
        Run::add(&mut self.wrong_authentication, now);
        self.wrong_signatures = None;
        self.missing_headers = None;
    }

    /// Only the signed time was not right, or our clock is not. It may be a replay, so it ends nothing.
    pub fn outside_window(&mut self, now: Timestamp) {
        Run::add(&mut self.outside_window, now);
    }

    /// A signature was wrong.
    pub fn rejected(&mut self, now: Timestamp) {
        Run::add(&mut self.wrong_signatures, now);
    }

    /// A request that looks like Zoom's had no signature.
    pub fn unsigned(&mut self, now: Timestamp) {
        Run::add(&mut self.missing_headers, now);
    }

    /// A removal that is not accepted. Ignored unless both ids look like such.
    pub fn removed(&mut self, now: Timestamp, user_id: &str, account_id: &str) {
        if let Some(removal) = Removal::new(now, user_id, account_id) {
            self.remember(removal, QUESTION);
        }
    }

    /// An event came that is not declared. Ignored unless the name looks like one.
    pub fn undeclared(&mut self, now: Timestamp, name: &str) {
        let at = hour(now);
        if self.undeclared.get(name) != Some(&at) && event_name::is_valid(name) {
            self.undeclared.insert(name.to_owned(), at);
            self.forget_undeclared();
        }
    }

    /// Keeps the latest.
    fn forget_undeclared(&mut self) {
        while self.undeclared.len() > MAX_UNDECLARED {
            let oldest = self.undeclared.iter().min_by_key(|(_, at)| **at);
            let oldest = oldest.map(|(name, _)| name.clone());
            self.undeclared.remove(&oldest.unwrap_or_default());
        }
    }

    /// The sink accepted an event.
    pub fn delivered(&mut self, now: Timestamp) {
        self.last_delivered = Some(seconds(now));
        self.sink_failures = None;
        self.sink_cause = None;
    }

    /// The sink did not accept an event.
    pub fn not_delivered(&mut self, now: Timestamp, cause: &str) {
        Run::add(&mut self.sink_failures, now);
        self.sink_cause = Some(cause.to_owned());
    }

    /// What two receivers of one tenant know together. A right signature at one of them says that the secret
    /// is right, but does not end what goes wrong at the other.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.wrong_signatures = Run::merged(self.wrong_signatures, other.wrong_signatures);
        self.missing_headers = Run::merged(self.missing_headers, other.missing_headers);
        self.wrong_authentication =
            Run::merged(self.wrong_authentication, other.wrong_authentication);
        self.outside_window = Run::merged(self.outside_window, other.outside_window);
        for removal in other.unverified_removals {
            self.remember(removal, SignedDuration::ZERO);
        }
        self.unverified_removals.sort();
        for (name, at) in other.undeclared {
            let known = self.undeclared.entry(name).or_insert(at);
            *known = at.max(*known);
        }
        self.forget_undeclared();
        let is_other =
            other.sink_failures.map(|run| run.last) > self.sink_failures.map(|run| run.last);
        if is_other || self.sink_cause.is_none() {
            self.sink_cause = other.sink_cause.or(self.sink_cause);
        }
        self.sink_failures = Run::merged(self.sink_failures, other.sink_failures);
        self.last_delivered = self.last_delivered.max(other.last_delivered);
        self.set_aside = self.set_aside.saturating_add(other.set_aside);
        self
    }

    /// Whether it is small enough, and says nothing that could be misread where it is shown.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let is_plain =
            |cause: &String| cause.len() <= MAX_CAUSE && !cause.chars().any(char::is_control);
        self.unverified_removals.len() <= MAX_REMOVALS
            && self.unverified_removals.iter().all(Removal::is_valid)
            && self.undeclared.len() <= MAX_UNDECLARED
            && self
                .undeclared
                .keys()
                .all(|name| event_name::is_valid(name))
            && self.sink_cause.as_ref().is_none_or(is_plain)
    }

    /// Keeps one removal of each user: a later one replaces it if it is later by `least`.
    fn remember(&mut self, removal: Removal, least: SignedDuration) {
        let removals = &mut self.unverified_removals;
        let same = |known: &&mut Removal| known.user_id == removal.user_id;
        if let Some(known) = removals.iter_mut().find(same) {
            if removal.at.duration_since(known.at) >= least {
                *known = removal;
            }
            return;
        }
        if removals.len() >= MAX_REMOVALS {
            removals.sort();
            removals.remove(0);
        }
        removals.push(removal);
    }
}

// === impl Run ===

impl Run {
    fn add(run: &mut Option<Self>, now: Timestamp) {
        let now = seconds(now);
        let run = run.get_or_insert(Self {
            count: 0,
            since: now,
            last: now,
        });
        run.count = run.count.saturating_add(1);
        run.last = now;
    }

    fn merged(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(Self {
                count: one.count.saturating_add(other.count),
                since: one.since.min(other.since),
                last: one.last.max(other.last),
            }),
            (one, other) => one.or(other),
        }
    }
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn hour(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(3600)).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_run_counts_from_its_beginning_to_the_first_right_signature() {
        let mut health = Health::default();
        for second in [5, 6, 9] {
            health.rejected(at(second));
            health.unsigned(at(second));
            health.outside_window(at(second));
        }
        let run = Some(Run {
            count: 3,
            since: at(5),
            last: at(9),
        });
        assert_eq!(
            (
                health.wrong_signatures,
                health.missing_headers,
                health.outside_window
            ),
            (run, run, run)
        );
        health.accepted();
        assert_eq!(health, Health::default());
    }

    #[test]
    fn a_right_signature_with_wrong_authentication_clears_the_secret_and_nothing_else() {
        let mut health = Health::default();
        health.rejected(at(5));
        health.unsigned(at(5));
        health.outside_window(at(5));
        health.unauthenticated(at(6));
        assert_eq!(
            (health.wrong_signatures, health.missing_headers),
            (None, None)
        );
        let runs = [health.outside_window, health.wrong_authentication];
        assert_eq!(
            runs.map(|run| run.map(|run| run.since)),
            [Some(at(5)), Some(at(6))]
        );
        let both = health.clone().merged(health);
        let runs = [both.outside_window, both.wrong_authentication];
        assert_eq!(runs.map(|run| run.map(|run| run.count)), [Some(2), Some(2)]);
    }

    #[test]
    fn an_accepted_event_ends_the_sinks_failures() {
        let mut health = Health::default();
        health.not_delivered(at(5), "sink answered 503");
        health.not_delivered(at(7), "sink timed out");
        assert_eq!(health.sink_failures.map(|run| run.count), Some(2));
        assert_eq!(health.sink_cause.as_deref(), Some("sink timed out"));
        health.delivered(at(9));
        assert_eq!(health.last_delivered, Some(at(9)));
        assert_eq!((health.sink_failures, health.sink_cause), (None, None));
    }

    #[test]
    fn two_receivers_add_up() {
        let (mut one, mut other) = (Health::default(), Health::default());
        one.rejected(at(5));
        one.not_delivered(at(5), "first");
        one.removed(at(5), "ada", "a");
        other.rejected(at(3));
        other.not_delivered(at(9), "second");
        other.removed(at(6), "ada", "a");
        // Within the hour.
        other.removed(at(3605), "ada", "a");
        assert_eq!(other.unverified_removals[0].at, at(6));
        other.set_aside = 2;
        let both = one.clone().merged(other.clone());
        assert_eq!(both, other.merged(one));
        assert_eq!(
            both.wrong_signatures.map(|run| (run.count, run.since)),
            Some((2, at(3)))
        );
        assert_eq!(both.sink_cause.as_deref(), Some("second"));
        assert_eq!(both.unverified_removals.len(), 1);
        assert_eq!(both.unverified_removals[0].at, at(6));
    }

    #[test]
    fn the_latest_undeclared_events_are_kept_with_their_hour() {
        let mut health = Health::default();
        for n in 0..20 {
            health.undeclared(at(3600 * n + 7), &format!("user.event_{n}"));
        }
        health.undeclared(at(3600 * 99), "no name");
        assert_eq!(health.undeclared.len(), MAX_UNDECLARED);
        assert_eq!(health.undeclared["user.event_19"], at(3600 * 19));
        assert!(!health.undeclared.contains_key("user.event_3"));
        let mut other = Health::default();
        other.undeclared(at(3600 * 50), "user.event_19");
        other.undeclared(at(3600 * 50), "meeting.ended");
        let both = health.clone().merged(other.clone());
        assert_eq!(both, other.merged(health));
        assert_eq!(both.undeclared.len(), MAX_UNDECLARED);
        assert_eq!(both.undeclared["user.event_19"], at(3600 * 50));
        assert!(both.is_bounded());
        let text = r#"{"undeclared":{"a b":"2026-01-01T00:00:00Z"}}"#;
        assert!(!serde_json::from_str::<Health>(text).unwrap().is_bounded());
    }

    #[test]
    fn what_a_receiver_may_say_is_bounded() {
        let mut health = Health::default();
        for n in 0..100 {
            health.removed(at(n), &format!("user-{n}"), "a");
        }
        health.removed(at(1000), "no id", "a");
        assert_eq!(health.unverified_removals.len(), MAX_REMOVALS);
        assert!(health.is_bounded());
        for cause in ["x".repeat(MAX_CAUSE + 1), "a\nb".into()] {
            let health = Health {
                sink_cause: Some(cause),
                ..Health::default()
            };
            assert!(!health.is_bounded());
        }
    }

    #[test]
    fn fields_of_later_versions_are_ignored_and_missing_ones_are_empty() {
        let health: Health = serde_json::from_str(r#"{"setAside":3,"more":{"x":1}}"#).unwrap();
        assert_eq!(health.set_aside, 3);
        let empty = serde_json::to_string(&Health::default()).unwrap();
        assert_eq!(empty, r#"{"setAside":0}"#);
    }
}
