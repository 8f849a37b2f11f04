//! Requests as Zoom sends them, signed before any clock starts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The only path that all contestants take.
pub const PATH: &str = "/zoom/events";

/// Accounts that events are of, in turn.
pub const ACCOUNTS: usize = 200;

/// Older than every window, seconds: the product's is two hours.
pub const STALE: i64 = 3 * 3600;

/// What a request is, and so how it should be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Signed, new, of now.
    Valid,
    /// The very bytes of an earlier one, as when Zoom tries again.
    Repeated,
    /// Of the right form, signed with another key.
    Forged,
    /// Rightly signed, long ago.
    Stale,
    /// Zoom's question whether we are who we say.
    Validation,
}

/// One request, ready for the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is.
    pub kind: Kind,
    /// Head and body.
    pub bytes: Arc<[u8]>,
    /// What the answer to a URL validation has to contain.
    pub token: Option<String>,
}

/// How a request is signed, which is all in which contestants differ on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// As Zoom does: `v0:<timestamp>:<body>`.
    Zoom,
    /// Zoom's headers, and one with an HMAC of the body alone, for who can judge nothing else.
    BodyToo,
}

/// Makes requests for one contestant.
#[derive(Clone, Debug)]
pub struct Signer {
    secret: String,
    scheme: Scheme,
    keep_alive: bool,
}

/// What may be wrong about a signed request.
#[derive(Clone, Debug, Default)]
pub struct Flaws {
    /// Seconds by which the signed time is before now.
    pub age: i64,
    /// Another key than the contestant's.
    pub key: Option<&'static str>,
    /// Sent instead of the signed body.
    pub other_body: Option<Vec<u8>>,
    /// The timestamp header says another second than was signed.
    pub other_time: bool,
    /// No signature header at all.
    pub unsigned: bool,
}

// === impl Signer ===

impl Signer {
    /// Signs with `secret`.
    pub fn new(secret: &str, scheme: Scheme, keep_alive: bool) -> Self {
        Self {
            secret: secret.to_owned(),
            scheme,
            keep_alive,
        }
    }

    /// The key that the contestant has.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// An event of about `size` bytes, unlike every other.
    pub fn event(&self, kind: Kind, size: usize) -> Request {
        let flaws = match kind {
            Kind::Forged => Flaws {
                key: Some("another key"),
                ..Flaws::default()
            },
            Kind::Stale => Flaws {
                age: STALE,
                ..Flaws::default()
            },
            _ => Flaws::default(),
        };
        self.request(kind, &body(size), &flaws)
    }

    /// A URL validation, and what its answer has to contain.
    pub fn validation(&self) -> Request {
        let plain = format!("bench{}", unique());
        let mut request = self.request(Kind::Validation, &challenge(&plain), &Flaws::default());
        request.token = Some(hmac_hex(&self.secret, plain.as_bytes()));
        request
    }

    /// Any body, signed, with flaws.
    pub fn request(&self, kind: Kind, body: &[u8], flaws: &Flaws) -> Request {
        let secret = flaws.key.unwrap_or(&self.secret);
        let time = now() - flaws.age;
        let signature = hmac_hex(secret, &[format!("v0:{time}:").as_bytes(), body].concat());
        let time = time + i64::from(flaws.other_time);
        let sent = flaws.other_body.as_deref().unwrap_or(body);
        let id = unique();
        let mut head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: webhooks.example.com\r\n\
             User-Agent: Zoom Marketplace/1.0a\r\nAccept: */*\r\n\
             Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\
             X-Zm-Request-Timestamp: {time}\r\nX-Zm-Request-Id: {id:032x}\r\n\
             X-Zm-Trackingid: v=2.0;clid=us01;rid=WEB_{id:032x}\r\n",
            sent.len()
        );
        if !flaws.unsigned {
            head.push_str("X-Zm-Signature: v0=");
            head.push_str(&signature);
            head.push_str("\r\n");
            if self.scheme == Scheme::BodyToo {
                head.push_str("X-Body-Signature: sha256=");
                head.push_str(&hmac_hex(secret, body));
                head.push_str("\r\n");
            }
        }
        if !self.keep_alive {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        Request {
            kind,
            bytes: [head.as_bytes(), sent].concat().into(),
            token: None,
        }
    }
}

// === impl Request ===

impl Request {
    /// The same bytes once more.
    pub fn repeated(&self) -> Self {
        Self {
            kind: Kind::Repeated,
            ..self.clone()
        }
    }
}

/// The body of a URL validation.
pub fn challenge(plain_token: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "payload": {"plainToken": plain_token},
        "event_ts": 1_654_503_849_680_i64,
        "event": "endpoint.url_validation",
    });
    body.to_string().into_bytes()
}

/// An event of about `size` bytes, at least 300, as Zoom writes it: compact, and such that
/// `JSON.stringify` gives the same bytes, so that those who sign what they parsed can take it.
pub fn body(size: usize) -> Vec<u8> {
    let id = unique();
    let number = usize::try_from(id % ACCOUNTS as u128).unwrap_or(0);
    body_of(&account(number), id, size)
}

/// The id of an account.
pub fn account(number: usize) -> String {
    format!("AAAAAA{number:04}")
}

/// The same of this account, with this number.
pub fn body_of(account: &str, id: u128, size: usize) -> Vec<u8> {
    let mut text = format!(
        "{{\"event\":\"meeting.participant_joined\",\"event_ts\":1626230691572,\"payload\":\
         {{\"account_id\":\"{account}\",\"object\":{{\"id\":\"{id}\",\"uuid\":\"4444AAAiAAAAAiAiAiiAii==\",\
         \"host_id\":\"x1yCzABCDEfg23HiJKl4mN\",\"topic\":\"My Meeting\",\"type\":8,\"duration\":60,\
         \"participants\":["
    );
    let end = "]}}}";
    let mut number = 0;
    loop {
        let entry = format!(
            "{}{{\"user_id\":\"{}\",\"user_name\":\"Jill Chill\",\"email\":\"jchill{number}@example.com\",\
             \"join_time\":\"2021-07-13T21:44:51Z\",\"id\":\"iFxeBPYun6SAiWUzBcEkX\",\"ok\":true}}",
            if number == 0 { "" } else { "," },
            16_778_240 + number
        );
        if text.len() + entry.len() + end.len() > size {
            break;
        }
        text += &entry;
        number += 1;
    }
    text += end;
    text.into_bytes()
}

/// Differs from every other of this process, and most probably of others.
pub fn unique() -> u128 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: std::sync::LazyLock<u128> = std::sync::LazyLock::new(|| {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
        elapsed.unwrap_or_default().as_nanos() << 40
    });
    *START + u128::from(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// HMAC-SHA256 in lower-case hex.
pub fn hmac_hex(secret: &str, message: &[u8]) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new(); // Keys of every length are taken.
    };
    let sum = mac.chain_update(message).finalize().into_bytes();
    let digit = |digit: u8| char::from(b"0123456789abcdef"[usize::from(digit)]);
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    sum.iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn the_hmac_is_zooms() {
        let body = "{\"event\":\"meeting.started\",\"event_ts\":1626230691572,\"payload\":\
                    {\"account_id\":\"AAAAAABBBB\",\"object\":{\"id\":\"1234567890\",\"topic\":\"café\"}}}";
        let mac = hmac_hex(
            "zoom-test-secret-token",
            format!("v0:1739923528:{body}").as_bytes(),
        );
        assert_eq!(
            mac,
            "6f301820e09db688fe1c0806e899d8c40fa3dcc38a45c426faaacfa23aa4e0ae"
        );
    }

    #[test]
    fn bodies_are_json_of_the_size_and_differ() {
        for size in [300, 2_000, 16_000, 100_000] {
            let one = body(size);
            assert!(
                one.len() <= size && one.len() + 220 > size,
                "{} of {size}",
                one.len()
            );
            serde_json::from_slice::<serde_json::Value>(&one).unwrap();
            assert_ne!(one, body(size));
        }
    }

    #[test]
    fn flaws_are_where_they_should_be() {
        let signer = Signer::new("key", Scheme::Zoom, true);
        let text = |flaws: &Flaws| {
            let request = signer.request(Kind::Valid, b"{}", flaws);
            String::from_utf8(request.bytes.to_vec()).unwrap()
        };
        assert!(text(&Flaws::default()).contains("X-Zm-Signature: v0="));
        let unsigned = Flaws {
            unsigned: true,
            ..Flaws::default()
        };
        assert!(!text(&unsigned).contains("Signature"));
        assert!(!text(&Flaws::default()).contains("Connection"));
    }
}
