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

mod lenient;

use contract::{event_name, receiver::routes::is_account};
use jiff::Timestamp;

pub use self::lenient::Key;
use self::lenient::{Leaf, Node, Scalar, fields};

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
}
