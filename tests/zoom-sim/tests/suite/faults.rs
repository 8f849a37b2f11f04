//! Faults, felt at the socket.

use std::{
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{FORM, GRANT, SECRET, Zoom, basic, eventually, http};

fn is_cut(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// All bytes that come back for a good token request, until the connection closes.
async fn raw_answer(zoom: &Zoom) -> Vec<u8> {
    let mut stream = TcpStream::connect(zoom.addr).await.unwrap();
    let basic = basic("app", SECRET);
    let (name, kind) = FORM;
    // Keep-alive on purpose: the close has to come from the fault.
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: zoom.test\r\nauthorization: {basic}\r\n{name}: {kind}\r\n\
         content-length: {}\r\n\r\n{GRANT}",
        GRANT.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset is as good as an end here.
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes))
        .await
        .expect("never closed");
    bytes
}

#[tokio::test]
async fn status_answers_in_place_of_zoom() {
    let zoom = Zoom::with_app(json!({})).await;
    let fault =
        json!({"kind": "status", "status": 503, "body": "busy", "headers": {"retry-after": "7"}});
    zoom.fault("token", Some(2), fault).await;
    for _ in 0..2 {
        let reply = zoom.ask().await.unwrap();
        assert_eq!(
            (
                reply.status,
                reply.body.as_str(),
                reply.headers["retry-after"].as_str()
            ),
            (503, "busy", "7")
        );
    }
    assert_eq!(zoom.ask().await.unwrap().status, 200);
    let counters = zoom.counters().await;
    assert_eq!(
        counters["token_requests_by_outcome"],
        json!({"fault_status": 2, "issued": 1})
    );
    assert_eq!(counters["tokens_issued"], 1);
    let faults = zoom.admin("GET", "/faults", &Value::Null).await;
    assert_eq!(
        (&faults["f"]["applied"], &faults["f"]["times"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test]
async fn faults_keep_to_their_client_and_endpoint() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.put_app("other", json!({})).await;
    let token = zoom.token().await;
    let fault = json!({"kind": "status", "status": 500});
    zoom.admin(
        "PUT",
        "/faults/f",
        &json!({"endpoint": "token", "client_id": "other", "fault": fault}),
    )
    .await;
    assert_eq!(zoom.ask().await.unwrap().status, 200);
    let other = basic("other", SECRET);
    let reply = http(
        zoom.addr,
        "POST",
        "/oauth/token",
        &[FORM, ("authorization", &other)],
        GRANT,
    )
    .await
    .unwrap();
    assert_eq!(reply.status, 500);
    zoom.admin(
        "PUT",
        "/faults/f",
        &json!({"endpoint": "api", "client_id": "app", "fault": fault}),
    )
    .await;
    assert_eq!(zoom.ask().await.unwrap().status, 200);
    assert_eq!(zoom.get("/v2/users", &token).await.status, 500);
    zoom.admin("DELETE", "/faults", &Value::Null).await;
    assert_eq!(zoom.get("/v2/users", &token).await.status, 200);
}

#[tokio::test]
async fn rate_limits_speak_as_zoom_does() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.fault(
        "token",
        None,
        json!({"kind": "rate_limit", "per": "second"}),
    )
    .await;
    let reply = zoom.ask().await.unwrap();
    assert_eq!(reply.status, 429);
    let text = "You have reached the maximum per-second rate limit for this API. Try again later.";
    assert_eq!(reply.body, format!(r#"{{"code":429,"message":"{text}"}}"#));
    assert_eq!(reply.headers["x-ratelimit-type"], "QPS");
    assert_eq!(reply.headers.get("retry-after"), None);

    zoom.fault(
        "token",
        None,
        json!({"kind": "rate_limit", "per": "day", "retry_after": null}),
    )
    .await;
    let reply = zoom.ask().await.unwrap();
    let text = "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.";
    assert_eq!(reply.body, format!(r#"{{"code":429,"message":"{text}"}}"#));
    assert_eq!(reply.headers["x-ratelimit-type"], "Daily-limit");
    let until: jiff::Timestamp = reply.headers["retry-after"].parse().unwrap();
    assert!(until > jiff::Timestamp::now() && until.as_second() % 86_400 == 0);

    zoom.fault(
        "token",
        None,
        json!({"kind": "rate_limit", "per": "day", "retry_after": "soon"}),
    )
    .await;
    assert_eq!(zoom.ask().await.unwrap().headers["retry-after"], "soon");
    zoom.fault(
        "token",
        None,
        json!({"kind": "rate_limit", "per": "day", "retry_after": ""}),
    )
    .await;
    assert_eq!(zoom.ask().await.unwrap().headers.get("retry-after"), None);
}

#[tokio::test]
async fn errors_come_from_the_table() {
    let zoom = Zoom::with_app(json!({})).await;
    let token = zoom.token().await;
    let ask = async |code: Value| {
        let mut fault = json!({"kind": "error"});
        fault
            .as_object_mut()
            .unwrap()
            .extend(code.as_object().unwrap().clone());
        zoom.fault("any", None, fault).await;
        zoom.ask().await.unwrap()
    };
    let reply = ask(json!({"code": 4717})).await;
    assert_eq!(
        (reply.status, &reply.json()["error"]),
        (400, &json!("4717"))
    );
    let reply = ask(json!({"code": 4717, "shape": "api", "status": 401, "message": "off"})).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (401, r#"{"code":4717,"message":"off"}"#)
    );
    let reply = ask(json!({"code": 4700, "shape": "authorize"})).await;
    let body =
        r#"{"status":false,"errorCode":4700,"errorMessage":"Invalid redirect url","result":null}"#;
    assert_eq!(reply.body, body);
    let reply = ask(json!({"code": "invalid_grant"})).await;
    assert_eq!(
        reply.body,
        r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#
    );
    ask(json!({"code": 4741})).await;
    assert_eq!(zoom.get("/v2/users", &token).await.json()["code"], 4741);
    for code in [
        4702, 4704, 4705, 4706, 4709, 4711, 4724, 4732, 4733, 4734, 4735, 4737, 4738, 4740,
    ] {
        assert_eq!(
            ask(json!({"code": code})).await.json()["error"],
            code.to_string()
        );
    }
}

#[tokio::test]
async fn garbage_is_200_but_not_json() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.fault("token", None, json!({"kind": "garbage"})).await;
    let reply = zoom.ask().await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_str::<Value>(&reply.body).is_err());
}

#[tokio::test]
async fn truncated_declares_more_than_it_sends() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.fault("token", None, json!({"kind": "truncated"}))
        .await;
    let text = String::from_utf8(raw_answer(&zoom).await).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let declared = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(body.len(), declared.parse::<usize>().unwrap() / 2);
    assert!(body.starts_with(r#"{"access_token":"#));
    assert!(is_cut(&zoom.ask().await.unwrap_err()));
    assert_eq!(zoom.counters().await["tokens_issued"], 2);
}

#[tokio::test]
async fn drop_processes_and_says_nothing() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.fault("token", None, json!({"kind": "drop"})).await;
    assert_eq!(raw_answer(&zoom).await, b"");
    assert!(is_cut(&zoom.ask().await.unwrap_err()));
    let counters = zoom.counters().await;
    assert_eq!(
        (&counters["tokens_issued"], &counters["in_flight"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test]
async fn refuse_says_nothing_and_processes_nothing() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.fault("any", None, json!({"kind": "refuse"})).await;
    assert_eq!(raw_answer(&zoom).await, b"");
    assert!(is_cut(&zoom.ask().await.unwrap_err()));
    assert!(is_cut(
        &http(zoom.addr, "GET", "/v2/users", &[], "")
            .await
            .unwrap_err()
    ));
    let counters = zoom.counters().await;
    assert_eq!(counters["tokens_issued"], 0);
    assert_eq!(
        counters["token_requests_by_outcome"],
        json!({"fault_refuse": 2})
    );
    let log = zoom.admin("GET", "/apps/app/requests", &Value::Null).await;
    assert_eq!(log[0]["status"], Value::Null);
}

#[tokio::test]
async fn http_clients_see_a_connection_error() {
    let zoom = Zoom::with_app(json!({})).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    for kind in ["drop", "refuse", "truncated"] {
        zoom.fault("token", None, json!({"kind": kind})).await;
        let request = client
            .post(format!("http://{}/oauth/token?{GRANT}", zoom.addr))
            .basic_auth("app", Some(SECRET));
        let outcome = match request.send().await {
            Ok(reply) => reply.bytes().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(outcome.is_err(), "{kind}");
    }
}

#[tokio::test]
async fn delay_comes_before_the_answer_and_with_another_fault() {
    let zoom = Zoom::with_app(json!({})).await;
    zoom.fault(
        "token",
        Some(1),
        json!({"kind": "delay", "milliseconds": 50}),
    )
    .await;
    let start = Instant::now();
    assert_eq!(zoom.ask().await.unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(50));
    zoom.fault(
        "token",
        Some(1),
        json!({"kind": "delay", "milliseconds": 50}),
    )
    .await;
    let status = json!({"endpoint": "token", "fault": {"kind": "status", "status": 502}});
    zoom.admin("PUT", "/faults/a", &status).await;
    let start = Instant::now();
    assert_eq!(zoom.ask().await.unwrap().status, 502);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn hold_waits_for_its_release() {
    let zoom = Arc::new(Zoom::with_app(json!({})).await);
    zoom.fault("token", None, json!({"kind": "hold"})).await;
    let asked: Vec<_> = (0..3)
        .map(|_| {
            let zoom = Arc::clone(&zoom);
            tokio::spawn(async move { zoom.ask().await.unwrap().status })
        })
        .collect();
    eventually(|| held(&zoom, 3)).await;
    let counters = zoom.counters().await;
    assert_eq!(
        (&counters["tokens_issued"], &counters["in_flight"]),
        (&json!(3), &json!(3))
    );
    assert!(asked.iter().all(|task| !task.is_finished()));
    assert_eq!(
        zoom.admin("POST", "/faults/f/release", &Value::Null).await["released"],
        3
    );
    for task in asked {
        assert_eq!(task.await.unwrap(), 200);
    }
    let counters = zoom.counters().await;
    assert_eq!(
        (&counters["in_flight"], &counters["in_flight_max"]),
        (&json!(0), &json!(3))
    );
}

#[tokio::test]
async fn held_answers_leave_with_their_client_or_their_fault() {
    let zoom = Arc::new(Zoom::with_app(json!({})).await);
    zoom.fault("token", None, json!({"kind": "hold"})).await;
    let impatient = tokio::spawn({
        let zoom = Arc::clone(&zoom);
        async move { zoom.ask().await.map(drop) }
    });
    eventually(|| held(&zoom, 1)).await;
    impatient.abort();
    eventually(|| held(&zoom, 0)).await;
    assert_eq!(zoom.counters().await["in_flight"], 0);
    let patient = tokio::spawn({
        let zoom = Arc::clone(&zoom);
        async move { zoom.ask().await.unwrap().status }
    });
    eventually(|| held(&zoom, 1)).await;
    zoom.admin("DELETE", "/faults/f", &Value::Null).await;
    assert_eq!(patient.await.unwrap(), 200);
}

async fn held(zoom: &Zoom, count: u64) -> Option<()> {
    let faults = zoom.admin("GET", "/faults", &Value::Null).await;
    (faults["f"]["held"] == count).then_some(())
}
