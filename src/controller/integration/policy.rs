//! Why a webhook is refused for reasons outside its own spec: the operator's policy, other tenants' claims,
//! and objects that must not be used. Pure.

use kube::ResourceExt as _;

use super::{
    hosts::{self, Claim, HostRules, Objection},
    model::{Exposure, Judgement, Observed, Refusal, SinkSecret, SinkService},
    ownership::owned,
    resources::{self, Kind},
};
use crate::api::{
    label,
    reason::Reason,
    v1alpha1::{Buffer, Webhook, ZoomIntegration},
};

/// Judges an integration's webhook.
#[must_use]
pub fn judge(
    integration: &ZoomIntegration,
    observed: &Observed,
    rules: HostRules<'_>,
) -> Judgement {
    let Some(webhook) = &integration.spec.webhook else {
        return Judgement::default();
    };
    let sink = sink(integration, webhook, observed);
    let host = host(integration, observed.other_claimants.as_deref(), rules);
    let exposure = match (&host, &observed.other_claimants) {
        (Some(_), _) => Exposure::Refused,
        (None, None) => Exposure::Unknown,
        (None, Some(_)) => Exposure::Granted,
    };
    let volume = webhook.buffer.as_ref();
    let volume = volume.and_then(|buffer| volume_change(integration, buffer, observed));
    Judgement {
        refusals: [host, sink, volume].into_iter().flatten().collect(),
        refused_metadata: Vec::new(),
        refused_class: None,
        sink: observed.sink_access(),
        exposure,
    }
}

fn sink(integration: &ZoomIntegration, webhook: &Webhook, observed: &Observed) -> Option<Refusal> {
    if let Some(service) = webhook.sink_service()
        && observed.sink_service == SinkService::External
    {
        return Some(Refusal::new(
            Reason::SinkServiceExternal,
            format!(
                "Service {} is of type ExternalName and may lead anywhere, so no event is sent to it: name a Service with Pods, or set sink.http.url.",
                service.name
            ),
        ));
    }
    let secret = webhook.sink_secret()?;
    let namespace = integration.namespace().unwrap_or_default();
    match observed.sink_secret {
        SinkSecret::Usable => None,
        SinkSecret::Absent => Some(Refusal {
            reason: Reason::SinkCredentialsMissing,
            message: format!(
                "Secret {secret} with the sink's credentials does not exist, so no event is sent: create it with the label {}={}.",
                label::USE,
                label::SINK
            ),
            waits: true,
        }),
        SinkSecret::Unlabelled => Some(Refusal::new(
            Reason::SinkCredentialsNotLabelled,
            format!(
                "Secret {secret} is not labelled for use by a sink, so the receiver does not get it and no event is sent. If it is meant for this: kubectl label secret -n {namespace} {secret} {}={}",
                label::USE,
                label::SINK
            ),
        )),
    }
}

fn host(
    integration: &ZoomIntegration,
    other_claimants: Option<&[Claim]>,
    rules: HostRules<'_>,
) -> Option<Refusal> {
    let (host, mine) = Claim::of(integration)?;
    if rules.is_own(&host) {
        return Some(Refusal::new(
            Reason::HostNotAllowed,
            format!(
                "Host {host} is that of the operator's consent pages, or covers it: set webhook.endpoint.host to another host."
            ),
        ));
    }
    if !rules.allow(&mine, &host) {
        return Some(Refusal::new(
            Reason::HostNotAllowed,
            format!(
                "The operator's configuration does not give host {host} to namespace {}: take a host that is allowed here, or ask the platform engineer to allow this one (chart value receiver.hosts).",
                mine.namespace
            ),
        ));
    }
    // A claim that is not allowed does not count.
    let allowed = |rival: &&Claim| rules.allow(rival, &host);
    let other_claimants: Vec<Claim> = other_claimants?.iter().filter(allowed).cloned().collect();
    let message = match hosts::objection(&mine, &other_claimants)? {
        Objection::Elsewhere => format!(
            "Host {host} belongs to an integration in another namespace, which has had it longer: set webhook.endpoint.host to another host. This integration gets the host when the other one is deleted."
        ),
        Objection::Here(other) => format!(
            "Host {host} with path {} belongs to ZoomIntegration {other}, which has had it longer: set webhook.endpoint.path to another path, or webhook.endpoint.host to another host. This integration gets the path when the other one is deleted.",
            mine.path
        ),
    };
    Some(Refusal::new(Reason::HostClaimed, message))
}

fn volume_change(
    integration: &ZoomIntegration,
    wanted: &Buffer,
    observed: &Observed,
) -> Option<Refusal> {
    if Kind::of(Some(wanted)) != Kind::StatefulSet {
        return None;
    }
    let live = observed.receiver.stateful_set.as_ref();
    let live = live.filter(|live| owned(integration, *live))?;
    let fields: Vec<String> = resources::immutable(live, wanted)
        .into_iter()
        .map(|(field, now)| format!("{field} (now {now})"))
        .collect();
    (!fields.is_empty()).then(|| {
        Refusal::new(
            Reason::BufferImmutable,
            format!(
                "The volume of StatefulSet {} can grow, but not shrink or change its class, and the receiver continues with the one it has: set {} back; or set webhook.buffer.storage to Ephemeral, wait until the StatefulSet is gone, and set it to Persistent again.",
                resources::workload_name(&integration.name_any(), Kind::StatefulSet),
                fields.join(" and ")
            ),
        )
    })
}

#[cfg(test)]
mod tests;
