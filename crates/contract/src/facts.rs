//! What a receiver knows about its tenant's webhooks, for the controller to read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::removal::Removal;
use super::{event_name, health::Health, routing_facts::RoutingFacts};

/// Where a receiver's facts port tells them.
pub const PATH: &str = "/facts";
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

    /// What two receivers of one tenant know together: the latest of each, and all that was seen.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
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
        }
    }
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn the_text_is_the_agreed_one() {
        let mut facts = Facts::default();
        assert_eq!(
            facts.to_json(),
            concat!(
                r#"{"version":1,"lastValidated":null,"lastValidatedSecret":null,"#,
                r#""lastVerified":null,"lastVerifiedSecret":null,"#,
                r#""lastRejected":null,"eventTypesSeen":[],"removals":[]}"#
            )
        );
        let now = Timestamp::from_millisecond(1_739_923_528_999).unwrap();
        facts.validated(now, SecretRole::Current);
        facts.verified(now, SecretRole::Previous);
        facts.rejected(now);
        facts.seen("meeting.started");
        facts.seen("meeting.ended");
        facts.removed(now, "u", "a");
        facts.removed(now, "no id", "a");
        assert_eq!(
            facts.to_json(),
            concat!(
                r#"{"version":1,"lastValidated":"2025-02-19T00:05:28Z","lastValidatedSecret":"Current","#,
                r#""lastVerified":"2025-02-19T00:05:28Z","lastVerifiedSecret":"Previous","#,
                r#""lastRejected":"2025-02-19T00:05:28Z","#,
                r#""eventTypesSeen":["meeting.ended","meeting.started"],"#,
                r#""removals":[{"at":"2025-02-19T00:05:28Z","userId":"u","accountId":"a"}]}"#
            )
        );
        assert_eq!(Facts::from_json(facts.to_json().as_bytes()).unwrap(), facts);
    }

    #[test]
    fn the_latest_of_two_receivers_counts() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (mut one, mut other) = (Facts::default(), Facts::default());
        one.validated(at(10), SecretRole::Previous);
        one.seen("meeting.started");
        other.validated(at(20), SecretRole::Current);
        other.rejected(at(5));
        other.seen("meeting.ended");
        let both = one.clone().merged(other.clone());
        assert_eq!(both, other.merged(one));
        assert_eq!(both.last_validated, Some(at(20)));
        assert_eq!(both.last_validated_secret, Some(SecretRole::Current));
        assert_eq!(both.last_rejected, Some(at(5)));
        assert_eq!(both.event_types_seen.len(), 2);
    }

    #[test]
    fn buffers_add_up() {
        let buffer = |pending, oldest_seconds, full, draining| Facts {
            buffer: Some(BufferFacts {
                open: true,
                pending,
                dead_letters: 1,
                oldest_seconds,
                full,
                draining,
            }),
            ..Facts::default()
        };
        let (one, other) = (
            buffer(3, Some(5), false, true),
            buffer(0, None, true, false),
        );
        let both = one.clone().merged(other.clone());
        assert_eq!(both, other.merged(one.clone()));
        let text = concat!(
            r#""removals":[],"buffer":{"open":true,"pending":3,"deadLetters":2,"#,
            r#""oldestSeconds":5,"full":true,"draining":false}}"#
        );
        assert!(both.to_json().ends_with(text), "{}", both.to_json());
        assert_eq!(Facts::from_json(both.to_json().as_bytes()).unwrap(), both);
        assert_eq!(one.clone().merged(Facts::default()), one);
    }

    #[test]
    fn the_largest_facts_fit() {
        let mut facts = Facts::default();
        for n in 0..1000 {
            facts.seen(&format!("{n:0>128}"));
        }
        facts.seen("not a name");
        assert_eq!(facts.event_types_seen.len(), MAX_EVENT_TYPES);
        assert_eq!(Facts::from_json(facts.to_json().as_bytes()).unwrap(), facts);
    }

    #[test]
    fn the_latest_removal_of_each_user_is_kept() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut facts = Facts::default();
        facts.removed(at(20), "ada", "a");
        facts.removed(at(10), "ada", "a");
        assert_eq!(facts.removals.len(), 1);
        assert_eq!(facts.removals[0].at, at(20));
        for n in 0..1000 {
            facts.removed(at(100 + n), &format!("user-{n}"), "a");
        }
        assert_eq!(facts.removals.len(), MAX_REMOVALS);
        assert!(facts.removals.iter().all(|removal| removal.at > at(900)));
        assert_eq!(Facts::from_json(facts.to_json().as_bytes()).unwrap(), facts);
    }

    #[test]
    fn facts_of_an_older_receiver_are_read() {
        let older = Facts::default().to_json().replace(",\"removals\":[]", "");
        assert_eq!(
            Facts::from_json(older.as_bytes()).unwrap(),
            Facts::default()
        );
    }

    #[test]
    fn fields_of_a_later_receiver_are_ignored() {
        let later = Facts::default()
            .to_json()
            .replace("\"version\"", "\"extra\":{\"a\":[1]},\"version\"");
        assert_eq!(
            Facts::from_json(later.as_bytes()).unwrap(),
            Facts::default()
        );
    }

    #[test]
    fn anything_else_is_refused() {
        let good = Facts::default().to_json();
        let types = |types: &str| good.replacen("[]", types, 1);
        let many: Vec<String> = (0..257).map(|n| format!("\"e{n}\"")).collect();
        for text in [
            String::new(),
            "{}".into(),
            good.replace(":1,", ":2,"),
            good.replacen("null", "\"yesterday\"", 1),
            types("[\"a b\"]"),
            types(&format!("[{}]", many.join(","))),
            types(&format!("[{}]", " ".repeat(MAX_BYTES))),
        ] {
            assert!(Facts::from_json(text.as_bytes()).is_err(), "{text:.200}");
        }
    }
}
