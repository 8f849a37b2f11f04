//! Decides the state of a connection in one word from the findings of a pass. Pure.

use jiff::Timestamp;

use super::subject::Mismatch;
use crate::{
    api::{
        condition::Status,
        reason::Reason,
        v1alpha1::{AppKind, ConsentMode, ConsentStatus, Phase, ZoomIntegration},
    },
    controller::verdict::{self, Before, Flow, TokenFinding, Verdict, in_progress},
};
use grant::Lost;
use zoom::scopes::remedy::Then;

/// The findings of a pass after it acted.
#[derive(Clone, Debug)]
pub struct Findings<'a> {
    /// The previous status.
    pub before: Before<'a>,
    /// The namespace of the connection.
    pub namespace: &'a str,
    /// Name of the Secret with its grant.
    pub grant_secret: String,
    /// Name of the integration.
    pub integration_name: &'a str,
    /// Why the integration of another namespace may not be used, as a sentence.
    pub not_allowed: Option<String>,
    /// Why it cannot be seen whether the integration of another namespace may still be used, as a sentence.
    pub unseen: Option<String>,
    /// The integration, if it exists.
    pub integration: Option<&'a ZoomIntegration>,
    /// What is wrong with the credentials, as a sentence.
    pub credentials: Option<String>,
    /// Whether the operator has consent pages.
    pub has_pages: bool,
    /// The state of the grant's Secret.
    pub grant: GrantFinding<'a>,
    /// The state of the access token.
    pub token: TokenFinding<'a>,
    /// How the person authorizes again.
    pub then: Then,
    /// What still has to be imported, as a sentence.
    pub import: Option<&'a str>,
    /// Whether a refresh token to import waits for the end of the present grant.
    pub import_waits: bool,
    /// Whether that is the grant of a consent, of which something is left: nothing is imported over it by itself.
    pub import_barred: bool,
    /// Why the last consent failed, as a sentence.
    pub refused: Option<&'a str>,
    /// A consent that waits for Zoom or the API server.
    pub waiting: Option<&'a ConsentStatus>,
}

/// The state of the grant's Secret.
#[derive(Clone, Copy, Debug)]
pub enum GrantFinding<'a> {
    /// There is none yet.
    Absent,
    /// It was deleted: there is a token that was requested with a grant.
    Deleted,
    /// A Secret of somebody else.
    Foreign,
    /// It was changed by hand and cannot be read.
    Broken,
    /// A grant for another namespace or cluster.
    Copied,
    /// A grant that is lost, and how its refresh token is kept, if it is.
    Lost(Lost, Option<Sealed>),
    /// A grant of another app, which has this client id.
    OtherClient(&'a str),
    /// A grant that is lost because its person removed the app: when, and until when that person's data must
    /// be deleted.
    Removed(Timestamp, Timestamp),
    /// A grant that the connection must not use.
    Mismatched(&'a Mismatch),
    /// A usable grant.
    Held,
}

/// A refresh token that Zoom refused and that is kept for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Until when.
    pub until: Timestamp,
    /// Whether Zoom is known to have refused it to the app that it belongs to. Otherwise the credentials may
    /// be those of another app.
    pub client_known: bool,
}

/// Decides the state at `now`.
#[must_use]
pub fn verdict(findings: &Findings<'_>, now: Timestamp) -> Verdict {
    if let Some(message) = &findings.not_allowed {
        return Verdict::stalled(
            Phase::Degraded,
            Reason::NamespaceNotAllowed,
            message.as_str(),
        );
    }
    let Some(integration) = findings.integration else {
        if let Some(message) = &findings.unseen {
            let reason = Reason::NamespaceNotWatched;
            return Verdict::stalled(Phase::Degraded, reason, message.as_str());
        }
        return in_progress(
            findings.before,
            Reason::IntegrationNotFound,
            format!(
                "ZoomIntegration {} does not exist in this namespace: create it, or correct integrationRef in a new ZoomConnection.",
                findings.integration_name
            ),
        );
    };
    wrong_kind(integration)
        .or_else(|| suspended(findings, integration))
        .or_else(|| credentials(findings))
        .or_else(|| grant(findings))
        .or_else(|| token(findings, now))
        .unwrap_or_else(|| {
            Verdict::new(
                Phase::Connected,
                Status::True,
                Flow::Settled,
                Reason::Connected,
                connected(findings),
            )
        })
}

fn connected(findings: &Findings<'_>) -> String {
    let usable = "The token is valid and has the required scopes.";
    if !findings.import_waits {
        return usable.into();
    }
    let when = if findings.import_barred {
        "it does not replace a grant that a person gave by a consent, unless that is lost and its refresh token erased"
    } else {
        "it is taken over once Zoom no longer accepts the present grant"
    };
    format!(
        "{usable} The Secret of importSecretRef holds another refresh token: {when}. To use it now: {}.",
        deletion(findings)
    )
}

// === The rows, in their order ===

fn wrong_kind(integration: &ZoomIntegration) -> Option<Verdict> {
    let why = match integration.spec.app.kind {
        AppKind::General => return None,
        AppKind::ServerToServer => "is of kind ServerToServer and has one token of its own",
        AppKind::WebhookOnly => "is of kind WebhookOnly and has no token",
    };
    Some(Verdict::stalled(
        Phase::Degraded,
        Reason::NotAGeneralApp,
        format!(
            "The integration's app {why}; only apps of kind General have ZoomConnections. Delete this one, or create another whose integrationRef names a General app."
        ),
    ))
}

fn suspended(findings: &Findings<'_>, integration: &ZoomIntegration) -> Option<Verdict> {
    integration
        .spec
        .suspend
        .then(|| verdict::suspended(findings.before))
}

fn credentials(findings: &Findings<'_>) -> Option<Verdict> {
    Some(Verdict::new(
        Phase::AwaitingCredentials,
        Status::False,
        Flow::Reconciling,
        Reason::AwaitingCredentials,
        findings.credentials.as_ref()?,
    ))
}

fn grant(findings: &Findings<'_>) -> Option<Verdict> {
    match findings.grant {
        GrantFinding::Held => None,
        GrantFinding::Foreign => Some(conflict(&format!(
            "Secret {} has the name of this connection's grant and was not made for it: delete or rename it.",
            findings.grant_secret
        ))),
        GrantFinding::Broken => Some(conflict(&format!(
            "Secret {} with this connection's grant was changed by hand and cannot be read: delete it. {}",
            findings.grant_secret,
            way_back(findings)
        ))),
        GrantFinding::Copied => Some(Verdict::stalled(
            Phase::ReauthorizationRequired,
            Reason::GrantCopied,
            format!(
                "The grant was copied here from another namespace or cluster, where it may be in use, or an earlier connection of this name left it. {}",
                way_back(findings)
            ),
        )),
        GrantFinding::Lost(reason, sealed) => Some(Verdict::stalled(
            Phase::ReauthorizationRequired,
            reason,
            with_import(findings, lost(findings, reason, sealed)),
        )),
        GrantFinding::OtherClient(client_id) => Some(Verdict::stalled(
            Phase::Degraded,
            Reason::ClientIdChanged,
            with_import(findings, other_client(findings, client_id)),
        )),
        GrantFinding::Removed(at, until) => Some(Verdict::stalled(
            Phase::ReauthorizationRequired,
            Lost::Deauthorized,
            format!(
                "{} Zoom said so at {at}; this person's data is to be deleted by {until}. {}",
                Lost::Deauthorized.message(),
                way_back(findings)
            ),
        )),
        GrantFinding::Mismatched(mismatch) => Some(Verdict::stalled(
            Phase::Degraded,
            mismatch.reason,
            with_import(findings, mismatch.message.clone()),
        )),
        GrantFinding::Absent => Some(absent(findings)),
        GrantFinding::Deleted => Some(Verdict::stalled(
            Phase::ReauthorizationRequired,
            Reason::GrantDeleted,
            format!(
                "Secret {} with this connection's grant was deleted, and the refresh token with it. {}",
                findings.grant_secret,
                way_back(findings)
            ),
        )),
    }
}

/// A grant by a consent may work again, so nothing is imported over it by itself. The way back may say so already.
fn with_import(findings: &Findings<'_>, message: String) -> String {
    if findings.import_waits && !message.contains(&findings.grant_secret) {
        format!(
            "{message} The refresh token in the Secret of importSecretRef is not taken over while this grant may work again. To use it now: {}.",
            deletion(findings)
        )
    } else {
        message
    }
}

fn conflict(message: &str) -> Verdict {
    Verdict::stalled(Phase::Degraded, Reason::SecretConflict, message)
}

/// The command with which a refresh token to import takes the place of the present grant.
fn deletion(findings: &Findings<'_>) -> String {
    format!(
        "kubectl delete secret -n {} {}",
        findings.namespace, findings.grant_secret
    )
}

fn lost(findings: &Findings<'_>, reason: Lost, sealed: Option<Sealed>) -> String {
    let (what, way_back, secret) = (
        reason.message(),
        way_back(findings),
        credentials_of(findings),
    );
    match sealed {
        None => format!("{what} {way_back}"),
        Some(Sealed {
            until,
            client_known: true,
        }) => format!(
            "{what} {way_back} The refresh token is kept until {until} without being used; if {secret} changes before, it is tried once more."
        ),
        Some(Sealed {
            until,
            client_known: false,
        }) => format!(
            "{what} Or {secret} holds the client id and secret of another app or environment than the one that was authorized: check that first. With the right pair the connection works again by itself until {until}. {way_back}"
        ),
    }
}

/// Who must act, and how to recover: of the two client ids, only the grant's own is known to be valid.
fn other_client(findings: &Findings<'_>, client_id: &str) -> String {
    format!(
        "{} does not hold the client id {client_id}, to which this grant was given; a grant works with its own app only. Who owns the Secret: put back client id and secret of that app (of the same environment), and the connection works again by itself. Nothing was sent to Zoom. If the app was replaced on purpose: {}",
        credentials_of(findings),
        way_back(findings)
    )
}

/// The name of the Secret with the app's credentials in messages.
fn credentials_of(findings: &Findings<'_>) -> String {
    findings.integration.map_or_else(
        || "The credentials Secret".to_owned(),
        |integration| format!("Secret {}", integration.spec.credentials.secret_ref.name),
    )
}

/// How a connection without a usable grant becomes usable again.
fn way_back(findings: &Findings<'_>) -> String {
    let consent = findings
        .integration
        .and_then(|integration| integration.spec.consent_mode());
    if consent == Some(ConsentMode::Operator) && findings.has_pages {
        return "To connect again, the person opens status.installUrl and authorizes the app."
            .into();
    }
    let import =
        "put the refresh token of a new authorization into the Secret that importSecretRef names";
    if findings.import_barred {
        format!(
            "To connect again, {import}, then delete the present grant, and its refresh token with it: {}.",
            deletion(findings)
        )
    } else {
        format!("To connect again, {import}.")
    }
}

fn absent(findings: &Findings<'_>) -> Verdict {
    let waits = |reason, message: &str| {
        Verdict::new(
            Phase::ReadyToInstall,
            Status::False,
            Flow::Reconciling,
            reason,
            message,
        )
    };
    // The person did their part, or the grant was handed over: the rest happens by itself.
    if let Some(waiting) = findings.waiting {
        let again = waiting.retry_at.as_ref();
        let again = again.map_or_else(String::new, |at| format!(" Next attempt at {}.", at.0));
        let message = format!("{}{again}", waiting.message);
        return in_progress(findings.before, waiting.reason, message);
    }
    if let TokenFinding::Absent {
        failure: Some(failure),
    } = &findings.token
        && failure.reason == Reason::TokenSecretNotWritten
    {
        return in_progress(findings.before, failure.reason, failure.message.as_str());
    }
    if let Some(import) = findings.import {
        return Verdict::new(
            Phase::AwaitingCredentials,
            Status::False,
            Flow::Reconciling,
            Reason::AwaitingImport,
            import,
        );
    }
    let consent = findings
        .integration
        .and_then(|integration| integration.spec.consent_mode());
    match consent {
        Some(ConsentMode::Operator) if findings.has_pages => {
            let message = "Everything is prepared: the person has to open status.installUrl and authorize the app.";
            match findings.refused {
                Some(why) => waits(
                    Reason::ReadyToInstall,
                    &format!("{message} The last attempt failed: {why}"),
                ),
                None => waits(Reason::ReadyToInstall, message),
            }
        }
        Some(ConsentMode::Operator) => Verdict::stalled(
            Phase::Degraded,
            Reason::NotSupported,
            "This operator runs without consent pages: set the chart's connect.url, or take over a grant by importSecretRef.",
        ),
        _ => Verdict::stalled(
            Phase::Degraded,
            Reason::ConsentIsExternal,
            "The tenant's own back end keeps the grants of this app (oauth.consent.mode: External): take one over by importSecretRef, or set the mode to Operator.",
        ),
    }
}

fn token(findings: &Findings<'_>, now: Timestamp) -> Option<Verdict> {
    if let TokenFinding::Conflict(message) = &findings.token {
        return Some(conflict(message));
    }
    verdict::token(&findings.token, findings.then, findings.before, now)
}

#[cfg(test)]
mod tests;
