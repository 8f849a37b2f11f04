//! The connection's own grant: taken over, refreshed, and asked whose it is.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};

use super::{Applied, is_copy};
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::{
        Context,
        connection::{
            observe::{Integration, Observed},
            plan,
        },
        error::Error,
        failure::{self, Attempt},
        grants::{
            Place,
            secret::{self, GrantSecret, Kept},
        },
        published::parameters,
        schedule,
    },
};
use grant::{Grant, Lost, Outcome};
use zoom::App;

/// Another process may be at it: how soon to look again.
const WHILE_WAITING: Duration = Duration::from_secs(5);

/// Takes over a refresh token that somebody else got.
pub(super) async fn import(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    applied: &mut Applied,
) -> Result<(), Error> {
    let before = match &applied.grant {
        GrantSecret::Ours(kept) => Some(kept),
        GrantSecret::Absent => None,
        _ => return Ok(()),
    };
    let Some(credential) = plan::import_due(&observed.import, before.map(|kept| &**kept)) else {
        return Ok(());
    };
    let imported = credential.fingerprint();
    if before.is_none() && plan::was_spent(&imported, &applied.token) {
        return Ok(());
    }
    context.leadership.check()?;
    let kept = Kept {
        grant: Grant {
            id: plan::imported_id(&imported),
            generation: 0,
            since: Timestamp::now(),
            client_id: None,
            credential,
            access: None,
            intent: None,
            loss: None,
        },
        identity: None,
        identified: false,
        namespace_uid: observed.namespace_uid.clone(),
        imported: Some(imported),
    };
    let written = write(context, connection, &kept, before.is_some()).await?;
    tracing::info!("took over a grant");
    applied.failure = None;
    applied.grant = secret::read(connection, Some(&written));
    Ok(())
}

/// Spends the refresh token.
pub(super) async fn refresh(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    credentials_version: &str,
    app: &App,
    applied: &mut Applied,
) -> Result<(), Error> {
    let place = Place::of(connection, &observed.namespace_uid);
    let Some(outcome) = context.grants.spend(place, app).await else {
        applied.look_again = Some(schedule::later(Timestamp::now(), WHILE_WAITING));
        return Ok(());
    };
    let outcome = outcome?;
    context.metrics.refresh(&outcome);
    match outcome {
        Outcome::Stored(_) => {
            tracing::info!("refreshed a token");
            applied.failure = None;
            reread(context, connection, applied).await
        }
        Outcome::Refused(refusal) => {
            let error = refusal.error;
            tracing::info!(
                fault = error.fault.as_str(),
                detail = error.detail,
                ambiguous = refusal.ambiguous,
                "zoom gave no token"
            );
            record(connection, credentials_version, &error, applied);
            Ok(())
        }
        Outcome::Lost(lost) => {
            tracing::warn!(reason = lost.as_str(), "a grant is lost");
            applied.failure = None;
            reread(context, connection, applied).await
        }
        Outcome::Waiting => {
            applied.look_again = Some(schedule::later(Timestamp::now(), WHILE_WAITING));
            Ok(())
        }
        // What was observed is no longer so: the next pass looks again.
        Outcome::OtherClient | Outcome::Superseded | Outcome::Gone => Err(Error::Conflict),
    }
}

/// Erases a grant that Zoom refused and whose person removed the app: a removal is confirmed by both.
pub(super) async fn erase_if_removed(
    context: &Context,
    connection: &ZoomConnection,
    removed_at: Option<Timestamp>,
    applied: &mut Applied,
) -> Result<(), Error> {
    let (GrantSecret::Ours(kept), Some(removed_at)) = (&applied.grant, removed_at) else {
        return Ok(());
    };
    let Some(loss) = &kept.grant.loss else {
        return Ok(());
    };
    if loss.reason == Lost::Deauthorized || removed_at < kept.grant.since {
        return Ok(());
    }
    context.leadership.check()?;
    let mut kept = (**kept).clone();
    kept.grant = kept.grant.removed(removed_at);
    let written = write(context, connection, &kept, true).await?;
    tracing::info!("a person removed the app, its tokens are erased");
    applied.grant = secret::read(connection, Some(&written));
    Ok(())
}

/// Erases a refresh token that was kept sealed for long enough.
pub(super) async fn erase_in_time(
    context: &Context,
    connection: &ZoomConnection,
    applied: &mut Applied,
) -> Result<(), Error> {
    let GrantSecret::Ours(kept) = &applied.grant else {
        return Ok(());
    };
    let (Some(loss), Some(at)) = (
        &kept.grant.loss,
        plan::erase_at(kept, context.config.sealed_grant_life()),
    ) else {
        return Ok(());
    };
    if Timestamp::now() < at {
        return Ok(());
    }
    context.leadership.check()?;
    let mut kept = (**kept).clone();
    kept.grant = kept.grant.erased(loss.reason);
    let written = write(context, connection, &kept, true).await?;
    tracing::info!("erased the refresh token of a lost grant");
    applied.grant = secret::read(connection, Some(&written));
    Ok(())
}

/// Asks Zoom whose grant it is, once.
pub(super) async fn identify(
    context: &Context,
    connection: &ZoomConnection,
    integration: &Integration,
    observed: &Observed,
    applied: &mut Applied,
) -> Result<(), Error> {
    let GrantSecret::Ours(kept) = &applied.grant else {
        return Ok(());
    };
    let Some(access) = kept.grant.access.as_ref().filter(|access| {
        !kept.identified
            && kept.grant.loss.is_none()
            && !is_copy(kept, observed)
            && access.expires_at > Timestamp::now()
    }) else {
        return Ok(());
    };
    match context.zoom.me(&access.token, &access.api_url).await {
        Ok(identity) => {
            context.leadership.check()?;
            let kept = Kept {
                identity,
                identified: true,
                ..(**kept).clone()
            };
            let written = write(context, connection, &kept, true).await?;
            applied.grant = secret::read(connection, Some(&written));
        }
        Err(error) => {
            tracing::info!(%error, "zoom does not tell who authorized");
            record(
                connection,
                &integration.credentials.version,
                &error,
                applied,
            );
            applied.look_again = applied.failure.as_ref().map(|failure| failure.retry_at.0);
        }
    }
    Ok(())
}

/// Writes the grant's Secret over the state in which it is now, if that still holds the same grant.
async fn write(
    context: &Context,
    connection: &ZoomConnection,
    kept: &Kept,
    exists: bool,
) -> Result<Secret, Error> {
    let secrets: Api<Secret> = context.beside(connection);
    let mut wanted = secret::build(connection, kept);
    let params = parameters();
    let name = wanted.name_any();
    let written = if exists {
        let current = secrets.get(&name).await?;
        let same = secret::get(&current).is_some_and(|current| {
            kept.grant.generation == 0
                || (current.grant.id == kept.grant.id
                    && current.grant.generation == kept.grant.generation)
        });
        if !same {
            return Err(Error::Conflict);
        }
        wanted.metadata.resource_version = current.metadata.resource_version;
        secrets.replace(&name, &params, &wanted).await
    } else {
        secrets.create(&params, &wanted).await
    };
    written.map_err(Error::from_write)
}

async fn reread(
    context: &Context,
    connection: &ZoomConnection,
    applied: &mut Applied,
) -> Result<(), Error> {
    let secrets: Api<Secret> = context.beside(connection);
    let name = secret::name(&connection.name_any());
    let found = secrets.get_opt(&name).await?;
    applied.grant = secret::read(connection, found.as_ref());
    Ok(())
}

fn record(
    connection: &ZoomConnection,
    credentials_version: &str,
    error: &zoom::Error,
    applied: &mut Applied,
) {
    let attempt = Attempt {
        reason: error.fault.into(),
        message: error.message(),
        retry_after: error.retry_after,
        credentials_version,
        expires_at: match &applied.grant {
            GrantSecret::Ours(kept) => kept.grant.access.as_ref().map(|access| access.expires_at),
            _ => None,
        },
    };
    let uid = connection.uid().unwrap_or_default();
    let before = applied.failure.take();
    applied.failure = Some(failure::record(
        attempt,
        before.as_ref(),
        &uid,
        Timestamp::now(),
    ));
}
