//! Whether requests to the endpoint have the expected signature. Pure.
//!
//! A receiver counts the requests that it refuses. A few refusals mean nothing, because anybody can cause
//! them. Several in a row without a correct signature mean that Zoom's events are being lost.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::{WebhookStatus, ZoomIntegrationSpec},
    },
    controller::integration::count::Count,
};
use contract::facts::Facts;

/// From this number of refusals in a row, something is wrong.
const ENOUGH: u64 = 2;

/// The condition of an integration with a webhook, if its receiver counts refusals.
pub(super) fn events_verified(
    spec: &ZoomIntegrationSpec,
    webhook: Option<&WebhookStatus>,
    facts: Option<&Facts>,
) -> Option<Statement> {
    webhook?;
    let say = |status: Status, reason: Reason, message: String| {
        let statement = Statement::new(Type::EventsVerified, status, reason, message);
        Some(statement)
    };
    let Some(facts) = facts else {
        return say(
            Status::Unknown,
            Reason::ReceiverSilent,
            "The receiver cannot be asked what has arrived.".into(),
        );
    };
    // Earlier versions of the receiver do not count.
    let health = facts.health.as_ref()?;
    let last_right = facts.last_verified.map_or_else(
        || "No request with a right signature has arrived yet.".to_owned(),
        |_| "Signatures were right before.".to_owned(),
    );
    if let Some(run) = health.wrong_signatures.filter(|run| run.count >= ENOUGH) {
        return say(
            Status::False,
            Reason::UnknownSignature,
            format!(
                "{} requests since {} are signed with another secret token, and their events are not accepted. {last_right} Copy the Secret Token from the app's Access page into key {} of Secret {}. For a day after the last right signature the receiver answers 503, so Zoom sends each event again for up to 85 minutes; after that the events are lost.",
                Count::of(run.count),
                run.since,
                spec.credentials.webhook_secret_token(),
                spec.credentials.secret_ref.name,
            ),
        );
    }
    if let Some(run) = health.missing_headers.filter(|run| run.count >= ENOUGH) {
        return say(
            Status::False,
            Reason::SignatureHeadersMissing,
            format!(
                "{} requests since {} have a JSON body and no x-zm-signature or x-zm-request-timestamp header, and are refused. {last_right} Check that the gateway, proxy or firewall in front of the receiver passes Zoom's headers on.",
                Count::of(run.count),
                run.since,
            ),
        );
    }
    if let Some(removal) = health.unverified_removals.last() {
        let is_verified = facts.last_verified.is_some_and(|at| at > removal.at);
        if !is_verified {
            return say(
                Status::False,
                Reason::RemovalNotVerified,
                format!(
                    "A request at {} says that a user removed the app, and its signature is wrong. It is not believed: the operator asks Zoom whether the authorization still holds. Check that the webhook secret token is that of this app and environment.",
                    Time(removal.at).0,
                ),
            );
        }
    }
    if facts.last_verified.is_some() {
        say(
            Status::True,
            Reason::SignatureVerified,
            "Requests are signed with the app's secret token.".into(),
        )
    } else {
        say(
            Status::Unknown,
            Reason::NothingArrived,
            "No signed request has arrived yet.".into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::api::v1alpha1::ZoomIntegration;
    use contract::facts::SecretRole;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn statement(facts: Option<&Facts>) -> Option<(Status, Reason)> {
        let integration: ZoomIntegration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics"},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
                "webhook": {"sink": {"http": {"url": "https://s"}}},
            },
        }))
        .unwrap();
        let webhook = WebhookStatus::default();
        let statement = events_verified(&integration.spec, Some(&webhook), facts)?;
        Some((statement.status, statement.reason))
    }

    fn with(change: impl FnOnce(&mut Facts)) -> Facts {
        let mut facts = Facts::default();
        facts.health = Some(contract::health::Health::default());
        change(&mut facts);
        facts
    }

    #[test]
    fn each_way_to_lose_events_has_its_reason() {
        let run = |times: i64, add: fn(&mut contract::health::Health, Timestamp)| {
            with(|facts| {
                for second in 0..times {
                    add(facts.health.get_or_insert_default(), at(second));
                }
            })
        };
        let signature = |times| run(times, contract::health::Health::rejected);
        let headers = |times| run(times, contract::health::Health::unsigned);
        let removal = with(|facts| {
            facts
                .health
                .get_or_insert_default()
                .removed(at(5), "ada", "a");
        });
        let right = with(|facts| facts.verified(at(9), SecretRole::Current));
        for (facts, status, reason) in [
            (signature(1), Status::Unknown, Reason::NothingArrived),
            (signature(2), Status::False, Reason::UnknownSignature),
            (signature(200), Status::False, Reason::UnknownSignature),
            (headers(1), Status::Unknown, Reason::NothingArrived),
            (headers(2), Status::False, Reason::SignatureHeadersMissing),
            (removal.clone(), Status::False, Reason::RemovalNotVerified),
            (right, Status::True, Reason::SignatureVerified),
        ] {
            assert_eq!(statement(Some(&facts)), Some((status, reason)));
        }
        let mut later = removal;
        later.verified(at(9), SecretRole::Current);
        assert_eq!(
            statement(Some(&later)).unwrap().1,
            Reason::SignatureVerified
        );
    }

    #[test]
    fn a_receiver_that_is_silent_or_old_says_nothing() {
        assert_eq!(statement(None).unwrap().1, Reason::ReceiverSilent);
        assert_eq!(statement(Some(&Facts::default())), None);
    }
}
