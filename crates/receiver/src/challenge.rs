//! Zoom's URL validation: `endpoint.url_validation` asks for `HMAC-SHA256(secret, plainToken)`.
//!
//! Zoom asks when a person presses "Validate", and again every 72 hours; after six failures in a
//! row it stops sending events (Zoom, "Using webhooks", "Validate your webhook endpoint").
//!
//! The answer is made with the same key as event signatures. If every `plainToken` were answered, a
//! token of the form `v0:<time>:<body>` would get the signature of that event, and whoever can make
//! Zoom or a proxy relay a token could forge events. Tokens are therefore restricted to an
//! alphabet without the colon, which every signed text contains.

use data_encoding::HEXLOWER;
use hmac::Mac as _;
use serde::Serialize;

use super::{secrets::Secret, signature};

/// The name of the event that asks.
pub const EVENT: &str = "endpoint.url_validation";

/// Zoom's tokens have 22 characters.
const MAX_TOKEN: usize = 128;

/// What Zoom wants to read, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The token as it came.
    pub plain_token: String,
    /// Lower-case hex of its HMAC.
    pub encrypted_token: String,
}

/// The token is missing or outside `[A-Za-z0-9_-]{1,128}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plainToken refused")]
pub struct TokenRefused;

/// Answers with the secret that signed the request: it is the one that Zoom will compare with.
///
/// # Errors
/// When answering would make us a signing oracle.
pub fn answer(secret: &Secret, plain_token: Option<&str>) -> Result<Answer, TokenRefused> {
    let token = plain_token
        .filter(|token| (1..=MAX_TOKEN).contains(&token.len()))
        .filter(|token| {
            token
                .bytes()
                .all(|symbol| symbol.is_ascii_alphanumeric() || matches!(symbol, b'_' | b'-'))
        })
        .ok_or(TokenRefused)?;
    let mac = signature::mac(secret).chain_update(token).finalize();
    Ok(Answer {
        plain_token: token.to_owned(),
        encrypted_token: HEXLOWER.encode(&mac.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn ask(token: &str) -> Result<Answer, TokenRefused> {
        let secret = Secret::from(b"zoom-test-secret-token".to_vec());
        answer(&secret, Some(token))
    }

    #[test]
    fn the_vector_is_answered() {
        let answer = ask("qgg8vlvZRS6UYooatFL8Aw").unwrap();
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            concat!(
                r#"{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","#,
                r#""encryptedToken":"189bad60d71b25fc9705f43e5883e837f2d813ec93ba913b641fbe02d931744f"}"#,
            )
        );
    }

    #[test]
    fn tokens_that_could_be_signed_events_are_refused() {
        assert!(ask(&"a".repeat(128)).is_ok());
        assert!(ask("-_09azAZ").is_ok());
        for token in ["", "v0:1739923528:{}", "a b", "a\n", "café", "a=", "a:b"] {
            assert_eq!(ask(token), Err(TokenRefused), "{token}");
        }
        assert_eq!(ask(&"a".repeat(129)), Err(TokenRefused));
        let secret = Secret::from(b"any".to_vec());
        assert_eq!(answer(&secret, None), Err(TokenRefused));
    }
}
