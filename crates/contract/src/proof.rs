//! A challenge that only the tenant's own receiver can answer: both sides of it. Pure except for the
//! nonce.
//!
//! Both sides have the webhook secret token. The signed text begins with words and a space, so it is
//! neither one of Zoom's `v0:…` strings nor a token of its URL validation, and no answer of one kind is
//! valid as an answer of another.

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

use crate::mac;

/// Carries the question in a request, and the answer in the response.
pub const HEADER: &str = "x-zoom-operator-probe";

/// In the answer to a GET: the receiver answers a POST too. An earlier one would take that for an event.
/// In the answer to a POST: whether Zoom's headers arrived with it.
pub const POST: &str = "x-zoom-operator-probe-post";
/// Value of [`POST`] in the answer to a GET.
pub const POST_ANSWERED: &str = "answered";
/// Value of [`POST`] in the answer to a POST with Zoom's headers.
pub const POST_COMPLETE: &str = "complete";
/// Value of [`POST`] in the answer to a POST that lost them on its way.
pub const POST_INCOMPLETE: &str = "incomplete";

/// Zoom's headers, without which no event can be verified.
pub const ZOOM_HEADERS: [&str; 2] = ["x-zm-signature", "x-zm-request-timestamp"];

/// Largest clock difference between the two sides.
const TOLERANCE_SECONDS: u64 = 300;
/// Longer than any time that a clock will show.
const TIMESTAMP_DIGITS: usize = 12;
const NONCE_BYTES: usize = 16;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question(String);

/// No random numbers are available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers")]
pub struct NoRandomness;

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The receiver was reached.
    Reached,
    /// The same, and its clock is more than five minutes from that of who asks.
    OtherClock,
}

/// The answer to a question as it was `presented`, if one of the `keys` signed it. A question of another time than
/// `now` has an answer of its own: it proves nothing but that the clocks differ. The comparison takes constant time.
#[must_use]
pub fn answer<'a>(
    keys: impl IntoIterator<Item = &'a SecretSlice<u8>>,
    presented: &str,
    now: Timestamp,
) -> Option<String> {
    let (text, seconds, signature) = parse(presented)?;
    let key = keys
        .into_iter()
        .find(|key| asked(key, text).verify_slice(&signature).is_ok())?;
    let skew = now.as_second().abs_diff(seconds);
    Some(finish(if skew <= TOLERANCE_SECONDS {
        reached(key, text)
    } else {
        other_clock(key, text)
    }))
}

// === impl Question ===

impl Question {
    /// A new question.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(now: Timestamp) -> Result<Self, NoRandomness> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| NoRandomness)?;
        Ok(Self(format!(
            "{}:{}",
            now.as_second(),
            HEXLOWER.encode(&nonce)
        )))
    }

    /// As it is presented.
    #[must_use]
    pub fn header(&self, key: &SecretSlice<u8>) -> String {
        let Self(text) = self;
        format!("v1:{text}:{}", finish(asked(key, text)))
    }

    /// What this says, if it is an answer to it.
    #[must_use]
    pub fn said(&self, key: &SecretSlice<u8>, answer: &[u8]) -> Option<Said> {
        let answer = mac::from_hex(answer)?;
        let is = |mac: Hmac<Sha256>| mac.verify_slice(&answer).is_ok();
        if is(reached(key, &self.0)) {
            Some(Said::Reached)
        } else {
            is(other_clock(key, &self.0)).then_some(Said::OtherClock)
        }
    }

    /// Whether this is the answer to it.
    #[must_use]
    pub fn is_answered_by(&self, key: &SecretSlice<u8>, answer: &[u8]) -> bool {
        self.said(key, answer) == Some(Said::Reached)
    }
}

fn asked(key: &SecretSlice<u8>, text: &str) -> Hmac<Sha256> {
    mac::keyed(key.expose_secret()).chain_update(format!("zoom-operator probe v1:{text}"))
}

fn reached(key: &SecretSlice<u8>, text: &str) -> Hmac<Sha256> {
    mac::keyed(key.expose_secret()).chain_update(format!("zoom-operator reached v1:{text}"))
}

fn other_clock(key: &SecretSlice<u8>, text: &str) -> Hmac<Sha256> {
    mac::keyed(key.expose_secret()).chain_update(format!("zoom-operator other clock v1:{text}"))
}

fn finish(mac: Hmac<Sha256>) -> String {
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// `v1:<epoch seconds>:<nonce>:<hex of the MAC>`: what was signed, its time, and the MAC.
fn parse(presented: &str) -> Option<(&str, i64, [u8; 32])> {
    let (text, signature) = presented.strip_prefix("v1:")?.rsplit_once(':')?;
    let (seconds, nonce) = text.split_once(':')?;
    let is_time = (1..=TIMESTAMP_DIGITS).contains(&seconds.len())
        && seconds.bytes().all(|digit| digit.is_ascii_digit());
    let is_nonce = nonce.len() == 2 * NONCE_BYTES
        && nonce
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !is_time || !is_nonce {
        return None;
    }
    Some((
        text,
        seconds.parse().ok()?,
        mac::from_hex(signature.as_bytes())?,
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_739_923_528;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn key(text: &str) -> SecretSlice<u8> {
        text.as_bytes().to_vec().into()
    }

    /// Made with another implementation (`openssl dgst -sha256 -hmac`).
    #[test]
    fn the_vector_is_asked_and_answered() {
        let question = Question(format!("{NOW}:00112233445566778899aabbccddeeff"));
        let key = key("zoom-test-secret-token");
        let presented = question.header(&key);
        assert_eq!(
            presented,
            "v1:1739923528:00112233445566778899aabbccddeeff:39f1fd46cf8ad9512f32c0a6dc71d490be2c19fddbcc2051a30d1aaf9bf2a117"
        );
        let answer = answer([&key], &presented, at(NOW)).unwrap();
        assert_eq!(
            answer,
            "62e830d3193df166986a5f7ea8ec817fc180da01f8e8a409fcd0b780cdab6ff5"
        );
        assert!(question.is_answered_by(&key, answer.as_bytes()));
    }

    #[test]
    fn either_key_answers_and_no_other() {
        let (new, old, other) = (key("new"), key("old"), key("other"));
        let question = Question::new(at(NOW)).unwrap();
        for key in [&new, &old] {
            let answer = answer([&new, &old], &question.header(key), at(NOW)).unwrap();
            assert!(question.is_answered_by(key, answer.as_bytes()));
            assert!(!question.is_answered_by(&other, answer.as_bytes()));
        }
        assert_eq!(
            answer([&new, &old], &question.header(&other), at(NOW)),
            None
        );
        assert_eq!(answer([], &question.header(&new), at(NOW)), None);
    }

    #[test]
    fn an_answer_is_a_proof_for_five_minutes_and_then_tells_of_the_clocks() {
        let key = key("key");
        let question = Question::new(at(NOW)).unwrap();
        let presented = question.header(&key);
        for (now, said) in [
            (NOW - 301, Said::OtherClock),
            (NOW - 300, Said::Reached),
            (NOW + 300, Said::Reached),
            (NOW + 301, Said::OtherClock),
        ] {
            let answer = answer([&key], &presented, at(now)).unwrap();
            assert_eq!(question.said(&key, answer.as_bytes()), Some(said), "{now}");
        }
    }

    #[test]
    fn the_answer_to_another_question_is_none() {
        let key = key("key");
        let (one, other) = (
            Question::new(at(NOW)).unwrap(),
            Question::new(at(NOW)).unwrap(),
        );
        assert_ne!(one, other);
        let answer = answer([&key], &one.header(&key), at(NOW)).unwrap();
        assert!(!other.is_answered_by(&key, answer.as_bytes()));
        // Nor is a question its own answer.
        let echoed = one.header(&key);
        let (_, echoed) = echoed.rsplit_once(':').unwrap();
        assert!(!one.is_answered_by(&key, echoed.as_bytes()));
    }

    #[test]
    fn what_is_not_in_the_form_is_no_question() {
        let key = key("key");
        let presented = Question::new(at(NOW)).unwrap().header(&key);
        let (text, mac) = presented[3..].rsplit_once(':').unwrap();
        let (_, nonce) = text.split_once(':').unwrap();
        // Signed rightly, each of them.
        for text in [
            format!("{NOW}:"),
            format!("{NOW}:{nonce}0"),
            format!("{NOW}:{}", nonce.to_uppercase()),
            format!("+{NOW}:{nonce}"),
            format!("{NOW}000:{nonce}"),
            format!(":{nonce}"),
            format!("{NOW}:{nonce}:x"),
        ] {
            let signed = Question(text).header(&key);
            assert_eq!(answer([&key], &signed, at(NOW)), None, "{signed}");
        }
        for presented in [
            String::new(),
            format!("v2:{text}:{mac}"),
            format!("v1:{text}:{}", mac.to_uppercase()),
            format!("v1:{text}"),
            format!("{presented}0"),
        ] {
            assert_eq!(answer([&key], &presented, at(NOW)), None, "{presented}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_question_is_not_answered(at_byte in 0..120_usize, to in "[ -~]") {
            let key = key("key");
            let question = Question(format!("{NOW}:00112233445566778899aabbccddeeff"));
            let mut presented = question.header(&key);
            prop_assume!(at_byte < presented.len());
            let before = presented.clone();
            presented.replace_range(at_byte..=at_byte, &to);
            prop_assume!(presented != before);
            prop_assert_eq!(answer([&key], &presented, at(NOW)), None);
        }
    }
}
