//! Decides what comes next in a deletion, and what an answer leads to. Pure: the clock is an argument.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::{
        reason::Reason,
        v1alpha1::{TokenFailure, ZoomConnection},
    },
    controller::{
        connection::{model::Refused, settle::grant_refused},
        failure::{self, Attempt},
        grants::{
            TooEarly, client_of,
            secret::{self, GrantSecret},
        },
        schedule,
    },
};
use grant::{Grant, Lost, SpendOutcome, Standing};
use zoom::App;

/// Time between two looks at credentials that may come.
const BETWEEN_LOOKS: Duration = Duration::from_secs(10);

/// The observed state of a deletion.
#[derive(Debug)]
pub(super) struct Ending {
    /// The grant to revoke; `None` if there is nothing to revoke.
    pub(super) grant: Option<Grant>,
    /// Why there is nothing, if there should be a grant.
    pub(super) missing: Option<String>,
    /// The app's credentials.
    pub(super) app: Option<App>,
    /// Whether they may come: the integration is there, and its Secret has none.
    pub(super) awaits_app: bool,
    /// UID of the namespace.
    pub(super) namespace_uid: String,
    /// The failed attempts since the deletion began.
    pub(super) failure: Option<TokenFailure>,
    /// When it is the connection's turn to ask Zoom, if others come first.
    pub(super) turn: Option<Timestamp>,
    /// Until when the deletion waits for Zoom.
    pub(super) until: Timestamp,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
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
pub(super) enum Answer {
    Refreshed(SpendOutcome<zoom::Error>),
    /// Nothing was sent: others come first.
    Postponed(TooEarly),
    /// Nothing was sent: the API server does not take the grant's Secret.
    NotStored(Refused),
    Revoked(Result<(), zoom::Error>),
}

/// What to do without permission to read: the Role was deleted with its namespace. It may come back, but the
/// deletion does not wait for it forever.
pub(super) fn blind(until: Timestamp, now: Timestamp) -> Step {
    if now < until {
        return Step::Wait(until);
    }
    Step::Release(Some(
        "The operator may no longer read Secrets in this namespace.".into(),
    ))
}

/// Why a grant that the status names cannot be revoked: its Secret is gone, about to go or unreadable, or nobody knows what
/// Zoom gave for it last.
pub(super) fn missing(connection: &ZoomConnection, found: &GrantSecret) -> Option<String> {
    let known = connection.status.as_ref()?.grant.as_ref()?;
    match found {
        GrantSecret::Absent | GrantSecret::Leaving => {
            known.lost.is_none().then(|| gone(connection))
        }
        GrantSecret::Broken => {
            let name = secret::name(&connection.name_any());
            Some(format!(
                "Secret {name}, which held it, cannot be read any more."
            ))
        }
        GrantSecret::Ours(kept) => {
            let loss = kept.grant.loss.as_ref();
            loss.and_then(|loss| unknown(loss.reason))
        }
        GrantSecret::Foreign => None,
    }
}

/// Why a lost grant may still live at Zoom.
fn unknown(lost: Lost) -> Option<String> {
    (lost == Lost::ReplyLost).then(|| {
        "The reply to its last refresh was lost, so nobody knows the token that Zoom gave.".into()
    })
}

fn gone(connection: &ZoomConnection) -> String {
    let name = secret::name(&connection.name_any());
    format!("Somebody deleted Secret {name}, which held it.")
}

/// What to do next. It respects Zoom's wait; a wait that lasts longer than the deletion is not started.
pub(super) fn plan(ending: &Ending, now: Timestamp) -> Step {
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
    if let Some(turn) = ending.turn.filter(|turn| *turn > now) {
        if now >= ending.until {
            let why = "The request for a token to revoke it with did not get its turn in time.";
            return Step::Release(Some(why.into()));
        }
        // The others may be done earlier.
        return Step::Wait(turn.min(ending.until));
    }
    let Some(app) = &ending.app else {
        if ending.awaits_app && now < ending.until {
            return Step::Wait(schedule::later(now, BETWEEN_LOOKS).min(ending.until));
        }
        return Step::Release(Some("The app's credentials are no longer there, or the integration does not allow this namespace any more.".into()));
    };
    match grant.standing(&client_of(app)) {
        Standing::Usable => {}
        Standing::Lost(lost) => return Step::Release(unknown(lost)),
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
pub(super) fn settle(
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
        Answer::Refreshed(SpendOutcome::Stored(grant)) => ending.grant = Some(*grant),
        Answer::Refreshed(SpendOutcome::Gone) => {
            ending.grant = None;
            ending.missing = Some(gone(connection));
        }
        Answer::Refreshed(SpendOutcome::Lost(lost)) => {
            ending.grant = None;
            ending.missing = unknown(lost);
        }
        Answer::Revoked(Ok(())) => ending.grant = None,
        Answer::Refreshed(SpendOutcome::Refused(refusal)) => {
            ending.failure = refused(&ending, &refusal.error);
        }
        Answer::Revoked(Err(error)) => ending.failure = refused(&ending, &error),
        Answer::NotStored(refused) => {
            let message = grant_refused(connection, &refused);
            let message = format!("{}.", message.trim_end_matches('.'));
            ending.failure = failed(&ending, Reason::TokenSecretNotWritten, message, None);
        }
        // Nobody failed: there is a place in line.
        Answer::Postponed(TooEarly(wait)) => {
            ending.turn = Some(now.checked_add(wait).unwrap_or(Timestamp::MAX));
        }
        Answer::Refreshed(
            SpendOutcome::Waiting | SpendOutcome::Superseded | SpendOutcome::OtherClient,
        ) => {
            let message = "The last refresh is still under way.".to_owned();
            ending.failure = failed(&ending, Reason::RequestingToken, message, None);
        }
    }
    ending
}
