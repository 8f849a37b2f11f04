//! What a receiver knows about its tenant's webhooks, for the controller to read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::removal::Removal;
use super::{event_name, health::Health, routing_facts::RoutingFacts};

/// Where a receiver's facts port tells them.
pub const PATH: &str = "/facts";
/// The header of a request for facts that says: Zoom's signature was right before, perhaps at another Pod. A wrong one
/// may come of a new secret token then.
pub const VERIFIED_BEFORE: &str = "zoom-operator-verified-before";
/// Most bytes of the JSON text.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most event types that are listed.
pub const MAX_EVENT_TYPES: usize = 256;
/// Most removals that are remembered.
const MAX_REMOVALS: usize = 128;
/// The event that says that a user removed the app.
pub const REMOVED: &str = "app_deauthorized";
/// The only version of the format so far.
const VERSION: u32 = 1;

/// Which of the two live webhook secret tokens made a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretRole {
    /// The one that Zoom is expected to sign with.
    Current,
    /// The one before, still accepted while a rotation is under way.
    Previous,
}

impl SecretRole {
    /// The spelling in a status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::Previous => "Previous",
        }
    }
}

/// The facts. Times are whole seconds. Fields that a later version adds are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    version: u32,
    /// The last URL validation that Zoom signed and that was answered.
    pub last_validated: Option<Timestamp>,
    /// The secret that signed it.
    pub last_validated_secret: Option<SecretRole>,
    /// The last request of any kind whose signature was right.
    pub last_verified: Option<Timestamp>,
    /// The secret that signed it.
    pub last_verified_secret: Option<SecretRole>,
    /// The last request with a signature that no secret makes. Anybody can cause this.
    pub last_rejected: Option<Timestamp>,
    /// Names of the events that came, without URL validations.
    pub event_types_seen: BTreeSet<String>,
    /// Who removed the app, as `app_deauthorized` says; the latest of each user.
    #[serde(default)]
    pub removals: Vec<Removal>,
    /// How it is with the buffer at this moment; absent without one. Never on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer: Option<BufferFacts>,
    /// What is known of many accounts at this moment; absent without routes. Never on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<RoutingFacts>,
    /// Problems. Only on request, and in a separate file: earlier versions reject facts that
    /// have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// How it is with a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct BufferFacts {
    /// Whether it can be read at this moment; if not, the figures are those last known.
    pub open: bool,
    /// Events that wait for the sink.
    pub pending: u64,
    /// Dead letters that are kept.
    pub dead_letters: u64,
    /// How long the first pending event has waited, seconds; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<u64>,
    /// Events are refused because there is no space.
    pub full: bool,
    /// Nothing new is taken.
    pub draining: bool,
    /// The store could not be used or opened at the last attempt: every event is answered 503.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// Damaged stores that were moved aside and were still there when the store was opened. What they hold is not
    /// delivered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub damaged_stores: u64,
    /// Dead letters that were dropped since the start, because their share was full.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_letters: u64,
}

/// Why a text is not taken for facts.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// More than [`MAX_BYTES`].
    #[error("facts too large")]
    TooLarge,
    /// Not the JSON of this format.
    #[error("facts malformed")]
    Malformed(#[from] serde_json::Error),
    /// Another version, too many event types, or what is no name of one.
    #[error("facts out of bounds")]
    OutOfBounds,
}

// === impl Facts ===

impl Default for Facts {
    fn default() -> Self {
        Self {
            version: VERSION,
            last_validated: None,
            last_validated_secret: None,
            last_verified: None,
            last_verified_secret: None,
            last_rejected: None,
            event_types_seen: BTreeSet::new(),
            removals: Vec::new(),
            buffer: None,
            routing: None,
            health: None,
        }
    }
}

impl Facts {
    /// Reads the JSON text, strictly: it comes from a process that faces the internet.
    ///
    /// # Errors
    /// See [`FactsError`].
    pub fn from_json(text: &[u8]) -> Result<Self, FactsError> {
        if text.len() > MAX_BYTES {
            return Err(FactsError::TooLarge);
        }
        let facts: Self = serde_json::from_slice(text)?;
        let is_bounded = facts.version == VERSION
            && facts.event_types_seen.len() <= MAX_EVENT_TYPES
            && facts
                .event_types_seen
                .iter()
                .all(|name| event_name::is_valid(name))
            && facts.removals.len() <= MAX_REMOVALS
            && facts.removals.iter().all(Removal::is_valid)
            && facts.routing.as_ref().is_none_or(RoutingFacts::is_bounded)
            && facts.health.as_ref().is_none_or(Health::is_bounded);
        is_bounded.then_some(facts).ok_or(FactsError::OutOfBounds)
    }

    /// The JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and times only: there is nothing that could fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What all receivers of one tenant know together, in whatever order; `None` without any. Whether Zoom's signature
    /// `was_verified` before is known of Pods that are gone, too.
    #[must_use]
    pub fn together(mut all: Vec<Self>, was_verified: bool) -> Option<Self> {
        if was_verified || all.iter().any(|facts| facts.last_verified.is_some()) {
            let health = all.iter().filter_map(|facts| facts.health.as_ref());
            let begun = health.filter_map(|health| Some(health.wrong_signatures?.since));
            if let Some(last) = begun.max() {
                for health in all.iter_mut().filter_map(|facts| facts.health.as_mut()) {
                    health.forget_before(last);
                }
            }
        }
        all.into_iter().reduce(Self::merged)
    }

    /// What two receivers of one tenant know together: the latest of each, and all that was seen.
    #[must_use]
    fn merged(mut self, other: Self) -> Self {
        if other.last_validated > self.last_validated {
            self.last_validated = other.last_validated;
            self.last_validated_secret = other.last_validated_secret;
        }
        if other.last_verified > self.last_verified {
            self.last_verified = other.last_verified;
            self.last_verified_secret = other.last_verified_secret;
        }
        self.last_rejected = self.last_rejected.max(other.last_rejected);
        self.event_types_seen.extend(other.event_types_seen);
        for removal in other.removals {
            self.remember(removal);
        }
        self.removals.sort();
        self.buffer = match (self.buffer, other.buffer) {
            (Some(one), Some(other)) => Some(one.merged(other)),
            (one, other) => one.or(other),
        };
        self.routing = match (self.routing, other.routing) {
            (Some(one), Some(other)) => Some(one.merged(other)),
            (one, other) => one.or(other),
        };
        self.health = match (self.health, other.health) {
            (Some(one), Some(other)) => Some(one.merged(other)),
            (one, other) => one.or(other),
        };
        self
    }

    /// A URL validation was answered.
    pub fn validated(&mut self, now: Timestamp, role: SecretRole) {
        self.last_validated = Some(seconds(now));
        self.last_validated_secret = Some(role);
    }

    /// A signature was right.
    pub fn verified(&mut self, now: Timestamp, role: SecretRole) {
        self.last_verified = Some(seconds(now));
        self.last_verified_secret = Some(role);
    }

    /// A signature was wrong.
    pub fn rejected(&mut self, now: Timestamp) {
        self.last_rejected = Some(seconds(now));
    }

    /// A user removed the app. Ignored unless both ids look like such.
    pub fn removed(&mut self, now: Timestamp, user_id: &str, account_id: &str) {
        if let Some(removal) = Removal::new(now, user_id, account_id) {
            self.remember(removal);
        }
    }

    /// Keeps the latest of each user, and of all users the latest.
    fn remember(&mut self, removal: Removal) {
        let same = |known: &&mut Removal| known.user_id == removal.user_id;
        if let Some(known) = self.removals.iter_mut().find(same) {
            *known = removal.max(known.clone());
            return;
        }
        if self.removals.len() >= MAX_REMOVALS {
            self.removals.sort();
            self.removals.remove(0);
        }
        self.removals.push(removal);
    }

    /// An event of this type came. Ignored once the list is full.
    pub fn seen(&mut self, name: &str) {
        let seen = &mut self.event_types_seen;
        if event_name::is_valid(name) && seen.len() < MAX_EVENT_TYPES && !seen.contains(name) {
            seen.insert(name.to_owned());
        }
    }
}

// === impl BufferFacts ===

impl BufferFacts {
    /// What two buffers hold together.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            open: self.open && other.open,
            pending: self.pending.saturating_add(other.pending),
            dead_letters: self.dead_letters.saturating_add(other.dead_letters),
            oldest_seconds: self.oldest_seconds.max(other.oldest_seconds),
            full: self.full || other.full,
            draining: self.draining && other.draining,
            failed: self.failed || other.failed,
            damaged_stores: self.damaged_stores.saturating_add(other.damaged_stores),
            dropped_letters: self.dropped_letters.saturating_add(other.dropped_letters),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
