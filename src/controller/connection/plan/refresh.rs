//! Whether and when a refresh token is spent, and when it is erased.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    api::v1alpha1::TokenFailure,
    controller::{failure, grants::secret::StoredGrant, schedule},
};
use grant::{Client, Standing};

/// Whether and when a grant is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Not now.
    Keep,
    /// Not before this time.
    Wait(Timestamp),
    /// Now.
    Now,
}

/// What people have said about a grant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals {
    /// When the person last removed the app.
    pub removed_at: Option<Timestamp>,
    /// When somebody last requested another token.
    pub requested_at: Option<Timestamp>,
}

/// When to replace an access token.
#[must_use]
pub fn refresh_at(kept: &StoredGrant, uid: &str) -> Option<Timestamp> {
    let access = kept.grant.access.as_ref()?;
    Some(schedule::refresh_at(
        access.issued_at,
        access.expires_at,
        uid,
    ))
}

/// The client id that a grant belongs to, if the credentials have another one.
#[must_use]
pub fn other_client<'a>(kept: &'a StoredGrant, client_id: Option<&str>) -> Option<&'a str> {
    let own = kept.grant.client_id.as_deref()?;
    client_id.is_some_and(|found| found != own).then_some(own)
}

/// When to erase the refresh token of a lost grant, which is kept for `keep`.
#[must_use]
pub fn erase_at(kept: &StoredGrant, keep: Duration) -> Option<Timestamp> {
    let grant = &kept.grant;
    let seal = grant.loss.as_ref().and_then(|loss| loss.sealed.as_ref());
    grant
        .is_sealed()
        .then(|| seal.map_or(Timestamp::MIN, |seal| schedule::later(seal.since, keep)))
}

/// Whether the app was removed after Zoom last issued a token: only another token request can tell whether
/// the grant is dead.
fn is_in_doubt(kept: &StoredGrant, removed_at: Option<Timestamp>) -> bool {
    let proof = kept.grant.access.as_ref().map(|access| access.issued_at);
    removed_at.is_some_and(|removed| proof.is_none_or(|proof| removed >= proof))
}

/// Decides whether to spend a grant at `now` for `client`.
#[must_use]
pub fn decide(
    kept: &StoredGrant,
    uid: &str,
    last: Option<&TokenFailure>,
    credentials_version: &str,
    client: &Client,
    said: Signals,
    now: Timestamp,
) -> Refresh {
    let grant = &kept.grant;
    if grant.standing(client) != Standing::Usable {
        return Refresh::Keep;
    }
    let issued = grant.access.as_ref().map(|access| access.issued_at);
    let requested = schedule::at_request(said.requested_at, issued);
    // An attempt whose outcome was not stored is repeated at once, and so is one that failed with other
    // credentials than the current ones.
    let due = grant.intent.is_some()
        || grant.loss.is_some()
        || is_in_doubt(kept, said.removed_at)
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
