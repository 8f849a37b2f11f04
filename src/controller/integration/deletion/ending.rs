//! How the deletion of an integration ends. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::{
        condition::{Status, Type},
        label,
        reason::Reason,
        v1alpha1::{Webhook, ZoomIntegration},
    },
    controller::{
        integration::{
            model::{Observed, Order, SinkSecret, SinkService, Waiting},
            plan,
            resources::Kind,
        },
        schedule,
    },
};

/// How long the deletion of an integration waits for stored events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In any case.
    pub longest: Duration,
    /// The shorter limit while there is no sink to deliver them to.
    pub without_sink: Duration,
}

// === impl Limits ===

impl Limits {
    /// With routes, what is stored has other sinks besides the integration's own, so that a missing one ends
    /// nothing sooner.
    #[must_use]
    pub fn with_routes(self, are_on: bool) -> Self {
        let without_sink = if are_on {
            self.longest
        } else {
            self.without_sink
        };
        Self {
            without_sink,
            ..self
        }
    }
}

/// What to do with an integration that is being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nothing is stored, or nothing can be delivered any more: release it at once.
    Release,
    /// Delete it with its volume claims, even if they still hold events.
    GiveUp(Option<GivenUp>),
    /// Deliver the stored events first.
    Drain(Drain),
}

/// What to do while stored events are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Orders for Pods.
    pub orders: Vec<Order>,
    /// What the deletion waits for, and until when, as a sentence for people.
    pub message: String,
}

/// What to do with an integration that is being deleted, and of whose receiver nothing can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Look again, until then.
    Wait {
        /// When it is released in any case.
        until: Timestamp,
        /// What it waits for, as a sentence for people.
        message: String,
    },
    /// Release it, and say what may be lost.
    Release(Option<&'static str>),
}

/// Events that will not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// They are discarded.
    Discarded {
        /// What is known of them.
        waiting: Waiting,
        /// Why.
        why: String,
    },
    /// Somebody else deleted the workload that had them.
    Deserted {
        /// Name of the integration.
        integration: String,
        /// Whether their volumes stay.
        on_volumes: bool,
    },
}

/// Decides what to do at `now`.
#[must_use]
pub fn ending(
    integration: &ZoomIntegration,
    observed: &Observed,
    namespace_ends: bool,
    limits: Limits,
    now: Timestamp,
) -> Ending {
    let live = observed.receiver.live(integration);
    if namespace_ends {
        return Ending::Release;
    }
    if !live.iter().any(|live| live.buffered) {
        return match deserted(integration) {
            Some(deserted) => Ending::GiveUp(Some(deserted)),
            None => Ending::Release,
        };
    }
    let transition = plan::transition(integration, observed);
    // An annotation can say not to wait.
    let Some(waiting) = transition.waiting else {
        return Ending::GiveUp(None);
    };
    let webhook = integration.spec.webhook.as_ref();
    let missing = webhook.and_then(|webhook| missing_sink(webhook, observed));
    let limit = match &missing {
        Some(_) => limits.without_sink.min(limits.longest),
        None => limits.longest,
    };
    let until = until(integration, limit, now);
    if now >= until {
        let why = missing.unwrap_or_else(|| {
            "the sink did not take them within the time that a deletion waits".into()
        });
        return Ending::GiveUp(Some(GivenUp::Discarded { waiting, why }));
    }
    let namespace = integration.namespace().unwrap_or_default();
    let name = integration.name_any();
    let message = waiting.message(&namespace, &name, integration.spec.suspend);
    let reason = missing.map(|missing| format!(" They cannot be delivered: {missing}."));
    Ending::Drain(Drain {
        orders: transition.orders,
        message: format!(
            "{}{} What is not delivered by {until} is discarded.",
            message.unwrap_or_default(),
            reason.unwrap_or_default()
        ),
    })
}

/// Decides what to do at `now` if the operator may see nothing. Nobody may know, either, whether the namespace ends.
#[must_use]
pub fn unseen(
    integration: &ZoomIntegration,
    namespace_ends: Option<bool>,
    longest: Duration,
    now: Timestamp,
) -> Unseen {
    if namespace_ends == Some(true) {
        return Unseen::Release(None);
    }
    let until = until(integration, longest, now);
    if now >= until {
        return Unseen::Release(Some(
            "What the receiver had stored may be lost: the operator had no permission to look at it.",
        ));
    }
    Unseen::Wait {
        until,
        message: format!(
            "The receiver may have stored events, and the operator has no permission to look at it. Give it its Role in this namespace; otherwise the integration goes at {until}, whatever is stored."
        ),
    }
}

/// Until when a deletion waits, with this `limit`.
#[must_use]
pub fn until(integration: &ZoomIntegration, limit: Duration, now: Timestamp) -> Timestamp {
    let since = integration.metadata.deletion_timestamp.as_ref();
    schedule::later(since.map_or(now, |since| since.0), limit)
}

/// The volume claims that stay, because the API server refused with this `sentence` to let them go.
#[must_use]
pub fn kept(integration: &ZoomIntegration, sentence: &str) -> String {
    format!(
        "The volume claims stay (kubectl get pvc -l {}={}), because the API server refused to update the StatefulSet: {}. Delete them, unless an integration of the same name is to deliver what they hold.",
        label::INTEGRATION,
        integration.name_any(),
        sentence.trim_end_matches('.')
    )
}

/// What a workload that no longer exists had stored, by the last known status. A foreground deletion of the
/// integration removes its workload first, whatever is stored.
fn deserted(integration: &ZoomIntegration) -> Option<GivenUp> {
    let buffer = integration.spec.webhook.as_ref()?.buffer.as_ref()?;
    let mut conditions = integration.status.as_ref()?.conditions.iter();
    let delivered = conditions.find(|found| found.type_ == Type::EventsDelivered.as_str())?;
    let is_empty = delivered.status == Status::True.as_str()
        || delivered.reason == Reason::DeadLetters.as_str();
    (!is_empty && !plan::discards(integration)).then(|| GivenUp::Deserted {
        integration: integration.name_any(),
        on_volumes: Kind::of(Some(buffer)) == Kind::StatefulSet,
    })
}

/// Why there is no sink to deliver stored events to.
fn missing_sink(webhook: &Webhook, observed: &Observed) -> Option<String> {
    let secret = webhook.sink_secret().unwrap_or_default();
    let service = webhook.sink_service();
    let service = service.map_or("", |service| service.name.as_str());
    match (observed.sink_secret, observed.sink_service) {
        (SinkSecret::Absent, _) => Some(format!(
            "Secret {secret} with the sink's credentials does not exist"
        )),
        (SinkSecret::Unlabelled, _) => Some(format!(
            "Secret {secret} with the sink's credentials is not labelled for this use"
        )),
        (SinkSecret::Usable, SinkService::Absent) => Some(format!(
            "Service {service}, which is the sink, does not exist"
        )),
        (SinkSecret::Usable, SinkService::NoPort) => Some(format!(
            "Service {service}, which is the sink, has no such port"
        )),
        (SinkSecret::Usable, SinkService::External) => Some(format!(
            "Service {service}, which is the sink, is of type ExternalName"
        )),
        (SinkSecret::Usable, SinkService::Usable) => None,
    }
}

// === impl GivenUp ===

impl GivenUp {
    /// The event's message for people.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Discarded { waiting, why } => discarded(waiting, why),
            Self::Deserted {
                integration,
                on_volumes: true,
            } => format!(
                "The receiver was deleted before it had delivered what it stored, as a foreground deletion of the integration does. Its volume claims stay (kubectl get pvc -l {}={integration}): an integration of the same name delivers from them.",
                label::INTEGRATION
            ),
            Self::Deserted {
                on_volumes: false, ..
            } => "The receiver was deleted before it had delivered what it stored, as a foreground deletion of the integration does. What its Pods could not deliver before they ended is lost.".into(),
        }
    }
}

fn discarded(waiting: &Waiting, why: &str) -> String {
    let events = match waiting.pending {
        0 => "No stored event is known".to_owned(),
        1 => "1 stored event is discarded with the integration".to_owned(),
        pending => format!("{pending} stored events are discarded with the integration"),
    };
    let silent = match waiting.silent {
        0 => String::new(),
        1 => "; what 1 Pod that cannot be asked has stored is discarded too".to_owned(),
        silent => {
            format!("; what {silent} Pods that cannot be asked have stored is discarded too")
        }
    };
    format!("{events}{silent}, since {why}.")
}

#[cfg(test)]
mod tests;
