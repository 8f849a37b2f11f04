//! The operator's own finalizers. Finalizers of others are never touched.

use kube::{
    Api, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
    core::{DeserializeGuard, NamespaceResourceScope},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    error::Error,
    index::{Guarded, Watched},
    key::Key,
    writer::Writer,
};

/// Whether the object has this finalizer.
#[must_use]
pub fn holds(object: &impl Resource, finalizer: &str) -> bool {
    object.finalizers().iter().any(|name| name == finalizer)
}

/// Adds or removes the finalizer as wanted, and returns whether the object was changed. A deleted object
/// needs no finalizer.
///
/// # Errors
/// When the write fails, for example because the object changed in the meantime.
pub async fn ensure<K>(
    writer: &Writer,
    object: &K,
    finalizer: &str,
    wanted: bool,
) -> Result<bool, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
    Guarded<K>: Watched,
    for<'a> Key: From<&'a K>,
{
    if wanted == holds(object, finalizer) {
        return Ok(false);
    }
    let mut finalizers: Vec<&str> = object
        .finalizers()
        .iter()
        .map(String::as_str)
        .filter(|name| *name != finalizer)
        .collect();
    if wanted {
        finalizers.push(finalizer);
    }
    let patch = json!({"metadata": {
        "resourceVersion": object.resource_version(),
        "finalizers": finalizers,
    }});
    let api: Api<K> = writer.beside(object)?;
    let patched = api
        .patch(
            &object.name_any(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await;
    match patched {
        // The last finalizer of a deleted object: the answer is its end, which the watch reports.
        Ok(written) if is_over(&written) => Ok(true),
        Ok(written) => {
            writer.wrote(&Key::from(object), DeserializeGuard(Ok(written)));
            Ok(true)
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(true),
        Err(error) => Err(Error::from_write(error)),
    }
}

/// Whether the object no longer exists, by the answer to a write.
fn is_over(written: &impl Resource) -> bool {
    written.meta().deletion_timestamp.is_some() && written.finalizers().is_empty()
}
