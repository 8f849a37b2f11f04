//! What receivers tell of the routes of connections.

use std::slice;

use contract::routing_facts::{ConnectionFacts, RoutingFacts};

use super::*;

/// What receivers tell that know of no trouble.
fn routing(by_account: bool) -> Told {
    Told {
        by_account,
        ..Told::default()
    }
}

#[test]
fn a_connection_gets_a_pass_when_something_new_is_told_of_its_route() {
    let index = Index::default();
    index.learn_routing(&app("app"), routing(true));
    let facts = |dead_letters, sink_failures| ConnectionFacts {
        dead_letters,
        sink_failures,
        ..ConnectionFacts::default()
    };
    let learn = |told: &[(&str, ConnectionFacts)]| {
        let told = told.iter();
        let told =
            told.map(|(name, facts)| (Connection::new("acme", name).unwrap(), facts.clone()));
        let mut routing = RoutingFacts::default();
        routing.connections = told.collect();
        let told = Told {
            by_account: true,
            routing,
            ..Told::default()
        };
        let changed = index.learn_routing(&app("app"), told);
        let names = changed.into_iter().map(|connection| connection.name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(learn(&[("a", facts(1, 0)), ("b", facts(0, 3))]), ["a", "b"]);
    // A count of attempts changes all the time.
    assert!(learn(&[("a", facts(1, 0)), ("b", facts(0, 9))]).is_empty());
    assert_eq!(learn(&[("a", facts(2, 0))]), ["a", "b"]);
    let known = index.routing(&app("app"), &Connection::new("acme", "a").unwrap());
    assert_eq!(known, Some(facts(2, 0)));
}

#[test]
fn what_receivers_do_not_tell_is_not_taken_for_nothing() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    let sink = json!({"spec": {"sink": {"http": {"url": "https://a.example"}}}});
    index.apply(connection("ada", 2, sink.clone()));
    index.apply(connection("bob", 3, sink));
    let [ada, bob] = ["ada", "bob"].map(|name| Connection::new("clinics", name).unwrap());
    let learn = |listed: &[&Connection], more_connections, is_partial| {
        let mut told = routing(true);
        told.is_partial = is_partial;
        told.routing.more_connections = more_connections;
        let dead = ConnectionFacts {
            dead_letters: 1,
            ..ConnectionFacts::default()
        };
        let listed = listed.iter().map(|of| ((*of).clone(), dead.clone()));
        told.routing.connections = listed.collect();
        index.learn_routing(&app("app"), told)
    };
    learn(&[], 0, false);
    let untold = || [&ada, &bob].map(|of| index.is_untold(&app("app"), of));
    assert_eq!(learn(&[&ada], 1, false), [ada.clone(), bob.clone()]);
    assert_eq!(untold(), [false, true]);
    assert!(learn(&[&ada], 2, false).is_empty());
    assert_eq!(learn(&[&ada], 0, false), slice::from_ref(&bob));
    assert_eq!(untold(), [false, false]);
    // A receiver that cannot be asked has told it.
    assert!(learn(&[], 0, true).is_empty());
    assert!(index.routing(&app("app"), &ada).is_some());
    assert_eq!(learn(&[], 0, false), [ada]);
}

#[test]
fn connections_with_sinks_get_a_pass_when_the_receivers_begin_to_tell_accounts_apart() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    index.apply(connection("bob", 2, json!({})));
    let with_sink = |version, status: &str| {
        let condition = json!([{
            "type": "EventsRouted", "status": status, "reason": "Routed", "message": "m",
            "lastTransitionTime": "2026-03-01T10:00:00Z",
        }]);
        let more = json!({
            "spec": {"sink": {"http": {"url": "https://a.example"}}},
            "status": {"conditions": condition},
        });
        index.apply(connection("ada", version, more));
    };
    with_sink(3, "False");
    let ada = [Connection::new("clinics", "ada").unwrap()];
    assert_eq!(index.routes_by_account(&app("app")), None);
    assert!(index.learn_routing(&app("app"), routing(false)).is_empty());
    assert_eq!(index.routes_by_account(&app("app")), Some(false));
    assert_eq!(index.learn_routing(&app("app"), routing(true)), ada);
    assert_eq!(index.routes_by_account(&app("app")), Some(true));
    assert!(index.learn_routing(&app("app"), routing(true)).is_empty());
    with_sink(4, "True");
    assert_eq!(index.learn_routing(&app("app"), routing(false)), ada);
}
