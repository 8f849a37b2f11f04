//! Who may start to spend a grant, and when another process's attempt is over.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::controller::leadership::Leadership;
use grant::{Holder, Intent, Term};
use runtime::shutdown::Shutdown;

/// How long to wait, by our own clock, for an attempt of a process that cannot be asked: longer than it can
/// lead, send and store.
const SILENT: Duration = Duration::from_secs(75);

/// The same if its Pod no longer exists: longer than a request takes.
const GONE: Duration = Duration::from_secs(25);

/// The leader's term.
pub struct LeaderTerm {
    leadership: Leadership,
    shutdown: Shutdown,
    holder: Holder,
    others: Mutex<Others>,
}

#[derive(Default)]
struct Others {
    /// When an attempt was first seen, by our own clock: the time in it comes from another machine.
    seen: HashMap<(String, Timestamp), Instant>,
    /// Pods that no longer exist.
    gone: HashSet<String>,
}

// === impl LeaderTerm ===

impl LeaderTerm {
    /// The term of this process, which runs in `pod`.
    #[must_use]
    pub fn new(leadership: Leadership, shutdown: Shutdown, pod: String) -> Self {
        let process = format!("{:016x}", rand::random::<u64>());
        Self {
            leadership,
            shutdown,
            holder: Holder { pod, process },
            others: Mutex::default(),
        }
    }

    /// Whether the attempt belongs to a process in another Pod.
    #[must_use]
    pub fn is_foreign(&self, intent: &Intent) -> bool {
        intent.holder.pod != self.holder.pod
    }

    /// Takes note of an attempt by a process in another Pod, and of whether that Pod still exists.
    pub fn notice(&self, intent: &Intent, is_pod_gone: bool) {
        let mut others = self.lock();
        let key = (intent.holder.process.clone(), intent.begun);
        others.seen.entry(key).or_insert_with(Instant::now);
        if is_pod_gone {
            others.gone.insert(intent.holder.pod.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Term for LeaderTerm {
    fn holder(&self) -> Holder {
        self.holder.clone()
    }

    fn outlasts(&self, time: Duration) -> bool {
        !self.shutdown.is_requested() && self.leadership.outlasts(time)
    }

    fn settled(&self, intent: &Intent) -> bool {
        // Ours, or of a dead predecessor in this Pod, whose journal was drained before the election.
        if intent.holder.pod == self.holder.pod {
            return true;
        }
        let others = self.lock();
        let key = (intent.holder.process.clone(), intent.begun);
        let wait = if others.gone.contains(&intent.holder.pod) {
            GONE
        } else {
            SILENT
        };
        others
            .seen
            .get(&key)
            .is_some_and(|since| since.elapsed() >= wait)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
