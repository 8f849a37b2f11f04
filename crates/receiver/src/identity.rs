//! What two deliveries of one event have in common although their bytes differ.
//!
//! The id of an event is the hash of its body. Zoom may deliver one event twice with different bodies: a
//! recording's links and tokens are made for each delivery. Two identities survive that:
//!
//! | identity | made from | used for |
//! |---|---|---|
//! | [`key`] | name, `event_ts`, and every value of the body that names something or somebody | the attribute `zoomeventkey`, and `Nats-Msg-Id` by choice: whoever reads the events decides |
//! | [`content`] | the whole body except links, tokens and passwords | recognizing repeats in this process |
//!
//! A body names things by keys such as `id`, `uuid`, `meeting_id`, `userJid`, `email`, `user_name` or
//! `phone_number`, anywhere in it. So two participants who join in the same millisecond have two keys.
//! Neither identity depends on the order of keys and array elements, on white space, or on whether an id
//! is a string or a number.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sha2::{Digest as _, Sha256};

use super::{dedupe::Ids, event::Event, event_id::EventId};

/// Most values that are collected: a body with more has neither identity.
const MOST: usize = 4096;
/// A body without any of these has no links, tokens or passwords.
const CHANGING: [&str; 5] = ["url", "token", "passw", "passcode", "://"];
/// Values that say where and by whom, not what the event is about.
const CONTEXT: [&str; 5] = [
    "account_id",
    "accountid",
    "operator",
    "operator_id",
    "client_id",
];

/// A value of the body.
#[derive(Clone, Copy, Debug)]
struct Leaf<'a> {
    /// Its key in lower case, or that of the array that it is in.
    key: &'a str,
    /// The key as it is.
    raw_key: &'a str,
    value: &'a str,
}

/// Collects values of a body, with their paths.
struct Walk<'a> {
    wants: fn(Leaf<'_>) -> bool,
    path: &'a mut String,
    key: String,
    found: &'a mut Vec<String>,
    /// A value that says what the event is about was found.
    has_object: &'a mut bool,
}

/// By what a repeat of this event is recognized.
#[must_use]
pub fn ids(event: &Event) -> Ids {
    Ids {
        id: event.id,
        content: content(event),
    }
}

/// The same for every delivery of an event: 64 hex digits in its text form. `None` when the body has no
/// name, no time, or nothing that says what the event is about.
#[must_use]
pub fn key(event: &Event) -> Option<EventId> {
    let envelope = event.envelope.as_ref()?;
    let name = envelope.name()?;
    let time = envelope.time?.as_millisecond();
    let (leaves, has_object) = collect(&event.body, names_something)?;
    has_object.then(|| {
        let mut hash = Sha256::new();
        hash.update(format!("zoomeventkey/1\0{name}\0{time}\0"));
        digest(hash, &leaves)
    })
}

/// The same for two bodies that differ only in links, tokens, passwords and spelling. `None` when the body
/// has none of these, or no [`key`]: then nothing but the id tells a repeat from another event.
#[must_use]
pub fn content(event: &Event) -> Option<EventId> {
    let text = std::str::from_utf8(&event.body).ok()?;
    if !CHANGING.iter().any(|part| text.contains(part)) || key(event).is_none() {
        return None;
    }
    let (leaves, _) = collect(&event.body, |leaf| !changes(leaf))?;
    let mut hash = Sha256::new();
    hash.update("content/1\0");
    Some(digest(hash, &leaves))
}

fn collect(body: &[u8], wants: fn(Leaf<'_>) -> bool) -> Option<(Vec<String>, bool)> {
    let (mut path, mut found, mut has_object) = (String::new(), Vec::new(), false);
    let mut json = serde_json::Deserializer::from_slice(body);
    let walk = Walk {
        wants,
        path: &mut path,
        key: String::new(),
        found: &mut found,
        has_object: &mut has_object,
    };
    walk.deserialize(&mut json).ok()?;
    found.sort_unstable();
    Some((found, has_object))
}

fn digest(mut hash: Sha256, leaves: &[String]) -> EventId {
    for leaf in leaves {
        hash.update((leaf.len() as u64).to_le_bytes());
        hash.update(leaf);
    }
    EventId::from_bytes(hash.finalize().into())
}

/// Whether a value can differ between two deliveries of one event.
fn changes(leaf: Leaf<'_>) -> bool {
    let key = leaf.key;
    ["url", "token", "password", "passcode", "pwd"]
        .iter()
        .any(|part| key.contains(part))
        || leaf.value.starts_with("https://")
        || leaf.value.starts_with("http://")
}

/// Whether a value identifies an object or a person.
fn names_something(leaf: Leaf<'_>) -> bool {
    let Leaf { key, raw_key, .. } = leaf;
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| key.ends_with(suffix));
    let is_id = matches!(key, "id" | "uuid" | "guid" | "jid")
        || ends(&["_id", "_ids", "_uuid", "_guid", "_jid"])
        || ["Id", "Ids", "Uuid", "Jid"]
            .iter()
            .any(|suffix| raw_key.ends_with(suffix));
    let is_person = matches!(
        key,
        "user_name" | "username" | "display_name" | "customer_key"
    ) || key.contains("email")
        || ends(&["phone_number", "extension_number", "did_number"]);
    (is_id || is_person) && !changes(leaf) && !leaf.value.is_empty()
}

// === impl Walk ===

impl Walk<'_> {
    fn leaf<E: serde::de::Error>(self, value: impl fmt::Display) -> Result<(), E> {
        let value = value.to_string();
        let lower = self.key.to_ascii_lowercase();
        let leaf = Leaf {
            key: &lower,
            raw_key: &self.key,
            value: &value,
        };
        if (self.wants)(leaf) {
            if self.found.len() >= MOST {
                return Err(E::custom("too many values"));
            }
            *self.has_object |= !CONTEXT.contains(&&*lower);
            self.found.push(format!("{}\0{value}", self.path));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.leaf(text)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.leaf(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.leaf(number)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        self.leaf(number)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.leaf(value)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let walk = Walk {
                wants: self.wants,
                path: &mut *self.path,
                key: self.key.clone(),
                found: &mut *self.found,
                has_object: &mut *self.has_object,
            };
            if seq.next_element_seed(walk)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.path.len();
        while let Some(key) = map.next_key::<String>()? {
            // Its value is the payload's envelope again, or of no event at all.
            if self.found.len() > MOST {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.path.push('/');
            self.path.push_str(&key);
            map.next_value_seed(Walk {
                wants: self.wants,
                path: &mut *self.path,
                key,
                found: &mut *self.found,
                has_object: &mut *self.has_object,
            })?;
            self.path.truncate(length);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{super::event::ZoomHeaders, *};

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
}
