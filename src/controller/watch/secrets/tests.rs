//! Somebody else writes over a Secret with routes.

mod passes;
mod refused;

use axum::http::Method;
use contract::receiver::routes::{Connection, Route, secret_name};
use futures::{FutureExt as _, stream};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::core::DeserializeGuard;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{
        error::Error,
        index::Guarded,
        integration::routes,
        rehearsal::Rehearsal,
        routing::{self, Wanted, Written},
    },
};

const SECRETS: &str = "/api/v1/namespaces/platform/secrets";

struct Bench {
    rehearsal: Rehearsal,
    scope: Scope,
    integration: ZoomIntegration,
    connection: Connection,
}

fn listen(_: &Method, _: &str, _: &Value) -> Option<(u16, &'static str)> {
    None
}

/// A connection that is gone, whose route belongs to this Secret.
fn gone(is_wanted: impl Fn(usize) -> bool) -> Connection {
    let all = (0..).map(|n| Connection::new("clinic-a", &format!("c{n}")).unwrap());
    all.into_iter().find(|one| is_wanted(one.shard())).unwrap()
}

impl Bench {
    /// An integration without routes, and a connection of another namespace.
    async fn new() -> Self {
        let none = json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {}, "items": []});
        let rehearsal = Rehearsal::new(listen, [(SECRETS, none)]).await;
        let integration = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "platform", "uid": "u1", "resourceVersion": "1"},
            "spec": {
                "app": {"kind": "General"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []}, "allowedNamespaces": {"from": "All"},
                "webhook": {"sink": {"http": {"url": "https://s"}}, "buffer": {}},
            },
        });
        let connection = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "zoom", "namespace": "clinic-b", "uid": "c", "resourceVersion": "1"},
            "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
        });
        let index = rehearsal.context.reader.index();
        let guarded: Guarded<ZoomIntegration> =
            DeserializeGuard(Ok(serde_json::from_value(integration.clone()).unwrap()));
        index.apply(guarded);
        let guarded: Guarded<ZoomConnection> =
            DeserializeGuard(Ok(serde_json::from_value(connection).unwrap()));
        index.apply(guarded);
        let scope = Scope::new(None, &rehearsal.client, &rehearsal.context);
        // Clinic-a no longer exists.
        index.set_watch(
            None,
            &ZoomConnection::kind(&()),
            crate::controller::index::Watch::Complete,
        );
        Self {
            scope,
            rehearsal,
            integration: serde_json::from_value(integration).unwrap(),
            connection: Connection::new("clinic-b", "zoom").unwrap(),
        }
    }

    /// The Secret that has the connection's route.
    fn name(&self) -> String {
        secret_name("app", self.connection.shard())
    }

    fn path(&self) -> String {
        format!("{SECRETS}/{}", self.name())
    }

    fn meta(&self, version: &str) -> Meta {
        let meta = json!({"metadata": {
            "name": self.name(), "namespace": "platform", "resourceVersion": version,
        }});
        serde_json::from_value(meta).unwrap()
    }

    /// The objects that need a pass after these events.
    async fn watch(&self, events: Vec<Event<Meta>>) -> Vec<Key> {
        let events = stream::iter(events.into_iter().map(Ok));
        self.scope.follow_secrets(events).await;
        self.due()
    }

    fn due(&self) -> Vec<Key> {
        let requeue = &self.rehearsal.context.requeue;
        let next = || requeue.next().now_or_never();
        std::iter::from_fn(next).collect()
    }

    /// What the integration's pass does about routes. Returns the objects that need a pass then.
    async fn sweep(&self) -> Vec<Key> {
        let context = &self.rehearsal.context;
        routes::sweep(context, &self.integration).await.unwrap();
        self.due()
    }

    /// What the connection's pass does about its route.
    async fn bring(&self) {
        assert_eq!(self.route("a").await.unwrap(), Written::Done);
    }

    /// The same, with this account.
    async fn route(&self, account: &str) -> Result<Written, Error> {
        let context = &self.rehearsal.context;
        let wanted = Wanted::Write(Box::new(Route {
            connection: self.connection.clone(),
            accounts: vec![account.into()],
            sink: None,
            external_refs: std::collections::BTreeMap::new(),
        }));
        routing::bring(
            &context.memory.routes,
            &context.reader,
            &context.writer,
            &self.integration,
            &self.connection,
            Some("c"),
            &wanted,
        )
        .await
    }

    /// Somebody else changes the Secret with the connection's route.
    fn alter(&self, version: &str, change: impl FnOnce(&mut Value)) {
        let mut secret = self.rehearsal.object(&self.path());
        secret["metadata"]["resourceVersion"] = json!(version);
        change(&mut secret);
        self.rehearsal.put(&self.path(), secret);
    }

    /// Somebody puts a route of another Secret into it.
    fn restore_stray(&self, version: &str) {
        let stray = gone(|shard| shard != self.connection.shard());
        self.alter(version, |secret| {
            secret["data"][stray.route_key()] = json!("e30=");
        });
    }

    fn version(&self) -> String {
        let secret = self.rehearsal.object(&self.path());
        let version = secret["metadata"]["resourceVersion"].as_str();
        version.unwrap().to_owned()
    }

    fn keys(&self) -> Vec<String> {
        let secret = self.rehearsal.object(&self.path());
        secret["data"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }
}

#[tokio::test]
async fn a_restored_secret_gets_its_routes_again_and_own_writes_cost_nothing() {
    let bench = Bench::new().await;
    let app = Key::integration("platform", "app");
    let (connection, own) = (Key::connection("clinic-b", "zoom"), "clinic-b.zoom.json");
    bench.sweep().await;
    bench.bring().await;
    let written = bench.version();
    assert_eq!(bench.due(), []);
    assert_eq!(
        bench.watch(vec![Event::Apply(bench.meta(&written))]).await,
        []
    );
    bench.sweep().await;
    assert_eq!(bench.keys(), [own]);

    // A backup that lacks this route, and has one of a connection that is gone. It belongs to the same Secret.
    let shard = bench.connection.shard();
    let gone = gone(|of| of == shard);
    let restore = |version: &str| {
        bench.alter(version, |secret| {
            secret["data"] = json!({gone.route_key(): "e30="});
        });
    };
    let writes = bench.rehearsal.writes("PATCH").len();
    restore("70");
    let due = bench.watch(vec![Event::Apply(bench.meta("70"))]).await;
    assert_eq!(due, std::slice::from_ref(&app));
    assert!(bench.sweep().await.contains(&connection));
    assert_eq!(bench.keys(), [""; 0], "that of the other is erased");
    bench.bring().await;
    assert_eq!(bench.keys(), [own]);
    assert_eq!(bench.rehearsal.writes("PATCH").len(), writes + 2);
    let last = bench.version();
    assert_eq!(bench.watch(vec![Event::Apply(bench.meta(&last))]).await, []);
    assert_eq!(bench.sweep().await, []);

    // The watch has missed it, and lists again.
    restore("80");
    let relisted = |secrets: Vec<Meta>| {
        let listed = secrets.into_iter().map(Event::InitApply);
        let all = std::iter::once(Event::Init).chain(listed);
        all.chain([Event::InitDone]).collect::<Vec<_>>()
    };
    let due = bench.watch(relisted(vec![bench.meta("80")])).await;
    assert_eq!(due, std::slice::from_ref(&app));
    assert!(bench.sweep().await.contains(&connection));
    bench.bring().await;
    assert_eq!(bench.keys(), [own]);
    let last = bench.version();
    assert_eq!(bench.watch(relisted(vec![bench.meta(&last)])).await, []);

    // It was deleted meanwhile.
    bench.rehearsal.remove(&bench.path());
    let due = bench.watch(relisted(Vec::new())).await;
    assert_eq!(due, [app]);
    assert_eq!(bench.sweep().await, [connection]);
    assert_eq!(bench.watch(relisted(Vec::new())).await, []);
    assert_eq!(bench.sweep().await, []);
}

/// The integration's receiver, whose Pods have a buffer and read routes.
fn receiver() -> StatefulSet {
    let args = [
        "--buffer-dir=/buffer",
        "--routes-dir=/etc/zoom-operator/routes",
    ];
    serde_json::from_value(json!({
        "metadata": {
            "name": "app-receiver", "namespace": "platform",
            "ownerReferences": [{
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration", "name": "app", "uid": "u1",
            }],
        },
        "spec": {
            "serviceName": "app-receiver", "selector": {},
            "template": {"spec": {"containers": [{"name": "receiver", "args": args}]}},
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn routes_stay_until_a_removed_receiver_has_delivered_what_it_stored() {
    let mut bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let index = bench.rehearsal.context.reader.index();
    index.apply(receiver());
    bench.integration.spec.webhook = None;
    bench.sweep().await;
    assert_eq!(bench.keys(), ["clinic-b.zoom.json"]);

    bench.rehearsal.context.reader.index().delete(&receiver());
    bench.sweep().await;
    assert_eq!(bench.keys(), [""; 0]);
}

#[tokio::test]
async fn a_receiver_reads_routes_until_the_last_one_is_erased() {
    let mut bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let index = bench.rehearsal.context.reader.index();
    index.apply(receiver());
    bench.integration.spec.allowed_namespaces = None;
    bench.integration.metadata.resource_version = Some("2".into());
    index.apply(DeserializeGuard(Ok(bench.integration.clone())));
    bench.sweep().await;
    let context = &bench.rehearsal.context;
    assert_eq!(bench.keys(), ["clinic-b.zoom.json"], "its events wait");
    assert!(routes::are_on(context, &bench.integration));

    // Since an hour ago.
    let since = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let connection = json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "zoom", "namespace": "clinic-b", "uid": "c", "resourceVersion": "2"},
        "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
        "status": {"conditions": [{
            "type": "NamespaceAllowed", "status": "False", "reason": "NamespaceNotAllowed", "message": "",
            "lastTransitionTime": since,
        }]},
    });
    let connection: Guarded<ZoomConnection> =
        DeserializeGuard(Ok(serde_json::from_value(connection).unwrap()));
    context.reader.index().apply(connection);
    let again = routes::sweep(context, &bench.integration).await.unwrap();
    assert!(again.is_some(), "the receiver is changed then");
    assert_eq!(bench.keys(), [""; 0]);
    assert!(!routes::are_on(context, &bench.integration));
    let again = routes::sweep(context, &bench.integration).await.unwrap();
    assert_eq!(again, None, "once");
}

/// Receivers read all Secrets, wherever a route belongs.
#[tokio::test]
async fn a_route_in_the_wrong_secret_is_removed() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let own = bench.keys();
    bench.restore_stray("70");
    let due = bench.watch(vec![Event::Apply(bench.meta("70"))]).await;
    assert_eq!(due, [Key::integration("platform", "app")]);
    bench.sweep().await;
    assert_eq!(bench.keys(), own);

    // At a first look, too.
    bench.restore_stray("80");
    let found = json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {},
        "items": [bench.rehearsal.object(&bench.path())]});
    bench.rehearsal.put(SECRETS, found);
    let routes = &bench.rehearsal.context.memory.routes;
    routes.forget(&Key::integration("platform", "app"));
    bench.sweep().await;
    assert_eq!(bench.keys(), own);
}

#[tokio::test]
async fn an_own_write_that_changes_nothing_hides_nobody_elses() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let shard = bench.connection.shard();
    let other = gone(|of| of == shard);
    bench.alter("70", |secret| {
        secret["data"][other.route_key()] = json!("e30=");
    });
    let routes = &bench.rehearsal.context.memory.routes;
    let app = Key::integration("platform", "app");
    {
        let turn = routes
            .turn(&bench.rehearsal.context.writer, &app, shard)
            .await;
        let answer = bench.rehearsal.object(&bench.path());
        turn.answered(&serde_json::from_value(answer).unwrap());
    }
    let due = bench.watch(vec![Event::Apply(bench.meta("70"))]).await;
    assert_eq!(due, [app]);
}

#[tokio::test]
async fn routes_that_somebody_changes_after_each_write_are_not_repaired_at_once_for_ever() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let connection = Key::connection("clinic-b", "zoom");
    let mut repairs = 0;
    for version in ["70", "80", "90", "100", "110"] {
        bench.alter(version, |secret| secret["data"] = json!({}));
        bench.watch(vec![Event::Apply(bench.meta(version))]).await;
        if bench.sweep().await.contains(&connection) {
            bench.bring().await;
            repairs += 1;
        }
    }
    assert_eq!(repairs, 3);
    let context = &bench.rehearsal.context;
    let again = routes::sweep(context, &bench.integration).await.unwrap();
    assert!(again.is_some(), "it looks again later");
    let told = routes::contested(context, &bench.integration, jiff::Timestamp::now());
    assert_eq!(told, [bench.name()]);
}

#[tokio::test]
async fn a_secret_that_is_created_while_secrets_are_listed_is_not_gone() {
    let bench = Bench::new().await;
    bench.sweep().await;
    let created = async {
        bench.bring().await;
        Ok(Event::InitDone)
    };
    let events = stream::iter([Ok(Event::Init)]).chain(stream::once(created));
    bench.scope.follow_secrets(events).await;
    assert_eq!(bench.due(), []);
    let routes = &bench.rehearsal.context.memory.routes;
    let app = Key::integration("platform", "app");
    assert!(routes.is_known(&app, &bench.connection));
}
