//! Which passes follow when somebody else changes Secrets with routes, and how often.

use super::*;

/// A pass that fails, or waits, is not repeated at once because of what it was to look at.
#[tokio::test]
async fn what_was_reported_before_a_write_leads_to_no_further_pass() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let app = Key::integration("platform", "app");
    let (shard, context) = (bench.connection.shard(), &bench.rehearsal.context);
    let turn = async || {
        let routes = &context.memory.routes;
        routes.turn(&context.writer, &app, shard).await
    };
    let foreign = async |version: &str| bench.watch(vec![Event::Apply(bench.meta(version))]).await;
    bench.restore_stray("70");
    assert_eq!(foreign("70").await, std::slice::from_ref(&app));
    drop(turn().await);
    assert_eq!(bench.due(), []);
    let held = turn().await;
    assert_eq!(foreign("71").await, [], "it may be an own write");
    drop(held);
    assert_eq!(bench.due(), [app]);
    bench.rehearsal.judge(|method, _, _| {
        (method == Method::PATCH).then_some((403, "routes are not to be changed"))
    });
    let swept = routes::sweep(context, &bench.integration).await;
    assert!(swept.is_err());
    assert_eq!(bench.due(), []);
}

#[tokio::test]
async fn changes_during_a_rest_cost_one_pass() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let app = Key::integration("platform", "app");
    let shard = bench.connection.shard();
    let routes = &bench.rehearsal.context.memory.routes;
    let now = jiff::Timestamp::now();
    for _ in 0..3 {
        let _ = routes.repaired(&app, shard, now);
    }
    let mut passes = Vec::new();
    for version in ["70", "71", "72", "73", "74"] {
        bench.alter(version, |secret| secret["data"] = json!({}));
        passes.extend(bench.watch(vec![Event::Apply(bench.meta(version))]).await);
        passes.extend(bench.sweep().await);
    }
    assert_eq!(passes, [app]);
}

#[tokio::test]
async fn a_secret_that_somebody_deletes_again_and_again_is_restored_now_and_then() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let app = Key::integration("platform", "app");
    let connection = Key::connection("clinic-b", "zoom");
    let mut repairs = 0;
    for _ in 0..5 {
        let last = bench.version();
        bench.rehearsal.remove(&bench.path());
        let due = bench.watch(vec![Event::Delete(bench.meta(&last))]).await;
        assert!(due.iter().all(|key| *key == app), "{due:?}");
        if bench.sweep().await.contains(&connection) {
            bench.bring().await;
            repairs += 1;
        } else {
            // Somebody else creates it.
            bench.rehearsal.put(
                &bench.path(),
                json!({"metadata": {
                    "name": bench.name(), "namespace": "platform", "resourceVersion": "90",
                }}),
            );
        }
    }
    assert_eq!(repairs, 3);
    let context = &bench.rehearsal.context;
    let again = routes::sweep(context, &bench.integration).await.unwrap();
    assert!(again.is_some(), "it looks again later");
    let told = routes::contested(context, &bench.integration, jiff::Timestamp::now());
    assert_eq!(told, [bench.name()]);
}

/// The others of the app need no pass.
#[tokio::test]
async fn only_the_connections_of_a_deleted_secret_get_passes() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let app = Key::integration("platform", "app");
    let other = (bench.connection.shard() + 1) % contract::receiver::routes::SHARDS;
    let mut meta = bench.meta("70");
    meta.metadata.name = Some(secret_name("app", other));
    assert_eq!(bench.watch(vec![Event::Delete(meta)]).await, [app]);
    assert_eq!(bench.sweep().await, []);
}

#[tokio::test]
async fn the_status_says_no_longer_that_routes_are_changed_once_that_has_ended() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let context = &bench.rehearsal.context;
    let app = Key::integration("platform", "app");
    let sweep = async || {
        let again = routes::sweep(context, &bench.integration).await;
        again.unwrap()
    };
    assert_eq!(sweep().await, None);
    let now = jiff::Timestamp::now();
    let shard = bench.connection.shard();
    for _ in 0..3 {
        let _ = context.memory.routes.repaired(&app, shard, now);
    }
    assert_eq!(routes::contested(context, &bench.integration, now).len(), 1);
    let ends = sweep().await.unwrap();
    assert!(routes::contested(context, &bench.integration, ends).is_empty());
    assert!(ends < now + jiff::SignedDuration::from_mins(11));
}

#[tokio::test]
async fn a_change_during_the_first_look_is_noticed() {
    let bench = Bench::new().await;
    let context = &bench.rehearsal.context;
    let mut first = std::pin::pin!(routes::sweep(context, &bench.integration));
    assert!(futures::poll!(first.as_mut()).is_pending());
    let gone = gone(|of| of == bench.connection.shard());
    let labels = json!({
        "app.kubernetes.io/managed-by": "zoom-operator", "zoom-operator.io/integration": "app",
    });
    bench.rehearsal.put(
        &bench.path(),
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": bench.name(), "namespace": "platform", "resourceVersion": "70",
                "labels": labels,
            },
            "data": {gone.route_key(): "e30="},
        }),
    );
    bench.watch(vec![Event::Apply(bench.meta("70"))]).await;
    first.await.unwrap();
    assert_eq!(bench.keys(), [""; 0], "it is erased");
}

/// It has the tenants' credentials, and was restored from a backup, or its integration was deleted without it.
#[tokio::test]
async fn a_secret_without_an_owner_ends_with_the_integration_again() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let app = Key::integration("platform", "app");
    let is_owned = || {
        let secret = bench.rehearsal.object(&bench.path());
        secret["metadata"]["ownerReferences"][0]["uid"] == "u1"
    };
    assert!(is_owned());
    let orphan = |version: &str| {
        bench.alter(version, |secret| {
            secret["metadata"]["ownerReferences"] = json!([]);
        });
    };
    // The watch reports it.
    orphan("70");
    bench.watch(vec![Event::Apply(bench.meta("70"))]).await;
    assert_eq!(bench.sweep().await, []);
    assert!(is_owned());
    // A write of a route.
    orphan("80");
    assert_eq!(bench.route("b").await.unwrap(), Written::Done);
    assert!(is_owned());
    // A first look.
    orphan("90");
    let found = json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {},
        "items": [bench.rehearsal.object(&bench.path())]});
    bench.rehearsal.put(SECRETS, found);
    bench.rehearsal.context.memory.routes.forget(&app);
    bench.sweep().await;
    assert!(is_owned());
    let last = bench.version();
    assert_eq!(bench.watch(vec![Event::Apply(bench.meta(&last))]).await, []);
}
