//! The status of a webhook.

mod bot;

use super::*;
use crate::{
    api::{reason::Reason, v1alpha1::Phase},
    controller::integration::{
        altered::Alterations,
        model::{Checked, ReceiverFinding, ReceiverPod, ReceiverState, Refusal, together},
        resources::Kind,
    },
    reach::{Cause, Finding},
};
use contract::facts::{BufferFacts, Facts, SecretRole};
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn integration() -> ZoomIntegration {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1", "generation": 3},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "webhook": {
                "sink": {"http": {"url": "https://s"}}, "buffer": {},
                "endpoint": {"host": "hooks.example.com", "path": "/zoom"},
                "subscriptions": [
                    {"name": "a", "events": ["meeting.started", "meeting.ended"]},
                    {"name": "b", "events": ["meeting.ended", "user.created"]},
                ],
            },
        },
    }))
    .unwrap()
}

fn pod(ordinal: i32, dead_letters: Option<u64>) -> ReceiverPod {
    ReceiverPod {
        kind: Kind::StatefulSet,
        name: format!("acme-receiver-{ordinal}"),
        address: None,
        leaving: false,
        trouble: None,
        facts: dead_letters.map(|dead_letters| {
            let mut facts = Facts::default();
            facts.validated(at(90), SecretRole::Current);
            facts.seen("meeting.ended");
            facts.seen("somebody.else");
            facts.buffer = Some(BufferFacts {
                dead_letters,
                ..BufferFacts::default()
            });
            facts
        }),
    }
}

/// Everything was applied without failures, and the receiver accepts requests.
pub(super) fn applied(token: TokenSecret) -> Applied {
    Applied {
        with_current_credentials: matches!(token, TokenSecret::Ours(_)),
        token,
        token_secret_name: Some("acme-zoom-token".into()),
        has_old_token_secret: false,
        rewritten: None,
        failure: None,
        checked: Checked::default(),
        receiver: ReceiverState {
            finding: ReceiverFinding::Available,
            refused: None,
            refused_metadata: vec![],
            refused_class: None,
            replicas: 1,
            growing: None,
            waiting: None,
            progress: None,
            stuck: None,
            altered: Alterations::new(),
            theirs: vec![],
            contested: vec![],
        },
        refusals: vec![],
        look_again: None,
    }
}

fn say(
    integration: &ZoomIntegration,
    pods: Vec<ReceiverPod>,
    refusals: Vec<Refusal>,
) -> ZoomIntegrationStatus {
    say_seeing(integration, pods, refusals, None)
}

fn say_seeing(
    integration: &ZoomIntegration,
    pods: Vec<ReceiverPod>,
    refusals: Vec<Refusal>,
    reach: Option<ReachState>,
) -> ZoomIntegrationStatus {
    let observed = Observed {
        facts: together(&pods, false),
        pods,
        ..Observed::default()
    };
    let applied = Applied {
        refusals,
        ..applied(TokenSecret::Absent)
    };
    say_all(integration, &observed, &applied, reach)
}

fn say_applied(integration: &ZoomIntegration, applied: &Applied) -> ZoomIntegrationStatus {
    say_all(integration, &Observed::default(), applied, None)
}

fn say_all(
    integration: &ZoomIntegration,
    observed: &Observed,
    applied: &Applied,
    reach: Option<ReachState>,
) -> ZoomIntegrationStatus {
    let url = |text| Url::parse(text).unwrap();
    let endpoints = Endpoints::new(url("https://zoom.us"), url("https://api.zoom.us"));
    let setting = Setting {
        endpoints: &endpoints,
        pages: None,
        knows_labels: true,
        connections: Summary::default(),
        reach,
        sharers: vec![],
    };
    status(integration, observed, applied, &setting, at(100)).0
}

fn message(status: &ZoomIntegrationStatus, type_: Type) -> &str {
    &type_.find(&status.conditions).unwrap().message
}

#[test]
fn a_receiver_that_cannot_be_replaced_accepts_requests_and_says_why() {
    let mut applied = applied(TokenSecret::Absent);
    applied.receiver.stuck = Some("Its new Pods do not start: exceeded quota.".into());
    let published = say_applied(&integration(), &applied);
    let found = Type::ReceiverAvailable.find(&published.conditions).unwrap();
    assert_eq!((&*found.status, &*found.reason), ("True", "RolloutStuck"));
    assert_eq!(
        found.message,
        "The receiver accepts requests. Its new Pods do not start: exceeded quota."
    );
}

#[test]
fn declared_events_are_counted_once_and_so_are_those_that_came() {
    let published = say(&integration(), vec![pod(0, Some(0))], vec![]);
    let webhook = published.webhook.as_ref().unwrap();
    assert_eq!(webhook.events_declared, Some(3));
    assert_eq!(webhook.events_seen, ["meeting.ended"]);
    assert!(
        message(&published, Type::EndpointValidated).ends_with(" Seen 1 of 3 declared events."),
        "{published:?}"
    );
}

#[test]
fn events_that_zoom_sends_undeclared_are_named_for_three_days() {
    let named = |came: i64, event: &str, before: Option<ZoomIntegrationStatus>| {
        let mut pod = pod(0, Some(0));
        let facts = pod.facts.as_mut().unwrap();
        let health = facts.health.get_or_insert_default();
        health.undeclared(at(came), event);
        let mut integration = integration();
        integration.status = before;
        let status = say(&integration, vec![pod], vec![]);
        let warned = status
            .warnings
            .iter()
            .any(|text| text.contains("not in webhook.subscriptions") && text.contains(event));
        let events = &status.webhook.as_ref().unwrap().events_undeclared;
        assert_eq!(warned, events.contains(&event.to_owned()), "{status:?}");
        (warned, status)
    };
    let (warned, before) = named(90, "user.deleted", None);
    assert!(warned);
    assert!(!named(-3 * 24 * 3600, "user.deleted", Some(before.clone())).0);
    // Declared since.
    assert!(!named(90, "user.created", None).0);
    // A receiver that cannot be asked takes nothing back.
    let mut integration = integration();
    integration.status = Some(before);
    let silent = say(&integration, vec![], vec![]).webhook.unwrap();
    assert_eq!(silent.events_undeclared, ["user.deleted"]);
}

#[test]
fn a_url_that_leads_to_somebody_else_is_not_said() {
    let url = |refusals| say(&integration(), vec![], refusals).webhook.unwrap().url;
    let expected = "https://hooks.example.com/zoom";
    assert_eq!(url(vec![]).as_deref(), Some(expected));
    let other = Refusal::new(Reason::SinkCredentialsMissing, "m".into());
    assert_eq!(url(vec![other]).as_deref(), Some(expected));
    for reason in [Reason::HostClaimed, Reason::HostNotAllowed] {
        assert_eq!(url(vec![Refusal::new(reason, "m".into())]), None);
    }
}

#[test]
fn dead_letters_of_a_receiver_that_is_silent_are_not_forgotten() {
    let letters = |published: &ZoomIntegrationStatus| {
        let webhook = published.webhook.as_ref().unwrap();
        webhook.buffer.as_ref().unwrap().dead_letters
    };
    let mut integration = integration();
    let first = say(&integration, vec![pod(0, Some(1)), pod(1, Some(2))], vec![]);
    assert_eq!(letters(&first), 3);
    assert!(message(&first, Type::EventsDelivered).starts_with("There are 3 dead letters:"));
    integration.status = Some(first);
    for pods in [vec![pod(0, Some(1)), pod(1, None)], vec![]] {
        assert_eq!(letters(&say(&integration, pods, vec![])), 3);
    }
    let both = vec![pod(0, Some(0)), pod(1, Some(0))];
    assert_eq!(letters(&say(&integration, both, vec![])), 0);
}

#[test]
fn what_stands_in_the_way_of_zoom_is_named_where_a_person_looks() {
    let seen = |cause| ReachState {
        tried: true,
        ready: true,
        finding: Some(Finding {
            cause,
            message: "hooks.example.com has no address.".into(),
        }),
        again: None,
    };
    let endpoint = |published: &ZoomIntegrationStatus| {
        let step = published.setup.iter().find(|step| step.id == "Endpoint");
        let step = step.unwrap();
        (step.state.clone(), step.message.clone().unwrap_or_default())
    };
    let say = |cause| say_seeing(&integration(), vec![], vec![], Some(seen(cause)));
    let published = say(Cause::NameNotFound);
    let (state, message) = endpoint(&published);
    assert_eq!(state, "Open");
    let expected = "Seen from the operator: hooks.example.com has no address.";
    assert!(message.contains(expected), "{message}");
    for cause in [Cause::Reachable, Cause::ResolverFailed] {
        assert!(!endpoint(&say(cause)).1.contains("Seen from"), "{cause:?}");
    }
    // It is only advice and does not change the integration's state.
    let without = say_seeing(&integration(), vec![], vec![], None);
    assert_eq!(published.phase, without.phase);
    for type_ in [Type::Ready, Type::Reconciling, Type::Stalled] {
        assert_eq!(
            type_.find(&published.conditions),
            type_.find(&without.conditions)
        );
    }
}

#[test]
fn a_changed_url_has_to_be_validated_again() {
    let endpoint = |published: &ZoomIntegrationStatus| {
        let step = published.setup.iter().find(|step| step.id == "Endpoint");
        step.unwrap().state.clone()
    };
    let mut integration = integration();
    let first = say(&integration, vec![pod(0, Some(0))], vec![]);
    assert_eq!(endpoint(&first), "Done");
    integration.status = Some(first.clone());
    let webhook = integration.spec.webhook.as_mut().unwrap();
    webhook.endpoint.as_mut().unwrap().path = Some("/other".into());
    let second = say(&integration, vec![pod(0, Some(0))], vec![]);
    assert_eq!(second.webhook.as_ref().unwrap().last_validated, None);
    let published = message(&second, Type::EndpointValidated);
    assert!(
        published.starts_with("The URL has changed: paste https://hooks.example.com/other "),
        "{published}"
    );
    assert_eq!(endpoint(&second), "Open");
    integration.status = Some(second.clone());
    let third = say(&integration, vec![pod(0, Some(0))], vec![]);
    assert_eq!(third.webhook, second.webhook);
}

#[test]
fn what_others_made_of_the_receivers_objects_is_named_where_its_state_is() {
    let mut applied = applied(TokenSecret::Absent);
    applied.receiver.theirs =
        vec!["Deployment acme-receiver (spec.template.spec.volumes[trust-bundle])".into()];
    applied.receiver.contested = vec!["acme-receiver-routes-3".into()];
    let url = |text| Url::parse(text).unwrap();
    let endpoints = Endpoints::new(url("https://zoom.us"), url("https://api.zoom.us"));
    let setting = Setting {
        endpoints: &endpoints,
        pages: None,
        knows_labels: true,
        connections: Summary::default(),
        reach: None,
        sharers: vec![],
    };
    let observed = Observed::default();
    let status = status(&integration(), &observed, &applied, &setting, at(100)).0;
    let available = Type::ReceiverAvailable.find(&status.conditions).unwrap();
    assert_eq!(
        (available.status.as_str(), available.reason.as_str()),
        ("True", "Available")
    );
    let message = &available.message;
    let (left, repaired) = message.split_once("leaves that as it is: ").unwrap();
    assert!(!left.contains("routes"), "{message}");
    assert!(repaired.contains("volumes[trust-bundle]"), "{message}");
    assert!(
        repaired.ends_with("repairs them only now and then: acme-receiver-routes-3."),
        "{message}"
    );
}

/// Only a request with Zoom's signature proves the secret token, and with it the app.
#[test]
fn a_webhook_only_app_is_connected_once_zoom_has_validated() {
    let mut integration = integration();
    integration.spec.app.kind = crate::api::v1alpha1::AppKind::WebhookOnly;
    let url = |text| Url::parse(text).unwrap();
    let endpoints = Endpoints::new(url("https://zoom.us"), url("https://api.zoom.us"));
    let setting = Setting {
        endpoints: &endpoints,
        pages: None,
        knows_labels: true,
        connections: Summary::default(),
        reach: None,
        sharers: vec![],
    };
    let published = |pods: Vec<ReceiverPod>| {
        let mut observed = Observed {
            facts: together(&pods, false),
            pods,
            ..Observed::default()
        };
        observed.credentials.exists = true;
        observed.credentials.webhook_secret_token = Some("token".to_owned().into());
        let applied = applied(TokenSecret::Absent);
        let (status, _) = status(&integration, &observed, &applied, &setting, at(100));
        let valid = Type::CredentialsValid.find(&status.conditions).unwrap();
        (status.phase.unwrap(), valid.status.clone(), status)
    };
    let silent = ReceiverPod {
        facts: Some(Facts::default()),
        ..pod(0, None)
    };
    let (phase, valid, status) = published(vec![silent]);
    assert_eq!((phase, valid.as_str()), (Phase::ReadyToInstall, "Unknown"));
    assert_eq!(status.token, None);
    assert_eq!(status.connections, None);
    assert_eq!(status.client_id, None);
    let (phase, valid, _) = published(vec![pod(0, Some(0))]);
    assert_eq!((phase, valid.as_str()), (Phase::Connected, "True"));
}

#[test]
fn a_priority_class_that_is_not_applied_is_named() {
    let mut applied = applied(TokenSecret::Absent);
    applied.receiver.refused_class = Some("system-node-critical".into());
    let published = say_applied(&integration(), &applied);
    let available = Type::ReceiverAvailable.find(&published.conditions).unwrap();
    assert_eq!(
        (available.status.as_str(), available.reason.as_str()),
        ("True", "PriorityClassRefused")
    );
    assert!(
        available
            .message
            .contains("priorityClassName system-node-critical")
    );
}
