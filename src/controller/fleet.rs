//! What the leader knows of all integrations and connections, as metrics. Labels are bounded: no names of objects.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Resource, ResourceExt as _,
    runtime::reflector::{ObjectRef, Store},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::gauge::ConstGauge,
    registry::Unit,
};

use super::{
    reconcile::{Guarded, Managed},
    rollouts::Progress,
    schedule,
};
use crate::api::{
    condition::Type,
    v1alpha1::{Phase, TokenStatus, ZoomConnection, ZoomIntegration, ZoomIntegrationStatus},
};
use contract::facts::BufferFacts;

/// A step that lies further back than this is overdue.
const GRACE: Duration = Duration::from_mins(5);

/// An object's kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    kind: String,
    namespace: String,
    name: String,
}

/// What is known of one object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its phase.
    pub phase: Phase,
    /// When its token expires.
    pub expires_at: Option<Timestamp>,
    /// Why it is stalled, if a person must act.
    pub stalled: Option<String>,
    /// Whether it has a receiver that is not available.
    pub receiver_down: bool,
    /// Whether its endpoint's last URL validation is too old.
    pub validation_overdue: bool,
    /// When Zoom last validated its endpoint.
    pub validated: Option<Timestamp>,
    /// How its receiver stands to what is wanted of it.
    pub receiver: Option<Progress>,
    /// What the buffers of its receiver hold, as they said in the last pass.
    pub buffer: Option<BufferFacts>,
}

/// All objects that there are.
#[derive(Clone, Default)]
pub struct Fleet {
    members: Arc<Mutex<HashMap<Key, Seen>>>,
    /// What the watches know to exist: a deletion leads to no pass, and a deleted object must not go on
    /// raising alerts.
    stores: Arc<Mutex<Vec<Exists>>>,
}

/// Whether a watch knows an object.
type Exists = Box<dyn Fn(&Key) -> bool + Send>;

struct Seen {
    member: Member,
    /// When the next pass is planned.
    next_pass: Timestamp,
}

// === impl Key ===

impl Key {
    /// The key of an object of kind `K`.
    #[must_use]
    pub fn of<K: Managed>(object: &Guarded<K>) -> Self {
        Self::new::<K>(&object.namespace().unwrap_or_default(), &object.name_any())
    }

    /// The key of a named object of kind `K`.
    #[must_use]
    pub fn new<K: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> Self {
        Self {
            kind: K::kind(&()).into_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn is<K: Resource<DynamicType = ()>>(&self) -> bool {
        self.kind == K::kind(&())
    }
}

// === impl Member ===

impl Member {
    /// What a status says; nothing as long as it has no phase.
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
            stalled: Type::Stalled
                .find(conditions)
                .map(|condition| condition.reason.clone()),
            receiver_down: is_false(Type::ReceiverAvailable),
            validation_overdue: is_false(Type::EndpointValidated),
            validated: None,
            receiver: None,
            buffer: None,
        })
    }

    /// What the status of an integration says, and what its receiver does.
    #[must_use]
    pub fn of_integration(
        status: &ZoomIntegrationStatus,
        buffer: Option<BufferFacts>,
        receiver: Option<Progress>,
    ) -> Option<Self> {
        let webhook = status.webhook.as_ref();
        let validated = webhook.and_then(|webhook| webhook.last_validated.as_ref());
        // A receiver that cannot be asked has not lost its dead letters.
        let known = || {
            let held = webhook?.buffer.as_ref()?;
            Some(BufferFacts {
                dead_letters: u64::try_from(held.dead_letters).unwrap_or_default(),
                ..BufferFacts::default()
            })
        };
        let buffer = buffer.or_else(known);
        Some(Self {
            validated: validated.map(|time| time.0),
            receiver,
            buffer,
            ..Self::new(status.phase, status.token.as_ref(), &status.conditions)?
        })
    }
}

// === impl Fleet ===

impl fmt::Debug for Fleet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fleet({} members)", self.lock().len())
    }
}

impl Fleet {
    /// Remembers the outcome of a pass at `now`, with the time until the next one. Whether the phase is
    /// another than before.
    pub fn seen<K: Managed>(
        &self,
        object: &K,
        member: Option<Member>,
        wait: Duration,
        now: Timestamp,
    ) -> bool {
        let Some(member) = member else {
            return false;
        };
        let key = Key::new::<K>(&object.namespace().unwrap_or_default(), &object.name_any());
        let phase = member.phase;
        let next_pass = schedule::later(now, wait);
        let before = self.lock().insert(key, Seen { member, next_pass });
        before.is_none_or(|before| before.member.phase != phase)
    }

    /// The phase that the last pass over an object found.
    #[must_use]
    pub fn phase(&self, key: &Key) -> Option<Phase> {
        self.lock().get(key).map(|seen| seen.member.phase)
    }

    /// Counts only what this store, or another one, holds.
    pub fn exists_in<K: Managed>(&self, store: Store<Guarded<K>>) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.push(Box::new(move |key| {
            let object = || ObjectRef::new(&key.name).within(&key.namespace);
            key.is::<K>() && store.get(&object()).is_some()
        }));
    }

    /// Forgets what was deleted.
    fn forget_deleted(&self) {
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock()
            .retain(|key, _| stores.iter().any(|exists| exists(key)));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Seen>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn figures(&self, now: Timestamp) -> Figures {
        let members = self.lock();
        let active = || {
            members
                .values()
                .filter(|seen| seen.member.phase != Phase::Suspended)
        };
        let count = |wanted: &dyn Fn(&Seen) -> bool| {
            i64::try_from(active().filter(|seen| wanted(seen)).count()).unwrap_or(i64::MAX)
        };
        let kind = |is: fn(&Key) -> bool| {
            let members = || members.iter().filter(move |(key, _)| is(key));
            let by_phase = Phase::ALL.map(|phase| {
                let number = members()
                    .filter(|(_, seen)| seen.member.phase == phase)
                    .count();
                (phase, i64::try_from(number).unwrap_or(i64::MAX))
            });
            let stalled = members()
                .filter_map(|(_, seen)| seen.member.stalled.clone())
                .fold(BTreeMap::new(), |mut reasons, reason| {
                    *reasons.entry(reason).or_default() += 1;
                    reasons
                });
            Kind { by_phase, stalled }
        };
        Figures {
            integrations: kind(Key::is::<ZoomIntegration>),
            connections: kind(Key::is::<ZoomConnection>),
            soonest_expiry: active().filter_map(|seen| seen.member.expires_at).min(),
            expired: count(&|seen| seen.member.expires_at.is_some_and(|at| at <= now)),
            overdue: count(&|seen| schedule::later(seen.next_pass, GRACE) < now),
            receivers_down: count(&|seen| seen.member.receiver_down),
            unvalidated: count(&|seen| seen.member.validation_overdue),
            oldest_validation: active().filter_map(|seen| seen.member.validated).min(),
            receivers: Progress::ALL.map(|progress| {
                (
                    progress,
                    count(&|seen| seen.member.receiver == Some(progress)),
                )
            }),
            buffers_full: count(&|seen| seen.member.buffer.as_ref().is_some_and(|held| held.full)),
            buffered: members
                .values()
                .filter_map(|seen| seen.member.buffer)
                .fold(BufferFacts::default(), BufferFacts::merged),
        }
    }
}

struct Figures {
    integrations: Kind,
    connections: Kind,
    soonest_expiry: Option<Timestamp>,
    expired: i64,
    overdue: i64,
    receivers_down: i64,
    unvalidated: i64,
    oldest_validation: Option<Timestamp>,
    receivers: [(Progress, i64); Progress::ALL.len()],
    buffers_full: i64,
    /// All buffers together, of suspended integrations too.
    buffered: BufferFacts,
}

/// The objects of one kind.
struct Kind {
    by_phase: [(Phase, i64); Phase::ALL.len()],
    stalled: BTreeMap<String, i64>,
}

// === impl Kind ===

impl Kind {
    fn encode(
        self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        what: &str,
    ) -> Result<(), fmt::Error> {
        let gauge = ConstGauge::new(0_i64).metric_type();
        let mut family =
            encoder.encode_descriptor(name, &format!("{what} by phase"), None, gauge)?;
        for (phase, number) in self.by_phase {
            ConstGauge::new(number).encode(family.encode_family(&[("phase", phase.as_str())])?)?;
        }
        let (name, what) = (
            format!("{name}_stalled"),
            format!("{what} for which a person must act, by reason"),
        );
        let mut family = encoder.encode_descriptor(&name, &what, None, gauge)?;
        // The reasons are those of the status, a fixed set.
        for (reason, number) in self.stalled {
            let labels = [("reason", reason.as_str())];
            ConstGauge::new(number).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Fleet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.forget_deleted();
        let figures = self.figures(Timestamp::now());
        let gauge = ConstGauge::new(0_i64);
        figures
            .integrations
            .encode(&mut encoder, "zoom_operator_integrations", "Integrations")?;
        figures
            .connections
            .encode(&mut encoder, "zoom_operator_connections", "Connections")?;
        if let Some(soonest) = figures.soonest_expiry {
            ConstGauge::new(soonest.as_second()).encode(encoder.encode_descriptor(
                "zoom_operator_token_soonest_expiry_timestamp",
                "When the first of all tokens expires",
                Some(&Unit::Seconds),
                gauge.metric_type(),
            )?)?;
        }
        if let Some(oldest) = figures.oldest_validation {
            ConstGauge::new(oldest.as_second()).encode(encoder.encode_descriptor(
                "zoom_operator_endpoint_oldest_validation_timestamp",
                "The oldest of all endpoints' last URL validations",
                Some(&Unit::Seconds),
                gauge.metric_type(),
            )?)?;
        }
        let mut receivers = encoder.encode_descriptor(
            "zoom_operator_receivers",
            "Receivers by how they stand to what is wanted of them",
            None,
            gauge.metric_type(),
        )?;
        for (progress, number) in figures.receivers {
            let labels = [("state", progress.as_str())];
            ConstGauge::new(number).encode(receivers.encode_family(&labels)?)?;
        }
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (name, help, number) in [
            (
                "zoom_operator_buffers_full",
                "Integrations whose receiver has no room for another event",
                figures.buffers_full,
            ),
            (
                "zoom_operator_buffered_events",
                "Events that receivers have stored and not delivered, as of their last facts",
                number(figures.buffered.pending),
            ),
            (
                "zoom_operator_buffered_oldest_age_seconds",
                "Age of the oldest of them",
                number(figures.buffered.oldest_seconds.unwrap_or_default()),
            ),
            (
                "zoom_operator_dead_letters",
                "Events that receivers gave up and keep",
                number(figures.buffered.dead_letters),
            ),
            (
                "zoom_operator_tokens_expired",
                "Tokens that have expired",
                figures.expired,
            ),
            (
                "zoom_operator_work_overdue",
                "Objects whose next step lies more than five minutes back",
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

    fn member(phase: Phase, expires: i64) -> Member {
        Member {
            phase,
            expires_at: Some(at(expires)),
            stalled: (phase == Phase::Degraded).then(|| "CredentialsRejected".into()),
            receiver_down: false,
            validation_overdue: false,
            validated: None,
            receiver: None,
            buffer: None,
        }
    }

    fn named(name: &str) -> ZoomIntegration {
        let mut integration = ZoomIntegration::new(
            name,
            serde_json::from_value(serde_json::json!({
                "app": {"kind": "ServerToServer"},
                "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": ["a:read:x:admin"]},
            }))
            .unwrap(),
        );
        integration.metadata.namespace = Some("clinics".into());
        integration
    }

    #[test]
    fn work_that_should_have_happened_is_counted_and_suspended_work_is_not() {
        let fleet = Fleet::default();
        let see = |name: &str, phase, expires, next| {
            fleet.seen(
                &named(name),
                Some(member(phase, expires)),
                Duration::from_secs(next),
                at(0),
            )
        };
        assert!(see("late", Phase::Connected, 500, 100), "it is new");
        assert!(!see("late", Phase::Connected, 500, 100), "nothing changed");
        see("expired", Phase::Degraded, 300, 350);
        see("suspended", Phase::Suspended, 1, 1);
        let figures = fleet.figures(at(401));
        assert_eq!((figures.overdue, figures.expired), (1, 1));
        assert_eq!(figures.soonest_expiry, Some(at(300)));
        let stalled = &figures.integrations.stalled;
        assert_eq!(stalled.get("CredentialsRejected"), Some(&1));
        assert!(figures.connections.stalled.is_empty());
    }

    #[test]
    fn receivers_are_counted_by_their_progress_and_buffers_are_added_up() {
        let fleet = Fleet::default();
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
            fleet.seen(&named(name), Some(member), Duration::from_secs(1), at(0));
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
    fn what_was_deleted_is_not_counted() {
        let (store, mut writer) = reflector::store();
        let fleet = Fleet::default();
        fleet.exists_in::<ZoomIntegration>(store);
        let kept: Guarded<ZoomIntegration> = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "kept", "namespace": "clinics"},
        }))
        .unwrap();
        writer.apply_watcher_event(&watcher::Event::Apply(kept));
        for name in ["kept", "deleted"] {
            let member = Some(member(Phase::Degraded, 300));
            fleet.seen(&named(name), member, Duration::from_secs(350), at(0));
        }
        fleet.forget_deleted();
        let figures = fleet.figures(at(401));
        let stalled = &figures.integrations.stalled;
        assert_eq!(stalled.get("CredentialsRejected"), Some(&1));
    }
}
