//! How much the store holds. It is known after each transaction, so that the next one need not read it.

/// What the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pending events.
    pub pending: u64,
    /// Their size in bytes.
    pub pending_bytes: u64,
    /// Dead letters.
    pub dead: u64,
    /// Their size in bytes.
    pub dead_bytes: u64,
    /// The sequence number of the next event.
    pub next: u64,
    /// Arrival of the first pending event, seconds since the epoch.
    pub oldest: Option<i64>,
}
