//! Which dead letters are meant.

use contract::receiver::routes::Connection;
use jiff::Timestamp;

use crate::buffer::dead::{DeadLetter, Reason};

/// Which dead letters are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those that followed the route of this connection.
    Connection(Connection),
    /// Those of this account.
    Account(String),
    /// Those of this account that nobody had claimed, received at this time or later.
    Unclaimed(String, Timestamp),
}

// === impl Filter ===

impl Filter {
    /// Whether this dead letter is one of them.
    #[must_use]
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        match self {
            Self::All => true,
            Self::Connection(connection) => letter.connection.as_ref() == Some(connection),
            Self::Account(account) => letter.account.as_ref() == Some(account),
            Self::Unclaimed(account, since) => {
                letter.reason == Reason::Unclaimed
                    && letter.account.as_ref() == Some(account)
                    && letter.received_at >= *since
            }
        }
    }
}
