//! The reachability check of a caller who has the secret is answered; nobody else learns anything.

use contract::proof::{HEADER, Question, Said};
use jiff::Timestamp;
use secrecy::SecretSlice;
use serde_json::Value;

use super::{
    client::{Answer, event, raw},
    fixture::{BODY, Fixture, Running, SECRET},
    sink::Behaviour,
};

fn key(secret: &str) -> SecretSlice<u8> {
    secret.as_bytes().to_vec().into()
}

fn question(second: i64) -> Question {
    let now = Timestamp::now().as_second() + second;
    Question::new(Timestamp::from_second(now).unwrap()).unwrap()
}

async fn send(receiver: &Running, line: &str, headers: &str) -> Answer {
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\n{headers}content-length: 0\r\n\r\n");
    raw(receiver.at.webhook, request.as_bytes())
        .await
        .expect("an answer")
}

fn header(value: &str) -> String {
    format!("{HEADER}: {value}\r\n")
}

/// Asks on `/`, and whether the answer is the right one.
async fn is_answered(receiver: &Running, secret: &str) -> bool {
    let (question, key) = (question(0), key(secret));
    let answer = send(receiver, "GET /", &header(&question.header(&key))).await;
    let value = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("x-zoom-operator-probe: "));
    let proven = value.is_some_and(|value| question.is_answered_by(&key, value.as_bytes()));
    assert_eq!(proven, answer.status == 204, "{}", answer.head);
    assert!(!proven || answer.head.contains("cache-control: no-store"));
    proven
}

/// The answer without what differs each time.
fn text(answer: &Answer) -> String {
    let lines = answer.head.lines();
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("date: ")).collect();
    format!("{}\n{}", lines.join("\n"), answer.body)
}

#[tokio::test]
async fn either_live_secret_is_known_and_no_other() {
    let fixture = Fixture::new().await;
    fixture.secret("previous-webhook-secret-token", "the-one-before");
    let receiver = fixture.start().await;
    assert!(is_answered(&receiver, SECRET).await);
    assert!(is_answered(&receiver, "the-one-before").await);
    assert!(!is_answered(&receiver, "another secret").await);
}

#[tokio::test]
async fn it_is_answered_whatever_else_is_wrong() {
    for change in [
        (|config| config.suspended = true) as fn(&mut receiver::Config),
        |config| config.sink.url = None,
        |config| config.sink.url = "http://127.0.0.1:9/".parse().ok(),
    ] {
        let receiver = Fixture::new().await.with(change).start().await;
        assert!(is_answered(&receiver, SECRET).await);
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    }
    let receiver = Fixture::new()
        .await
        .buffered()
        .with_buffer(|buffer| buffer.size = 16 << 20)
        .with(|config| config.max_body = 1 << 20)
        .start()
        .await;
    receiver.sink.answer(Behaviour::Status(500));
    for n in 0.. {
        let filler = format!(
            "{{\"event\":\"meeting.ended\",\"x\":\"{n}{}\"}}",
            "x".repeat(1 << 19)
        );
        if receiver.status(&event(SECRET, filler)).await == 503 {
            break;
        }
        assert!(n < 100, "the buffer is never full");
    }
    assert!(is_answered(&receiver, SECRET).await);
}

#[tokio::test]
async fn to_anybody_else_there_is_nothing_here() {
    let receiver = Fixture::new().await.start().await;
    let right = key(SECRET);
    let nothing = text(&send(&receiver, "GET /", "").await);
    assert!(nothing.starts_with("http/1.1 404"), "{nothing}");
    let good = header(&question(0).header(&right));
    for (what, line, headers) in [
        (
            "another secret",
            "GET /",
            header(&question(0).header(&key("x"))),
        ),
        ("no question", "GET /", header("v1:")),
        ("twice", "GET /", format!("{good}{good}")),
        ("another path", "GET /other", good.clone()),
        ("another method", "PUT /", good.clone()),
    ] {
        let answer = send(&receiver, line, &headers).await;
        assert_eq!(text(&answer), nothing, "{what}");
    }
    // Zoom's method is answered as without it: unsigned.
    let plain = text(&send(&receiver, "POST /", "").await);
    assert!(plain.starts_with("http/1.1 401"), "{plain}");
    let wrong = header(&question(0).header(&key("x")));
    assert_eq!(text(&send(&receiver, "POST /", &wrong).await), plain);
}

/// A route that leads here is not missing, whatever the clocks say.
#[tokio::test]
async fn who_asks_with_another_clock_is_told_so() {
    let receiver = Fixture::new().await.start().await;
    let key = key(SECRET);
    for second in [-310, 310] {
        let question = question(second);
        let answer = send(&receiver, "GET /", &header(&question.header(&key))).await;
        assert_eq!(answer.status, 204);
        let mut lines = answer.head.lines();
        let value = lines.find_map(|line| line.strip_prefix("x-zoom-operator-probe: "));
        let said = question.said(&key, value.unwrap().as_bytes());
        assert_eq!(said, Some(Said::OtherClock));
    }
}

#[tokio::test]
async fn a_post_is_answered_with_whether_zooms_headers_arrived() {
    let receiver = Fixture::new().await.start().await;
    let before = receiver.health().await;
    let good = || header(&question(0).header(&key(SECRET)));
    let [signature, timestamp] = contract::proof::ZOOM_HEADERS;
    let signature = format!("{signature}: v0={}\r\n", "0".repeat(64));
    let timestamp = format!("{timestamp}: 1\r\n");
    for (method, headers, post) in [
        ("GET", String::new(), "answered"),
        ("POST", String::new(), "incomplete"),
        ("POST", signature.clone(), "incomplete"),
        ("POST", timestamp.clone(), "incomplete"),
        ("POST", signature + &timestamp, "complete"),
    ] {
        let headers = good() + &headers;
        let answer = send(&receiver, &format!("{method} /"), &headers).await;
        assert_eq!(answer.status, 204);
        let post = format!("x-zoom-operator-probe-post: {post}");
        assert!(answer.head.contains(&post), "{}", answer.head);
    }
    // None of them was an event, or a wrong signature.
    assert_eq!(receiver.health().await, before);
}

#[tokio::test]
async fn it_is_a_fact_about_nothing() {
    let receiver = Fixture::new().await.start().await;
    let before = receiver.facts().await;
    assert!(is_answered(&receiver, SECRET).await);
    assert!(!is_answered(&receiver, "another secret").await);
    receiver
        .counted("zoom_receiver_requests_total{outcome=\"reached\"} 1")
        .await;
    assert_eq!(receiver.facts().await, before);
    assert_eq!(before["lastVerified"], Value::Null);
    assert_eq!(receiver.sink.count(), 0);
}
