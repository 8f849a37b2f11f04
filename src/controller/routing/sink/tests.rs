//! What a sink is found with, and where its route leads.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ampersands"
)]

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::*;

fn connection(sink: Value) -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "zoom", "namespace": "clinic"},
        "spec": {"integrationRef": {"name": "app", "namespace": "platform"}, "sink": sink},
    }))
    .unwrap()
}

fn built(sink: Value, observed: &ObservedSink) -> RouteSink {
    let connection = connection(sink);
    route_sink(
        &connection,
        connection.spec.sink.as_ref().unwrap(),
        observed,
    )
}

fn secret(label: Option<&str>, data: &[(&str, &str)]) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.labels = label.map(|value| [(label::USE.to_owned(), value.to_owned())].into());
    let data = data.iter();
    let data = data.map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
    secret.data = Some(data.collect());
    secret
}

fn found(sink: Value, secret: Option<&Secret>) -> ObservedSink {
    let connection = connection(sink);
    let mut observed = ObservedSink::default();
    read(
        connection.spec.sink.as_ref().unwrap(),
        "s",
        secret,
        &mut observed,
    );
    observed
}

#[test]
fn a_sink_is_in_the_tenants_own_namespace() {
    let sink = json!({"http": {"serviceRef": {"name": "back", "port": 8080, "path": "/in"}, "timeout": "2500ms"}});
    let observed = ObservedSink {
        addresses: Some(vec!["10.0.0.7".parse().unwrap()]),
        ..ObservedSink::default()
    };
    let route = built(sink, &observed);
    let wanted = Destination::Service {
        url: SinkUrl("http://back.clinic.svc:8080/in".into()),
        addresses: observed.addresses.clone(),
    };
    assert_eq!(
        (route.destination, route.timeout_seconds),
        (wanted, Some(2.5))
    );
    let route = built(
        json!({"nats": {"url": "nats://n:4222", "messageId": "EventKey"}}),
        &observed,
    );
    let wanted = Destination::Nats {
        url: SinkUrl("nats://n:4222".into()),
        subject: "zoom.clinic.zoom".into(),
    };
    assert_eq!(
        (route.destination, route.message_id),
        (wanted, NatsMessageId::EventKey)
    );
}

#[test]
fn a_sink_with_a_problem_leads_nowhere_and_carries_no_secret() {
    let observed = ObservedSink {
        problem: Some("x".into()),
        credentials: RouteCredentials {
            authorization: Some(Private::new("Bearer x")),
            ..RouteCredentials::default()
        },
        ..ObservedSink::default()
    };
    let route = built(json!({"http": {"url": "https://a.example"}}), &observed);
    let Destination::Service { addresses, .. } = route.destination else {
        panic!("{route:?}");
    };
    assert_eq!(addresses, Some(vec![]));
    assert_eq!(route.credentials, RouteCredentials::default());
}

#[test]
fn a_service_that_cannot_be_used_is_looked_at_again() {
    let service: ServiceRef = serde_json::from_value(json!({"name": "back"})).unwrap();
    for finding in [
        SinkService::Absent,
        SinkService::NoPort,
        SinkService::External,
    ] {
        let mut observed = ObservedSink::default();
        of_service(&service, finding, &mut observed);
        assert!(
            observed.is_awaited && observed.problem.is_some(),
            "{finding:?}"
        );
    }
    let mut observed = ObservedSink::default();
    of_service(&service, SinkService::Usable, &mut observed);
    assert_eq!(observed, ObservedSink::default());
}

#[test]
fn a_secret_is_used_only_if_it_is_labelled_and_complete() {
    let zoom = json!({"http": {
        "url": "https://a.example", "format": "Zoom", "credentialsSecretRef": {"name": "s"},
    }});
    let absent = found(zoom.clone(), None);
    assert!(absent.is_awaited && absent.problem.is_some());
    let data = [
        ("webhook-secret-token", " own \n"),
        ("authorization", "Bearer a"),
    ];
    let plain = found(zoom.clone(), Some(&secret(None, &data)));
    assert!(plain.problem.unwrap().contains("zoom-operator.io/use=sink"));
    let sound = found(zoom.clone(), Some(&secret(Some("sink"), &data)));
    assert_eq!(sound.problem, None);
    assert_eq!(sound.credentials.secret_token, Some(Private::new("own")));
    assert_eq!(
        sound.credentials.authorization,
        Some(Private::new("Bearer a"))
    );
    let unsigned = found(zoom, Some(&secret(Some("sink"), &data[1..])));
    assert!(unsigned.problem.unwrap().contains("webhook-secret-token"));
}

#[test]
fn a_key_that_is_misspelled_or_unusable_is_named_and_nothing_is_sent_without_it() {
    let http = json!({"http": {"url": "https://a.example", "credentialsSecretRef": {"name": "s"}}});
    let nats = json!({"nats": {"url": "tls://n", "credentialsSecretRef": {"name": "s"}}});
    let problem = |sink: &Value, data: &[(&str, &str)]| {
        let found = found(sink.clone(), Some(&secret(Some("sink"), data)));
        let has_none = found.credentials == RouteCredentials::default();
        assert_eq!(found.problem.is_some(), has_none, "{found:?}");
        found.problem.unwrap_or_default()
    };
    for (sink, data, words) in [
        (&http, &[][..], "authorization, ca.crt"),
        (
            &http,
            &[("Authorization", "Bearer a")],
            "authorization, ca.crt",
        ),
        (&http, &[("authorization", " \n")], "authorization, ca.crt"),
        (
            &http,
            &[("authorization", "Bearer a\nb")],
            "key authorization",
        ),
        (
            &http,
            &[("authorization", "Bearer a"), ("ca.crt", "x")],
            "key ca.crt",
        ),
        (
            &nats,
            &[("authorization", "Bearer a")],
            "nats.creds, nkey-seed, ca.crt",
        ),
        (&nats, &[("nkey-seed", "SU A")], "key nkey-seed"),
    ] {
        let said = problem(sink, data);
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("Bearer") && !said.contains("SU A"), "{said}");
    }
    assert_eq!(problem(&http, &[("authorization", "Bearer a")]), "");
    assert_eq!(problem(&nats, &[("nkey-seed", "SUA")]), "");
    let both = [("nats.creds", "x"), ("nkey-seed", "SU A")];
    assert_eq!(problem(&nats, &both), "", "nats.creds takes precedence");
    let mut binary = secret(Some("sink"), &[]);
    let bytes = ByteString(vec![0xff]);
    binary.data = Some([("nats.creds".to_owned(), bytes)].into());
    assert!(
        found(nats, Some(&binary))
            .problem
            .unwrap()
            .contains("key nats.creds")
    );
}
