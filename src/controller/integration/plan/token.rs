//! Whether a token is requested, and why. Pure.

use jiff::Timestamp;

use crate::{
    api::{
        reason::Reason,
        v1alpha1::{TokenFailure, ZoomIntegration},
    },
    controller::{
        failure,
        integration::model::{Cause, Observed, TokenStep},
        schedule,
        token_secret::{Stored, TokenSecret},
    },
};
use zoom::scopes;

/// What to do with the token at `now`.
pub(super) fn token(
    integration: &ZoomIntegration,
    observed: &Observed,
    now: Timestamp,
) -> TokenStep {
    let spec = &integration.spec;
    if !spec.has_own_token() || !observed.credentials.are_complete(spec) {
        return TokenStep::Keep;
    }
    let stored = match &observed.token {
        TokenSecret::Foreign => return TokenStep::Keep,
        TokenSecret::Leaving => {
            return TokenStep::Wait(schedule::once_gone(now));
        }
        TokenSecret::Absent => None,
        TokenSecret::Ours(stored) => Some(stored),
    };
    let checks = [
        no_secret,
        modified,
        credentials_changed,
        refresh_due,
        scopes_missing,
        unproven,
        requested,
    ];
    let cause = checks
        .into_iter()
        .find_map(|check| check(integration, observed, stored, now));
    let Some(cause) = cause else {
        let due = schedule::at_request(
            failure::requested_at(integration),
            stored.and_then(|s| s.issued_at),
        );
        return match (stored, due) {
            (Some(stored), _) if !stored.has_wanted_metadata => TokenStep::Reown,
            (_, Some(time)) => TokenStep::Later(time),
            _ => TokenStep::Keep,
        };
    };
    let version = &observed.credentials.version;
    let rewritten = observed.rewritten.as_ref();
    if let Some(until) = rewritten.and_then(|known| known.rests_until(cause, version, now)) {
        return TokenStep::Rest(until);
    }
    match not_before(integration, observed, stored, now) {
        Some(time) if time > now => TokenStep::Wait(time),
        _ => TokenStep::Request(cause),
    }
}

/// The last failure, if it counts at `now`. It is stored in the status, so that a restart neither forgets nor
/// restarts the backoff.
#[must_use]
pub fn last_failure(integration: &ZoomIntegration, now: Timestamp) -> Option<&TokenFailure> {
    recorded_failure(integration).filter(|failure| failure::is_believed(failure, now))
}

fn recorded_failure(integration: &ZoomIntegration) -> Option<&TokenFailure> {
    integration
        .status
        .as_ref()?
        .token
        .as_ref()?
        .failure
        .as_ref()
}

/// The earliest time for the next request after a failure.
fn not_before(
    integration: &ZoomIntegration,
    observed: &Observed,
    stored: Option<&Stored>,
    now: Timestamp,
) -> Option<Timestamp> {
    let failure = last_failure(integration, now)?;
    let due = stored.and_then(|stored| stored.refresh_at);
    if failure.reason == Reason::TokenSecretNotWritten && due.is_some_and(|at| at > failure.time.0)
    {
        // No token was due then: labels were refused, and no token waits for these.
        return None;
    }
    let requested_at = failure::requested_at(integration);
    let version = &observed.credentials.version;
    Some(failure::not_before(failure, version, requested_at))
}

// === The reasons to request a token from Zoom, in order of precedence ===

fn no_secret(
    _: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    stored.is_none().then_some(Cause::NoSecret)
}

fn modified(
    _: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    stored
        .is_some_and(|stored| !stored.intact || stored.expires_at.is_none())
        .then_some(Cause::SecretModified)
}

fn credentials_changed(
    _: &ZoomIntegration,
    observed: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    (stored?.source != observed.credentials.version).then_some(Cause::CredentialsChanged)
}

fn refresh_due(
    _: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    now: Timestamp,
) -> Option<Cause> {
    // A Secret without the annotation is refreshed once it has expired.
    let stored = stored?;
    let is_due = now >= stored.refresh_at.or(stored.expires_at)?;
    (is_due || schedule::is_ahead(stored.issued_at, now)).then_some(Cause::RefreshDue)
}

fn scopes_missing(
    integration: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    _: Timestamp,
) -> Option<Cause> {
    let found = scopes::compare(&stored?.scope, &integration.spec.own_scopes(), &[]);
    (!found.missing.is_empty()).then_some(Cause::ScopesMissing)
}

fn unproven(
    integration: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    now: Timestamp,
) -> Option<Cause> {
    // Also one that is not believed: then nobody knows whether the token works.
    let failure = recorded_failure(integration)
        .filter(|failure| failure.reason == Reason::ProbeRefused)
        .filter(|failure| failure::is_standing(failure, stored.and_then(|it| it.issued_at), now));
    let probe = integration.spec.credentials.probe.as_ref();
    failure.and(probe).map(|_| Cause::Unproven)
}

fn requested(
    integration: &ZoomIntegration,
    _: &Observed,
    stored: Option<&Stored>,
    now: Timestamp,
) -> Option<Cause> {
    let due = schedule::at_request(failure::requested_at(integration), stored?.issued_at)?;
    (due <= now).then_some(Cause::Requested)
}
