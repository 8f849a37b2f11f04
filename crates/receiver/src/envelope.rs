//! Zoom's envelope, read leniently: only to describe an event, never to judge or to change it.
//!
//! ```json
//! {"event":"meeting.started","event_ts":1626230691572,
//!  "payload":{"account_id":"...","object":{"id":"..."}}}
//! ```
//!
//! Team Chat bots get other names: `payload.accountId`, `payload.userId`, and `payload.timestamp` instead
//! of `event_ts`.
//!
//! What is absent, of another type or unknown is left out of the description. Of duplicate keys
//! the last one counts, as in `JSON.parse`, which is what most consumers of the body will do.

use std::{borrow::Cow, fmt, ops::Deref};

use contract::{event_name, receiver::routes::is_account};
use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What describes an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Zoom's event name, such as `meeting.ended`.
    pub event: Option<String>,
    /// When it happened, to the millisecond; also taken from inside the payload.
    pub time: Option<Timestamp>,
    /// The Zoom account it happened in.
    pub account_id: Option<String>,
    /// The id of the meeting, user, recording... it is about.
    pub object_id: Option<String>,
    /// The user it is about, where the payload itself names one.
    pub user_id: Option<String>,
    /// The token of a URL validation.
    pub plain_token: Option<String>,
}

/// The body is not a JSON object.
#[derive(Debug, thiserror::Error)]
#[error("body is not a JSON object")]
pub struct NotAnObject(#[source] Option<serde_json::Error>);

// === impl Envelope ===

impl Envelope {
    /// Reads the description out of a raw body.
    ///
    /// # Errors
    /// When the body is not one JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, NotAnObject> {
        let root: Node<Root> =
            serde_json::from_slice(body).map_err(|error| NotAnObject(Some(error)))?;
        let Scalar::Object = root.scalar else {
            return Err(NotAnObject(None));
        };
        let Root {
            event,
            event_ts,
            payload: Node {
                fields: payload, ..
            },
        } = root.fields;
        Ok(Self {
            event: event.text(),
            time: event_ts
                .time()
                .or(payload.event_ts.time())
                .or(payload.timestamp.time()),
            account_id: payload.account_id.text().or(payload.bot_account_id.text()),
            object_id: payload.object.fields.id.text_or_number(),
            user_id: payload.user_id.text().or(payload.bot_user_id.text()),
            plain_token: payload.plain_token.text(),
        })
    }

    /// The account it happened in, if that can be the id of one.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account_id.as_deref().filter(|id| is_account(id))
    }

    /// Zoom's event name, if it is one that may be passed on as a name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.event
            .as_deref()
            .filter(|name| event_name::is_valid(name))
    }
}

/// A key of an object, in the body's own memory unless it is written with escapes.
#[derive(Debug)]
pub struct Key<'de>(Cow<'de, str>);

/// Any JSON value: its type, and for an object the relevant fields.
#[derive(Default)]
struct Node<F> {
    scalar: Scalar,
    fields: F,
}

#[derive(Default)]
enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Object,
    #[default]
    Other,
}

/// The fields of one kind of object. Takes the value of `key`, or says that it does not want it.
trait Fields: Default {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

macro_rules! fields {
    ($name:ident { $($field:ident: $type:ty = $key:literal),* $(,)? }) => {
        #[derive(Default)]
        struct $name { $($field: $type),* }

        impl Fields for $name {
            fn take<'de, A: MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut A,
            ) -> Result<bool, A::Error> {
                match key {
                    $($key => self.$field = map.next_value()?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}

fields!(Root {
    event: Leaf = "event",
    event_ts: Leaf = "event_ts",
    payload: Node<Payload> = "payload",
});

fields!(Payload {
    event_ts: Leaf = "event_ts",
    timestamp: Leaf = "timestamp",
    account_id: Leaf = "account_id",
    user_id: Leaf = "user_id",
    bot_account_id: Leaf = "accountId",
    bot_user_id: Leaf = "userId",
    plain_token: Leaf = "plainToken",
    object: Node<Subject> = "object",
});

fields!(Subject { id: Leaf = "id" });

type Leaf = Node<Nothing>;

#[derive(Default)]
struct Nothing;

impl Fields for Nothing {
    fn take<'de, A: MapAccess<'de>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}

// === impl Key ===

impl<'de> Key<'de> {
    /// The text in the body.
    #[must_use]
    pub fn borrowed(&self) -> Option<&'de str> {
        match self.0 {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }
}

impl Deref for Key<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

// === impl Node ===

impl Leaf {
    fn text(self) -> Option<String> {
        match self.scalar {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    fn text_or_number(self) -> Option<String> {
        match self.scalar {
            Scalar::Integer(number) => Some(number.to_string()),
            _ => self.text(),
        }
    }

    /// Epoch milliseconds, however the number is spelled.
    fn time(&self) -> Option<Timestamp> {
        let milliseconds = match &self.scalar {
            Scalar::Integer(number) => *number,
            #[allow(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, jiff checks"
            )]
            Scalar::Float(number) => *number as i64,
            Scalar::Text(text) => text.parse().ok()?,
            Scalar::Object | Scalar::Other => return None,
        };
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

impl<F> From<Scalar> for Node<F>
where
    F: Default,
{
    fn from(scalar: Scalar) -> Self {
        let fields = F::default();
        Self { scalar, fields }
    }
}

impl<'de, F: Fields> Deserialize<'de> for Node<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lenient<F>(F);

        impl<'de, F: Fields> Visitor<'de> for Lenient<F> {
            type Value = Node<F>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Node<F>, E> {
                Ok(Scalar::Text(text.to_owned()).into())
            }

            fn visit_i64<E>(self, number: i64) -> Result<Node<F>, E> {
                Ok(Scalar::Integer(number).into())
            }

            fn visit_u64<E>(self, number: u64) -> Result<Node<F>, E> {
                Ok(i64::try_from(number)
                    .map_or(Scalar::Other, Scalar::Integer)
                    .into())
            }

            fn visit_f64<E>(self, number: f64) -> Result<Node<F>, E> {
                Ok(Scalar::Float(number).into())
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node<F>, E> {
                Ok(Scalar::Other.into())
            }

            fn visit_unit<E>(self) -> Result<Node<F>, E> {
                Ok(Scalar::Other.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<F>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<F>, A::Error> {
                let mut fields = self.0;
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    if !fields.take(&key, &mut map)? {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                let scalar = Scalar::Object;
                Ok(Node { scalar, fields })
            }
        }

        deserializer.deserialize_any(Lenient(F::default()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn parse(body: &str) -> Envelope {
        Envelope::parse(body.as_bytes()).unwrap()
    }

    fn time(millisecond: i64) -> Option<Timestamp> {
        Timestamp::from_millisecond(millisecond).ok()
    }

    #[test]
    fn the_usual_envelope_is_read() {
        let read = parse(
            r#"{"event":"meeting.started","event_ts":1626230691572,"new":[1],
                "payload":{"account_id":"AAAAAABBBB","object":{"id":"123","topic":"caf\u00e9"}}}"#,
        );
        let expected = Envelope {
            event: Some("meeting.started".into()),
            time: time(1_626_230_691_572),
            account_id: Some("AAAAAABBBB".into()),
            object_id: Some("123".into()),
            user_id: None,
            plain_token: None,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_removal_names_its_user() {
        let read = parse(
            r#"{"event":"app_deauthorized","event_ts":1750000000000,
                "payload":{"account_id":"a","user_id":"u","client_id":"c"}}"#,
        );
        assert_eq!(read.user_id.as_deref(), Some("u"));
        assert_eq!(read.account_id.as_deref(), Some("a"));
    }

    #[test]
    fn what_is_odd_is_left_out() {
        assert_eq!(parse("{}"), Envelope::default());
        let odd = r#"{"event":{"a":[]},"event_ts":{},"payload":[{"account_id":"x"}]}"#;
        assert_eq!(parse(odd), Envelope::default());
        let odd = r#"{"event":null,"event_ts":true,"payload":{"account_id":1,"object":"o"}}"#;
        assert_eq!(parse(odd), Envelope::default());
    }

    #[test]
    fn times_are_read_in_every_spelling() {
        for ts in ["1626230691572", "1.626230691572e12", "\"1626230691572\""] {
            let body = format!(r#"{{"event_ts":{ts}}}"#);
            assert_eq!(parse(&body).time, time(1_626_230_691_572), "{ts}");
            let body = format!(r#"{{"payload":{{"event_ts":{ts}}}}}"#);
            assert_eq!(parse(&body).time, time(1_626_230_691_572), "{ts}");
        }
        for ts in ["1e300", "-1e300", "18446744073709551615", "\"2024-09-08\""] {
            assert_eq!(parse(&format!(r#"{{"event_ts":{ts}}}"#)).time, None, "{ts}");
        }
    }

    #[test]
    fn of_duplicate_keys_the_last_one_counts() {
        let read = parse(r#"{"event":"a","event":"b","payload":{"account_id":"c"},"payload":{}}"#);
        assert_eq!(read.event.as_deref(), Some("b"));
        assert_eq!(read.account_id, None);
    }

    #[test]
    fn what_is_not_looked_at_may_be_anything() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let body = format!(r#"{{"x":{deep},"y":"\ud800","z":1e999,"event":"e"}}"#);
        assert_eq!(parse(&body).name(), Some("e"));
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for body in ["", "[]", "1", "\"e\"", "{", "{} {}", "\u{feff}{}"] {
            assert!(Envelope::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Envelope::parse(b"{\"event\":\"\xff\"}").is_err());
    }

    #[test]
    fn names_are_bounded() {
        for name in [
            "meeting.ended",
            "app_deauthorized",
            "a-B.9",
            &"n".repeat(128),
        ] {
            assert!(event_name::is_valid(name), "{name}");
        }
        for name in ["", "a b", "a\nb", "é", "a/b", &"n".repeat(129)] {
            assert!(!event_name::is_valid(name), "{name}");
        }
    }
}
