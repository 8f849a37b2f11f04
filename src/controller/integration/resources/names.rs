//! Names, labels and ports of a receiver's objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource as _, ResourceExt as _};

use crate::api::{label, v1alpha1::ZoomIntegration};

/// Port on which a receiver takes webhooks.
pub const HTTP_PORT: i32 = 8080;
/// Port of a receiver's probes and metrics.
pub const ADMIN_PORT: i32 = 8081;
/// Port on which a receiver tells the controller what it knows.
pub const FACTS_PORT: i32 = 8082;
/// Port on which a receiver with a buffer takes orders from who has its token.
pub const CONTROL_PORT: i32 = 8083;

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
pub(super) fn selector_labels(integration: &ZoomIntegration) -> BTreeMap<String, String> {
    [
        (label::NAME, label::RECEIVER_NAME.to_owned()),
        (label::INSTANCE, integration.name_any()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// The labels of every object of a receiver.
pub(super) fn labels(integration: &ZoomIntegration) -> BTreeMap<String, String> {
    let mut labels = selector_labels(integration);
    labels.insert(label::COMPONENT.into(), label::RECEIVER.into());
    labels.insert(label::MANAGED_BY.into(), label::MANAGER.into());
    labels.insert(label::INTEGRATION.into(), integration.name_any());
    labels
}

/// The metadata of every object of a receiver.
pub(super) fn metadata(integration: &ZoomIntegration) -> ObjectMeta {
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
