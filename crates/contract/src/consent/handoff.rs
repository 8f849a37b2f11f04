//! An authorization code on its way from the pages to the controller.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A larger handoff is not ours.
pub const MAX_BYTES: usize = 16 * 1024;

/// An authorization code and all that is needed to redeem it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handoff {
    /// Namespace of the connection.
    pub namespace: String,
    /// Namespace of the integration, if it is not that of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_namespace: Option<String>,
    /// Name of the integration.
    pub integration: String,
    /// UID of the integration for which the consent was begun.
    pub integration_uid: String,
    /// Name of the connection; with self-service the one to be made.
    pub connection: String,
    /// UID of the connection for which the consent was begun; `None` with self-service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_uid: Option<String>,
    /// Client id for which the code was issued.
    pub client_id: String,
    /// The redirect URL named at the authorization endpoint (RFC 6749 section 4.1.3).
    pub redirect_url: String,
    /// The authorization code.
    #[serde(serialize_with = "expose")]
    pub code: SecretString,
    /// The PKCE verifier (RFC 7636 section 4.1).
    #[serde(serialize_with = "expose")]
    pub code_verifier: SecretString,
    /// When the person began.
    pub begun: Timestamp,
    /// When Zoom sent the person back.
    pub authorized: Timestamp,
}

/// Why a handoff cannot be read. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handed over consent cannot be read")]
pub struct Invalid;

// === impl Handoff ===

impl Handoff {
    /// Namespace of the integration.
    #[must_use]
    pub fn integration_namespace(&self) -> &str {
        self.integration_namespace
            .as_deref()
            .unwrap_or(&self.namespace)
    }

    /// As it is stored.
    ///
    /// # Errors
    /// When it is larger than [`MAX_BYTES`].
    pub fn to_json(&self) -> Result<Vec<u8>, Invalid> {
        let json = serde_json::to_vec(self).map_err(|_| Invalid)?;
        (json.len() <= MAX_BYTES).then_some(json).ok_or(Invalid)
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When it is no handoff.
    pub fn from_json(json: &[u8]) -> Result<Self, Invalid> {
        if json.len() > MAX_BYTES {
            return Err(Invalid);
        }
        serde_json::from_slice(json).map_err(|_| Invalid)
    }
}

/// Writes a secret out, in a type that is made to be stored.
///
/// # Errors
/// Those of the serializer.
pub fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_handoff_survives_the_way_and_tells_nobody_its_code() {
        let handoff = Handoff {
            namespace: "clinics".into(),
            integration_namespace: None,
            integration: "app".into(),
            integration_uid: "i".into(),
            connection: "ada".into(),
            connection_uid: Some("c".into()),
            client_id: "id".into(),
            redirect_url: "https://connect.example.com/callback/clinics/app".into(),
            code: "the-code".into(),
            code_verifier: "the-verifier".into(),
            begun: Timestamp::UNIX_EPOCH,
            authorized: Timestamp::UNIX_EPOCH,
        };
        let shown = format!("{handoff:?}");
        assert!(
            !shown.contains("the-code") && !shown.contains("the-verifier"),
            "{shown}"
        );
        let read = Handoff::from_json(&handoff.to_json().unwrap()).unwrap();
        assert_eq!(read.code.expose_secret(), "the-code");
        assert_eq!(read.connection_uid.as_deref(), Some("c"));
        assert_eq!(Handoff::from_json(b"{}").unwrap_err(), Invalid);
    }
}
