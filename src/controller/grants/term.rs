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
    /// The term of this process, which runs in `pod` of `namespace`.
    #[must_use]
    pub fn new(leadership: Leadership, shutdown: Shutdown, pod: String, namespace: String) -> Self {
        let process = format!("{:016x}", rand::random::<u64>());
        Self {
            leadership,
            shutdown,
            holder: Holder {
                pod,
                process,
                namespace: Some(namespace),
            },
            others: Mutex::default(),
        }
    }

    /// Whether the attempt belongs to a process in another Pod.
    #[must_use]
    pub fn is_foreign(&self, intent: &Intent) -> bool {
        intent.holder.pod != self.holder.pod
    }

    /// Whether the Pod of an attempt is looked for in this process's namespace: that of another release is not, and
    /// cannot be told from one that is gone.
    #[must_use]
    pub fn is_near(&self, intent: &Intent) -> bool {
        let namespace = intent.holder.namespace.as_ref();
        namespace.is_none_or(|namespace| self.holder.namespace.as_ref() == Some(namespace))
    }

    /// Takes note of an attempt by a process in another Pod, and of whether that Pod still exists.
    pub fn notice(&self, intent: &Intent, is_pod_gone: bool) {
        let mut others = self.lock();
        others.first_seen(intent, Instant::now());
        if is_pod_gone {
            others.gone.insert(intent.holder.pod.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Others ===

impl Others {
    /// When the attempt was first seen: now, if it is new.
    fn first_seen(&mut self, intent: &Intent, now: Instant) -> Instant {
        let key = (intent.holder.process.clone(), intent.begun);
        *self.seen.entry(key).or_insert(now)
    }

    /// Whether nobody can be at this attempt any more. Asking begins the wait: whoever spends a credential may be the
    /// first to see the attempt.
    fn is_over(&mut self, intent: &Intent, now: Instant) -> bool {
        let wait = if self.gone.contains(&intent.holder.pod) {
            GONE
        } else {
            SILENT
        };
        now.duration_since(self.first_seen(intent, now)) >= wait
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
        self.lock().is_over(intent, Instant::now())
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_attempt_is_over_some_time_after_it_was_first_asked_about() {
        let intent = Intent {
            holder: Holder {
                pod: "other".into(),
                process: "x".into(),
                namespace: None,
            },
            attempt: 1,
            begun: Timestamp::UNIX_EPOCH,
        };
        let (mut others, now) = (Others::default(), Instant::now());
        assert!(!others.is_over(&intent, now));
        assert!(!others.is_over(&intent, now + GONE));
        assert!(others.is_over(&intent, now + SILENT));
        let next = Intent {
            begun: Timestamp::MAX,
            ..intent.clone()
        };
        assert!(!others.is_over(&next, now + SILENT), "another attempt");
        others.gone.insert("other".into());
        assert!(others.is_over(&next, now + SILENT + GONE));
    }
}
