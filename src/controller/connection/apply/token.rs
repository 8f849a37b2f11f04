//! The access token where consumers find it: only once it is known whose grant it belongs to.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::{Applied, is_copy};
use crate::{
    api::{FIELD_MANAGER, v1alpha1::ZoomConnection},
    controller::{
        Context,
        connection::{observe::Observed, plan},
        error::Error,
        grants::{
            secret::{self, GrantSecret, Kept},
            token_of,
        },
        published,
        token_secret::{self, Owner, TokenSecret},
    },
};
use grant::Lost;

/// Brings the Secret that consumers mount in line with the grant.
pub(super) async fn publish(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    applied: &mut Applied,
) -> Result<(), Error> {
    let owner = Owner::connection(connection);
    let secrets: Api<Secret> = context.beside(connection);
    if let GrantSecret::Ours(kept) = &applied.grant {
        if !observed.owned_as_wished {
            reown_grant(context, connection, &secrets).await?;
        }
        if is_removed(kept) && matches!(applied.token, TokenSecret::Ours(_)) {
            context.leadership.check()?;
            published::remove(&secrets, &owner.secret_name).await?;
            applied.token = TokenSecret::Absent;
        }
        let usable = kept.identified && kept.grant.loss.is_none() && !is_copy(kept, observed);
        if usable && applied.mismatch.is_none() {
            applied.token =
                project(context, connection, &secrets, &owner, kept, &applied.token).await?;
        }
    }
    if let (Some(old), TokenSecret::Ours(_)) = (&observed.old_token_secret, &applied.token) {
        context.leadership.check()?;
        published::remove(&secrets, old).await?;
    }
    Ok(())
}

async fn project(
    context: &Context,
    connection: &ZoomConnection,
    secrets: &Api<Secret>,
    owner: &Owner,
    kept: &Kept,
    found: &TokenSecret,
) -> Result<TokenSecret, Error> {
    let now = Timestamp::now();
    let access = kept.grant.access.as_ref();
    let Some(token) = access
        .filter(|access| access.expires_at > now)
        .map(|access| token_of(access, &context.zoom))
    else {
        return Ok(found.clone());
    };
    let source = source(kept);
    match found {
        TokenSecret::Foreign | TokenSecret::Leaving => return Ok(found.clone()),
        TokenSecret::Ours(stored) if stored.intact && stored.source == source => {
            if stored.owned_as_wished {
                return Ok(found.clone());
            }
            context.leadership.check()?;
            let secret = published::reown(secrets, owner, &stored.resource_version).await?;
            return Ok(token_secret::read(owner, Some(&secret)));
        }
        TokenSecret::Absent | TokenSecret::Ours(_) => {}
    }
    context.leadership.check()?;
    let uid = connection.uid().unwrap_or_default();
    let refresh_at = plan::refresh_at(kept, &uid).unwrap_or(token.expires_at);
    let secret = published::publish(secrets, found, |replaces| {
        token_secret::build(owner, &token, refresh_at, &source, replaces)
    })
    .await?;
    tracing::info!(expires_at = %token.expires_at, "published a token");
    Ok(token_secret::read(owner, Some(&secret)))
}

async fn reown_grant(
    context: &Context,
    connection: &ZoomConnection,
    secrets: &Api<Secret>,
) -> Result<(), Error> {
    context.leadership.check()?;
    let patch = json!({"metadata": {"ownerReferences": secret::owners(connection)}});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let name = secret::name(&connection.name_any());
    secrets
        .patch(&name, &params, &Patch::Merge(patch))
        .await
        .map_err(Error::from_write)?;
    Ok(())
}

/// Grant and generation: what a published token belongs to.
fn source(kept: &Kept) -> String {
    format!("{}/{}", kept.grant.id, kept.grant.generation)
}

/// Whether the person took the app away: nothing of it is kept.
fn is_removed(kept: &Kept) -> bool {
    let loss = kept.grant.loss.as_ref();
    loss.is_some_and(|loss| loss.reason == Lost::Deauthorized)
}
