//! Decides the next step for a connection from the current state. Pure: the clock is an argument.

mod consent;
mod import;
mod mismatch;
mod refresh;
mod view;

use std::time::Duration;

use jiff::Timestamp;

pub use self::{
    consent::is_untold,
    import::{is_barred as import_is_barred, waits as import_waits},
    mismatch::mismatch,
    refresh::{erase_at, other_client, refresh_at},
    view::Rules,
};
use self::{
    refresh::Refresh,
    view::{AppView, View},
};
use super::model::{AppAccess, Attempted, Observed, Purpose, Situation, Step};
use crate::{
    api::{reason::Reason, v1alpha1::ZoomConnection},
    controller::{
        grants::secret::{GrantSecret, StoredGrant},
        published::Exactly,
        schedule,
        tenancy::GRACE,
        token_secret::{Owner, TokenSecret},
    },
};
use grant::{Grant, Lost};

/// More steps than any pass needs.
const MOST_STEPS: u32 = 24;

/// How soon the next pass continues when this one took too long.
const ONCE_CUT_OFF: Duration = Duration::from_secs(1);

/// A deletion triggers no pass over other objects. This is how soon to check whether another connection of
/// the same person no longer exists.
const UNTIL_THE_OTHER_GOES: Duration = Duration::from_secs(30);

/// Decides what to do next at `now`; `None` if nothing is left for this pass.
#[must_use]
pub fn next(
    connection: &ZoomConnection,
    situation: &Situation,
    rules: Rules,
    now: Timestamp,
) -> Option<Step> {
    if situation.tried.steps >= MOST_STEPS || now > situation.until {
        return None;
    }
    let view = View {
        connection,
        situation,
        rules,
        now,
    };
    let found = [removed, expired, barred]
        .into_iter()
        .find_map(|rule| rule(&view));
    // A token that is about to expire comes before new consents.
    let rules = [
        notice,
        import::next,
        refresh_due,
        consent::next,
        identity,
        remove_token,
        publish,
        remove_old_token,
    ];
    let found = found.or_else(|| {
        let view = view.with_app()?;
        rules.into_iter().find_map(|rule| rule(&view))
    });
    // Last: no token waits because the API server refuses this.
    found.or_else(|| reown_grant(&view))
}

/// When to check again for what only waits for a time.
#[must_use]
pub fn look_again(
    connection: &ZoomConnection,
    situation: &Situation,
    rules: Rules,
    now: Timestamp,
) -> Option<Timestamp> {
    let view = View {
        connection,
        situation,
        rules,
        now,
    };
    let app = view.with_app();
    let refresh = app.as_ref().and_then(|view| match view.refresh() {
        Refresh::Wait(until) => Some(until),
        Refresh::Keep | Refresh::Now => None,
    });
    // A grant that was lost in this pass gives way to a refresh token to import.
    let import = situation.tried.has(Attempted::Refresh)
        && view.may_write()
        && situation
            .kept()
            .is_some_and(|kept| kept.grant.loss.is_some())
        && import::due(&situation.observed.import, situation.kept()).is_some()
        && !import::stays(connection, &situation.observed);
    let import = import.then(|| moment_after(now));
    let consent = app.as_ref().and_then(consent::look_again);
    let erased = situation
        .kept()
        .and_then(|kept| erase_at(kept, view.rules.sealed_grant));
    let other = mismatch(connection, &situation.observed)
        .filter(|mismatch| {
            matches!(
                mismatch.reason,
                Reason::SubjectAlreadyConnected | Reason::AccountAlreadyConnected
            )
        })
        .map(|_| schedule::later(now, UNTIL_THE_OTHER_GOES));
    let barred = barred_until(&situation.observed, view.rules.sealed_grant, now)
        .into_iter()
        .flatten()
        .min();
    // Its integration's pass, which this one requests, erases the route.
    let route = match situation.observed.access {
        AppAccess::Refused(since) => Some(schedule::later(since.unwrap_or(now), GRACE)),
        AppAccess::Own | AppAccess::Allowed | AppAccess::Unseen(_) => None,
    };
    let route = route.filter(|at| *at > now);
    let unfinished = (now > situation.until).then(|| schedule::later(now, ONCE_CUT_OFF));
    // What has become due meanwhile comes at once.
    let asked = situation.look_again.map(|at| at.max(moment_after(now)));
    [
        refresh, import, consent, erased, other, barred, route, unfinished, asked,
    ]
    .into_iter()
    .flatten()
    .filter(|at| *at > now)
    .min()
}

fn moment_after(now: Timestamp) -> Timestamp {
    let moment = Duration::from_millis(1);
    now.checked_add(moment).unwrap_or(Timestamp::MAX)
}

/// Grant and generation: identifies what a published token belongs to.
#[must_use]
pub fn source(grant: &Grant) -> String {
    format!("{}/{}", grant.id, grant.generation)
}

// === What happens with or without an app ===

/// Erases the grant after Zoom reported a removal of the app and confirmed it by refusing the grant.
fn removed(view: &View<'_>) -> Option<Step> {
    let observed = &view.situation.observed;
    let (kept, removed_at) = (observed.kept()?, observed.removed_at?);
    let lost = kept.grant.lost()?;
    // A token that Zoom gave later says that the app was not removed then.
    let is_new = lost != Lost::Deauthorized
        && refresh::second_after(removed_at) > kept.grant.since
        && refresh::at_removal(kept, Some(removed_at)).is_some();
    let grant = is_new.then(|| kept.grant.removed(removed_at))?;
    Some(store(kept, grant, Purpose::Removed))
}

/// Erases a refresh token that was sealed for long enough.
fn expired(view: &View<'_>) -> Option<Step> {
    let kept = view.situation.kept()?;
    let is_due = erase_at(kept, view.rules.sealed_grant)? <= view.now
        && !view.situation.tried.has(Attempted::Erasure);
    let grant = kept.grant.erased(kept.grant.lost()?);
    is_due.then(|| store(kept, grant, Purpose::Expired))
}

/// Removes the token, and later the grant, of a connection that may not use its integration. Nothing is
/// revoked: the person did not ask for it.
fn barred(view: &View<'_>) -> Option<Step> {
    let observed = &view.situation.observed;
    let [token, grant] = barred_until(observed, view.rules.sealed_grant, view.now);
    let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= view.now);
    if is_due(token) {
        token_removal(view)
    } else {
        let is_certain = !view.situation.tried.has(Attempted::Erasure);
        (is_due(grant) && is_certain).then_some(Step::RemoveGrant)
    }
}

/// When token and grant of a connection that may not use its integration are removed, where they exist. A first
/// pass counts from `now`: the status that it writes leads to no pass.
fn barred_until(observed: &Observed, keep: Duration, now: Timestamp) -> [Option<Timestamp>; 2] {
    let AppAccess::Refused(since) = observed.access else {
        return [None, None];
    };
    let since = since.unwrap_or(now);
    let has_token = matches!(observed.token, TokenSecret::Ours(_));
    [
        has_token.then(|| schedule::later(since, GRACE)),
        observed.kept().map(|_| schedule::later(since, keep)),
    ]
}

/// Lets the grant be erased with the connection, or not, as the deletion policy says. Also one that cannot be read.
fn reown_grant(view: &View<'_>) -> Option<Step> {
    let observed = &view.situation.observed;
    let is_ours = matches!(observed.grant, GrantSecret::Ours(_) | GrantSecret::Broken);
    let is_new = !view.situation.tried.has(Attempted::Metadata);
    (is_ours && !observed.follows_policy && is_new).then_some(Step::ReownGrant)
}

fn store(kept: &StoredGrant, grant: Grant, purpose: Purpose) -> Step {
    let kept = StoredGrant {
        grant,
        ..kept.clone()
    };
    Step::Store(Box::new(kept), purpose)
}

// === What is done for an app, in this order ===

fn notice(view: &AppView<'_>) -> Option<Step> {
    let attempts = &view.observed().foreign_attempts;
    let is_new = !attempts.is_empty() && !view.situation().tried.has(Attempted::Notice);
    is_new.then(|| Step::Notice(attempts.clone()))
}

fn refresh_due(view: &AppView<'_>) -> Option<Step> {
    let due = !view.situation().tried.has(Attempted::Refresh) && view.refresh() == Refresh::Now;
    due.then(|| Step::Refresh(view.app.clone()))
}

fn identity(view: &AppView<'_>) -> Option<Step> {
    let kept = view.own_grant()?;
    let access = kept.grant.access.as_ref()?;
    if kept.identified || kept.grant.loss.is_some() || access.expires_at <= view.view.now {
        return None;
    }
    if let Some(asked) = &view.situation().asked {
        let kept = StoredGrant {
            identity: asked.identity.clone(),
            identified: true,
            ..kept.clone()
        };
        let step = || Step::Store(Box::new(kept), Purpose::Identified);
        return view.may_write().then(step);
    }
    let due =
        !view.situation().tried.has(Attempted::Identity) && !view.waits() && !view.zoom_waits();
    due.then(|| Step::AskWho(Box::new(kept.grant.clone())))
}

/// Removes the published token of a person who removed the app.
fn remove_token(view: &AppView<'_>) -> Option<Step> {
    let lost = view.observed().kept()?.grant.lost()?;
    let removal = token_removal(view.view)?;
    (lost == Lost::Deauthorized).then_some(removal)
}

/// Removes exactly the token Secret that was read.
fn token_removal(view: &View<'_>) -> Option<Step> {
    let TokenSecret::Ours(stored) = &view.situation.observed.token else {
        return None;
    };
    let owner = Owner::connection(view.connection);
    Some(Step::RemoveToken(Exactly::token(&owner, stored)))
}

/// Publishes the access token only once it is known who the grant belongs to.
fn publish(view: &AppView<'_>) -> Option<Step> {
    let observed = view.observed();
    let kept = view.own_grant()?;
    let access = kept.grant.access.as_ref()?;
    let is_usable = kept.identified
        && kept.grant.loss.is_none()
        && access.expires_at > view.view.now
        && mismatch(view.view.connection, observed).is_none();
    if !is_usable {
        return None;
    }
    match &observed.token {
        TokenSecret::Foreign | TokenSecret::Leaving => None,
        TokenSecret::Ours(stored) if stored.intact && stored.source == source(&kept.grant) => {
            let is_new = !view.situation().tried.has(Attempted::Metadata);
            (!stored.has_wanted_metadata && is_new)
                .then(|| Step::ReownToken(stored.resource_version.clone()))
        }
        TokenSecret::Absent | TokenSecret::Ours(_) => view
            .may_write()
            .then(|| Step::Publish(Box::new(kept.grant.clone()))),
    }
}

fn remove_old_token(view: &AppView<'_>) -> Option<Step> {
    let old = view.observed().old_token_secret.clone()?;
    let has_new = matches!(view.observed().token, TokenSecret::Ours(_));
    has_new.then_some(Step::RemoveOldToken(old))
}

#[cfg(test)]
mod tests;
