//! Applies one of our objects, or removes it.

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    api::{FIELD_MANAGER, v1alpha1::ZoomIntegration},
    controller::{
        error::Error, index::Watched, integration::ownership::owned, key::Key,
        published::ok_if_gone, writer::Writer,
    },
};

/// Applies one object. Returns it as it is now, and as the next pass will find it.
pub(super) async fn apply<K: Watched + Serialize>(
    writer: &Writer,
    integration: &ZoomIntegration,
    wanted: &K,
) -> Result<K, Error> {
    let api: Api<K> = writer.beside(wanted)?;
    let name = wanted.name_any();
    tracing::info!(kind = %K::kind(&()), name, "applying");
    let written = api
        .patch(
            &name,
            &PatchParams::apply(FIELD_MANAGER).force(),
            &Patch::Apply(wanted),
        )
        .await
        .map_err(Error::from_write)?;
    writer.wrote(&Key::from(integration), written.clone());
    Ok(written)
}

/// Deletes one object if it is ours.
pub(super) async fn remove<K>(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: Option<&K>,
) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let Some(live) = live.filter(|live| owned(integration, *live)) else {
        return Ok(());
    };
    let api: Api<K> = writer.beside(integration)?;
    let exactly = Preconditions {
        uid: live.uid(),
        resource_version: None,
    };
    ok_if_gone(
        api.delete(
            &live.name_any(),
            &DeleteParams::background().preconditions(exactly),
        )
        .await,
    )
}
