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

mod leaves;

use std::borrow::Cow;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use sha2::{Digest as _, Sha256};

use self::leaves::Leaves;
use super::{dedupe::Ids, envelope::Key, event::Event, event_id::EventId};

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
/// Most keys whose meaning is kept in mind: those of a list repeat with each of its elements.
const KNOWN: usize = 32;

/// What a key says of its values, and of those of the array behind it.
#[derive(Clone, Copy, Debug, Default)]
struct Meaning {
    /// They identify an object or a person.
    names: bool,
    /// They can differ between two deliveries of one event.
    changes: bool,
    /// They say where and by whom.
    is_context: bool,
}

/// What one walk through a body finds.
#[derive(Debug, Default)]
struct Found<'de> {
    /// The values that name something.
    names: Leaves<'de>,
    /// All values that do not change, if they are wanted.
    content: Option<Leaves<'de>>,
    /// A value that says what the event is about was found.
    has_object: bool,
    path: String,
    known: Vec<(&'de str, Meaning)>,
    /// The place of the last key among these.
    last: usize,
}

/// Walks through one value.
struct Walk<'a, 'de> {
    found: &'a mut Found<'de>,
    meaning: Meaning,
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
    *event.key.get_or_init(|| {
        let found = walk(event, false)?;
        Some(key_of(event, found.names))
    })
}

/// The same for two bodies that differ only in links, tokens, passwords and spelling. `None` when the body
/// has none of these, or no [`key`]: then nothing but the id tells a repeat from another event.
#[must_use]
pub fn content(event: &Event) -> Option<EventId> {
    let has = |part: &&str| memmem::find(&event.body, part.as_bytes()).is_some();
    if !CHANGING.iter().any(has) {
        return None;
    }
    let found = walk(event, true)?;
    event.key.get_or_init(|| Some(key_of(event, found.names)));
    let mut hash = Sha256::new();
    hash.update("content/1\0");
    Some(found.content?.digest(hash))
}

fn key_of(event: &Event, names: Leaves<'_>) -> EventId {
    let name = event.name().unwrap_or_default();
    let time = event.envelope.as_ref().and_then(|envelope| envelope.time);
    let time = time.map_or(0, jiff::Timestamp::as_millisecond);
    let mut hash = Sha256::new();
    hash.update(format!("zoomeventkey/1\0{name}\0{time}\0"));
    names.digest(hash)
}

/// `None` for a body without a key.
fn walk(event: &Event, wants_content: bool) -> Option<Found<'_>> {
    event.envelope.as_ref()?.time?;
    event.name()?;
    let mut found = Found {
        content: wants_content.then(Leaves::default),
        ..Found::default()
    };
    // Once for all: else each string is checked for itself.
    let text = std::str::from_utf8(&event.body).ok()?;
    let mut json = serde_json::Deserializer::from_str(text);
    let walk = Walk {
        found: &mut found,
        meaning: Meaning::default(),
    };
    walk.deserialize(&mut json).ok()?;
    found.has_object.then_some(found)
}

// === impl Meaning ===

impl Meaning {
    fn of(raw_key: &str) -> Self {
        let key = raw_key.to_ascii_lowercase();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| key.ends_with(suffix));
        let is_id = matches!(&*key, "id" | "uuid" | "guid" | "jid")
            || ends(&["_id", "_ids", "_uuid", "_guid", "_jid"])
            || ["Id", "Ids", "Uuid", "Jid"]
                .iter()
                .any(|suffix| raw_key.ends_with(suffix));
        let is_person = matches!(
            &*key,
            "user_name" | "username" | "display_name" | "customer_key"
        ) || key.contains("email")
            || ends(&["phone_number", "extension_number", "did_number"]);
        Self {
            names: is_id || is_person,
            changes: ["url", "token", "password", "passcode", "pwd"]
                .iter()
                .any(|part| key.contains(part)),
            is_context: CONTEXT.contains(&&*key),
        }
    }
}

// === impl Found ===

impl<'de> Found<'de> {
    fn meaning(&mut self, key: &Key<'de>) -> Meaning {
        let Some(text) = key.borrowed() else {
            return Meaning::of(key);
        };
        // The keys of an element follow each other as in the one before.
        let (before, rest) = self.known.split_at((self.last + 1).min(self.known.len()));
        let places = (before.len()..).zip(rest).chain((0..).zip(before));
        if let Some((place, (_, meaning))) = { places }.find(|(_, (known, _))| *known == text) {
            self.last = place;
            return *meaning;
        }
        let meaning = Meaning::of(text);
        if self.known.len() < KNOWN {
            self.known.push((text, meaning));
        }
        meaning
    }
}

// === impl Walk ===

impl<'de> Walk<'_, 'de> {
    fn leaf<E: serde::de::Error>(self, value: Cow<'de, str>) -> Result<(), E> {
        let Self { found, meaning } = self;
        if meaning.changes || value.starts_with("https://") || value.starts_with("http://") {
            return Ok(());
        }
        let mut is_room = true;
        if meaning.names && !value.is_empty() {
            found.has_object |= !meaning.is_context;
            is_room &= found.names.add(&found.path, value.clone());
        }
        if let Some(content) = &mut found.content {
            is_room &= content.add(&found.path, value);
        }
        is_room
            .then_some(())
            .ok_or_else(|| E::custom("too many values"))
    }

    fn number<E: serde::de::Error>(self, value: impl std::fmt::Display) -> Result<(), E> {
        let is_wanted = self.meaning.names || self.found.content.is_some();
        if !is_wanted {
            return Ok(());
        }
        self.leaf(value.to_string().into())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<(), E> {
        self.leaf(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.leaf(Cow::Owned(text.to_owned()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.number(value)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let walk = Walk {
                found: &mut *self.found,
                meaning: self.meaning,
            };
            if seq.next_element_seed(walk)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.found.path.len();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let meaning = self.found.meaning(&key);
            self.found.path.push('/');
            self.found.path.push_str(&key);
            map.next_value_seed(Walk {
                found: &mut *self.found,
                meaning,
            })?;
            self.found.path.truncate(length);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
