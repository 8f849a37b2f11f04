//! What the leader knows of all integrations, as metrics. Labels are bounded: no names of objects.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kube::runtime::reflector::{ObjectRef, Store};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::gauge::ConstGauge,
    registry::Unit,
};

use super::{Cached, schedule};
use crate::api::v1alpha1::Phase;

/// A step that lies further back than this is overdue.
const GRACE: Duration = Duration::from_mins(5);

/// What is known of one integration.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its phase.
    pub phase: Phase,
    /// When its token expires.
    pub expires_at: Option<Timestamp>,
    /// When its next pass is planned.
    pub next_pass: Timestamp,
    /// Why it is stalled, if a person must act.
    pub stalled: Option<String>,
    /// Whether it has a receiver that is not available.
    pub receiver_down: bool,
    /// Whether its endpoint's last URL validation is too old.
    pub validation_overdue: bool,
}

/// All integrations that there are.
#[derive(Clone, Default)]
pub struct Fleet {
    members: Arc<Mutex<HashMap<ObjectRef<Cached>, Member>>>,
    /// What the watches know to exist: a deletion leads to no pass, and a deleted integration must not
    /// go on raising alerts.
    stores: Arc<Mutex<Vec<Store<Cached>>>>,
}

// === impl Fleet ===

impl fmt::Debug for Fleet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fleet({} members)", self.lock().len())
    }
}

impl Fleet {
    /// Remembers the outcome of a pass.
    pub fn seen(&self, object: ObjectRef<Cached>, member: Member) {
        self.lock().insert(object, member);
    }

    /// Counts only what this store, or another one, holds.
    pub fn exists_in(&self, store: Store<Cached>) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.push(store);
    }

    /// Forgets what was deleted.
    fn forget_deleted(&self) {
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock()
            .retain(|object, _| stores.iter().any(|store| store.get(object).is_some()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectRef<Cached>, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn figures(&self, now: Timestamp) -> Figures {
        let members = self.lock();
        let active = || {
            members
                .values()
                .filter(|member| member.phase != Phase::Suspended)
        };
        let count = |wanted: &dyn Fn(&Member) -> bool| {
            i64::try_from(active().filter(|member| wanted(member)).count()).unwrap_or(i64::MAX)
        };
        Figures {
            by_phase: Phase::ALL.map(|phase| {
                let number = members
                    .values()
                    .filter(|member| member.phase == phase)
                    .count();
                (phase, i64::try_from(number).unwrap_or(i64::MAX))
            }),
            soonest_expiry: active().filter_map(|member| member.expires_at).min(),
            expired: count(&|member| member.expires_at.is_some_and(|at| at <= now)),
            overdue: count(&|member| schedule::later(member.next_pass, GRACE) < now),
            receivers_down: count(&|member| member.receiver_down),
            unvalidated: count(&|member| member.validation_overdue),
            stalled: members
                .values()
                .filter_map(|member| member.stalled.clone())
                .fold(BTreeMap::new(), |mut reasons, reason| {
                    *reasons.entry(reason).or_default() += 1;
                    reasons
                }),
        }
    }
}

struct Figures {
    by_phase: [(Phase, i64); Phase::ALL.len()],
    soonest_expiry: Option<Timestamp>,
    expired: i64,
    overdue: i64,
    receivers_down: i64,
    unvalidated: i64,
    stalled: BTreeMap<String, i64>,
}

impl Collector for Fleet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.forget_deleted();
        let figures = self.figures(Timestamp::now());
        let gauge = ConstGauge::new(0_i64);
        let mut family = encoder.encode_descriptor(
            "zoom_operator_integrations",
            "Integrations by phase",
            None,
            gauge.metric_type(),
        )?;
        for (phase, number) in figures.by_phase {
            ConstGauge::new(number).encode(family.encode_family(&[("phase", phase.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "zoom_operator_integrations_stalled",
            "Integrations for which a person must act, by reason",
            None,
            gauge.metric_type(),
        )?;
        // The reasons are those of the status, a fixed set.
        for (reason, number) in figures.stalled {
            let labels = [("reason", reason.as_str())];
            ConstGauge::new(number).encode(family.encode_family(&labels)?)?;
        }
        if let Some(soonest) = figures.soonest_expiry {
            ConstGauge::new(soonest.as_second()).encode(encoder.encode_descriptor(
                "zoom_operator_token_soonest_expiry_timestamp",
                "When the first of all tokens expires",
                Some(&Unit::Seconds),
                gauge.metric_type(),
            )?)?;
        }
        for (name, help, number) in [
            (
                "zoom_operator_tokens_expired",
                "Tokens that have expired",
                figures.expired,
            ),
            (
                "zoom_operator_work_overdue",
                "Integrations whose next step lies more than five minutes back",
                figures.overdue,
            ),
            (
                "zoom_operator_receivers_unavailable",
                "Integrations whose receiver takes no requests",
                figures.receivers_down,
            ),
            (
                "zoom_operator_endpoints_unvalidated",
                "Integrations whose last URL validation is older than 72 hours",
                figures.unvalidated,
            ),
        ] {
            ConstGauge::new(number).encode(encoder.encode_descriptor(
                name,
                help,
                None,
                gauge.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::{reflector, watcher};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn member(phase: Phase, expires: i64, next: i64) -> Member {
        Member {
            phase,
            expires_at: Some(at(expires)),
            next_pass: at(next),
            stalled: (phase == Phase::Degraded).then(|| "CredentialsRejected".into()),
            receiver_down: false,
            validation_overdue: false,
        }
    }

    fn named(name: &str) -> ObjectRef<Cached> {
        ObjectRef::new(name).within("clinics")
    }

    #[test]
    fn work_that_should_have_happened_is_counted_and_suspended_work_is_not() {
        let fleet = Fleet::default();
        fleet.seen(named("late"), member(Phase::Connected, 500, 100));
        fleet.seen(named("expired"), member(Phase::Degraded, 300, 350));
        fleet.seen(named("suspended"), member(Phase::Suspended, 1, 1));
        let figures = fleet.figures(at(401));
        assert_eq!((figures.overdue, figures.expired), (1, 1));
        assert_eq!(figures.soonest_expiry, Some(at(300)));
        assert_eq!(figures.stalled.get("CredentialsRejected"), Some(&1));
    }

    #[test]
    fn what_was_deleted_is_not_counted() {
        let (store, mut writer) = reflector::store();
        let fleet = Fleet::default();
        fleet.exists_in(store);
        let kept: Cached = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "kept", "namespace": "clinics"},
        }))
        .unwrap();
        writer.apply_watcher_event(&watcher::Event::Apply(kept));
        for name in ["kept", "deleted"] {
            fleet.seen(named(name), member(Phase::Degraded, 300, 350));
        }
        fleet.forget_deleted();
        let figures = fleet.figures(at(401));
        assert_eq!(figures.stalled.get("CredentialsRejected"), Some(&1));
    }
}
