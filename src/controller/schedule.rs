//! When to act next: refresh, retry, check again. Pure; every time is an argument.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use zoom::{Class, Fault};

/// Time between two attempts to write what the API server refuses.
pub const UNTIL_ALLOWED: Duration = Duration::from_mins(1);

/// Two tokens of one tenant are never requested faster than this, however short their lifetimes are.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);

/// By how much the clocks of two nodes may differ.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);

/// Changed credentials are tried at once, but an object that is rewritten again and again must not make us
/// call Zoom each time.
const BETWEEN_CREDENTIALS: Duration = Duration::from_secs(5);

/// Zoom may leave out scopes for a few seconds after an app was created or changed.
const FIRST_SCOPES_RETRY: Duration = Duration::from_secs(15);

/// A refused request is repeated, because some remedies (such as activating the app) change nothing here. It
/// soon becomes rarer than the refreshes of a healthy tenant.
const FIRST_PERSON_RETRY: Duration = Duration::from_mins(1);
const FIRST_TIME_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_hours(1);

/// Maximum wait for temporary failures when consumers no longer hold a valid token.
const WITHOUT_TOKEN: Duration = Duration::from_mins(5);

/// Objects that got the same time from Zoom are spread over this period after it.
const SPREAD: Duration = Duration::from_mins(2);

/// Minimum time between two checks of a General app's credentials, however often its Secret changes.
const BETWEEN_CHECKS: Duration = Duration::from_secs(10);
/// Minimum time between checks of credentials that Zoom accepted, while it refuses them to connections.
const BETWEEN_DOUBTS: Duration = Duration::from_mins(5);

/// Minimum time between tokens that somebody requests.
const BETWEEN_REQUESTED: Duration = Duration::from_mins(1);

/// The garbage collector needs a moment.
const UNTIL_COLLECTED: Duration = Duration::from_secs(2);

/// A receiver that has just started is asked often: somebody is about to press Validate.
const FACTS_AT_FIRST: Duration = Duration::from_secs(15);
const FACTS_WHILE_WAITING: Duration = Duration::from_mins(1);
const FACTS_AT_REST: Duration = Duration::from_mins(5);
const FIRST: Duration = Duration::from_mins(30);

/// Every object gets a pass from time to time, whatever the watches say. Ten hours is the default resync of
/// controller-runtime's caches; what is not watched has its own, shorter time.
const AT_LEAST_EVERY: Duration = Duration::from_hours(10);

/// When to replace a token: after 70 to 80 percent of its lifetime, spread by the object's UID so that
/// tenants that started together do not stay in step.
#[must_use]
pub fn refresh_at(issued: Timestamp, expires: Timestamp, uid: &str) -> Timestamp {
    let life = between(issued, expires);
    let share = 0.70 + 0.10 * fraction(uid, 0);
    later(issued, life.mul_f64(share).max(SHORTEST_LIFE))
}

/// Whether something happened in the future, by a clock that was ahead and was set back since. A token that was issued
/// then would be replaced only long after it expired.
#[must_use]
pub fn is_ahead(happened: Option<Timestamp>, now: Timestamp) -> bool {
    happened.is_some_and(|happened| happened > later(now, CLOCKS_DIFFER))
}

/// Whether two clocks agree, as well as clocks of two nodes do.
#[must_use]
pub fn agree(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).unsigned_abs() <= CLOCKS_DIFFER
}

/// A series of failures, the last one just now.
#[derive(Clone, Copy, Debug)]
pub struct Retrying {
    /// What failed.
    pub cause: Retry,
    /// How many failures in a row.
    pub attempts: i32,
    /// How long Zoom asks to wait.
    pub retry_after: Option<Duration>,
    /// When the current token expires; `None` if there is none.
    pub expires_at: Option<Timestamp>,
}

/// When to try again: the one rule for every request to Zoom, and for a Secret that could not be written.
///
/// The wait doubles with each failure, up to an hour. Temporary failures are retried when the current token
/// expires at the latest, and at least every few minutes once there is no valid token. A retry never comes
/// before Zoom's own `Retry-After`. Objects that failed together are spread by their UIDs: by up to a fifth
/// of the wait, and never by more than minutes.
#[must_use]
pub fn retry_at(retrying: Retrying, now: Timestamp, uid: &str) -> Timestamp {
    let first = match retrying.cause {
        Retry::Scopes => FIRST_SCOPES_RETRY,
        Retry::Fault(fault) => match fault.class() {
            Class::Person => FIRST_PERSON_RETRY,
            Class::Time => FIRST_TIME_RETRY,
        },
        Retry::Publish => FIRST_TIME_RETRY,
    };
    let most = if retrying.cause.heals_with_time() {
        let valid = retrying.expires_at.map(|expires| between(now, expires));
        valid.unwrap_or_default().clamp(WITHOUT_TOKEN, LAST_RETRY)
    } else {
        LAST_RETRY
    };
    let attempts = u32::try_from(retrying.attempts.max(1)).unwrap_or(1);
    let doubled = first.saturating_mul(2_u32.saturating_pow((attempts - 1).min(16)));
    let wait = doubled
        .min(most)
        .max(retrying.retry_after.unwrap_or_default());
    let spread = wait.mul_f64(0.2).min(SPREAD);
    later(now, wait + spread.mul_f64(fraction(uid, attempts)))
}

/// When to check an object again that the garbage collector is about to remove.
#[must_use]
pub fn once_gone(now: Timestamp) -> Timestamp {
    later(now, UNTIL_COLLECTED)
}

/// What is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// A request that Zoom refused or did not answer.
    Fault(Fault),
    /// A request whose answer lacked scopes.
    Scopes,
    /// A request whose token could not be stored.
    Publish,
}

// === impl Retry ===

impl Retry {
    /// Whether another attempt may succeed although nobody changed anything.
    fn heals_with_time(self) -> bool {
        match self {
            Self::Fault(fault) => fault.class() == Class::Time,
            Self::Publish => true,
            Self::Scopes => false,
        }
    }
}

/// When changed credentials may be tried after a failure at `failed`.
#[must_use]
pub fn after_changed_credentials(failed: Timestamp) -> Timestamp {
    later(failed, BETWEEN_CREDENTIALS)
}

/// When to check a General app's credentials again, if Zoom was `last` asked then.
#[must_use]
pub fn after_check(last: Option<Timestamp>) -> Timestamp {
    last.map_or(Timestamp::MIN, |last| later(last, BETWEEN_CHECKS))
}

/// When to check credentials again that Zoom refused when it was `asked`.
#[must_use]
pub fn after_refused_check(asked: Timestamp) -> Timestamp {
    later(asked, FIRST_PERSON_RETRY)
}

/// When to check credentials that Zoom accepted, if it refused them to a connection at `rejected`; `None` if
/// that was before the last check.
#[must_use]
pub fn at_doubt(last: Option<Timestamp>, rejected: Option<Timestamp>) -> Option<Timestamp> {
    let rejected = rejected?;
    match last {
        Some(last) if rejected < last => None,
        Some(last) => Some(later(last, BETWEEN_DOUBTS)),
        None => Some(rejected),
    }
}

/// When to request a token because somebody asked for one at `requested`, unless an attempt at `last` came
/// later. Not before the requested time, and at most once a minute.
#[must_use]
pub fn at_request(requested: Option<Timestamp>, last: Option<Timestamp>) -> Option<Timestamp> {
    let requested = requested?;
    match last {
        Some(last) if last >= requested => None,
        Some(last) => Some(requested.max(later(last, BETWEEN_REQUESTED))),
        None => Some(requested),
    }
}

/// When to ask a receiver for its facts again, if it has been `up_since` then. `validated`: Zoom has
/// validated the endpoint. `awaits_change`: somebody waits for news, so ask more often.
#[must_use]
pub fn next_facts(
    validated: bool,
    awaits_change: bool,
    up_since: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let young = up_since.is_none_or(|since| now < later(since, FIRST));
    later(
        now,
        match (validated, young) {
            (true, _) if awaits_change => FACTS_WHILE_WAITING,
            (true, _) => FACTS_AT_REST,
            (false, true) => FACTS_AT_FIRST,
            (false, false) => FACTS_WHILE_WAITING,
        },
    )
}

/// How long to wait from `now` until the earliest of `times`; past times are ignored.
#[must_use]
pub fn wait(times: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Duration {
    times
        .into_iter()
        .filter(|time| *time > now)
        .min()
        .map_or(AT_LEAST_EVERY, |time| between(now, time))
        // Slightly after the time and never before: when the pass runs, its step must be due.
        .saturating_add(Duration::from_millis(50))
        .min(AT_LEAST_EVERY)
}

/// `time` plus `wait`, in whole seconds, because the status stores whole seconds.
#[must_use]
pub fn later(time: Timestamp, wait: Duration) -> Timestamp {
    let time = time.checked_add(wait).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The time from one to the other; none if that is negative.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// A number in [0, 1) that stays the same for the same object and attempt.
fn fraction(uid: &str, salt: u32) -> f64 {
    let digest = Sha256::new()
        .chain_update(uid)
        .chain_update(salt.to_be_bytes())
        .finalize();
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / 65536.0
}

#[cfg(test)]
mod tests;
