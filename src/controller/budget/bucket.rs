//! A generic cell rate algorithm with slots that can be reserved. Pure.

use std::collections::HashMap;

use tokio::time::Instant;

use super::rate::{OverBudget, PATIENCE, Rate};

/// So many requests at once, and who has a slot for another one.
#[derive(Debug)]
pub struct Bucket {
    /// When the next request would be due if all came at the same pace.
    due: Instant,
    /// The same time, for the requests that were made.
    next: Instant,
    /// The slots of requesters that came too early: when each of them may go.
    places: HashMap<String, Instant>,
}

// === impl Bucket ===

impl Bucket {
    /// A bucket of which nothing is spent.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            due: now,
            next: now,
            places: HashMap::new(),
        }
    }

    /// Spends one request at this rate.
    ///
    /// # Errors
    /// When it is too early for `requester`, which has a slot from then on.
    pub fn spend(&mut self, rate: Rate, requester: &str, now: Instant) -> Result<(), OverBudget> {
        let ahead = rate.period.saturating_mul(rate.burst.saturating_sub(1));
        let place = self.places.get(requester).copied().unwrap_or_else(|| {
            let due = self.due.max(now);
            self.due = due + rate.period;
            due.checked_sub(ahead).unwrap_or(now)
        });
        // Requesters that come later than their slots must not all go at once.
        let next = self.next.max(now);
        let from = place.max(next.checked_sub(ahead).unwrap_or(now));
        if from <= now {
            self.places.remove(requester);
            self.next = next + rate.period;
            Ok(())
        } else {
            self.places.insert(requester.to_owned(), from);
            Err(OverBudget(from - now))
        }
    }

    /// Forgets slots that are not used. Returns whether the bucket is needed any more.
    pub fn sweep(&mut self, now: Instant) -> bool {
        self.places.retain(|_, from| now < *from + PATIENCE);
        !self.places.is_empty() || now < self.due.max(self.next)
    }
}
