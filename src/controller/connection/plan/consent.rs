//! What happens to a consent from the pages: its code is spent once, its grant is judged, and only then does
//! the connection adopt it.

use std::time::Duration;

use jiff::Timestamp;

use super::{import, mismatch::mismatch, refresh, view::AppView};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{ConsentMode, ConsentStatus, ZoomConnection},
    },
    controller::{
        connection::{
            model::{
                Asked, Attempted, Consent, End, Import, Integration, Purpose, Situation, Step,
                code_expires, pinned,
            },
            subject,
        },
        grants::secret::{GrantSecret, StoredGrant},
        schedule,
    },
};
use grant::{Credential, Grant};
use zoom::{
    Identity,
    scopes::{
        self,
        remedy::{self, Then},
    },
};

/// Somebody with the link can start many consents: the rest waits for the next pass.
const PER_PASS: u32 = 3;

/// How soon the next pass continues with consents: a person is waiting in front of a page.
const SOON: Duration = Duration::from_secs(2);

/// The same while the name of the grant's Secret is taken by somebody else.
const WHILE_BLOCKED: Duration = Duration::from_mins(1);

/// The next step for a consent: first those that are over, then the oldest with which something can be done.
pub fn next(view: &AppView<'_>) -> Option<Step> {
    let situation = view.situation();
    if situation.tried.has(Attempted::Consent) || situation.tried.consents >= PER_PASS {
        return None;
    }
    let consents = &situation.observed.consents;
    let over = consents.iter().enumerate().find_map(|(place, consent)| {
        let is_last = place + 1 == consents.len();
        let end = end_of(view, consent, is_last)?;
        Some(Step::EndConsent(Box::new(consent.clone()), end))
    });
    let mut workable = consents
        .iter()
        .zip(rests_until(view))
        .filter(|(_, rests)| rests.is_none());
    over.or_else(|| workable.find_map(|(consent, _)| step(view, consent)))
}

/// When to check the consents again.
pub fn look_again(view: &AppView<'_>) -> Option<Timestamp> {
    let situation = view.situation();
    let consents = &situation.observed.consents;
    if consents.is_empty() || situation.turn.is_some() {
        // In the second case the next pass comes anyway.
        return None;
    }
    let pause = match view.observed().grant {
        // Only a person can change that.
        GrantSecret::Foreign => WHILE_BLOCKED,
        _ => SOON,
    };
    let soon = schedule::later(view.view.now, pause);
    let rests = rests_until(view);
    let Some(rests) = rests.into_iter().collect::<Option<Vec<_>>>() else {
        return Some(soon);
    };
    // They rest, but their codes expire.
    let expire = consents
        .iter()
        .filter(|consent| !consent.is_redeemed())
        .filter_map(|consent| consent.handoff.as_ref())
        .map(|handoff| schedule::later(code_expires(handoff.authorized), SOON));
    let first = expire.chain(rests).min();
    first.map(|at| at.max(soon))
}

/// Until when nothing is done with each consent. One that waits holds up none after it. Those before the one that the
/// status tells of rest as long.
fn rests_until(view: &AppView<'_>) -> Vec<Option<Timestamp>> {
    let situation = view.situation();
    let consents = &situation.observed.consents;
    let told = waiting(consents, situation.consent.as_ref());
    let rests = consents.iter().enumerate().map(|(place, consent)| {
        let told = told.filter(|(waits, _)| place <= *waits);
        let own = consent.wait.map(|wait| wait.until);
        own.max(told.map(|(_, until)| until))
    });
    let now = view.view.now;
    rests.map(|until| until.filter(|at| *at > now)).collect()
}

/// How a consent ends without another request to Zoom, if so.
fn end_of(view: &AppView<'_>, consent: &Consent, is_last: bool) -> Option<End> {
    let (connection, now) = (view.view.connection, view.view.now);
    let checked = check(consent, connection, view.integration, now);
    if let Some(known) = consent.end.clone().or(checked.err()) {
        return Some(known);
    }
    if let Some(told) = told(connection, consent).and_then(|told| over(view, consent, told)) {
        return Some(told);
    }
    let grant = consent.grant.as_ref()?;
    // Its own refresh token was replaced since, or another authorization invalidated it.
    let is_spent = consent.identity.is_none()
        && (is_outlasted(view, grant) || is_kept(view, grant) && !has_token(grant, now));
    if is_adopted(view, grant) || is_spent {
        return Some(granted(view, grant));
    }
    if is_last {
        return None;
    }
    hopeless(view, consent, grant)
}

/// Why nothing can come of a redeemed consent as things are. Alone it waits, because somebody may correct that: not
/// while a later one stands behind it.
fn hopeless(view: &AppView<'_>, consent: &Consent, grant: &Grant) -> Option<End> {
    if !consent.is_redeemed() {
        return None;
    }
    if let Some(lost) = grant.lost() {
        return Some(End::failed(Reason::CodeRejected, lost.message()));
    }
    let waits = told(view.view.connection, consent).filter(|told| told.is_waiting());
    waits
        .filter(|told| told.reason == Reason::ZoomRefused)
        .map(|told| End::failed(Reason::SubjectUnverifiable, &*told.message))
}

/// The next step for a consent that is not over.
fn step(view: &AppView<'_>, consent: &Consent) -> Option<Step> {
    let grant = consent.grant.as_ref()?;
    let redeem = || Step::Redeem(view.app.clone(), Box::new(consent.clone()));
    if is_of_other_app(view, grant) {
        // Sends nothing, and tells that the client id changed.
        return Some(redeem());
    }
    let Some(asked) = &consent.identity else {
        return Some(if has_token(grant, view.view.now) {
            Step::AskWhoConsented(Box::new(grant.clone()))
        } else {
            redeem()
        });
    };
    let end = |end: End| Some(Step::EndConsent(Box::new(consent.clone()), end));
    let expected = view
        .observed()
        .expected(view.view.connection, asked.other.as_ref());
    if let Err(mismatch) = subject::judge(asked.identity.as_ref(), expected)
        && !(is_of_expectations(mismatch.reason) && is_of_same_person(view, grant, asked))
    {
        return end(End::failed(mismatch.reason, mismatch.message));
    }
    if is_kept(view, grant) || is_outlasted(view, grant) {
        return end(granted(view, grant));
    }
    match &view.observed().grant {
        GrantSecret::Foreign | GrantSecret::Leaving => None,
        found => {
            let before = match found {
                GrantSecret::Ours(kept) => Some(&**kept),
                _ => None,
            };
            view.may_write().then(|| adopt(view, grant, asked, before))
        }
    }
}

/// Whether the grant is refused because the connection expects somebody else, and not because another one has it.
fn is_of_expectations(reason: Reason) -> bool {
    matches!(reason, Reason::WrongSubject | Reason::SubjectUnverifiable)
}

/// Whether the connection's own grant is of the same person and app: Zoom ended it with this authorization. So the new
/// one takes its place also where the connection expects somebody else, perhaps by mistake, and gives no token there.
fn is_of_same_person(view: &AppView<'_>, grant: &Grant, asked: &Asked) -> bool {
    let user = |identity: &Identity| Some(identity.user_id.clone()).filter(|id| !id.is_empty());
    let authorized = asked.identity.as_ref().and_then(user);
    let pinned = pinned(view.view.connection).and_then(|pinned| pinned.user_id.as_ref());
    authorized.is_some_and(|authorized| {
        pinned.is_none_or(|pinned| *pinned == authorized)
            && view.own_grant().is_some_and(|kept| {
                kept.grant.client_id == grant.client_id
                    && kept.identity.as_ref().and_then(user) == Some(authorized)
            })
    })
}

/// Whether a consent's grant was given to another app than the present one, which the connection's own grant is for: in
/// its place, it would serve nobody.
fn is_of_other_app(view: &AppView<'_>, grant: &Grant) -> bool {
    let present = Some(view.app.client_id.as_str());
    let is_other = grant.client_id.is_some() && grant.client_id.as_deref() != present;
    let own = view.own_grant().filter(|kept| kept.grant.loss.is_none());
    is_other && own.is_some_and(|kept| refresh::other_client(kept, present).is_none())
}

/// Whether a redeemed consent has an access token to ask Zoom with. If it waited for too long, its refresh
/// token is spent first.
fn has_token(grant: &Grant, now: Timestamp) -> bool {
    let access = grant.access.as_ref();
    access.is_some_and(|access| access.expires_at > now)
}

/// Which consent waits because Zoom or the API server did not do what it needs, and until when.
fn waiting(consents: &[Consent], status: Option<&ConsentStatus>) -> Option<(usize, Timestamp)> {
    let status = status.filter(|status| status.is_waiting())?;
    let is_it = |consent: &Consent| status.transaction == consent.transaction();
    let place = consents.iter().position(is_it)?;
    Some((place, status.retry_at.as_ref()?.0))
}

/// Whether the connection has the consent's grant.
fn is_kept(view: &AppView<'_>, grant: &Grant) -> bool {
    let kept = view.observed().kept();
    kept.is_some_and(|kept| kept.grant.id == grant.id)
}

/// Whether the connection has the grant of a later authorization, which serves it. A time in the future comes from a
/// clock that was ahead, and says nothing.
fn is_outlasted(view: &AppView<'_>, grant: &Grant) -> bool {
    view.own_grant().is_some_and(|kept| {
        let since = kept.grant.since;
        let serves = import::serves(view.view.connection, view.observed());
        serves && since <= view.view.now && since > grant.since
    })
}

/// Whether the consent's grant is the connection's, and the account that it proves is stored: there is nothing
/// left to ask Zoom.
fn is_adopted(view: &AppView<'_>, grant: &Grant) -> bool {
    let status = view.view.connection.status.as_ref();
    let stored = status.and_then(|status| status.account.as_ref());
    let kept = view.observed().kept();
    stored.is_some()
        && stored == view.situation().account.as_ref()
        && kept.is_some_and(|kept| kept.identified)
        && is_kept(view, grant)
}

/// Whether the step removes a consent whose end, or the account that it proved, the status does not have yet.
#[must_use]
pub fn is_untold(connection: &ZoomConnection, situation: &Situation, step: &Step) -> bool {
    let Step::EndConsent(consent, end) = step else {
        return false;
    };
    let is_told = told(connection, consent)
        .is_some_and(|told| told.has_succeeded() == end.succeeded && told.reason == end.reason);
    !is_told || end.succeeded && is_unstored(connection, situation)
}

/// What the status says of this consent.
fn told<'a>(connection: &'a ZoomConnection, consent: &Consent) -> Option<&'a ConsentStatus> {
    let status = connection.status.as_ref()?.consent.as_ref();
    status.filter(|status| status.transaction == consent.transaction())
}

/// The end that an earlier pass reported, if it is still true: only the consent itself remains to be removed. Of what
/// Zoom gave for a code, only a pass that did not find it says that the code expired, as while the pages are switched
/// off.
fn over(view: &AppView<'_>, consent: &Consent, told: &ConsentStatus) -> Option<End> {
    if told.reason == Reason::CodeExpired && consent.is_redeemed() {
        return None;
    }
    let grant = consent.grant.as_ref();
    let is_kept = grant.is_some_and(|grant| is_kept(view, grant) || is_outlasted(view, grant));
    (told.has_failed() || told.has_succeeded() && is_kept).then(|| End {
        succeeded: told.has_succeeded(),
        reason: told.reason,
        message: told.message.clone(),
    })
}

fn is_unstored(connection: &ZoomConnection, situation: &Situation) -> bool {
    let status = connection.status.as_ref();
    let stored = status.and_then(|status| status.account.as_ref());
    situation.account.is_some() && situation.account.as_ref() != stored
}

fn adopt(view: &AppView<'_>, grant: &Grant, asked: &Asked, before: Option<&StoredGrant>) -> Step {
    let kept = StoredGrant {
        grant: Grant {
            // The time comes from another process: in the future, it would outlast every later consent.
            since: grant.since.min(view.view.now),
            ..grant.clone()
        },
        identity: asked.identity.clone(),
        identified: true,
        namespace_uid: view.observed().namespace_uid.clone(),
        imported: match before {
            Some(before) => before.imported.clone(),
            // What is configured for import is older, and may have been taken over before.
            None => importable(&view.observed().import),
        },
    };
    Step::Store(Box::new(kept), Purpose::Adopted)
}

/// The fingerprint of the refresh token to import.
fn importable(import: &Import) -> Option<String> {
    match import {
        Import::Present(token) => Some(Credential::RefreshToken(token.clone()).fingerprint()),
        _ => None,
    }
}

fn granted(view: &AppView<'_>, grant: &Grant) -> End {
    if let Some(mismatch) = mismatch(view.view.connection, view.observed()) {
        return End::failed(mismatch.reason, mismatch.message);
    }
    // A code that was not redeemed has no scopes: those of the grant in its place count.
    let kept = view.observed().kept();
    let access = grant.access.as_ref();
    let access = access.or_else(|| kept.and_then(|kept| kept.grant.access.as_ref()));
    let scope = access.map_or("", |access| &access.scope);
    let spec = &view.integration.resource.spec;
    let found = scopes::compare(scope, &spec.consent_scopes(), &[]);
    match remedy::message(&found, Then::AuthorizeAgain) {
        None => End {
            succeeded: true,
            reason: Reason::Connected,
            message: "The app is authorized.".into(),
        },
        Some(message) => End::failed(Reason::MissingScopes, message),
    }
}

/// Checks a consent: before its code is spent, it must belong to exactly these objects. What Zoom gave for it is kept,
/// whatever became of the integration since: a tool may have created it again, and somebody changed it for a minute.
///
/// # Errors
/// How the consent ends, if it must not be redeemed.
pub fn check(
    consent: &Consent,
    connection: &ZoomConnection,
    integration: &Integration,
    now: Timestamp,
) -> Result<(), End> {
    let refused = |reason: Reason, message: &str| Err(End::failed(reason, message));
    let (Some(handoff), true) = (&consent.handoff, consent.grant.is_some()) else {
        return refused(
            Reason::ConsentUnreadable,
            "The consent could not be read: open the link again.",
        );
    };
    let ours = connection.metadata.uid.as_deref();
    let meant = handoff.connection_uid.as_deref();
    let reference = &connection.spec.integration_ref;
    let same = meant.is_none_or(|uid| Some(uid) == ours)
        && handoff.integration == reference.name
        && handoff.integration_namespace() == reference.namespace(&handoff.namespace);
    if same && consent.is_redeemed() {
        return Ok(());
    }
    let found = integration.resource.metadata.uid.as_deref();
    if !same || Some(handoff.integration_uid.as_str()) != found {
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
    if now > code_expires(handoff.authorized) {
        return refused(
            Reason::CodeExpired,
            "Zoom's code expired before it could be redeemed: open the link again.",
        );
    }
    Ok(())
}
