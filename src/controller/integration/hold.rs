//! The finalizer that keeps an integration until its receiver has delivered what it stored.

use kube::ResourceExt as _;

use super::model::Receiver;
use crate::api::v1alpha1::ZoomIntegration;

/// Keeps an integration until its receiver has delivered what it stored.
pub const FINALIZER: &str = "zoom-operator.io/buffer";

/// Whether the integration has the finalizer.
#[must_use]
pub fn is_held(integration: &ZoomIntegration) -> bool {
    integration
        .finalizers()
        .iter()
        .any(|name| name == FINALIZER)
}

/// Whether an integration needs the finalizer: as long as events are stored, or may be from this pass on.
#[must_use]
pub fn is_needed(integration: &ZoomIntegration, receiver: &Receiver) -> bool {
    let webhook = integration.spec.webhook.as_ref();
    webhook.is_some_and(|webhook| webhook.buffer.is_some())
        || receiver.live(integration).iter().any(|live| live.buffered)
}
