//! What a pass found, for the verdict.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::setting::Setting;
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::{
        connection::{
            model::{AppAccess, Integration, Observed, Situation, Unseen},
            plan,
            subject::Mismatch,
            verdict::{GrantFinding, Sealed},
        },
        grants::secret::{GrantSecret, StoredGrant},
        schedule,
        token_secret::{Owner, TokenSecret},
        verdict::TokenFinding,
    },
};
use zoom::scopes::{self, Comparison};

/// Which of the wanted scopes the grant has.
pub(super) fn granted(
    integration: Option<&Integration>,
    kept: Option<&StoredGrant>,
) -> Option<Comparison> {
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

/// The state of the grant's Secret.
pub(super) fn grant_finding<'a>(
    observed: &'a Observed,
    mismatch: Option<&'a Mismatch>,
    setting: Setting<'_>,
) -> GrantFinding<'a> {
    match &observed.grant {
        GrantSecret::Absent if matches!(observed.token, TokenSecret::Ours(_)) => {
            GrantFinding::Deleted
        }
        GrantSecret::Absent | GrantSecret::Leaving => GrantFinding::Absent,
        GrantSecret::Foreign => GrantFinding::Foreign,
        GrantSecret::Broken => GrantFinding::Broken,
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
pub(super) fn sealed(kept: &StoredGrant, setting: Setting<'_>) -> Option<Sealed> {
    plan::erase_at(kept, setting.sealed_grant).map(|until| Sealed {
        until,
        client_known: kept.grant.client_id.is_some(),
    })
}

/// Why the integration may not be used. The message is the same whether it exists or not: other namespaces
/// are nobody's business.
pub(super) fn not_allowed(
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
        "There is no ZoomIntegration {} in namespace {} that allows namespace {own}: ask the platform engineer to set its spec.allowedNamespaces, or correct integrationRef in a new ZoomConnection.",
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
pub(super) fn unseen(connection: &ZoomConnection, access: AppAccess) -> Option<String> {
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
            "ZoomIntegration {name} of namespace {home} allowed this namespace by its labels, and an operator with watchNamespaces does not watch labels. The connection works as before, and no further namespace is allowed: set spec.allowedNamespaces.from of that ZoomIntegration to All, or install the operator without watchNamespaces."
        ),
    })
}

/// When the published token expires.
pub(super) fn published(observed: &Observed) -> Option<Timestamp> {
    match &observed.token {
        TokenSecret::Ours(stored) if stored.intact => stored.expires_at,
        _ => None,
    }
}

/// The state of the access token.
pub(super) fn token_finding<'a>(
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
