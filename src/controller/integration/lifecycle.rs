//! Which states the tenant's back end is told of (`webhook.lifecycleEvents`), and the Secret that carries
//! them to the receiver. Pure.
//!
//! Reported are states that need a person: a condition that is False for a reason on which somebody must act. Also an
//! object that became ready within the last day, so that the back end can withdraw what it told its user.
//!
//! A Secret and not a `ConfigMap`, since the operator may write Secrets already. It holds no secret.

use std::collections::BTreeMap;

use contract::lifecycle::{Data, FILE, Kind, State, States};
use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{Resource, ResourceExt as _};
use sha2::{Digest as _, Sha256};

use super::resources::lifecycle_metadata;
use crate::{
    api::{
        annotation,
        condition::Type,
        reason::{Actor, Reason},
        v1alpha1::{ZoomConnection, ZoomIntegration, ZoomIntegrationStatus},
    },
    controller::receiver_defaults::ReceiverDefaults,
};

/// How long it is told that an object became ready.
const RECOVERY: SignedDuration = SignedDuration::from_hours(24);

/// What of an integration is told. Not whether events reach the sink: it would not hear of it.
const OF_INTEGRATION: [Type; 6] = [
    Type::Ready,
    Type::CredentialsValid,
    Type::TokenFresh,
    Type::EndpointReachable,
    Type::EndpointValidated,
    Type::EventsVerified,
];
/// What of a connection is told.
const OF_CONNECTION: [Type; 2] = [Type::Ready, Type::TokenFresh];

/// Whether the integration asks for it.
#[must_use]
pub fn is_wanted(integration: &ZoomIntegration) -> bool {
    let webhook = integration.spec.webhook.as_ref();
    webhook.is_some_and(|webhook| webhook.lifecycle_events.is_some())
}

/// How many states the status says are told; what it said before while they cannot be taken back.
#[must_use]
pub fn announced(
    integration: &ZoomIntegration,
    states: Option<&[State]>,
    is_retracted: bool,
) -> Option<i32> {
    match states {
        Some(states) => Some(i32::try_from(states.len()).unwrap_or(i32::MAX)),
        None if is_retracted => None,
        None => before(integration),
    }
}

/// How many states the status said are told.
#[must_use]
pub fn before(integration: &ZoomIntegration) -> Option<i32> {
    integration.status.as_ref()?.webhook.as_ref()?.announced
}

/// The states of the integration with this status, and of its connections, at `now`. Connections without an
/// [`outline`] and with nothing [`recovered`] lately may be left out.
#[must_use]
pub fn states(
    integration: &ZoomIntegration,
    status: &ZoomIntegrationStatus,
    connections: &[&ZoomConnection],
    now: Timestamp,
) -> Vec<State> {
    let told = told(&status.conditions, &OF_INTEGRATION, now);
    let own = told.map(|(condition, reason)| {
        state(
            integration,
            Kind::Integration,
            condition,
            reason,
            BTreeMap::new(),
        )
    });
    let of_connections = connections.iter().flat_map(|connection| {
        let conditions = connection.status.as_ref();
        let conditions = conditions.map_or(&[][..], |status| &status.conditions);
        let told = self::told(conditions, &OF_CONNECTION, now);
        told.map(|(condition, reason)| {
            let refs = connection.spec.external_refs.clone().unwrap_or_default();
            state(*connection, Kind::Connection, condition, reason, refs)
        })
    });
    own.chain(of_connections).collect()
}

/// What is reported of a connection; a change of it changes the Secret.
#[must_use]
pub fn outline(connection: &ZoomConnection) -> Vec<(Type, Reason)> {
    let conditions = connection.status.as_ref();
    let conditions = conditions.map_or(&[][..], |status| &status.conditions);
    let judged = OF_CONNECTION.iter().filter_map(|type_| {
        let (_, reason) = needs_a_person(*type_, conditions)?;
        Some((*type_, reason))
    });
    judged.collect()
}

/// Since when a connection is ready, which is told for a while.
#[must_use]
pub fn recovered(connection: &ZoomConnection) -> Option<Timestamp> {
    let ready = Type::Ready.find(&connection.status.as_ref()?.conditions)?;
    (ready.status == "True").then_some(ready.last_transition_time.0)
}

/// What became ready before that time is not told any more at `now`.
#[must_use]
pub fn earliest_told(now: Timestamp) -> Timestamp {
    now.checked_sub(RECOVERY).unwrap_or(Timestamp::MIN)
}

/// The Secret with these states, and how many of the oldest do not fit.
#[must_use]
pub fn secret(
    integration: &ZoomIntegration,
    defaults: &ReceiverDefaults,
    states: Vec<State>,
) -> (Secret, usize) {
    let (text, dropped) = States::to_json(states);
    let mut metadata = lifecycle_metadata(integration);
    defaults.label(&mut metadata);
    let mut digest = Sha256::new_with_prefix(&text);
    for (key, value) in &defaults.common_labels {
        digest.update(format!("\n{key}={value}"));
    }
    let digest = HEXLOWER.encode(&digest.finalize()[..16]);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(annotation::DESIRED.into(), digest);
    let secret = Secret {
        metadata,
        data: Some([(FILE.to_owned(), ByteString(text.into_bytes()))].into()),
        ..Secret::default()
    };
    (secret, dropped)
}

fn told<'a>(
    conditions: &'a [Condition],
    types: &'a [Type],
    now: Timestamp,
) -> impl Iterator<Item = (&'a Condition, Reason)> {
    // One cause often shows in several conditions: the first one tells it.
    let mut reasons = Vec::new();
    let troubles = types.iter().filter_map(move |type_| {
        let (condition, reason) = needs_a_person(*type_, conditions)?;
        let is_new = !reasons.contains(&reason);
        reasons.push(reason);
        is_new.then_some((condition, reason))
    });
    let ready = Type::Ready.find(conditions).filter(|ready| {
        ready.status == "True" && ready.last_transition_time.0 >= earliest_told(now)
    });
    let ready = ready.and_then(|ready| Some((ready, Reason::of(ready)?)));
    troubles.chain(ready)
}

/// The condition of this type, if a person must act on it.
fn needs_a_person(type_: Type, conditions: &[Condition]) -> Option<(&Condition, Reason)> {
    let condition = type_.find(conditions)?;
    let reason = Reason::of(condition)?;
    // An expired token has its cause in another condition, and may be nobody's fault. Its users want to know.
    let is_told = reason.entry().actor != Actor::Nobody || reason == Reason::TokenExpired;
    (condition.status == "False" && is_told).then_some((condition, reason))
}

fn state(
    object: &impl Resource,
    kind: Kind,
    condition: &Condition,
    reason: Reason,
    external_refs: BTreeMap<String, String>,
) -> State {
    let actor = reason.entry().actor;
    let data = Data {
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        condition: condition.type_.clone(),
        status: condition.status.clone(),
        reason: reason.into(),
        since: condition.last_transition_time.0,
        meaning: reason.explanation(),
        actor: (actor != Actor::Nobody).then(|| actor.as_str().to_owned()),
        action: reason.advice(),
    };
    State::new(&object.uid().unwrap_or_default(), data, external_refs)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ceremony"
    )]

    use serde_json::{Value, json};

    use super::*;

    const NOON: &str = "2026-03-01T12:00:00Z";

    fn condition(type_: &str, status: &str, reason: &str, since: &str) -> Value {
        json!({
            "type": type_, "status": status, "reason": reason, "lastTransitionTime": since,
            "message": "with https://connect.example.com/a/secret-link",
        })
    }

    fn integration(conditions: Value) -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "clinics", "uid": "u1"},
            "spec": {
                "app": {"kind": "General"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
                "webhook": {"sink": {"http": {"url": "https://s"}}, "lifecycleEvents": {}},
            },
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn connection(conditions: Value) -> ZoomConnection {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "ada", "namespace": "clinics", "uid": "c1"},
            "spec": {"integrationRef": {"name": "app"}, "externalRefs": {"userid": "4711"}},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn told(
        integration: &ZoomIntegration,
        connections: &[&ZoomConnection],
        now: &str,
    ) -> Vec<State> {
        let status = integration.status.clone().unwrap();
        states(integration, &status, connections, now.parse().unwrap())
    }

    fn names(states: &[State]) -> Vec<String> {
        states.iter().map(State::name).collect()
    }

    #[test]
    fn what_needs_a_person_is_told_and_what_passes_by_itself_is_not() {
        for (condition, told_as) in [
            (
                condition("Ready", "False", "AppDisabled", NOON),
                Some("AppDisabled"),
            ),
            (
                condition("Ready", "False", "TokenExpired", NOON),
                Some("TokenExpired"),
            ),
            (
                condition("CredentialsValid", "False", "CredentialsRejected", NOON),
                Some("CredentialsRejected"),
            ),
            (
                condition("EndpointReachable", "False", "NameNotFound", NOON),
                Some("NameNotFound"),
            ),
            (
                condition("EndpointValidated", "False", "ValidationOverdue", NOON),
                Some("ValidationOverdue"),
            ),
            (condition("Ready", "False", "ZoomUnavailable", NOON), None),
            (condition("Ready", "Unknown", "AppDisabled", NOON), None),
            (condition("Ready", "False", "OfANewerVersion", NOON), None),
            (
                condition("EventsDelivered", "False", "SinkFailing", NOON),
                None,
            ),
        ] {
            let app = integration(json!([condition]));
            let expected: Vec<_> = told_as
                .map(|name| format!("integration.{name}"))
                .into_iter()
                .collect();
            assert_eq!(names(&told(&app, &[], NOON)), expected, "{condition}");
        }
    }

    #[test]
    fn a_lost_grant_is_told_once_with_the_connections_facts_and_without_links() {
        let app = integration(json!([]));
        let lost = connection(json!([
            condition("Ready", "False", "GrantLost", NOON),
            condition("TokenFresh", "False", "GrantLost", NOON),
        ]));
        let states = told(&app, &[&lost], NOON);
        assert_eq!(names(&states), ["connection.GrantLost"]);
        assert_eq!(states[0].external_refs["userid"], "4711");
        assert_eq!(
            states[0].data.actor.as_deref(),
            Some("person who authorizes")
        );
        let text = serde_json::to_string(&states).unwrap();
        assert!(
            !text.contains("secret-link") && !text.contains("]("),
            "{text}"
        );
        // The same again, from another pass.
        assert_eq!(told(&app, &[&lost], NOON), states);
        assert_eq!(
            outline(&lost),
            [
                (Type::Ready, Reason::GrantLost),
                (Type::TokenFresh, Reason::GrantLost)
            ]
        );
    }

    #[test]
    fn a_recovery_is_told_for_a_day() {
        let app = integration(json!([]));
        let well = connection(json!([condition("Ready", "True", "Connected", NOON)]));
        assert_eq!(
            names(&told(&app, &[&well], "2026-03-02T12:00:00Z")),
            ["connection.Connected"]
        );
        assert!(told(&app, &[&well], "2026-03-02T12:00:01Z").is_empty());
    }

    #[test]
    fn the_secret_says_what_it_was_written_as() {
        let app = integration(json!([condition("Ready", "False", "AppDisabled", NOON)]));
        let defaults = ReceiverDefaults::default();
        let digest = |states| {
            let (secret, _) = secret(&app, &defaults, states);
            secret.annotations()[annotation::DESIRED].clone()
        };
        let states = told(&app, &[], NOON);
        assert_eq!(digest(states.clone()), digest(states.clone()));
        assert_ne!(digest(states), digest(Vec::new()));
        assert_eq!(
            secret(&app, &defaults, Vec::new()).0.name_any(),
            "app-receiver-lifecycle"
        );
    }
}
