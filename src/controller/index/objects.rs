//! All objects that the watches know, and how they belong together.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use contract::receiver::routes::Connection;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Pod, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::core::DeserializeGuard;

use super::{
    cache::Cache, facts::AppFacts, gateways::Gateways, relation::Relation, totals::Totals,
};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{
        integration::{hosts::Claim, resources::HTTPRoute},
        key::{Key, Kind},
        removals::Removals,
        tenancy::{self, Labels},
    },
};

/// An object as it came from the watch. An object that cannot be read, for example because a newer version
/// wrote it, must not stop the work on all others.
pub type Guarded<K> = DeserializeGuard<K>;

/// All objects that the watches know, and their relations.
#[derive(Debug, Default)]
pub struct Objects {
    pub(super) integrations: Cache<Guarded<ZoomIntegration>>,
    pub(super) connections: Cache<Guarded<ZoomConnection>>,
    pub(super) deployments: Cache<Deployment>,
    pub(super) stateful_sets: Cache<StatefulSet>,
    pub(super) services: Cache<Service>,
    pub(super) service_accounts: Cache<ServiceAccount>,
    pub(super) disruption_budgets: Cache<PodDisruptionBudget>,
    pub(super) network_policies: Cache<NetworkPolicy>,
    pub(super) ingresses: Cache<Ingress>,
    pub(super) http_routes: Cache<HTTPRoute>,
    pub(super) pods: Cache<Pod>,
    /// Names of Pods, by namespace and name of the integration in their labels.
    pub(super) pods_of: Relation<Name, Arc<str>>,
    /// Namespaces and names of connections, by namespace and name of their integration.
    pub(super) connections_of: Relation<Name, Name>,
    /// Namespaces and names of connections, by their integration and the account that is proved to be theirs.
    pub(super) accounts: Relation<(Name, Arc<str>), Name>,
    /// Namespaces and names of connections, by their integration and those whom their status names.
    pub(super) subjects: Relation<(Name, Whose), Name>,
    /// Namespaces and names of connections with sinks beside their integration, by the integration.
    pub(super) sinks: Relation<Name, Name>,
    /// What the connections of an integration say in total, those in the namespaces that it allows.
    pub(super) totals: HashMap<Name, Totals>,
    /// Labels of namespaces, if all of them are watched.
    labels: HashMap<String, Labels>,
    /// UIDs of namespaces, if all of them are watched.
    namespace_uids: HashMap<String, String>,
    /// Objects by the Secrets that they read or write.
    pub(super) readers: Relation<Name, Key>,
    /// Namespaces and names of integrations, by the host that they claim.
    pub(super) claimants: Relation<String, Name>,
    /// Namespaces and names of integrations by the client id with which Zoom accepted their credentials.
    pub(super) apps: Relation<String, Name>,
    /// What the receivers of integrations know of removals.
    pub(super) removals: HashMap<Key, Removals>,
    /// Where integrations declare a Gateway.
    pub(super) gateways: Gateways,
}

/// Namespace and name.
pub type Name = (Arc<str>, Arc<str>);

/// A user or an account of Zoom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The user with this id.
    User(Arc<str>),
    /// The account with this id.
    Account(Arc<str>),
}

// === impl Objects ===

impl Objects {
    /// Whether an object exists.
    pub fn has(&self, key: &Key) -> bool {
        match key.kind {
            Kind::Integration => self.integrations.facts(&key.namespace, &key.name).is_some(),
            Kind::Connection => self.connections.facts(&key.namespace, &key.name).is_some(),
        }
    }

    /// Whether a connection exists and belongs to the integration.
    pub fn is_connection_of(&self, namespace: &str, integration: &str, of: &Connection) -> bool {
        let name = named(&of.namespace, &of.name);
        self.connections_of
            .has(&named(namespace, integration), &name)
    }

    /// The same key, with the namespace and the name that are kept anyway.
    pub fn shared(&self, key: Key) -> Key {
        let shared = match key.kind {
            Kind::Integration => self.integrations.shared(&key.namespace, &key.name),
            Kind::Connection => self.connections.shared(&key.namespace, &key.name),
        };
        match shared {
            Some((namespace, name)) => Key {
                kind: key.kind,
                namespace,
                name,
            },
            None => key,
        }
    }

    /// The class of the operator that serves an object.
    pub fn class_of(&self, key: &Key) -> Option<Box<str>> {
        let class = |(namespace, name)| Some(self.app(namespace, name)?.class.clone());
        let (namespace, name): (&str, &str) = (&key.namespace, &key.name);
        match key.kind {
            Kind::Integration => class((namespace, name))?,
            Kind::Connection => {
                let connection = self.connections.get(namespace, name)?;
                let connection = readable(&connection)?;
                let kept = || connection.operator_class(None).map(Into::into);
                class(connection.integration()).unwrap_or_else(kept)
            }
        }
    }

    /// What is asked of an integration that this version can read.
    pub(super) fn app(&self, namespace: &str, name: &str) -> Option<&AppFacts> {
        self.integrations.facts(namespace, name)?.app.as_ref()
    }

    /// The connections of an integration, in the namespaces that it allows.
    pub fn connections_of(
        &self,
        namespace: &str,
        integration: &str,
    ) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let app = named(namespace, integration);
        self.admitted(&app, self.connections_of.of(&app))
    }

    /// Those of an app's connections that are in the namespaces that it allows.
    pub fn admitted<'a>(
        &self,
        app: &Name,
        connections: impl Iterator<Item = &'a Name>,
    ) -> Vec<Arc<Guarded<ZoomConnection>>> {
        connections
            .filter_map(|(of, name)| {
                let found = || self.connections.get(of, name);
                let was_admitted = || {
                    found()
                        .as_ref()
                        .and_then(|found| readable(found))
                        .is_some_and(tenancy::was_admitted)
                };
                self.admits(app, of, was_admitted).then(found).flatten()
            })
            .collect()
    }

    /// Whether a connection of a namespace counts as one of an app's.
    pub(super) fn admits(&self, app: &Name, of: &str, was_admitted: impl FnOnce() -> bool) -> bool {
        let found = self.app(&app.0, &app.1);
        let labels = self.labels.get(of);
        *of == *app.0
            || found
                .and_then(|found| found.admission.as_deref())
                .is_some_and(|admission| {
                    // Without a watch of labels, those that were allowed stay so.
                    admission.admits(of, labels)
                        || labels.is_none() && admission.selects() && was_admitted()
                })
    }

    /// Records the labels of a namespace, or that it is gone. Returns its connections to integrations of
    /// other namespaces, and those integrations: they may be allowed now, or no longer. Also returns others who
    /// claim the accounts of these connections.
    pub fn relabel(&mut self, namespace: &str, labels: Option<Labels>) -> Vec<Key> {
        let before = self.labels.get(namespace);
        if before == labels.as_ref() {
            return Vec::new();
        }
        let names = self.connections.within(Some(namespace));
        let connections: Vec<_> = names
            .filter_map(|(namespace, name, _)| self.connections.get(namespace, name))
            .collect();
        let foreign: Vec<&ZoomConnection> = connections
            .iter()
            .filter_map(|connection| readable(connection))
            .filter(|connection| connection.spec.integration_ref.is_foreign(namespace))
            .collect();
        for connection in &foreign {
            self.drop_totals(connection);
        }
        match labels {
            Some(labels) => drop(self.labels.insert(namespace.to_owned(), labels)),
            None => drop(self.labels.remove(namespace)),
        }
        for connection in &foreign {
            self.note_totals(connection);
        }
        foreign
            .into_iter()
            .flat_map(|connection| {
                let (namespace, name) = integration_of(connection);
                let own = [Key::from(connection), Key::integration(&namespace, &name)];
                own.into_iter().chain(self.rivals_of(connection))
            })
            .collect()
    }

    /// Records the UID of a namespace, or that it is gone.
    pub fn identify(&mut self, namespace: &str, uid: Option<String>) {
        match uid {
            Some(uid) => drop(self.namespace_uids.insert(namespace.to_owned(), uid)),
            None => drop(self.namespace_uids.remove(namespace)),
        }
    }

    /// UID and labels of a namespace, if they are known.
    pub fn namespace(&self, name: &str) -> Option<(&String, &Labels)> {
        Some((self.namespace_uids.get(name)?, self.labels.get(name)?))
    }

    /// The objects that read or write a Secret: the connections of an app read its credentials.
    pub fn readers_of(&self, namespace: &str, secret: &str) -> Vec<Key> {
        let found = self.readers.of(&named(namespace, secret));
        let readers: Vec<Key> = found.cloned().collect();
        let connections = readers.iter().flat_map(|reader| {
            let app = self.app(&reader.namespace, &reader.name);
            let reads = reader.kind == Kind::Integration
                && app.is_some_and(|app| &*app.credentials == secret);
            if reads {
                self.connection_keys(&reader.namespace, &reader.name)
            } else {
                Vec::new()
            }
        });
        let connections: Vec<Key> = connections.collect();
        readers.into_iter().chain(connections).collect()
    }

    /// The Pods whose labels refer to an integration.
    pub fn pods_of(&self, namespace: &str, integration: &str) -> Vec<Arc<Pod>> {
        let names = self.pods_of.of(&named(namespace, integration));
        names
            .filter_map(|name| self.pods.get(namespace, name))
            .collect()
    }

    /// The claims of readable integrations on a host.
    pub fn claims_on(&self, host: &str) -> impl Iterator<Item = &Claim> {
        let names = self.claimants.of(host);
        names.filter_map(|(namespace, name)| self.app(namespace, name)?.claim.as_deref())
    }

    /// The integrations whose app Zoom accepted with this client id, but this one.
    pub fn sharers_of(&self, client_id: &str, but: &Key) -> Vec<Key> {
        let keys = self.apps.of(client_id);
        keys.map(|(namespace, name)| Key::integration(namespace, name))
            .filter(|key| key != but)
            .collect()
    }

    /// The labels of a namespace, if they are known.
    pub fn labels_of(&self, namespace: &str) -> Option<&Labels> {
        self.labels.get(namespace)
    }

    /// The integrations and connections of a namespace.
    pub fn keys_in(&self, namespace: &str) -> Vec<Key> {
        let integrations = self.integrations.within(Some(namespace));
        let connections = self.connections.within(Some(namespace));
        let integrations =
            integrations.map(|(namespace, name, _)| Key::integration(namespace, name));
        let connections = connections.map(|(namespace, name, _)| Key::connection(namespace, name));
        integrations.chain(connections).collect()
    }

    /// The namespaces whose labels are known, other than these.
    pub fn labelled_but(&self, these: &HashSet<String>) -> Vec<String> {
        let known = self.labels.keys();
        known
            .filter(|namespace| !these.contains(*namespace))
            .cloned()
            .collect()
    }

    /// The connections that name an integration, allowed or not.
    pub fn connection_keys(&self, namespace: &str, integration: &str) -> Vec<Key> {
        let names = self.connections_of.of(&named(namespace, integration));
        names
            .map(|(namespace, name)| Key::connection(namespace, name))
            .collect()
    }
}

/// The object, if this version can read it.
pub fn readable<K>(object: &Guarded<K>) -> Option<&K> {
    object.0.as_ref().ok()
}

/// Namespace and name.
pub fn named(namespace: &str, name: &str) -> Name {
    (namespace.into(), name.into())
}

/// Namespace and name of a connection's integration.
pub fn integration_of(connection: &ZoomConnection) -> Name {
    let (namespace, name) = connection.integration();
    named(namespace, name)
}
