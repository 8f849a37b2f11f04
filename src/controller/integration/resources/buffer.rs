//! The effects of a buffer on its Pods.

use std::time::Duration;

use k8s_openapi::{api::core::v1::PodTemplateSpec, apimachinery::pkg::api::resource::Quantity};

use super::quantity;
use crate::api::v1alpha1::{Buffer, BufferStorage};

/// Name of the buffer's volume, and of its claim template.
pub(super) const VOLUME: &str = "buffer";

/// Default size of a buffer's volume.
pub const DEFAULT_SIZE: &str = "1Gi";

/// What a Pod writes beside an ephemeral buffer, in bytes: its state, 16 MiB, and its logs, of which the kubelet keeps
/// 50 MiB by default.
pub(super) const BESIDE_BUFFER: u64 = 128 << 20;

/// Time to finish requests in flight.
const GRACE: Duration = Duration::from_secs(30);
/// Time with a persistent buffer: a sink may take a minute for an event, so twice that, plus the drain.
const GRACE_OF_PERSISTENT: Duration = Duration::from_secs(150);
/// Time to deliver the events of an ephemeral buffer.
const GRACE_OF_EPHEMERAL: Duration = Duration::from_mins(5);
/// The part of this time that is reserved for closing.
const TO_CLOSE: Duration = Duration::from_secs(20);

/// The termination grace period of a Pod with this buffer.
pub(super) fn grace(buffer: Option<&Buffer>) -> Duration {
    match buffer.map(storage) {
        Some(BufferStorage::Ephemeral) => GRACE_OF_EPHEMERAL,
        Some(BufferStorage::Persistent) => GRACE_OF_PERSISTENT,
        None => GRACE,
    }
}

/// How long a receiver with an ephemeral buffer delivers after it is asked to stop.
pub(super) fn drain_limit() -> Duration {
    GRACE_OF_EPHEMERAL.saturating_sub(TO_CLOSE)
}

/// The storage of a buffer.
pub(super) fn storage(buffer: &Buffer) -> BufferStorage {
    buffer.storage.unwrap_or_default()
}

/// The size of the volume.
pub(super) fn size(buffer: &Buffer) -> Quantity {
    buffer
        .size
        .clone()
        .unwrap_or_else(|| Quantity(DEFAULT_SIZE.into()))
}

/// What the Pod needs of its node's storage, in bytes: an ephemeral buffer, and what else it and its logs take. With a
/// smaller limit, such as a default of the namespace, the kubelet evicts the Pod with its events.
pub(super) fn ephemeral_storage(buffer: &Buffer) -> Option<Quantity> {
    if storage(buffer) == BufferStorage::Persistent {
        return None;
    }
    let size = quantity::bytes(&size(buffer))?;
    Some(Quantity(size.checked_add(BESIDE_BUFFER)?.to_string()))
}

/// Whether Pods of this template store events.
#[must_use]
pub fn is_buffered(template: &PodTemplateSpec) -> bool {
    has_flag(template, "--buffer-dir=")
}

/// Whether Pods of this template read routes of connections.
#[must_use]
pub fn reads_routes(template: &PodTemplateSpec) -> bool {
    has_flag(template, "--routes-dir=")
}

fn has_flag(template: &PodTemplateSpec, flag: &str) -> bool {
    let containers = template.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .flat_map(|container| container.args.iter().flatten())
        .any(|arg| arg.starts_with(flag))
}
