#![allow(clippy::unwrap_used, reason = "a test may stop")]

use super::*;

#[test]
fn the_text_is_the_agreed_one() {
    let mut facts = Facts::default();
    assert_eq!(
        facts.to_json(),
        concat!(
            r#"{"version":1,"lastValidated":null,"lastValidatedSecret":null,"#,
            r#""lastVerified":null,"lastVerifiedSecret":null,"#,
            r#""lastRejected":null,"eventTypesSeen":[],"removals":[]}"#
        )
    );
    let now = Timestamp::from_millisecond(1_739_923_528_999).unwrap();
    facts.validated(now, SecretRole::Current);
    facts.verified(now, SecretRole::Previous);
    facts.rejected(now);
    facts.seen("meeting.started");
    facts.seen("meeting.ended");
    facts.removed(now, "u", "a");
    facts.removed(now, "no id", "a");
    assert_eq!(
        facts.to_json(),
        concat!(
            r#"{"version":1,"lastValidated":"2025-02-19T00:05:28Z","lastValidatedSecret":"Current","#,
            r#""lastVerified":"2025-02-19T00:05:28Z","lastVerifiedSecret":"Previous","#,
            r#""lastRejected":"2025-02-19T00:05:28Z","#,
            r#""eventTypesSeen":["meeting.ended","meeting.started"],"#,
            r#""removals":[{"at":"2025-02-19T00:05:28Z","userId":"u","accountId":"a"}]}"#
        )
    );
    assert_eq!(Facts::from_json(facts.to_json().as_bytes()).unwrap(), facts);
}

#[test]
fn the_latest_of_two_receivers_counts() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let (mut one, mut other) = (Facts::default(), Facts::default());
    one.validated(at(10), SecretRole::Previous);
    one.seen("meeting.started");
    other.validated(at(20), SecretRole::Current);
    other.rejected(at(5));
    other.seen("meeting.ended");
    let both = one.clone().merged(other.clone());
    assert_eq!(both, other.merged(one));
    assert_eq!(both.last_validated, Some(at(20)));
    assert_eq!(both.last_validated_secret, Some(SecretRole::Current));
    assert_eq!(both.last_rejected, Some(at(5)));
    assert_eq!(both.event_types_seen.len(), 2);
}

#[test]
fn buffers_add_up() {
    let buffer = |pending, oldest_seconds, full, draining| Facts {
        buffer: Some(BufferFacts {
            open: true,
            pending,
            dead_letters: 1,
            oldest_seconds,
            full,
            draining,
            failed: false,
            damaged_stores: 0,
            dropped_letters: 0,
        }),
        ..Facts::default()
    };
    let (one, other) = (
        buffer(3, Some(5), false, true),
        buffer(0, None, true, false),
    );
    let both = one.clone().merged(other.clone());
    assert_eq!(both, other.merged(one.clone()));
    let text = concat!(
        r#""removals":[],"buffer":{"open":true,"pending":3,"deadLetters":2,"#,
        r#""oldestSeconds":5,"full":true,"draining":false}}"#
    );
    assert!(both.to_json().ends_with(text), "{}", both.to_json());
    assert_eq!(Facts::from_json(both.to_json().as_bytes()).unwrap(), both);
    assert_eq!(one.clone().merged(Facts::default()), one);
}

/// A receiver before this field sends none, and one whose store is well sends none either.
#[test]
fn a_store_that_fails_at_one_receiver_is_told() {
    let failed = BufferFacts {
        failed: true,
        damaged_stores: 2,
        dropped_letters: 3,
        ..BufferFacts::default()
    };
    let well = BufferFacts::default();
    assert!(failed.merged(well).failed && well.merged(failed).failed);
    let both = failed.merged(failed);
    assert_eq!((both.damaged_stores, both.dropped_letters), (4, 6));
    let facts = |buffer| Facts {
        buffer: Some(buffer),
        ..Facts::default()
    };
    let text = facts(well).to_json();
    for absent in ["failed", "damagedStores", "droppedLetters"] {
        assert!(!text.contains(absent), "{text}");
    }
    let text = facts(failed).to_json();
    assert_eq!(Facts::from_json(text.as_bytes()).unwrap(), facts(failed));
}

#[test]
fn the_largest_facts_fit() {
    let mut facts = Facts::default();
    for n in 0..1000 {
        facts.seen(&format!("{n:0>128}"));
    }
    facts.seen("not a name");
    assert_eq!(facts.event_types_seen.len(), MAX_EVENT_TYPES);
    assert_eq!(Facts::from_json(facts.to_json().as_bytes()).unwrap(), facts);
}

#[test]
fn the_latest_removal_of_each_user_is_kept() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut facts = Facts::default();
    facts.removed(at(20), "ada", "a");
    facts.removed(at(10), "ada", "a");
    assert_eq!(facts.removals.len(), 1);
    assert_eq!(facts.removals[0].at, at(20));
    for n in 0..1000 {
        facts.removed(at(100 + n), &format!("user-{n}"), "a");
    }
    assert_eq!(facts.removals.len(), MAX_REMOVALS);
    assert!(facts.removals.iter().all(|removal| removal.at > at(900)));
    assert_eq!(Facts::from_json(facts.to_json().as_bytes()).unwrap(), facts);
}

#[test]
fn facts_of_an_older_receiver_are_read() {
    let older = Facts::default().to_json().replace(",\"removals\":[]", "");
    assert_eq!(
        Facts::from_json(older.as_bytes()).unwrap(),
        Facts::default()
    );
}

#[test]
fn fields_of_a_later_receiver_are_ignored() {
    let later = Facts::default()
        .to_json()
        .replace("\"version\"", "\"extra\":{\"a\":[1]},\"version\"");
    assert_eq!(
        Facts::from_json(later.as_bytes()).unwrap(),
        Facts::default()
    );
}

#[test]
fn anything_else_is_refused() {
    let good = Facts::default().to_json();
    let types = |types: &str| good.replacen("[]", types, 1);
    let many: Vec<String> = (0..257).map(|n| format!("\"e{n}\"")).collect();
    for text in [
        String::new(),
        "{}".into(),
        good.replace(":1,", ":2,"),
        good.replacen("null", "\"yesterday\"", 1),
        types("[\"a b\"]"),
        types(&format!("[{}]", many.join(","))),
        types(&format!("[{}]", " ".repeat(MAX_BYTES))),
    ] {
        assert!(Facts::from_json(text.as_bytes()).is_err(), "{text:.200}");
    }
}
