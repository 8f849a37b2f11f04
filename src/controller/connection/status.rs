//! Computes the status to publish from what was observed and done. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use url::Url;

use super::{
    model::{AppAccess, Import, Integration, Observed, Situation, Unseen},
    plan::{self, Rules},
    subject::Mismatch,
    verdict::{self, Findings, GrantFinding, Sealed},
};
use crate::{
    api::{
        condition::{self, Statement, Status, Type},
        reason::Reason,
        v1alpha1::{
            ConsentMode, GrantStatus, ScopesStatus, SubjectStatus, TokenStatus, ZoomConnection,
            ZoomConnectionStatus, told,
        },
    },
    controller::{
        grants::secret::{GrantSecret, StoredGrant},
        links, schedule,
        token_secret::{Owner, TokenSecret},
        verdict::{self as shared, Before, TokenFinding},
    },
};
use contract::consent::{Link, Target};
use grant::Lost;
use zoom::scopes::{self, Comparison, remedy::Then};

/// How long before its expiry an unused grant is announced.
const NOTICE: Duration = Duration::from_hours(14 * 24);

/// The operator's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The class of this operator.
    pub operator_class: Option<&'a str>,
    /// Public address of the consent pages.
    pub pages: Option<&'a Url>,
    /// Lifetime of an unused refresh token.
    pub refresh_token_life: Duration,
    /// How long a refresh token that Zoom refused is kept.
    pub sealed_grant: Duration,
    /// Time to delete a person's data after the app was removed.
    pub data_deletion: Duration,
}

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
    let findings = Findings {
        before: Before {
            phase: before.phase,
            conditions: &before.conditions,
        },
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

fn granted(integration: Option<&Integration>, kept: Option<&StoredGrant>) -> Option<Comparison> {
    let access = kept?.grant.access.as_ref()?;
    let spec = &integration?.resource.spec;
    let optional = spec.scopes.optional.as_deref().unwrap_or_default();
    // Declared, but of the bot's own token.
    let others = spec.own_scopes().into_iter().filter(|_| spec.has_bot());
    let optional: Vec<String> = optional.iter().cloned().chain(others).collect();
    Some(scopes::compare(
        &access.scope,
        &spec.consent_scopes(),
        &optional,
    ))
}

fn grant_finding<'a>(
    observed: &'a Observed,
    mismatch: Option<&'a Mismatch>,
    setting: Setting<'_>,
) -> GrantFinding<'a> {
    match &observed.grant {
        GrantSecret::Absent if matches!(observed.token, TokenSecret::Ours(_)) => {
            GrantFinding::Deleted
        }
        GrantSecret::Absent | GrantSecret::Leaving => GrantFinding::Absent,
        GrantSecret::Foreign => GrantFinding::Conflict(
            "A Secret with the name of this connection's grant (its name with -zoom-grant appended) exists and was not made for it: delete or rename it.",
        ),
        GrantSecret::Broken => GrantFinding::Conflict(
            "The Secret of this connection's grant (its name with -zoom-grant appended) was changed by hand and cannot be read: delete it, and authorize again by status.installUrl.",
        ),
        GrantSecret::Ours(kept) => {
            if let Some(loss) = &kept.grant.loss {
                let lost = GrantFinding::Lost(loss.reason, sealed(kept, setting));
                loss.removed_at.map_or(lost, |removed| {
                    let until = schedule::later(removed, setting.data_deletion);
                    GrantFinding::Removed(removed, until)
                })
            } else if observed.is_copy() {
                GrantFinding::Copied
            } else if let Some(client_id) = plan::other_client(kept, observed.client_id()) {
                GrantFinding::OtherClient(client_id)
            } else if let Some(mismatch) = mismatch {
                GrantFinding::Mismatched(mismatch)
            } else {
                GrantFinding::Held
            }
        }
    }
}

/// How the refresh token of a lost grant is kept.
fn sealed(kept: &StoredGrant, setting: Setting<'_>) -> Option<Sealed> {
    plan::erase_at(kept, setting.sealed_grant).map(|until| Sealed {
        until,
        client_known: kept.grant.client_id.is_some(),
    })
}

/// Why the integration may not be used. The message is the same whether it exists or not: other namespaces
/// are nobody's business.
fn not_allowed(
    connection: &ZoomConnection,
    observed: &Observed,
    setting: Setting<'_>,
    now: Timestamp,
) -> Option<String> {
    let AppAccess::Refused(since) = observed.access else {
        return None;
    };
    let own = connection.namespace().unwrap_or_default();
    let reference = &connection.spec.integration_ref;
    let mut message = format!(
        "There is no ZoomIntegration {} in namespace {} that allows namespace {own}: ask who runs it to set allowedNamespaces, or correct integrationRef in a new ZoomConnection.",
        reference.name,
        reference.namespace(&own),
    );
    if observed.kept().is_some() {
        let until = schedule::later(since.unwrap_or(now), setting.sealed_grant);
        let kept = format!(
            " No token is refreshed meanwhile; the grant is kept until {until}, and works again by itself once the namespace is allowed."
        );
        message.push_str(&kept);
    }
    Some(message)
}

/// What of a permission that was given cannot be seen, and what to do.
fn unseen(connection: &ZoomConnection, access: AppAccess) -> Option<String> {
    let AppAccess::Unseen(unseen) = access else {
        return None;
    };
    let own = connection.namespace().unwrap_or_default();
    let reference = &connection.spec.integration_ref;
    let (home, name) = (reference.namespace(&own), &reference.name);
    Some(match unseen {
        Unseen::Integration => format!(
            "The operator does not watch namespace {home} of ZoomIntegration {name}: add it to the chart's watchNamespaces. Until then no token is refreshed; the grant is kept, and works again by itself."
        ),
        Unseen::Labels => format!(
            "ZoomIntegration {name} of namespace {home} allowed this namespace by its labels, and an operator with watchNamespaces does not watch labels. The connection works as before, and no further namespace is allowed: whoever runs the integration sets allowedNamespaces.from: All, or the operator is installed without watchNamespaces."
        ),
    })
}

fn namespace_allowed(findings: &Findings<'_>, access: AppAccess) -> Option<Statement> {
    let say = |status: Status, reason: Reason, message: &str| {
        Some(Statement::new(
            Type::NamespaceAllowed,
            status,
            reason,
            message,
        ))
    };
    match (access, &findings.not_allowed, &findings.unseen) {
        (AppAccess::Own, ..) => None,
        (_, Some(message), _) => say(Status::False, Reason::NamespaceNotAllowed, message),
        (_, _, Some(message)) => say(Status::Unknown, Reason::NamespaceNotWatched, message),
        (_, None, None) => say(
            Status::True,
            Reason::NamespaceIsAllowed,
            "The integration allows this namespace.",
        ),
    }
}

/// When the published token expires.
fn published(observed: &Observed) -> Option<Timestamp> {
    match &observed.token {
        TokenSecret::Ours(stored) if stored.intact => stored.expires_at,
        _ => None,
    }
}

fn token_finding<'a>(
    owner: &Owner,
    situation: &'a Situation,
    scopes: Option<&'a Comparison>,
) -> TokenFinding<'a> {
    let observed = &situation.observed;
    let failure = situation.failure.as_ref();
    if matches!(observed.token, TokenSecret::Foreign) && observed.kept().is_some() {
        return TokenFinding::Conflict(format!(
            "Secret {} exists and was not made for this connection's token: set token.secretName to another name, or delete or rename that Secret if nobody needs it.",
            owner.secret_name
        ));
    }
    match (published(observed), scopes) {
        (Some(expires_at), Some(scopes)) => TokenFinding::Present {
            expires_at,
            scopes,
            failure,
        },
        _ => TokenFinding::Absent { failure },
    }
}

fn token_fresh(findings: &Findings<'_>, grant: Option<&GrantStatus>, now: Timestamp) -> Statement {
    let dies = grant.and_then(|grant| grant.expires_at.as_ref());
    if let Some(Time(dies)) = dies.filter(|dies| now >= notice(dies.0)) {
        return Statement::new(
            Type::TokenFresh,
            Status::False,
            Reason::GrantExpiring,
            format!(
                "The grant was not used for long and dies at {dies}: resume the integration or fix what keeps it from being refreshed, or the person must authorize again."
            ),
        );
    }
    let (reason, why) = match findings.grant {
        GrantFinding::Lost(lost, _) => (Reason::from(lost), lost.message()),
        GrantFinding::Removed(..) => (Reason::Deauthorized, Lost::Deauthorized.message()),
        GrantFinding::OtherClient(_) => (
            Reason::ClientIdChanged,
            "The grant was given to another app than the one whose credentials are there: it cannot be refreshed.",
        ),
        _ => return shared::token_fresh(&findings.token),
    };
    let rest = match &findings.token {
        TokenFinding::Present { expires_at, .. } if *expires_at > now => {
            format!(" No new token can be got; the present one expires at {expires_at}.")
        }
        TokenFinding::Present { expires_at, .. } => {
            format!(" The last token expired at {expires_at}.")
        }
        _ => String::new(),
    };
    Statement::new(
        Type::TokenFresh,
        Status::False,
        reason,
        format!("{why}{rest}"),
    )
}

fn scopes_granted(findings: &Findings<'_>) -> Statement {
    match (&findings.grant, &findings.token) {
        (GrantFinding::Lost(..) | GrantFinding::Removed(..), TokenFinding::Absent { .. }) => {
            Statement::new(
                Type::ScopesGranted,
                Status::Unknown,
                Reason::NoToken,
                "The grant is lost: which scopes the next one has is known once somebody authorized.",
            )
        }
        _ => shared::scopes_granted(&findings.token, findings.then),
    }
}

fn notice(dies: Timestamp) -> Timestamp {
    dies.checked_sub(NOTICE).unwrap_or(dies)
}

fn subject_verified(kept: Option<&StoredGrant>, mismatch: Option<&Mismatch>) -> Option<Statement> {
    let kept = kept?;
    let say = |status: Status, reason: Reason, message: &str| {
        Statement::new(Type::SubjectVerified, status, reason, message)
    };
    Some(match (mismatch, kept.identified, &kept.identity) {
        (Some(mismatch), ..) => say(Status::False, mismatch.reason, &mismatch.message),
        (None, false, _) => say(
            Status::Unknown,
            Reason::NotAsked,
            "Zoom was not asked yet who authorized.",
        ),
        (None, true, Some(_)) => say(Status::True, Reason::Verified, "Zoom says who authorized."),
        (None, true, None) => say(
            Status::Unknown,
            Reason::NotTold,
            "The granted scopes do not allow to ask who authorized: add user:read:user (admin-managed: user:read:user:admin) if that matters.",
        ),
    })
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
