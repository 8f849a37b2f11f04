//! What is taken, what is refused, and what the sink gets.

use receiver::filter::Filter;

use super::{
    client::{event, event_at, sign},
    fixture::{BODY, Fixture, SECRET},
};

#[tokio::test]
async fn an_event_reaches_the_sink_as_it_came() {
    let receiver = Fixture::new().await.start().await;
    let answer = receiver.send(&event(SECRET, BODY)).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let [got] = receiver.sink.received().try_into().unwrap();
    assert_eq!(got.body, BODY.as_bytes());
    assert_eq!(got.path, "/in");
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "us.zoom.meeting.started"),
        (
            "ce-source",
            "/apis/zoom-operator.io/namespaces/tenant-a/zoomintegrations/zoom",
        ),
        (
            "ce-id",
            "1cf13653f809edb4da6219d7faf8252c281fd3737d1e00cfb82a849c57bb1d40",
        ),
        ("ce-time", "2021-07-14T02:44:51.572Z"),
        ("ce-subject", "1234567890"),
        ("ce-zoomaccountid", "AAAAAABBBB"),
        ("ce-zoomrequestid", "6009d653_d487_445d_8406_42b654974899"),
        ("ce-zoomtrackingid", "v=2.0;clid=us05"),
        ("ce-headorg", "4711"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn bodies_are_judged_and_passed_on_by_their_bytes() {
    let receiver = Fixture::new().await.start().await;
    let deep = format!(
        r#"{{"event":"deep","x":{}{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    let deeper = format!(
        r#"{{"event":"deeper","x":{}{}}}"#,
        "[".repeat(1000),
        "]".repeat(1000)
    );
    let bodies: [(&[u8], &str); 14] = [
        (b"{\n  \"event\" : \"pretty\"\n}\n", "pretty"),
        (br#"{"event":"first","event":"last"}"#, "last"),
        (br#"{"event":"exponent","event_ts":1e3}"#, "exponent"),
        (
            br#"{"event":"large","n":9007199254740993,"m":1e999}"#,
            "large",
        ),
        (br#"{"event":"surrogate","topic":"\ud83d"}"#, "surrogate"),
        (br#"{"event":"escaped\u002ename"}"#, "escaped.name"),
        (deep.as_bytes(), "deep"),
        (deeper.as_bytes(), "deeper"),
        (b"{\"event\":\"newline\"}\r\n", "newline"),
        (b"{\"event\":\"a b\"}", "unknown"),
        (b"not JSON", "unknown"),
        (b"\xff\xfe\x00", "unknown"),
        (b"[1]", "unknown"),
        (b"", "unknown"),
    ];
    for (n, (body, name)) in bodies.into_iter().enumerate() {
        assert_eq!(receiver.status(&event(SECRET, body)).await, 204, "{name}");
        let got = &receiver.sink.received()[n];
        assert_eq!(got.body, body);
        assert_eq!(
            got.header("ce-type"),
            Some(format!("us.zoom.{name}").as_str())
        );
    }
}

#[tokio::test]
async fn what_zoom_did_not_sign_is_refused() {
    let receiver = Fixture::new().await.start().await;
    let good = event(SECRET, BODY);
    let pretty = serde_json::from_str::<serde_json::Value>(BODY).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    let second = jiff::Timestamp::now().as_second();
    for post in [
        event("another secret", BODY),
        good.clone().body(pretty),
        good.clone().body(format!("{BODY}\n")),
        good.clone().without("x-zm-signature"),
        good.clone().without("x-zm-request-timestamp"),
        good.clone()
            .header("x-zm-signature", &sign(SECRET, second, BODY.as_bytes())),
        good.clone()
            .header("x-zm-request-timestamp", &second.to_string()),
        good.clone().with("x-zm-signature", "v0=00"),
        good.clone().with(
            "x-zm-signature",
            &sign(SECRET, second, BODY.as_bytes()).to_uppercase(),
        ),
        good.clone().with("x-zm-request-timestamp", "now"),
        good.clone()
            .with("x-zm-request-timestamp", &(second + 1).to_string()),
        event_at("another secret", 0, BODY),
    ] {
        let answer = receiver.send(&post).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (401, ""),
            "{}",
            post.head()
        );
    }
    assert_eq!(receiver.sink.count(), 0);
    assert_eq!(receiver.status(&good).await, 204);
}

#[tokio::test]
async fn a_right_signature_at_a_wrong_time_is_our_trouble() {
    let receiver = Fixture::new().await.start().await;
    let now = jiff::Timestamp::now().as_second();
    for second in [0, now - 7300, now + 7300] {
        assert_eq!(receiver.status(&event_at(SECRET, second, BODY)).await, 503);
    }
    assert_eq!(receiver.sink.count(), 0);
    for second in [now - 7100, now + 7100] {
        assert_eq!(receiver.status(&event_at(SECRET, second, BODY)).await, 204);
    }
}

#[tokio::test]
async fn suspended_or_without_a_sink_events_are_left_to_zooms_retry() {
    let suspended = Fixture::new().await.with(|config| config.suspended = true);
    let receiver = suspended.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(receiver.sink.count(), 0);
    let receiver = Fixture::new()
        .await
        .with(|config| config.sink.url = None)
        .start()
        .await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(receiver.status(&event("another secret", BODY)).await, 503);
}

#[tokio::test]
async fn only_declared_events_and_removals_go_on() {
    let filter = Filter::only(["meeting.started".to_owned()]);
    let receiver = Fixture::new()
        .await
        .with(|config| config.filter = filter)
        .start()
        .await;
    let removal = br#"{"event":"app_deauthorized","payload":{"user_id":"u","account_id":"a"}}"#;
    for body in [
        br#"{"event":"meeting.ended"}"#,
        BODY.as_bytes(),
        &removal[..],
    ] {
        assert_eq!(receiver.status(&event(SECRET, body)).await, 204);
    }
    let got = receiver.sink.received();
    let got: Vec<_> = got.iter().map(|request| &request.body[..]).collect();
    assert_eq!(got, [BODY.as_bytes(), &removal[..]]);
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="ignored"} 1"#)
        .await;
}
