//! The exported grants, and the result for each connection.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde::{Deserialize, Serialize};

use crate::controller::grants::secret::{self, StoredGrant};

/// The content of a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// Whether every grant in it was erased in the cluster that it came from.
    pub complete: bool,
    /// The grants.
    pub entries: Vec<Entry>,
}

/// An exported grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Namespace of the connection.
    pub namespace: String,
    /// Name of the connection.
    pub name: String,
    /// The data of the grant's Secret.
    pub data: BTreeMap<String, ByteString>,
}

// === impl Entry ===

impl Entry {
    /// The grant; `None` if it cannot be read.
    #[must_use]
    pub fn grant(&self) -> Option<StoredGrant> {
        secret::get(&Secret {
            data: Some(self.data.clone()),
            ..Secret::default()
        })
    }
}

/// The result for one connection, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether it succeeded.
    pub done: bool,
    /// The text to print.
    pub text: String,
}

// === impl Line ===

impl Line {
    /// A success.
    #[must_use]
    pub fn done(connection: &str, what: &str) -> Self {
        Self {
            done: true,
            text: format!("zconn/{connection}  {what}\n"),
        }
    }

    /// A refusal.
    #[must_use]
    pub fn refused(connection: &str, why: &str) -> Self {
        Self {
            done: false,
            text: format!("zconn/{connection}  refused: {why}\n"),
        }
    }
}
