//! Whether events reach the sink. Pure.

mod trouble;

use std::fmt::Write as _;

use jiff::Timestamp;
use kube::ResourceExt as _;
use runtime::outgoing::policy::Policy;
use url::{Host, Url};

use super::silent::OPEN_THE_WAY;
use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::{Webhook, WebhookStatus, ZoomIntegration},
    },
    controller::integration::{
        count::Count,
        model::{Observed, SinkService, Waiting},
    },
};
use contract::{facts::BufferFacts, health::Health, routing_facts::RoutingFacts};

/// The sink counts as failing from the first age of the oldest event on, because retries come at least every
/// five minutes. The later steps are for people.
const STEPS: [(u64, &str); 4] = [
    (24 * 3600, "a day"),
    (6 * 3600, "six hours"),
    (3600, "an hour"),
    (300, "five minutes"),
];

/// Most connections that a message names.
const NAMED: usize = 3;

/// What is known about the sink.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sink<'a> {
    /// The Service that it refers to.
    pub service: SinkService,
    /// Whether the receiver can be asked.
    pub is_known: bool,
    /// The receiver's report about the sink; earlier versions send none.
    pub health: Option<&'a Health>,
    /// What it reports about the sinks of connections.
    pub routing: Option<&'a RoutingFacts>,
    /// Whether an event has ever arrived.
    pub has_events: bool,
    /// The time.
    pub now: Option<Timestamp>,
}

impl<'a> Sink<'a> {
    /// The observed state of the sink.
    pub(super) fn of(
        observed: &'a Observed,
        webhook: Option<&WebhookStatus>,
        now: Timestamp,
    ) -> Self {
        let facts = observed.facts.as_ref();
        Self {
            service: observed.sink_service,
            is_known: facts.is_some(),
            health: facts.and_then(|facts| facts.health.as_ref()),
            routing: facts.and_then(|facts| facts.routing.as_ref()),
            has_events: webhook.is_some_and(|webhook| !webhook.events_seen.is_empty()),
            now: Some(now),
        }
    }
}

/// The message if only sinks of connections fail: that is for them to fix, and other events do not wait.
fn others(sink: &Sink<'_>, step: &str) -> Option<String> {
    if sink
        .health
        .is_some_and(|health| health.sink_failures.is_some())
    {
        return None;
    }
    let connections = &sink.routing?.connections;
    let failing = connections
        .iter()
        .filter(|(_, facts)| facts.sink_failures > 0)
        .map(|(connection, _)| connection.to_string());
    let named: Vec<String> = failing.take(NAMED).collect();
    (!named.is_empty()).then(|| format!(
        "The oldest stored event has been waiting for the sink of a connection for more than {step}. These connections have failing sinks: {}. See status.events of each ZoomConnection. Events of other accounts do not wait.",
        named.join(", ")
    ))
}

/// The condition of an integration with a webhook. It names counts only where they matter: every other change
/// of a count would be a write.
pub(super) fn events_delivered(
    integration: &ZoomIntegration,
    waiting: Option<Waiting>,
    buffer: Option<&BufferFacts>,
    sink: &Sink<'_>,
) -> Option<Statement> {
    let namespace = integration.namespace().unwrap_or_default();
    let name = integration.name_any();
    let suspended = integration.spec.suspend;
    let say = |status: Status, reason: Reason, message: String| {
        Some(Statement::new(
            Type::EventsDelivered,
            status,
            reason,
            message,
        ))
    };
    let draining = waiting.and_then(|waiting| waiting.message(&namespace, &name, suspended));
    if let Some(message) = draining {
        return say(Status::False, Reason::Draining, message);
    }
    let webhook = integration.spec.webhook.as_ref()?;
    if webhook.buffer.is_none() {
        let (status, reason, message) = passed_through(webhook, suspended, sink)?;
        return say(status, reason, message);
    }
    let Some(stored) = buffer else {
        return say(
            Status::Unknown,
            Reason::ReceiverSilent,
            format!("The receiver cannot be asked what it has stored: {OPEN_THE_WAY}"),
        );
    };
    if stored.failed {
        let message = trouble::failed(integration, webhook);
        return say(Status::False, Reason::BufferFailed, message);
    }
    if stored.full {
        return say(
            Status::False,
            Reason::BufferFull,
            format!(
                "The buffer is full with {} events. New events are answered 503, and Zoom repeats them for 85 minutes: make the sink accept events again.",
                Count::of(stored.pending)
            ),
        );
    }
    if let Some(message) = trouble::not_taken(sink.health, sink.now) {
        return say(Status::False, Reason::EventsNotTaken, message);
    }
    if suspended {
        return say(
            Status::Unknown,
            Reason::Suspended,
            "Events are stored and not delivered while suspend is set.".into(),
        );
    }
    if let Some((reason, message)) = out_of_reach(webhook, sink) {
        return say(
            Status::False,
            reason,
            format!("{message} Events stay in the buffer meanwhile."),
        );
    }
    let age = stored.oldest_seconds.unwrap_or_default();
    if let Some((_, step)) = STEPS.iter().find(|(seconds, _)| age >= *seconds) {
        return say(
            Status::False,
            Reason::SinkFailing,
            others(sink, step).unwrap_or_else(|| format!(
                "The oldest stored event has been waiting for the sink for more than {step}: make the sink accept events again; the receiver's log says how it fails. Events stay stored up to webhook.buffer.maxAge."
            )),
        );
    }
    if stored.damaged_stores > 0 {
        let message = trouble::damaged(integration, webhook, stored);
        return say(Status::False, Reason::StoreDamaged, message);
    }
    match stored.dead_letters {
        0 if sink.health.is_some_and(|health| health.set_aside > 0) => say(
            Status::False,
            Reason::EventsSetAside,
            format!(
                "The sink refuses {} of the events and accepts others. They are tried again, and become dead letters after webhook.buffer.maxAttempts attempts: look at the sink's log.",
                Count::of(sink.health.map_or(0, |health| health.set_aside))
            ),
        ),
        0 if stored.pending == 0 && !sink.has_events => say(
            Status::Unknown,
            Reason::NothingDelivered,
            "No event has arrived yet.".into(),
        ),
        0 => say(
            Status::True,
            Reason::Delivered,
            "Stored events reach the sink.".into(),
        ),
        count => say(
            Status::False,
            Reason::DeadLetters,
            dead_letters(count, stored.dropped_letters),
        ),
    }
}

/// What to do about dead letters, some of which were dropped.
fn dead_letters(count: u64, dropped: u64) -> String {
    let mut message = if count == 1 {
        "There is 1 dead letter: look at it, then replay or drop it (kubectl zoom events)."
            .to_owned()
    } else {
        format!(
            "There are {} dead letters: look at them, then replay or drop them (kubectl zoom events).",
            Count::of(count)
        )
    };
    if dropped > 0 {
        let _ = write!(
            message,
            " {} older ones are lost: dead letters had taken their share of webhook.buffer.size, and made room.",
            Count::of(dropped)
        );
    }
    message
}

/// The condition without a buffer: the sink has to accept an event while Zoom waits. `None` if the receiver
/// is of an earlier version, which does not report this.
fn passed_through(
    webhook: &Webhook,
    suspended: bool,
    sink: &Sink<'_>,
) -> Option<(Status, Reason, String)> {
    const RETRIES: &str =
        "Each event is answered 503, and Zoom sends it again up to three times within 85 minutes.";
    if suspended {
        return Some((
            Status::Unknown,
            Reason::Suspended,
            "Events are answered 503 while suspend is set.".into(),
        ));
    }
    if let Some(message) = trouble::not_taken(sink.health, sink.now) {
        return Some((Status::False, Reason::EventsNotTaken, message));
    }
    if let Some((reason, message)) = out_of_reach(webhook, sink) {
        let message = format!("{message} No event can be delivered meanwhile. {RETRIES}");
        return Some((Status::False, reason, message));
    }
    if !sink.is_known {
        return Some((
            Status::Unknown,
            Reason::ReceiverSilent,
            format!("The receiver cannot be asked what it has delivered: {OPEN_THE_WAY}"),
        ));
    }
    let health = sink.health?;
    if let Some(run) = health.sink_failures {
        let cause = health.sink_cause.as_deref().unwrap_or("unknown");
        return Some((
            Status::False,
            Reason::SinkFailing,
            format!(
                "{} deliveries have failed since {}, and none has succeeded; the last one: {cause}. {RETRIES} Check webhook.sink and the back end; webhook.buffer keeps events for longer.",
                Count::of(run.count),
                run.since,
            ),
        ));
    }
    Some(if health.last_delivered.is_some() {
        (
            Status::True,
            Reason::Delivered,
            "The sink accepted the last event.".into(),
        )
    } else {
        (
            Status::Unknown,
            Reason::NothingDelivered,
            "No event has been delivered yet. The sink accepts connections.".into(),
        )
    })
}

/// Why no event can reach the sink, known even before the first one: reason and sentence.
fn out_of_reach(webhook: &Webhook, sink: &Sink<'_>) -> Option<(Reason, String)> {
    if let Some(service) = webhook.sink_service() {
        let name = &service.name;
        match sink.service {
            SinkService::Absent => {
                return Some((
                    Reason::SinkServiceMissing,
                    format!(
                        "Service {name} does not exist in this namespace: create it, or correct webhook.sink.http.serviceRef."
                    ),
                ));
            }
            SinkService::NoPort => {
                return Some((
                    Reason::SinkServiceMissing,
                    format!(
                        "Service {name} has no port {}: correct webhook.sink.http.serviceRef.port.",
                        service.port.unwrap_or(80)
                    ),
                ));
            }
            SinkService::Usable | SinkService::External => {}
        }
    }
    let health = sink
        .health
        .filter(|health| health.sink_failures.is_none())?;
    let cause = health.sink_cause.as_deref()?;
    let http = webhook.sink.http.as_ref();
    let remedy = match http.and_then(|http| http.url.as_deref()) {
        Some(url) if is_in_cluster(url) => {
            "webhook.sink.http.url leads to public addresses only. For a Service of this namespace use webhook.sink.http.serviceRef; for another network the platform engineer has to add it to receiver.sinks.allowedNetworks."
        }
        Some(_) => {
            "Correct webhook.sink.http.url. For an address that is not public, the platform engineer has to add its network to receiver.sinks.allowedNetworks."
        }
        None if webhook.sink.nats.is_some() => {
            "Correct webhook.sink.nats and its credentials. For an address that is not public, the platform engineer has to add its network to receiver.sinks.allowedNetworks."
        }
        None => {
            "Check that the Service of webhook.sink.http.serviceRef has ready Pods that listen on its target port."
        }
    };
    Some((
        Reason::SinkUnreachable,
        format!("The receiver tried to reach the sink: {cause}. {remedy}"),
    ))
}

/// Whether a URL names a Service, or an address that is not public.
fn is_in_cluster(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let is_private = |address| !Policy::internet(Vec::new()).permits(address);
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let inner = [".svc", ".local", ".internal"];
            // The cluster's own domain may have any name.
            !name.contains('.')
                || name.contains(".svc.")
                || inner.iter().any(|suffix| name.ends_with(suffix))
        }
        Some(Host::Ipv4(address)) => is_private(address.into()),
        Some(Host::Ipv6(address)) => is_private(address.into()),
        None => false,
    }
}

#[cfg(test)]
mod tests;
