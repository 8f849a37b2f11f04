//! Who may start to spend a grant, and when another process's attempt is over.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::controller::leadership::Leadership;
use grant::{Holder, Intent, Term};
use runtime::shutdown::Shutdown;

/// How long to wait, by our own clock, for an attempt of a process that cannot be asked: longer than it can
/// lead, send and store.
const SILENT: Duration = Duration::from_secs(75);

/// The same if its Pod no longer exists: longer than a request takes.
const GONE: Duration = Duration::from_secs(25);

/// Fewer entries than this are not worth a look.
const SWEPT_FROM: usize = 256;

/// What is known of an attempt is forgotten later than it can matter.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// The leader's term.
pub struct LeaderTerm {
    leadership: Leadership,
    shutdown: Shutdown,
    holder: Holder,
    others: Mutex<Others>,
}

/// What an attempt says comes from a Secret that its tenant can write. So it is kept as digests, and for a
/// limited time.
#[derive(Default)]
struct Others {
    /// When an attempt was first seen, by our own clock: the time in it comes from another machine.
    seen: HashMap<Digest, Instant>,
    /// Pods that no longer exist, and when that was noticed.
    gone: HashMap<Digest, Instant>,
    /// The number of entries at which old ones are looked for.
    sweep_at: usize,
}

type Digest = [u8; 32];

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
        let (mut others, now) = (self.lock(), Instant::now());
        others.first_seen(intent, now);
        if is_pod_gone {
            others.gone.insert(pod_of(intent), now);
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
        self.forget(now);
        *self.seen.entry(attempt(intent)).or_insert(now)
    }

    /// Forgets what is old, once there are twice as many entries as the last time left.
    fn forget(&mut self, now: Instant) {
        if self.seen.len() + self.gone.len() < self.sweep_at.max(SWEPT_FROM) {
            return;
        }
        let is_recent = |since: &mut Instant| now.duration_since(*since) < FORGOTTEN;
        self.seen.retain(|_, since| is_recent(since));
        self.gone.retain(|_, since| is_recent(since));
        self.sweep_at = 2 * (self.seen.len() + self.gone.len());
    }

    /// Whether nobody can be at this attempt any more. Asking begins the wait: whoever spends a credential may be the
    /// first to see the attempt.
    fn is_over(&mut self, intent: &Intent, now: Instant) -> bool {
        let wait = if self.gone.contains_key(&pod_of(intent)) {
            GONE
        } else {
            SILENT
        };
        now.duration_since(self.first_seen(intent, now)) >= wait
    }
}

fn attempt(intent: &Intent) -> Digest {
    let mut digest = Sha256::new();
    digest.update(intent.begun.as_nanosecond().to_be_bytes());
    digest.update(&intent.holder.process);
    digest.finalize().into()
}

fn pod_of(intent: &Intent) -> Digest {
    Sha256::digest(&intent.holder.pod).into()
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
        others.gone.insert(pod_of(&next), now);
        assert!(others.is_over(&next, now + SILENT + GONE));
    }

    #[test]
    fn a_tenant_that_writes_ever_new_attempts_fills_no_memory() {
        let (mut others, mut now) = (Others::default(), Instant::now());
        let real = attempt_of("real", 0);
        assert!(!others.is_over(&real, now));
        for number in 0..100_000 {
            now += Duration::from_millis(100);
            let made_up = attempt_of(&format!("{number}{}", "x".repeat(1000)), number);
            assert!(!others.is_over(&made_up, now));
            others.gone.insert(pod_of(&made_up), now);
            if number == 1000 {
                assert!(others.is_over(&real, now), "still known");
            }
        }
        // What ten minutes bring, twice.
        let kept = others.seen.len() + others.gone.len();
        assert!(kept <= 4 * 6000 + SWEPT_FROM, "{kept}");
    }

    fn attempt_of(process: &str, attempt: u32) -> Intent {
        Intent {
            holder: Holder {
                pod: process.into(),
                process: process.into(),
                namespace: None,
            },
            attempt,
            begun: Timestamp::UNIX_EPOCH,
        }
    }
}
