//! Where held requests and answers wait for their release.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

/// A gate that lets everyone through who waits when it opens. Dropping it opens it as well.
#[derive(Default)]
pub struct Gate {
    held: Arc<AtomicU64>,
    /// Counts openings.
    opened: watch::Sender<u64>,
}

/// A place at the gate.
pub struct Ticket {
    held: Arc<AtomicU64>,
    opened: watch::Receiver<u64>,
}

struct Leave<'a>(&'a AtomicU64);

// === impl Gate ===

impl Gate {
    pub fn ticket(&self) -> Ticket {
        Ticket {
            held: Arc::clone(&self.held),
            opened: self.opened.subscribe(),
        }
    }

    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Lets everyone through and tells how many wait.
    pub fn open(&self) -> u64 {
        let held = self.held();
        self.opened.send_modify(|count| *count += 1);
        held
    }
}

// === impl Ticket ===

impl Ticket {
    /// Waits for the release; counted as held until then or until whoever waits gives up.
    pub async fn wait(mut self) {
        self.held.fetch_add(1, Ordering::Relaxed);
        let _leave = Leave(&self.held);
        // An error means that the gate is gone.
        let _ = self.opened.changed().await;
    }
}

// === impl Leave ===

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
