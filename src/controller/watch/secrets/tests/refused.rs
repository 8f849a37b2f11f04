//! The API server refuses to change a Secret with routes, or its answer gets lost.

use super::*;

/// Refuses every change of the Secret that has the connection's route.
fn refuse(method: &Method, uri: &str, _: &Value) -> Option<(u16, &'static str)> {
    let shard = Connection::new("clinic-b", "zoom").unwrap().shard();
    (method == Method::PATCH && uri.contains(&secret_name("app", shard)))
        .then_some((403, "routes are not to be changed"))
}

#[tokio::test]
async fn a_secret_that_cannot_be_repaired_keeps_no_other_route_alive() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let app = Key::integration("platform", "app");
    let (shard, context) = (bench.connection.shard(), &bench.rehearsal.context);
    let routes = &context.memory.routes;
    // Its tenant is gone.
    let gone = gone(|of| of != shard);
    let path = format!("{SECRETS}/{}", secret_name("app", gone.shard()));
    let mut secret = bench.rehearsal.object(&bench.path());
    secret["data"] = json!({gone.route_key(): "e30="});
    bench.rehearsal.put(&path, secret);
    routes.wrote(&app, gone, "{}");
    bench.rehearsal.judge(refuse);
    bench.restore_stray("70");
    bench.watch(vec![Event::Apply(bench.meta("70"))]).await;
    assert!(routes::sweep(context, &bench.integration).await.is_err());
    assert_eq!(bench.rehearsal.object(&path)["data"], json!({}));

    // After a restart, all routes are known.
    let found = json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {},
        "items": [bench.rehearsal.object(&bench.path())]});
    bench.rehearsal.put(SECRETS, found);
    routes.forget(&app);
    assert!(routes::sweep(context, &bench.integration).await.is_err());
    assert_eq!(routes.all(&app), Some(vec![bench.connection.clone()]));
    assert_eq!(routes.foreign(&app), [shard]);
    bench.rehearsal.judge(listen);
    bench.sweep().await;
    assert_eq!(bench.keys(), [bench.connection.route_key()]);
    assert!(routes.foreign(&app).is_empty());
}

#[tokio::test]
async fn a_repair_that_is_refused_again_and_again_is_tried_now_and_then() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let context = &bench.rehearsal.context;
    bench.rehearsal.judge(refuse);
    bench.restore_stray("70");
    bench.watch(vec![Event::Apply(bench.meta("70"))]).await;
    for _ in 0..3 {
        assert!(routes::sweep(context, &bench.integration).await.is_err());
    }
    let rests = routes::sweep(context, &bench.integration).await.unwrap();
    assert!(rests.is_some());
    assert_eq!(bench.rehearsal.writes("refused PATCH").len(), 3);
}

#[tokio::test]
async fn an_own_write_whose_answer_is_lost_is_nobody_elses() {
    let bench = Bench::new().await;
    bench.sweep().await;
    bench.bring().await;
    let context = &bench.rehearsal.context;
    let connection = Key::connection("clinic-b", "zoom");
    for (version, account) in [("70", "b"), ("80", "c"), ("90", "d"), ("100", "e")] {
        bench
            .rehearsal
            .judge(|method, _, _| (method == Method::PATCH).then_some((500, "timeout")));
        assert!(bench.route(account).await.is_err());
        let lost = bench.rehearsal.writes("refused PATCH").pop().unwrap();
        bench.alter(version, |secret| secret["data"] = lost["data"].clone());
        bench.rehearsal.judge(listen);
        bench.watch(vec![Event::Apply(bench.meta(version))]).await;
        assert_eq!(bench.sweep().await, std::slice::from_ref(&connection));
        assert_eq!(bench.route(account).await.unwrap(), Written::Done);
        assert_eq!(bench.version(), version, "it is written already");
    }
    let now = jiff::Timestamp::now();
    assert!(routes::contested(context, &bench.integration, now).is_empty());
    assert_eq!(
        routes::sweep(context, &bench.integration).await.unwrap(),
        None
    );
}
