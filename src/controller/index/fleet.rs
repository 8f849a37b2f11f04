//! The results of the last passes in numbers, for metrics without names of objects.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use contract::facts::BufferFacts;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{
        condition::Type,
        reason::Reason,
        v1alpha1::{Phase, TokenStatus, UnclaimedAccounts, ZoomIntegrationStatus},
    },
    controller::{
        key::{Key, Kind},
        rollouts::Progress,
        schedule,
    },
};

/// A pass that is late by more than this is overdue.
const GRACE: Duration = Duration::from_mins(5);

/// What is not ready for this time is named.
const UNREADY: Duration = Duration::from_mins(10);
/// Most objects that are named: each is a time series.
pub const MOST_UNREADY: usize = 1000;

/// What is known about one object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its phase.
    pub phase: Phase,
    /// When its token expires.
    pub expires_at: Option<Timestamp>,
    /// When a connection's token was issued.
    pub issued_at: Option<Timestamp>,
    /// Why it is stalled, if a person must act.
    pub stalled: Option<Reason>,
    /// Why and since when it is not ready, unless it waits for a person or is suspended.
    pub unready: Option<(Reason, Timestamp)>,
    /// Whether it has a receiver that is not available.
    pub receiver_down: bool,
    /// Why the events of its account do not go to its sink, if they should.
    pub unrouted: Option<Reason>,
    /// The accounts that no connection has, as far as the status names them, and what becomes of their events.
    pub unclaimed: Option<(UnclaimedAccounts, usize)>,
    /// Whether its endpoint's last URL validation is too old.
    pub validation_overdue: bool,
    /// When Zoom last validated its endpoint.
    pub validated: Option<Timestamp>,
    /// How far its receiver is from its wanted state.
    pub receiver: Option<Progress>,
    /// What its receiver's buffers held in the last pass.
    pub buffer: Option<BufferFacts>,
}

/// The results of the last passes.
#[derive(Debug, Default)]
pub struct Fleet {
    passes: HashMap<Key, Pass>,
    /// How many passes in a row could not finish.
    failures: HashMap<Key, u32>,
}

#[derive(Debug)]
struct Pass {
    member: Member,
    /// When the next pass is due.
    next: Timestamp,
}

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

// === impl Member ===

impl Member {
    /// What a status says; `None` until it has a phase.
    #[must_use]
    pub fn new(
        phase: Option<Phase>,
        token: Option<&TokenStatus>,
        conditions: &[Condition],
    ) -> Option<Self> {
        let is_false = |type_: Type| {
            type_
                .find(conditions)
                .is_some_and(|condition| condition.status == "False")
        };
        Some(Self {
            phase: phase?,
            expires_at: token.and_then(|token| Some(token.expires_at.as_ref()?.0)),
            issued_at: None,
            stalled: Type::Stalled
                .find(conditions)
                .map(|condition| Reason::of(condition).unwrap_or_default()),
            unready: unready(phase?, conditions),
            receiver_down: is_false(Type::ReceiverAvailable),
            unrouted: unrouted(phase?, conditions),
            unclaimed: None,
            validation_overdue: is_false(Type::EndpointValidated),
            validated: None,
            receiver: None,
            buffer: None,
        })
    }

    /// What an integration's status says, and the state of its receiver.
    #[must_use]
    pub fn of_integration(
        status: &ZoomIntegrationStatus,
        unclaimed: Option<UnclaimedAccounts>,
        buffer: Option<BufferFacts>,
        receiver: Option<Progress>,
    ) -> Option<Self> {
        let webhook = status.webhook.as_ref();
        let validated = webhook.and_then(|webhook| webhook.last_validated.as_ref());
        // A receiver that cannot be asked still has its dead letters.
        let known = || {
            let buffer = webhook?.buffer.as_ref()?;
            Some(BufferFacts {
                dead_letters: u64::try_from(buffer.dead_letters).unwrap_or_default(),
                ..BufferFacts::default()
            })
        };
        let buffer = buffer.or_else(known);
        let named = webhook.map_or(0, |webhook| webhook.unclaimed_accounts.len());
        Some(Self {
            unclaimed: Some((unclaimed.unwrap_or_default(), named)),
            validated: validated.map(|time| time.0),
            receiver,
            buffer,
            ..Self::new(status.phase, status.token.as_ref(), &status.conditions)?
        })
    }
}

fn unready(phase: Phase, conditions: &[Condition]) -> Option<(Reason, Timestamp)> {
    let is_waiting = matches!(phase, Phase::ReadyToInstall | Phase::Suspended);
    let ready = Type::Ready.find(conditions)?;
    let is_unready = ready.status == "False" && !is_waiting;
    is_unready.then(|| {
        (
            Reason::of(ready).unwrap_or_default(),
            ready.last_transition_time.0,
        )
    })
}

/// Before the person authorized, it is no fault that nobody knows whose events are the connection's.
fn unrouted(phase: Phase, conditions: &[Condition]) -> Option<Reason> {
    let condition = Type::EventsRouted.find(conditions)?;
    let reason = Reason::of(condition).unwrap_or_default();
    let is_early = phase == Phase::ReadyToInstall && reason == Reason::AccountUnknown;
    (condition.status == "False" && !is_early).then_some(reason)
}

// === impl Fleet ===

impl Fleet {
    /// Records the result of a pass at `now`, with the time until the next one. A status without a phase is
    /// ignored.
    pub fn passed(&mut self, key: Key, member: Option<Member>, wait: Duration, now: Timestamp) {
        if let Some(member) = member {
            let next = schedule::later(now, wait);
            self.passes.insert(key, Pass { member, next });
        }
    }

    /// Records that the next pass comes after this time.
    pub fn postponed(&mut self, key: &Key, wait: Duration, now: Timestamp) {
        if let Some(pass) = self.passes.get_mut(key) {
            pass.next = schedule::later(now, wait);
        }
    }

    /// When the token of this object was issued, as the last pass found it.
    #[must_use]
    pub fn issued_at(&self, key: &Key) -> Option<Timestamp> {
        self.passes.get(key)?.member.issued_at
    }

    /// Forgets a deleted object: it must not raise alerts any more.
    pub fn forget(&mut self, key: &Key) {
        self.passes.remove(key);
        self.failures.remove(key);
    }

    /// Records that a pass failed. Returns how many failed in a row before it.
    pub fn failed(&mut self, key: &Key) -> u32 {
        let count = self.failures.entry(key.clone()).or_default();
        *count = count.saturating_add(1);
        *count - 1
    }

    /// Records that a pass finished.
    pub fn succeeded(&mut self, key: &Key) {
        self.failures.remove(key);
    }

    /// The objects that have not been ready for ten minutes and why, those that wait longest first.
    #[must_use]
    pub fn unready(&self, now: Timestamp) -> Vec<(Key, Reason)> {
        let all = self.passes.iter();
        let mut unready: Vec<_> = all
            .filter_map(|(key, pass)| Some((pass.member.unready?, key)))
            .filter(|((_, since), _)| schedule::later(*since, UNREADY) <= now)
            .map(|((reason, since), key)| (since, key, reason))
            .collect();
        unready.sort_unstable();
        unready.truncate(MOST_UNREADY);
        let named = unready.into_iter();
        named
            .map(|(_, key, reason)| (key.clone(), reason))
            .collect()
    }

    /// All objects in numbers.
    #[must_use]
    pub fn figures(&self, now: Timestamp) -> Figures {
        let members = &self.passes;
        let active = || {
            members
                .values()
                .filter(|pass| pass.member.phase != Phase::Suspended)
        };
        let count = |wanted: &dyn Fn(&Pass) -> bool| {
            i64::try_from(active().filter(|pass| wanted(pass)).count()).unwrap_or(i64::MAX)
        };
        let kind = |kind: Kind| {
            let members = || members.iter().filter(move |(key, _)| key.kind == kind);
            let by_phase = Phase::ALL.map(|phase| {
                let number = members()
                    .filter(|(_, pass)| pass.member.phase == phase)
                    .count();
                (phase, i64::try_from(number).unwrap_or(i64::MAX))
            });
            let stalled = by_reason(members().filter_map(|(_, pass)| pass.member.stalled));
            KindFigures { by_phase, stalled }
        };
        Figures {
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
            buffers_full: count(&|pass| {
                pass.member
                    .buffer
                    .as_ref()
                    .is_some_and(|buffer| buffer.full)
            }),
            buffered: members
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn member(phase: Phase, expires: i64) -> Member {
        Member {
            phase,
            expires_at: Some(at(expires)),
            issued_at: None,
            stalled: (phase == Phase::Degraded).then_some(Reason::CredentialsRejected),
            unready: None,
            receiver_down: false,
            unrouted: None,
            unclaimed: None,
            validation_overdue: false,
            validated: None,
            receiver: None,
            buffer: None,
        }
    }

    fn named(name: &str) -> Key {
        Key::integration("clinics", name)
    }

    #[test]
    fn work_that_should_have_happened_is_counted_and_suspended_work_is_not() {
        let mut fleet = Fleet::default();
        let mut see = |name: &str, phase, expires, next| {
            let wait = Duration::from_secs(next);
            fleet.passed(named(name), Some(member(phase, expires)), wait, at(0));
        };
        see("late", Phase::Connected, 500, 100);
        see("expired", Phase::Degraded, 300, 350);
        see("suspended", Phase::Suspended, 1, 1);
        let figures = fleet.figures(at(401));
        assert_eq!((figures.overdue, figures.expired), (1, 1));
        assert_eq!(figures.soonest_expiry, Some(at(300)));
        let stalled = &figures.integrations.stalled;
        assert_eq!(stalled.get(&Reason::CredentialsRejected), Some(&1));
        assert!(figures.connections.stalled.is_empty());
    }

    #[test]
    fn receivers_are_counted_by_their_progress_and_buffers_are_added_up() {
        let mut fleet = Fleet::default();
        for (name, progress, pending, full) in [
            ("a", Progress::Current, 1, false),
            ("b", Progress::Outdated, 2, true),
            ("c", Progress::Outdated, 4, false),
        ] {
            let member = Member {
                receiver: Some(progress),
                buffer: Some(BufferFacts {
                    pending,
                    oldest_seconds: Some(pending * 10),
                    full,
                    ..BufferFacts::default()
                }),
                ..member(Phase::Connected, 500)
            };
            fleet.passed(named(name), Some(member), Duration::from_secs(1), at(0));
        }
        let figures = fleet.figures(at(1));
        assert_eq!(
            figures.receivers,
            [
                (Progress::Current, 1),
                (Progress::Rolling, 0),
                (Progress::Outdated, 2)
            ]
        );
        assert_eq!((figures.buffered.pending, figures.buffers_full), (7, 1));
        assert_eq!(figures.buffered.oldest_seconds, Some(40));
    }

    #[test]
    fn connections_without_a_route_count_once_their_person_has_authorized() {
        let stated = |reason: &str, status: &str| {
            [serde_json::from_value::<Condition>(json!({
                "type": "EventsRouted", "status": status, "reason": reason, "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }))
            .unwrap()]
        };
        let mut fleet = Fleet::default();
        for (name, phase, reason, status) in [
            ("early", Phase::ReadyToInstall, "AccountUnknown", "False"),
            ("unknown", Phase::Connected, "AccountUnknown", "False"),
            ("refused", Phase::ReadyToInstall, "SinkRefused", "False"),
            ("refused-too", Phase::Connected, "SinkRefused", "False"),
            ("routed", Phase::Connected, "Routed", "True"),
            ("suspended", Phase::Suspended, "SinkRefused", "False"),
        ] {
            let member = Member::new(Some(phase), None, &stated(reason, status));
            let key = Key::connection("clinics", name);
            fleet.passed(key, member, Duration::from_secs(1), at(0));
        }
        let wanted = [(Reason::AccountUnknown, 1), (Reason::SinkRefused, 2)];
        assert_eq!(fleet.figures(at(1)).unrouted, wanted.into());
    }

    #[test]
    fn unclaimed_accounts_count_by_what_becomes_of_their_events() {
        let mut fleet = Fleet::default();
        for (name, policy, accounts) in [
            ("sink", None, vec!["A"]),
            ("drop", Some(UnclaimedAccounts::Drop), vec!["B", "C"]),
            ("none", Some(UnclaimedAccounts::DeadLetter), vec![]),
        ] {
            let status = serde_json::from_value(json!({
                "phase": "Connected", "webhook": {"unclaimedAccounts": accounts},
            }))
            .unwrap();
            let member = Member::of_integration(&status, policy, None, None);
            fleet.passed(named(name), member, Duration::from_secs(1), at(0));
        }
        let counted = fleet.figures(at(1)).unclaimed;
        assert_eq!(counted.map(|(_, number)| number), [1, 0, 2]);
    }

    #[test]
    fn what_is_not_ready_for_long_is_named_up_to_a_limit() {
        let stated = |status: &str, reason: &str, since: i64| {
            [serde_json::from_value::<Condition>(json!({
                "type": "Ready", "status": status, "reason": reason, "message": "",
                "lastTransitionTime": at(since),
            }))
            .unwrap()]
        };
        let mut fleet = Fleet::default();
        let mut pass = |name: &str, phase, status: &str, reason: &str, since| {
            let member = Member::new(Some(phase), None, &stated(status, reason, since));
            fleet.passed(named(name), member, Duration::from_secs(1), at(0));
        };
        pass("long", Phase::Degraded, "False", "CredentialsRejected", 100);
        pass(
            "short",
            Phase::Degraded,
            "False",
            "CredentialsRejected",
            101,
        );
        pass(
            "unknown",
            Phase::Connecting,
            "Unknown",
            "RequestingToken",
            0,
        );
        pass("waits", Phase::ReadyToInstall, "False", "ReadyToInstall", 0);
        pass("well", Phase::Connected, "True", "Connected", 0);
        let wanted = [(named("long"), Reason::CredentialsRejected)];
        assert_eq!(fleet.unready(at(700)), wanted);
        for n in 0..MOST_UNREADY {
            let member = Member::new(
                Some(Phase::Degraded),
                None,
                &stated("False", "NetworkError", 700),
            );
            let key = named(&format!("more-{n}"));
            fleet.passed(key, member, Duration::from_secs(1), at(0));
        }
        let unready = fleet.unready(at(9_999));
        assert_eq!(unready.len(), MOST_UNREADY);
        assert_eq!(unready[0], wanted[0], "the oldest are named");
    }

    #[test]
    fn what_was_deleted_is_not_counted() {
        let mut fleet = Fleet::default();
        for name in ["kept", "deleted"] {
            let member = Some(member(Phase::Degraded, 300));
            fleet.passed(named(name), member, Duration::from_secs(350), at(0));
        }
        fleet.forget(&named("deleted"));
        let figures = fleet.figures(at(401));
        let stalled = &figures.integrations.stalled;
        assert_eq!(stalled.get(&Reason::CredentialsRejected), Some(&1));
    }
}
