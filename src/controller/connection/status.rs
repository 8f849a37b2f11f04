//! Computes the status to publish from what was observed and done. Pure.

mod conditions;
mod findings;
mod setting;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use url::Url;

pub use self::setting::Setting;
use self::{
    conditions::{namespace_allowed, notice, scopes_granted, subject_verified, token_fresh},
    findings::{grant_finding, granted, not_allowed, published, sealed, token_finding, unseen},
};
use super::{
    model::{AppAccess, Import, Integration, Observed, Situation},
    plan::{self, Rules},
    subject::Mismatch,
    verdict::{self, Findings},
};
use crate::{
    api::{
        condition,
        v1alpha1::{
            ConsentMode, GrantStatus, ScopesStatus, SubjectStatus, TokenStatus, ZoomConnection,
            ZoomConnectionStatus, told,
        },
    },
    controller::{
        grants::secret::{self, StoredGrant},
        links, schedule,
        token_secret::{Owner, TokenSecret},
        verdict::{self as shared, Before},
    },
};
use contract::consent::{Link, Target};
use zoom::scopes::remedy::Then;

/// The status of `connection` at `now`, and how long to wait for the next pass.
#[must_use]
pub fn status(
    connection: &ZoomConnection,
    situation: &Situation,
    setting: Setting<'_>,
    now: Timestamp,
) -> (ZoomConnectionStatus, Duration) {
    let before = connection.status.clone().unwrap_or_default();
    let observed = &situation.observed;
    let integration = observed.integration.as_ref();
    let kept = situation.kept();
    let mismatch = plan::mismatch(connection, observed);
    let scopes = granted(integration, kept);
    let owner = Owner::connection(connection);
    let access = observed.access;
    let install_url = install_url(connection, integration, access, &before, setting.pages);
    let consent = situation.consent.as_ref();
    let namespace = connection.namespace().unwrap_or_default();
    let findings = Findings {
        before: Before {
            phase: before.phase,
            conditions: &before.conditions,
        },
        namespace: &namespace,
        grant_secret: secret::name(&connection.name_any()),
        integration_name: &connection.spec.integration_ref.name,
        not_allowed: not_allowed(connection, observed, setting, now),
        unseen: unseen(connection, access),
        integration: integration.map(|integration| &integration.resource),
        credentials: integration.and_then(|integration| {
            let spec = &integration.resource.spec;
            integration.credentials.client_complaint(spec)
        }),
        has_pages: setting.pages.is_some(),
        grant: grant_finding(observed, mismatch.as_ref(), setting),
        token: token_finding(&owner, situation, scopes.as_ref()),
        then: install_url
            .as_deref()
            .map_or(Then::AuthorizeAgain, |_| Then::Follow),
        import: match &observed.import {
            Import::Awaited(message) => Some(message),
            _ => None,
        },
        import_waits: plan::import_waits(connection, observed),
        import_barred: plan::import_is_barred(observed),
        refused: consent
            .filter(|consent| consent.has_failed())
            .map(|consent| consent.message.as_str()),
        waiting: consent.filter(|consent| consent.is_waiting()),
    };
    let verdict = verdict::verdict(&findings, now);
    let grant = grant_status(kept, setting);
    let mut statements = shared::general(&verdict);
    if kept.is_some() {
        statements.push(token_fresh(&findings, grant.as_ref(), now));
        statements.push(scopes_granted(&findings));
    }
    // Nobody authorized a copied grant here.
    let own = kept.filter(|_| !observed.is_copy());
    statements.extend(subject_verified(own, mismatch.as_ref()));
    statements.extend(namespace_allowed(&findings, observed.access));
    statements.extend(situation.routed.statement.clone());
    let conditions = condition::merge(
        &before.conditions,
        statements,
        connection.metadata.generation,
        now,
    );
    let uid = connection.uid().unwrap_or_default();
    let token = TokenStatus {
        secret_name: token_secret_name(owner, observed),
        expires_at: published(observed).map(Time),
        refresh_at: kept
            .filter(|kept| kept.grant.loss.is_none())
            .and_then(|kept| plan::refresh_at(kept, &uid))
            .map(Time),
        failure: situation.failure.clone(),
    };
    let rules = Rules {
        sealed_grant: setting.sealed_grant,
    };
    let again = plan::look_again(connection, situation, rules, now);
    let wait = wait(&token, grant.as_ref(), again, integration, now);
    let status = ZoomConnectionStatus {
        operator: None,
        observed_generation: connection.metadata.generation,
        phase: Some(verdict.phase),
        conditions,
        operator_class: setting.operator_class.map(ToOwned::to_owned),
        install_url: install_url.clone(),
        subject: subject(observed, mismatch.as_ref()).or(before.subject),
        scopes: scopes.and_then(ScopesStatus::of),
        token: told(token),
        grant,
        consent: situation.consent.clone(),
        account: situation.account.clone(),
        events: situation.routed.events.clone(),
    };
    (status, wait)
}

/// The Secret that holds the token: the one under an earlier name until it is removed. A name under which nothing
/// was written is not recorded: what has it later is not the operator's to remove.
fn token_secret_name(owner: Owner, observed: &Observed) -> Option<String> {
    let old = observed.old_token_secret.as_ref();
    let is_there = matches!(observed.token, TokenSecret::Ours(_));
    old.map(|old| old.name.clone())
        .or_else(|| is_there.then_some(owner.secret_name))
}

fn subject(observed: &Observed, mismatch: Option<&Mismatch>) -> Option<SubjectStatus> {
    // Nobody authorized the copied grant here.
    let kept = observed
        .kept()
        .filter(|_| mismatch.is_none() && !observed.is_copy())?;
    let identity = kept.identity.as_ref()?;
    Some(SubjectStatus {
        user_id: Some(identity.user_id.clone()),
        account_id: Some(identity.account_id.clone()),
        email: Some(identity.email.clone()).filter(|email| !email.is_empty()),
    })
}

fn grant_status(kept: Option<&StoredGrant>, setting: Setting<'_>) -> Option<GrantStatus> {
    let kept = kept?;
    let grant = &kept.grant;
    let loss = grant.loss.as_ref();
    let used = grant
        .access
        .as_ref()
        .map_or(grant.since, |access| access.issued_at);
    Some(GrantStatus {
        since: Some(Time(schedule::later(grant.since, Duration::ZERO))),
        expires_at: loss
            .is_none()
            .then(|| Time(schedule::later(used, setting.refresh_token_life))),
        lost: loss.map(|loss| loss.reason.as_str().to_owned()),
        sealed_until: sealed(kept, setting).map(|sealed| Time(sealed.until)),
    })
}

/// The link stays the same for the lifetime of the object, because people have it.
fn install_url(
    connection: &ZoomConnection,
    integration: Option<&Integration>,
    access: AppAccess,
    before: &ZoomConnectionStatus,
    pages: Option<&Url>,
) -> Option<String> {
    let Some(integration) = integration else {
        // People have the link, and once the namespace is allowed again it works again.
        return before
            .install_url
            .clone()
            .filter(|_| matches!(access, AppAccess::Refused(_) | AppAccess::Unseen(_)));
    };
    if integration.resource.spec.consent_mode() != Some(ConsentMode::Operator) {
        return None;
    }
    let link = |nonce| Link {
        target: Target::Connection,
        namespace: connection.namespace().unwrap_or_default(),
        name: connection.name_any(),
        nonce,
    };
    Some(links::keep_or_make(
        before.install_url.as_deref(),
        pages?,
        link,
    ))
}

fn wait(
    token: &TokenStatus,
    grant: Option<&GrantStatus>,
    again: Option<Timestamp>,
    integration: Option<&Integration>,
    now: Timestamp,
) -> Duration {
    let mut times: Vec<Timestamp> = Vec::new();
    let dies = grant.and_then(|grant| grant.expires_at.as_ref());
    times.extend(dies.map(|dies| notice(dies.0)));
    times.extend(again);
    if integration.is_some_and(|integration| !integration.resource.spec.suspend) {
        times.extend(token.refresh_at.iter().map(|time| time.0));
        times.extend(token.expires_at.iter().map(|time| time.0));
        times.extend(token.failure.iter().map(|failure| failure.retry_at.0));
    }
    schedule::wait(times, now)
}

#[cfg(test)]
mod tests;
