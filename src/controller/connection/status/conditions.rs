//! The conditions that only connections have, or have in another way.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::GrantStatus,
    },
    controller::{
        connection::{
            model::AppAccess,
            subject::Mismatch,
            verdict::{Findings, GrantFinding},
        },
        grants::secret::StoredGrant,
        verdict::{self, TokenFinding},
    },
};
use grant::Lost;

/// How long before its expiry an unused grant is announced.
const NOTICE: Duration = Duration::from_hours(14 * 24);

/// Whether the integration allows this namespace; nothing is said where both are in one.
pub(super) fn namespace_allowed(findings: &Findings<'_>, access: AppAccess) -> Option<Statement> {
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

/// Whether the token is fresh; that the grant dies soon or is lost comes first.
pub(super) fn token_fresh(
    findings: &Findings<'_>,
    grant: Option<&GrantStatus>,
    now: Timestamp,
) -> Statement {
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
        _ => return verdict::token_fresh(&findings.token),
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

/// Whether the required scopes are granted; of a lost grant nobody knows what the next one has.
pub(super) fn scopes_granted(findings: &Findings<'_>) -> Statement {
    match (&findings.grant, &findings.token) {
        (GrantFinding::Lost(..) | GrantFinding::Removed(..), TokenFinding::Absent { .. }) => {
            Statement::new(
                Type::ScopesGranted,
                Status::Unknown,
                Reason::NoToken,
                "The grant is lost: which scopes the next one has is known once somebody authorized.",
            )
        }
        _ => verdict::scopes_granted(&findings.token, findings.then),
    }
}

/// Whether the right person authorized; `None` if nobody did.
pub(super) fn subject_verified(
    kept: Option<&StoredGrant>,
    mismatch: Option<&Mismatch>,
) -> Option<Statement> {
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

/// When a grant that dies then is announced.
pub(super) fn notice(dies: Timestamp) -> Timestamp {
    dies.checked_sub(NOTICE).unwrap_or(dies)
}
