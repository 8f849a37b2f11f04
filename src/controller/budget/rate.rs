//! How often something may happen, and how long it has to wait otherwise.

use std::time::Duration;

/// How long a slot stays reserved for a requester that does not come back.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// This many requests at once, and then one in each period.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// Between two of the others.
    pub period: Duration,
}

/// The request has to wait this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget(pub Duration);
