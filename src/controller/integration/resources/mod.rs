//! The receiver's objects as they should be: pure builders, one file per kind.

mod args;
mod covers;
mod deployment;
mod disruption_budget;
mod http_route;
mod ingress;
mod network_policy;
mod pod;
mod quantity;
mod service;
mod service_account;
pub mod stateful_set;
mod volumes;

use data_encoding::HEXLOWER;
use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{PodTemplateSpec, Service, ServiceAccount},
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt as _};
use sha2::{Digest as _, Sha256};

use crate::{
    api::{
        annotation, label,
        v1alpha1::{Buffer, BufferStorage, ZoomIntegration},
    },
    controller::config::{ReceiverImage, ReceiverPolicy},
};

pub use covers::covers;
pub use http_route::HTTPRoute;
pub use volumes::keys as authentication_keys;

/// Port on which a receiver takes webhooks.
pub const HTTP_PORT: i32 = 8080;
/// Port of a receiver's probes and metrics.
pub const ADMIN_PORT: i32 = 8081;
/// Port on which a receiver tells the controller what it knows.
pub const FACTS_PORT: i32 = 8082;
/// Port on which a receiver with a buffer takes orders from who has its token.
pub const CONTROL_PORT: i32 = 8083;

/// All objects of a receiver. Destructured without `..` where they are applied, so that a new kind
/// that nobody applies does not compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    /// Its identity, without permissions.
    pub service_account: ServiceAccount,
    /// Leads to its Pods.
    pub service: Service,
    /// Runs its Pods.
    pub workload: Workload,
    /// Keeps all but one of them while nodes are emptied.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Who may talk to them.
    pub network_policy: Option<NetworkPolicy>,
    /// Leads to the Service from outside.
    pub ingress: Option<Ingress>,
    /// Leads to the Service from outside.
    pub http_route: Option<HTTPRoute>,
}

/// What runs a receiver's Pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// Without a buffer, or with one that goes with its Pod.
    Deployment(Box<Deployment>),
    /// With a buffer on a volume claim.
    StatefulSet(Box<StatefulSet>),
}

/// The kinds of [`Workload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Deployment.
    Deployment,
    /// A `StatefulSet`.
    StatefulSet,
}

/// Whether a receiver may be given its sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SinkAccess {
    /// Yes, with its credentials, if any are named.
    #[default]
    Granted,
    /// Not now: the receiver is told no sink, and answers events with 503.
    Withheld,
}

/// What besides the integration says how a receiver is to be.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The image.
    pub image: &'a ReceiverImage,
    /// The operator's policy.
    pub policy: &'a ReceiverPolicy,
    /// Whether it has its sink.
    pub sink: SinkAccess,
    /// Number of Pods, where it is another than declared for now.
    pub replicas: Option<i32>,
    /// Its `StatefulSet` as it is, whose volume cannot change.
    pub live: Option<&'a StatefulSet>,
    /// Whether its host is its own.
    pub exposed: bool,
}

// === impl Kind ===

impl Kind {
    /// The kind of workload that has such a buffer.
    #[must_use]
    pub fn of(buffer: Option<&Buffer>) -> Self {
        match buffer.map(pod::storage) {
            Some(BufferStorage::Persistent) => Self::StatefulSet,
            Some(BufferStorage::Ephemeral) | None => Self::Deployment,
        }
    }

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
        }
    }
}

/// The objects of this integration's receiver; `None` without webhook.
#[must_use]
pub fn build(integration: &ZoomIntegration, setting: &Setting<'_>) -> Option<Resources> {
    let webhook = integration.spec.webhook.as_ref()?;
    let replicas = setting.replicas.unwrap_or_else(|| webhook.replicas());
    let wanted = webhook.buffer.as_ref();
    let workload = if let (Kind::StatefulSet, Some(wanted)) = (Kind::of(wanted), wanted) {
        let buffer = setting.live.map_or_else(
            || wanted.clone(),
            |live| stateful_set::buffer_of(live, Some(wanted)),
        );
        let template = pod::template(integration, webhook, Some(&buffer), setting);
        let set = stateful_set::build(integration, replicas, template, &buffer, setting.live);
        Workload::StatefulSet(Box::new(sealed(set)))
    } else {
        let template = pod::template(integration, webhook, wanted, setting);
        let deployment = deployment::build(integration, replicas, template);
        Workload::Deployment(Box::new(sealed(deployment)))
    };
    Some(Resources {
        service_account: sealed(service_account::build(integration)),
        service: sealed(service::build(integration)),
        workload,
        disruption_budget: disruption_budget::build(integration, webhook).map(sealed),
        network_policy: network_policy::build(integration, setting.policy).map(sealed),
        ingress: ingress::build(integration, webhook)
            .filter(|_| setting.exposed)
            .map(sealed),
        http_route: http_route::build(integration, webhook)
            .filter(|_| setting.exposed)
            .map(sealed),
    })
}

/// A `StatefulSet` that is to go, as it should be until it is empty: with the sink and the settings of
/// today and the volume that it has. `None` without webhook, when nothing says where events go.
#[must_use]
pub fn retiring(
    integration: &ZoomIntegration,
    live: &StatefulSet,
    setting: &Setting<'_>,
) -> Option<StatefulSet> {
    let webhook = integration.spec.webhook.as_ref()?;
    let buffer = stateful_set::buffer_of(live, webhook.buffer.as_ref());
    let replicas = live.spec.as_ref().and_then(|spec| spec.replicas);
    let template = pod::template(integration, webhook, Some(&buffer), setting);
    let replicas = replicas.unwrap_or(1);
    Some(sealed(stateful_set::build(
        integration,
        replicas,
        template,
        &buffer,
        Some(live),
    )))
}

/// Whether Pods of this template store events.
#[must_use]
pub fn is_buffered(template: &PodTemplateSpec) -> bool {
    let containers = template.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .flat_map(|container| container.args.iter().flatten())
        .any(|arg| arg.starts_with("--buffer-dir="))
}

/// Name of the Secret with the token of the control port.
#[must_use]
pub fn control_name(integration: &ZoomIntegration) -> String {
    format!("{}-receiver-control", integration.name_any())
}

/// Metadata of the Secret with the token of the control port.
#[must_use]
pub fn control_metadata(integration: &ZoomIntegration) -> ObjectMeta {
    ObjectMeta {
        name: Some(control_name(integration)),
        ..metadata(integration)
    }
}

/// Name of every object of a receiver.
#[must_use]
pub fn name(integration: &ZoomIntegration) -> String {
    format!("{}-receiver", integration.name_any())
}

/// Label selector of a receiver's Pods.
#[must_use]
pub fn selector(integration: &ZoomIntegration) -> String {
    selector_labels(integration)
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// The labels that select a receiver's Pods; they never change.
fn selector_labels(integration: &ZoomIntegration) -> BTreeMap<String, String> {
    [
        (label::NAME, label::RECEIVER_NAME.to_owned()),
        (label::INSTANCE, integration.name_any()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn labels(integration: &ZoomIntegration) -> BTreeMap<String, String> {
    let mut labels = selector_labels(integration);
    labels.insert(label::COMPONENT.into(), label::RECEIVER.into());
    labels.insert(label::MANAGED_BY.into(), label::MANAGER.into());
    labels.insert(label::INTEGRATION.into(), integration.name_any());
    labels
}

fn metadata(integration: &ZoomIntegration) -> ObjectMeta {
    ObjectMeta {
        name: Some(name(integration)),
        namespace: integration.namespace(),
        labels: Some(labels(integration)),
        owner_references: integration
            .controller_owner_ref(&())
            .map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// Writes the object's digest into its annotations: a field that is no longer wanted shows as a
/// changed digest, where comparing fields would not notice.
fn sealed<K: Resource + serde::Serialize>(mut object: K) -> K {
    let text = serde_json::to_vec(&object).unwrap_or_default();
    let digest = HEXLOWER.encode(&Sha256::digest(text)[..16]);
    object
        .meta_mut()
        .annotations
        .get_or_insert_default()
        .insert(annotation::DESIRED.into(), digest);
    object
}

#[cfg(test)]
mod tests;
