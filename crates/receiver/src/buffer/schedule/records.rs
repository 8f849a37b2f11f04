//! Which records of a schedule are in memory. What is not is read again when it is sent.

use super::{Item, Schedule};
use crate::buffer::store::Entry;

/// No further record is kept once those read ahead have so many bytes.
const AHEAD_BYTES: usize = 1024 * 1024;

impl Schedule {
    /// Takes events that follow in the queue.
    pub fn push(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let mut held: usize = self.ahead.iter().map(Item::held_bytes).sum();
        for entry in entries {
            let mut item = Item::from(entry);
            if held >= AHEAD_BYTES {
                item.forget_record();
            }
            held += item.held_bytes();
            self.ahead.push_back(item);
        }
    }

    /// Drops the records, which are read again when they are needed.
    pub fn forget_records(&mut self) {
        for item in self.head.iter_mut().chain(&mut self.ahead) {
            item.forget_record();
        }
    }
}
