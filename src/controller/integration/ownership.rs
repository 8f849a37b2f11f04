//! Whose an object is that has the name of one of ours. Pure.

use kube::{Resource, ResourceExt as _};

use crate::api::v1alpha1::ZoomIntegration;

/// Whether the object was made for this integration.
#[must_use]
pub fn owned<K: Resource>(integration: &ZoomIntegration, live: &K) -> bool {
    live.owner_references()
        .iter()
        .any(|owner| Some(&owner.uid) == integration.metadata.uid.as_ref())
}

/// Whether the object is that of a deleted integration of the same name, which the garbage collector
/// removes.
#[must_use]
pub fn leaving<K: Resource>(integration: &ZoomIntegration, live: Option<&K>) -> bool {
    live.is_some_and(|live| {
        !owned(integration, live)
            && live.owner_references().iter().any(|owner| {
                owner.kind == ZoomIntegration::kind(&())
                    && Some(&owner.name) == integration.metadata.name.as_ref()
            })
    })
}

/// Kind and name of an object that another owner made under our name.
#[must_use]
pub fn foreign<K: Resource>(
    integration: &ZoomIntegration,
    kind: &str,
    live: Option<&K>,
) -> Option<String> {
    let live = live?;
    (!owned(integration, live) && !leaving(integration, Some(live)))
        .then(|| format!("{kind} {}", live.name_any()))
}
