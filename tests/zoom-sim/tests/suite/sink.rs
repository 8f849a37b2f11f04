//! The demo sink.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{http, start_sink};

#[tokio::test]
async fn records_and_answers_204() {
    let (addr, admin) = start_sink().await;
    let headers = [
        ("ce-type", "us.zoom.meeting.started"),
        ("authorization", "Bearer hush"),
    ];
    let reply = http(addr, "POST", "/in?a=b", &headers, r#"{"topic":"café"}"#)
        .await
        .unwrap();
    assert_eq!(reply.status, 204);
    let events = http(admin, "GET", "/events", &[], "").await.unwrap().json();
    let event = &events[0];
    assert_eq!(
        (&event["method"], &event["path"]),
        (&json!("POST"), &json!("/in?a=b"))
    );
    assert_eq!(event["headers"]["ce-type"], "us.zoom.meeting.started");
    assert_eq!(event["headers"]["authorization"], "(hidden)");
    assert_eq!(event["body"], r#"{"topic":"café"}"#);
    assert!(
        event["at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );
    assert_eq!(
        http(admin, "DELETE", "/events", &[], "")
            .await
            .unwrap()
            .status,
        204
    );
    assert_eq!(
        http(admin, "GET", "/events", &[], "").await.unwrap().json(),
        json!([])
    );
}

#[tokio::test]
async fn answers_as_told_so_many_times() {
    let (addr, admin) = start_sink().await;
    let put = async |answer: Value| {
        http(admin, "PUT", "/answer", &[], &answer.to_string())
            .await
            .unwrap()
            .status
    };
    let post = async || http(addr, "POST", "/", &[], "{}").await.unwrap().status;
    assert_eq!(put(json!({"status": 503, "times": 2})).await, 204);
    assert_eq!([post().await, post().await, post().await], [503, 503, 204]);
    assert_eq!(
        put(json!({"status": 429, "delay_ms": 30, "times": null})).await,
        204
    );
    let start = Instant::now();
    assert_eq!(post().await, 429);
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(put(json!({"status": 99})).await, 400);
    assert_eq!(put(json!({"stat": 200})).await, 400);
    assert_eq!(
        http(admin, "GET", "/ready", &[], "").await.unwrap().status,
        200
    );
}
