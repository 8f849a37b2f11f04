//! The memory of a process and its children, from `/proc/<pid>/smaps_rollup`.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::cpu;

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(20);

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident, shared pages in full.
    pub rss: u64,
    /// Resident, shared pages divided among those who share them.
    pub pss: u64,
    /// Resident and of no file: what a further process of the same binary costs.
    pub anonymous: u64,
}

/// Looks at a process until it is asked for the most that it saw.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Memory>,
}

// === impl Memory ===

impl Memory {
    /// Of the process and its children.
    pub fn of_tree(pid: u32) -> Self {
        let mut sum = Self::default();
        for pid in cpu::pids(pid) {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            sum.rss += field(&text, "Rss:");
            sum.pss += field(&text, "Pss:");
            sum.anonymous += field(&text, "Anonymous:");
        }
        sum
    }

    fn max(self, other: Self) -> Self {
        Self {
            rss: self.rss.max(other.rss),
            pss: self.pss.max(other.pss),
            anonymous: self.anonymous.max(other.anonymous),
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Begins to look.
    pub fn start(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut most = Memory::default();
            while !stopped.load(Ordering::Relaxed) {
                most = most.max(Memory::of_tree(pid));
                thread::sleep(PERIOD);
            }
            most
        });
        Self { stop, thread }
    }

    /// The most.
    pub fn most(self) -> Memory {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

fn field(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let value = lines.next().and_then(|rest| rest.split_whitespace().next());
    value.and_then(|number| number.parse().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory() {
        let memory = Memory::of_tree(std::process::id());
        assert!(memory.rss > 0 && memory.pss > 0, "{memory:?}");
    }
}
