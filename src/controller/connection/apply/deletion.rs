//! The end of a connection whose tokens are to be revoked. All others need no finalizer: the garbage
//! collector erases their Secrets, and nothing can hang.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    runtime::events::{Event, EventType},
};

use crate::{
    api::{
        reason::Reason,
        v1alpha1::{ConnectionDeletionPolicy, ZoomConnection, ZoomIntegration},
    },
    controller::{
        Context,
        connection::observe,
        credentials::Credentials,
        error::Error,
        finalizer,
        grants::{
            Place, client_of,
            secret::{self, GrantSecret},
        },
        report, schedule,
    },
};
use grant::{Access, Outcome, Standing};

/// Keeps a connection until its grant was revoked at Zoom.
pub const FINALIZER: &str = "zoom-operator.io/revoke";

/// How long a deletion waits for Zoom at most.
const PATIENCE: Duration = Duration::from_mins(2);
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(10);

/// Why a grant of another app is not revoked.
const OTHER_CLIENT: &str =
    "The credentials Secret holds another client id than the one of this grant.";

/// Brings the finalizer in line with the deletion policy; whether it had to be changed.
///
/// # Errors
/// When it cannot be written.
pub async fn prepare(context: &Context, connection: &ZoomConnection) -> Result<bool, Error> {
    let wanted = secret::deletion_policy(connection) == ConnectionDeletionPolicy::Revoke;
    finalizer::bring(context, connection, FINALIZER, wanted).await
}

/// Revokes, if that is wanted, and lets the connection go. The time of the next attempt, if there has
/// to be one.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn conclude(
    context: &Context,
    connection: &ZoomConnection,
) -> Result<Option<Timestamp>, Error> {
    if !finalizer::holds(connection, FINALIZER) {
        return Ok(None);
    }
    let now = Timestamp::now();
    let revoke = secret::deletion_policy(connection) == ConnectionDeletionPolicy::Revoke;
    if revoke && let Err(why) = attempt(context, connection).await? {
        let begun = connection.metadata.deletion_timestamp.as_ref();
        let until = begun.map_or(now, |begun| schedule::later(begun.0, PATIENCE));
        if now < until {
            return Ok(Some(schedule::later(now, BETWEEN_ATTEMPTS)));
        }
        tracing::warn!(why, "a grant was not revoked");
        let note = format!(
            "The grant was not revoked at Zoom: {why} The tokens are erased here; the person can remove the app in the Zoom App Marketplace."
        );
        let event = Event {
            type_: EventType::Warning,
            reason: Reason::NotRevoked.into(),
            note: Some(note),
            action: "Revoke".into(),
            secondary: None,
        };
        report::publish(context, connection, event).await;
    }
    finalizer::bring(context, connection, FINALIZER, false).await?;
    Ok(None)
}

/// One attempt to revoke; why it failed.
async fn attempt(
    context: &Context,
    connection: &ZoomConnection,
) -> Result<Result<(), String>, Error> {
    context.leadership.check()?;
    let secrets: Api<Secret> = context.beside(connection);
    let found = secrets
        .get_opt(&secret::name(&connection.name_any()))
        .await?;
    let GrantSecret::Ours(mut kept) = secret::read(connection, found.as_ref()) else {
        return Ok(Ok(()));
    };
    // A copy is not ours to revoke: whoever holds the original may be using it.
    let copied = kept.namespace_uid != observe::namespace_uid(context, connection).await?;
    if copied || (kept.grant.loss.is_some() && !kept.grant.is_sealed()) {
        return Ok(Ok(()));
    }
    let Some(app) = app(context, connection, &secrets).await? else {
        return Ok(Err("The app's credentials are not there any more.".into()));
    };
    if kept.grant.standing(&client_of(&app)) == Standing::OtherClient {
        return Ok(Err(OTHER_CLIENT.into()));
    }
    // Zoom revokes by a token that still works.
    let works = |access: &Access| access.expires_at > Timestamp::now();
    let is_lost = kept.grant.loss.is_some();
    if is_lost || !kept.grant.access.as_ref().is_some_and(works) {
        let place = Place::of(connection, &kept.namespace_uid);
        match context.grants.spend(place, &app).await.transpose()? {
            Some(Outcome::Stored(grant)) => kept.grant = *grant,
            Some(Outcome::Lost(_) | Outcome::Gone) => return Ok(Ok(())),
            Some(Outcome::OtherClient) => return Ok(Err(OTHER_CLIENT.into())),
            Some(Outcome::Refused(refusal)) => return Ok(Err(refusal.error.message())),
            Some(Outcome::Waiting | Outcome::Superseded) | None => {
                return Ok(Err("The last refresh is still under way.".into()));
            }
        }
    }
    let Some(access) = &kept.grant.access else {
        return Ok(Ok(()));
    };
    Ok(match context.zoom.revoke(&app, &access.token).await {
        Ok(()) => {
            tracing::info!("revoked a grant");
            Ok(())
        }
        Err(error) => Err(error.message()),
    })
}

async fn app(
    context: &Context,
    connection: &ZoomConnection,
    secrets: &Api<Secret>,
) -> Result<Option<zoom::App>, Error> {
    let integrations: Api<ZoomIntegration> = context.beside(connection);
    let name = &connection.spec.integration_ref.name;
    let Some(integration) = integrations.get_opt(name).await? else {
        return Ok(None);
    };
    let secret = secrets
        .get_opt(&integration.spec.credentials.secret_ref.name)
        .await?;
    Ok(Credentials::read(&integration.spec, secret.as_ref()).app)
}
