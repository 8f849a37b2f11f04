//! What is known of the receivers of integrations: their Pods, and what they tell.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use contract::{
    receiver::routes::Connection,
    routing_facts::{ConnectionFacts, RoutingFacts},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource as _, ResourceExt as _};

use super::{
    coverage::Watch,
    objects::{Guarded, named, readable},
    state::Index,
    told::Told,
};
use crate::{
    api::v1alpha1::{Management, ZoomConnection},
    controller::{integration::ReceiverPod, key::Key, removals::Removals, routing::is_routed},
};

/// More than most clusters have.
const MOST_REPLICA_SETS: usize = 20_000;

impl Index {
    /// Records the removals that the receivers of an integration know. Returns the connections that the new ones concern.
    pub fn learn_removals(
        &self,
        integration: &Key,
        removals: &Removals,
        management: Option<Management>,
    ) -> BTreeSet<Key> {
        let mut state = self.lock();
        let before = state
            .objects
            .removals
            .insert(integration.clone(), removals.clone());
        let new = removals.since(&before.unwrap_or_default());
        let app = named(&integration.namespace, &integration.name);
        new.iter()
            .flat_map(|removal| state.objects.concerned(&app, removal, management))
            .collect()
    }

    /// The removals that the receivers of an integration know.
    #[must_use]
    pub fn removals(&self, integration: &Key) -> Removals {
        let state = self.lock();
        state
            .objects
            .removals
            .get(integration)
            .cloned()
            .unwrap_or_default()
    }

    /// Records what the receivers of an integration tell of its connections' routes. Returns the connections of
    /// which something that their status says has changed.
    pub fn learn_routing(&self, integration: &Key, mut told: Told) -> Vec<Connection> {
        let mut state = self.lock();
        let before = state.routing.remove(integration);
        let by_account = before.as_ref().map(|before| before.by_account);
        let before = before.unwrap_or_default().routing;
        let (namespace, name) = (&integration.namespace, &integration.name);
        if told.is_partial {
            let kept = before.connections.iter().filter(|(connection, _)| {
                state.objects.is_connection_of(namespace, name, connection)
            });
            for (connection, facts) in kept {
                let known = &mut told.routing.connections;
                known
                    .entry(connection.clone())
                    .or_insert_with(|| facts.clone());
            }
        }
        state.routing.insert(integration.clone(), told.clone());
        let told_by_account = told.by_account;
        let told = told.routing;
        let all = || {
            let all = state.objects.connections_of(namespace, name);
            let routed = |found: &Arc<Guarded<ZoomConnection>>| {
                let found = readable(found)?;
                let (namespace, name) = (found.namespace().unwrap_or_default(), found.name_any());
                let has_sink = found.spec.sink.is_some();
                let of = Connection::new(&namespace, &name).filter(|_| has_sink)?;
                Some((of, is_routed(found)))
            };
            all.iter().filter_map(routed).collect::<Vec<_>>()
        };
        if by_account != Some(told_by_account) {
            let all = all().into_iter();
            let changed = all.filter(|(_, is_routed)| *is_routed != told_by_account);
            return changed.map(|(connection, _)| connection).collect();
        }
        let none = ConnectionFacts::default();
        let shown = |facts: &RoutingFacts, connection: &Connection| {
            let facts = facts.connections.get(connection).unwrap_or(&none);
            ConnectionFacts {
                // A number that changes with every attempt.
                sink_failures: facts.sink_failures.min(1),
                ..facts.clone()
            }
        };
        let listed = told.connections.keys().chain(before.connections.keys());
        let mut changed: BTreeSet<Connection> = listed
            .filter(|connection| shown(&told, connection) != shown(&before, connection))
            .cloned()
            .collect();
        let is_all = |facts: &RoutingFacts| facts.more_connections == 0;
        if !is_all(&told) || !is_all(&before) {
            let all = all().into_iter().map(|(connection, _)| connection);
            changed.extend(all.filter(|of| told.knows(of) != before.knows(of)));
        }
        changed.into_iter().collect()
    }

    /// Whether the receivers of an integration tell accounts apart; `None` until they were asked.
    #[must_use]
    pub fn routes_by_account(&self, integration: &Key) -> Option<bool> {
        let state = self.lock();
        let told = state.routing.get(integration)?;
        Some(told.by_account)
    }

    /// What the receivers of an integration tell of a connection's route.
    #[must_use]
    pub fn routing(&self, integration: &Key, connection: &Connection) -> Option<ConnectionFacts> {
        let state = self.lock();
        let told = state.routing.get(integration)?;
        told.routing.connections.get(connection).cloned()
    }

    /// Whether the receivers of an integration have more to tell than they told, and nothing of this connection.
    #[must_use]
    pub fn is_untold(&self, integration: &Key, connection: &Connection) -> bool {
        let state = self.lock();
        let told = state.routing.get(integration);
        told.is_some_and(|told| !told.routing.knows(connection))
    }

    /// Whether a connection exists, and belongs to the integration.
    #[must_use]
    pub fn has_connection(&self, integration: &Key, connection: &Connection) -> bool {
        let (namespace, name) = (&integration.namespace, &integration.name);
        let state = self.lock();
        state.objects.is_connection_of(namespace, name, connection)
    }

    /// The Pods of a receiver; `None` if they cannot be watched there.
    #[must_use]
    pub fn pods_of(&self, namespace: &str, integration: &str) -> Option<Vec<Arc<Pod>>> {
        let state = self.lock();
        let kind = Pod::kind(&());
        let is_known = state.coverage.get(namespace, &kind) == Watch::Complete;
        is_known.then(|| state.objects.pods_of(namespace, integration))
    }

    /// The UID of the Deployment that owns a `ReplicaSet`, if it is already known.
    #[must_use]
    pub fn owner_of_replica_set(&self, uid: &str) -> Option<String> {
        self.lock().replica_sets.get(uid).cloned()
    }

    /// Remembers the UID of the Deployment that owns a `ReplicaSet`.
    pub fn learn_replica_set(&self, uid: String, owner: String) {
        let mut state = self.lock();
        // They disappear with their Pods, which are not counted: those still needed are looked up again.
        if state.replica_sets.len() >= MOST_REPLICA_SETS {
            state.replica_sets.clear();
        }
        state.replica_sets.insert(uid, owner);
    }

    /// Records the facts that a pass started from, and how often to check whether they changed.
    pub fn plan_poll(
        &self,
        key: Key,
        every: Option<Duration>,
        known: Vec<ReceiverPod>,
        now: Timestamp,
    ) {
        let mut state = self.lock();
        if state.objects.has(&key) {
            state.polls.plan(key, every, known, now);
        }
    }

    /// The integrations whose receivers are due to be asked.
    #[must_use]
    pub fn due_polls(&self, now: Timestamp) -> Vec<Key> {
        self.lock().polls.due(now)
    }

    /// Records the facts of an integration's receivers. Returns whether they need a pass.
    pub fn polled(&self, key: &Key, pods: Vec<ReceiverPod>) -> bool {
        self.lock().polls.found(key, pods)
    }

    /// The facts of an integration's receivers since its last pass, if they changed.
    #[must_use]
    pub fn take_polled(&self, key: &Key) -> Option<Vec<ReceiverPod>> {
        self.lock().polls.take_polled(key)
    }
}
