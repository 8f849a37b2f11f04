//! Credentials that are spent, what Zoom returns for them, and on whose behalf.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// The OAuth client (RFC 6749 section 2) on whose behalf a credential is spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// Distinguishes pairs of client id and secret without revealing them.
    pub fingerprint: String,
}

/// A credential that can be used once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Credential {
    /// An authorization code (RFC 6749 section 4.1.3).
    Code(Code),
    /// A refresh token (RFC 6749 section 6).
    #[serde(serialize_with = "expose")]
    RefreshToken(SecretString),
}

/// An authorization code with what must accompany it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Code {
    /// The code.
    #[serde(serialize_with = "expose")]
    pub code: SecretString,
    /// The PKCE verifier (RFC 7636 section 4.5).
    #[serde(serialize_with = "expose")]
    pub verifier: SecretString,
    /// The redirect URL that the code was asked for with.
    pub redirect_url: String,
}

/// An access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The token.
    #[serde(serialize_with = "expose")]
    pub token: SecretString,
    /// `bearer`.
    pub token_type: String,
    /// When it was requested.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// Where Zoom's API is for this account.
    pub api_url: String,
}

/// Zoom's reply for a credential.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The successor of the credential.
    pub refresh_token: SecretString,
    /// The access token.
    pub access: Access,
}

// === impl Client ===

impl Client {
    /// The client with this id and secret.
    #[must_use]
    pub fn new(id: &str, secret: &SecretString) -> Self {
        let digest = Sha256::new()
            .chain_update("client")
            .chain_update([0])
            .chain_update(id)
            .chain_update([0])
            .chain_update(secret.expose_secret())
            .finalize();
        Self {
            id: id.to_owned(),
            fingerprint: HEXLOWER.encode(&digest[..16]),
        }
    }
}

// === impl Credential ===

impl Credential {
    /// Whether it was erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let secret = match self {
            Self::Code(code) => &code.code,
            Self::RefreshToken(token) => token,
        };
        secret.expose_secret().is_empty()
    }

    /// Distinguishes credentials without revealing them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let (kind, secret) = match self {
            Self::Code(code) => ("code", &code.code),
            Self::RefreshToken(token) => ("refresh-token", token),
        };
        let digest = Sha256::new()
            .chain_update(kind)
            .chain_update([0])
            .chain_update(secret.expose_secret())
            .finalize();
        HEXLOWER.encode(&digest[..16])
    }
}

/// Serializes a secret in plain text: these types exist to be stored.
fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_tell_credentials_apart_and_show_nothing() {
        let token = |text: &str| Credential::RefreshToken(text.to_owned().into());
        let code = Credential::Code(Code {
            code: "a".to_owned().into(),
            verifier: "v".to_owned().into(),
            redirect_url: "https://example.com".into(),
        });
        assert_eq!(token("a").fingerprint(), token("a").fingerprint());
        assert_ne!(token("a").fingerprint(), token("b").fingerprint());
        assert_ne!(token("a").fingerprint(), code.fingerprint());
        assert!(!format!("{:?} {:?}", token("hunter2"), code).contains("hunter2"));
    }
}
