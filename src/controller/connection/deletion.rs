//! The deletion of a connection whose tokens must be revoked: observe, plan, apply, settle. Its grant has no
//! owner until here, so that the garbage collector does not erase it before. Other connections need no finalizer: the
//! garbage collector erases their Secrets, and nothing can block.

mod consents;
mod decide;
mod erasure;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt as _,
    runtime::events::{Event, EventType},
};
use runtime::audit;

use self::decide::{Answer, Ending, Step, blind, missing, plan, settle};
use super::{apply::refused, observe};
use crate::{
    api::{
        finalizer::REVOKE,
        reason::Reason,
        v1alpha1::{ConnectionDeletionPolicy, ZoomConnection, told},
    },
    controller::{
        Context,
        audit::of_connection,
        credentials::Credentials,
        error::Error,
        failure, finalizer,
        grants::{Place, secret::GrantSecret},
        reader::{Reader, Reads},
        reconcile::Action,
        report, schedule,
        writer::Writer,
    },
};
use grant::Grant;
use zoom::App;

/// Why something may still live at Zoom although the grant itself was revoked.
const LEFT: &str =
    "The person authorized the app once more, and Zoom could not be asked to revoke that.";

/// How long a deletion waits for Zoom at most.
const PATIENCE: Duration = Duration::from_mins(2);

/// Adds or removes the finalizer to match the deletion policy. Returns whether the object was changed.
///
/// # Errors
/// When the finalizer cannot be written, or the grant be handed over before its removal.
pub async fn prepare(writer: &Writer, connection: &ZoomConnection) -> Result<bool, Error> {
    let wanted = connection.deletion_policy() == ConnectionDeletionPolicy::Revoke;
    if !wanted && finalizer::holds(connection, REVOKE) {
        // First: a deletion that comes right after the finalizer is gone must not leave the grant behind.
        let attempt = erasure::hand_over(writer, connection).await;
        let now = Timestamp::now();
        if let Some(refusal) = erasure::refusal(attempt, now, now)? {
            tracing::warn!(refusal, "the grant has no owner; the finalizer stays");
            return Ok(false);
        }
    }
    finalizer::ensure(writer, connection, REVOKE, wanted).await
}

/// When the deletion of the connection began, if it did. A connection whose tokens must be revoked is deleted
/// with its namespace, even before Kubernetes deletes it: the Role that allows removing the finalizer may be
/// deleted first.
///
/// # Errors
/// When a request to the API server fails.
pub async fn begun(
    reader: &Reader,
    connection: &ZoomConnection,
) -> Result<Option<Timestamp>, Error> {
    let deleted = connection.metadata.deletion_timestamp.as_ref();
    if deleted.is_some() || connection.deletion_policy() != ConnectionDeletionPolicy::Revoke {
        return Ok(deleted.map(|time| time.0));
    }
    observe::namespace_ends(reader, connection).await
}

/// Revokes the grant if the policy says so, and releases the connection, whose deletion has `begun`.
///
/// # Errors
/// When a request to the API server fails.
pub async fn conclude(
    context: &Context,
    connection: &ZoomConnection,
    begun: Timestamp,
) -> Result<Action, Error> {
    if !finalizer::holds(connection, REVOKE) {
        return Ok(Action::await_change());
    }
    let mut ending = match observe(context, connection, begun).await {
        Err(error) if error.forbidden().is_some() => {
            return unseen(&context.writer, connection, begun).await;
        }
        other => other?,
    };
    loop {
        let step = plan(&ending, Timestamp::now());
        let answer = match step {
            Step::Wait(until) => return wait(&context.writer, connection, &ending, until).await,
            Step::Release(why) => {
                let revokes = connection.deletion_policy() == ConnectionDeletionPolicy::Revoke;
                let app = ending.app.as_ref().filter(|_| revokes);
                let left = match consents::end(context, connection, app).await {
                    Ok(left) => left,
                    Err(error) => {
                        // Those that are left are removed once the connection is gone.
                        tracing::warn!(%error, "consents of a connection that ends are left");
                        true
                    }
                };
                let why = why.or_else(|| (revokes && left).then(|| LEFT.to_owned()));
                return release(&context.writer, connection, why, ending.until).await;
            }
            Step::Refresh(app) => {
                let place = Place::of(connection, &ending.namespace_uid);
                let home = observe::integration_key(connection).namespace;
                let attempt = context.grants.spend(place, &app, &home).await;
                match attempt {
                    Ok(attempt) => match refused(attempt.outcome.map_err(Error::from))? {
                        Ok(outcome) => Answer::Refreshed(outcome),
                        Err(refused) => Answer::NotStored(refused),
                    },
                    Err(early) => Answer::Postponed(early),
                }
            }
            Step::Revoke(app, grant) => {
                context.writer.lead()?;
                let answer = revoke(&context.zoom.client, &app, &grant).await;
                record(
                    connection,
                    answer.as_ref().err().map(|error| error.fault.as_str()),
                );
                Answer::Revoked(answer)
            }
        };
        ending = settle(connection, ending, answer, Timestamp::now());
    }
}

/// Releases the connection, without anything to be seen of what it has.
///
/// # Errors
/// When a request to the API server fails.
pub async fn conclude_unseen(
    context: &Context,
    connection: &ZoomConnection,
) -> Result<Action, Error> {
    let deleted = connection.metadata.deletion_timestamp.as_ref();
    match deleted.filter(|_| finalizer::holds(connection, REVOKE)) {
        Some(deleted) => unseen(&context.writer, connection, deleted.0).await,
        None => Ok(Action::await_change()),
    }
}

async fn unseen(
    writer: &Writer,
    connection: &ZoomConnection,
    begun: Timestamp,
) -> Result<Action, Error> {
    let (now, until) = (Timestamp::now(), schedule::later(begun, PATIENCE));
    match blind(until, now) {
        Step::Release(why) => release(writer, connection, why, until).await,
        _ => Ok(Action::requeue(schedule::wait([until], now))),
    }
}

async fn observe(
    context: &Context,
    connection: &ZoomConnection,
    begun: Timestamp,
) -> Result<Ending, Error> {
    let reader = &context.reader;
    let secrets: Reads<Secret> = reader.beside(connection);
    let read = observe::grant(&secrets, connection).await?;
    let namespace = observe::namespace(reader, connection).await?;
    let namespace_uid = namespace.uid().unwrap_or_default();
    let namespace_ends = namespace.metadata.deletion_timestamp.is_some();
    let status = connection.status.as_ref();
    let failure = status.and_then(|status| status.token.as_ref()?.failure.clone());
    let revokes = connection.deletion_policy() == ConnectionDeletionPolicy::Revoke;
    let missing = missing(connection, &read.grant);
    let grant = match read.grant {
        // A copy must not be revoked: the owner of the original may be using it.
        GrantSecret::Ours(kept)
            if revokes
                && kept.namespace_uid == namespace_uid
                && (kept.grant.loss.is_none() || kept.grant.is_sealed()) =>
        {
            Some(kept.grant)
        }
        _ => None,
    };
    let config = &context.config;
    let (_, found) = observe::referred(reader, config, connection, &namespace).await?;
    let stays = found
        .as_ref()
        .is_some_and(|(integration, _)| integration.metadata.deletion_timestamp.is_none());
    let app = found.and_then(|(integration, secret)| {
        Credentials::read(&integration.spec, secret.as_ref()).app
    });
    Ok(Ending {
        grant,
        missing: missing.filter(|_| revokes),
        awaits_app: stays && app.is_none() && !namespace_ends,
        app,
        namespace_uid,
        failure: failure.filter(|failure| {
            failure.time.0 >= begun && failure::is_believed(failure, Timestamp::now())
        }),
        turn: None,
        until: schedule::later(begun, PATIENCE),
    })
}

async fn revoke(zoom: &zoom::Client, app: &App, grant: &Grant) -> Result<(), zoom::Error> {
    let Some(access) = &grant.access else {
        return Ok(());
    };
    zoom.revoke(app, &access.token).await?;
    tracing::info!("revoked a grant");
    Ok(())
}

/// Records Zoom's answer, or why Zoom was no longer asked, in the audit trail.
fn record(connection: &ZoomConnection, refused: Option<&str>) {
    let record = of_connection(connection, audit::Action::GrantRevoke);
    match refused {
        None => record.write(),
        Some(reason) => record.but(audit::Outcome::Refused, reason).write(),
    }
}

/// Records the failure, so that no other pass tries earlier.
async fn wait(
    writer: &Writer,
    connection: &ZoomConnection,
    ending: &Ending,
    until: Timestamp,
) -> Result<Action, Error> {
    let mut status = connection.status.clone().unwrap_or_default();
    let mut token = status.token.take().unwrap_or_default();
    token.failure.clone_from(&ending.failure);
    status.token = told(token);
    report::report(writer, connection, &status).await?;
    Ok(Action::requeue(schedule::wait([until], Timestamp::now())))
}

/// Releases the connection, and with it the grant.
async fn release(
    writer: &Writer,
    connection: &ZoomConnection,
    why: Option<String>,
    until: Timestamp,
) -> Result<Action, Error> {
    let attempt = erasure::hand_over(writer, connection).await;
    let keeps = erasure::refusal(attempt, until, Timestamp::now())?;
    if why.is_some() {
        record(connection, Some(Reason::NotRevoked.as_str()));
    }
    let name = connection.name_any();
    for (reason, note) in erasure::news(&name, why.as_deref(), keeps.as_deref()) {
        tracing::warn!(reason = reason.as_str(), note, "a connection ends");
        let event = Event {
            type_: EventType::Warning,
            reason: reason.into(),
            note: Some(note),
            action: "Revoke".into(),
            secondary: None,
        };
        writer.publish(connection, event).await;
    }
    finalizer::ensure(writer, connection, REVOKE, false).await?;
    Ok(Action::await_change())
}

#[cfg(test)]
mod tests;
