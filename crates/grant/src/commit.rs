//! Storing Zoom's reply: needs no leadership and retries until it succeeds.

use std::time::Duration;

use super::{
    journal::Entry,
    ports::{Revoker, Store, StoreError},
};

/// First and longest pause between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The result of storing a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is stored.
    Stored,
    /// What is stored is not what was spent: it is stored already, or a newer grant took its place.
    Superseded,
    /// The grant is no longer needed; the reply was revoked.
    Unwanted,
}

/// Stores the reply of a process that has ended.
pub async fn commit<S: Store, R: Revoker>(store: &S, revoker: &R, entry: &Entry) -> Committed {
    commit_over(store, revoker, entry, None).await
}

/// Stores a reply, first over the version that is assumed to be current. The fence is the spent credential:
/// nothing newer is ever overwritten.
pub(super) async fn commit_over<S: Store, R: Revoker>(
    store: &S,
    revoker: &R,
    entry: &Entry,
    version: Option<S::Version>,
) -> Committed {
    let mut pause = FIRST_PAUSE;
    let mut expected = version;
    loop {
        match attempt(store, entry, expected.take()).await {
            Ok(Some(Committed::Unwanted)) => {
                revoker.revoke(&entry.next).await;
                return Committed::Unwanted;
            }
            Ok(Some(committed)) => return committed,
            // Changed meanwhile: read again at once.
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, place = entry.place, "failed to store a grant, trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// One attempt; `None` after a concurrent write.
async fn attempt<S: Store>(
    store: &S,
    entry: &Entry,
    expected: Option<S::Version>,
) -> Result<Option<Committed>, StoreError> {
    let version = match expected {
        Some(version) => version,
        None => match store.read().await? {
            Some((stored, version)) => {
                // An earlier write succeeded although its answer did not arrive.
                if stored.credential.fingerprint() == entry.next.credential.fingerprint() {
                    return Ok(Some(Committed::Stored));
                }
                if !stored.matches_spent(&entry.spent) {
                    return Ok(Some(Committed::Superseded));
                }
                version
            }
            None if store.wanted().await? => {
                return match store.create(&entry.next).await {
                    Ok(()) => Ok(Some(Committed::Stored)),
                    Err(StoreError::Conflict) => Ok(None),
                    Err(error) => Err(error),
                };
            }
            None => return Ok(Some(Committed::Unwanted)),
        },
    };
    match store.write(&entry.next, &version).await {
        Ok(_) => Ok(Some(Committed::Stored)),
        Err(StoreError::Conflict | StoreError::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}
