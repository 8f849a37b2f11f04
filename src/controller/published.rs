//! The published token Secret: writing it, owning it, removing it.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::ObjectMeta,
};

use super::{
    error::Error,
    token_secret::{Owner, Stored, TokenSecret},
};
use crate::api::FIELD_MANAGER;

/// A Secret as it was read. Another one of its name, or a later version, is not removed in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exactly {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: Option<String>,
    /// Its version.
    pub resource_version: Option<String>,
}

/// Writes the Secret over the version that was observed. If somebody wrote in between, their write stays.
///
/// # Errors
/// When the API server refuses, or somebody wrote in between.
pub async fn publish(
    secrets: &Api<Secret>,
    observed: &TokenSecret,
    build: impl FnOnce(Option<&str>) -> Secret,
) -> Result<Secret, Error> {
    let written = match observed {
        TokenSecret::Ours(stored) => {
            let secret = build(Some(&stored.resource_version));
            secrets
                .patch(
                    &secret.name_any(),
                    &PatchParams::apply(FIELD_MANAGER).force(),
                    &Patch::Apply(&secret),
                )
                .await
        }
        _ => secrets.create(&parameters(), &build(None)).await,
    };
    written.map_err(Error::from_write)
}

/// Updates the Secret's owner references, labels and annotations to match what the resource declares.
///
/// # Errors
/// As [`publish`].
pub async fn reown(
    secrets: &Api<Secret>,
    owner: &Owner,
    resource_version: &str,
) -> Result<Secret, Error> {
    let live = secrets.get_metadata_opt(&owner.secret_name).await;
    let live = live.map_err(Error::from_write)?;
    let live = live.ok_or(Error::Conflict)?.metadata;
    if live.resource_version.as_deref() != Some(resource_version) {
        return Err(Error::Conflict);
    }
    let params = patch_parameters();
    secrets
        .patch(
            &owner.secret_name,
            &params,
            &Patch::Merge(owner.alteration(&live)),
        )
        .await
        .map_err(Error::from_write)
}

/// Removes exactly the Secret that was read. A Secret that no longer exists is not an error.
///
/// # Errors
/// When the API server refuses, or somebody wrote in between.
pub async fn remove(secrets: &Api<Secret>, secret: &Exactly) -> Result<(), Error> {
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: secret.uid.clone(),
        resource_version: secret.resource_version.clone(),
    });
    ok_if_gone(secrets.delete(&secret.name, &params).await)
}

/// Accepts a deletion whose object no longer exists.
///
/// # Errors
/// Any other failure of the deletion.
pub fn ok_if_gone<T>(result: Result<T, kube::Error>) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(Error::from_write(error)),
    }
}

/// Parameters of every write that is not a patch: they set our field manager.
#[must_use]
pub fn parameters() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PostParams::default()
    }
}

/// Parameters of a patch, which is not applied by the server: they set our field manager.
#[must_use]
pub fn patch_parameters() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    }
}

// === impl Exactly ===

impl Exactly {
    /// The Secret with this metadata.
    #[must_use]
    pub fn of(found: &ObjectMeta) -> Self {
        Self {
            name: found.name.clone().unwrap_or_default(),
            uid: found.uid.clone(),
            resource_version: found.resource_version.clone(),
        }
    }

    /// The token Secret of `owner`, as it was read.
    #[must_use]
    pub fn token(owner: &Owner, stored: &Stored) -> Self {
        Self {
            name: owner.secret_name.clone(),
            uid: stored.uid.clone(),
            resource_version: Some(stored.resource_version.clone()),
        }
    }
}
