//! The deletion of a connection whose tokens must be revoked: observe, plan, apply, settle. Its grant has no
//! owner until here, so that the garbage collector does not erase it before. Other connections need no finalizer: the
//! garbage collector erases their Secrets, and nothing can block.

mod erasure;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt as _,
    runtime::events::{Event, EventType},
};
use runtime::audit;

use super::observe;
use crate::{
    api::{
        finalizer::REVOKE,
        reason::Reason,
        v1alpha1::{ConnectionDeletionPolicy, TokenFailure, TokenStatus, ZoomConnection},
    },
    controller::{
        Context,
        audit::of_connection,
        credentials::Credentials,
        error::Error,
        failure::{self, Attempt},
        finalizer,
        grants::{
            Place, client_of,
            secret::{self, GrantSecret},
        },
        reader::{Reader, Reads},
        reconcile::Action,
        report, schedule,
        writer::Writer,
    },
};
use grant::{Grant, SpendOutcome, Standing};
use zoom::App;

/// How long a deletion waits for Zoom at most.
const PATIENCE: Duration = Duration::from_mins(2);

/// The observed state of a deletion.
#[derive(Debug)]
struct Ending {
    /// The grant to revoke; `None` if there is nothing to revoke.
    grant: Option<Grant>,
    /// Why there is nothing, if there should be a grant.
    missing: Option<String>,
    /// The app's credentials.
    app: Option<App>,
    /// UID of the namespace.
    namespace_uid: String,
    /// The failed attempts since the deletion began.
    failure: Option<TokenFailure>,
    /// Until when the deletion waits for Zoom.
    until: Timestamp,
}

/// What to do next.
#[derive(Debug)]
enum Step {
    /// Request an access token: Zoom revokes only with one that still works.
    Refresh(App),
    /// Revoke.
    Revoke(App, Box<Grant>),
    /// Wait until then.
    Wait(Timestamp),
    /// Release the connection, with the reason if nothing was revoked.
    Release(Option<String>),
}

/// The answer to a step.
enum Answer {
    Refreshed(Option<SpendOutcome<zoom::Error>>),
    Revoked(Result<(), zoom::Error>),
}

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
                return release(&context.writer, connection, why, ending.until).await;
            }
            Step::Refresh(app) => {
                let place = Place::of(connection, &ending.namespace_uid);
                let home = observe::integration_key(connection).namespace;
                let attempt = context.grants.spend(place, &app, &home).await;
                Answer::Refreshed(attempt.ok().map(|attempt| attempt.outcome).transpose()?)
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

/// What to do without permission to read: the Role was deleted with its namespace. It may come back, but the
/// deletion does not wait for it forever.
fn blind(until: Timestamp, now: Timestamp) -> Step {
    if now < until {
        return Step::Wait(until);
    }
    Step::Release(Some(
        "The operator may no longer read Secrets in this namespace.".into(),
    ))
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
    Ok(Ending {
        grant,
        missing: missing.filter(|_| revokes),
        app: {
            let config = &context.config;
            let (_, found) = observe::referred(reader, config, connection, &namespace).await?;
            found.and_then(|(integration, secret)| {
                Credentials::read(&integration.spec, secret.as_ref()).app
            })
        },
        namespace_uid,
        failure: failure.filter(|failure| failure.time.0 >= begun),
        until: schedule::later(begun, PATIENCE),
    })
}

/// Why a grant that the status names cannot be revoked: its Secret is gone, or about to go.
fn missing(connection: &ZoomConnection, found: &GrantSecret) -> Option<String> {
    let known = connection.status.as_ref()?.grant.as_ref()?;
    let is_gone = matches!(found, GrantSecret::Absent | GrantSecret::Leaving);
    (is_gone && known.lost.is_none()).then(|| gone(connection))
}

fn gone(connection: &ZoomConnection) -> String {
    let name = secret::name(&connection.name_any());
    format!("Somebody deleted Secret {name}, which held it.")
}

/// What to do next. It respects Zoom's wait; a wait that lasts longer than the deletion is not started.
fn plan(ending: &Ending, now: Timestamp) -> Step {
    let Some(grant) = &ending.grant else {
        return Step::Release(ending.missing.clone());
    };
    if let Some(failure) = &ending.failure {
        let retry_at = failure.retry_at.0;
        if retry_at >= ending.until || now >= ending.until {
            return Step::Release(Some(failure.message.clone()));
        }
        if retry_at > now {
            return Step::Wait(retry_at);
        }
    }
    let Some(app) = &ending.app else {
        return Step::Release(Some("The app's credentials are no longer there, or the integration does not allow this namespace any more.".into()));
    };
    match grant.standing(&client_of(app)) {
        Standing::Usable => {}
        Standing::Lost(_) => return Step::Release(None),
        Standing::OtherClient => {
            return Step::Release(Some(
                "The credentials Secret holds another client id than the one of this grant.".into(),
            ));
        }
    }
    let works = grant.loss.is_none()
        && grant
            .access
            .as_ref()
            .is_some_and(|access| access.expires_at > now);
    if works {
        Step::Revoke(app.clone(), Box::new(grant.clone()))
    } else {
        Step::Refresh(app.clone())
    }
}

/// What an answer means, and when to try again, by the same rule as for every other request.
fn settle(
    connection: &ZoomConnection,
    mut ending: Ending,
    answer: Answer,
    now: Timestamp,
) -> Ending {
    let failed = |ending: &Ending, reason: Reason, message: String, retry_after| {
        let attempt = Attempt {
            reason,
            message,
            retry_after,
            credentials_version: "",
            expires_at: None,
        };
        let uid = connection.uid().unwrap_or_default();
        Some(failure::record(attempt, ending.failure.as_ref(), &uid, now))
    };
    let refused = |ending: &Ending, error: &zoom::Error| {
        failed(
            ending,
            error.fault.into(),
            error.message(),
            error.retry_after,
        )
    };
    match answer {
        Answer::Refreshed(Some(SpendOutcome::Stored(grant))) => ending.grant = Some(*grant),
        Answer::Refreshed(Some(SpendOutcome::Gone)) => {
            ending.grant = None;
            ending.missing = Some(gone(connection));
        }
        Answer::Refreshed(Some(SpendOutcome::Lost(_))) | Answer::Revoked(Ok(())) => {
            ending.grant = None;
        }
        Answer::Refreshed(Some(SpendOutcome::Refused(refusal))) => {
            ending.failure = refused(&ending, &refusal.error);
        }
        Answer::Revoked(Err(error)) => ending.failure = refused(&ending, &error),
        Answer::Refreshed(
            Some(SpendOutcome::Waiting | SpendOutcome::Superseded | SpendOutcome::OtherClient)
            | None,
        ) => {
            let message = "The last refresh is still under way.".to_owned();
            ending.failure = failed(&ending, Reason::RequestingToken, message, None);
        }
    }
    ending
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
    let token = status.token.get_or_insert_with(TokenStatus::default);
    token.failure.clone_from(&ending.failure);
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
