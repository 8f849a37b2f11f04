//! Names and labels of a receiver's objects.

use std::collections::BTreeMap;

use contract::receiver::{control, routes};
use data_encoding::HEXLOWER;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource as _, ResourceExt as _};
use sha2::{Digest as _, Sha256};

use super::setting::Kind;
use crate::api::{label, v1alpha1::ZoomIntegration};

/// Name of the Secret with the token of the control port.
#[must_use]
pub fn control_name(integration: &ZoomIntegration) -> String {
    control::secret_name(&integration.name_any())
}

/// Metadata of the Secret with the token of the control port.
#[must_use]
pub fn control_metadata(integration: &ZoomIntegration) -> ObjectMeta {
    ObjectMeta {
        name: Some(control_name(integration)),
        ..metadata(integration)
    }
}

/// Name of the Secret with the states that the sink is told of.
#[must_use]
pub fn lifecycle_name(integration: &ZoomIntegration) -> String {
    format!("{}-receiver-lifecycle", integration.name_any())
}

/// Metadata of the Secret with the states that the sink is told of.
#[must_use]
pub fn lifecycle_metadata(integration: &ZoomIntegration) -> ObjectMeta {
    ObjectMeta {
        name: Some(lifecycle_name(integration)),
        ..metadata(integration)
    }
}

/// Metadata of the Secret with this shard of the routes.
#[must_use]
pub fn routes_metadata(integration: &ZoomIntegration, shard: usize) -> ObjectMeta {
    let mut labels = labels(integration);
    labels.insert(label::USE.into(), label::ROUTES.into());
    ObjectMeta {
        name: Some(routes::secret_name(&integration.name_any(), shard)),
        labels: Some(labels),
        ..metadata(integration)
    }
}

/// Name of every object of a receiver.
#[must_use]
pub fn name(integration: &ZoomIntegration) -> String {
    format!("{}-receiver", integration.name_any())
}

/// The longest name of a `StatefulSet` that can have Pods: they carry its name, a hyphen and ten digits as a
/// label value, which has at most 63 characters.
const LONGEST_SET_NAME: usize = 52;

/// The name of this integration's workload of this kind: the name of the other objects, or a shorter one if a
/// `StatefulSet` of that name could not have Pods.
#[must_use]
pub fn workload_name(integration: &str, kind: Kind) -> String {
    let name = format!("{integration}-receiver");
    if kind == Kind::Deployment || name.len() <= LONGEST_SET_NAME {
        return name;
    }
    let digest = HEXLOWER.encode(&Sha256::digest(integration)[..4]);
    let end = format!("-{digest}-receiver");
    let start = integration.get(..LONGEST_SET_NAME - end.len());
    let start = start.unwrap_or_default().trim_end_matches(['-', '.']);
    format!("{start}{end}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stateful_set_has_a_name_that_its_pods_can_carry_and_short_names_stay() {
        for length in 1..=52 {
            let integration = "a".repeat(length);
            let whole = format!("{integration}-receiver");
            let name = workload_name(&integration, Kind::StatefulSet);
            assert!(name.len() <= 52, "{name}");
            assert_eq!(name == whole, length <= 43, "{name}");
            assert_eq!(workload_name(&integration, Kind::Deployment), whole);
        }
    }

    #[test]
    fn long_names_that_begin_alike_do_not_collide() {
        let name =
            |end: &str| workload_name(&format!("{}{end}", "a".repeat(45)), Kind::StatefulSet);
        assert_ne!(name("-one"), name("-two"));
        assert!(name("-one").ends_with("-receiver"));
        let hyphen = format!("{}-{}", "a".repeat(33), "b".repeat(15));
        let hyphen = workload_name(&hyphen, Kind::StatefulSet);
        assert!(!hyphen.contains("--"), "{hyphen}");
    }
}
