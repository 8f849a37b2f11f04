//! How the memory of a receiver grows with its buffer.
//!
//! A receiver that tells accounts apart has a few bytes of each stored event in memory: 20 MiB for a Gi of events of 900
//! bytes. The default limit has room for one Gi.

use k8s_openapi::{
    api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity,
};

use crate::{
    api::v1alpha1::Buffer,
    controller::integration::resources::{buffer, quantity, setting::Setting},
};

const GI: u64 = 1024 * 1024 * 1024;
const MI: u64 = 1024 * 1024;
/// Memory for each further Gi of the buffer.
const EACH: u64 = 32 * MI;

/// These default resources, with a higher limit of memory for a large buffer.
pub(super) fn grown(
    mut resources: ResourceRequirements,
    setting: &Setting<'_>,
    buffer: Option<&Buffer>,
) -> ResourceRequirements {
    let size = buffer.filter(|_| setting.routes).map(buffer::size);
    let size = size.and_then(|size| quantity::bytes(&size)).unwrap_or(0);
    let more = size.div_ceil(GI).saturating_sub(1).saturating_mul(EACH);
    let limits = resources.limits.as_mut();
    if let Some(limit) = limits.and_then(|limits| limits.get_mut("memory"))
        && let Some(bytes) = quantity::bytes(limit).filter(|_| more > 0)
    {
        let bytes = bytes.saturating_add(more);
        *limit = Quantity(if bytes.is_multiple_of(MI) {
            format!("{}Mi", bytes / MI)
        } else {
            bytes.to_string()
        });
    }
    resources
}
