//! The `StatefulSet` of a receiver whose buffer is on a volume claim.

use std::collections::BTreeMap;

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
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
    },
};
use kube::ResourceExt as _;

use super::{
    buffer,
    names::{labels, metadata, selector_labels, workload_name},
    quantity,
    setting::Kind,
};
use crate::api::{
    annotation,
    v1alpha1::{Buffer, BufferStorage, Webhook, ZoomIntegration},
};

pub(super) fn build(
    integration: &ZoomIntegration,
    replicas: i32,
    template: PodTemplateSpec,
    buffer: &Buffer,
    live: Option<&StatefulSet>,
) -> StatefulSet {
    let mut claim = claim(integration, buffer);
    let mut annotations = BTreeMap::from([(annotation::BUFFERS.to_owned(), replicas.to_string())]);
    // Nothing in the template can be changed, neither its labels nor its size.
    if let Some(live) = live.and_then(claim_of) {
        claim.metadata.labels.clone_from(&live.metadata.labels);
        if let (Some(spec), Some(first)) = (&mut claim.spec, template_size(live)) {
            let size = buffer::size(buffer);
            if quantity::thousandths(&first.0) != quantity::thousandths(&size.0) {
                annotations.insert(annotation::BUFFER_SIZE.to_owned(), size.0);
            }
            spec.resources = Some(requesting(first));
        }
    }
    StatefulSet {
        metadata: ObjectMeta {
            name: Some(workload_name(&integration.name_any(), Kind::StatefulSet)),
            annotations: Some(annotations),
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
            resources: Some(requesting(buffer::size(buffer))),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

fn requesting(size: Quantity) -> VolumeResourceRequirements {
    VolumeResourceRequirements {
        requests: Some([("storage".to_owned(), size)].into()),
        ..VolumeResourceRequirements::default()
    }
}

/// `wanted` with the volume that a `StatefulSet` has: its class cannot change, and its size changes once its
/// volumes have `grown` to the wanted one. Fields that only `wanted` has keep their defaults.
#[must_use]
pub fn buffer_of(live: &StatefulSet, wanted: Option<&Buffer>, grown: bool) -> Buffer {
    let claim = claim_of(live);
    let class = claim.and_then(|claim| claim.spec.as_ref()?.storage_class_name.clone());
    let size = wanted
        .filter(|_| grown)
        .map(buffer::size)
        .or_else(|| size_of(live));
    Buffer {
        storage: Some(BufferStorage::Persistent),
        storage_class_name: class,
        size,
        max_age: wanted.and_then(|wanted| wanted.max_age.clone()),
        max_attempts: wanted.and_then(|wanted| wanted.max_attempts),
        account_share: wanted.and_then(|wanted| wanted.account_share),
    }
}

/// How many Pods of a live `StatefulSet` may have stored events: those that were applied, also if somebody has scaled
/// some of them away since. An earlier version did not note the number; the declared one takes its place.
#[must_use]
pub fn buffers(integration: &ZoomIntegration, live: &StatefulSet) -> i32 {
    let noted = live.annotations().get(annotation::BUFFERS);
    let noted = noted.and_then(|noted| noted.parse().ok()).or_else(|| {
        let webhook = integration.spec.webhook.as_ref();
        webhook.map(Webhook::replicas)
    });
    scale(live).max(noted.unwrap_or_default())
}

/// How many Pods a `StatefulSet` is to have.
#[must_use]
pub fn scale(live: &StatefulSet) -> i32 {
    let spec = live.spec.as_ref();
    spec.and_then(|spec| spec.replicas).unwrap_or(1)
}

/// The fields of `wanted` that this `StatefulSet` cannot adopt, each with its current value: a volume never
/// shrinks.
#[must_use]
pub fn immutable(live: &StatefulSet, wanted: &Buffer) -> Vec<(&'static str, String)> {
    let now = buffer_of(live, None, false);
    let (has, wants) = (buffer::size(&now), buffer::size(wanted));
    let mut fields = Vec::new();
    if quantity::thousandths(&has.0) > quantity::thousandths(&wants.0) {
        fields.push(("webhook.buffer.size", has.0));
    }
    if now.storage_class_name != wanted.storage_class_name {
        let class = now.storage_class_name;
        let class = class.unwrap_or_else(|| "the cluster's default class".into());
        fields.push(("webhook.buffer.storageClassName", class));
    }
    fields
}

/// The size that the volumes of this `StatefulSet` are to have, if it is larger than that of its template: its
/// claims have to be expanded, those of new Pods too.
#[must_use]
pub fn expansion(live: &StatefulSet, wanted: &Buffer) -> Option<Quantity> {
    let first = template_size(claim_of(live)?)?;
    let wants = buffer::size(wanted);
    let grows = quantity::thousandths(&wants.0) > quantity::thousandths(&first.0);
    (grows && immutable(live, wanted).is_empty()).then_some(wants)
}

/// The size that the receiver uses: that of the expanded volumes, or the first one.
#[must_use]
pub fn size_of(live: &StatefulSet) -> Option<Quantity> {
    let expanded = live.annotations().get(annotation::BUFFER_SIZE);
    let first = template_size(claim_of(live)?)?;
    let larger = expanded
        .filter(|size| quantity::thousandths(size) > quantity::thousandths(&first.0))
        .map(|size| Quantity(size.clone()));
    Some(larger.unwrap_or(first))
}

fn template_size(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    requests.get("storage").cloned()
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
