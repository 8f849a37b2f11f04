//! What makes another event, and what does not.

use axum::body::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::event::ZoomHeaders;

fn event(body: &str) -> Event {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Event::new(Timestamp::UNIX_EPOCH, ZoomHeaders::default(), body)
}

fn recording(link: &str, token: &str) -> String {
    format!(
        r#"{{"event":"recording.completed","event_ts":1767225600123,"payload":{{"account_id":"A","object":{{"uuid":"U==","id":81234567890,"topic":"weekly","share_url":"https://z/{link}","password":"{token}","recording_files":[{{"id":"f1","file_type":"MP4","play_url":"https://z/p/{link}","download_url":"https://z/d/{link}"}}]}}}},"download_token":"{token}"}}"#
    )
}

#[test]
fn links_and_tokens_make_no_other_event() {
    let (one, other) = (event(&recording("a", "x")), event(&recording("b", "y")));
    assert_ne!(one.id, other.id);
    assert!(key(&one).is_some());
    assert_eq!(key(&one), key(&other));
    assert!(content(&one).is_some());
    assert_eq!(content(&one), content(&other));
}

#[test]
fn what_makes_another_event_makes_another_key() {
    let one = event(&recording("a", "x"));
    for (from, to) in [
        ("recording.completed", "recording.started"),
        ("1767225600123", "1767225600124"),
        ("U==", "V=="),
        ("81234567890", "81234567891"),
        (r#""id":"f1""#, r#""id":"f2""#),
        (r#""account_id":"A""#, r#""account_id":"B""#),
    ] {
        let other = event(&recording("a", "x").replace(from, to));
        assert_ne!(key(&one), key(&other), "{to}");
        assert_ne!(content(&one), content(&other), "{to}");
    }
    // The same object with other details may be another event: only whoever reads it can tell.
    let other = event(&recording("a", "x").replace("weekly", "daily"));
    assert_eq!(key(&one), key(&other));
    assert_ne!(content(&one), content(&other));
}

#[test]
fn participants_of_one_millisecond_are_different_events() {
    let joined = |participant: &str| {
        key(&event(&format!(
            r#"{{"event":"meeting.participant_joined","event_ts":1,"payload":{{"account_id":"A","object":{{"id":"1","uuid":"U","participant":{participant}}}}}}}"#
        )))
    };
    let participants = [
        "{}",
        r#"{"user_id":"16778240"}"#,
        r#"{"user_id":"16778241"}"#,
        r#"{"id":"","user_id":"","participant_uuid":"P"}"#,
        r#"{"participant_user_id":"Q"}"#,
        r#"{"email":"ada@example.com"}"#,
        r#"{"user_name":"Ada"}"#,
        r#"{"phone_number":"+15550100"}"#,
        r#"{"customer_key":"k"}"#,
        r#"{"registrant_id":"r"}"#,
    ];
    let keys: std::collections::BTreeSet<_> = participants.map(joined).into();
    assert_eq!(keys.len(), participants.len());
    assert!(keys.iter().all(Option::is_some));
}

#[test]
fn spelling_does_not_matter() {
    let one = key(&event(
        r#"{"event":"meeting.ended","event_ts":5,"payload":{"account_id":"A","object":{"id":1,"uuid":"U"}}}"#,
    ));
    for other in [
        r#"{"payload": {"object": {"uuid":"U", "id":"1"}, "account_id":"A"}, "event_ts":"5", "event":"meeting.ended"}"#,
        r#"{"event":"meeting.ended","event_ts":5.0,"payload":{"account_id":"A","object":{"id":1,"uuid":"\u0055","topic":"x"}}}"#,
    ] {
        assert_eq!(one, key(&event(other)), "{other}");
    }
}

#[test]
fn what_says_too_little_has_no_key() {
    let deep = format!(
        r#"{{"event":"e","event_ts":1,"payload":{{"id":"1","x":{}}}}}"#,
        "[".repeat(5000)
    );
    let many: Vec<String> = (0..5000).map(|n| format!(r#"{{"id":"{n}"}}"#)).collect();
    let many = format!(
        r#"{{"event":"e","event_ts":1,"payload":[{}]}}"#,
        many.join(",")
    );
    for body in [
        "not JSON",
        r#"{"event":"e","payload":{"id":"1"}}"#,
        r#"{"event_ts":1,"payload":{"id":"1"}}"#,
        r#"{"event":"e","event_ts":1,"payload":{"account_id":"A","operator":"ada@example.com"}}"#,
        r#"{"event":"e","event_ts":1,"payload":{"account_id":"A","object":{"id":""}}}"#,
        &deep,
        &many,
    ] {
        assert_eq!(key(&event(body)), None, "{body:.80}");
        assert_eq!(content(&event(body)), None, "{body:.80}");
    }
}

proptest! {
    #[test]
    fn any_body_is_survived(body in "\\PC{0,200}") {
        let _ = (key(&event(&body)), content(&event(&body)));
    }
}
