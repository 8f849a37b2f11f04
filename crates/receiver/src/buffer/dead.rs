//! Dead letters: events that could not be delivered and are kept for a person to look at.

use contract::receiver::routes::Connection;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Event;

/// Why an event is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The sink will never accept it.
    Refused,
    /// It could not be delivered within the maximum age.
    Expired,
    /// It is signed, but not a JSON object with an event name; or the stored bytes cannot be decoded.
    Unparseable,
    /// There is no place for events of its account: no connection has claimed it.
    Unclaimed,
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
    /// Every reason.
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
        }
    }
}

// === impl DeadLetter ===

impl DeadLetter {
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
