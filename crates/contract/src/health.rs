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
/// What nothing ends but time counts for this long.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Zoom sends what is answered 503 again after 5, 20 and 60 minutes: three times in 25 minutes.
const STEADY: SignedDuration = SignedDuration::from_mins(20);
/// Longer than any of Zoom's pauses.
const GAP: SignedDuration = SignedDuration::from_mins(90);
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
    /// How many of them have none at all.
    #[serde(skip_serializing_if = "crate::facts::is_zero")]
    pub without_authentication: u64,
    /// Requests with a right signature for a time too far from the receiver's clock, since the last accepted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_window: Option<Run>,
    /// URL validations with a right signature and a token that is not answered, since the last one that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_validations: Option<Run>,
    /// Requests with Zoom's headers and a body beyond the limit. Their signature is not checked: anybody can cause this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub too_large: Option<Run>,
    /// Requests with a right signature that were answered 503 for a trouble of the receiver itself, since the last event
    /// that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_taken: Option<Run>,
    /// The trouble of the last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_taken_for: Option<OwnTrouble>,
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

/// Why a receiver does not take an event that is Zoom's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnTrouble {
    /// The buffer could not store it.
    BufferFailed,
    /// It was not done in time, as with a disk that hangs or too little CPU.
    Deadline,
    /// Bodies took all the memory for them.
    Busy,
    /// What a later version tells.
    #[serde(other)]
    Other,
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
        self.without_authentication = 0;
        self.outside_window = None;
    }

    /// Only the extra authentication was not right, or `is_missing`. The secret token is right.
    pub fn unauthenticated(&mut self, now: Timestamp, is_missing: bool) {
        Run::add(&mut self.wrong_authentication, now);
        let missing = u64::from(is_missing);
        self.without_authentication = self.without_authentication.saturating_add(missing);
        self.wrong_signatures = None;
        self.missing_headers = None;
    }

    /// Only the signed time was not right, or our clock is not. It may be a replay, so it ends nothing.
    pub fn outside_window(&mut self, now: Timestamp) {
        Run::add(&mut self.outside_window, now);
    }

    /// A URL validation was answered.
    pub fn validated(&mut self) {
        self.refused_validations = None;
    }

    /// A URL validation was right but for its token.
    pub fn validation_refused(&mut self, now: Timestamp) {
        Run::add(&mut self.refused_validations, now);
    }

    /// A body was beyond the limit. What comes later says nothing about it, so only time ends it.
    pub fn too_large(&mut self, now: Timestamp) {
        if self.too_large.is_some_and(|run| run.is_old(now)) {
            self.too_large = None;
        }
        Run::add(&mut self.too_large, now);
    }

    /// A signature was wrong. Whether it `is_repeated` says whether Zoom is told to send it again: then a few
    /// that ended were not Zoom's, and say nothing about those that come now.
    pub fn rejected(&mut self, now: Timestamp, is_repeated: bool) {
        let is_noise = |run: Run| is_repeated && !run.is_steady() && run.is_over(now);
        self.wrong_signatures = self.wrong_signatures.filter(|run| !is_noise(*run));
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

    /// An event was taken, or was known.
    pub fn taken(&mut self) {
        self.not_taken = None;
        self.not_taken_for = None;
    }

    /// An event was not taken, and the receiver is at fault.
    pub fn not_taken(&mut self, now: Timestamp, trouble: OwnTrouble) {
        Run::add(&mut self.not_taken, now);
        self.not_taken_for = Some(trouble);
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

    /// Forgets wrong signatures that were over before those at another receiver began. Nothing that came to this one
    /// need have ended them. Only where Zoom is told to send again, as for [`rejected`](Self::rejected).
    pub fn forget_before(&mut self, begun: Timestamp) {
        let is_noise = |run: Run| !run.is_steady() && run.is_over(begun);
        self.wrong_signatures = self.wrong_signatures.filter(|run| !is_noise(*run));
    }

    /// What two receivers of one tenant know together. A right signature at one of them says that the secret
    /// is right, but does not end what goes wrong at the other.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.wrong_signatures = Run::merged(self.wrong_signatures, other.wrong_signatures);
        self.missing_headers = Run::merged(self.missing_headers, other.missing_headers);
        self.wrong_authentication =
            Run::merged(self.wrong_authentication, other.wrong_authentication);
        self.without_authentication = self
            .without_authentication
            .saturating_add(other.without_authentication);
        self.outside_window = Run::merged(self.outside_window, other.outside_window);
        self.refused_validations = Run::merged(self.refused_validations, other.refused_validations);
        self.too_large = Run::merged(self.too_large, other.too_large);
        // Each of them takes events or not: two short troubles do not make a long one.
        if other.not_taken.map(|run| run.last) > self.not_taken.map(|run| run.last) {
            self.not_taken_for = other.not_taken_for;
            self.not_taken = other.not_taken;
        }
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
    /// Whether it ended a day ago.
    #[must_use]
    pub fn is_old(self, now: Timestamp) -> bool {
        now.duration_since(self.last) >= DAY
    }

    /// Whether it went on for as long as Zoom repeats an event that is answered 503.
    #[must_use]
    pub fn is_steady(self) -> bool {
        self.last.duration_since(self.since) >= STEADY
    }

    /// Whether Zoom would have repeated the last one by now.
    #[must_use]
    pub fn is_over(self, now: Timestamp) -> bool {
        now.duration_since(self.last) >= GAP
    }

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
mod tests;
