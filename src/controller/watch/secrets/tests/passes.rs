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
