//! Whether and when a refresh token is spent, and when it is erased.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    api::v1alpha1::TokenFailure,
    controller::{failure, grants::secret::StoredGrant, schedule},
};
use grant::{Client, Standing};

/// Least time between a token and one that is requested because of a removal without Zoom's signature.
const CLAIM_PAUSE: Duration = Duration::from_mins(10);

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
    pub removed: Option<Timestamp>,
    /// When somebody last claimed that without Zoom's signature.
    pub claimed: Option<Timestamp>,
    /// When somebody last asked for another token.
    pub requested: Option<Timestamp>,
}

/// What a decision is based on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The grant.
    pub kept: &'a StoredGrant,
    /// The connection's uid: it spreads refreshes.
    pub uid: &'a str,
    /// What the last attempt failed with.
    pub last_failure: Option<&'a TokenFailure>,
    /// The present version of the credentials.
    pub credentials_version: &'a str,
    /// On whose behalf the grant is spent.
    pub client: &'a Client,
    /// What people have said about the grant.
    pub signals: Signals,
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

/// When a removal that Zoom signed is checked by a token request: only that can tell whether the grant is dead. `None`
/// if the last token answers it.
#[must_use]
pub fn at_removal(kept: &StoredGrant, removed: Option<Timestamp>) -> Option<Timestamp> {
    let end = second_after(removed?);
    let proof = kept.grant.access.as_ref().map(|access| access.issued_at);
    proof.is_none_or(|proof| proof < end).then_some(end)
}

/// When a claim without Zoom's signature is checked by a token request: not soon after the last token, because
/// anybody can claim. `None` if the last token answers it.
fn at_claim(kept: &StoredGrant, claimed: Option<Timestamp>) -> Option<Timestamp> {
    let end = second_after(claimed?);
    let Some(access) = &kept.grant.access else {
        return Some(end);
    };
    let is_new = access.issued_at < end;
    is_new.then(|| schedule::later(access.issued_at, CLAIM_PAUSE))
}

/// Receivers tell whole seconds, so what they tell may have happened up to a second later.
#[must_use]
pub fn second_after(told: Timestamp) -> Timestamp {
    schedule::later(told, Duration::from_secs(1))
}

/// Decides whether a grant is spent at `now`.
#[must_use]
pub fn decide(input: Input<'_>, now: Timestamp) -> Refresh {
    let Input { kept, signals, .. } = input;
    let grant = &kept.grant;
    if grant.standing(input.client) != Standing::Usable {
        return Refresh::Keep;
    }
    let issued = grant.access.as_ref().map(|access| access.issued_at);
    let requested = schedule::at_request(signals.requested, issued);
    let removed = at_removal(kept, signals.removed);
    let claimed = at_claim(kept, signals.claimed);
    let asked = [requested, removed, claimed].into_iter().flatten().min();
    // An attempt whose outcome nobody stored is repeated at once, and so is one that failed with other
    // credentials than the present ones.
    let due = grant.intent.is_some()
        || grant.loss.is_some()
        || refresh_at(kept, input.uid).is_none_or(|at| now >= at)
        || schedule::is_ahead(issued, now)
        || asked.is_some_and(|at| now >= at);
    if !due {
        return asked.map_or(Refresh::Keep, Refresh::Wait);
    }
    let version = input.credentials_version;
    let again = input
        .last_failure
        .and_then(|last| failure::asks_at(last, version, signals.requested));
    match again {
        Some(time) if time > now => Refresh::Wait(time),
        _ => Refresh::Now,
    }
}
