//! Whose an object is that has the name of one of ours. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use crate::api::v1alpha1::ZoomIntegration;

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It was made for this integration.
    Ours,
    /// It was made for a deleted integration of the same name: the garbage collector removes it.
    Leaving,
    /// Somebody else made it.
    Foreign,
}

/// Whose the object with this metadata is.
#[must_use]
pub fn whose(integration: &ZoomIntegration, object: &ObjectMeta) -> Whose {
    let mut owners = object.owner_references.iter().flatten();
    if owners
        .clone()
        .any(|owner| Some(&owner.uid) == integration.metadata.uid.as_ref())
    {
        return Whose::Ours;
    }
    let is_namesake = owners.any(|owner| {
        owner.kind == ZoomIntegration::kind(&())
            && Some(&owner.name) == integration.metadata.name.as_ref()
    });
    if is_namesake {
        Whose::Leaving
    } else {
        Whose::Foreign
    }
}

/// Whether the object was made for this integration.
#[must_use]
pub fn owned<K: Resource>(integration: &ZoomIntegration, live: &K) -> bool {
    whose(integration, live.meta()) == Whose::Ours
}
