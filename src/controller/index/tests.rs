use std::{collections::HashSet, slice, time::Duration};

use contract::{
    facts::Removal,
    receiver::routes::Connection,
    routing_facts::{ConnectionFacts, RoutingFacts},
};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{ResourceExt as _, core::DeserializeGuard};
use serde_json::{Value, json};

use super::{state::KINDS, *};
use crate::{
    api::v1alpha1::{Management, ZoomConnection, ZoomIntegration},
    controller::{
        key::{Key, Kind},
        removals::Removals,
        scope::Scope,
    },
};

type Integrations = Guarded<ZoomIntegration>;
type Connections = Guarded<ZoomConnection>;

fn merged(mut object: Value, more: Value) -> Value {
    fn merge(into: &mut Value, more: Value) {
        match (into, more) {
            (Value::Object(into), Value::Object(more)) => {
                for (key, value) in more {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, more) => *into = more,
        }
    }
    merge(&mut object, more);
    object
}

fn integration(name: &str, version: u32, more: Value) -> Integrations {
    let object = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {
            "name": name, "namespace": "clinics", "uid": name, "generation": 1,
            "resourceVersion": version.to_string(),
        },
        "spec": {
            "app": {"kind": "General", "management": "User"},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
        },
    });
    DeserializeGuard(Ok(serde_json::from_value(merged(object, more)).unwrap()))
}

fn connection(name: &str, version: u32, more: Value) -> Connections {
    let object = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {
            "name": name, "namespace": "clinics", "uid": name, "generation": 1,
            "resourceVersion": version.to_string(),
        },
        "spec": {"integrationRef": {"name": "app"}},
    });
    DeserializeGuard(Ok(serde_json::from_value(merged(object, more)).unwrap()))
}

fn host(host: &str) -> Value {
    json!({"spec": {"webhook": {
        "sink": {"http": {"url": "https://s"}}, "endpoint": {"host": host},
    }}})
}

fn app(name: &str) -> Key {
    Key::integration("clinics", name)
}

fn person(name: &str) -> Key {
    Key::connection("clinics", name)
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort();
    keys
}

#[test]
fn a_version_that_is_known_leads_to_no_pass() {
    let index = Index::default();
    assert_eq!(index.apply(integration("app", 5, json!({}))), [app("app")]);
    // Our own write, and then the watch event for it.
    let status = json!({"status": {"phase": "Connected"}});
    assert_eq!(
        index.apply(integration("app", 6, status.clone())),
        [app("app")]
    );
    assert!(index.apply(integration("app", 6, status)).is_empty());
    // And a watch event that lags behind.
    assert!(index.apply(integration("app", 5, json!({}))).is_empty());
    let known = index.get::<Integrations>("clinics", "app").unwrap();
    assert!(known.0.as_ref().unwrap().status.is_some());
}

#[test]
fn a_changed_integration_concerns_its_connections_and_its_status_does_not() {
    let index = Index::default();
    index.apply(connection("ada", 1, json!({})));
    assert_eq!(
        sorted(index.apply(integration("app", 2, json!({})))),
        [app("app"), person("ada")]
    );
    let status = index.apply(integration(
        "app",
        3,
        json!({"status": {"phase": "Connected"}}),
    ));
    assert_eq!(status, [app("app")]);
    let changed = json!({"metadata": {"generation": 2}});
    assert_eq!(
        sorted(index.apply(integration("app", 4, changed.clone()))),
        [app("app"), person("ada")]
    );
    assert_eq!(
        index.delete(&integration("app", 5, changed)),
        [person("ada")]
    );
}

#[test]
fn the_integration_is_told_what_is_new_of_a_connection() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    assert_eq!(
        sorted(index.apply(connection("ada", 2, json!({})))),
        [app("app"), person("ada")]
    );
    let failed = json!({"status": {
        "phase": "Ready to install",
        "consent": {"transaction": "t", "outcome": "Failed", "reason": "RedirectMismatch", "message": "m"},
    }});
    assert_eq!(
        sorted(index.apply(connection("ada", 3, failed.clone()))),
        [app("app"), person("ada")]
    );
    // A routine refresh needs no pass.
    let refreshed = json!({"status": {"token": {"expiresAt": "2026-03-01T10:00:00Z"}}});
    let refreshed = connection("ada", 4, merged(failed, refreshed));
    assert_eq!(index.apply(refreshed.clone()), [person("ada")]);
    assert_eq!(index.connections_of("clinics", "app").len(), 1);
    assert_eq!(index.delete(&refreshed), [app("app")]);
    assert!(index.connections_of("clinics", "app").is_empty());
}

#[test]
fn another_connection_of_the_same_person_takes_over_at_once() {
    let index = Index::default();
    let of = |user: &str| json!({"status": {"subject": {"userId": user}}});
    let first = connection("first", 1, of("ada"));
    index.apply(first.clone());
    index.apply(connection("second", 2, of("ada")));
    index.apply(connection("other", 3, of("grace")));
    assert_eq!(sorted(index.delete(&first)), [app("app"), person("second")]);
}

#[test]
fn who_claims_a_host_is_known_once_all_watches_have_begun() {
    let index = Index::default();
    let kind = Kind::Integration.as_str();
    index.set_watch(Some("clinics"), kind, Watch::Pending);
    index.set_watch(Some("gone"), kind, Watch::Pending);
    let mine = integration("a", 1, host("x.example"));
    for object in [
        mine.clone(),
        integration("b", 2, host("x.example")),
        integration("c", 3, host("y.example")),
    ] {
        index.apply(object);
    }
    let mine = mine.0.unwrap();
    let other_claimants = |index: &Index| {
        let other_claimants = index.other_claimants(&mine)?;
        Some(
            other_claimants
                .into_iter()
                .map(|rival| rival.name)
                .collect::<Vec<_>>(),
        )
    };
    index.set_watch(Some("clinics"), kind, Watch::Complete);
    assert_eq!(other_claimants(&index), None);
    // A namespace that does not exist must not delay the others.
    index.set_watch(Some("gone"), kind, Watch::Unavailable);
    assert_eq!(other_claimants(&index), Some(vec!["b".to_owned()]));
    // An integration that waits for the host is affected when the owner moves or is deleted.
    let moved = integration("b", 4, host("y.example"));
    assert_eq!(
        sorted(index.apply(moved.clone())),
        [app("a"), app("b"), app("c")]
    );
    assert_eq!(other_claimants(&index), Some(vec![]));
    assert_eq!(index.delete(&moved), [app("c")]);
}

#[test]
fn a_secret_concerns_those_who_read_it_or_write_it() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    index.apply(connection(
        "ada",
        2,
        json!({"spec": {"importSecretRef": {"name": "old"}}}),
    ));
    let readers = |secret| sorted(index.readers("clinics", secret));
    assert_eq!(readers("zoom"), [app("app"), person("ada")]);
    assert_eq!(readers("old"), [person("ada")]);
    assert!(readers("other").is_empty());
    assert!(index.readers("elsewhere", "zoom").is_empty());
    index.apply(integration(
        "app",
        3,
        json!({"spec": {"credentials": {"secretRef": {"name": "new"}}}}),
    ));
    assert!(readers("zoom").is_empty());
    assert_eq!(readers("new"), [app("app"), person("ada")]);
}

#[test]
fn the_event_of_an_own_write_is_no_news_even_before_its_answer() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    let secret = |version: &str| {
        let meta =
            json!({"name": "app-zoom-token", "namespace": "clinics", "resourceVersion": version});
        serde_json::from_value(json!({"metadata": meta})).unwrap()
    };
    index.list_secrets(None);
    index.secrets_listed(None);
    let lacks = || index.lacks_secret("clinics", "app-zoom-token");
    assert!(lacks());
    index.begin_write(&app("app"), "app-zoom-token");
    assert!(index.secret_written(&secret("5")).is_empty());
    assert!(!index.end_write(&app("app"), "app-zoom-token", vec!["5".into()]));
    assert!(!lacks());
    assert_eq!(index.secret_written(&secret("6")), [app("app")]);
    assert_eq!(index.secret_deleted(&secret("7")), [app("app")]);
    assert!(lacks());
    // The API server said that it exists, although the watch does not report it.
    index.begin_write(&app("app"), "app-zoom-token");
    assert!(!index.end_write(&app("app"), "app-zoom-token", vec![]));
    assert!(!lacks());
}

#[test]
fn a_child_concerns_the_integration_that_it_was_made_for() {
    let index = Index::default();
    let child = |version: &str, owner: Value, labels: Value| -> Deployment {
        serde_json::from_value(json!({"metadata": {
            "name": "app-zoom", "namespace": "clinics", "uid": "d", "resourceVersion": version,
            "ownerReferences": owner, "labels": labels,
            "managedFields": [{"manager": "m"}],
        }}))
        .unwrap()
    };
    let owner =
        json!([{"apiVersion": "v", "kind": "ZoomIntegration", "name": "app", "uid": "app"}]);
    assert_eq!(index.apply(child("1", owner, json!({}))), [app("app")]);
    let labels = json!({"zoom-operator.io/integration": "app"});
    // Restored from a backup without its owner.
    assert_eq!(index.apply(child("2", json!([]), labels)), [app("app")]);
    assert!(index.apply(child("3", json!([]), json!({}))).is_empty());
    let known = index.get::<Deployment>("clinics", "app-zoom").unwrap();
    assert!(known.metadata.managed_fields.is_none());
}

#[test]
fn what_other_tools_keep_in_an_object_is_left_out() {
    let index = Index::default();
    let ballast = "x".repeat(200_000);
    index.apply(integration(
        "app",
        1,
        json!({"metadata": {
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": ballast,
                "zoom-operator.io/refresh-requested-at": "2026-03-01T10:00:00Z",
            },
            "labels": {"team": "a", "zoom-operator.io/self-service": "true"},
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": ballast}}],
            "finalizers": ["zoom-operator.io/buffer", "example.com/theirs"],
        }}),
    ));
    let known = index.get::<Integrations>("clinics", "app").unwrap();
    let text = serde_json::to_string(known.0.as_ref().unwrap()).unwrap();
    assert!(text.len() < 1_000, "{} bytes", text.len());
    assert_eq!(known.annotations().len(), 1);
    assert_eq!(known.labels().len(), 1);
    // Finalizers are written as a whole.
    assert_eq!(known.finalizers().len(), 2);
}

#[test]
fn a_complete_list_ends_what_it_does_not_name() {
    let index = Index::default();
    index.apply(connection("ada", 1, json!({})));
    index.apply(connection("grace", 2, json!({})));
    let wait = Duration::from_mins(1);
    index.learn_removals(&app("app"), &Removals::default(), None);
    index.passed(person("ada"), None, wait, Timestamp::UNIX_EPOCH);
    let listed = [("clinics".to_owned(), "grace".to_owned())].into();
    let gone = index.retain::<Connections>(Some("clinics"), &listed);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].1, [app("app")]);
    assert!(index.get::<Connections>("clinics", "ada").is_none());
    assert!(index.get::<Connections>("clinics", "grace").is_some());
    assert!(
        index
            .retain::<Connections>(Some("elsewhere"), &HashSet::new())
            .is_empty()
    );
}

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
fn new_removals_concern_the_connections_of_these_people_once() {
    let index = Index::default();
    index.apply(integration("app", 1, json!({})));
    let subject = |user: &str, account: &str| json!({"status": {"subject": {"userId": user, "accountId": account}}});
    index.apply(connection("ada", 2, subject("ada", "a")));
    index.apply(connection("grace", 3, subject("grace", "a")));
    index.apply(connection("bob", 4, subject("bob", "b")));
    // What a consent proved of another one is no grant of this user.
    let proved = json!({"status": {"account": {"id": "a", "userId": "ada", "since": "2026-03-01T10:00:00Z"}}});
    index.apply(connection("other", 5, proved));
    let removal = |second, user: &str| Removal {
        at: Timestamp::from_second(second).unwrap(),
        user_id: user.into(),
        account_id: "a".into(),
    };
    let told = |verified: &[Removal], unverified: &[Removal], management| {
        let removals = Removals {
            verified: verified.to_vec(),
            unverified: unverified.to_vec(),
        };
        let concerned = index.learn_removals(&app("app"), &removals, management);
        concerned.into_iter().collect::<Vec<_>>()
    };
    let claimed = [removal(1, "ada")];
    assert_eq!(told(&[], &claimed, None), [person("ada")]);
    assert_eq!(told(&[], &claimed, None), []);
    // The same, and now it is Zoom who says so.
    let signed = [removal(1, "ada"), removal(2, "grace")];
    let both = [person("ada"), person("grace")];
    assert_eq!(told(&signed, &claimed, Some(Management::User)), both);
    let known = index.removals(&app("app"));
    assert_eq!(
        (&*known.verified, &*known.unverified),
        (&signed[..], &claimed[..])
    );
    // Any administrator can remove an account's app.
    let by_another = [removal(3, "barbara")];
    assert_eq!(told(&by_another, &[], Some(Management::User)), []);
    let again = [removal(4, "barbara")];
    assert_eq!(told(&again, &[], Some(Management::Admin)), both);
}

#[test]
fn the_pods_of_a_receiver_are_known_where_they_are_watched() {
    let index = Index::default();
    let pod = |version: &str, address: Option<&str>, ready: bool| -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "app-1", "namespace": "clinics", "uid": "p", "resourceVersion": version,
                "labels": {"app.kubernetes.io/instance": "app"},
                "annotations": {"example.com/ballast": "x"},
            },
            "spec": {"containers": [{"name": "receiver"}]},
            "status": {"phase": "Running", "podIP": address, "message": ready.to_string()},
        }))
        .unwrap()
    };
    assert_eq!(index.apply(pod("1", None, false)), [app("app")]);
    assert_eq!(index.apply(pod("2", Some("10.0.0.1"), false)), [app("app")]);
    assert!(index.apply(pod("3", Some("10.0.0.1"), true)).is_empty());
    assert!(index.pods_of("clinics", "app").is_none());
    index.set_watch(Some("clinics"), "Pod", Watch::Complete);
    let pods = index.pods_of("clinics", "app").unwrap();
    assert_eq!(pods.len(), 1);
    assert!(pods[0].spec.is_none() && pods[0].metadata.annotations.is_none());
    index.delete(&pod("4", None, false));
    assert!(index.pods_of("clinics", "app").unwrap().is_empty());
}

#[test]
fn two_integrations_of_one_app_are_told_once_zoom_accepted_both() {
    let index = Index::default();
    let with = |name: &str, version, accepted: &str, namespace: &str| {
        let more = json!({
            "metadata": {"namespace": namespace},
            "status": {"clientId": "id", "conditions": [{
                "type": "CredentialsValid", "status": accepted, "reason": "Accepted", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        });
        integration(name, version, more)
    };
    let theirs = Key::integration("rival", "theirs");
    index.apply(with("ours", 1, "True", "clinics"));
    // Whoever only writes the id into a Secret learns nothing, and nobody learns of it.
    let guessed = index.apply(with("theirs", 1, "Unknown", "rival"));
    assert_eq!(guessed, std::slice::from_ref(&theirs));
    assert!(index.sharers(&theirs).is_empty());
    assert!(index.sharers(&app("ours")).is_empty());
    // Both are told once both are proven.
    let proven = with("theirs", 2, "True", "rival");
    assert_eq!(
        sorted(index.apply(proven)),
        sorted(vec![app("ours"), theirs.clone()])
    );
    assert_eq!(index.sharers(&theirs), [app("ours")]);
    assert_eq!(index.sharers(&app("ours")), std::slice::from_ref(&theirs));
    assert_eq!(index.sharers_of("id", &theirs), [app("ours")]);
    assert!(index.sharers_of("other", &theirs).is_empty());
    // And again when one goes, or is no longer accepted.
    let rejected = index.apply(with("theirs", 3, "False", "rival"));
    assert!(rejected.contains(&app("ours")));
    assert!(index.sharers(&app("ours")).is_empty());
    index.apply(with("theirs", 4, "True", "rival"));
    assert_eq!(
        index.delete(&with("theirs", 5, "True", "rival")),
        [app("ours")]
    );
    assert!(index.sharers(&app("ours")).is_empty());
}

/// 100 MiB of other people's annotations, as an attack or a careless tool would write them.
#[test]
fn big_annotations_cost_next_to_nothing() {
    const OBJECTS: u32 = 400;
    const BOUND: usize = 600 * OBJECTS as usize;
    let index = Index::default();
    let ballast = "x".repeat(256 << 10);
    let annotations = json!({"example.com/ballast": ballast, "zoom-operator.io/desired": "1"});
    let held = |value: &str| assert!(!value.contains("xxxx"));
    let mut bytes = 0;
    for number in 0..OBJECTS {
        let name = format!("app-{number}");
        let more = json!({"metadata": {"annotations": annotations}});
        index.apply(integration(&name, number, more));
        let mut child = json!({"metadata": {
            "name": name, "namespace": "clinics", "uid": name, "resourceVersion": number.to_string(),
            "labels": {"zoom-operator.io/integration": name}, "annotations": annotations,
            "managedFields": [{"manager": "zoom-operator", "fieldsV1": {"f:metadata": {
                "f:annotations": {"f:cert-manager.io/issuer": {}, "f:zoom-operator.io/desired": {}},
            }}}],
        }});
        child["metadata"]["annotations"]["cert-manager.io/issuer"] = json!("i");
        let child: Deployment = serde_json::from_value(child).unwrap();
        index.apply(child);
        let known = index.get::<Integrations>("clinics", &name).unwrap();
        let child = index.get::<Deployment>("clinics", &name).unwrap();
        let texts = [
            serde_json::to_string(known.0.as_ref().unwrap()).unwrap(),
            serde_json::to_string(&*child).unwrap(),
        ];
        for text in texts {
            held(&text);
            bytes += text.len();
        }
        // What the operator applied on behalf of people is compared with what they want.
        assert_eq!(child.annotations().len(), 2);
    }
    assert!(bytes < 2 * BOUND, "{bytes} bytes");
}

/// A connection in `namespace` to the integration `app` of `clinics`.
fn tenant(namespace: &str, version: u32) -> Connections {
    connection(
        "ada",
        version,
        json!({
            "metadata": {"namespace": namespace, "uid": namespace},
            "spec": {"integrationRef": {"namespace": "clinics"}},
        }),
    )
}

fn allowing(version: u32, allowed: &Value) -> Integrations {
    integration(
        "app",
        version,
        json!({"metadata": {"generation": version}, "spec": {"allowedNamespaces": allowed}}),
    )
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
fn who_has_to_do_with_a_subject_is_found_where_the_app_allows_it() {
    let index = Index::default();
    let of = |user: &str| {
        json!({"status": {
            "subject": {"userId": user}, "account": {"id": "a", "since": "2026-03-01T10:00:00Z"},
        }})
    };
    let there = json!({
        "metadata": {"namespace": "acme", "uid": "acme"},
        "spec": {"integrationRef": {"namespace": "clinics"}, "sink": {"http": {"url": "https://s"}}},
    });
    index.apply(allowing(1, &json!({"from": "All"})));
    index.apply(connection("ada", 2, merged(of("u"), there)));
    index.apply(connection("bob", 3, of("v")));
    let key = app("app");
    let found = |index: &Index| {
        [
            index.connections_of_user(&key, "u").len(),
            index.connections_of_user(&key, "v").len(),
            index.connections_of_account(&key, "a").len(),
        ]
    };
    assert_eq!(found(&index), [1, 1, 2]);
    assert!(index.connections_of_user(&app("other"), "u").is_empty());
    // The sinks of other namespaces do not count.
    assert!(!index.have_sinks(&key));
    let sink = json!({"spec": {"sink": {"http": {"url": "https://s"}}}});
    index.apply(connection("bob", 4, merged(of("w"), sink)));
    assert!(index.have_sinks(&key));
    assert_eq!(found(&index), [1, 0, 2]);
    index.apply(allowing(5, &json!({"from": "Same"})));
    assert_eq!(found(&index), [0, 0, 1]);
    index.apply(connection("bob", 6, json!({})));
    assert!(!index.have_sinks(&key));
    assert_eq!(found(&index), [0, 0, 0]);
}

#[test]
fn the_credentials_of_an_app_concern_its_connections_everywhere() {
    let index = Index::default();
    index.apply(allowing(1, &json!({"from": "All"})));
    index.apply(tenant("acme", 2));
    let readers = sorted(index.readers("clinics", "zoom"));
    assert_eq!(readers, [app("app"), Key::connection("acme", "ada")]);
    assert!(index.readers("acme", "zoom").is_empty());
    let deleted = index.delete(&allowing(1, &json!({"from": "All"})));
    assert_eq!(deleted, [Key::connection("acme", "ada")]);
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

/// What receivers tell that know of no trouble.
fn routing(by_account: bool) -> Told {
    Told {
        by_account,
        ..Told::default()
    }
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

// === Whether a route is still somebody's ===

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

// === Accounts that several claim ===

/// A connection of a tenant that a consent proved this account.
fn proves(namespace: &str, version: u32, account: &Value) -> Connections {
    let status = json!({"status": {"account": account}});
    let mut found = tenant(namespace, version);
    if let Ok(connection) = &mut found.0 {
        connection.status = serde_json::from_value(status["status"].clone()).unwrap();
    }
    found
}

#[test]
fn who_claims_an_account_gets_a_pass_when_its_holder_changes() {
    let account = json!({"id": "x", "since": "2026-03-01T10:00:00Z"});
    let index = Index::default();
    let mut app_of_both = allowing(
        1,
        &json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}}),
    );
    if let Ok(app) = &mut app_of_both.0 {
        let stated = json!([{"accountId": "x", "namespace": "bond", "connection": "ada"}]);
        app.spec.accounts = serde_json::from_value(stated).unwrap();
    }
    index.apply(app_of_both);
    let yes = || Some([("tenant".to_owned(), "yes".to_owned())].into());
    for namespace in ["acme", "bond", "cats"] {
        index.relabel(namespace, yes());
        index.apply(tenant(namespace, 2));
    }
    let claimant = Key::connection("bond", "ada");
    let other = Key::connection("cats", "ada");
    // It proves the account, loses the proof, has it again, and its namespace is no longer allowed.
    assert!(index.apply(proves("acme", 3, &account)).contains(&claimant));
    assert!(
        !index.apply(proves("acme", 4, &account)).contains(&claimant),
        "nothing new"
    );
    assert!(index.apply(tenant("acme", 5)).contains(&claimant));
    index.apply(proves("acme", 6, &account));
    let affected = index.relabel("acme", None);
    assert!(affected.contains(&claimant) && !affected.contains(&other));
    index.relabel("acme", yes());
    // A second proof, and the end of the first.
    assert!(
        index
            .apply(proves("cats", 7, &account))
            .contains(&Key::connection("acme", "ada"))
    );
    let affected = index.delete(&proves("acme", 8, &account));
    assert!(affected.contains(&claimant) && affected.contains(&other));
    // The claimant itself: the holder says that somebody else claims its account.
    index.set_watch(None, NAMESPACES, Watch::Complete);
    index.relabel("cats", None);
    let of = Connection::new("cats", "ada").unwrap();
    let wanted = Presence::Barred {
        since: None,
        is_claimed: true,
    };
    assert_eq!(index.presence(&app("app"), &of, &[]), wanted);
    assert!(index.delete(&tenant("bond", 9)).contains(&other));
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
