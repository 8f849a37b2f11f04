//! What happens while a namespace cannot be watched: growing pauses, and one warning instead of hundreds.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube::runtime::watcher;
use tokio::time::Instant;

use super::error::chain;

/// The API server was briefly unavailable: changes must be seen soon after it is back. The pauses grow after
/// a few failures, because an API server that is restarting has many clients to serve.
const PAUSE: Duration = Duration::from_secs(1);
const SHORT_PAUSES: u32 = 4;
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// A missing namespace or missing permissions come back only when somebody acts, and an API server that
/// refuses work has too much of it.
const FIRST_LONG_PAUSE: Duration = Duration::from_secs(2);
const LAST_LONG_PAUSE: Duration = Duration::from_secs(30);

/// How often a continuing outage is logged again.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(10);

/// After this time, a namespace that cannot be watched is removed from the index: it must not hold hosts or
/// raise alerts forever.
const UNTIL_FORGOTTEN: Duration = Duration::from_mins(10);

/// The outages of the watches of a namespace, or of all namespaces together.
#[derive(Debug)]
pub struct Outage {
    namespace: Option<String>,
    /// Whether the watched kind may be missing.
    optional: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The kinds that cannot be watched.
    failing: BTreeMap<String, Failing>,
    warned: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Instant,
    in_a_row: u32,
}

/// What a failed watch does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// How long the watch pauses.
    pub pause: Duration,
    /// Whether the objects are unavailable: the namespace does not exist or is forbidden.
    pub unavailable: bool,
    /// Whether the index forgets these objects.
    pub forget: bool,
    /// Whether the cluster does not define the kind, and need not: nobody has to look for it who does not want it.
    pub undefined: bool,
}

/// Why a watch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The watch has to list everything again, which is normal.
    Expired,
    /// The API server did not answer, or not in time.
    Passing,
    /// The API server has too many requests.
    Busy,
    /// The API server refuses.
    Refused,
    /// The API server does not know the kind.
    Undefined,
}

// === impl Outage ===

impl Outage {
    /// Starts without an outage, for one namespace or for all.
    #[must_use]
    pub fn new(namespace: Option<&str>) -> Self {
        Self {
            namespace: namespace.map(ToOwned::to_owned),
            optional: false,
            state: Mutex::default(),
        }
    }

    /// For kinds that the cluster may not define: an outage is not a problem, and a refusal is seldom tried again.
    #[must_use]
    pub fn optional() -> Self {
        Self {
            namespace: None,
            optional: true,
            state: Mutex::default(),
        }
    }

    /// Records that the watch of a kind failed.
    pub fn failed(&self, kind: &str, error: &watcher::Error) -> Next {
        let cause = cause(error);
        let longest = if self.optional && cause == Cause::Refused {
            BETWEEN_WARNINGS
        } else {
            LAST_LONG_PAUSE
        };
        let (mut next, warn) = self.lock().failed(kind, cause, longest, Instant::now());
        next.undefined = self.optional && cause == Cause::Undefined;
        // A dozen watches that broke together do not come back together.
        next.pause = next.pause.mul_f64(0.75 + rand::random::<f64>() / 2.0);
        let warn = warn && !self.optional;
        let (namespace, error) = (self.namespace.as_deref(), chain(error));
        if cause == Cause::Expired || !warn {
            tracing::debug!(namespace, kind, error, "watch failed");
        } else if next.unavailable {
            tracing::warn!(
                namespace,
                kind,
                error,
                "the namespace cannot be watched and is not served: it does not exist, or the operator has no Role there; all others are served. Create it and run helm upgrade, which writes the Role: it is served again without a restart"
            );
        } else {
            tracing::warn!(namespace, kind, error, "watch failed");
        }
        next
    }

    /// Records that the watch of a kind works.
    pub fn ended(&self, kind: &str) {
        if self.lock().ended(kind) && !self.optional {
            tracing::info!(namespace = self.namespace, "the namespace is watched again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// What a watch that failed at `now` does next, and whether to log a warning.
    fn failed(
        &mut self,
        kind: &str,
        cause: Cause,
        longest: Duration,
        now: Instant,
    ) -> (Next, bool) {
        if cause == Cause::Expired {
            let next = Next {
                pause: Duration::ZERO,
                unavailable: false,
                forget: false,
                undefined: false,
            };
            return (next, false);
        }
        let failing = self.failing.entry(kind.to_owned()).or_insert(Failing {
            since: now,
            in_a_row: 0,
        });
        let doubled =
            FIRST_LONG_PAUSE.saturating_mul(2_u32.saturating_pow(failing.in_a_row.min(10)));
        failing.in_a_row = failing.in_a_row.saturating_add(1);
        let unavailable = matches!(cause, Cause::Refused | Cause::Undefined);
        let next = Next {
            pause: match cause {
                Cause::Refused | Cause::Undefined => doubled.min(longest),
                Cause::Busy => doubled.min(LAST_LONG_PAUSE),
                Cause::Passing | Cause::Expired => {
                    let doublings = failing.in_a_row.saturating_sub(SHORT_PAUSES).min(10);
                    PAUSE
                        .saturating_mul(2_u32.saturating_pow(doublings))
                        .min(LAST_PAUSE)
                }
            },
            unavailable,
            forget: unavailable && now.duration_since(failing.since) >= UNTIL_FORGOTTEN,
            undefined: false,
        };
        let warn = self
            .warned
            .is_none_or(|warned| now.duration_since(warned) >= BETWEEN_WARNINGS);
        if warn {
            self.warned = Some(now);
        }
        (next, warn)
    }

    /// Records that a watch works. Returns whether this ends an outage that was logged.
    fn ended(&mut self, kind: &str) -> bool {
        self.failing.remove(kind).is_some()
            && self.failing.is_empty()
            && self.warned.take().is_some()
    }
}

/// Whether the API server refuses the watch, and not only for a moment.
#[must_use]
pub fn is_refused(error: &watcher::Error) -> bool {
    matches!(cause(error), Cause::Refused | Cause::Undefined)
}

fn cause(error: &watcher::Error) -> Cause {
    let code = match error {
        watcher::Error::WatchError(status)
        | watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status.code,
        _ => 0,
    };
    match code {
        410 => Cause::Expired,
        401 | 403 => Cause::Refused,
        404 => Cause::Undefined,
        429 => Cause::Busy,
        _ => Cause::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    #[test]
    fn a_vanished_namespace_is_one_warning_and_few_requests() {
        let mut state = State::default();
        let start = Instant::now();
        let (mut warnings, mut attempts) = (0, 0);
        for kind in KINDS {
            let mut now = start;
            while now < start + Duration::from_mins(5) {
                let (next, warn) = state.failed(kind, Cause::Refused, LAST_LONG_PAUSE, now);
                assert!(next.unavailable && !next.forget);
                now += next.pause;
                warnings += usize::from(warn);
                attempts += 1;
            }
        }
        assert_eq!(warnings, 1);
        assert!(attempts <= 150, "{attempts}");
    }

    #[test]
    fn what_is_known_of_a_namespace_that_stays_away_is_forgotten() {
        let mut state = State::default();
        let start = Instant::now();
        let failed = |state: &mut State, minute| {
            let now = start + Duration::from_mins(minute);
            state
                .failed("a", Cause::Refused, LAST_LONG_PAUSE, now)
                .0
                .forget
        };
        assert!(!failed(&mut state, 0));
        assert!(!failed(&mut state, 9));
        assert!(failed(&mut state, 10));
    }

    #[test]
    fn an_outage_has_ended_once_every_watch_works() {
        let mut state = State::default();
        let now = Instant::now();
        for kind in KINDS {
            state.failed(kind, Cause::Refused, LAST_LONG_PAUSE, now);
        }
        let ended: Vec<bool> = KINDS.iter().map(|kind| state.ended(kind)).collect();
        assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
        assert!(ended[KINDS.len() - 1]);
        let (_, warn) = state.failed("a", Cause::Refused, LAST_LONG_PAUSE, now);
        assert!(warn, "the next outage is named again");
    }

    #[test]
    fn an_api_server_that_is_away_is_asked_again_soon_and_a_busy_one_ever_later() {
        let mut state = State::default();
        let now = Instant::now();
        let mut pauses = |kind, cause| -> Vec<u64> {
            let next = |_| state.failed(kind, cause, LAST_LONG_PAUSE, now).0;
            let seconds = |next: Next| {
                assert!(!next.unavailable && !next.forget);
                next.pause.as_secs()
            };
            (0..9).map(next).map(seconds).collect()
        };
        assert_eq!(pauses("a", Cause::Passing), [1, 1, 1, 1, 2, 4, 8, 10, 10]);
        assert_eq!(pauses("c", Cause::Busy), [2, 4, 8, 16, 30, 30, 30, 30, 30]);
        let (next, warn) = state.failed("b", Cause::Expired, LAST_LONG_PAUSE, now);
        assert_eq!((next.pause, warn), (Duration::ZERO, false));
    }
}
