//! Whether a route is still somebody's.

use super::*;

/// A connection that this version cannot read.
fn unreadable(namespace: &str, name: &str, version: u32) -> Connections {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {
            "name": name, "namespace": namespace, "uid": namespace, "resourceVersion": version.to_string(),
        },
        "spec": {"integrationRef": 7},
    }))
    .unwrap()
}

#[test]
fn what_is_not_seen_is_not_gone() {
    let index = Index::default();
    let of = Connection::new("acme", "ada").unwrap();
    let at = |index: &Index| index.presence(&app("app"), &of, &[]);
    assert_eq!(
        at(&index),
        Presence::There,
        "nothing is known of the integration"
    );
    index.apply(allowing(1, &json!({"from": "All"})));
    for kind in KINDS {
        index.set_watch(Some("clinics"), kind.as_str(), Watch::Complete);
        index.set_watch(Some("acme"), kind.as_str(), Watch::Pending);
    }
    // Not listed yet, and out of reach later.
    assert_eq!(at(&index), Presence::There);
    index.set_watch(Some("acme"), Kind::Connection.as_str(), Watch::Unavailable);
    assert_eq!(at(&index), Presence::There);
    // Its account is another one's by now.
    let proved = json!({
        "metadata": {"namespace": "bond"},
        "spec": {"integrationRef": {"name": "app", "namespace": "clinics"}},
        "status": {"account": {"id": "a1", "since": "2026-01-01T00:00:00Z"}},
    });
    index.apply(connection("ada", 1, proved));
    let whose = |account: &str| index.presence(&app("app"), &of, &[account.to_owned()]);
    assert_eq!(whose("a1"), Presence::Unseen);
    assert_eq!(whose("a2"), Presence::There);
    // Another one is said to have it.
    let claim = |account: &str, name: &str| json!({"accountId": account, "namespace": "bond", "connection": name});
    let accounts = [claim("b2", "ada"), claim("a2", "ada"), claim("a3", "none")];
    let stating = json!({"spec": {"allowedNamespaces": {"from": "All"}, "accounts": accounts}});
    index.apply(integration("app", 2, stating));
    assert_eq!(whose("a2"), Presence::Unseen);
    assert_eq!(whose("b2"), Presence::Unseen);
    for account in ["a", "a3", "a4", "c"] {
        assert_eq!(whose(account), Presence::There, "{account}");
    }
    index.apply(allowing(3, &json!({"from": "Same"})));
    assert_eq!(at(&index), Presence::Unseen, "it may not, and may be back");
    index.apply(allowing(4, &json!({"from": "All"})));
    index.set_watch(Some("acme"), Kind::Connection.as_str(), Watch::Complete);
    assert_eq!(at(&index), Presence::Gone);
    // Written by a later version.
    index.apply(unreadable("acme", "ada", 2));
    assert_eq!(at(&index), Presence::There);
    index.apply(tenant("acme", 3));
    assert_eq!(at(&index), Presence::There);
    let another = json!({"metadata": {"namespace": "acme"}, "spec": {"integrationRef": {"name": "b", "namespace": "clinics"}}});
    index.apply(connection("ada", 4, another));
    assert_eq!(at(&index), Presence::Gone);
    // Nothing watches it.
    let elsewhere = Connection::new("cats", "ada").unwrap();
    assert_eq!(
        index.presence(&app("app"), &elsewhere, &[]),
        Presence::Unseen
    );
}

#[test]
fn a_namespace_is_no_longer_allowed_only_once_its_labels_are_known() {
    let index = Index::default();
    index.set_watch(None, NAMESPACES, Watch::Pending);
    for kind in KINDS {
        index.set_watch(None, kind.as_str(), Watch::Complete);
    }
    let selector = json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}});
    index.apply(allowing(1, &selector));
    let app = app("app");
    let of = Connection::new("acme", "ada").unwrap();
    let mut barred = tenant("acme", 2);
    if let Ok(connection) = &mut barred.0 {
        let condition = json!({"conditions": [{
            "type": "NamespaceAllowed", "status": "False", "reason": "NamespaceNotAllowed", "message": "m",
            "lastTransitionTime": "2026-03-01T10:00:00Z",
        }]});
        connection.status = serde_json::from_value(condition).unwrap();
    }
    index.apply(barred);
    assert_eq!(index.presence(&app, &of, &[]), Presence::There);
    index.set_watch(None, NAMESPACES, Watch::Complete);
    let since = Some("2026-03-01T10:00:00Z".parse().unwrap());
    let wanted = Presence::Barred {
        since,
        is_claimed: false,
    };
    assert_eq!(index.presence(&app, &of, &[]), wanted);
    index.relabel(
        "acme",
        Some([("tenant".to_owned(), "yes".to_owned())].into()),
    );
    assert_eq!(index.presence(&app, &of, &[]), Presence::There);
}

/// An operator with `watchNamespaces` knows no labels.
#[test]
fn who_was_allowed_by_labels_counts_while_labels_are_not_watched() {
    let index = Index::default();
    let selector = json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}});
    index.apply(allowing(1, &selector));
    let mut version = 1;
    let mut counts = |stated: Option<&str>| {
        version += 1;
        let mut connection = tenant("acme", version);
        if let Ok(connection) = &mut connection.0 {
            let stated = stated.map(|status| {
                json!({"conditions": [{
                    "type": "NamespaceAllowed", "status": status, "reason": "R", "message": "m",
                    "lastTransitionTime": "2026-03-01T10:00:00Z",
                }]})
            });
            connection.status = stated.map(|stated| serde_json::from_value(stated).unwrap());
        }
        index.apply(connection);
        !index.connections_of("clinics", "app").is_empty()
    };
    assert!(counts(Some("True")) && counts(Some("Unknown")));
    assert!(!counts(Some("False")) && !counts(None));
    index.relabel("acme", Some(std::collections::BTreeMap::new()));
    assert!(!counts(Some("True")), "the labels are known");
}

#[test]
fn the_answer_to_our_own_write_does_not_bring_a_deleted_object_back() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    for kind in KINDS {
        index.set_watch(Some("clinics"), kind.as_str(), Watch::Complete);
    }
    let of = Connection::new("clinics", "ada").unwrap();
    let known = || index.get::<Connections>("clinics", "ada");
    index.apply(connection("ada", 2, json!({})));
    // The last finalizer was removed: the watch may report the end before the pass has the answer.
    let ended = json!({"metadata": {"deletionTimestamp": "2026-03-01T10:00:00Z"}});
    index.delete(&connection("ada", 3, ended.clone()));
    assert!(index.wrote(connection("ada", 3, ended.clone())).is_empty());
    assert!(known().is_none());
    assert_eq!(index.presence(&app("app"), &of, &[]), Presence::Gone);
    // A known one is replaced, also by its successor, whose end is then seen.
    index.apply(connection("ada", 4, json!({})));
    let successor = json!({"metadata": {"uid": "successor"}});
    index.wrote(connection("ada", 6, successor.clone()));
    index.delete(&connection("ada", 5, ended));
    assert_eq!(known().unwrap().uid().as_deref(), Some("successor"));
    index.delete(&connection("ada", 7, successor));
    assert!(known().is_none());
    // What is made for an integration is known as soon as it is made.
    let made: Deployment = serde_json::from_value(json!({
        "metadata": {"namespace": "clinics", "name": "receiver", "resourceVersion": "8"},
    }))
    .unwrap();
    index.wrote(made);
    assert!(index.get::<Deployment>("clinics", "receiver").is_some());
}
