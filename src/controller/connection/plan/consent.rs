//! What happens to a consent from the pages: its code is spent once, its grant is judged, and only then does
//! the connection adopt it.

use std::time::Duration;

use jiff::Timestamp;

use super::view::AppView;
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{ConsentMode, ConsentStatus, ZoomConnection},
    },
    controller::{
        connection::{
            model::{
                Asked, Attempted, Consent, End, Integration, Purpose, Situation, Step, code_expires,
            },
            subject,
        },
        grants::secret::{GrantSecret, StoredGrant},
        schedule,
    },
};
use grant::Grant;
use zoom::scopes::{
    self,
    remedy::{self, Then},
};

/// Somebody with the link can start many consents: the rest waits for the next pass.
const PER_PASS: u32 = 3;

/// How soon the next pass continues with consents: a person is waiting in front of a page.
const SOON: Duration = Duration::from_secs(2);

/// The same while the name of the grant's Secret is taken by somebody else.
const WHILE_BLOCKED: Duration = Duration::from_mins(1);

/// The next step for the oldest consent.
pub fn next(view: &AppView<'_>) -> Option<Step> {
    let situation = view.situation();
    if situation.tried.has(Attempted::Consent) || situation.tried.consents >= PER_PASS {
        return None;
    }
    let consent = situation.observed.consents.first()?;
    let end = |end: End| Some(Step::EndConsent(Box::new(consent.clone()), end));
    let checked = check(
        consent,
        view.view.connection,
        view.integration,
        view.view.now,
    );
    if let Some(known) = consent.end.clone().or(checked.err()) {
        return end(known);
    }
    if let Some(told) =
        told(view.view.connection, consent).and_then(|told| over(view, consent, told))
    {
        return end(told);
    }
    if waits_until(consent, situation.consent.as_ref()).is_some_and(|until| until > view.view.now) {
        return None;
    }
    let grant = consent.grant.as_ref()?;
    if is_adopted(view, grant) {
        return end(granted(view.integration, grant));
    }
    let Some(asked) = &consent.identity else {
        return Some(if has_token(grant, view.view.now) {
            Step::AskWhoConsented(Box::new(grant.clone()))
        } else {
            Step::Redeem(view.app.clone(), Box::new(consent.clone()))
        });
    };
    let expected = view
        .observed()
        .expected(view.view.connection, asked.other.as_ref());
    if let Err(mismatch) = subject::judge(asked.identity.as_ref(), expected) {
        return end(End::failed(mismatch.reason, mismatch.message));
    }
    match &view.observed().grant {
        GrantSecret::Foreign | GrantSecret::Leaving => None,
        GrantSecret::Ours(kept) if kept.grant.id == grant.id || kept.grant.since > grant.since => {
            end(granted(view.integration, grant))
        }
        found => {
            let before = match found {
                GrantSecret::Ours(kept) => Some(&**kept),
                _ => None,
            };
            view.may_write().then(|| adopt(view, grant, asked, before))
        }
    }
}

/// When to check the oldest consent again.
pub fn look_again(view: &AppView<'_>) -> Option<Timestamp> {
    let situation = view.situation();
    let consent = situation.observed.consents.first()?;
    if situation.turn.is_some() {
        // Then the next pass comes anyway.
        return None;
    }
    let pause = match view.observed().grant {
        // Only a person can change that.
        GrantSecret::Foreign => WHILE_BLOCKED,
        _ => SOON,
    };
    let soon = schedule::later(view.view.now, pause);
    let until = waits_until(consent, situation.consent.as_ref());
    Some(until.map_or(soon, |until| until.max(soon)))
}

/// Whether a redeemed consent has an access token to ask Zoom with. If it waited for too long, its refresh
/// token is spent first.
fn has_token(grant: &Grant, now: Timestamp) -> bool {
    let access = grant.access.as_ref();
    access.is_some_and(|access| access.expires_at > now)
}

/// Until when a consent waits because Zoom or the API server did not do what it needs.
fn waits_until(consent: &Consent, status: Option<&ConsentStatus>) -> Option<Timestamp> {
    let waiting = status
        .filter(|status| status.is_waiting() && status.transaction == consent.transaction())?;
    waiting.retry_at.as_ref().map(|time| time.0)
}

/// Whether the consent's grant is the connection's, and the account that it proves is stored: there is nothing
/// left to ask Zoom.
fn is_adopted(view: &AppView<'_>, grant: &Grant) -> bool {
    let status = view.view.connection.status.as_ref();
    let stored = status.and_then(|status| status.account.as_ref());
    let kept = view.observed().kept();
    stored.is_some()
        && stored == view.situation().account.as_ref()
        && kept.is_some_and(|kept| kept.identified && kept.grant.id == grant.id)
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

/// The end that an earlier pass reported, if it is still true: only the consent itself remains to be removed.
fn over(view: &AppView<'_>, consent: &Consent, told: &ConsentStatus) -> Option<End> {
    let (grant, kept) = (consent.grant.as_ref(), view.observed().kept());
    let is_kept = grant
        .zip(kept)
        .is_some_and(|(grant, kept)| kept.grant.id == grant.id || kept.grant.since > grant.since);
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
        imported: before.and_then(|before| before.imported.clone()),
    };
    Step::Store(Box::new(kept), Purpose::Adopted)
}

fn granted(integration: &Integration, grant: &Grant) -> End {
    let scope = grant.access.as_ref().map_or("", |access| &access.scope);
    let found = scopes::compare(scope, &integration.resource.spec.consent_scopes(), &[]);
    match remedy::message(&found, Then::AuthorizeAgain) {
        None => End {
            succeeded: true,
            reason: Reason::Connected,
            message: "The app is authorized.".into(),
        },
        Some(message) => End::failed(Reason::MissingScopes, message),
    }
}

/// Checks a consent before its code is spent: it must belong to exactly these objects.
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
        && Some(handoff.integration_uid.as_str()) == integration.resource.metadata.uid.as_deref()
        && handoff.integration == reference.name
        && handoff.integration_namespace() == reference.namespace(&handoff.namespace);
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
    // A grant from a redeemed code is kept, whatever the credentials are now.
    let is_other_app = integration.credentials.client_id.as_ref() != Some(&handoff.client_id);
    if !consent.is_redeemed() && is_other_app {
        return refused(
            Reason::ConsentOutdated,
            "The app's client id changed during the consent: open the link again.",
        );
    }
    if !consent.is_redeemed() && now > code_expires(handoff.authorized) {
        return refused(
            Reason::CodeExpired,
            "Zoom's code expired before it could be redeemed: open the link again.",
        );
    }
    Ok(())
}
