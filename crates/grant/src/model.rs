//! What is stored of a grant.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A grant as it is stored: one conditional write covers all of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Which consent or import it comes from.
    pub id: String,
    /// How often its credential was replaced.
    pub generation: u64,
    /// When the person authorized, or the grant was taken over.
    pub since: Timestamp,
    /// What is spent next.
    pub credential: Credential,
    /// The access token that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// An attempt to spend the credential whose outcome is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Set once the credential is never to be spent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
}

/// That a grant is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Why.
    pub reason: Lost,
    /// Fingerprint of the credential that was of no use. Whoever still holds its successor may bring the
    /// grant back with it.
    pub spent: String,
    /// When the person removed the app, if that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

/// What can be spent once.
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

/// What Zoom gives for a credential.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The successor of the credential.
    pub refresh_token: SecretString,
    /// The access token.
    pub access: Access,
}

/// An attempt, written down before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Who makes it.
    pub holder: Holder,
    /// How many were made with this credential, this one included.
    pub attempt: u32,
    /// When it was written down.
    pub begun: Timestamp,
}

/// A process of the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The Pod.
    pub pod: String,
    /// The process in it: another one after each restart of the container.
    pub process: String,
}

/// Why a credential is never spent again. A person must authorize anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lost {
    /// An earlier attempt reached Zoom and its reply reached nobody: the successor is unknown.
    ReplyLost,
    /// Zoom no longer accepts it: revoked, expired, or replaced by a newer authorization.
    GrantLost,
    /// The user who gave it no longer exists.
    OwnerGone,
    /// The person or an administrator removed the app.
    Deauthorized,
}

// === impl Grant ===

impl Grant {
    /// The grant after its credential was spent for `pair`.
    #[must_use]
    pub fn rotated(&self, pair: Pair) -> Self {
        Self {
            id: self.id.clone(),
            generation: self.generation.saturating_add(1),
            since: self.since,
            credential: Credential::RefreshToken(pair.refresh_token),
            access: Some(pair.access),
            intent: None,
            loss: None,
        }
    }

    /// Whether `spent` is the fingerprint of this grant's credential, also if it was given up since.
    #[must_use]
    pub fn had(&self, spent: &str) -> bool {
        match &self.loss {
            Some(loss) => loss.reason != Lost::Deauthorized && loss.spent == spent,
            None => self.credential.fingerprint() == spent,
        }
    }

    /// The grant without anything that could be used: what is kept of a lost one.
    #[must_use]
    pub fn buried(&self, reason: Lost) -> Self {
        Self {
            credential: Credential::RefreshToken(String::new().into()),
            access: None,
            intent: None,
            loss: Some(Loss {
                reason,
                spent: self.credential.fingerprint(),
                removed_at: None,
            }),
            ..self.clone()
        }
    }
}

// === impl Credential ===

impl Credential {
    /// Tells credentials apart without showing them.
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

// === impl Lost ===

impl Lost {
    /// Every way, for documentation and tests.
    pub const ALL: [Self; 4] = [
        Self::ReplyLost,
        Self::GrantLost,
        Self::OwnerGone,
        Self::Deauthorized,
    ];

    /// The reason in conditions and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReplyLost => "ReplyLost",
            Self::GrantLost => "GrantLost",
            Self::OwnerGone => "OwnerGone",
            Self::Deauthorized => "Deauthorized",
        }
    }

    /// The way with this reason.
    #[must_use]
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lost| lost.as_str() == reason)
    }

    /// What happened, as a sentence for the status.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::ReplyLost => {
                "Zoom replaced the refresh token, and its reply was lost on the way."
            }
            Self::GrantLost => {
                "Zoom no longer accepts this grant: it was revoked, expired, or replaced by a newer authorization."
            }
            Self::OwnerGone => "The Zoom user who authorized no longer exists.",
            Self::Deauthorized => "The app was removed in Zoom, and its tokens are erased here.",
        }
    }
}

/// Writes a secret out: these types are made to be stored.
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

    #[test]
    fn reasons_are_found_again() {
        for lost in Lost::ALL {
            assert_eq!(Lost::from_reason(lost.as_str()), Some(lost));
            assert!(lost.message().ends_with('.'));
        }
    }
}
