//! What a buffer means for the Pods that have it.

use std::time::Duration;

use k8s_openapi::{api::core::v1::PodTemplateSpec, apimachinery::pkg::api::resource::Quantity};

use crate::api::v1alpha1::{Buffer, BufferStorage};

/// Name of the buffer's volume, and of its claim's template.
pub(super) const VOLUME: &str = "buffer";

/// Size of a buffer's volume unless stated.
pub const DEFAULT_SIZE: &str = "1Gi";

/// Time to finish what is in flight.
const GRACE: Duration = Duration::from_secs(30);
/// The same with a buffer, before which a sink may take a minute for an event: twice, and the drain.
const GRACE_OF_PERSISTENT: Duration = Duration::from_secs(150);
/// Time to deliver what is in a buffer that goes with its Pod.
const GRACE_OF_EPHEMERAL: Duration = Duration::from_mins(5);
/// Of that, the time that is left to close everything.
const TO_CLOSE: Duration = Duration::from_secs(20);

/// How long a Pod with this buffer may take to end.
pub(super) fn grace(buffer: Option<&Buffer>) -> Duration {
    match buffer.map(storage) {
        Some(BufferStorage::Ephemeral) => GRACE_OF_EPHEMERAL,
        Some(BufferStorage::Persistent) => GRACE_OF_PERSISTENT,
        None => GRACE,
    }
}

/// How long a receiver whose buffer goes with its Pod delivers after the request to stop.
pub(super) fn drain_limit() -> Duration {
    GRACE_OF_EPHEMERAL.saturating_sub(TO_CLOSE)
}

/// Where a buffer lies.
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

/// Whether Pods of this template store events.
#[must_use]
pub fn is_buffered(template: &PodTemplateSpec) -> bool {
    let containers = template.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .flat_map(|container| container.args.iter().flatten())
        .any(|arg| arg.starts_with("--buffer-dir="))
}
