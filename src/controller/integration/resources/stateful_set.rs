//! The `StatefulSet` of a receiver whose buffer is on a volume claim.

use k8s_openapi::{
    api::{
        apps::v1::{
            StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
            StatefulSetUpdateStrategy,
        },
        core::v1::{
            PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec,
            VolumeResourceRequirements,
        },
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use kube::ResourceExt as _;

use super::{
    buffer,
    names::{labels, metadata, selector_labels, workload_name},
    quantity,
    setting::Kind,
};
use crate::api::v1alpha1::{Buffer, BufferStorage, ZoomIntegration};

pub(super) fn build(
    integration: &ZoomIntegration,
    replicas: i32,
    template: PodTemplateSpec,
    buffer: &Buffer,
    live: Option<&StatefulSet>,
) -> StatefulSet {
    let mut claim = claim(integration, buffer);
    // Nothing in the template can be changed, not even its labels.
    if let Some(live) = live.and_then(claim_of) {
        claim.metadata.labels.clone_from(&live.metadata.labels);
    }
    StatefulSet {
        metadata: ObjectMeta {
            name: Some(workload_name(&integration.name_any(), Kind::StatefulSet)),
            ..metadata(integration)
        },
        spec: Some(StatefulSetSpec {
            replicas: Some(replicas),
            revision_history_limit: Some(2),
            selector: LabelSelector {
                match_labels: Some(selector_labels(integration)),
                ..LabelSelector::default()
            },
            // No client addresses a Pod by name, and no Pod waits for another: no headless Service.
            service_name: None,
            pod_management_policy: Some("Parallel".into()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".into()),
                ..StatefulSetUpdateStrategy::default()
            }),
            // Whatever ends the Pods, their stored events stay until the buffer is known to be empty: see
            // `apply::retire::release_claims`.
            persistent_volume_claim_retention_policy: Some(
                StatefulSetPersistentVolumeClaimRetentionPolicy {
                    when_deleted: Some("Retain".into()),
                    when_scaled: Some("Retain".into()),
                },
            ),
            template,
            volume_claim_templates: Some(vec![claim]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn claim(integration: &ZoomIntegration, buffer: &Buffer) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(buffer::VOLUME.into()),
            labels: Some(labels(integration)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".into()]),
            storage_class_name: buffer.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), buffer::size(buffer))].into()),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

/// `wanted` with the volume that a `StatefulSet` already has, which cannot change. Fields that only `wanted`
/// has keep their defaults.
#[must_use]
pub fn buffer_of(live: &StatefulSet, wanted: Option<&Buffer>) -> Buffer {
    let claim = claim_of(live).and_then(|claim| claim.spec.as_ref());
    Buffer {
        storage: Some(BufferStorage::Persistent),
        storage_class_name: claim.and_then(|claim| claim.storage_class_name.clone()),
        size: claim.and_then(|claim| {
            let requests = claim.resources.as_ref()?.requests.as_ref()?;
            requests.get("storage").cloned()
        }),
        max_age: wanted.and_then(|wanted| wanted.max_age.clone()),
        max_attempts: wanted.and_then(|wanted| wanted.max_attempts),
    }
}

/// The fields of `wanted` that this `StatefulSet` cannot adopt, each with its current value.
#[must_use]
pub fn immutable(live: &StatefulSet, wanted: &Buffer) -> Vec<(&'static str, String)> {
    let now = buffer_of(live, None);
    let (has, wants) = (buffer::size(&now), buffer::size(wanted));
    let mut fields = Vec::new();
    if quantity::thousandths(&has.0) != quantity::thousandths(&wants.0) {
        fields.push(("webhook.buffer.size", has.0));
    }
    if now.storage_class_name != wanted.storage_class_name {
        let class = now.storage_class_name;
        let class = class.unwrap_or_else(|| "the cluster's default class".into());
        fields.push(("webhook.buffer.storageClassName", class));
    }
    fields
}

/// Name of the volume claim of a Pod.
#[must_use]
pub fn claim_name(pod: &str) -> String {
    format!("{}-{pod}", buffer::VOLUME)
}

fn claim_of(live: &StatefulSet) -> Option<&PersistentVolumeClaim> {
    let templates = live.spec.as_ref()?.volume_claim_templates.as_ref()?;
    let is_buffer =
        |claim: &&PersistentVolumeClaim| claim.metadata.name.as_deref() == Some(buffer::VOLUME);
    templates.iter().find(is_buffer)
}
