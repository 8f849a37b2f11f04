//! What each accepts and refuses: the same requests to all, one at a time.

use serde::{Deserialize, Serialize};

use crate::{
    contestant::Contestant,
    load,
    request::{Flaws, Kind, STALE, Signer, challenge, hmac_hex, unique},
};

/// Most bytes of a body that Zoom's receivers have to take here: the product's limit.
const CAP: usize = 1 << 20;

/// What has to become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Must {
    /// 2xx: Zoom sent it and counts on us.
    Accept,
    /// Anything else.
    Refuse,
}

/// One contestant's answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What was sent.
    pub vector: String,
    /// What had to become of it.
    pub must: Must,
    /// The status; none if there was no answer.
    pub status: Option<u16>,
    /// 2xx, and the right token where one is asked for.
    pub is_accepted: bool,
}

struct Vector {
    name: &'static str,
    must: Must,
    body: Vec<u8>,
    flaws: Flaws,
    /// For a URL validation: its token.
    plain_token: Option<String>,
}

// === impl Judgement ===

impl Judgement {
    /// Judged as it had to be.
    pub fn is_right(&self) -> bool {
        self.is_accepted == (self.must == Must::Accept)
    }
}

// === impl Vector ===

impl Vector {
    fn accepted(name: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            must: Must::Accept,
            body: body.into(),
            flaws: Flaws::default(),
            plain_token: None,
        }
    }

    fn refused(name: &'static str, flaws: Flaws) -> Self {
        Self {
            must: Must::Refuse,
            flaws,
            ..Self::accepted(name, object("\"topic\":\"My Meeting\""))
        }
    }

    fn validation(name: &'static str, must: Must, plain_token: &str) -> Self {
        Self {
            must,
            plain_token: Some(plain_token.to_owned()),
            ..Self::accepted(name, challenge(plain_token))
        }
    }
}

/// Sends all of them.
pub fn judge(contestant: &Contestant, secret: &str) -> Vec<Judgement> {
    let signer = Signer::new(secret, contestant.scheme, false);
    let mut judgements: Vec<_> = vectors()
        .into_iter()
        .map(|vector| ask(contestant, &signer, &vector))
        .collect();
    // Zoom tries again when our answer was lost on its way, so the second time is right as well.
    let again = signer.event(Kind::Valid, 300);
    let _ = load::send(contestant.address, &again.bytes);
    judgements.push(judgement(
        "the same once more",
        Must::Accept,
        load::send(contestant.address, &again.bytes).ok(),
        None,
    ));
    judgements
}

fn ask(contestant: &Contestant, signer: &Signer, vector: &Vector) -> Judgement {
    let request = signer.request(Kind::Valid, &vector.body, &vector.flaws);
    let answer = load::send(contestant.address, &request.bytes).ok();
    let token = vector.plain_token.as_deref();
    let token = token.map(|plain| hmac_hex(signer.secret(), plain.as_bytes()));
    judgement(vector.name, vector.must, answer, token.as_deref())
}

fn judgement(
    name: &str,
    must: Must,
    answer: Option<load::Answer>,
    token: Option<&str>,
) -> Judgement {
    let is_accepted = answer.as_ref().is_some_and(|answer| {
        let text = String::from_utf8_lossy(&answer.text);
        (200..300).contains(&answer.status) && token.is_none_or(|token| text.contains(token))
    });
    Judgement {
        vector: name.to_owned(),
        must,
        status: answer.map(|answer| answer.status),
        is_accepted,
    }
}

fn vectors() -> Vec<Vector> {
    let plain = object("\"topic\":\"My Meeting\"");
    let pretty = serde_json::from_slice::<serde_json::Value>(&plain)
        .and_then(|value| serde_json::to_vec_pretty(&value))
        .unwrap_or_default();
    let line = [object("\"topic\":\"line\"").as_slice(), b"\n"].concat();
    let deep = format!("\"deep\":{}1{}", "[".repeat(97), "]".repeat(97));
    let key = "another key of the same length..";
    let signed = "v0:1739923528:{\"event\":\"meeting.ended\"}";
    let fine = || format!("bench{}", unique());
    let mut vectors = vec![
        Vector::accepted("an event", plain),
        Vector::accepted("pretty-printed", pretty),
        Vector::accepted("a newline at the end", line),
        Vector::accepted("escapes", object(r#""topic":"\u0041 \/ caf\u00e9""#)),
        Vector::accepted("a key twice", object(r#""topic":"a","topic":"b""#)),
        Vector::accepted(
            "a number beyond 2^53",
            object("\"number\":9007199254740993"),
        ),
        Vector::accepted("1e3", object("\"number\":1e3")),
        Vector::accepted("1.0", object("\"number\":1.0")),
        Vector::accepted("an emoji", object("\"topic\":\"\u{1f680}\"")),
        Vector::accepted("a lone surrogate", object(r#""topic":"\uD83D""#)),
        Vector::accepted("100 levels deep", object(&deep)),
        Vector::accepted("1 MiB", of_size(CAP)),
        Vector::accepted("an event of a name unheard of", {
            let text = String::from_utf8(object("\"topic\":\"new\"")).unwrap_or_default();
            text.replace("meeting.participant_joined", "starship.landed")
        }),
    ];
    vectors.push(Vector {
        must: Must::Refuse,
        ..Vector::accepted("1 MiB and a byte", of_size(CAP + 1))
    });
    let flawed = [
        (
            "signed three hours ago",
            Flaws {
                age: STALE,
                ..Flaws::default()
            },
        ),
        (
            "signed in three hours",
            Flaws {
                age: -STALE,
                ..Flaws::default()
            },
        ),
        (
            "signed with another key",
            Flaws {
                key: Some(key),
                ..Flaws::default()
            },
        ),
        (
            "another body than signed",
            Flaws {
                other_body: Some(object("\"topic\":\"forged\"")),
                ..Flaws::default()
            },
        ),
        (
            "another time than signed",
            Flaws {
                other_time: true,
                ..Flaws::default()
            },
        ),
        (
            "not signed",
            Flaws {
                unsigned: true,
                ..Flaws::default()
            },
        ),
    ];
    vectors.extend(flawed.map(|(name, flaws)| Vector::refused(name, flaws)));
    vectors.push(Vector::validation(
        "a URL validation",
        Must::Accept,
        &fine(),
    ));
    vectors.push(Vector {
        flaws: Flaws {
            key: Some(key),
            ..Flaws::default()
        },
        ..Vector::validation("a forged URL validation", Must::Refuse, &fine())
    });
    vectors.push(Vector::validation(
        "a URL validation whose token is a message to sign",
        Must::Refuse,
        signed,
    ));
    vectors
}

/// An event whose object has these members.
fn object(members: &str) -> Vec<u8> {
    format!(
        "{{\"event\":\"meeting.participant_joined\",\"event_ts\":1626230691572,\"payload\":\
         {{\"account_id\":\"AAAAAABBBB\",\"object\":{{\"uuid\":\"{}\",{members}}}}}}}",
        unique()
    )
    .into_bytes()
}

/// An event of exactly so many bytes.
fn of_size(size: usize) -> Vec<u8> {
    let rest = size - object("\"topic\":\"\"").len();
    object(&format!("\"topic\":\"{}\"", "x".repeat(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_what_they_say() {
        assert_eq!(of_size(CAP).len(), CAP);
        for vector in vectors() {
            let text = String::from_utf8_lossy(&vector.body);
            assert!(text.starts_with('{'), "{}", vector.name);
        }
    }
}
