//! Which dead letters are meant.

use contract::receiver::routes::Connection;

use crate::buffer::dead::DeadLetter;

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
        }
    }
}
