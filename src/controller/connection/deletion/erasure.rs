//! Gives the grant of a connection that is being deleted to the garbage collector.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    api::{
        FIELD_MANAGER,
        v1alpha1::{ConnectionDeletionPolicy, ZoomConnection},
    },
    controller::{
        error::Error,
        grants::secret::{self, GrantSecret},
        published,
        writer::Writer,
    },
};

/// Makes the connection the owner of its grant, which goes with it from now on, unless the policy says that it stays.
/// Returns whether that was allowed: without permission the connection goes all the same.
///
/// # Errors
/// When a request to the API server fails otherwise.
pub(super) async fn hand_over(writer: &Writer, connection: &ZoomConnection) -> Result<bool, Error> {
    if connection.deletion_policy() == ConnectionDeletionPolicy::Retain {
        return Ok(true);
    }
    let secrets: Api<Secret> = writer.beside(connection)?;
    let name = secret::name(&connection.name_any());
    let found = match secrets.get_opt(&name).await {
        Err(kube::Error::Api(status)) if status.is_forbidden() => return Ok(false),
        found => found?,
    };
    let is_ours = matches!(
        secret::read(connection, found.as_ref()),
        GrantSecret::Ours(_) | GrantSecret::Broken
    );
    if !is_ours {
        return Ok(true);
    }
    let patch = json!({"metadata": {
        "uid": found.and_then(|found| found.metadata.uid),
        "ownerReferences": secret::owner(connection),
    }});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    match secrets.patch(&name, &params, &Patch::Merge(patch)).await {
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(false),
        written => published::ok_if_gone(written).map(|()| true),
    }
}
