//! What spending a grant needs from outside: a store, Zoom, and leadership.

use std::time::Duration;

use jiff::Timestamp;

use super::{Client, Credential, Grant, Holder, Intent, Lost, Pair};

/// Where a grant is stored. Writes are conditional: a concurrent write wins.
pub trait Store: Send + Sync {
    /// Identifies one state of the stored grant.
    type Version: Clone + Send + Sync;

    /// The current grant, never from a cache.
    fn read(
        &self,
    ) -> impl Future<Output = Result<Option<(Grant, Self::Version)>, StoreError>> + Send;

    /// Replaces exactly the state `over`.
    fn write(
        &self,
        grant: &Grant,
        over: &Self::Version,
    ) -> impl Future<Output = Result<Self::Version, StoreError>> + Send;

    /// Stores a grant where there is none.
    fn create(&self, grant: &Grant) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the grant is still needed: its connection exists and is not being deleted.
    fn wanted(&self) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Where it is stored, for the journal: enough to find the store again in another process.
    fn place(&self) -> String;
}

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There was a concurrent write.
    #[error("the stored grant changed meanwhile")]
    Conflict,
    /// It is no longer there.
    #[error("the stored grant is gone")]
    Gone,
    /// The store answered a write with a refusal, in its own words.
    #[error("the store refused a write: {0}")]
    Refused(String),
    /// The store does not answer, or what it holds cannot be read; whether it wrote is unknown.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
}

/// Zoom's endpoint that revokes a grant.
pub trait Revoker: Send + Sync {
    /// Revokes an access token and its grant. A failure changes nothing.
    fn revoke(&self, grant: &Grant) -> impl Future<Output = ()> + Send;
}

/// Zoom's token endpoint.
pub trait Issuer: Revoker {
    /// The error of Zoom or the network.
    type Error: std::fmt::Debug + Send;

    /// On whose behalf credentials are spent.
    fn client(&self) -> Client;

    /// The longest time that [`Issuer::exchange`] takes.
    fn time_limit(&self) -> Duration;

    /// Spends the credential.
    fn exchange(
        &self,
        credential: &Credential,
    ) -> impl Future<Output = Result<Pair, Refusal<Self::Error>>> + Send;
}

/// Leadership.
pub trait Term: Send + Sync {
    /// This process.
    fn holder(&self) -> Holder;

    /// Whether this process is the leader for at least that long.
    fn outlasts(&self, time: Duration) -> bool;

    /// Whether an attempt recorded by another process has ended for certain, and any
    /// reply to it is stored.
    fn settled(&self, intent: &Intent) -> bool;

    /// The time.
    fn now(&self) -> Timestamp;
}

/// A refusal, or no answer.
#[derive(Debug)]
pub struct Refusal<E> {
    /// What Zoom or the network said.
    pub error: E,
    /// Whether Zoom may have spent the credential all the same.
    pub ambiguous: bool,
    /// What it means for the grant; `None` when the credential may be used again later.
    pub ends: Option<Lost>,
}
