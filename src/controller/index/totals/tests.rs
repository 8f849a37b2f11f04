use kube::core::DeserializeGuard;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    proptest,
    sample::select,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        index::{Guarded, Index, cache::names, objects::named},
        key::Key,
        tenancy::Labels,
    },
};

const NAMESPACES: [&str; 3] = ["home", "acme", "bond"];
const APPS: [&str; 2] = ["a", "b"];
const NAMES: [&str; 3] = ["ada", "bob", "eve"];

/// A change that the watches tell.
#[derive(Clone, Debug)]
enum Change {
    Connection(&'static str, &'static str, Value),
    Gone(&'static str, &'static str),
    App(&'static str, Value),
    AppGone(&'static str),
    Labels(&'static str, Option<Labels>),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let allowed = select(vec![
        json!(null),
        json!({"from": "Same"}),
        json!({"from": "All"}),
        json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}}),
        // Of a later version: nobody can read the object.
        json!(7),
    ]);
    let labels = select(vec![None, Some("yes"), Some("no")]);
    let place = || (select(&NAMESPACES[..]), select(&NAMES[..]));
    let change = prop_oneof![
        6 => (place(), content()).prop_map(|((namespace, name), content)| {
            Change::Connection(namespace, name, content)
        }),
        2 => place().prop_map(|(namespace, name)| Change::Gone(namespace, name)),
        2 => (select(&APPS[..]), allowed).prop_map(|(app, allowed)| Change::App(app, allowed)),
        1 => select(&APPS[..]).prop_map(Change::AppGone),
        2 => (select(&NAMESPACES[..]), labels).prop_map(|(namespace, value)| {
            let labels = value.map(|value| [("tenant".to_owned(), value.to_owned())].into());
            Change::Labels(namespace, labels)
        }),
    ];
    vec(change, 1..60)
}

/// What a connection refers to, and says.
fn content() -> impl Strategy<Value = Value> {
    let time = || (0..3_u32).prop_map(|minute| format!("2026-03-01T10:0{minute}:00Z"));
    let ready = select(vec![
        ("True", "Connected"),
        ("False", "CredentialsRejected"),
        ("False", "GrantLost"),
        ("Unknown", "RequestingToken"),
    ]);
    let phase = select(vec![
        "Connected",
        "Ready to install",
        "Reauthorization required",
    ]);
    let granted = select(vec![
        json!(null),
        json!([]),
        json!(["a"]),
        json!(["a", "b"]),
    ]);
    let flags = any::<[bool; 4]>();
    let reference = select(&APPS[..]).prop_map(|app| json!({"name": app, "namespace": "home"}));
    // Now and then one that nobody can read.
    let reference = prop_oneof![9 => reference, 1 => Just(json!(7))];
    let parts = (reference, ready, phase, granted, time(), time(), flags);
    parts.prop_map(|(reference, (status, reason), phase, granted, since, failed, flags)| {
        let [is_self_made, is_lost, has_failed, was_allowed] = flags;
        let made = json!({label::SELF_SERVICE: "true"});
        let consent = json!({"transaction": "t", "outcome": "Failed", "reason": "RedirectMismatch", "message": ""});
        let failure = json!({
            "reason": reason, "message": "m", "attempts": 2, "time": failed, "retryAt": failed,
            "credentialsVersion": "c/1",
        });
        json!({
            "metadata": {"labels": is_self_made.then_some(made)},
            "spec": {"integrationRef": reference},
            "status": {
                "phase": phase, "installUrl": format!("https://connect.example.com/{since}"),
                "scopes": granted.is_array().then(|| json!({"granted": granted, "missing": []})),
                "consent": has_failed.then_some(consent),
                "grant": {"since": since, "lost": is_lost.then_some("GrantLost")},
                "token": {"secretName": "s", "failure": has_failed.then_some(failure)},
                "conditions": [
                    {
                        "type": "Ready", "status": status, "reason": reason, "message": "m",
                        "lastTransitionTime": since,
                    },
                    {
                        "type": "NamespaceAllowed", "reason": "r", "message": "m",
                        "status": if was_allowed { "True" } else { "False" },
                        "lastTransitionTime": since,
                    },
                ],
            },
        })
    })
}

fn connection(
    namespace: &str,
    name: &str,
    version: usize,
    mut content: Value,
) -> Guarded<ZoomConnection> {
    content["apiVersion"] = json!("zoom-operator.io/v1alpha1");
    content["kind"] = json!("ZoomConnection");
    let metadata = &mut content["metadata"];
    metadata["namespace"] = json!(namespace);
    metadata["name"] = json!(name);
    metadata["uid"] = json!(name);
    metadata["resourceVersion"] = json!(version.to_string());
    serde_json::from_value(content).unwrap()
}

fn integration(name: &str, version: usize, allowed: &Value) -> Guarded<ZoomIntegration> {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {
            "name": name, "namespace": "home", "uid": name, "resourceVersion": version.to_string(),
        },
        "spec": {
            "app": {"kind": "General", "management": "User"}, "allowedNamespaces": allowed,
            "credentials": {"secretRef": {"name": "zoom"}}, "scopes": {"required": []},
        },
    }))
    .unwrap()
}

fn change(index: &Index, version: usize, change: Change) {
    match change {
        Change::Connection(namespace, name, content) => {
            index.apply(connection(namespace, name, version, content));
        }
        Change::Gone(namespace, name) => {
            let reference = json!({"metadata": {}, "spec": {"integrationRef": {"name": "a"}}});
            index.delete(&connection(namespace, name, version, reference));
        }
        Change::App(name, allowed) => {
            index.apply(integration(name, version, &allowed));
        }
        Change::AppGone(name) => {
            index.delete(&integration(name, version, &json!(null)));
        }
        Change::Labels(namespace, labels) => {
            index.relabel(namespace, labels);
        }
    }
}

/// The totals of an app, counted from all of its connections.
fn counted(index: &Index, app: &str) -> Totals {
    let all = index.connections_of("home", app);
    all.iter().map(|found| found.0.as_ref().unwrap()).collect()
}

proptest! {
    #[test]
    fn the_totals_are_those_of_all_connections_that_are_allowed(changes in changes()) {
        let index = Index::default();
        for (number, next) in changes.into_iter().enumerate() {
            change(&index, number + 1, next);
            for app in APPS {
                let wanted = counted(&index, app);
                let state = index.lock();
                let known = state.objects.totals_of(&Key::integration("home", app));
                assert_eq!(known.unwrap_or(&Totals::default()), &wanted);
            }
        }
    }
}

fn with(name: &str, namespace: &str, more: &Value) -> ZoomConnection {
    let mut content =
        json!({"metadata": {}, "spec": {"integrationRef": {"name": "a", "namespace": "home"}}});
    content["status"] = more["status"].clone();
    content["metadata"]["labels"] = more["labels"].clone();
    connection(namespace, name, 1, content).0.unwrap()
}

impl<'a> FromIterator<&'a ZoomConnection> for Totals {
    fn from_iter<I: IntoIterator<Item = &'a ZoomConnection>>(connections: I) -> Self {
        let mut totals = Self::default();
        for connection in connections {
            let (namespace, name) = names(connection);
            totals.add(&named(namespace, name), connection);
        }
        totals
    }
}

#[test]
fn a_label_in_another_namespace_uses_up_no_limit() {
    let labels = json!({"labels": {label::SELF_SERVICE: "true"}});
    let made = [("people", "ada"), ("tenant", "ada"), ("tenant", "bob")];
    let made = made.map(|(namespace, name)| with(name, namespace, &labels));
    let found: Totals = made.iter().collect();
    let counted = |target: &str| found.summary(target, 0, 0).counted;
    let people = counted("people");
    assert_eq!((people.total, people.self_service), (3, Some(1)));
    assert_eq!(counted("platform").self_service, None);
}

#[test]
fn the_last_refusal_of_the_credentials_is_known() {
    let at = |minute: u32| format!("2026-03-01T10:{minute:02}:00Z");
    let refused = |name: &str, status: &str, reason: &str, since, failed: Option<u32>| {
        let failure = failed.map(|failed| {
            json!({
                "reason": reason, "message": "m", "attempts": 2, "time": at(failed),
                "retryAt": at(59), "credentialsVersion": "c/1",
            })
        });
        let status = json!({"status": {
            "conditions": [{
                "type": "Ready", "status": status, "reason": reason, "message": "m",
                "lastTransitionTime": at(since),
            }],
            "token": {"secretName": "s", "failure": failure},
        }});
        DeserializeGuard(Ok(with(name, "home", &status)))
    };
    let fault = "CredentialsRejected";
    let last = |connections: Vec<Guarded<ZoomConnection>>| {
        let index = Index::default();
        for connection in connections {
            index.apply(connection);
        }
        let last = index.rejected(&Key::integration("home", "a"));
        last.map(|at| at.to_string())
    };
    let first = refused("ada", "False", fault, 1, None);
    assert_eq!(last(vec![first.clone()]), Some(at(1)));
    let later = refused("bob", "False", fault, 1, Some(7));
    assert_eq!(last(vec![later, first]), Some(at(7)));
    assert_eq!(last(vec![refused("ada", "True", fault, 1, Some(7))]), None);
    let other = refused("ada", "False", "GrantRejected", 1, Some(7));
    assert_eq!(last(vec![other]), None);
}

#[test]
fn only_those_of_which_something_is_told_are_read() {
    let index = Index::default();
    for (name, status, reason, since) in [
        ("ada", "False", "GrantLost", "2026-03-01T10:00:00Z"),
        ("bob", "True", "Connected", "2026-03-01T10:00:00Z"),
        ("eve", "True", "Connected", "2026-03-01T10:01:00Z"),
        ("joe", "False", "ZoomUnavailable", "2026-03-01T10:01:00Z"),
    ] {
        let ready = json!({"status": {"conditions": [{
            "type": "Ready", "status": status, "reason": reason, "message": "m",
            "lastTransitionTime": since,
        }]}});
        index.apply(DeserializeGuard(Ok(with(name, "home", &ready))));
    }
    let since = "2026-03-01T10:01:00Z".parse().unwrap();
    let told = index.to_tell(&Key::integration("home", "a"), since);
    let told: Vec<_> = told.iter().map(|found| names(&**found).1).collect();
    assert_eq!(told, ["ada", "eve"]);
}
