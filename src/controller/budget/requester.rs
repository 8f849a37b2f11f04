//! Who waits for a request to Zoom on behalf of an app.

use crate::controller::key::Key;

/// What comes first. The earlier class has most turns, and the other one still has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A consent, whose code soon expires while a person waits; changed credentials; a deletion, which ends after some
    /// minutes without the revocation.
    Prompt,
    /// A refresh, which has a quarter of an hour.
    Refresh,
}

/// Who waits for a request to Zoom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// What it waits for.
    pub class: Class,
    /// Among which it takes turns: those of its namespace and class.
    pub flow: String,
    /// Which one it is.
    pub name: String,
}

// === impl Requester ===

impl Requester {
    /// This connection, with a consent or with its grant.
    #[must_use]
    pub fn new(connection: &Key, is_consent: bool) -> Self {
        if is_consent {
            return Self::prompt("consent", connection);
        }
        Self {
            class: Class::Refresh,
            flow: connection.namespace.to_string(),
            name: connection.to_string(),
        }
    }

    /// This connection, which is being deleted: its grant is refreshed for the last time, to be revoked.
    #[must_use]
    pub fn of_deletion(connection: &Key) -> Self {
        Self::prompt("deletion", connection)
    }

    /// An integration, with the request that it makes for its app itself.
    #[must_use]
    pub fn of_app(integration: &str) -> Self {
        Self {
            class: Class::Prompt,
            flow: String::new(),
            name: integration.to_owned(),
        }
    }

    /// Consents and deletions take turns, too.
    fn prompt(what: &str, connection: &Key) -> Self {
        Self {
            class: Class::Prompt,
            flow: format!("{what}s of {}", connection.namespace),
            name: format!("{what} of {connection}"),
        }
    }
}
