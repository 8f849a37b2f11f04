//! The status of an integration that is being deleted: only what still matters. Pure.

use jiff::Timestamp;

use crate::{
    api::{
        condition::{self, Statement, Status, Type},
        reason::Reason,
        v1alpha1::{TokenStatus, ZoomIntegration, ZoomIntegrationStatus},
    },
    controller::integration::model::Observed,
};

/// The status at `now`; `message` says what the deletion waits for.
#[must_use]
pub fn ending(
    integration: &ZoomIntegration,
    observed: &Observed,
    message: &str,
    now: Timestamp,
) -> ZoomIntegrationStatus {
    let before = integration.status.clone().unwrap_or_default();
    let say = |type_, reason| Statement::new(type_, Status::False, reason, message);
    let statements = vec![
        say(Type::Ready, Reason::Deleting),
        receiver_available(integration, observed),
        say(Type::EventsDelivered, Reason::Draining),
    ];
    let generation = integration.metadata.generation;
    ZoomIntegrationStatus {
        observed_generation: generation,
        phase: None,
        conditions: condition::merge(&before.conditions, statements, generation, now),
        token: before.token.map(|token| TokenStatus {
            failure: None,
            ..token
        }),
        install_url: None,
        setup: Vec::new(),
        next_step: None,
        warnings: Vec::new(),
        ..before
    }
}

fn receiver_available(integration: &ZoomIntegration, observed: &Observed) -> Statement {
    let live = observed.receiver.live(integration);
    if live.iter().any(|live| live.available) {
        let message = "The receiver accepts no more events and delivers what it has stored.";
        return Statement::new(
            Type::ReceiverAvailable,
            Status::True,
            Reason::Available,
            message,
        );
    }
    let mut troubles = observed.pods.iter().filter_map(|pod| pod.trouble.as_ref());
    let message = match troubles.next() {
        Some(trouble) => format!("No Pod of the receiver is available: {trouble}."),
        None => "No Pod of the receiver is available.".to_owned(),
    };
    Statement::new(
        Type::ReceiverAvailable,
        Status::False,
        Reason::ReceiverUnavailable,
        &message,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_what_is_looked_at_is_said_while_an_integration_is_deleted() {
        let condition = |type_: &str, status: &str| {
            json!({
                "type": type_, "status": status, "reason": "Before", "message": "next attempt at noon",
                "lastTransitionTime": at(1),
            })
        };
        let integration: ZoomIntegration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1", "generation": 4},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
            "status": {
                "phase": "Connected", "nextStep": "Press Validate",
                "conditions": [
                    condition("Ready", "True"), condition("CredentialsValid", "False"),
                    condition("TokenFresh", "False"), condition("ReceiverAvailable", "True"),
                    condition("EventsDelivered", "False"),
                ],
            },
        }))
        .unwrap();
        let status = ending(&integration, &Observed::default(), "3 events", at(9));
        let found: Vec<_> = status
            .conditions
            .iter()
            .map(|found| {
                (
                    found.type_.as_str(),
                    found.status.as_str(),
                    found.reason.as_str(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("Ready", "False", "Deleting"),
                ("ReceiverAvailable", "False", "ReceiverUnavailable"),
                ("EventsDelivered", "False", "Draining"),
            ]
        );
        assert_eq!(
            status.conditions[2].last_transition_time.0,
            at(1),
            "since then"
        );
        assert_eq!((status.phase, status.next_step), (None, None));
    }
}
