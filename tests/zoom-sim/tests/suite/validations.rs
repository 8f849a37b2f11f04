//! URL validation.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zoom_sim::WEBHOOK_TIMEOUT;

use crate::support::{Endpoint, Reply, Zoom, answer, hmac_hex};

#[tokio::test]
async fn validates_an_endpoint_that_answers_right() {
    let zoom = Zoom::quick().await;
    let endpoint = Endpoint::start(|_, request| Some(answer(200, &right_answer(request)))).await;
    let report = zoom
        .admin(
            "POST",
            "/apps/app/validations",
            &json!({"url": endpoint.url()}),
        )
        .await;
    assert_eq!(
        (&report["ok"], &report["status"], &report["error"]),
        (&json!(true), &json!(200), &Value::Null)
    );
    let got = &endpoint.got()[0];
    let challenge = got.json();
    let (token, event_ts) = (
        challenge["payload"]["plainToken"].as_str().unwrap(),
        &challenge["event_ts"],
    );
    assert_eq!(token.len(), 22);
    assert_eq!(
        got.body,
        format!(
            r#"{{"payload":{{"plainToken":"{token}"}},"event_ts":{event_ts},"event":"endpoint.url_validation"}}"#
        )
    );
    let message = format!("v0:{}:{}", got.headers["x-zm-request-timestamp"], got.body);
    let signature = hmac_hex(&message);
    assert_eq!(got.headers["x-zm-signature"], format!("v0={signature}"));
}

fn right_answer(request: &Reply) -> String {
    let challenge = request.json();
    let token = challenge["payload"]["plainToken"].as_str().unwrap();
    json!({"plainToken": token, "encryptedToken": hmac_hex(token)}).to_string()
}

#[tokio::test]
async fn judges_wrong_validation_answers_strictly() {
    let zoom = Zoom::quick().await;
    let wrong: [fn(&Reply) -> String; 10] = [
        |request| answer(201, &right_answer(request)),
        |_| answer(204, ""),
        |request| answer(302, &right_answer(request)),
        |request| answer(401, &right_answer(request)),
        |request| answer(200, &right_answer(request)).replace("application/json", "text/html"),
        |request| {
            answer(
                200,
                &right_answer(request).replace("encryptedToken", "encrypted_token"),
            )
        },
        |request| answer(200, &right_answer(request).replace(":\"", ":\" ")),
        |request| {
            let token = request.json()["payload"]["plainToken"]
                .as_str()
                .unwrap()
                .to_owned();
            answer(
                200,
                &json!({"plainToken": token, "encryptedToken": hmac_hex(&token).to_uppercase()})
                    .to_string(),
            )
        },
        |request| {
            let body = right_answer(request);
            answer(200, &body[..body.len() - 2])
        },
        |_| String::new(),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        let endpoint = Endpoint::start(move |_, request| Some(wrong(request))).await;
        let report = zoom
            .admin(
                "POST",
                "/apps/app/validations",
                &json!({"url": endpoint.url()}),
            )
            .await;
        assert_eq!(report["ok"], false, "{number}");
        assert!(report["error"].is_string(), "{number}");
        assert_eq!(endpoint.got().len(), 1, "{number}");
    }
}

#[tokio::test]
async fn gives_up_waiting_after_three_seconds() {
    assert_eq!(WEBHOOK_TIMEOUT, Duration::from_secs(3));
    let zoom = Zoom::start_with(true, Duration::from_millis(150)).await;
    zoom.put_app("app", json!({})).await;
    let endpoint = Endpoint::start(|_, _| None).await;
    let start = Instant::now();
    let report = zoom
        .admin(
            "POST",
            "/apps/app/validations",
            &json!({"url": endpoint.url()}),
        )
        .await;
    assert_eq!(report["ok"], false);
    assert!(start.elapsed() < WEBHOOK_TIMEOUT);
}
