//! The signature: is this request from Zoom?
//!
//! `x-zm-signature` is `v0=` and the hex of `HMAC-SHA256(secret, "v0:" + timestamp + ":" + body)`,
//! where `timestamp` is the text of `x-zm-request-timestamp`, epoch seconds (Zoom, "Using
//! webhooks", "Verify webhook events"). Judged on the raw bytes: a body that was parsed and
//! written again is another body. Pure: the time and the secrets are arguments.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use contract::{
    facts::SecretRole,
    mac::{from_hex, keyed},
};
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use sha2::Sha256;

use super::secrets::{Secret, SigningSecrets};
use contract::proof::ZOOM_HEADERS;

/// Carries the signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static(ZOOM_HEADERS[0]);
/// Carries the signed time, epoch seconds as text.
pub const TIMESTAMP: HeaderName = HeaderName::from_static(ZOOM_HEADERS[1]);

/// Longer than any time that a clock will show; keeps the arithmetic in range.
const TIMESTAMP_DIGITS: usize = 12;

/// What a request presents to be judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented<'a> {
    timestamp: &'a str,
    seconds: i64,
    mac: [u8; 32],
}

/// Why a request cannot be judged at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// One of the two headers is absent.
    #[error("signature header missing")]
    Missing,
    /// One of the two headers is there twice. Proxies disagree on which one counts.
    #[error("signature header duplicated")]
    Duplicated,
    /// Not `v0=` and 64 lower-case hex digits, or not a number of seconds.
    #[error("signature header malformed")]
    Malformed,
}

/// The judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Signed by Zoom, within the time window.
    Verified {
        /// The secret that matched.
        role: SecretRole,
        /// Our clock minus the signed time, seconds.
        skew: i64,
    },
    /// Signed by Zoom, but at a time that is too far from our clock. Either may be wrong.
    OutsideWindow {
        /// The secret that matched.
        role: SecretRole,
        /// Our clock minus the signed time, seconds.
        skew: i64,
    },
    /// No secret makes this signature.
    Unknown,
}

/// Judges `body` by what the request presents. `tolerance` is the largest skew in either
/// direction. The comparison takes constant time.
#[must_use]
pub fn verify(
    secrets: &SigningSecrets,
    presented: &Presented<'_>,
    body: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Verification {
    let Some(role) = secrets
        .iter()
        .find_map(|(role, secret)| presented.is_made_by(secret, body).then_some(role))
    else {
        return Verification::Unknown;
    };
    let skew = now.as_second() - presented.seconds;
    if skew.unsigned_abs() > tolerance.as_secs() {
        return Verification::OutsideWindow { role, skew };
    }
    Verification::Verified { role, skew }
}

/// `HMAC-SHA256` keyed with a signing secret.
#[must_use]
pub fn mac(secret: &Secret) -> Hmac<Sha256> {
    keyed(secret.expose_secret())
}

// === impl Presented ===

impl<'a> Presented<'a> {
    /// Reads the two headers.
    ///
    /// # Errors
    /// When one is missing, duplicated or not in Zoom's form.
    pub fn from_headers(headers: &'a HeaderMap) -> Result<Self, HeaderError> {
        let timestamp = only(headers, &TIMESTAMP)?;
        let signature = only(headers, &SIGNATURE)?;
        // Digits only, also because a colon would let one signed text be split in two ways.
        let is_time = (1..=TIMESTAMP_DIGITS).contains(&timestamp.len())
            && timestamp.bytes().all(|symbol| symbol.is_ascii_digit());
        if !is_time {
            return Err(HeaderError::Malformed);
        }
        let seconds = timestamp.parse().map_err(|_| HeaderError::Malformed)?;
        let mac = signature
            .strip_prefix("v0=")
            .and_then(|digits| from_hex(digits.as_bytes()))
            .ok_or(HeaderError::Malformed)?;
        Ok(Self {
            timestamp,
            seconds,
            mac,
        })
    }

    /// The signed time as the request spelled it.
    #[must_use]
    pub fn timestamp(&self) -> &'a str {
        self.timestamp
    }

    fn is_made_by(&self, secret: &Secret, body: &[u8]) -> bool {
        mac(secret)
            .chain_update(b"v0:")
            .chain_update(self.timestamp)
            .chain_update(b":")
            .chain_update(body)
            .verify_slice(&self.mac)
            .is_ok()
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, HeaderError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(HeaderError::Missing)?;
    if values.next().is_some() {
        return Err(HeaderError::Duplicated);
    }
    value.to_str().map_err(|_| HeaderError::Malformed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use data_encoding::HEXLOWER;

    use super::*;

    // A vector made with another implementation.
    const SECRET: &str = "zoom-test-secret-token";
    const TIME: &str = "1739923528";
    const BODY: &str = r#"{"event":"meeting.started","event_ts":1626230691572,"payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"café"}}}"#;
    const MAC: &str = "v0=6f301820e09db688fe1c0806e899d8c40fa3dcc38a45c426faaacfa23aa4e0ae";
    const TOLERANCE: Duration = Duration::from_hours(2);

    fn headers(timestamp: &str, signature: &str) -> HeaderMap {
        HeaderMap::from_iter([
            (TIMESTAMP, HeaderValue::from_str(timestamp).unwrap()),
            (SIGNATURE, HeaderValue::from_str(signature).unwrap()),
        ])
    }

    fn judge(secrets: &SigningSecrets, signature: &str, body: &[u8], now: i64) -> Verification {
        let headers = headers(TIME, signature);
        let presented = Presented::from_headers(&headers).unwrap();
        let now = Timestamp::from_second(now).unwrap();
        verify(secrets, &presented, body, now, TOLERANCE)
    }

    fn sign(secret: &str, body: &[u8]) -> String {
        let mac = mac(&Secret::from(secret.as_bytes().to_vec()))
            .chain_update(format!("v0:{TIME}:"))
            .chain_update(body);
        format!("v0={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    #[test]
    fn the_vector_verifies() {
        assert_eq!(BODY.len(), 135);
        let secrets = SigningSecrets::new(Some(SECRET), None);
        let verdict = judge(&secrets, MAC, BODY.as_bytes(), 1_739_923_530);
        let role = SecretRole::Current;
        assert_eq!(verdict, Verification::Verified { role, skew: 2 });
    }

    #[test]
    fn either_live_secret_verifies_and_is_named() {
        let rotating = SigningSecrets::new(Some("newer"), Some(SECRET));
        let verdict = judge(&rotating, MAC, BODY.as_bytes(), 1_739_923_528);
        let role = SecretRole::Previous;
        assert_eq!(verdict, Verification::Verified { role, skew: 0 });
        let rotated = SigningSecrets::new(Some("newer"), None);
        let verdict = judge(&rotated, MAC, BODY.as_bytes(), 1_739_923_528);
        assert_eq!(verdict, Verification::Unknown);
    }

    #[test]
    fn a_right_signature_at_another_time_is_outside_the_window() {
        let secrets = SigningSecrets::new(Some(SECRET), None);
        let role = SecretRole::Current;
        for (now, expected) in [
            (1_739_930_728, Verification::Verified { role, skew: 7200 }),
            (
                1_739_930_729,
                Verification::OutsideWindow { role, skew: 7201 },
            ),
            (1_739_916_328, Verification::Verified { role, skew: -7200 }),
            (
                1_739_916_327,
                Verification::OutsideWindow { role, skew: -7201 },
            ),
        ] {
            assert_eq!(judge(&secrets, MAC, BODY.as_bytes(), now), expected);
        }
    }

    #[test]
    fn headers_not_in_zooms_form_are_refused() {
        let digits = &MAC[3..];
        for (timestamp, signature) in [
            ("", MAC),
            ("1739923528 ", MAC),
            ("-1739923528", MAC),
            ("+1739923528", MAC),
            ("1739923528.0", MAC),
            ("1739923528:", MAC),
            ("1739923528000", MAC),
            (TIME, ""),
            (TIME, digits),
            (TIME, &MAC[..66]),
            (TIME, &MAC.to_uppercase()),
            (TIME, &format!("v1={digits}")),
            (TIME, &format!("{MAC}0")),
        ] {
            let headers = headers(timestamp, signature);
            let error = Presented::from_headers(&headers).unwrap_err();
            assert_eq!(error, HeaderError::Malformed, "{timestamp} {signature}");
        }
    }

    #[test]
    fn missing_and_duplicated_headers_are_told_apart() {
        for name in [TIMESTAMP, SIGNATURE] {
            let mut twice = headers(TIME, MAC);
            twice.append(name.clone(), twice[&name].clone());
            let error = Presented::from_headers(&twice).unwrap_err();
            assert_eq!(error, HeaderError::Duplicated);
            twice.remove(&name);
            let error = Presented::from_headers(&twice).unwrap_err();
            assert_eq!(error, HeaderError::Missing);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_verify_as_signed(body: Vec<u8>, secret in "\\PC{1,80}") {
            let secrets = SigningSecrets::new(Some(&secret), None);
            let verdict = judge(&secrets, &sign(&secret, &body), &body, 1_739_923_528);
            let role = SecretRole::Current;
            prop_assert_eq!(verdict, Verification::Verified { role, skew: 0 });
        }

        #[test]
        fn a_flipped_bit_fails(
            mut body in proptest::collection::vec(any::<u8>(), 1..200),
            at: proptest::sample::Index,
            bit in 0..8_u32,
        ) {
            let secrets = SigningSecrets::new(Some(SECRET), None);
            let signature = sign(SECRET, &body);
            let at = at.index(body.len());
            body[at] ^= 1 << bit;
            prop_assert_eq!(judge(&secrets, &signature, &body, 1_739_923_528), Verification::Unknown);
        }

        #[test]
        fn a_changed_header_fails(at in 0..67_usize, to in "[ -~]") {
            let secrets = SigningSecrets::new(Some(SECRET), None);
            let mut signature = MAC.to_owned();
            signature.replace_range(at..=at, &to);
            prop_assume!(signature != MAC);
            let headers = headers(TIME, &signature);
            if let Ok(presented) = Presented::from_headers(&headers) {
                let now = Timestamp::from_second(1_739_923_528).unwrap();
                let verdict = verify(&secrets, &presented, BODY.as_bytes(), now, TOLERANCE);
                prop_assert_eq!(verdict, Verification::Unknown);
            }
        }
    }
}
