//! How the deletion of an integration ends. Pure.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::v1alpha1::{Webhook, ZoomIntegration},
    controller::{
        integration::{
            model::{Observed, Order, SinkSecret, SinkService, Waiting},
            plan,
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
pub struct GivenUp {
    waiting: Waiting,
    why: String,
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
    if !live.iter().any(|live| live.buffered) || namespace_ends {
        return Ending::Release;
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
    let since = integration.metadata.deletion_timestamp.as_ref();
    let until = schedule::later(since.map_or(now, |since| since.0), limit);
    if now >= until {
        let why = missing.unwrap_or_else(|| {
            "the sink did not take them within the time that a deletion waits".into()
        });
        return Ending::GiveUp(Some(GivenUp { waiting, why }));
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
    let since = integration.metadata.deletion_timestamp.as_ref();
    let until = schedule::later(since.map_or(now, |since| since.0), longest);
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
        let events = match self.waiting.pending {
            0 => "No stored event is known".to_owned(),
            1 => "1 stored event is discarded with the integration".to_owned(),
            pending => format!("{pending} stored events are discarded with the integration"),
        };
        let silent = match self.waiting.silent {
            0 => String::new(),
            1 => "; what 1 Pod that cannot be asked has stored is discarded too".to_owned(),
            silent => {
                format!("; what {silent} Pods that cannot be asked have stored is discarded too")
            }
        };
        format!("{events}{silent}, since {}.", self.why)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ceremony"
    )]

    use contract::facts::{BufferFacts, Facts};
    use serde_json::{Value, json};

    use super::*;
    use crate::controller::integration::{model::ReceiverPod, resources::Kind};

    const LIMITS: Limits = Limits {
        longest: Duration::from_secs(1000),
        without_sink: Duration::from_secs(100),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn integration(annotations: Value) -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {
                "name": "acme", "namespace": "clinics", "uid": "u1", "annotations": annotations,
                "deletionTimestamp": at(0),
            },
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
                "webhook": {"buffer": {}, "sink": {"http": {
                    "serviceRef": {"name": "sink"}, "credentialsSecretRef": {"name": "s"},
                }}},
            },
        }))
        .unwrap()
    }

    /// A receiver with this many pending events; `None` for a Pod that cannot be asked.
    fn observed(pending: Option<u64>) -> Observed {
        let set = json!({
            "metadata": {"name": "acme-receiver", "ownerReferences": [{
                "apiVersion": "v1", "kind": "ZoomIntegration", "name": "acme", "uid": "u1",
            }]},
            "spec": {"replicas": 1, "selector": {}, "template": {}},
        });
        let mut observed = Observed::default();
        observed.receiver.stateful_set = serde_json::from_value(set).unwrap();
        observed.pods = vec![ReceiverPod {
            kind: Kind::StatefulSet,
            name: "acme-receiver-0".into(),
            address: Some("10.0.0.1".into()),
            leaving: false,
            trouble: None,
            facts: pending.map(|pending| {
                let mut facts = Facts::default();
                facts.buffer = Some(BufferFacts {
                    open: true,
                    pending,
                    draining: true,
                    ..BufferFacts::default()
                });
                facts
            }),
        }];
        observed
    }

    fn end(observed: &Observed, second: i64) -> Ending {
        ending(&integration(json!({})), observed, false, LIMITS, at(second))
    }

    fn given_up(ending: Ending) -> String {
        match ending {
            Ending::GiveUp(Some(given_up)) => given_up.message(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_buffer_and_in_a_namespace_that_ends_nothing_is_waited_for() {
        assert_eq!(end(&Observed::default(), 0), Ending::Release);
        let ends = ending(
            &integration(json!({})),
            &observed(Some(3)),
            true,
            LIMITS,
            at(0),
        );
        assert_eq!(ends, Ending::Release);
    }

    #[test]
    fn an_empty_receiver_goes_and_so_does_one_whose_events_may_be_lost() {
        assert_eq!(end(&observed(Some(0)), 5), Ending::GiveUp(None));
        let discard = integration(json!({"zoom-operator.io/discard-buffered-events": "true"}));
        let ends = ending(&discard, &observed(Some(3)), false, LIMITS, at(5));
        assert_eq!(ends, Ending::GiveUp(None));
    }

    #[test]
    fn stored_events_are_waited_for_and_the_end_is_told() {
        let Ending::Drain(drain) = end(&observed(Some(3)), 999) else {
            panic!("it waits");
        };
        assert!(
            drain.message.contains("3 events are pending"),
            "{}",
            drain.message
        );
        assert!(
            drain.message.contains(&at(1000).to_string()),
            "{}",
            drain.message
        );
        let message = given_up(end(&observed(Some(3)), 1000));
        assert!(
            message.starts_with("3 stored events are discarded"),
            "{message}"
        );
    }

    #[test]
    fn without_a_sink_the_wait_is_short_whatever_of_it_is_gone() {
        for (secret, service, named) in [
            (SinkSecret::Absent, SinkService::Usable, "Secret s "),
            (SinkSecret::Unlabelled, SinkService::Usable, "Secret s "),
            (SinkSecret::Usable, SinkService::Absent, "Service sink,"),
            (SinkSecret::Usable, SinkService::NoPort, "Service sink,"),
            (SinkSecret::Usable, SinkService::External, "Service sink,"),
        ] {
            let gone = Observed {
                sink_secret: secret,
                sink_service: service,
                ..observed(Some(3))
            };
            let Ending::Drain(drain) = end(&gone, 99) else {
                panic!("it waits");
            };
            assert!(drain.message.contains(named), "{}", drain.message);
            let message = given_up(end(&gone, 100));
            assert!(message.contains(named), "{message}");
            // The sinks of other accounts can take what is stored.
            let limits = LIMITS.with_routes(true);
            let routed = ending(&integration(json!({})), &gone, false, limits, at(100));
            assert!(matches!(routed, Ending::Drain(_)), "{routed:?}");
        }
    }

    #[test]
    fn without_any_permission_a_deletion_has_an_end_too() {
        let end = |namespace_ends, second| {
            let integration = integration(json!({}));
            unseen(&integration, namespace_ends, LIMITS.longest, at(second))
        };
        assert_eq!(end(Some(true), 0), Unseen::Release(None));
        for namespace_ends in [None, Some(false)] {
            let Unseen::Wait { until, message } = end(namespace_ends, 999) else {
                panic!("it waits");
            };
            assert_eq!(until, at(1000));
            assert!(message.contains("its Role in this namespace"), "{message}");
            let released = end(namespace_ends, 1000);
            assert!(matches!(released, Unseen::Release(Some(_))), "{released:?}");
        }
    }

    #[test]
    fn a_receiver_that_cannot_be_asked_has_an_end_too() {
        assert!(matches!(end(&observed(None), 999), Ending::Drain(_)));
        let message = given_up(end(&observed(None), 1000));
        assert!(message.contains("1 Pod that cannot be asked"), "{message}");
        let mut no_pod = observed(None);
        no_pod.pods.clear();
        assert!(matches!(end(&no_pod, 1000), Ending::GiveUp(Some(_))));
    }
}
