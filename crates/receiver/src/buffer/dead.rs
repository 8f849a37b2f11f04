//! Dead letters: events that could not be delivered and are kept for a person to look at.
//!
//! The JSON in the store is read by other versions too. An earlier one ignores fields that it does not know, but
//! takes a value of `reason` that it does not know for damage. So `reason` has the three values of the first
//! version, and a further reason is a field beside it. Of a dead letter of a later version, only the id is read.

use contract::receiver::routes::Connection;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Event;

/// Why an event is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum Reason {
    /// The sink will never accept it.
    Refused,
    /// It could not be delivered within the maximum age.
    Expired,
    /// It is signed, but not a JSON object with an event name; or the stored bytes cannot be decoded.
    Unparseable,
    /// There is no place for events of its account: no connection has claimed it.
    Unclaimed,
    /// One of a later version.
    Unknown,
}

/// A reason as two fields of the letter.
#[derive(Serialize, Deserialize)]
struct Stored {
    reason: Word,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unclaimed: bool,
}

/// The values of `reason`. Never more are written than every version knows.
#[derive(Serialize, Deserialize)]
enum Word {
    Refused,
    Expired,
    Unparseable,
    #[serde(skip_serializing)]
    Unclaimed,
    #[serde(other, skip_serializing)]
    Unknown,
}

/// What a letter of any version has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Least {
    id: String,
}

/// What is known about a dead letter, without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The event's id, lower-case hex.
    pub id: String,
    /// Zoom's name of the event.
    pub event: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it became a dead letter.
    pub failed_at: Timestamp,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
    /// The sink's last error, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How often it was tried since the receiver started.
    pub attempts: u32,
    /// Bytes of the body.
    pub bytes: usize,
    /// Zoom's id of the account; only if there are routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The connection whose route it followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
}

// === impl Reason ===

impl Reason {
    /// Every reason that this version gives.
    pub const ALL: [Self; 4] = [
        Self::Refused,
        Self::Expired,
        Self::Unparseable,
        Self::Unclaimed,
    ];

    /// The metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unparseable => "unparseable",
            Self::Unclaimed => "unclaimed",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Stored> for Reason {
    fn from(stored: Stored) -> Self {
        match stored.reason {
            Word::Refused if stored.unclaimed => Self::Unclaimed,
            Word::Refused => Self::Refused,
            Word::Expired => Self::Expired,
            Word::Unparseable => Self::Unparseable,
            Word::Unclaimed => Self::Unclaimed,
            Word::Unknown => Self::Unknown,
        }
    }
}

impl From<Reason> for Stored {
    fn from(reason: Reason) -> Self {
        let word = match reason {
            Reason::Refused | Reason::Unclaimed | Reason::Unknown => Word::Refused,
            Reason::Expired => Word::Expired,
            Reason::Unparseable => Word::Unparseable,
        };
        Self {
            reason: word,
            unclaimed: reason == Reason::Unclaimed,
        }
    }
}

// === impl DeadLetter ===

impl DeadLetter {
    /// A stored letter. Of one that only a later version can read, at least its id. `None` if it has none.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        if let Ok(letter) = serde_json::from_slice(json) {
            return Some(letter);
        }
        let least: Least = serde_json::from_slice(json).ok()?;
        Some(Self {
            id: least.id,
            event: None,
            received_at: Timestamp::UNIX_EPOCH,
            failed_at: Timestamp::UNIX_EPOCH,
            reason: Reason::Unknown,
            detail: None,
            attempts: 0,
            bytes: 0,
            account: None,
            connection: None,
        })
    }

    /// Why it is one, for people.
    #[must_use]
    pub fn reason_text(&self) -> String {
        let reason = self.reason.label();
        match &self.detail {
            Some(detail) => format!("{reason}: {detail}"),
            None => reason.to_owned(),
        }
    }

    /// The dead letter of an event that is given up now.
    #[must_use]
    pub fn new(event: &Event, reason: Reason, detail: Option<String>, attempts: u32) -> Self {
        Self {
            id: event.id.to_string(),
            event: event.name().map(str::to_owned),
            received_at: event.received,
            failed_at: Timestamp::now(),
            reason,
            detail,
            attempts,
            bytes: event.body.len(),
            account: None,
            connection: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use serde_json::{Value, json};

    use super::*;

    /// What the version without routes reads.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code, reason = "only read")]
    struct EarlierLetter {
        id: String,
        event: Option<String>,
        received_at: Timestamp,
        failed_at: Timestamp,
        reason: EarlierReason,
        #[serde(default)]
        detail: Option<String>,
        attempts: u32,
        bytes: usize,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    enum EarlierReason {
        Refused,
        Expired,
        Unparseable,
    }

    fn letter(reason: Reason) -> DeadLetter {
        DeadLetter {
            id: "00".repeat(32),
            event: Some("meeting.started".into()),
            received_at: Timestamp::UNIX_EPOCH,
            failed_at: Timestamp::UNIX_EPOCH,
            reason,
            detail: Some("why".into()),
            attempts: 3,
            bytes: 100,
            account: Some("acc".into()),
            connection: Some("ns/name".parse().unwrap()),
        }
    }

    #[test]
    fn the_version_before_reads_every_letter_and_so_does_this_one() {
        for reason in Reason::ALL {
            let letter = letter(reason);
            let json = serde_json::to_vec(&letter).unwrap();
            let earlier: EarlierLetter = serde_json::from_slice(&json).unwrap();
            assert_eq!((&earlier.id, earlier.bytes), (&letter.id, letter.bytes));
            let expected = match reason {
                Reason::Expired => EarlierReason::Expired,
                Reason::Unparseable => EarlierReason::Unparseable,
                _ => EarlierReason::Refused,
            };
            assert_eq!(earlier.reason, expected);
            assert_eq!(DeadLetter::from_json(&json), Some(letter));
        }
    }

    #[test]
    fn letters_of_other_versions_are_read() {
        let mut value = serde_json::to_value(letter(Reason::Refused)).unwrap();
        // As one development version stored it.
        value["reason"] = json!("Unclaimed");
        let read = |value: &Value| DeadLetter::from_json(value.to_string().as_bytes());
        assert_eq!(read(&value), Some(letter(Reason::Unclaimed)));
        value["reason"] = json!("Tired");
        value["mood"] = json!({"bad": true});
        assert_eq!(read(&value), Some(letter(Reason::Unknown)));
        value["reason"] = json!({"Tired": 7});
        value["receivedAt"] = json!(7);
        let least = read(&value).unwrap();
        assert_eq!((least.id, least.reason), ("00".repeat(32), Reason::Unknown));
        assert_eq!(read(&json!({"reason": "Refused"})), None);
    }
}
