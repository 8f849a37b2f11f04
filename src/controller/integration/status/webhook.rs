//! What the status says about the webhook and its stored events. Pure.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::proofs;
use crate::{
    api::v1alpha1::{BufferStatus, WebhookStatus, ZoomIntegration, ZoomIntegrationStatus},
    controller::integration::{
        count::Count,
        model::{Applied, Observed},
        resources,
    },
};
use contract::facts::{BufferFacts, Facts};

/// For how long an event that is not declared is named.
const UNDECLARED: SignedDuration = SignedDuration::from_hours(72);

/// The newest facts. Earlier ones are kept while a receiver cannot be asked.
pub(super) fn webhook(
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &Applied,
    buffer: Option<&BufferFacts>,
    now: Timestamp,
) -> Option<WebhookStatus> {
    let wanted = integration.spec.webhook.as_ref()?;
    let counted = proofs::counted(integration, observed, applied, now);
    let validated = counted.validated();
    let (known, facts) = (counted.known, counted.facts.as_ref());
    let declared = |event: &String| {
        wanted
            .subscriptions
            .iter()
            .any(|subscription| subscription.events.contains(event))
    };
    let proofs = proofs::proofs(&known, facts);
    let mut events_seen: Vec<String> = known
        .events_seen
        .into_iter()
        .chain(
            facts
                .into_iter()
                .flat_map(|facts| facts.event_types_seen.iter().cloned()),
        )
        .filter(declared)
        .collect();
    events_seen.sort();
    events_seen.dedup();
    let undeclared = match facts {
        Some(facts) => undeclared(facts, now),
        None => known.events_undeclared,
    };
    let undeclared = undeclared.into_iter().filter(|event| !declared(event));
    Some(WebhookStatus {
        url: counted.url,
        proved_since: counted.since.map(Time),
        last_validated: validated.map(Time),
        last_verified: proofs.verified.map(Time),
        last_rejected: proofs.rejected.map(Time),
        removal_seen: known.removal_seen || facts.is_some_and(|facts| !facts.removals.is_empty()),
        last_secret: facts
            .and_then(|facts| facts.last_verified_secret)
            .map(|secret| secret.as_str().to_owned())
            .or(known.last_secret),
        events_seen,
        events_undeclared: undeclared.collect(),
        events_declared: Some(i32::try_from(wanted.events().len()).unwrap_or(i32::MAX)),
        announced: None,
        replicas: Some(applied.receiver.replicas),
        selector: Some(resources::selector(integration)),
        buffer: wanted.buffer.is_some().then(|| match buffer {
            Some(buffered) => BufferStatus {
                dead_letters: i64::try_from(Count::of(buffered.dead_letters).stepped)
                    .unwrap_or(i64::MAX),
            },
            None => known.buffer.unwrap_or_default(),
        }),
        unclaimed_accounts: match facts {
            Some(facts) => facts
                .routing
                .as_ref()
                .map(|routing| routing.unclaimed.examples.clone())
                .unwrap_or_default(),
            None => known.unclaimed_accounts,
        },
    })
}

/// Only recent ones: an event that was unticked in Zoom no longer arrives.
fn undeclared(facts: &Facts, now: Timestamp) -> Vec<String> {
    let undeclared = facts.health.iter().flat_map(|health| &health.undeclared);
    undeclared
        .filter(|(_, at)| now.duration_since(**at) < UNDECLARED)
        .map(|(event, _)| event.clone())
        .collect()
}

/// What the buffers hold. While one of several receivers cannot be asked, its dead letters still count.
pub(super) fn buffered(before: &ZoomIntegrationStatus, observed: &Observed) -> Option<BufferFacts> {
    let mut buffered = observed.buffer()?;
    if observed.pods.iter().any(|pod| pod.facts.is_none()) {
        let known = before.webhook.as_ref();
        let known = known.and_then(|webhook| webhook.buffer.as_ref());
        let known = known.map_or(0, |known| known.dead_letters);
        let known = u64::try_from(known).unwrap_or_default();
        buffered.dead_letters = buffered.dead_letters.max(known);
    }
    Some(buffered)
}
