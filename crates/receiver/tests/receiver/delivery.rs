//! Acknowledged only after the sink has acknowledged, and forwarded only once.

use std::time::Duration;

use tokio::net::TcpListener;

use super::{
    client::{event, event_at, eventually, read},
    fixture::{BODY, Fixture, SECRET},
    sink::Behaviour,
};

#[tokio::test]
async fn a_repeat_is_acknowledged_without_the_sink() {
    let receiver = Fixture::new().await.start().await;
    let post = event(SECRET, BODY);
    let later = event_at(SECRET, jiff::Timestamp::now().as_second() + 300, BODY);
    for post in [&post, &post, &later] {
        assert_eq!(receiver.status(post).await, 204);
    }
    assert_eq!(receiver.sink.count(), 1);
    let other = event(SECRET, format!("{BODY}\n"));
    assert_eq!(receiver.status(&other).await, 204);
    assert_eq!(receiver.sink.count(), 2);
}

fn recording(topic: &str, link: &str) -> String {
    format!(
        r#"{{"event":"recording.completed","event_ts":1767225600123,"payload":{{"account_id":"A","object":{{"uuid":"U==","id":81234567890,"topic":"{topic}","recording_files":[{{"id":"f1","download_url":"https://zoom.example/{link}"}}]}}}},"download_token":"{link}"}}"#
    )
}

#[tokio::test]
async fn an_event_with_other_links_is_a_repeat_and_with_other_details_has_the_same_key() {
    for fixture in [Fixture::new().await, Fixture::new().await.buffered()] {
        let receiver = fixture.start().await;
        for (topic, link, count) in [("x", "a", 1), ("x", "b", 1), ("y", "b", 2)] {
            let post = event(SECRET, recording(topic, link));
            assert_eq!(receiver.status(&post).await, 204);
            receiver.sink_has(count).await;
        }
        let got = receiver.sink.received();
        assert_ne!(got[0].header("ce-id"), got[1].header("ce-id"));
        let key = got[0].header("ce-zoomeventkey");
        assert!(key.is_some_and(|key| key.len() == 64));
        assert_eq!(key, got[1].header("ce-zoomeventkey"));
    }
}

#[tokio::test]
async fn a_repeat_with_other_links_is_known_after_a_restart() {
    let receiver = Fixture::new().await.buffered().start().await;
    let post = |link| event(SECRET, recording("x", link));
    assert_eq!(receiver.status(&post("a")).await, 204);
    receiver.holds(0, 0).await;
    let receiver = receiver.stop().await.start().await;
    assert_eq!(receiver.status(&post("b")).await, 204);
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="duplicate"} 1"#)
        .await;
    assert_eq!(receiver.sink.count(), 1);
}

#[tokio::test]
async fn participants_of_one_millisecond_all_arrive() {
    let receiver = Fixture::new().await.start().await;
    for user in 1..4 {
        let body = format!(
            r#"{{"event":"meeting.participant_joined","event_ts":1,"payload":{{"account_id":"A","object":{{"id":"1","participant":{{"user_id":"{user}","id":""}}}}}}}}"#
        );
        assert_eq!(receiver.status(&event(SECRET, body)).await, 204);
    }
    let got = receiver.sink.received();
    let keys: std::collections::BTreeSet<_> = got
        .iter()
        .map(|got| got.header("ce-zoomeventkey"))
        .collect();
    assert_eq!(keys.len(), 3);
}

#[tokio::test]
async fn whatever_is_not_2xx_is_left_to_zooms_retry() {
    let receiver = Fixture::new().await.start().await;
    let post = event(SECRET, BODY);
    let refusals = [304, 400, 401, 404, 410, 429, 500, 503].map(Behaviour::Status);
    let mut ids = Vec::new();
    for behaviour in refusals.into_iter().chain([Behaviour::Redirect]) {
        receiver.sink.answer(behaviour);
        assert_eq!(receiver.status(&post).await, 503, "{behaviour:?}");
    }
    for got in receiver.sink.received() {
        assert_eq!(got.path, "/in", "a redirect was followed");
        ids.push(got.header("ce-id").unwrap().to_owned());
    }
    assert_eq!(ids.len(), 9);
    receiver.sink.answer(Behaviour::Status(202));
    assert_eq!(receiver.status(&post).await, 204);
    ids.push(
        receiver.sink.received()[9]
            .header("ce-id")
            .unwrap()
            .to_owned(),
    );
    ids.dedup();
    assert_eq!(ids.len(), 1, "the id is the same for every attempt");
}

#[tokio::test]
async fn a_sink_that_is_down_is_our_trouble() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let fixture = Fixture::new().await;
    let receiver = fixture
        .with(|config| config.sink.url = url.parse().ok())
        .start()
        .await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    receiver
        .counted(r#"zoom_receiver_sink_deliveries_total{outcome="unreachable"} 1"#)
        .await;
}

#[tokio::test]
async fn a_slow_sink_is_given_up() {
    let fixture = Fixture::new().await;
    let brief = Duration::from_millis(30);
    let receiver = fixture
        .with(|config| config.sink.timeout = brief)
        .start()
        .await;
    receiver.sink.answer(Behaviour::Hold);
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    receiver
        .counted(r#"zoom_receiver_sink_deliveries_total{outcome="timeout"} 1"#)
        .await;
    receiver.sink.answer(Behaviour::Status(200));
    let post = event(SECRET, BODY);
    eventually("delivery", || async { receiver.status(&post).await == 204 }).await;
}

#[tokio::test]
async fn an_acknowledgement_after_the_deadline_still_counts() {
    let fixture = Fixture::new().await;
    let brief = Duration::from_millis(50);
    let receiver = fixture
        .with(|config| config.tuning.deadline = brief)
        .start()
        .await;
    receiver.sink.answer(Behaviour::Hold);
    let post = event(SECRET, BODY);
    assert_eq!(receiver.status(&post).await, 503);
    receiver.sink.answer(Behaviour::Status(204));
    receiver.counted("zoom_receiver_remembered_events 1").await;
    eventually("a repeat", || async { receiver.status(&post).await == 204 }).await;
    assert_eq!(receiver.sink.count(), 1);
}

#[tokio::test]
async fn an_event_whose_sender_hung_up_is_delivered_once() {
    let receiver = Fixture::new().await.start().await;
    receiver.sink.answer(Behaviour::Hold);
    let post = event(SECRET, BODY);
    let connection = post.start(receiver.at.webhook).await;
    receiver.sink_has(1).await;
    drop(connection);
    receiver.sink.answer(Behaviour::Status(204));
    receiver.counted("zoom_receiver_remembered_events 1").await;
    assert_eq!(receiver.status(&post).await, 204);
    assert_eq!(receiver.sink.count(), 1);
}

#[tokio::test]
async fn copies_wait_for_the_one_under_way() {
    for (end, status) in [(204, 204), (500, 503)] {
        let receiver = Fixture::new().await.start().await;
        receiver.sink.answer(Behaviour::Hold);
        let post = event(SECRET, BODY);
        let mut copies = Vec::new();
        for _ in 0..3 {
            copies.push(post.start(receiver.at.webhook).await);
        }
        receiver
            .counted("zoom_receiver_request_body_bytes_count 3")
            .await;
        receiver
            .counted(r#"zoom_receiver_requests_total{outcome="duplicate"} 0"#)
            .await;
        receiver.sink_has(1).await;
        receiver.sink.answer(Behaviour::Status(end));
        for copy in copies {
            assert_eq!(read(copy).await.unwrap().status, status);
        }
        assert_eq!(receiver.sink.count(), 1);
    }
}

#[tokio::test]
async fn deliveries_are_bounded() {
    let fixture = Fixture::new().await;
    let receiver = fixture
        .with(|config| config.tuning.sink_concurrency = 2)
        .start()
        .await;
    receiver.sink.answer(Behaviour::Hold);
    let mut events = Vec::new();
    for n in 0..5 {
        let post = event(SECRET, format!(r#"{{"event":"n","n":{n}}}"#));
        events.push(post.start(receiver.at.webhook).await);
    }
    receiver
        .counted("zoom_receiver_request_body_bytes_count 5")
        .await;
    receiver.sink_has(2).await;
    receiver.sink.answer(Behaviour::Status(204));
    for event in events {
        assert_eq!(read(event).await.unwrap().status, 204);
    }
    assert_eq!(receiver.sink.count(), 5);
}
