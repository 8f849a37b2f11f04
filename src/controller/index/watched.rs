//! What a kind of object must have to be indexed, and the kinds that are made for integrations.

use std::{collections::HashSet, fmt::Debug, sync::Arc};

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
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::{
    cache::{Cache, Kept, names},
    objects::{Name, Objects, named},
};
use crate::{
    api::{FIELD_MANAGER, GROUP, label, v1alpha1::ZoomIntegration},
    controller::{integration::resources::HTTPRoute, key::Key},
};

/// A kind of object that the index knows.
pub trait Watched:
    Kept
    + Resource<DynamicType = (), Scope = NamespaceResourceScope>
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

    /// Whether a change asks for another token, and changes nothing else.
    fn only_asks(_before: &Self, _now: &Self) -> bool {
        false
    }

    /// The objects that need a pass when an object of this kind is added, changed or deleted.
    fn affected(objects: &Objects, before: Option<&Self>, now: Option<&Self>) -> Vec<Key>;
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

macro_rules! kept {
    ($($kind:ty)+) => {$(
        impl Kept for $kind {
            type Facts = ();

            fn facts(&self) {}

            fn pack(&self) -> Option<Vec<u8>> {
                serde_json::to_vec(self).ok()
            }

            fn unpack(text: &[u8]) -> Option<Self> {
                serde_json::from_slice(text).ok()
            }
        }
    )+};
}

kept! {
    Deployment StatefulSet Service ServiceAccount PodDisruptionBudget NetworkPolicy Ingress HTTPRoute Pod
}

/// The name of a Pod, and the integration in its labels.
fn labelled(pod: &Pod) -> Option<(Arc<str>, Name)> {
    let (namespace, name) = names(pod);
    let integration = pod.labels().get(label::INSTANCE)?;
    Some((name.into(), named(namespace, integration)))
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

/// Whether the key of an annotation or a label is one of ours.
pub fn is_ours(key: &str) -> bool {
    let prefix = key.split_once('/').map(|(prefix, _)| prefix);
    prefix == Some(GROUP)
}
