//! Zoom's URL validation is answered whatever else is wrong.

use serde_json::{Value, json};

use super::{
    client::{Post, event, event_at, hmac_hex},
    fixture::{BODY, Fixture, Running, SECRET},
    sink::Behaviour,
};

fn ask(secret: &str, token: &Value) -> Post {
    event(secret, body(token))
}

fn body(token: &Value) -> String {
    json!({"payload": {"plainToken": token}, "event_ts": 1_654_503_849_680_u64,
        "event": "endpoint.url_validation"})
    .to_string()
}

async fn is_answered(receiver: &Running, secret: &str) {
    let token = "qgg8vlvZRS6UYooatFL8Aw";
    let answer = receiver.send(&ask(secret, &token.into())).await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/json"));
    let encrypted = hmac_hex(secret, token.as_bytes());
    let expected = json!({"plainToken": token, "encryptedToken": encrypted});
    assert_eq!(
        serde_json::from_str::<Value>(&answer.body).unwrap(),
        expected
    );
}

#[tokio::test]
async fn it_is_answered_as_published() {
    let receiver = Fixture::new().await.start().await;
    let answer = receiver
        .send(&ask(SECRET, &"qgg8vlvZRS6UYooatFL8Aw".into()))
        .await;
    let expected = "189bad60d71b25fc9705f43e5883e837f2d813ec93ba913b641fbe02d931744f";
    assert!(answer.body.contains(expected), "{}", answer.body);
    assert_eq!(receiver.sink.count(), 0);
    assert_ne!(receiver.facts().await["lastValidated"], Value::Null);
}

#[tokio::test]
async fn it_is_answered_with_a_bad_sink_or_none_and_while_suspended() {
    let receiver = Fixture::new().await.start().await;
    receiver.sink.answer(Behaviour::Status(500));
    is_answered(&receiver, SECRET).await;
    assert_eq!(receiver.sink.count(), 0);
    for change in [
        (|config| config.suspended = true) as fn(&mut receiver::Config),
        |config| config.sink.url = None,
        |config| config.sink.url = "http://127.0.0.1:9/".parse().ok(),
    ] {
        let receiver = Fixture::new().await.with(change).start().await;
        is_answered(&receiver, SECRET).await;
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    }
}

#[tokio::test]
async fn it_is_answered_while_all_deliveries_are_stuck() {
    let fixture = Fixture::new().await;
    let receiver = fixture
        .with(|config| config.tuning.sink_concurrency = 1)
        .start()
        .await;
    receiver.sink.answer(Behaviour::Hold);
    let _stuck = event(SECRET, BODY).start(receiver.at.webhook).await;
    receiver.sink_has(1).await;
    is_answered(&receiver, SECRET).await;
}

#[tokio::test]
async fn it_is_answered_with_the_secret_that_asked() {
    let fixture = Fixture::new().await;
    fixture.secret("previous-webhook-secret-token", "the-one-before");
    let receiver = fixture.start().await;
    is_answered(&receiver, "the-one-before").await;
    assert_eq!(receiver.facts().await["lastValidatedSecret"], "Previous");
    is_answered(&receiver, SECRET).await;
    assert_eq!(receiver.facts().await["lastValidatedSecret"], "Current");
}

#[tokio::test]
async fn with_a_wrong_clock_it_is_answered_but_proves_nothing() {
    let receiver = Fixture::new().await.start().await;
    let old = event_at(SECRET, 1_739_923_528, body(&"token".into()));
    assert_eq!(receiver.status(&old).await, 200);
    assert_eq!(receiver.facts().await["lastValidated"], Value::Null);
    assert_eq!(receiver.facts().await["lastVerified"], Value::Null);
}

#[tokio::test]
async fn it_must_be_signed() {
    let receiver = Fixture::new().await.start().await;
    let answer = receiver.send(&ask("another secret", &"token".into())).await;
    assert_eq!((answer.status, answer.body.as_str()), (401, ""));
    let unsigned = ask(SECRET, &"token".into()).without("x-zm-signature");
    assert_eq!(receiver.status(&unsigned).await, 401);
    assert_eq!(receiver.facts().await["lastValidated"], Value::Null);
}

#[tokio::test]
async fn a_token_that_reads_like_a_signed_event_is_not_answered() {
    let receiver = Fixture::new().await.start().await;
    let event = format!("v0:1739923528:{BODY}");
    for token in [
        json!(event),
        json!("v0:1:"),
        json!(""),
        json!("a".repeat(129)),
        json!("tok en"),
        json!("tök"),
        json!("a\u{0}"),
        json!(7),
        json!(null),
        json!({"a": "b"}),
    ] {
        let answer = receiver.send(&ask(SECRET, &token)).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, ""), "{token}");
    }
    assert_eq!(receiver.facts().await["lastValidated"], Value::Null);
    assert_eq!(receiver.health().await["refusedValidations"]["count"], 10);
    // Nobody else causes that.
    let forged = ask("another secret", &json!("tok en"));
    assert_eq!(receiver.status(&forged).await, 503);
    assert_eq!(receiver.health().await["refusedValidations"]["count"], 10);
    is_answered(&receiver, SECRET).await;
    assert_eq!(receiver.health().await["refusedValidations"], Value::Null);
    assert_eq!(receiver.sink.count(), 0);
}
