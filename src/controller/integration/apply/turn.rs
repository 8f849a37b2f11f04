//! A receiver's turn to be replaced.

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

/// The name that identifies a receiver's turn.
pub(super) fn name(integration: &ZoomIntegration) -> Name {
    let namespace = integration.namespace().unwrap_or_default();
    (namespace, integration.name_any())
}

/// Releases a receiver's slot, so that the next one can start.
pub fn release(rollouts: &Rollouts, requeue: &Requeue, name: &Name) {
    begin(requeue, rollouts.freed(name, Timestamp::now()));
}

/// Lets the next ones start after a pass that began at `begun`.
pub fn pass_on(rollouts: &Rollouts, requeue: &Requeue, name: &Name, begun: Timestamp) {
    begin(requeue, rollouts.next(name, begun, Timestamp::now()));
}

fn begin(requeue: &Requeue, next: Vec<Name>) {
    for (namespace, name) in next {
        requeue.now(Key::integration(&namespace, &name));
    }
}
