//! Decides the state of an integration in one word from the findings of a pass. Pure.
//!
//! The rows of the status contract (`docs/status.md`) are decided only here.

use jiff::Timestamp;

use super::{
    model::{ReceiverFinding, Refusal},
    support,
};
use crate::{
    api::{
        condition::Status,
        reason::Reason,
        v1alpha1::{
            ConsentMode, Phase, ReadyWhen, TokenFailure, ZoomIntegrationSpec, ZoomIntegrationStatus,
        },
    },
    controller::{
        schedule,
        verdict::{self, Before, Flow, TokenFinding, Verdict, in_progress},
    },
    setup::judge::PROOF_LASTS,
};
use zoom::scopes::remedy::Then;

/// The findings of a pass after it acted.
#[derive(Clone, Debug)]
pub struct Findings<'a> {
    /// The spec.
    pub spec: &'a ZoomIntegrationSpec,
    /// The previous status.
    pub before: &'a ZoomIntegrationStatus,
    /// What is wrong with the credentials, as a sentence.
    pub credentials: Option<String>,
    /// The state of the token; `None` for an app without one.
    pub token: Option<TokenFinding<'a>>,
    /// Why Zoom does not accept a General app's credentials, if that was checked.
    pub check: Option<&'a TokenFailure>,
    /// The state of the receiver; `None` without a webhook.
    pub receiver: Option<ReceiverFinding>,
    /// What is known about Zoom's requests to the webhook URL.
    pub endpoint: EndpointFinding<'a>,
    /// Why parts of the webhook are refused.
    pub refusals: &'a [Refusal],
    /// What is known about consents and connections.
    pub consent: ConsentFinding<'a>,
}

/// What is known about Zoom's requests to the webhook URL.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointFinding<'a> {
    /// The URL, if it may be pasted into Zoom.
    pub url: Option<&'a str>,
    /// When the last request with Zoom's signature arrived.
    pub proved: Option<Timestamp>,
}

/// What is known about the consents of a General app.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsentFinding<'a> {
    /// Whether the operator has consent pages.
    pub has_pages: bool,
    /// Whether it watches the labels of namespaces.
    pub knows_labels: bool,
    /// The operator's callback, if the app uses it.
    pub callback: Option<&'a str>,
    /// How many connections there are.
    pub total: i32,
    /// How many of them are connected.
    pub connected: i32,
    /// How many of them lost their grant.
    pub lost: i32,
    /// Whether an event of the app arrived, which means that somebody has authorized it.
    pub event_seen: bool,
}

// === impl Findings ===

impl Findings<'_> {
    fn last(&self) -> Before<'_> {
        Before {
            phase: self.before.phase,
            conditions: &self.before.conditions,
        }
    }
}

/// Decides the state at `now`.
#[must_use]
pub fn verdict(findings: &Findings<'_>, now: Timestamp) -> Verdict {
    suspended(findings)
        .or_else(|| unsupported(findings))
        .or_else(|| awaiting_credentials(findings))
        .or_else(|| other_callback(findings))
        .or_else(|| conflict(findings))
        .or_else(|| refused(findings))
        .or_else(|| token(findings, now))
        .or_else(|| verdict::for_a_person(findings.check?))
        .or_else(|| receiver(findings))
        .or_else(|| webhook_only(findings, now))
        .unwrap_or_else(|| usable(findings))
}

// === The rows, in their order ===

fn suspended(findings: &Findings<'_>) -> Option<Verdict> {
    findings
        .spec
        .suspend
        .then(|| verdict::suspended(findings.last()))
}

fn unsupported(findings: &Findings<'_>) -> Option<Verdict> {
    let fields = support::unsupported(
        findings.spec,
        findings.consent.has_pages,
        findings.consent.knows_labels,
    );
    (!fields.is_empty()).then(|| {
        Verdict::stalled(
            Phase::Degraded,
            Reason::NotSupported,
            format!(
                "This version of the operator does not support: {}.",
                fields.join(", ")
            ),
        )
    })
}

fn awaiting_credentials(findings: &Findings<'_>) -> Option<Verdict> {
    let complaint = findings.credentials.as_ref()?;
    Some(Verdict::new(
        Phase::AwaitingCredentials,
        Status::False,
        Flow::Reconciling,
        Reason::AwaitingCredentials,
        complaint,
    ))
}

fn other_callback(findings: &Findings<'_>) -> Option<Verdict> {
    let callback = findings.consent.callback?;
    let declared = findings.spec.oauth.as_ref()?.redirect_url.as_ref()?;
    (declared != callback).then(|| {
        Verdict::stalled(
            Phase::Degraded,
            Reason::RedirectUrlMismatch,
            format!(
                "The operator serves the callback of this app: set oauth.redirectUrl to {callback} or remove it, or set oauth.consent.mode: External."
            ),
        )
    })
}

fn conflict(findings: &Findings<'_>) -> Option<Verdict> {
    if let Some(TokenFinding::Conflict(message)) = &findings.token {
        return Some(Verdict::stalled(
            Phase::Degraded,
            Reason::SecretConflict,
            message,
        ));
    }
    match &findings.receiver {
        Some(ReceiverFinding::Conflict(message)) => Some(Verdict::stalled(
            Phase::Degraded,
            Reason::ReceiverConflict,
            message,
        )),
        _ => None,
    }
}

/// Refusals that a person must fix come before those that may resolve by themselves. All are named.
fn refused(findings: &Findings<'_>) -> Option<Verdict> {
    let refusals = findings.refusals;
    let first = refusals
        .iter()
        .find(|refusal| !refusal.waits)
        .or_else(|| refusals.first())?;
    let others = refusals.iter().filter(|other| *other != first);
    let messages: Vec<&str> = [first]
        .into_iter()
        .chain(others)
        .map(|refusal| refusal.message.as_str())
        .collect();
    let message = messages.join(" ");
    Some(if first.waits {
        Verdict::new(
            Phase::AwaitingCredentials,
            Status::False,
            Flow::Reconciling,
            first.reason,
            message,
        )
    } else {
        Verdict::stalled(Phase::Degraded, first.reason, message)
    })
}

/// The next token of an app with its own token has the scopes that somebody adds.
fn token(findings: &Findings<'_>, now: Timestamp) -> Option<Verdict> {
    let finding = findings.token.as_ref()?;
    verdict::token(finding, Then::Wait, findings.last(), now)
}

fn receiver(findings: &Findings<'_>) -> Option<Verdict> {
    match findings.receiver.as_ref()? {
        ReceiverFinding::Available | ReceiverFinding::Conflict(_) => None,
        ReceiverFinding::Unavailable(message) => Some(in_progress(
            findings.last(),
            Reason::ReceiverUnavailable,
            message,
        )),
        ReceiverFinding::NotApplied(message) => Some(in_progress(
            findings.last(),
            Reason::ReceiverNotApplied,
            message,
        )),
    }
}

/// For an app that only receives events, a person's work ends with Zoom's validation.
fn webhook_only(findings: &Findings<'_>, now: Timestamp) -> Option<Verdict> {
    if !findings.spec.is_webhook_only() {
        return None;
    }
    let EndpointFinding { url, proved } = findings.endpoint;
    let url = url.unwrap_or("the public URL of the receiver");
    Some(match proved {
        None => Verdict::new(
            Phase::ReadyToInstall,
            Status::False,
            Flow::Reconciling,
            Reason::NotValidated,
            format!(
                "Everything is prepared: paste {url} as event notification endpoint URL into Zoom's form and press Validate."
            ),
        ),
        Some(at) if now <= schedule::later(at, PROOF_LASTS) => Verdict::new(
            Phase::Connected,
            Status::True,
            Flow::Settled,
            Reason::Validated,
            "Zoom has validated the endpoint.",
        ),
        Some(at) => in_progress(
            findings.last(),
            Reason::ValidationOverdue,
            format!(
                "Zoom validates every 72 hours, and its last signed request came at {at}: check that {url} is reachable from the internet, then press Validate in Zoom's form."
            ),
        ),
    })
}

fn usable(findings: &Findings<'_>) -> Verdict {
    let done = |phase, reason, message: &str| {
        Verdict::new(phase, Status::True, Flow::Settled, reason, message)
    };
    let bot = findings.spec.has_bot();
    if findings.token.is_some() && !bot {
        return done(
            Phase::Connected,
            Reason::Connected,
            "The token is valid and has the required scopes.",
        );
    }
    let consent = &findings.consent;
    if consent.connected > 0 {
        return done(
            Phase::Connected,
            Reason::Connected,
            &format!(
                "{} of {} connections are connected.",
                consent.connected, consent.total
            ),
        );
    }
    let external = findings.spec.consent_mode() == Some(ConsentMode::External);
    if (external || bot) && consent.event_seen {
        return done(
            Phase::Connected,
            Reason::Connected,
            "Signed events of the app arrive: somebody has authorized it.",
        );
    }
    if consent.lost > 0 {
        return reauthorization(findings);
    }
    let message = match (
        external,
        findings.spec.self_service().is_some(),
        consent.total,
    ) {
        (true, ..) | (false, true, _) => {
            "Everything is prepared: a person has to open status.installUrl and authorize the app."
        }
        (false, false, 0) => {
            "Everything is prepared: create a ZoomConnection for each person who is to authorize the app; its status.installUrl is that person's link."
        }
        (false, false, _) => {
            "Everything is prepared: a person has to open status.installUrl of their ZoomConnection and authorize the app."
        }
    };
    match findings.spec.ready_when.unwrap_or_default() {
        ReadyWhen::Installable => done(Phase::ReadyToInstall, Reason::ReadyToInstall, message),
        ReadyWhen::Connected => Verdict::new(
            Phase::ReadyToInstall,
            Status::False,
            Flow::Reconciling,
            Reason::ReadyToInstall,
            message,
        ),
    }
}

/// No connection works, and some of them lost their grant: a person must act again.
fn reauthorization(findings: &Findings<'_>) -> Verdict {
    let ConsentFinding { lost, total, .. } = findings.consent;
    let message = format!(
        "No ZoomConnection works, and {lost} of {total} lost their grant: the status of each says why. Its person opens its status.installUrl and authorizes the app again."
    );
    let phase = Phase::ReauthorizationRequired;
    match findings.spec.ready_when.unwrap_or_default() {
        ReadyWhen::Installable => Verdict::new(
            phase,
            Status::True,
            Flow::Settled,
            Reason::ReadyToInstall,
            message,
        ),
        ReadyWhen::Connected => Verdict::stalled(phase, Reason::ReauthorizationRequired, message),
    }
}

#[cfg(test)]
mod tests;
