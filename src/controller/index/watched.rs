//! The kinds of objects that are indexed: which fields are left out, and which objects need a pass after a
//! change.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::Arc,
};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Pod, Service, ServiceAccount},
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt as _, core::DeserializeGuard};
use serde::de::DeserializeOwned;

use super::{
    cache::{Cache, names},
    relation::Relation,
};
use crate::{
    api::{
        FIELD_MANAGER, GROUP, label,
        v1alpha1::{ZoomConnection, ZoomIntegration},
    },
    controller::{
        grants,
        integration::{
            hosts::Claim,
            lifecycle,
            resources::{HTTPRoute, control_name, lifecycle_name},
            shared::proven,
        },
        key::{Key, Kind},
        removals::Removals,
        tenancy::{Admission, Labels},
        token_secret::Owner,
    },
    setup::known,
};

/// An object as it came from the watch. An object that cannot be read, for example because a newer version
/// wrote it, must not stop the work on all others.
pub type Guarded<K> = DeserializeGuard<K>;

/// A kind of object that the index knows.
pub trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its cache.
    fn cache(objects: &Objects) -> &Cache<Self>;

    /// Its cache.
    fn cache_mut(objects: &mut Objects) -> &mut Cache<Self>;

    /// Leaves out fields that are not used here: other tools may store hundreds of kilobytes in an object.
    fn trim(&mut self);

    /// Updates the relations to other objects.
    fn relate(_objects: &mut Objects, _before: Option<&Self>, _now: Option<&Self>) {}

    /// The key, for a kind that gets passes.
    fn key(_object: &Self) -> Option<Key> {
        None
    }

    /// The objects that need a pass when an object of this kind is added, changed or deleted.
    fn affected(objects: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key>;
}

/// All objects that the watches know, and their relations.
#[derive(Debug, Default)]
pub struct Objects {
    pub(super) integrations: Cache<Guarded<ZoomIntegration>>,
    pub(super) connections: Cache<Guarded<ZoomConnection>>,
    deployments: Cache<Deployment>,
    stateful_sets: Cache<StatefulSet>,
    services: Cache<Service>,
    service_accounts: Cache<ServiceAccount>,
    disruption_budgets: Cache<PodDisruptionBudget>,
    network_policies: Cache<NetworkPolicy>,
    ingresses: Cache<Ingress>,
    http_routes: Cache<HTTPRoute>,
    pods: Cache<Pod>,
    /// Names of Pods, by namespace and name of the integration in their labels.
    pods_of: Relation<Name, String>,
    /// Namespaces and names of connections, by namespace and name of their integration.
    connections_of: Relation<Name, Name>,
    /// Labels of namespaces, if all of them are watched.
    labels: HashMap<String, Labels>,
    /// Objects by the Secrets that they read or write.
    readers: Relation<Name, Key>,
    /// Namespaces and names of integrations, by the host that they claim.
    claimants: Relation<String, Name>,
    /// Namespaces and names of integrations by the client id with which Zoom accepted their credentials.
    pub(super) apps: Relation<String, Name>,
    /// What the receivers of integrations know of removals.
    pub(super) removals: HashMap<Key, Removals>,
}

/// Namespace and name.
type Name = (String, String);

// === impl Objects ===

impl Objects {
    /// Whether an object exists.
    pub fn has(&self, key: &Key) -> bool {
        match key.kind {
            Kind::Integration => self.integrations.get(&key.namespace, &key.name).is_some(),
            Kind::Connection => self.connections.get(&key.namespace, &key.name).is_some(),
        }
    }

    /// The class of the operator that serves an object.
    pub fn class_of(&self, key: &Key) -> Option<&str> {
        let integration = |(namespace, name)| readable(self.integrations.get(namespace, name)?);
        let (namespace, name): (&str, &str) = (&key.namespace, &key.name);
        match key.kind {
            Kind::Integration => integration((namespace, name))?
                .spec
                .operator_class
                .as_deref(),
            Kind::Connection => {
                let connection = readable(self.connections.get(namespace, name)?)?;
                connection.operator_class(integration(connection.integration()))
            }
        }
    }

    /// The connections of an integration, in the namespaces that it allows.
    pub fn connections_of(
        &self,
        namespace: &str,
        integration: &str,
    ) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let app = self.integrations.get(namespace, integration);
        let app = app.and_then(|found| readable(found)).map(Admission::of);
        let integration = (namespace.to_owned(), integration.to_owned());
        let names = self.connections_of.of(&integration);
        names
            .filter(|(of, _)| {
                of == namespace
                    || app
                        .as_ref()
                        .is_some_and(|app| app.admits(of, self.labels.get(of)))
            })
            .filter_map(|(namespace, name)| self.connections.get(namespace, name).cloned())
            .collect()
    }

    /// Records the labels of a namespace, or that it is gone. Returns its connections to integrations of
    /// other namespaces, and those integrations: they may be allowed now, or no longer.
    pub fn relabel(&mut self, namespace: &str, labels: Option<Labels>) -> Vec<Key> {
        let before = self.labels.get(namespace);
        if before == labels.as_ref() {
            return Vec::new();
        }
        match labels {
            Some(labels) => drop(self.labels.insert(namespace.to_owned(), labels)),
            None => drop(self.labels.remove(namespace)),
        }
        let connections = self.connections.within(Some(namespace));
        connections
            .filter_map(|connection| readable(connection))
            .filter(|connection| connection.spec.integration_ref.is_foreign(namespace))
            .flat_map(|connection| {
                let (namespace, name) = integration_of(connection);
                [Key::from(connection), Key::integration(&namespace, &name)]
            })
            .collect()
    }

    /// The objects that read or write a Secret: the connections of an app read its credentials.
    pub fn readers_of(&self, namespace: &str, secret: &str) -> Vec<Key> {
        let secret = (namespace.to_owned(), secret.to_owned());
        let readers: Vec<Key> = self.readers.of(&secret).cloned().collect();
        let connections = readers.iter().flat_map(|reader| {
            let integration = self.integrations.get(&reader.namespace, &reader.name);
            let integration = integration
                .filter(|_| *reader == Key::integration(&reader.namespace, &reader.name));
            let reads = integration
                .and_then(|found| found.0.as_ref().ok())
                .is_some_and(|found| found.spec.credentials.secret_ref.name == secret.1);
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
        let integration = (namespace.to_owned(), integration.to_owned());
        let names = self.pods_of.of(&integration);
        names
            .filter_map(|name| self.pods.get(namespace, name).cloned())
            .collect()
    }

    /// The readable integrations that claim a host.
    pub fn claimants_of(&self, host: &str) -> impl Iterator<Item = &ZoomIntegration> {
        self.claimants
            .of(host)
            .filter_map(|(namespace, name)| self.integrations.get(namespace, name)?.0.as_ref().ok())
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
            integrations.map(|object| Key::integration(namespace, names(&**object).1));
        let connections = connections.map(|object| Key::connection(namespace, names(&**object).1));
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

    fn connection_keys(&self, namespace: &str, integration: &str) -> Vec<Key> {
        let integration = (namespace.to_owned(), integration.to_owned());
        let names = self.connections_of.of(&integration);
        names
            .map(|(namespace, name)| Key::connection(namespace, name))
            .collect()
    }
}

impl Watched for Guarded<ZoomIntegration> {
    fn cache(objects: &Objects) -> &Cache<Self> {
        &objects.integrations
    }

    fn cache_mut(objects: &mut Objects) -> &mut Cache<Self> {
        &mut objects.integrations
    }

    fn trim(&mut self) {
        trim_resource(self);
    }

    fn key(object: &Self) -> Option<Key> {
        let (namespace, name) = names(object);
        Some(Key::integration(namespace, name))
    }

    fn relate(objects: &mut Objects, before: Option<&Self>, now: Option<&Self>) {
        if let Some(before) = before.and_then(readable) {
            let key = Key::from(before);
            for secret in secrets_of_integration(before) {
                objects.readers.remove(&secret, &key);
            }
            if let Some((host, _)) = Claim::of(before) {
                objects.claimants.remove(&host, &full_name(before));
            }
            if let Some(id) = proven(before) {
                objects.apps.remove(&id.to_owned(), &full_name(before));
            }
        }
        if let Some(now) = now.and_then(readable) {
            let key = Key::from(now);
            for secret in secrets_of_integration(now) {
                objects.readers.insert(secret, key.clone());
            }
            if let Some((host, _)) = Claim::of(now) {
                objects.claimants.insert(host, full_name(now));
            }
            if let Some(id) = proven(now) {
                objects.apps.insert(id.to_owned(), full_name(now));
            }
        }
    }

    fn affected(objects: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key> {
        let Some(key) = now.or(before).and_then(Self::key) else {
            return Vec::new();
        };
        let mut affected = Vec::new();
        // Only what people change: the status changes with those of its connections.
        let declared = |object: &Self| {
            (
                object.uid(),
                object.meta().generation,
                object.meta().deletion_timestamp.clone(),
            )
        };
        if before.map(declared) != now.map(declared) {
            affected.extend(objects.connection_keys(&key.namespace, &key.name));
        }
        let claim = |object: Option<&Self>| Claim::of(object.and_then(readable)?);
        let (old, new) = (claim(before), claim(now));
        if old != new {
            for (host, _) in [old, new].into_iter().flatten() {
                let other_claimants = objects.claimants_of(&host).map(Key::from);
                affected.extend(other_claimants.filter(|rival| *rival != key));
            }
        }
        let app = |object: Option<&Self>| proven(object.and_then(readable)?).map(ToOwned::to_owned);
        let (old, new) = (app(before), app(now));
        if old != new {
            for id in [old, new].into_iter().flatten() {
                affected.extend(objects.sharers_of(&id, &key));
            }
        }
        affected.extend(now.is_some().then_some(key));
        affected
    }
}

impl Watched for Guarded<ZoomConnection> {
    fn cache(objects: &Objects) -> &Cache<Self> {
        &objects.connections
    }

    fn cache_mut(objects: &mut Objects) -> &mut Cache<Self> {
        &mut objects.connections
    }

    fn trim(&mut self) {
        trim_resource(self);
    }

    fn key(object: &Self) -> Option<Key> {
        let (namespace, name) = names(object);
        Some(Key::connection(namespace, name))
    }

    fn relate(objects: &mut Objects, before: Option<&Self>, now: Option<&Self>) {
        if let Some(before) = before.and_then(readable) {
            let key = Key::from(before);
            for secret in secrets_of_connection(before) {
                objects.readers.remove(&secret, &key);
            }
            objects
                .connections_of
                .remove(&integration_of(before), &full_name(before));
        }
        if let Some(now) = now.and_then(readable) {
            let key = Key::from(now);
            for secret in secrets_of_connection(now) {
                objects.readers.insert(secret, key.clone());
            }
            objects
                .connections_of
                .insert(integration_of(now), full_name(now));
        }
    }

    fn affected(objects: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key> {
        let Some(key) = now.or(before).and_then(Self::key) else {
            return Vec::new();
        };
        let (before, now) = (before.and_then(readable), now.and_then(readable));
        let mut affected = Vec::new();
        // The fields that the status of its integration depends on.
        let relevant = |object: &ZoomConnection| {
            let phase = object.status.as_ref().and_then(|status| status.phase);
            let account = object
                .status
                .as_ref()
                .and_then(|status| status.account.clone());
            let has_sink = object.spec.sink.is_some();
            (
                known::read(object),
                phase,
                lifecycle::outline(object),
                (account, has_sink),
            )
        };
        if before.map(relevant) != now.map(relevant) {
            let integrations = [before, now].into_iter().flatten().map(integration_of);
            for (namespace, name) in integrations {
                let integration = Key::integration(&namespace, &name);
                if !affected.contains(&integration) {
                    affected.push(integration);
                }
            }
        }
        if let (Some(gone), None) = (before, now) {
            // Another connection of the same person or account may replace it.
            let subject = |object: &ZoomConnection| object.status.as_ref()?.subject.clone();
            let is_same = |other: &ZoomConnection| {
                subject(other)
                    .zip(subject(gone))
                    .is_some_and(|(one, other)| {
                        one.user_id.is_some() && one.user_id == other.user_id
                            || one.account_id.is_some() && one.account_id == other.account_id
                    })
            };
            let (namespace, name) = integration_of(gone);
            let others = objects.connections_of(&namespace, &name);
            let others = others.iter().filter_map(|other| readable(other));
            let same = others.filter(|other| is_same(other));
            affected.extend(same.map(Key::from));
        }
        affected.extend(now.is_some().then_some(key));
        affected
    }
}

impl Watched for Pod {
    fn cache(objects: &Objects) -> &Cache<Self> {
        &objects.pods
    }

    fn cache_mut(objects: &mut Objects) -> &mut Cache<Self> {
        &mut objects.pods
    }

    fn trim(&mut self) {
        trim_child(self);
        self.metadata.annotations = None;
        self.spec = None;
    }

    fn relate(objects: &mut Objects, before: Option<&Self>, now: Option<&Self>) {
        if let Some((pod, integration)) = before.and_then(labelled) {
            objects.pods_of.remove(&integration, &pod);
        }
        if let Some((pod, integration)) = now.and_then(labelled) {
            objects.pods_of.insert(integration, pod);
        }
    }

    fn affected(_: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key> {
        // Where to ask for facts; its workload says whether it accepts requests.
        let reachable = |pod: &Self| {
            let status = pod.status.as_ref();
            let address = status.and_then(|status| status.pod_ip.clone());
            let phase = status.and_then(|status| status.phase.clone());
            (address, phase, pod.metadata.deletion_timestamp.clone())
        };
        if before.map(reachable) == now.map(reachable) {
            return Vec::new();
        }
        let integration = now.or(before).and_then(labelled);
        let integration =
            integration.map(|(_, (namespace, name))| Key::integration(&namespace, &name));
        integration.into_iter().collect()
    }
}

macro_rules! children {
    ($($kind:ty, $field:ident;)+) => {$(
        impl Watched for $kind {
                    fn cache(objects: &Objects) -> &Cache<Self> {
                &objects.$field
            }

            fn cache_mut(objects: &mut Objects) -> &mut Cache<Self> {
                &mut objects.$field
            }

            fn trim(&mut self) {
                trim_child(self);
            }

            fn affected(_: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key> {
                now.or(before).and_then(owner).into_iter().collect()
            }
        }
    )+};
}

children! {
    Deployment, deployments;
    StatefulSet, stateful_sets;
    Service, services;
    ServiceAccount, service_accounts;
    PodDisruptionBudget, disruption_budgets;
    NetworkPolicy, network_policies;
    Ingress, ingresses;
    HTTPRoute, http_routes;
}

fn readable<K>(object: &Guarded<K>) -> Option<&K> {
    object.0.as_ref().ok()
}

fn full_name<K: Resource>(object: &K) -> Name {
    let (namespace, name) = names(object);
    (namespace.to_owned(), name.to_owned())
}

fn integration_of(connection: &ZoomConnection) -> Name {
    let (namespace, name) = connection.integration();
    (namespace.to_owned(), name.to_owned())
}

/// The Secrets that an integration reads or writes.
fn secrets_of_integration(integration: &ZoomIntegration) -> Vec<Name> {
    let webhook = integration.spec.webhook.as_ref();
    let sink = webhook.and_then(|webhook| webhook.sink_secret());
    [
        Some(integration.spec.credentials.secret_ref.name.clone()),
        Some(Owner::integration(integration).secret_name),
        sink.map(ToOwned::to_owned),
        Some(control_name(integration)),
        lifecycle::is_wanted(integration).then(|| lifecycle_name(integration)),
    ]
    .into_iter()
    .flatten()
    .map(|secret| (names(integration).0.to_owned(), secret))
    .collect()
}

/// The Secrets that a connection reads or writes, in addition to its app's credentials.
fn secrets_of_connection(connection: &ZoomConnection) -> Vec<Name> {
    let imported = connection.spec.import_secret_ref.as_ref();
    let sink = connection.spec.sink.as_ref();
    [
        imported.map(|imported| imported.name.clone()),
        sink.and_then(|sink| Some(sink.secret()?.name.clone())),
        Some(grants::secret::name(&connection.name_any())),
        Some(Owner::connection(connection).secret_name),
    ]
    .into_iter()
    .flatten()
    .map(|secret| (names(connection).0.to_owned(), secret))
    .collect()
}

/// The name of a Pod, and the integration in its labels.
fn labelled(pod: &Pod) -> Option<(String, Name)> {
    let (namespace, name) = names(pod);
    let integration = pod.labels().get(label::INSTANCE)?;
    Some((name.to_owned(), (namespace.to_owned(), integration.clone())))
}

/// The integration that an object was made for.
fn owner<K: Resource>(child: &K) -> Option<Key> {
    let (namespace, _) = names(child);
    let integration = ZoomIntegration::kind(&());
    let owners = child.owner_references().iter();
    let owner = owners
        .filter(|owner| owner.kind == integration)
        .map(|owner| owner.name.as_str())
        .next();
    let labelled = || child.labels().get(label::INTEGRATION).map(String::as_str);
    Some(Key::integration(namespace, owner.or_else(labelled)?))
}

/// Keeps only spec, status and our own metadata of declared resources.
fn trim_resource<K: Resource>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    meta.self_link = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| is_ours(key));
    }
    if let Some(labels) = &mut meta.labels {
        labels.retain(|key, _| is_ours(key) || key == label::MANAGED_BY);
    }
}

/// Of what was made for an integration, others' annotations are left out: they may be as long as people like.
fn trim_child<K: Resource>(object: &mut K) {
    let meta = object.meta_mut();
    let applied = applied_annotations(meta);
    meta.managed_fields = None;
    meta.self_link = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| is_ours(key) || applied.contains(key));
    }
}

/// The annotations that this operator applied, by the API server's own record.
fn applied_annotations(meta: &ObjectMeta) -> HashSet<String> {
    let fields = meta.managed_fields.iter().flatten();
    fields
        .filter(|fields| fields.manager.as_deref() == Some(FIELD_MANAGER))
        .filter_map(|fields| {
            fields.fields_v1.as_ref()?.0["f:metadata"]["f:annotations"].as_object()
        })
        .flat_map(|annotations| annotations.keys())
        .filter_map(|key| key.strip_prefix("f:").map(ToOwned::to_owned))
        .collect()
}

fn is_ours(key: &str) -> bool {
    let prefix = key.split_once('/').map(|(prefix, _)| prefix);
    prefix == Some(GROUP)
}
