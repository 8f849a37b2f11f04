//! How long a Lease was not renewed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use crate::bed::{Bed, object::text};

/// Looks at a Lease all the time, until dropped.
pub struct LeaseWatch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

struct Seen {
    renewed: String,
    since: Instant,
    longest: Duration,
}

// === impl LeaseWatch ===

impl LeaseWatch {
    pub fn start(bed: &Bed, name: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen {
            renewed: String::new(),
            since: Instant::now(),
            longest: Duration::ZERO,
        }));
        let (bed, name) = (bed.clone(), name.to_owned());
        let task = tokio::spawn({
            let seen = seen.clone();
            async move {
                let mut period = tokio::time::interval(Duration::from_millis(250));
                loop {
                    period.tick().await;
                    let lease = bed.get("leases", &name).await.unwrap_or_default();
                    let led = !text(&lease, "/spec/holderIdentity").is_empty();
                    let renewed = text(&lease, "/spec/renewTime");
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    if led && renewed != seen.renewed {
                        renewed.clone_into(&mut seen.renewed);
                        seen.since = Instant::now();
                    }
                    seen.longest = seen.longest.max(seen.since.elapsed());
                }
            }
        });
        Self { seen, task }
    }

    /// The longest time without a renewal by a holder so far.
    pub fn longest_silence(&self) -> Duration {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.longest
    }
}

impl Drop for LeaseWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
