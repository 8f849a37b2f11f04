//! Carries out what is due for a connection, one stage after the other: consents, import, refresh,
//! identity, and last the Secret that consumers mount.

mod consent;
pub mod deletion;
mod grant;
mod token;

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{
    observe::{Integration, Observed},
    plan::{self, Refresh, Said},
    subject::{self, Expected, Mismatch},
};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{AppKind, ConsentStatus, SubjectStatus, TokenFailure, ZoomConnection},
    },
    controller::{
        Context, connections,
        error::Error,
        failure,
        grants::{
            client_of,
            secret::{GrantSecret, Kept},
        },
        key::Key,
        removals, schedule,
        token_secret::TokenSecret,
    },
};
use zoom::{App, Identity};

/// A deletion leads to no pass over other objects: how soon to look whether another connection of the same
/// person is gone.
const UNTIL_THE_OTHER_GOES: Duration = Duration::from_secs(30);

/// How things stand after everything due was done.
#[derive(Debug)]
pub struct Applied {
    /// The grant.
    pub grant: GrantSecret,
    /// The Secret that consumers mount.
    pub token: TokenSecret,
    /// The attempts that failed since the last success.
    pub failure: Option<TokenFailure>,
    /// What became of the last consent.
    pub consent: Option<ConsentStatus>,
    /// Why the grant may not be this connection's.
    pub mismatch: Option<Mismatch>,
    /// When to look again, whatever else is due.
    pub look_again: Option<Timestamp>,
}

/// Carries out what is due.
///
/// # Errors
/// When the API server cannot be asked, somebody wrote in between, or this replica was deposed. What
/// Zoom or the API server refuse for a reason that the user must know is part of [`Applied`].
pub async fn apply(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
) -> Result<Applied, Error> {
    let status = connection.status.as_ref();
    let last = status.and_then(|status| status.token.as_ref()?.failure.clone());
    let last = last.filter(|last| failure::is_standing(last, observed.issued_at()));
    let mut applied = Applied {
        grant: observed.grant.clone(),
        token: observed.token.clone(),
        failure: last,
        consent: status.and_then(|status| status.consent.clone()),
        mismatch: None,
        look_again: None,
    };
    let Some(integration) = &observed.integration else {
        return Ok(applied);
    };
    if integration.resource.spec.app.kind != AppKind::General {
        return Ok(applied);
    }
    let (Some(app), false) = (
        &integration.credentials.app,
        integration.resource.spec.suspend,
    ) else {
        applied.mismatch = mismatch(context, connection, integration, &applied);
        return Ok(applied);
    };
    consent::redeem(
        context,
        connection,
        observed,
        integration,
        app,
        &mut applied,
    )
    .await?;
    grant::import(context, connection, observed, &mut applied).await?;
    refresh(
        context,
        connection,
        observed,
        integration,
        app,
        &mut applied,
    )
    .await?;
    let removed_at = removed_at(context, connection, integration);
    grant::erase_if_removed(context, connection, removed_at, &mut applied).await?;
    grant::erase_in_time(context, connection, &mut applied).await?;
    grant::identify(context, connection, integration, observed, &mut applied).await?;
    applied.mismatch = mismatch(context, connection, integration, &applied);
    let mismatch = applied.mismatch.as_ref();
    if mismatch.is_some_and(|mismatch| mismatch.reason == Reason::SubjectAlreadyConnected) {
        let soon = schedule::later(Timestamp::now(), UNTIL_THE_OTHER_GOES);
        applied.look_again = Some(applied.look_again.map_or(soon, |time| time.min(soon)));
    }
    token::publish(context, connection, observed, &mut applied).await?;
    Ok(applied)
}

async fn refresh(
    context: &Context,
    connection: &ZoomConnection,
    observed: &Observed,
    integration: &Integration,
    app: &App,
    applied: &mut Applied,
) -> Result<(), Error> {
    let GrantSecret::Ours(kept) = &applied.grant else {
        return Ok(());
    };
    if is_copy(kept, observed) {
        return Ok(());
    }
    let uid = connection.uid().unwrap_or_default();
    let version = &integration.credentials.version;
    let said = Said {
        removed_at: removed_at(context, connection, integration),
        requested_at: failure::requested_at(connection),
    };
    let last = applied.failure.as_ref();
    let now = Timestamp::now();
    let client = client_of(app);
    match plan::refresh(kept, &uid, last, version, &client, said, now) {
        Refresh::Keep => Ok(()),
        Refresh::Wait(until) => {
            applied.look_again = Some(until);
            Ok(())
        }
        Refresh::Now => grant::refresh(context, connection, observed, version, app, applied).await,
    }
}

/// When the person of this connection last removed the app.
fn removed_at(
    context: &Context,
    connection: &ZoomConnection,
    integration: &Integration,
) -> Option<Timestamp> {
    let subject = connection.status.as_ref()?.subject.as_ref()?;
    let integration_key = Key::integration(
        &connection.namespace()?,
        &connection.spec.integration_ref.name,
    );
    removals::last(
        &context.index.removals(&integration_key),
        subject,
        integration.resource.spec.app.management,
    )
}

/// Whether a grant was stored for another namespace or cluster: whoever holds the original may spend it,
/// and the copy would be dead, or worse, kill it.
#[must_use]
pub fn is_copy(kept: &Kept, observed: &Observed) -> bool {
    !kept.namespace_uid.is_empty() && kept.namespace_uid != observed.namespace_uid
}

/// Judges the stored grant as often as anything changes.
fn mismatch(
    context: &Context,
    connection: &ZoomConnection,
    integration: &Integration,
    applied: &Applied,
) -> Option<Mismatch> {
    let GrantSecret::Ours(kept) = &applied.grant else {
        return None;
    };
    if !kept.identified {
        return None;
    }
    judge(context, connection, integration, kept.identity.as_ref()).err()
}

/// Judges who authorized.
fn judge(
    context: &Context,
    connection: &ZoomConnection,
    integration: &Integration,
    found: Option<&Identity>,
) -> Result<(), Mismatch> {
    let pinned: Option<&SubjectStatus> = connection
        .status
        .as_ref()
        .and_then(|status| status.subject.as_ref());
    // Who was here first stays.
    let mine = pinned.and_then(|pinned| pinned.user_id.as_ref());
    let other = found
        .filter(|found| mine != Some(&found.user_id))
        .and_then(|found| {
            let all = context.index.connections_of(
                &connection.namespace()?,
                &connection.spec.integration_ref.name,
            );
            connections::of_user(&all, connection, &found.user_id)
        });
    subject::judge(
        found,
        Expected {
            subject: connection.spec.subject.as_ref(),
            pinned,
            management: integration.resource.spec.app.management,
            other: other.as_deref(),
        },
    )
}
