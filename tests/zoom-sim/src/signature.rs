//! Zoom's two uses of the webhook secret token: the signature of a request and the answer to a URL validation.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::ident::hex;

/// Value of `x-zm-signature`: `v0=` and the hex HMAC-SHA256 of `v0:<timestamp>:<body>`. The timestamp is in epoch
/// seconds, as text, exactly as it stands in `x-zm-request-timestamp`.
pub fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    format!(
        "v0={}",
        hmac_hex(secret, &[b"v0:", timestamp.as_bytes(), b":", body])
    )
}

/// The `encryptedToken` Zoom expects back for a `plainToken`.
pub fn encrypted_token(secret: &str, plain_token: &str) -> String {
    hmac_hex(secret, &[plain_token.as_bytes()])
}

fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    // HMAC takes keys of every length; the error arm cannot be reached.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    for part in parts {
        mac.update(part);
    }
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "zoom-test-secret-token";

    #[test]
    fn signs_the_known_vector() {
        let body = r#"{"event":"meeting.started","event_ts":1626230691572,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"café"}}}"#;
        assert_eq!(body.len(), 135);
        assert_eq!(
            sign(SECRET, "1739923528", body.as_bytes()),
            "v0=6f301820e09db688fe1c0806e899d8c40fa3dcc38a45c426faaacfa23aa4e0ae"
        );
    }

    #[test]
    fn encrypts_the_known_plain_token() {
        assert_eq!(
            encrypted_token(SECRET, "qgg8vlvZRS6UYooatFL8Aw"),
            "189bad60d71b25fc9705f43e5883e837f2d813ec93ba913b641fbe02d931744f"
        );
    }
}
