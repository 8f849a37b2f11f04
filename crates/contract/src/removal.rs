//! A user removed the app: an entry of the facts (verified) and of the problems (unverified).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest id of a user or account.
const MAX_ID: usize = 64;

/// A user removed the app.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removal {
    /// When the event came.
    pub at: Timestamp,
    /// The user.
    pub user_id: String,
    /// The user's account.
    pub account_id: String,
}

// === impl Removal ===

impl Removal {
    /// A removal at `now`, if both ids are well formed.
    pub(super) fn new(now: Timestamp, user_id: &str, account_id: &str) -> Option<Self> {
        let removal = Self {
            at: seconds(now),
            user_id: user_id.to_owned(),
            account_id: account_id.to_owned(),
        };
        removal.is_valid().then_some(removal)
    }

    pub(super) fn is_valid(&self) -> bool {
        is_id(&self.user_id) && is_id(&self.account_id)
    }
}

/// Ids are opaque; these are the symbols of base64 and its URL-safe form.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len())
        && id
            .bytes()
            .all(|symbol| symbol.is_ascii_alphanumeric() || b"-_=+/.".contains(&symbol))
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
