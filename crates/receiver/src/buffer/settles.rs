//! Events that have left the queue and are not committed yet.
//!
//! Nobody waits for the commit, so it goes along with the next transaction that has to be. If none comes, these events wait
//! for a while: until they are many, because those who deliver must not run out of permits, or until [`LINGER`] is over.
//! A dead letter does not wait: somebody may look for it.

use std::time::{Duration, Instant};

use super::command::Settle;

/// How long they wait at most.
const LINGER: Duration = Duration::from_millis(20);
/// So many do not wait. Less than a line of events may deliver without a commit.
const MANY: usize = 32;

/// Events that have left the queue, in order.
#[derive(Debug, Default)]
pub struct Settles {
    list: Vec<Settle>,
    since: Option<Instant>,
}

// === impl Settles ===

impl Settles {
    /// Adds one.
    pub fn push(&mut self, settle: Settle) {
        self.since.get_or_insert_with(Instant::now);
        self.list.push(settle);
    }

    /// All of them.
    #[must_use]
    pub fn list(&self) -> &[Settle] {
        &self.list
    }

    /// Puts those that only leave before dead letters, and returns how many they are.
    pub fn removals_first(&mut self) -> usize {
        self.list.sort_by_key(|settle| settle.dead.is_some());
        self.list.partition_point(|settle| settle.dead.is_none())
    }

    /// The first so many are committed.
    pub fn take(&mut self, count: usize) -> Vec<Settle> {
        let left = self.list.split_off(count.min(self.list.len()));
        if left.is_empty() {
            self.since = None;
        }
        std::mem::replace(&mut self.list, left)
    }

    /// How long they may still wait; `None` without any.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let since = self.since?;
        let is_urgent =
            self.list.len() >= MANY || self.list.iter().any(|settle| settle.dead.is_some());
        Some(if is_urgent {
            Duration::ZERO
        } else {
            LINGER.saturating_sub(since.elapsed())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::{
        buffer::dead::{DeadLetter, Reason},
        event::{Event, ZoomHeaders},
    };

    fn settle(dead: bool) -> Settle {
        let event = Event::new(
            jiff::Timestamp::UNIX_EPOCH,
            ZoomHeaders::default(),
            "{}".into(),
        );
        let letter = DeadLetter::new(&event, Reason::Refused, None, 1);
        Settle {
            sequence: 0,
            dead: dead.then_some((event.id, letter)),
            permit: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        }
    }

    #[test]
    fn few_delivered_events_wait_and_many_or_a_dead_letter_do_not() {
        let mut settles = Settles::default();
        assert_eq!(settles.patience(), None);
        settles.push(settle(false));
        let long_ago = Instant::now().checked_sub(LINGER);
        // As if it had come this moment, however slow the machine is.
        settles.since = Some(Instant::now() + LINGER);
        assert_eq!(settles.patience(), Some(LINGER));
        settles.since = long_ago;
        assert_eq!(settles.patience(), Some(Duration::ZERO));

        settles.since = Some(Instant::now() + LINGER);
        settles.push(settle(true));
        assert_eq!(settles.patience(), Some(Duration::ZERO));
        assert_eq!(settles.take(2).len(), 2);
        assert_eq!(settles.patience(), None);

        for _ in 0..MANY {
            settles.push(settle(false));
        }
        assert_eq!(settles.patience(), Some(Duration::ZERO));
    }
}
