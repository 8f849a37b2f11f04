//! What the watches know about all objects, in one place. [`Index::apply`] adds an object, [`Index::delete`]
//! forgets it with everything known about it. Both return the objects that need a pass because of the change.
//!
//! The index is never older than our own last write: after a write, the answer goes to [`Index::apply`]. It
//! holds no data of any Secret.
//!
//! | question | answer |
//! |---|---|
//! | which objects of a kind exist | `cache` |
//! | which kinds are indexed, what is left out, who is affected by a change | `watched` |
//! | has a watch listed everything | `coverage` |
//! | which objects does this operator serve | `served` |
//! | what did the last pass find | `fleet` |
//! | when are receivers asked for their facts | `polls` |
//! | which changes of Secrets are our own | `echoes` |

mod cache;
mod coverage;
mod echoes;
mod fleet;
mod polls;
mod relation;
mod served;
mod watched;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::{facts::Removal, receiver::routes::Connection, routing_facts::ConnectionFacts};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{Resource as _, ResourceExt as _, api::PartialObjectMeta};

use self::{
    cache::{Applied, names},
    coverage::Coverage,
    echoes::Echoes,
    fleet::Fleet,
    polls::Polls,
    served::Served,
    watched::Objects,
};
use super::{
    integration::{ReceiverPod, hosts::Claim, shared::proven},
    key::{Key, Kind},
    removals::Removals,
    scope::Scope,
    tenancy::Labels,
};
use crate::api::v1alpha1::{ZoomConnection, ZoomIntegration};

pub use self::{
    coverage::Watch,
    fleet::{Figures, Member},
    watched::{Guarded, Watched},
};

/// More than most clusters have.
const MOST_REPLICA_SETS: usize = 20_000;

/// The kinds that get passes.
const KINDS: [Kind; 2] = [Kind::Integration, Kind::Connection];

/// The kind of the watch of namespaces' labels.
pub const NAMESPACES: &str = "Namespace";

/// The index of the watches.
#[derive(Default)]
pub struct Index(Mutex<State>);

#[derive(Default)]
struct State {
    objects: Objects,
    served: Served,
    coverage: Coverage,
    fleet: Fleet,
    polls: Polls,
    echoes: Echoes,
    /// What receivers tell of routes, by integration.
    routing: HashMap<Key, BTreeMap<Connection, ConnectionFacts>>,
    /// UIDs of the Deployments that own `ReplicaSets`, by UID of the `ReplicaSet`. They never change.
    replica_sets: HashMap<String, String>,
}

// === impl Index ===

impl fmt::Debug for Index {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Index")
    }
}

impl Index {
    /// The index of an operator that serves this scope.
    #[must_use]
    pub fn serving(scope: &Scope) -> Self {
        Self(Mutex::new(State {
            served: Served::new(scope),
            ..State::default()
        }))
    }

    /// Whether this operator serves an object. A connection belongs to the operator of its integration.
    #[must_use]
    pub fn serves(&self, key: &Key) -> bool {
        let state = self.lock();
        state.served.has_class(state.objects.class_of(key)) && state.includes(&key.namespace)
    }

    /// Forgets what passes found about an object that this operator does not serve any more.
    pub fn leave(&self, key: &Key) {
        let mut state = self.lock();
        state.fleet.forget(key);
        state.polls.forget(key);
    }

    /// Adds an object from a watch or from our own write. Returns the objects that need a pass because of it:
    /// none if this version was already known.
    pub fn apply<K: Watched>(&self, mut object: K) -> Vec<Key> {
        object.trim();
        let object = Arc::new(object);
        let mut state = self.lock();
        let before = match K::cache_mut(&mut state.objects).apply(object.clone()) {
            Applied::Known => return Vec::new(),
            Applied::New => None,
            Applied::Replaced(before) => Some(before),
        };
        K::relate(&mut state.objects, before.as_deref(), Some(&object));
        K::affected(&state.objects, before.as_deref(), Some(&object))
    }

    /// Forgets a deleted object. Returns the objects that need a pass because of it.
    pub fn delete<K: Watched>(&self, object: &K) -> Vec<Key> {
        self.lock().delete(object)
    }

    /// Forgets the objects of a namespace, or of all, that a complete list did not contain.
    pub fn retain<K: Watched>(
        &self,
        scope: Option<&str>,
        listed: &HashSet<(String, String)>,
    ) -> Vec<(Arc<K>, Vec<Key>)> {
        let mut state = self.lock();
        let is_gone = |object: &&Arc<K>| {
            let (namespace, name) = names(&***object);
            !listed.contains(&(namespace.to_owned(), name.to_owned()))
        };
        let objects = K::cache(&state.objects).within(scope);
        let gone: Vec<Arc<K>> = objects.filter(is_gone).cloned().collect();
        gone.into_iter()
            .map(|object| {
                let affected = state.delete(&*object);
                (object, affected)
            })
            .collect()
    }

    /// The object with this name, if the watches know it. They know only objects with our labels: to find out
    /// whether a name is free, ask the API server.
    #[must_use]
    pub fn get<K: Watched>(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let state = self.lock();
        K::cache(&state.objects).get(namespace, name).cloned()
    }

    /// Whether every object of this kind with our labels in a namespace is known.
    #[must_use]
    pub fn is_complete<K: Watched>(&self, namespace: &str) -> bool {
        self.lock().coverage.get(namespace, &K::kind(&())) == Watch::Complete
    }

    /// Whether the labels of all namespaces are known.
    #[must_use]
    pub fn are_labels_known(&self) -> bool {
        self.lock().coverage.get("", NAMESPACES) == Watch::Complete
    }

    /// The namespaces whose labels are known, other than these.
    #[must_use]
    pub fn labelled_but(&self, these: &HashSet<String>) -> Vec<String> {
        self.lock().objects.labelled_but(these)
    }

    /// Records the state of a watch. Returns the previous one.
    pub fn set_watch(&self, scope: Option<&str>, kind: &str, watch: Watch) -> Option<Watch> {
        self.lock().coverage.set(scope, kind, watch)
    }

    /// Whether all declared resources of a namespace are known, and the labels of namespaces if they are
    /// watched: without them, an integration would seem to have lost the connections of other namespaces.
    #[must_use]
    pub fn is_watched(&self, namespace: &str) -> bool {
        let state = self.lock();
        let are_known = |kind: &Kind| {
            let kind = kind.as_str();
            state.coverage.get(namespace, kind) == Watch::Complete
        };
        KINDS.iter().all(are_known) && state.coverage.is_settled(NAMESPACES)
    }

    /// Records the labels of a namespace, or with `None` that it is gone. Returns the objects that need a
    /// pass because of it.
    pub fn relabel(&self, namespace: &str, labels: Option<Labels>) -> Vec<Key> {
        let mut state = self.lock();
        let before = state.includes(namespace);
        let mut affected = state.objects.relabel(namespace, labels);
        if state.includes(namespace) != before {
            let all = state.objects.keys_in(namespace);
            affected.extend(all);
        }
        affected
    }

    /// All objects of a namespace, or of all, and whether each is new, which means that it had no pass yet.
    #[must_use]
    pub fn keys(&self, scope: Option<&str>) -> Vec<(Key, bool)> {
        let state = self.lock();
        let integrations = state.objects.integrations.within(scope);
        let integrations = integrations.filter_map(|object| {
            with_news(object, |found| found.status.as_ref()?.observed_generation)
        });
        let connections = state.objects.connections.within(scope);
        let connections = connections.filter_map(|object| {
            with_news(object, |found| found.status.as_ref()?.observed_generation)
        });
        integrations.chain(connections).collect()
    }

    /// The connections of an integration, in the namespaces that it allows, including those that this version
    /// cannot read.
    #[must_use]
    pub fn connections_of(
        &self,
        namespace: &str,
        integration: &str,
    ) -> Vec<Arc<Guarded<ZoomConnection>>> {
        self.lock().objects.connections_of(namespace, integration)
    }

    /// The objects that read or write a Secret.
    #[must_use]
    pub fn readers(&self, namespace: &str, secret: &str) -> Vec<Key> {
        self.lock().objects.readers_of(namespace, secret)
    }

    /// A pass over `by` wrote this Secret: the event of the watch about it is no news for it.
    pub fn wrote_secret(&self, by: Key, secret: &Secret) {
        let (namespace, name) = names(secret);
        if let Some(version) = secret.resource_version() {
            let mut state = self.lock();
            state.echoes.expect(namespace, name, version, by);
        }
    }

    /// The objects that need a pass because a Secret was written: those that read or write it, except the one
    /// whose pass wrote it.
    #[must_use]
    pub fn secret_written(&self, secret: &PartialObjectMeta<Secret>) -> Vec<Key> {
        let (namespace, name) = names(secret);
        let version = secret.metadata.resource_version.as_deref();
        let mut state = self.lock();
        let by = state.echoes.heard(namespace, name, version);
        let mut keys = state.objects.readers_of(namespace, name);
        keys.retain(|key| by.as_ref() != Some(key));
        keys
    }

    /// The objects that need a pass because a Secret was deleted.
    #[must_use]
    pub fn secret_deleted(&self, secret: &PartialObjectMeta<Secret>) -> Vec<Key> {
        let (namespace, name) = names(secret);
        let mut state = self.lock();
        state.echoes.forget(namespace, name);
        state.objects.readers_of(namespace, name)
    }

    /// The claims of other integrations on the same host; `None` while a watch is still listing.
    #[must_use]
    pub fn other_claimants(&self, integration: &ZoomIntegration) -> Option<Vec<Claim>> {
        let Some((host, _)) = Claim::of(integration) else {
            return Some(Vec::new());
        };
        let state = self.lock();
        state
            .coverage
            .is_settled(Kind::Integration.as_str())
            .then(|| {
                let others = state.objects.claimants_of(&host);
                let others = others.filter(|other| other.uid() != integration.uid());
                others
                    .filter_map(|other| Some(Claim::of(other)?.1))
                    .collect()
            })
    }

    /// The integrations, other than `but`, whose credentials Zoom accepted with this client id.
    #[must_use]
    pub fn sharers_of(&self, client_id: &str, but: &Key) -> Vec<Key> {
        self.lock().objects.sharers_of(client_id, but)
    }

    /// The integrations that have the same app as this one, if Zoom accepted it of all of them.
    #[must_use]
    pub fn sharers(&self, of: &Key) -> Vec<Key> {
        let state = self.lock();
        let own = state.objects.integrations.get(&of.namespace, &of.name);
        let own = own.and_then(|own| own.0.as_ref().ok());
        own.and_then(proven)
            .map(|client_id| state.objects.sharers_of(client_id, of))
            .unwrap_or_default()
    }

    /// Records the removals that the receivers of an integration know. Returns the new ones.
    pub fn learn_removals(&self, integration: &Key, removals: &Removals) -> Vec<Removal> {
        let mut state = self.lock();
        let before = state
            .objects
            .removals
            .insert(integration.clone(), removals.clone());
        removals.since(&before.unwrap_or_default())
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

    /// Records what the receivers of an integration tell of its connections' routes. Returns those of which
    /// something that their status says has changed.
    pub fn learn_routing(
        &self,
        integration: &Key,
        told: BTreeMap<Connection, ConnectionFacts>,
    ) -> Vec<Connection> {
        let mut state = self.lock();
        let before = state.routing.remove(integration).unwrap_or_default();
        let none = ConnectionFacts::default();
        let shown = |facts: &ConnectionFacts| ConnectionFacts {
            // A number that changes with every attempt.
            sink_failures: facts.sink_failures.min(1),
            ..facts.clone()
        };
        let all: BTreeSet<&Connection> = told.keys().chain(before.keys()).collect();
        let of = |facts: &BTreeMap<Connection, ConnectionFacts>, connection: &Connection| {
            shown(facts.get(connection).unwrap_or(&none))
        };
        let changed = all
            .into_iter()
            .filter(|connection| of(&told, connection) != of(&before, connection))
            .cloned()
            .collect();
        if !told.is_empty() {
            state.routing.insert(integration.clone(), told);
        }
        changed
    }

    /// What the receivers of an integration tell of a connection's route.
    #[must_use]
    pub fn routing(&self, integration: &Key, connection: &Connection) -> Option<ConnectionFacts> {
        let state = self.lock();
        state.routing.get(integration)?.get(connection).cloned()
    }

    /// Records the result of a pass at `now`, with the time until the next one.
    pub fn passed(&self, key: Key, member: Option<Member>, wait: Duration, now: Timestamp) {
        let mut state = self.lock();
        // The object may have been deleted during the pass.
        if state.objects.has(&key) {
            state.fleet.passed(key, member, wait, now);
        }
    }

    /// Records that a pass failed. Returns how many failed in a row before it.
    pub fn failed(&self, key: &Key) -> u32 {
        self.lock().fleet.failed(key)
    }

    /// Records that a pass finished.
    pub fn succeeded(&self, key: &Key) {
        self.lock().fleet.succeeded(key);
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

    /// All objects in numbers.
    #[must_use]
    pub fn figures(&self, now: Timestamp) -> Figures {
        self.lock().fleet.figures(now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Whether a namespace is served.
    fn includes(&self, namespace: &str) -> bool {
        self.served.includes(self.objects.labels_of(namespace))
    }

    fn delete<K: Watched>(&mut self, object: &K) -> Vec<Key> {
        let Some(gone) = K::cache_mut(&mut self.objects).delete(object) else {
            return Vec::new();
        };
        K::relate(&mut self.objects, Some(&gone), None);
        if let Some(key) = K::key(&gone) {
            self.objects.removals.remove(&key);
            self.routing.remove(&key);
            self.fleet.forget(&key);
            self.polls.forget(&key);
        }
        K::affected(&self.objects, Some(&gone), None)
    }
}

/// The key of an object, and whether it is new: its last change had no pass yet.
fn with_news<K>(object: &Guarded<K>, observed: impl Fn(&K) -> Option<i64>) -> Option<(Key, bool)>
where
    Guarded<K>: Watched,
{
    let observed = object.0.as_ref().ok().and_then(observed);
    let is_new = observed != object.meta().generation;
    Some((<Guarded<K> as Watched>::key(object)?, is_new))
}

#[cfg(test)]
mod tests;
