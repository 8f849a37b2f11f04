//! Carries out one step: sends requests to Zoom and the API server, and passes on their raw answers.

mod answer;
mod spend;

pub use self::answer::refused;
pub use self::spend::redeem;
use self::spend::refresh;

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, Preconditions},
    runtime::events::{Event, EventType},
};

use super::{
    holder::other_holder,
    model::{Asked, Consent, End, Outcome, Purpose, Read, Situation, Step},
    observe, plan,
};
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::{
        Context, audit,
        error::Error,
        grants::{
            secret::{self, StoredGrant},
            token_of,
        },
        index::Index,
        key::Key,
        proof::AppId,
        published::{self, Exactly, ok_if_gone, parameters},
        refusal,
        token_secret::{self, Owner},
        writer::Writer,
    },
};
use grant::Grant;

/// Carries out `step`.
///
/// # Errors
/// When a request to the API server fails, somebody wrote in between, or this replica no longer leads.
/// Refusals by Zoom or the API server are part of [`Outcome`].
pub async fn apply(
    context: &Context,
    connection: &ZoomConnection,
    situation: &Situation,
    step: &Step,
) -> Result<Outcome, Error> {
    let (reader, writer) = (&context.reader, &context.writer);
    let owner = Owner::connection(connection);
    match step {
        Step::Notice(attempts) => {
            let term = context.grants.term();
            for attempt in attempts {
                term.notice(&attempt.intent, attempt.is_pod_gone);
            }
            Ok(Outcome::Done)
        }
        Step::Refresh(app) => Box::pin(refresh(context, connection, situation, app)).await,
        Step::Store(kept, purpose) => {
            let version = situation.observed.grant_version.as_deref();
            let name = secret::name(&connection.name_any());
            let write = writer.begin_secret(Key::from(connection), &name);
            let stored = store(connection, &writer.beside(connection)?, kept, version).await;
            if let Ok(read) = &stored {
                write.done_all(read.version.iter().cloned().collect());
            }
            log_stored(*purpose, &stored);
            if let (Ok(_), Some(record)) = (&stored, audit::stored(connection, *purpose)) {
                record.write();
            }
            refused(stored).map(Outcome::Stored)
        }
        Step::AskWho(grant) | Step::AskWhoConsented(grant) => {
            let (zoom, app) = (&context.zoom.client, situation.observed.app_id());
            let answer = identify(zoom, reader.index(), connection, app, grant).await;
            Ok(Outcome::Who(answer))
        }
        Step::ReownGrant => {
            let name = secret::name(&connection.name_any());
            let write = writer.begin_secret(Key::from(connection), &name);
            match reown_grant(connection, &writer.beside(connection)?).await {
                Ok(read) => {
                    write.done_all(read.version.iter().cloned().collect());
                    Ok(Outcome::Stored(Ok(read)))
                }
                Err(error) => not_reowned(writer, connection, &name, error).await,
            }
        }
        Step::Redeem(app, consent) => {
            let namespace_uid = &situation.observed.namespace_uid;
            let by = Key::from(connection);
            let redeemed = redeem(context, by, consent, app, namespace_uid).await;
            Ok(match refused(redeemed)? {
                Ok(redeemed) => redeemed.map_or_else(Outcome::Postponed, Outcome::Redeemed),
                Err(refused) => Outcome::Stored(Err(refused)),
            })
        }
        Step::EndConsent(consent, end) => {
            let namespace = &context.config.lease_namespace;
            end_consent(writer, namespace, connection, consent, end).await?;
            Ok(Outcome::Done)
        }
        Step::Publish(grant) => {
            let (secrets, zoom) = (writer.beside(connection)?, &context.zoom.client);
            let write = writer.begin_secret(Key::from(connection), &owner.secret_name);
            let written = publish(zoom, connection, situation, &secrets, grant).await;
            if let Ok(secret) = &written {
                write.done(secret);
            }
            Ok(Outcome::Published(
                refused(written)?.map(|secret| token_secret::read(&owner, Some(&secret))),
            ))
        }
        Step::ReownToken(version) => {
            let secrets = writer.beside(connection)?;
            let write = writer.begin_secret(Key::from(connection), &owner.secret_name);
            match published::reown(&secrets, &owner, version).await {
                Ok(secret) => {
                    write.done(&secret);
                    let read = token_secret::read(&owner, Some(&secret));
                    Ok(Outcome::Published(Ok(read)))
                }
                Err(error) => not_reowned(writer, connection, &owner.secret_name, error).await,
            }
        }
        Step::RemoveGrant => {
            // No other Secret ever has this version.
            let grant = Exactly {
                name: secret::name(&connection.name_any()),
                uid: None,
                resource_version: situation.observed.grant_version.clone(),
            };
            published::remove(&writer.beside(connection)?, &grant).await?;
            tracing::warn!("removed the grant: its integration has not been usable for too long");
            Ok(Outcome::Done)
        }
        Step::RemoveToken(secret) | Step::RemoveOldToken(secret) => {
            published::remove(&writer.beside(connection)?, secret).await?;
            Ok(Outcome::Done)
        }
    }
}

/// Writes the grant's Secret over the version that was read, or creates it.
async fn store(
    connection: &ZoomConnection,
    secrets: &Api<Secret>,
    kept: &StoredGrant,
    version: Option<&str>,
) -> Result<Read, Error> {
    let mut wanted = secret::build(connection, kept);
    let written = match version {
        Some(version) => {
            wanted.metadata.resource_version = Some(version.to_owned());
            let name = wanted.name_any();
            secrets.replace(&name, &parameters(), &wanted).await
        }
        None => secrets.create(&parameters(), &wanted).await,
    };
    let written = written.map_err(Error::from_write)?;
    Ok(observe::grant_in(connection, Some(&written)))
}

fn log_stored(purpose: Purpose, stored: &Result<Read, Error>) {
    if stored.is_err() {
        return;
    }
    match purpose {
        Purpose::Imported => tracing::info!("took over a grant"),
        Purpose::Adopted => tracing::info!("stored the grant of a consent"),
        Purpose::Identified => tracing::debug!("stored whose grant it is"),
        Purpose::Removed => {
            tracing::info!("the person removed the app, its tokens are erased");
        }
        Purpose::Expired => tracing::info!("erased the refresh token of a lost grant"),
    }
}

async fn identify(
    zoom: &zoom::Client,
    index: &Index,
    connection: &ZoomConnection,
    app: AppId<'_>,
    grant: &Grant,
) -> Result<Asked, zoom::Error> {
    let Some(access) = &grant.access else {
        return Ok(Asked {
            identity: None,
            other: None,
        });
    };
    let answer = zoom.me(&access.token, &access.api_url).await;
    if let Err(error) = &answer {
        tracing::info!(%error, "zoom does not tell who authorized");
    }
    let identity = answer?;
    let other = identity
        .as_ref()
        .and_then(|identity| other_holder(index, connection, app, identity));
    Ok(Asked { identity, other })
}

async fn not_reowned(
    writer: &Writer,
    connection: &ZoomConnection,
    secret: &str,
    error: Error,
) -> Result<Outcome, Error> {
    let what =
        format!("The owners, labels and annotations of Secret {secret} could not be written");
    let wait = refusal::tell(writer, connection, &what, error).await?;
    Ok(Outcome::NotReowned(wait))
}

async fn reown_grant(connection: &ZoomConnection, secrets: &Api<Secret>) -> Result<Read, Error> {
    let patch = secret::alteration(connection);
    let params = published::patch_parameters();
    let name = secret::name(&connection.name_any());
    let written = secrets
        .patch(&name, &params, &Patch::Merge(patch))
        .await
        .map_err(Error::from_write)?;
    Ok(observe::grant_in(connection, Some(&written)))
}

async fn publish(
    zoom: &zoom::Client,
    connection: &ZoomConnection,
    situation: &Situation,
    secrets: &Api<Secret>,
    grant: &Grant,
) -> Result<Secret, Error> {
    let Some(access) = &grant.access else {
        return Err(Error::Conflict);
    };
    let token = token_of(access, zoom);
    let kept = situation.kept();
    let uid = connection.uid().unwrap_or_default();
    let refresh_at = kept.and_then(|kept| plan::refresh_at(kept, &uid));
    let refresh_at = refresh_at.unwrap_or(token.expires_at);
    let (owner, source) = (Owner::connection(connection), plan::source(grant));
    let secret = published::publish(secrets, &situation.observed.token, |replaces| {
        token_secret::build(&owner, &token, refresh_at, &source, replaces)
    })
    .await?;
    tracing::info!(expires_at = %token.expires_at, "published a token");
    Ok(secret)
}

/// Removes exactly the consent that was read, and records how it ended.
async fn end_consent(
    writer: &Writer,
    namespace: &str,
    connection: &ZoomConnection,
    consent: &Consent,
    end: &End,
) -> Result<(), Error> {
    let secrets: Api<Secret> = writer.within(namespace)?;
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: consent.uid.clone(),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    ok_if_gone(secrets.delete(&consent.secret_name, &params).await)?;
    audit::ended(connection, consent, end).write();
    if !end.succeeded {
        let event = Event {
            type_: EventType::Warning,
            reason: end.reason.into(),
            note: Some(end.message.clone()),
            action: "Authorize".into(),
            secondary: None,
        };
        writer.publish(connection, event).await;
    }
    Ok(())
}
