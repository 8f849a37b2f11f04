//! The webhook endpoint: secret token, events, URL validation.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    finding::Finding,
    keys::{same_value, unusable},
};
use crate::{
    api::v1alpha1::{Webhook, ZoomIntegrationSpec},
    setup::{
        facts::Facts,
        order,
        step::{Evidence, Mistake},
    },
};

pub(super) fn secret_token(spec: &ZoomIntegrationSpec, facts: &Facts, now: Timestamp) -> Finding {
    let key = spec.credentials.webhook_secret_token();
    let endpoint = &facts.endpoint;
    let mut mistakes = unusable(&[key], spec, facts);
    mistakes.extend(same_value(&[key], facts));
    // Anybody can send a wrong signature, so it means nothing while Zoom's are correct.
    let proof = endpoint.validated_at.max(endpoint.verified_at);
    let doubtful = proof.is_none_or(|at| is_old(at, now));
    if doubtful && endpoint.rejected_at > proof && mistakes.is_empty() {
        mistakes.push(Mistake::WrongSecretToken {
            secret: spec.credentials.secret_ref.name.clone(),
            key: key.to_owned(),
        });
    }
    Finding::of(Evidence::Signature)
        .done_if(proof.is_some(), proof)
        .wrong(mistakes)
}

/// Zoom signs with this Secret's token only because of the app's own settings.
pub(super) fn app_exists(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    let at = facts.endpoint.validated_at.or(facts.endpoint.verified_at);
    let finding = Finding::of(Evidence::Signature).done_if(at.is_some(), at);
    if at.is_some() || facts.secret.has(spec.credentials.webhook_secret_token()) {
        finding
    } else {
        finding.open()
    }
}

pub(super) fn events(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    let declared = order::events(spec);
    let seen = |event: &&str| facts.endpoint.events_seen.contains(*event);
    let unseen: Vec<String> = declared
        .iter()
        .filter(|event| !seen(event))
        .map(ToString::to_string)
        .collect();
    let all = unseen.is_empty();
    Finding::of(Evidence::Events {
        declared: declared.len(),
        unseen,
    })
    .done_if(all, facts.endpoint.verified_at)
}

/// Zoom sends a bot's events only if Team Chat is turned on.
pub(super) fn chatbot(spec: &ZoomIntegrationSpec, facts: &Facts) -> Finding {
    let declared = order::bot_events(spec);
    if declared.is_empty() {
        return Finding::of(Evidence::None);
    }
    let seen = declared
        .iter()
        .any(|event| facts.endpoint.events_seen.contains(*event));
    let withheld = facts.endpoint.withheld.then_some(Mistake::HostWithheld);
    Finding::of(Evidence::FirstEvent)
        .done_if(seen, facts.endpoint.verified_at)
        .wrong(withheld.into_iter().collect())
}

pub(super) fn endpoint(spec: &ZoomIntegrationSpec, facts: &Facts, now: Timestamp) -> Finding {
    let endpoint = &facts.endpoint;
    let finding = Finding::of(Evidence::Validation).open();
    if endpoint.withheld {
        return finding.wrong(vec![Mistake::HostWithheld]);
    }
    let fresh = endpoint.validated_at.filter(|at| !is_old(*at, now));
    if fresh.is_some() {
        return finding.done_if(true, fresh);
    }
    // Zoom sends nothing to an endpoint that is not validated, even if the validation was missed here.
    if let Some(at) = endpoint.verified_at.filter(|at| !is_old(*at, now)) {
        return Finding::of(Evidence::Signature).done_if(true, Some(at));
    }
    let url = spec.webhook.as_ref().and_then(Webhook::url);
    let mistakes = [
        endpoint.validated_at.map(Mistake::Stale),
        url.is_none().then_some(Mistake::NoHost),
        (endpoint.available == Some(false)).then_some(Mistake::ReceiverDown),
        endpoint.unreachable.clone().map(Mistake::Unreachable),
    ];
    finding.wrong(mistakes.into_iter().flatten().collect())
}

/// Zoom does not validate again exactly after the period, and tries six times before it gives up.
const GRACE: Duration = Duration::from_hours(12);

/// How long a request from Zoom proves that Zoom still sends to the endpoint.
pub const PROOF_LASTS: Duration = zoom::URL_VALIDATION_PERIOD.saturating_add(GRACE);

fn is_old(at: Timestamp, now: Timestamp) -> bool {
    at.checked_add(PROOF_LASTS).is_ok_and(|until| now > until)
}
