//! What to do next with a grant, decided from what was observed. Pure: the clock is an argument.

use std::time::Duration;

use jiff::Timestamp;

use super::observe::{Consent, Import, Integration};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{ConsentMode, TokenFailure, ZoomConnection},
    },
    controller::{failure, grants::secret::Kept, schedule, token_secret::TokenSecret},
};
use grant::{Client, Credential, Standing};

/// Zoom's authorization codes live for five minutes.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// Whether and when a grant is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Not now.
    Keep,
    /// Not before this.
    Wait(Timestamp),
    /// Now.
    Now,
}

/// Why a handed over consent is not redeemed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For machines.
    pub reason: Reason,
    /// For people.
    pub message: String,
}

/// When an access token is to be replaced.
#[must_use]
pub fn refresh_at(kept: &Kept, uid: &str) -> Option<Timestamp> {
    let access = kept.grant.access.as_ref()?;
    Some(schedule::refresh_at(
        access.issued_at,
        access.expires_at,
        uid,
    ))
}

/// The client id that a grant belongs to, if the app of the credentials has another one.
#[must_use]
pub fn other_client<'a>(kept: &'a Kept, client_id: Option<&str>) -> Option<&'a str> {
    let own = kept.grant.client_id.as_deref()?;
    client_id.is_some_and(|found| found != own).then_some(own)
}

/// When the refresh token of a lost grant is to be erased, which is kept for `keep`.
#[must_use]
pub fn erase_at(kept: &Kept, keep: Duration) -> Option<Timestamp> {
    let grant = &kept.grant;
    let seal = grant.loss.as_ref().and_then(|loss| loss.sealed.as_ref());
    grant
        .is_sealed()
        .then(|| seal.map_or(Timestamp::MIN, |seal| schedule::later(seal.since, keep)))
}

/// Whether the app was removed after Zoom last gave a token: only another token request can tell whether
/// the grant is dead.
#[must_use]
pub fn in_doubt(kept: &Kept, removed_at: Option<Timestamp>) -> bool {
    let proof = kept.grant.access.as_ref().map(|access| access.issued_at);
    removed_at.is_some_and(|removed| proof.is_none_or(|proof| removed >= proof))
}

/// What people say about a grant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said {
    /// When the person last removed the app.
    pub removed_at: Option<Timestamp>,
    /// When somebody last asked for another token.
    pub requested_at: Option<Timestamp>,
}

/// Decides whether a grant is spent at `now`.
#[must_use]
pub fn refresh(
    kept: &Kept,
    uid: &str,
    last: Option<&TokenFailure>,
    credentials_version: &str,
    client: &Client,
    said: Said,
    now: Timestamp,
) -> Refresh {
    let grant = &kept.grant;
    if grant.standing(client) != Standing::Usable {
        return Refresh::Keep;
    }
    let issued = grant.access.as_ref().map(|access| access.issued_at);
    let requested = schedule::at_request(said.requested_at, issued);
    // An attempt whose outcome nobody stored is repeated at once, and so is one that failed with other
    // credentials than the present ones.
    let due = grant.intent.is_some()
        || grant.loss.is_some()
        || in_doubt(kept, said.removed_at)
        || refresh_at(kept, uid).is_none_or(|at| now >= at)
        || requested.is_some_and(|at| now >= at);
    if !due {
        return requested.map_or(Refresh::Keep, Refresh::Wait);
    }
    match last.map(|last| failure::not_before(last, credentials_version, said.requested_at)) {
        Some(time) if time > now => Refresh::Wait(time),
        _ => Refresh::Now,
    }
}

/// Whether a refresh token is to be taken over: one that was not taken over before.
#[must_use]
pub fn import_due(import: &Import, kept: Option<&Kept>) -> Option<Credential> {
    let Import::Present(token) = import else {
        return None;
    };
    let credential = Credential::RefreshToken(token.clone());
    let known = kept.and_then(|kept| kept.imported.as_deref());
    (known != Some(&credential.fingerprint())).then_some(credential)
}

/// Id of the grant that began with the imported credential of this fingerprint.
#[must_use]
pub fn imported_id(fingerprint: &str) -> String {
    format!("import-{fingerprint}")
}

/// Whether the imported credential of this fingerprint was spent, by the token that consumers got for it:
/// it must not be sent again because somebody deleted the grant's Secret.
#[must_use]
pub fn was_spent(fingerprint: &str, published: &TokenSecret) -> bool {
    let TokenSecret::Ours(published) = published else {
        return false;
    };
    let grant = published.source.split_once('/').map(|(id, _)| id);
    grant == Some(&imported_id(fingerprint))
}

/// Checks a handed over consent before its code is spent: it must belong to exactly these objects.
///
/// # Errors
/// When it is not to be redeemed.
pub fn check(
    consent: &Consent,
    connection: &ZoomConnection,
    integration: &Integration,
    spent: bool,
    now: Timestamp,
) -> Result<(), Refused> {
    let refused = |reason: Reason, message: &str| {
        Err(Refused {
            reason,
            message: message.into(),
        })
    };
    let Some(handoff) = &consent.handoff else {
        return refused(
            Reason::ConsentUnreadable,
            "The consent could not be read: start again by the link.",
        );
    };
    let ours = connection.metadata.uid.as_deref();
    let meant = handoff.connection_uid.as_deref();
    let same = meant.is_none_or(|uid| Some(uid) == ours)
        && Some(handoff.integration_uid.as_str()) == integration.resource.metadata.uid.as_deref()
        && handoff.integration == connection.spec.integration_ref.name;
    if !same {
        return refused(
            Reason::ConsentOutdated,
            "The link belongs to an object that was deleted since: open the current status.installUrl.",
        );
    }
    if integration.resource.spec.consent_mode() != Some(ConsentMode::Operator) {
        return refused(
            Reason::ConsentOutdated,
            "The integration no longer uses the operator's consent.",
        );
    }
    if integration.credentials.client_id.as_ref() != Some(&handoff.client_id) {
        return refused(
            Reason::ConsentOutdated,
            "The app's client id changed during the consent: open the link again.",
        );
    }
    if !spent && now > schedule::later(handoff.authorized, CODE_LIFE) {
        return refused(
            Reason::CodeExpired,
            "Zoom's code expired before it could be redeemed: open the link again.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
