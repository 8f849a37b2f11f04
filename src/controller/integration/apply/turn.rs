//! The turn of a receiver among those that are replaced.

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        key::Key,
        queue::Requeue,
        rollouts::{Name, Rollouts},
    },
};

/// The name by which a receiver's turn is known.
pub(super) fn name(integration: &ZoomIntegration) -> Name {
    let namespace = integration.namespace().unwrap_or_default();
    (namespace, integration.name_any())
}

/// A receiver needs no slot any more: the next may begin.
pub fn release(rollouts: &Rollouts, requeue: &Requeue, name: &Name) {
    for (namespace, name) in rollouts.freed(name, Timestamp::now()) {
        requeue.now(Key::integration(&namespace, &name));
    }
}
