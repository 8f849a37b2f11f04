//! What a load balancer sees that looks at the public port.

use super::{
    client::{Answer, ask, event, eventually, get},
    fixture::{BODY, Fixture, SECRET},
};

const HEALTH: &str = "/healthz";

fn is_empty(answer: &Answer) -> bool {
    answer.body.is_empty() && !answer.head.contains("content-type")
}

#[tokio::test]
async fn the_public_port_is_healthy_while_the_pod_is_ready() {
    let fixture = Fixture::new().await;
    fixture.secret("webhook-secret-token", "");
    let receiver = fixture.bind().await;
    eventually("an answer", || async {
        let answer = get(receiver.at.webhook, HEALTH).await;
        assert!(answer.status == 503 && is_empty(&answer), "{}", answer.head);
        get(receiver.at.admin, "/ready").await.status == 503
    })
    .await;
    std::fs::write(receiver.secret_file("webhook-secret-token"), SECRET).unwrap();
    receiver.ready(200).await;
    let answer = get(receiver.at.webhook, HEALTH).await;
    assert!(answer.status == 200 && is_empty(&answer), "{}", answer.head);
    for (line, status) in [
        ("HEAD /healthz", 200),
        ("POST /healthz", 404),
        ("GET /healthz/", 404),
        ("GET /", 404),
    ] {
        let answer = ask(receiver.at.webhook, line, "", "").await;
        assert_eq!(answer.status, status, "{line}");
    }
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="healthy"} 2"#)
        .await;
    assert_eq!(receiver.sink.count(), 0);
}

#[tokio::test]
async fn it_is_unhealthy_while_it_drains() {
    let receiver = Fixture::new()
        .await
        .with(|config| config.tuning.drain_grace = super::client::PATIENCE)
        .start()
        .await;
    receiver.stop.request();
    eventually("no more requests", || async {
        get(receiver.at.webhook, HEALTH).await.status == 503
    })
    .await;
    receiver.task.abort();
}

#[tokio::test]
async fn the_webhook_may_have_the_same_path() {
    let receiver = Fixture::new()
        .await
        .with(|config| config.path = HEALTH.into())
        .start()
        .await;
    assert_eq!(get(receiver.at.webhook, HEALTH).await.status, 200);
    let post = event(SECRET, BODY).line("POST /healthz HTTP/1.1");
    assert_eq!(receiver.status(&post).await, 204);
}
