//! Which records of a schedule are in memory. What is not is read again when it is sent.

use super::{Item, Schedule};

/// No further record is kept once those read ahead have so many bytes.
const AHEAD_BYTES: usize = 1024 * 1024;

impl Schedule {
    /// Takes events that follow in the queue.
    pub fn push(&mut self, items: impl IntoIterator<Item = Item>) {
        let mut held: usize = self.ahead.iter().map(Item::held_bytes).sum();
        for mut item in items {
            if held >= AHEAD_BYTES {
                item.forget_record();
            }
            held += item.held_bytes();
            self.ahead.push_back(item);
        }
    }
}
