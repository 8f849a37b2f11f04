//! The index itself: changes go in, and the objects that need a pass come out.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{ResourceExt as _, api::PartialObjectMeta};

use super::{
    cache::Applied,
    coverage::{Coverage, Watch},
    echoes::Echoes,
    existing::Existing,
    fleet::Fleet,
    handed::Handed,
    objects::Objects,
    polls::Polls,
    rivals::Rivals,
    served::Served,
    told::Told,
    watched::Watched,
};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{
        integration::{hosts::Claim, shared::proven},
        key::{Key, Kind},
        scope::Scope,
        tenancy::Labels,
    },
};

/// The kinds that get passes.
pub const KINDS: [Kind; 2] = [Kind::Integration, Kind::Connection];

/// The kind of the watch of namespaces' labels.
pub const NAMESPACES: &str = "Namespace";

/// The index of the watches.
#[derive(Default)]
pub struct Index(Mutex<State>);

/// The objects that need a pass because of a change.
#[derive(Debug, Default)]
pub struct Affected {
    /// Those for which something changed.
    pub changed: Vec<Key>,
    /// The one that only asks for another token.
    pub asked: Option<Key>,
}

/// What the index holds.
#[derive(Default)]
pub struct State {
    pub(super) objects: Objects,
    pub(super) served: Served,
    pub(super) coverage: Coverage,
    pub(super) fleet: Fleet,
    pub(super) polls: Polls,
    pub(super) rivals: Rivals,
    pub(super) echoes: Echoes,
    /// Those of consents, which have a watch of their own.
    pub(super) consent_echoes: Echoes,
    pub(super) existing: Existing,
    pub(super) handed: Handed,
    /// What receivers tell of routes, by integration.
    pub(super) routing: HashMap<Key, Told>,
    /// UIDs of the Deployments that own `ReplicaSets`, by UID of the `ReplicaSet`. They never change.
    pub(super) replica_sets: HashMap<String, String>,
}

// === impl Index ===

impl fmt::Debug for Index {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Index")
    }
}

impl Index {
    /// The index of a release that serves this scope.
    #[must_use]
    pub fn serving(scope: &Scope, release: &str) -> Self {
        Self(Mutex::new(State {
            served: Served::new(scope),
            rivals: Rivals::of(release),
            ..State::default()
        }))
    }

    /// Whether this operator serves an object. A connection belongs to the operator of its integration.
    #[must_use]
    pub fn serves(&self, key: &Key) -> bool {
        let state = self.lock();
        state
            .served
            .has_class(state.objects.class_of(key).as_deref())
            && state.includes(&key.namespace)
    }

    /// Forgets what passes found about an object that this operator does not serve any more.
    pub fn leave(&self, key: &Key) {
        let mut state = self.lock();
        state.fleet.forget(key);
        state.polls.forget(key);
        state.rivals.forget(key);
    }

    /// As [`Index::told`], without that difference.
    #[cfg(test)]
    pub fn apply<K: Watched>(&self, object: K) -> Vec<Key> {
        let Affected { changed, asked } = self.told(object);
        changed.into_iter().chain(asked).collect()
    }

    /// Adds the answer to our own write. A declared resource that is not known stays unknown: the watch, which
    /// may be faster than the answer, reports the end of an object only once, and adds what is new.
    pub fn wrote<K: Watched>(&self, object: K) -> Vec<Key> {
        let mut state = self.lock();
        if K::key(&object).is_some_and(|key| !state.objects.has(&key)) {
            return Vec::new();
        }
        let Affected { changed, asked } = state.told(object);
        changed.into_iter().chain(asked).collect()
    }

    /// Adds an object from a watch. Returns the objects that need a pass because of it, and apart which only asks for
    /// another token: none if this version was already known.
    pub fn told<K: Watched>(&self, object: K) -> Affected {
        self.lock().told(object)
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
        let known = K::cache(&state.objects).within(scope);
        let gone: Vec<Arc<K>> = known
            .filter(|(namespace, name, _)| {
                !listed.contains(&((*namespace).to_owned(), (*name).to_owned()))
            })
            .filter_map(|(namespace, name, _)| K::cache(&state.objects).get(namespace, name))
            .collect();
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
        K::cache(&state.objects).get(namespace, name)
    }

    /// Whether every object of this kind with our labels in a namespace is known.
    #[must_use]
    pub fn is_complete<K: Watched>(&self, namespace: &str) -> bool {
        self.lock().coverage.get(namespace, &K::kind(&())) == Watch::Complete
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

    /// Records a namespace of the watch. Returns the objects that need a pass because of its labels.
    pub fn namespace_written(&self, namespace: &PartialObjectMeta<Namespace>) -> Vec<Key> {
        let name = namespace.name_any();
        self.lock().objects.identify(&name, namespace.uid());
        let labels = namespace.metadata.labels.clone();
        self.relabel(&name, Some(labels.unwrap_or_default()))
    }

    /// Forgets a namespace that is gone. Returns the objects that need a pass because of that.
    pub fn namespace_gone(&self, name: &str) -> Vec<Key> {
        self.lock().objects.identify(name, None);
        self.relabel(name, None)
    }

    /// Name, UID and labels of a namespace, as far as the watch knows them.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<PartialObjectMeta<Namespace>> {
        let state = self.lock();
        let (uid, labels) = state.objects.namespace(name)?;
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            uid: Some(uid.clone()),
            labels: Some(labels.clone()),
            ..ObjectMeta::default()
        };
        Some(PartialObjectMeta {
            metadata,
            ..PartialObjectMeta::default()
        })
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
        let objects = &state.objects;
        let integrations = objects.integrations.within(scope);
        let integrations = integrations
            .map(|(namespace, name, facts)| (Key::integration(namespace, name), facts.is_new));
        let connections = objects.connections.within(scope);
        let connections = connections
            .map(|(namespace, name, facts)| (Key::connection(namespace, name), facts.is_new));
        integrations.chain(connections).collect()
    }

    /// The connections of an integration, in the namespaces that it allows, including those that this version
    /// cannot read.
    #[cfg(test)]
    pub fn connections_of(
        &self,
        namespace: &str,
        integration: &str,
    ) -> Vec<Arc<super::Guarded<ZoomConnection>>> {
        self.lock().objects.connections_of(namespace, integration)
    }

    /// The integrations that allow other namespaces.
    #[must_use]
    pub fn sharing(&self) -> Vec<Key> {
        let state = self.lock();
        let all = state.objects.integrations.within(None);
        let sharing = all.filter(|(_, _, facts)| {
            let app = facts.app.as_ref();
            app.is_some_and(|app| app.admission.is_some())
        });
        sharing
            .map(|(namespace, name, _)| Key::integration(namespace, name))
            .collect()
    }

    /// Whether another connection proves an account of this one, or claims it by a statement.
    #[must_use]
    pub fn has_rivals(&self, connection: &ZoomConnection) -> bool {
        !self.lock().objects.rivals_of(connection).is_empty()
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
                let own = Key::from(integration);
                let claims = state.objects.claims_on(&host);
                claims
                    .filter(|claim| claim.namespace != *own.namespace || claim.name != *own.name)
                    .cloned()
                    .collect()
            })
    }

    /// The integrations, other than `but`, whose credentials Zoom accepted with this client id.
    #[must_use]
    pub fn sharers_of(&self, client_id: &str, but: &Key) -> Vec<Key> {
        self.lock().objects.sharers_of(client_id, but)
    }

    /// The client id with which Zoom accepted an integration's General app.
    #[must_use]
    pub fn client_id(&self, of: &Key) -> Option<String> {
        let state = self.lock();
        let app = state.objects.app(&of.namespace, &of.name)?;
        app.client_id.as_deref().map(ToOwned::to_owned)
    }

    /// The integrations that have the same app as this one, if Zoom accepted it of all of them.
    #[must_use]
    pub fn sharers(&self, of: &Key) -> Vec<Key> {
        let state = self.lock();
        let own = state.objects.integrations.get(&of.namespace, &of.name);
        let own = own.as_ref().and_then(|own| own.0.as_ref().ok());
        own.and_then(proven)
            .map(|client_id| state.objects.sharers_of(client_id, of))
            .unwrap_or_default()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Whether a namespace is served.
    fn includes(&self, namespace: &str) -> bool {
        self.served.includes(self.objects.labels_of(namespace))
    }

    fn told<K: Watched>(&mut self, mut object: K) -> Affected {
        object.trim();
        let object = Arc::new(object);
        let before = match K::cache_mut(&mut self.objects).apply(&object) {
            Applied::Known => return Affected::default(),
            Applied::New => None,
            Applied::Replaced(before) => Some(before),
        };
        K::relate(&mut self.objects, before.as_deref(), Some(&object));
        if before
            .as_deref()
            .is_some_and(|before| K::only_asks(before, &object))
        {
            return Affected {
                changed: Vec::new(),
                asked: K::key(&object).map(|key| self.objects.shared(key)),
            };
        }
        let affected = K::affected(&self.objects, before.as_deref(), Some(&object));
        let changed = affected.into_iter();
        Affected {
            changed: changed.map(|key| self.objects.shared(key)).collect(),
            asked: None,
        }
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
            self.rivals.forget(&key);
        }
        K::affected(&self.objects, Some(&gone), None)
    }
}
