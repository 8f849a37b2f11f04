//! Why an operation of the store failed.

use std::io;

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("no space left for the buffer")]
    Full(#[source] io::Error),
    /// Another process has it.
    #[error("the buffer is in use by another process")]
    InUse,
    /// The file is not what was written.
    #[error("the buffer is damaged: {0}")]
    Damaged(String),
    /// The disk failed, or another error that may be transient.
    #[error("the buffer failed: {0}")]
    Failed(String),
}

// === impl StoreError ===

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        use io::ErrorKind::{InvalidData, QuotaExceeded, StorageFull, UnexpectedEof};
        match error {
            redb::Error::Io(error) => match error.kind() {
                StorageFull | QuotaExceeded => Self::Full(error),
                InvalidData | UnexpectedEof => Self::Damaged(error.to_string()),
                _ => Self::Failed(error.to_string()),
            },
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::Corrupted(_) | redb::Error::RepairAborted => {
                Self::Damaged(error.to_string())
            }
            // Includes files of another version of redb: they stay in place for that version.
            error => Self::Failed(error.to_string()),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

from_redb!(
    CommitError,
    DatabaseError,
    StorageError,
    TableError,
    TransactionError
);
