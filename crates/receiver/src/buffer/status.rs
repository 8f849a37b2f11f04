//! The state of the store, as the rest of the buffer sees it.

use super::store::Totals;

/// What the others see of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// It is open.
    pub open: bool,
    /// It is open, and the disk has space.
    pub accepting: bool,
    /// It failed, and could not be opened again since.
    pub failed: bool,
    /// Damaged stores that were moved aside.
    pub damaged: u64,
    /// What it holds, or held when it was open last.
    pub totals: Totals,
}
