//! Which namespaces an integration allows, and which the operator serves.

use super::*;
use crate::controller::scope::Scope;

#[test]
fn objects_are_served_where_both_kinds_are_watched() {
    let index = Index::default();
    index.set_watch(None, Kind::Integration.as_str(), Watch::Complete);
    assert!(!index.is_watched("clinics"));
    index.set_watch(None, Kind::Connection.as_str(), Watch::Complete);
    assert!(index.is_watched("clinics"));
    index.apply(integration("new", 1, json!({})));
    index.apply(integration(
        "old",
        2,
        json!({"status": {"observedGeneration": 1}}),
    ));
    assert_eq!(index.keys(None), [(app("new"), true), (app("old"), false)]);
}

#[test]
fn a_connection_of_another_namespace_counts_while_it_is_allowed() {
    let index = Index::default();
    index.apply(tenant("acme", 1));
    index.apply(connection("own", 2, json!({})));
    let counted = |index: &Index| {
        let found = index.connections_of("clinics", "app");
        let mut found: Vec<_> = found.iter().filter_map(|found| found.namespace()).collect();
        found.sort();
        found.join(" ")
    };
    let other = Key::connection("acme", "ada");
    // Whoever names the integration gets a pass when it changes, allowed or not: that pass says so.
    for (version, allowed, wanted) in [
        (3, json!(null), "clinics"),
        (4, json!({"from": "All"}), "acme clinics"),
        (5, json!({"from": "Same"}), "clinics"),
        (
            6,
            json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}}),
            "clinics",
        ),
    ] {
        let affected = index.apply(allowing(version, &allowed));
        assert!(affected.contains(&other), "{allowed}");
        assert_eq!(counted(&index), wanted, "{allowed}");
    }
    let labels = |value: &str| Some([("tenant".to_owned(), value.to_owned())].into());
    assert_eq!(
        sorted(index.relabel("acme", labels("yes"))),
        [app("app"), other.clone()]
    );
    assert_eq!(counted(&index), "acme clinics");
    assert!(index.relabel("acme", labels("yes")).is_empty(), "no change");
    assert!(!index.relabel("acme", labels("no")).is_empty());
    assert_eq!(counted(&index), "clinics");
    assert!(index.relabel("clinics", labels("yes")).is_empty());
    assert_eq!(
        index.labelled_but(&HashSet::from(["acme".to_owned()])),
        ["clinics"]
    );
}

#[test]
fn no_pass_starts_before_the_labels_of_namespaces_are_known() {
    let index = Index::default();
    for kind in KINDS {
        index.set_watch(None, kind.as_str(), Watch::Complete);
    }
    index.set_watch(None, NAMESPACES, Watch::Pending);
    assert!(!index.is_watched("clinics"));
    // Without permission to watch them, no selector matches, and everything else works.
    for watch in [Watch::Unavailable, Watch::Complete] {
        index.set_watch(None, NAMESPACES, watch);
        assert!(index.is_watched("clinics"));
    }
}

#[test]
fn another_class_is_known_and_not_served_and_connections_follow_their_integration() {
    let class = |class: &str| json!({"spec": {"operatorClass": class}});
    let blue = Scope {
        operator_class: "blue".into(),
        ..Scope::default()
    };
    let (plain, blue) = (Index::default(), Index::serving(&blue, "blue"));
    for index in [&plain, &blue] {
        index.apply(integration("app", 1, json!({})));
        index.apply(connection("ada", 2, json!({})));
    }
    let served = |key: &Key| (plain.serves(key), blue.serves(key));
    for key in [app("app"), person("ada")] {
        assert_eq!(served(&key), (true, false), "{key}");
    }
    // Both get a pass because of the change, and one of the operators leaves them.
    let moved = merged(class("blue"), json!({"metadata": {"generation": 2}}));
    for index in [&plain, &blue] {
        let affected = index.apply(integration("app", 3, moved.clone()));
        assert_eq!(sorted(affected), [app("app"), person("ada")]);
    }
    for key in [app("app"), person("ada")] {
        assert_eq!(served(&key), (false, true), "{key}");
    }
    // Its status says whose it is once the integration is gone.
    let status = json!({"status": {"operatorClass": "blue"}});
    for index in [&plain, &blue] {
        index.apply(connection("ada", 4, status.clone()));
        index.delete(&integration("app", 5, moved.clone()));
    }
    assert_eq!(served(&person("ada")), (false, true));
    // Without a status it belongs to the operator without a class, which says what is missing.
    plain.apply(connection("bob", 6, json!({})));
    assert!(plain.serves(&person("bob")));
}

#[test]
fn only_selected_namespaces_are_served() {
    let scope = Scope {
        watch_namespace_selector: r#"{"matchLabels":{"zoom":"yes"}}"#.parse().unwrap(),
        ..Scope::default()
    };
    let index = Index::serving(&scope, "one");
    index.apply(integration("app", 1, json!({})));
    index.apply(connection("ada", 2, json!({})));
    assert!(!index.serves(&app("app")));
    let labels = |value: &str| Some([("zoom".to_owned(), value.to_owned())].into());
    // Everything in a namespace that comes or goes gets a pass, which serves it or leaves it.
    let all = [app("app"), person("ada")];
    assert_eq!(sorted(index.relabel("clinics", labels("yes"))), all);
    assert!(all.iter().all(|key| index.serves(key)));
    assert!(index.relabel("clinics", labels("yes")).is_empty());
    assert_eq!(sorted(index.relabel("clinics", None)), all);
    assert!(!all.iter().any(|key| index.serves(key)));
}
