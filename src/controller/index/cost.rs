//! What the index costs, counted and not timed.

use std::{collections::BTreeMap, time::Duration};

use allocation_counter::measure;
use contract::facts::Removal;
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use serde_json::{Value, json};

use super::{Guarded, Index, Member};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{
        key::Key,
        queue::{Limits, Requeue},
        removals::Removals,
    },
};

const OBJECTS: u32 = 1_000;

/// A Server-to-Server integration as the API server has it a day after it was created.
fn integration(number: u32) -> Value {
    let name = format!("tenant-{number}");
    let time = "2026-03-01T10:00:00Z";
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": time, "observedGeneration": 1,
        })
    };
    let step = |id: &str, title: &str, place: &str, evidence: &str, entries: &Value| {
        json!({
            "id": id, "title": title, "where": place, "state": "Done", "evidence": evidence,
            "entries": entries, "since": time,
        })
    };
    let copy = |field: &str, key: &str| json!({"action": "Copy", "field": field, "value": format!("{name}-credentials/{key}")});
    json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {
            "name": name, "namespace": format!("tenants-{}", number % 20), "generation": 1,
            "uid": format!("0d6a3f7c-2f70-4a55-9d0e-{number:012}"),
            "resourceVersion": (1_000_000 + number).to_string(), "creationTimestamp": time,
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x".repeat(400)},
            "managedFields": [
                {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": time,
                 "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {".": {}, "f:app": {}}}},
                {"manager": "zoom-operator", "operation": "Apply", "apiVersion": "v1", "time": time,
                 "fieldsType": "FieldsV1", "subresource": "status",
                 "fieldsV1": {"f:status": {"f:phase": {}, "f:clientId": {}, "f:token": {}}}},
            ],
        },
        "spec": {
            "app": {"kind": "ServerToServer"},
            "credentials": {"secretRef": {"name": format!("{name}-credentials")}},
            "scopes": {"required": ["user:read:list_users:admin", "meeting:read:meeting:admin"]},
        },
        "status": {
            "observedGeneration": 1, "phase": "Connected", "clientId": format!("client{number:016}"),
            "conditions": [
                condition("Ready", "True", "Connected", "The token is valid and has the required scopes."),
                condition("Reconciling", "False", "Settled", "Nothing is under way."),
                condition("CredentialsValid", "True", "Accepted", "Zoom accepted the credentials."),
                condition("TokenFresh", "True", "Issued", "The token expires at 2026-03-01T11:00:00Z."),
                condition("ScopesGranted", "True", "AllGranted", "Zoom granted all required scopes."),
            ],
            "scopes": {"granted": ["user:read:list_users:admin", "meeting:read:meeting:admin"]},
            "token": {
                "secretName": format!("{name}-zoom-token"), "expiresAt": "2026-03-01T11:00:00Z",
                "refreshAt": "2026-03-01T10:45:00Z",
            },
            "credentials": {"found": true, "usable": ["client-id", "client-secret", "account-id"]},
            "setup": [
                step("CreateApp", "create the Server-to-Server OAuth app", "Zoom App Marketplace > Develop > Build App",
                    "Zoom's token endpoint accepts the credentials.", &json!([])),
                step("Credentials", "copy the app's credentials into the Secret", "App Credentials",
                    "Zoom's token endpoint accepts the credentials.", &json!([
                        copy("Account ID", "account-id"), copy("Client ID", "client-id"),
                        copy("Client Secret", "client-secret"),
                    ])),
                step("Scopes", "tick the scopes", "Scopes > Add Scopes", "Zoom's token contains them.", &json!([
                    {"action": "Tick", "field": "View users", "value": "user:read:list_users:admin"},
                    {"action": "Tick", "field": "View a meeting", "value": "meeting:read:meeting:admin"},
                ])),
                step("Activate", "activate the app", "Activation", "Zoom issues a token.", &json!([])),
            ],
        },
    })
}

/// 10,000 of them have to fit into 96 MiB beside everything else, with what an allocator adds.
#[test]
fn an_integration_costs_little_memory() {
    const BOUND: i64 = 5 << 10;
    let index = Index::default();
    let queue = Requeue::new(Limits::new(16));
    let wait = Duration::from_mins(45);
    let add = |number| {
        let object: ZoomIntegration = serde_json::from_value(integration(number)).unwrap();
        let status = object.status.as_ref().unwrap();
        let (key, member) = (
            Key::from(&object),
            Member::of_integration(status, None, None, None),
        );
        for key in index.apply(DeserializeGuard(Ok(object))) {
            queue.now(key);
        }
        index.passed(key, member, wait, Timestamp::UNIX_EPOCH);
    };
    let used = measure(|| (0..OBJECTS).for_each(add));
    let each = used.bytes_current / i64::from(OBJECTS);
    assert!(each < BOUND, "{each} bytes each");
}

/// What is kept as text is what came in.
#[test]
fn an_object_is_read_again_as_it_was() {
    let index = Index::default();
    let object: ZoomIntegration = serde_json::from_value(integration(1)).unwrap();
    let mut wanted = object.clone();
    index.apply(DeserializeGuard(Ok(object)));
    wanted.metadata.managed_fields = None;
    wanted.metadata.annotations = Some(BTreeMap::new());
    let known = index
        .get::<Guarded<ZoomIntegration>>("tenants-1", "tenant-1")
        .unwrap();
    let known = known.0.as_ref().unwrap();
    // Equal to the value, or each pass would write a status that says the same.
    assert_eq!(known.status, wanted.status);
    let text = |object: &ZoomIntegration| serde_json::to_value(object).unwrap();
    assert_eq!(text(known), text(&wanted));
}

/// A connection of an account and a user of its own, to the app `app`.
fn connection(number: u32, version: u32) -> ZoomConnection {
    let time = "2026-03-01T10:00:00Z";
    let (name, account) = (format!("person-{number}"), format!("account-{number}"));
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {
            "name": name, "namespace": "clinics", "uid": name, "resourceVersion": version.to_string(),
        },
        "spec": {"integrationRef": {"name": "app"}},
        "status": {
            "phase": if version == 1 { "Ready to install" } else { "Connected" },
            "account": {"id": account, "userId": format!("user-{number}"), "since": time},
            "subject": {"accountId": account, "userId": format!("user-{number}")},
            "grant": {"since": time},
        },
    }))
    .unwrap()
}

/// What a pass over one of many connections of an app asks, and what a change of it leads to, does not grow with
/// their number.
#[test]
fn a_connection_costs_the_same_among_thousands() {
    let cost = |others: u32| {
        let index = Index::default();
        let mut home = integration(1);
        (home["metadata"]["namespace"], home["metadata"]["name"]) =
            (json!("clinics"), json!("app"));
        let home: ZoomIntegration = serde_json::from_value(home).unwrap();
        let app = Key::from(&home);
        index.apply(DeserializeGuard(Ok(home)));
        for number in 0..others {
            index.apply(DeserializeGuard(Ok(connection(number, 1))));
        }
        let (next, gone) = (connection(0, 2), DeserializeGuard(Ok(connection(1, 3))));
        let used = measure(|| {
            assert_eq!(index.connections_of_user(&app, "user-0").len(), 1);
            assert_eq!(index.connections_of_account(&app, "account-0").len(), 1);
            assert!(!index.have_sinks(&app));
            assert_eq!(index.apply(DeserializeGuard(Ok(next))).len(), 2);
            assert_eq!(index.delete(&gone), std::slice::from_ref(&app));
        });
        used.count_total
    };
    let (few, many) = (cost(10), cost(2_000));
    // The nodes of trees.
    assert!(
        many < few + 50,
        "{few} allocations among 10, {many} among 2,000"
    );
}

/// What a pass over an integration asks of its connections does not grow with their number.
#[test]
fn the_totals_of_an_integration_cost_the_same_among_thousands() {
    const LINKS: usize = 20;
    let cost = |all: u32| {
        let index = Index::default();
        for number in 0..all {
            let mut connection = connection(number, 1 + number % 2);
            let status = connection.status.as_mut().unwrap();
            status.install_url = Some("https://connect.example.com/nonce".into());
            index.apply(DeserializeGuard(Ok(connection)));
        }
        let app = Key::integration("clinics", "app");
        let removed = Removals {
            verified: vec![Removal {
                at: Timestamp::UNIX_EPOCH,
                user_id: "user-0".into(),
                account_id: "account-0".into(),
            }],
            unverified: Vec::new(),
        };
        let used = measure(|| {
            let summary = index.summary(&app, "clinics", LINKS, LINKS);
            assert_eq!(u32::try_from(summary.counted.total), Ok(all));
            assert_eq!(summary.people.people.links.len(), LINKS);
            assert_eq!(index.rejected(&app), None);
            assert!(index.to_tell(&app, Timestamp::UNIX_EPOCH).is_empty());
            assert_eq!(index.learn_removals(&app, &removed, None).len(), 1);
        });
        used.bytes_total
    };
    let (few, many) = (cost(100), cost(2_000));
    // Longer names.
    assert!(
        many < few + 100,
        "{few} bytes among 100, {many} among 2,000"
    );
}
