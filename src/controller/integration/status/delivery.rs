//! Whether what the receiver stored reaches the sink. Pure.

use kube::ResourceExt as _;

use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::ZoomIntegration,
    },
    controller::integration::{count::Count, model::Waiting},
};
use contract::facts::BufferFacts;

/// From this age of the oldest event on the sink counts as failing: retries come every five minutes at
/// most. The greater steps are for people.
const STEPS: [(u64, &str); 4] = [
    (24 * 3600, "a day"),
    (6 * 3600, "six hours"),
    (3600, "an hour"),
    (300, "five minutes"),
];

/// The condition of an integration with a buffer; `None` without one. Counts are named only where they
/// matter: every other change of theirs would be a write.
pub(super) fn events_delivered(
    integration: &ZoomIntegration,
    waiting: Option<Waiting>,
    buffer: Option<&BufferFacts>,
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
    let webhook = integration.spec.webhook.as_ref();
    webhook.filter(|webhook| webhook.buffer.is_some())?;
    let Some(held) = buffer else {
        return say(
            Status::Unknown,
            Reason::ReceiverSilent,
            "The receiver cannot be asked what it has stored.".into(),
        );
    };
    if held.full {
        return say(
            Status::False,
            Reason::BufferFull,
            format!(
                "The buffer is full with {} events, and Zoom is told to send later, which it does for 85 minutes: see that the sink takes events again.",
                Count::of(held.pending)
            ),
        );
    }
    if suspended {
        return say(
            Status::Unknown,
            Reason::Suspended,
            "Events are stored and not delivered while suspend is set.".into(),
        );
    }
    let age = held.oldest_seconds.unwrap_or_default();
    if let Some((_, step)) = STEPS.iter().find(|(seconds, _)| age >= *seconds) {
        return say(
            Status::False,
            Reason::SinkFailing,
            format!(
                "The oldest stored event has been waiting for the sink for more than {step}: see that the sink answers; the receiver's log says how it fails. Events stay stored up to webhook.buffer.maxAge."
            ),
        );
    }
    match held.dead_letters {
        0 => say(
            Status::True,
            Reason::Delivered,
            "Stored events reach the sink.".into(),
        ),
        count => say(
            Status::False,
            Reason::DeadLetters,
            format!(
                "{} {} given up, because the sink refused for good or for too long: look at them, then replay or delete them.",
                Count::of(count),
                if count == 1 {
                    "event was"
                } else {
                    "events were"
                }
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ceremony"
    )]

    use serde_json::{Value, json};

    use super::*;
    use crate::controller::integration::model::Why;

    fn integration(change: Value) -> ZoomIntegration {
        let mut object = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics"},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
                "webhook": {"sink": {"http": {"url": "https://s"}}, "buffer": {}},
            },
        });
        for (key, value) in change.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    fn said(
        change: Value,
        waiting: Option<Waiting>,
        held: Option<BufferFacts>,
    ) -> (Status, Reason) {
        let said = events_delivered(&integration(change), waiting, held.as_ref()).unwrap();
        (said.status, said.reason)
    }

    #[test]
    fn each_state_has_its_reason() {
        let held = |pending, dead_letters, oldest, full| {
            Some(BufferFacts {
                open: true,
                pending,
                dead_letters,
                oldest_seconds: oldest,
                full,
                draining: false,
            })
        };
        for (held, status, reason) in [
            (None, Status::Unknown, Reason::ReceiverSilent),
            (held(0, 0, None, false), Status::True, Reason::Delivered),
            (
                held(9, 0, Some(299), false),
                Status::True,
                Reason::Delivered,
            ),
            (
                held(9, 0, Some(300), false),
                Status::False,
                Reason::SinkFailing,
            ),
            (held(0, 2, None, false), Status::False, Reason::DeadLetters),
            (
                held(9, 2, Some(9000), true),
                Status::False,
                Reason::BufferFull,
            ),
        ] {
            assert_eq!(said(json!({}), None, held), (status, reason));
        }
        let suspended = json!({"suspend": true});
        let (status, reason) = said(suspended, None, held(9, 0, Some(9000), false));
        assert_eq!((status, reason), (Status::Unknown, Reason::Suspended));
    }

    #[test]
    fn what_runs_empty_comes_first_also_when_there_is_no_buffer_any_more() {
        let waiting = Waiting {
            why: Why::Ending,
            pending: 3,
            silent: 0,
        };
        let without = json!({"webhook": null});
        assert_eq!(said(without, Some(waiting), None).1, Reason::Draining);
    }

    #[test]
    fn the_message_does_not_change_with_every_second() {
        let message = |oldest| {
            let held = BufferFacts {
                pending: oldest,
                oldest_seconds: Some(oldest),
                ..BufferFacts::default()
            };
            events_delivered(&integration(json!({})), None, Some(&held))
                .unwrap()
                .message
        };
        assert_eq!(message(3601), message(20_000));
        assert_ne!(message(3599), message(3600));
    }

    #[test]
    fn without_a_buffer_nothing_is_said() {
        let plain = json!({"webhook": {"sink": {"http": {"url": "https://s"}}}});
        assert_eq!(events_delivered(&integration(plain), None, None), None);
    }
}
