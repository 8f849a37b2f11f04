//! All objects in numbers.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use contract::facts::BufferFacts;
use jiff::Timestamp;

use super::member::Pass;
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{Phase, UnclaimedAccounts},
    },
    controller::{
        key::{Key, Kind},
        rollouts::Progress,
        schedule,
    },
};

/// A pass that is late by more than this is overdue.
const GRACE: Duration = Duration::from_mins(5);

/// All objects in numbers. Suspended ones count only by phase.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The integrations.
    pub integrations: KindFigures,
    /// The connections.
    pub connections: KindFigures,
    /// When the next token expires.
    pub soonest_expiry: Option<Timestamp>,
    /// Tokens that have expired.
    pub expired: i64,
    /// Objects whose next pass is late by more than five minutes.
    pub overdue: i64,
    /// Integrations whose receiver accepts no requests.
    pub receivers_down: i64,
    /// Integrations whose last URL validation is too old.
    pub unvalidated: i64,
    /// The oldest of all endpoints' last URL validations.
    pub oldest_validation: Option<Timestamp>,
    /// Connections whose sink does not get the events of their account, by reason.
    pub unrouted: BTreeMap<Reason, i64>,
    /// Accounts that no connection has, by what becomes of their events.
    pub unclaimed: [(UnclaimedAccounts, i64); UnclaimedAccounts::ALL.len()],
    /// Receivers by the state of their rollout.
    pub receivers: [(Progress, i64); Progress::ALL.len()],
    /// Integrations whose receiver has no space for another event.
    pub buffers_full: i64,
    /// Integrations whose receiver cannot use the store of its buffer.
    pub buffers_failed: i64,
    /// All buffers in total, including those of suspended integrations.
    pub buffered: BufferFacts,
}

/// The objects of one kind.
#[derive(Clone, Debug)]
pub struct KindFigures {
    /// How many are in each phase.
    pub by_phase: [(Phase, i64); Phase::ALL.len()],
    /// How many wait for a person, by reason.
    pub stalled: BTreeMap<Reason, i64>,
}

// === impl Figures ===

impl Figures {
    /// What these passes found, at `now`.
    pub(super) fn of(passes: &HashMap<Key, Pass>, now: Timestamp) -> Self {
        let active = || {
            passes
                .values()
                .filter(|pass| pass.member.phase != Phase::Suspended)
        };
        let count = |wanted: &dyn Fn(&Pass) -> bool| {
            i64::try_from(active().filter(|pass| wanted(pass)).count()).unwrap_or(i64::MAX)
        };
        let buffers = |wanted: fn(&BufferFacts) -> bool| {
            count(&|pass| pass.member.buffer.as_ref().is_some_and(wanted))
        };
        let kind = |kind: Kind| {
            let members = || passes.iter().filter(move |(key, _)| key.kind == kind);
            let by_phase = Phase::ALL.map(|phase| {
                let number = members()
                    .filter(|(_, pass)| pass.member.phase == phase)
                    .count();
                (phase, i64::try_from(number).unwrap_or(i64::MAX))
            });
            let stalled = by_reason(members().filter_map(|(_, pass)| pass.member.stalled));
            KindFigures { by_phase, stalled }
        };
        Self {
            integrations: kind(Kind::Integration),
            connections: kind(Kind::Connection),
            soonest_expiry: active().filter_map(|pass| pass.member.expires_at).min(),
            expired: count(&|pass| pass.member.expires_at.is_some_and(|at| at <= now)),
            overdue: count(&|pass| schedule::later(pass.next, GRACE) < now),
            receivers_down: count(&|pass| pass.member.receiver_down),
            unvalidated: count(&|pass| pass.member.validation_overdue),
            oldest_validation: active().filter_map(|pass| pass.member.validated).min(),
            unrouted: by_reason(active().filter_map(|pass| pass.member.unrouted)),
            unclaimed: UnclaimedAccounts::ALL.map(|policy| {
                let named = active()
                    .filter_map(|pass| pass.member.unclaimed)
                    .filter(|(of, _)| *of == policy)
                    .map(|(_, named)| named)
                    .sum::<usize>();
                (policy, i64::try_from(named).unwrap_or(i64::MAX))
            }),
            receivers: Progress::ALL.map(|progress| {
                (
                    progress,
                    count(&|pass| pass.member.receiver == Some(progress)),
                )
            }),
            buffers_full: buffers(|buffer| buffer.full),
            buffers_failed: buffers(|buffer| buffer.failed),
            buffered: passes
                .values()
                .filter_map(|pass| pass.member.buffer)
                .fold(BufferFacts::default(), BufferFacts::merged),
        }
    }
}

fn by_reason(reasons: impl Iterator<Item = Reason>) -> BTreeMap<Reason, i64> {
    reasons.fold(BTreeMap::new(), |mut counted, reason| {
        *counted.entry(reason).or_default() += 1;
        counted
    })
}
