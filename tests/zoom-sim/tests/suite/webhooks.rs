//! Webhook deliveries.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use crate::support::{Endpoint, Zoom, answer, eventually, http, local};

const BODY: &str = r#"{"event":"meeting.started","event_ts":1626230691572,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"café"}}}"#;
const SIGNATURE: &str = "v0=6f301820e09db688fe1c0806e899d8c40fa3dcc38a45c426faaacfa23aa4e0ae";

/// Delivers with quick retries and waits for the end.
async fn deliver(zoom: &Zoom, url: &str, more: Value) -> Value {
    let mut order = json!({"url": url, "body": BODY, "retry_delays_ms": [1, 1, 1]});
    order
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let delivery = zoom.admin("POST", "/apps/app/deliveries", &order).await;
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
    let path = format!("/deliveries/{}", delivery["id"]);
    eventually(|| async {
        let delivery = zoom.admin("GET", &path, &Value::Null).await;
        (delivery["done"] == true).then_some(delivery)
    })
    .await
}

fn statuses(delivery: &Value) -> Vec<Value> {
    delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["status"].clone())
        .collect()
}

fn errors(delivery: &Value) -> Vec<Value> {
    delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["error"].clone())
        .collect()
}

#[tokio::test]
async fn sends_zooms_headers_and_signature() {
    let zoom = Zoom::quick().await;
    let endpoint = Endpoint::start(|_, _| Some(answer(200, "thanks"))).await;
    let more = json!({"timestamp": 1_739_923_528, "headers": {"x-extra": "1"}});
    let delivery = deliver(&zoom, &endpoint.url(), more).await;
    assert_eq!(
        (&delivery["delivered"], &delivery["attempts"][0]["body"]),
        (&json!(true), &json!("thanks"))
    );
    let got = &endpoint.got()[0];
    assert_eq!(
        (got.start.as_str(), got.body.as_str()),
        ("POST /hook HTTP/1.1", BODY)
    );
    for (name, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("user-agent", "Zoom Marketplace/1.0a"),
        ("clientid", "app"),
        ("x-zm-request-timestamp", "1739923528"),
        ("x-zm-signature", SIGNATURE),
        ("x-zm-request-id", delivery["request_id"].as_str().unwrap()),
        ("x-extra", "1"),
    ] {
        assert_eq!(got.headers[name], value, "{name}");
    }
    let lengths: Vec<_> = got.headers["x-zm-request-id"]
        .split('_')
        .map(str::len)
        .collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
}

#[tokio::test]
async fn signs_the_current_second_and_obeys_overrides() {
    let zoom = Zoom::quick().await;
    let endpoint = Endpoint::start(|_, _| Some(answer(200, ""))).await;
    let event = json!({"body": null, "event": {"event": "meeting.ended", "payload": {}}});
    deliver(&zoom, &endpoint.url(), event).await;
    let headers = json!({"clientid": null, "x-zm-request-timestamp": null, "user-agent": "x"});
    deliver(
        &zoom,
        &endpoint.url(),
        json!({"signature": "v0=bad", "headers": headers}),
    )
    .await;
    let got = endpoint.got();
    assert_eq!(
        got[0].json(),
        json!({"event": "meeting.ended", "payload": {}})
    );
    let timestamp: i64 = got[0].headers["x-zm-request-timestamp"].parse().unwrap();
    assert!((jiff::Timestamp::now().as_second() - timestamp).abs() <= 10);
    assert_eq!(
        (
            got[1].headers["x-zm-signature"].as_str(),
            got[1].headers["user-agent"].as_str()
        ),
        ("v0=bad", "x")
    );
    assert!(
        !got[1].headers.contains_key("clientid")
            && !got[1].headers.contains_key("x-zm-request-timestamp")
    );
}

#[tokio::test]
async fn retries_three_times_with_the_same_request_id() {
    let zoom = Zoom::quick().await;
    let endpoint = Endpoint::start(|_, _| Some(answer(503, ""))).await;
    let delivery = deliver(&zoom, &endpoint.url(), json!({})).await;
    assert_eq!(
        (statuses(&delivery), &delivery["delivered"]),
        (vec![json!(503); 4], &json!(false))
    );
    let values = |name: &str| {
        let mut values: Vec<_> = endpoint
            .got()
            .iter()
            .map(|got| got.headers[name].clone())
            .collect();
        values.sort();
        values.dedup();
        values.len()
    };
    assert_eq!(
        (
            values("x-zm-request-id"),
            values("x-zm-signature"),
            values("x-zm-trackingid")
        ),
        (1, 1, 4)
    );
}

#[tokio::test]
async fn any_2xx_is_success_on_a_retry_but_not_at_first() {
    let zoom = Zoom::quick().await;
    let endpoint =
        Endpoint::start(|number, _| Some(answer(if number == 0 { 500 } else { 202 }, ""))).await;
    let delivery = deliver(&zoom, &endpoint.url(), json!({})).await;
    assert_eq!(
        (statuses(&delivery), &delivery["delivered"]),
        (vec![json!(500), json!(202)], &json!(true))
    );
    let delivery = deliver(&zoom, &endpoint.url(), json!({})).await;
    assert_eq!(statuses(&delivery), [202]);
    assert_eq!(delivery["delivered"], false);
}

#[tokio::test]
async fn never_retries_3xx_and_4xx_nor_follows_redirects() {
    let zoom = Zoom::quick().await;
    for status in [301, 302, 307, 308, 400, 401, 404, 408, 429] {
        let endpoint = Endpoint::start(move |_, _| Some(answer(status, ""))).await;
        let delivery = deliver(&zoom, &endpoint.url(), json!({})).await;
        assert_eq!(statuses(&delivery), [status]);
        assert_eq!(
            (endpoint.got().len(), &delivery["delivered"]),
            (1, &json!(false))
        );
    }
}

#[tokio::test]
async fn retries_refused_cut_and_silent_connections() {
    let zoom = Zoom::quick().await;
    let gone = TcpListener::bind(local())
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let delivery = deliver(&zoom, &format!("http://{gone}/"), json!({})).await;
    assert_eq!(errors(&delivery), ["-2 refused"; 4]);
    let endpoint = Endpoint::start(|number, _| {
        Some(if number == 0 {
            String::new()
        } else {
            answer(200, "")
        })
    })
    .await;
    let delivery = deliver(&zoom, &endpoint.url(), json!({})).await;
    assert_eq!(
        (errors(&delivery), &delivery["delivered"]),
        (vec![json!("-7 remote"), Value::Null], &json!(true))
    );
    let endpoint = Endpoint::start(|number, _| (number > 0).then(|| answer(204, ""))).await;
    let delivery = deliver(&zoom, &endpoint.url(), json!({})).await;
    assert_eq!(
        (errors(&delivery), &delivery["delivered"]),
        (vec![json!("-1 read timeout"), Value::Null], &json!(true))
    );
}

#[tokio::test]
async fn loses_what_fails_by_tls_or_host_name() {
    let zoom = Zoom::with_app(json!({})).await;
    let plain = TcpListener::bind(local()).await.unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = plain.accept().await {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            open.push(stream);
        }
    });
    assert_eq!(errors(&deliver(&zoom, &url, json!({})).await), ["-12 TLS"]);
    // A label this long is refused by the resolver without a question to any server.
    let url = format!("http://{}.invalid/", "a".repeat(64));
    assert_eq!(
        errors(&deliver(&zoom, &url, json!({})).await),
        ["-11 host name"]
    );
}

#[tokio::test]
async fn retries_can_be_turned_off_and_signed_afresh() {
    let zoom = Zoom::quick().await;
    let endpoint = Endpoint::start(|_, _| Some(answer(500, ""))).await;
    let delivery = deliver(&zoom, &endpoint.url(), json!({"retries": false})).await;
    assert_eq!(
        (statuses(&delivery), &delivery["delivered"]),
        (vec![json!(500)], &json!(false))
    );
    let more = json!({"fresh_signature_on_retry": true, "retry_delays_ms": [1001]});
    deliver(&zoom, &endpoint.url(), more).await;
    let got = endpoint.got();
    assert_ne!(
        got[1].headers["x-zm-request-timestamp"],
        got[2].headers["x-zm-request-timestamp"]
    );
    assert_eq!(
        got[1].headers["x-zm-request-id"],
        got[2].headers["x-zm-request-id"]
    );
}

#[tokio::test]
async fn wants_public_https_endpoints_unless_told_otherwise() {
    let zoom = Zoom::start_with(false, Duration::from_millis(150)).await;
    zoom.put_app("app", json!({})).await;
    for url in [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://receiver/",
        "ftp://hooks.example.com/",
        "x",
    ] {
        for (path, body) in [
            ("deliveries", json!({"url": url, "body": "{}"})),
            ("validations", json!({"url": url})),
        ] {
            let path = format!("/apps/app/{path}");
            let reply = http(zoom.admin, "POST", &path, &[], &body.to_string())
                .await
                .unwrap();
            assert_eq!(reply.status, 400, "{url}");
        }
    }
}

#[tokio::test]
async fn apps_without_a_webhook_secret_send_nothing() {
    let zoom = Zoom::with_app(json!({"webhook_secret_token": null})).await;
    let body = json!({"url": "http://localhost/"}).to_string();
    let reply = http(zoom.admin, "POST", "/apps/app/validations", &[], &body)
        .await
        .unwrap();
    assert_eq!(reply.status, 409);
}
