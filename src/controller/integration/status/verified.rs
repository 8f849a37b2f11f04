//! Whether requests to the endpoint have the expected signature. Pure.
//!
//! A receiver counts the requests that it refuses. A few refusals mean nothing, because anybody can cause
//! them. Several without a correct signature mean that Zoom's events are being lost, if they go on as
//! Zoom's would.
//!
//! Requests without Zoom's headers are what every scanner sends. Only the operator's own POST shows whether
//! something removes the headers.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::silent::OPEN_THE_WAY;
use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::{Authentication, AuthenticationType, WebhookStatus, ZoomIntegrationSpec},
    },
    controller::{integration::count::Count, reach::ReachState, schedule},
    reach::Cause,
    setup::judge::PROOF_LASTS,
};
use contract::{
    facts::Facts,
    health::{Health, Run},
    receiver::files::{HEADER_VALUE, PASSWORD, USERNAME},
};

/// From this number of refusals in a row, something is wrong.
const ENOUGH: u64 = 2;

/// The condition of an integration with a webhook, if its receiver counts refusals.
pub(super) fn events_verified(
    spec: &ZoomIntegrationSpec,
    webhook: Option<&WebhookStatus>,
    facts: Option<&Facts>,
    reach: Option<&ReachState>,
    before: &[Condition],
    now: Timestamp,
) -> Option<Statement> {
    let webhook = webhook?;
    let say = |status: Status, reason: Reason, message: String| {
        let statement = Statement::new(Type::EventsVerified, status, reason, message);
        Some(statement)
    };
    let Some(facts) = facts else {
        return say(
            Status::Unknown,
            Reason::ReceiverSilent,
            format!("The receiver cannot be asked what has arrived: {OPEN_THE_WAY}"),
        );
    };
    // A Pod that replaced another one does not know what came before.
    let mut facts = facts.clone();
    let known = webhook.last_verified.as_ref().map(|time| time.0);
    facts.last_verified = facts.last_verified.max(known);
    let facts = &facts;
    // Earlier versions of the receiver do not count.
    let health = facts.health.as_ref()?;
    let last_right = facts.last_verified.map_or_else(
        || "No request with a valid signature has arrived yet.".to_owned(),
        |_| "Signatures were valid before.".to_owned(),
    );
    let wrong = wrong_signatures(facts, health, now);
    if let Some((Status::False, run)) = wrong {
        return say(
            Status::False,
            Reason::UnknownSignature,
            format!(
                "{} {last_right} {} {}",
                signed_with_another(run),
                right_secret(spec),
                lost(facts)
            ),
        );
    }
    // Before what strangers can cause.
    if let Some((reason, message)) = signed_but_refused(spec, facts, health) {
        return say(Status::False, reason, message);
    }
    let evidence = evidence(reach, before);
    if let Some(run) = unsigned(facts).filter(|_| evidence != Evidence::HeadersArrive) {
        let (status, ours) = if evidence == Evidence::HeadersRemoved {
            (
                Status::False,
                "The operator's own POST lost the headers too.",
            )
        } else {
            (
                Status::Unknown,
                "Anybody can send such requests, and the operator cannot try the URL.",
            )
        };
        return say(
            status,
            Reason::SignatureHeadersMissing,
            format!(
                "{} requests since {} have a JSON body and no x-zm-signature or x-zm-request-timestamp header, and are refused. {ours} {last_right} Check that the gateway, proxy or firewall in front of the receiver passes Zoom's headers on.",
                Count::of(run.count),
                run.since,
            ),
        );
    }
    if let Some((status, run)) = wrong {
        return say(
            status,
            Reason::UnknownSignature,
            format!(
                "{} Anybody can send such requests. {last_right} If these are Zoom's, they go on, and this becomes False within half an hour. Then, or if somebody regenerated the token: {} {}",
                signed_with_another(run),
                right_secret(spec),
                lost(facts),
            ),
        );
    }
    if let Some(removal) = health.unverified_removals.last() {
        let is_verified = facts.last_verified.is_some_and(|at| at > removal.at);
        if !is_verified {
            return say(
                status_of_noise(facts, now),
                Reason::RemovalNotVerified,
                format!(
                    "A request at {} says that a user removed the app, and its signature or its time is wrong. It is not believed: the operator asks Zoom whether the authorization still holds. Check that the webhook secret token is that of this app and environment.",
                    Time(removal.at).0,
                ),
            );
        }
    }
    let large = too_large(health, now);
    if facts.last_verified.is_some() {
        say(
            Status::True,
            Reason::SignatureVerified,
            format!("Requests are signed with the app's secret token.{large}"),
        )
    } else {
        say(
            Status::Unknown,
            Reason::NothingArrived,
            format!("No signed request has arrived yet.{large}"),
        )
    }
}

/// False unless strangers are the likelier cause: Zoom signed rightly before, and not longer ago than it
/// validates the URL.
fn status_of_noise(facts: &Facts, now: Timestamp) -> Status {
    let is_recent = facts
        .last_verified
        .is_some_and(|at| now < schedule::later(at, PROOF_LASTS));
    if is_recent {
        Status::Unknown
    } else {
        Status::False
    }
}

/// The requests with a wrong signature, if they say something, and what. Zoom repeats what is answered 503.
fn wrong_signatures(facts: &Facts, health: &Health, now: Timestamp) -> Option<(Status, Run)> {
    let run = health.wrong_signatures.filter(|run| run.count >= ENOUGH)?;
    if run.is_steady() {
        return Some((Status::False, run));
    }
    match status_of_noise(facts, now) {
        Status::Unknown if run.is_over(now) => None,
        status => Some((status, run)),
    }
}

fn signed_with_another(run: Run) -> String {
    format!(
        "{} requests since {} are signed with another secret token, and are not accepted.",
        Count::of(run.count),
        run.since
    )
}

/// What to do about requests with a wrong signature.
fn right_secret(spec: &ZoomIntegrationSpec) -> String {
    format!(
        "Copy the app's Secret Token from Zoom into key {} of Secret {}. If it is the same, something in front of the receiver may change bodies, for example by writing JSON again: let it pass them on unchanged.",
        spec.credentials.webhook_secret_token(),
        spec.credentials.secret_ref.name,
    )
}

/// What becomes of events with a wrong signature.
fn lost(facts: &Facts) -> &'static str {
    if facts.last_verified.is_some() {
        "Such a request is answered 503, so Zoom sends its event again for up to 85 minutes; after that it is lost."
    } else {
        "Such a request is answered 401, which Zoom does not repeat: its event is lost."
    }
}

/// What is known of bodies that were too large. Anybody can send such, so it is no state of its own.
fn too_large(health: &Health, now: Timestamp) -> String {
    let run = health.too_large.filter(|run| !run.is_old(now));
    run.map_or_else(String::new, |run| {
        format!(
            " Besides, {} requests since {} with Zoom's headers had a body beyond the limit of 1 MiB and were answered 413, which Zoom does not repeat. Whether they were Zoom's is not known: their signature is not checked.",
            Count::of(run.count),
            run.since,
        )
    })
}

/// Why requests with a right signature are refused: reason and message.
fn signed_but_refused(
    spec: &ZoomIntegrationSpec,
    facts: &Facts,
    health: &Health,
) -> Option<(Reason, String)> {
    if let Some(run) = health.wrong_authentication {
        return Some((
            Reason::AuthenticationMismatch,
            format!(
                "{} requests since {} are signed with the app's secret token, and Zoom's extra authentication is missing or wrong. Their events are not accepted: Zoom gets 503 and sends each again for up to 85 minutes.{}{}",
                Count::of(run.count),
                run.since,
                missing_authentication(spec, health.without_authentication),
                if health.without_authentication < run.count {
                    same_authentication(spec)
                } else {
                    String::new()
                },
            ),
        ));
    }
    if let Some(run) = health.outside_window.filter(|run| run.count >= ENOUGH) {
        return Some((
            Reason::ClockSkew,
            format!(
                "{} requests since {} are signed with the app's secret token for a time that is more than two hours from the receiver's clock. Their events are not accepted: Zoom gets 503 and sends each again for up to 85 minutes. Check the clocks of the nodes with the receiver's Pods. If they are right, somebody repeats old requests, and the next event of Zoom ends this.",
                Count::of(run.count),
                run.since,
            ),
        ));
    }
    // Another Pod may have answered a later one.
    let is_over = |run: &Run| facts.last_validated.is_some_and(|at| at >= run.last);
    if let Some(run) = health.refused_validations.filter(|run| !is_over(run)) {
        return Some((
            Reason::ValidationRefused,
            format!(
                "{} URL validations since {} are signed with the app's secret token, and their plainToken is none that may be answered: 1 to 128 letters, digits, - and _. After six that fail Zoom stops sending events. Validate again in Zoom's form; if that fails too, Zoom may have changed its tokens: upgrade the operator, or report it.",
                Count::of(run.count),
                run.since,
            ),
        ));
    }
    None
}

/// What the operator's own POST says of the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    HeadersArrive,
    HeadersRemoved,
    None,
}

/// While the URL is being tried, what an earlier try found remains.
fn evidence(reach: Option<&ReachState>, before: &[Condition]) -> Evidence {
    let Some(reach) = reach.filter(|reach| reach.tried) else {
        return Evidence::None;
    };
    match reach.finding.as_ref().map(|finding| finding.cause) {
        Some(Cause::HeadersRemoved) => Evidence::HeadersRemoved,
        Some(Cause::Reachable) => Evidence::HeadersArrive,
        Some(_) => Evidence::None,
        None => {
            let known = Type::EventsVerified.find(before);
            let removed = known.is_some_and(|known| {
                known.status == "False"
                    && Reason::of(known) == Some(Reason::SignatureHeadersMissing)
            });
            if removed {
                Evidence::HeadersRemoved
            } else {
                Evidence::HeadersArrive
            }
        }
    }
}

/// Whether requests without Zoom's headers are a reason to try the URL, although Zoom validated it.
#[must_use]
pub fn lacks_headers(facts: Option<&Facts>) -> bool {
    facts.and_then(unsigned).is_some()
}

/// Requests without Zoom's headers after the last one that had them, at any receiver.
fn unsigned(facts: &Facts) -> Option<Run> {
    let run = facts.health.as_ref()?.missing_headers?;
    let is_over = facts.last_verified.is_some_and(|at| at > run.last);
    (run.count >= ENOUGH && !is_over).then_some(run)
}

/// The header of Zoom's extra authentication, and what Zoom's form calls it.
fn header_of_authentication(spec: &ZoomIntegrationSpec) -> (&str, &str) {
    let webhook = spec.webhook.as_ref();
    let authentication = webhook.and_then(|webhook| webhook.authentication.as_ref());
    match authentication {
        Some(Authentication {
            type_: AuthenticationType::CustomHeader,
            header_name,
        }) => (header_name.as_deref().unwrap_or_default(), "header"),
        _ => ("Authorization", "user name and password"),
    }
}

/// What to do about requests without the header of the extra authentication.
fn missing_authentication(spec: &ZoomIntegrationSpec, count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    let (header, entry) = header_of_authentication(spec);
    format!(
        " {} have no header {header}: either Zoom's form has no {entry}, or something in front removes the header, as login proxies and API gateways do: let it pass.",
        Count::of(count)
    )
}

/// What has to be made the same for Zoom's extra authentication.
fn same_authentication(spec: &ZoomIntegrationSpec) -> String {
    let webhook = spec.webhook.as_ref();
    let authentication = webhook.and_then(|webhook| webhook.authentication.as_ref());
    let (form, keys) = match authentication {
        Some(Authentication {
            type_: AuthenticationType::CustomHeader,
            header_name,
        }) => (
            format!("Header {}", header_name.as_deref().unwrap_or_default()),
            format!("key {HEADER_VALUE}"),
        ),
        _ => (
            "User name and password".into(),
            format!("the keys {USERNAME} and {PASSWORD}"),
        ),
    };
    format!(
        " {form} in Zoom's form and {keys} of Secret {} differ: correct one of them.",
        spec.credentials.secret_ref.name
    )
}

#[cfg(test)]
mod tests;
