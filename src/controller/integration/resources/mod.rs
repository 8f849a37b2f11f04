//! The receiver's objects as they should be: pure builders, one file per kind.

mod covers;
mod deployment;
mod service;
mod service_account;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Service, ServiceAccount},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, ResourceExt as _};
use sha2::{Digest as _, Sha256};

use crate::{
    api::{annotation, label, v1alpha1::ZoomIntegration},
    controller::config::ReceiverImage,
    ops::hex,
};

pub use covers::covers;

/// Port on which a receiver takes webhooks.
pub const HTTP_PORT: i32 = 8080;
/// Port of a receiver's probes and metrics.
pub const ADMIN_PORT: i32 = 8081;
/// Port on which a receiver tells the controller what it knows.
pub const FACTS_PORT: i32 = 8082;

/// All objects of a receiver. Destructured without `..` where they are applied, so that a new kind
/// that nobody applies does not compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    /// Its identity, without permissions.
    pub service_account: ServiceAccount,
    /// Leads to its Pods.
    pub service: Service,
    /// Runs its Pods.
    pub deployment: Deployment,
}

/// The objects of this integration's receiver; `None` without webhook or without a sink.
#[must_use]
pub fn build(integration: &ZoomIntegration, image: &ReceiverImage) -> Option<Resources> {
    Some(Resources {
        service_account: sealed(service_account::build(integration)),
        service: sealed(service::build(integration)),
        deployment: sealed(deployment::build(integration, image)?),
    })
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
    let digest = hex::encode(&Sha256::digest(text)[..16]);
    object
        .meta_mut()
        .annotations
        .get_or_insert_default()
        .insert(annotation::DESIRED.into(), digest);
    object
}
