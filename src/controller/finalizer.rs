//! The operator's own finalizers. Finalizers of others are never touched.

use kube::{
    Api, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
    core::{DeserializeGuard, NamespaceResourceScope},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    error::Error,
    index::{Guarded, Watched},
    key::Key,
    writer::Writer,
};

/// How often the removal from a deleted object is tried, if others change it meanwhile.
const RETRIES: usize = 5;

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
    let api: Api<K> = writer.beside(object)?;
    let name = object.name_any();
    let mut object = object.clone();
    for _ in 0..RETRIES {
        let patched = api
            .patch(
                &name,
                &PatchParams::default(),
                &Patch::Merge(change(&object, finalizer, wanted)),
            )
            .await;
        match patched {
            // The last finalizer of a deleted object: the answer is its end, which the watch reports.
            Ok(written) if is_over(&written) => return Ok(true),
            Ok(written) => {
                writer.wrote(&Key::from(&object), DeserializeGuard(Ok(written)));
                return Ok(true);
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(true),
            // What the deletion had to do is done. The garbage collector removes its own finalizer at the same time.
            Err(kube::Error::Api(status)) if status.is_conflict() && is_deleted(&object) => {
                let live = api.get_opt(&name).await?;
                let same = live.filter(|live| live.uid() == object.uid());
                match same {
                    Some(live) if holds(&live, finalizer) => object = live,
                    _ => return Ok(true),
                }
            }
            Err(error) => return Err(Error::from_write(error)),
        }
    }
    Err(Error::Conflict)
}

/// The finalizers with this one, or without it.
fn change(object: &impl Resource, finalizer: &str, wanted: bool) -> Value {
    let mut finalizers: Vec<&str> = object
        .finalizers()
        .iter()
        .map(String::as_str)
        .filter(|name| *name != finalizer)
        .collect();
    if wanted {
        finalizers.push(finalizer);
    }
    json!({"metadata": {
        "resourceVersion": object.meta().resource_version,
        "finalizers": finalizers,
    }})
}

fn is_deleted(object: &impl Resource) -> bool {
    object.meta().deletion_timestamp.is_some()
}

/// Whether the object no longer exists, by the answer to a write.
fn is_over(written: &impl Resource) -> bool {
    written.meta().deletion_timestamp.is_some() && written.finalizers().is_empty()
}
