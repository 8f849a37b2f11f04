//! What the control port says, as JSON, and under which paths.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::routes::Connection;

/// `GET` lists dead letters, `DELETE` drops them all; both with `/<id>` for one of them.
pub const DEAD_LETTERS: &str = "/dead-letters";
/// `POST` makes a dead letter of the first event that fails and answers with it; 409 when none fails.
pub const SKIP: &str = "/skip";
/// `PUT` says whether what is buffered is to be forwarded while nothing new is taken.
pub const DRAIN: &str = "/drain";

/// The query's name of the connection, `namespace/name`, that a request about all dead letters or `skip` is
/// limited to.
pub const CONNECTION: &str = "connection";

/// Name of the Secret with the control port's token, for the integration with this name.
#[must_use]
pub fn secret_name(integration: &str) -> String {
    format!("{integration}-receiver-control")
}

/// A page of the list of dead letters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listing {
    /// Oldest first.
    pub items: Vec<DeadLetter>,
    /// How many there are in all.
    pub total: u64,
}

/// An event that was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The event's id.
    pub id: String,
    /// Zoom's name of it, if it can be read.
    pub event: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it became a dead letter.
    pub failed_at: Timestamp,
    /// Why.
    pub reason: String,
    /// How often it was sent.
    pub attempts: u32,
    /// Size of the body.
    pub bytes: u64,
    /// Zoom's id of the account, if the receiver has routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The connection whose route it followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
}

/// How many events were replayed or dropped.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Count {
    /// So many.
    pub count: u64,
}

/// What `PUT /drain` says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// Whether to drain.
    pub drain: bool,
}
