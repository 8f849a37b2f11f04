//! What the route of a connection becomes, and what is said of it.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ampersands"
)]

use contract::receiver::routes::Destination;
use serde_json::{Value, json};

use super::*;

fn integration(management: &str, buffer: bool) -> ZoomIntegration {
    let mut webhook = json!({"sink": {"http": {"url": "https://platform.example"}}});
    if buffer {
        webhook["buffer"] = json!({});
    }
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "app", "namespace": "platform"},
        "spec": {
            "app": {"kind": "General", "management": management},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []}, "webhook": webhook,
        },
    }))
    .unwrap()
}

fn connection(sink: Option<Value>) -> ZoomConnection {
    let mut spec = json!({
        "integrationRef": {"name": "app", "namespace": "platform"}, "externalRefs": {"clinic": "7"},
    });
    if let Some(sink) = sink {
        spec["sink"] = sink;
    }
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "zoom", "namespace": "clinic"}, "spec": spec,
    }))
    .unwrap()
}

fn url() -> Value {
    json!({"http": {"url": "https://clinic.example"}})
}

fn accounts(own: &[&str], lost: &[&str]) -> Accounts {
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    Accounts {
        own: texts(own),
        lost: texts(lost),
        contested: Vec::new(),
    }
}

/// Everything that a route needs, but a sink.
fn input<'a>(
    connection: &'a ZoomConnection,
    app: &'a ZoomIntegration,
    accounts: &'a Accounts,
) -> Input<'a> {
    Input {
        connection,
        integration: Some(app),
        is_on: true,
        is_running: true,
        accounts,
        is_authorized: true,
        sink: None,
        told: Told::Nothing,
    }
}

fn said(decision: &Decision) -> Option<(Status, Reason)> {
    let statement = decision.statement.as_ref();
    statement.map(|statement| (statement.status, statement.reason))
}

#[test]
fn a_known_account_gets_a_route_with_the_connections_facts() {
    let (app, connection) = (integration("Admin", true), connection(Some(url())));
    let (own, found) = (accounts(&["a"], &[]), ObservedSink::default());
    let input = Input {
        sink: Some(&found),
        ..input(&connection, &app, &own)
    };
    let decision = decide(input);
    assert_eq!(said(&decision), Some((Status::True, Reason::Routed)));
    let untold = decide(Input {
        told: Told::Unknown,
        ..input
    });
    let unknown = (Status::Unknown, Reason::RouteUnreported);
    assert_eq!(said(&untold), Some(unknown));
    assert_eq!(untold.wanted, decision.wanted);
    let early = decide(Input {
        is_running: false,
        ..input
    });
    assert_eq!(said(&early), Some((Status::False, Reason::RoutePending)));
    assert_eq!(early.wanted, decision.wanted, "it waits for the Pods");
    let Wanted::Write(route) = decision.wanted else {
        panic!("{decision:?}");
    };
    assert_eq!(route.connection.to_string(), "clinic/zoom");
    assert_eq!(route.accounts, ["a"]);
    assert_eq!(route.external_refs["clinic"], "7");
    assert!(route.to_json().is_ok());
    let facts = ConnectionFacts {
        route_problem: Some("the URL is in a refused network".into()),
        ..ConnectionFacts::default()
    };
    let refused = decide(Input {
        told: Told::Facts(&facts),
        ..input
    });
    assert_eq!(said(&refused), Some((Status::False, Reason::RouteUnusable)));
    let problem = ObservedSink {
        problem: Some("Secret s does not exist.".into()),
        ..ObservedSink::default()
    };
    let blocked = decide(Input {
        sink: Some(&problem),
        ..input
    });
    assert_eq!(said(&blocked), Some((Status::False, Reason::SinkRefused)));
    let Wanted::Write(route) = blocked.wanted else {
        panic!("{blocked:?}");
    };
    let destination = route.sink.unwrap().destination;
    let leads_nowhere =
        matches!(&destination, Destination::Service { addresses: Some(all), .. } if all.is_empty());
    assert!(leads_nowhere, "{destination:?}");
}

#[test]
fn without_a_sink_the_account_is_claimed_and_nothing_is_said() {
    let (app, connection) = (integration("Admin", true), connection(None));
    let own = accounts(&["a"], &[]);
    let decision = decide(input(&connection, &app, &own));
    assert_eq!(said(&decision), None);
    assert!(matches!(&decision.wanted, Wanted::Write(route) if route.sink.is_none()));
}

#[test]
fn what_is_not_proved_is_not_routed_and_the_remedy_is_named() {
    let connection = connection(Some(url()));
    let found = ObservedSink::default();
    for (management, buffer, is_authorized, lost, reason, words) in [
        (
            "Admin",
            true,
            true,
            false,
            Reason::AccountUnknown,
            "user:read:user:admin",
        ),
        (
            "Admin",
            true,
            false,
            false,
            Reason::AccountUnknown,
            "status.installUrl",
        ),
        (
            "User",
            true,
            true,
            false,
            Reason::AccountUnknown,
            "spec.accounts of the ZoomIntegration (accountId, namespace, connection)",
        ),
        (
            "Admin",
            true,
            true,
            true,
            Reason::AccountClaimed,
            "earlier proof",
        ),
        (
            "Admin",
            false,
            true,
            false,
            Reason::BufferRequired,
            "webhook.buffer",
        ),
    ] {
        let app = integration(management, buffer);
        let own = accounts(&[], if lost { &["a"] } else { &[] });
        let decision = decide(Input {
            is_authorized,
            sink: Some(&found),
            ..input(&connection, &app, &own)
        });
        assert_eq!(said(&decision), Some((Status::False, reason)));
        let message = decision.statement.unwrap().message;
        assert!(message.contains(words), "{message}");
        let wanted = if buffer { Wanted::Erase } else { Wanted::Keep };
        assert_eq!(decision.wanted, wanted);
    }
}

#[test]
fn a_connection_that_may_not_use_the_integration_has_no_route() {
    let (app, connection) = (integration("Admin", true), connection(Some(url())));
    let own = accounts(&["a"], &[]);
    let decision = decide(Input {
        integration: None,
        ..input(&connection, &app, &own)
    });
    assert_eq!((decision.wanted, decision.statement), (Wanted::Erase, None));
}
