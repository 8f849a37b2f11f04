//! How many passes may run at the same time. Pure.

use super::priority::Urgency;

/// How many passes may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub all: Limit,
    /// In each namespace. Lower than in all, so that no namespace can hold all workers.
    pub per_namespace: Limit,
}

/// How many passes may run at the same time in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of any urgency.
    pub total: usize,
    /// Of routine work and retries. Lower than the total, so that a change waits for no routine pass to end.
    pub routine: usize,
    /// Of retries.
    pub retries: usize,
}

/// How many passes are running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Running {
    pub(super) total: usize,
    /// Those that began as routine work or as retries.
    routine: usize,
    /// Those that began as retries.
    retries: usize,
}

// === impl Limits ===

impl Limits {
    /// Gives each namespace a quarter of the workers.
    #[must_use]
    pub fn new(total: u16) -> Self {
        let total = usize::from(total);
        Self {
            all: Limit::new(total),
            per_namespace: Limit::new(total / 4),
        }
    }
}

// === impl Limit ===

impl Limit {
    /// Gives routine work three quarters of the workers, and retries a quarter.
    fn new(total: usize) -> Self {
        let total = total.max(1);
        Self {
            total,
            routine: (total * 3 / 4).max(1),
            retries: (total / 4).max(1),
        }
    }

    /// Whether another pass may begin beside the running ones.
    pub(super) fn admits(self, running: Running, urgency: Urgency) -> bool {
        let has_room = match urgency {
            Urgency::Change => true,
            Urgency::Routine => running.routine < self.routine,
            Urgency::Retry => running.routine < self.routine && running.retries < self.retries,
        };
        has_room && running.total < self.total
    }
}

// === impl Running ===

impl Running {
    /// A pass begins.
    pub(super) fn begin(&mut self, urgency: Urgency) {
        self.total += 1;
        self.routine += usize::from(urgency <= Urgency::Routine);
        self.retries += usize::from(urgency == Urgency::Retry);
    }

    /// A pass has ended.
    pub(super) fn end(&mut self, urgency: Urgency) {
        self.total -= 1;
        self.routine -= usize::from(urgency <= Urgency::Routine);
        self.retries -= usize::from(urgency == Urgency::Retry);
    }
}
