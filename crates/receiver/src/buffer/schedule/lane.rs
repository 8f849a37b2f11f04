//! What only one schedule of many needs: a lane.

use std::time::Instant;

use super::Schedule;

impl Schedule {
    /// The place of the first event that has failed: the head, or one that is set aside.
    #[must_use]
    pub fn first_failing(&self) -> Option<u64> {
        let head = self.head.as_ref().filter(|head| head.attempts > 0);
        let failing = self.aside.iter().chain(head);
        failing.map(|item| item.sequence).min()
    }

    /// Ends all pauses: the events have another sink now.
    pub fn retry_now(&mut self, now: Instant) {
        self.pause = None;
        self.failures = 0;
        for item in &mut self.aside {
            item.due = item.due.map(|due| due.min(now));
        }
    }
}
