//! The stored form of a grant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::credential::{Access, Client, Credential, Pair};

/// A grant as it is stored: one conditional write covers all of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Which consent or import it comes from.
    pub id: String,
    /// How often its credential was replaced.
    pub generation: u64,
    /// When the person authorized, or the grant was imported.
    pub since: Timestamp,
    /// Client id of the app that it was given to: no other app can use it. Absent in a grant that was
    /// imported, or stored by an earlier version, until its first refresh succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The credential that is spent next.
    pub credential: Credential,
    /// The access token that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// An attempt to spend the credential whose outcome is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// Set once Zoom rejected the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
}

/// The grant is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Why.
    pub reason: Lost,
    /// Fingerprint of the rejected credential. A process that still holds its successor may restore the
    /// grant with it.
    pub spent: String,
    /// When the person removed the app, if that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
    /// Set while the refresh token is still stored. Absent: it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Seal>,
}

/// A refresh token that Zoom rejected and that is still stored. It is not used, with one exception: each
/// change of the client credentials allows one more attempt, because the credentials may have been the
/// wrong ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    /// When Zoom first rejected it.
    pub since: Timestamp,
    /// [`Client::fingerprint`] of the client credentials with which it was last rejected.
    pub refused_with: String,
    /// How many attempts were made with it.
    #[serde(default)]
    pub attempts: u32,
}

/// Whether a client may spend a grant's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Usable,
    /// The grant was given to another app.
    OtherClient,
    /// The grant is lost, and this client cannot restore it.
    Lost(Lost),
}

/// An attempt, recorded before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The process that makes it.
    pub holder: Holder,
    /// How many were made with this credential, this one included.
    pub attempt: u32,
    /// When it was recorded.
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
    /// The Pod's namespace. Absent in what earlier versions recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Why a grant is lost. The person must authorize the app again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lost {
    /// An earlier attempt reached Zoom and its reply was lost: the successor is unknown.
    ReplyLost,
    /// Zoom no longer accepts it: revoked, expired, or replaced by a newer authorization.
    GrantLost,
    /// The user who gave it no longer exists.
    OwnerGone,
    /// The person or an administrator removed the app.
    Deauthorized,
    /// It was handed over to another cluster, which is the only one that may use it.
    Exported,
}

// === impl Grant ===

impl Grant {
    /// The grant after `client` spent its credential for `pair`.
    #[must_use]
    pub fn rotated(&self, pair: Pair, client: &Client) -> Self {
        Self {
            id: self.id.clone(),
            generation: self.generation.saturating_add(1),
            since: self.since,
            client_id: Some(client.id.clone()),
            credential: Credential::RefreshToken(pair.refresh_token),
            access: Some(pair.access),
            intent: None,
            loss: None,
        }
    }

    /// Whether `spent` is the fingerprint of this grant's credential, even if the grant was lost since.
    #[must_use]
    pub fn matches_spent(&self, spent: &str) -> bool {
        match &self.loss {
            Some(loss) => loss.reason != Lost::Deauthorized && loss.spent == spent,
            None => self.credential.fingerprint() == spent,
        }
    }

    /// Whether `client` may spend the credential.
    #[must_use]
    pub fn standing(&self, client: &Client) -> Standing {
        let is_other = self.client_id.as_ref().is_some_and(|id| *id != client.id);
        match &self.loss {
            None if is_other => Standing::OtherClient,
            None => Standing::Usable,
            Some(loss) => match &loss.sealed {
                Some(seal) if !is_other && seal.refused_with != client.fingerprint => {
                    Standing::Usable
                }
                _ => Standing::Lost(loss.reason),
            },
        }
    }

    /// The grant after Zoom rejected its credential for `client` at `now`. A refresh token is
    /// kept sealed, because the client may have been the wrong one. An authorization code is erased: it expires
    /// within minutes anyway.
    #[must_use]
    pub fn refused(&self, reason: Lost, client: &Client, now: Timestamp) -> Self {
        if matches!(self.credential, Credential::Code(_)) {
            return self.erased(reason);
        }
        let before = self.loss.as_ref().and_then(|loss| loss.sealed.as_ref());
        Self {
            intent: None,
            loss: Some(Loss {
                reason,
                spent: self.credential.fingerprint(),
                removed_at: None,
                sealed: Some(Seal {
                    since: before.map_or(now, |seal| seal.since),
                    refused_with: client.fingerprint.clone(),
                    attempts: self.attempts(),
                }),
            }),
            ..self.clone()
        }
    }

    /// The grant without any usable credential.
    #[must_use]
    pub fn erased(&self, reason: Lost) -> Self {
        let before = self.loss.as_ref();
        Self {
            credential: Credential::RefreshToken(String::new().into()),
            access: None,
            intent: None,
            loss: Some(Loss {
                reason,
                spent: before
                    .map_or_else(|| self.credential.fingerprint(), |loss| loss.spent.clone()),
                removed_at: before.and_then(|loss| loss.removed_at),
                sealed: None,
            }),
            ..self.clone()
        }
    }

    /// The grant after its person removed the app at `removed_at`: nothing of it is kept.
    #[must_use]
    pub fn removed(&self, removed_at: Timestamp) -> Self {
        let mut erased = self.erased(Lost::Deauthorized);
        if let Some(loss) = &mut erased.loss {
            loss.removed_at = Some(removed_at);
        }
        erased
    }

    /// Why the grant is lost, if it is.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        self.loss.as_ref().map(|loss| loss.reason)
    }

    /// How many attempts with the present credential are on record.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        let seal = self.loss.as_ref().and_then(|loss| loss.sealed.as_ref());
        let sealed = seal.map_or(0, |seal| seal.attempts);
        let recorded = self.intent.as_ref().map_or(0, |intent| intent.attempt);
        sealed.max(recorded)
    }

    /// Whether a lost grant still holds a refresh token. An earlier version may have dropped the seal.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.loss.is_some() && !self.credential.is_empty()
    }
}

// === impl Lost ===

impl Lost {
    /// Every way, for documentation and tests.
    pub const ALL: [Self; 5] = [
        Self::ReplyLost,
        Self::GrantLost,
        Self::OwnerGone,
        Self::Deauthorized,
        Self::Exported,
    ];

    /// The reason in conditions and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReplyLost => "ReplyLost",
            Self::GrantLost => "GrantLost",
            Self::OwnerGone => "OwnerGone",
            Self::Deauthorized => "Deauthorized",
            Self::Exported => "Exported",
        }
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
            Self::Exported => {
                "The grant was exported to another cluster, and its tokens are erased here."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str, secret: &str) -> Client {
        Client::new(id, &secret.to_owned().into())
    }

    fn grant(client_id: Option<&str>) -> Grant {
        Grant {
            id: "g".into(),
            generation: 3,
            since: Timestamp::UNIX_EPOCH,
            client_id: client_id.map(Into::into),
            credential: Credential::RefreshToken("r".to_owned().into()),
            access: None,
            intent: None,
            loss: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_grant_is_for_the_app_that_it_was_given_to() {
        let own = grant(Some("a"));
        assert_eq!(own.standing(&client("a", "s")), Standing::Usable);
        assert_eq!(own.standing(&client("a", "t")), Standing::Usable);
        assert_eq!(own.standing(&client("b", "s")), Standing::OtherClient);
        assert_eq!(grant(None).standing(&client("b", "s")), Standing::Usable);
    }

    #[test]
    fn other_credentials_break_a_seal_once() {
        let lost = Standing::Lost(Lost::GrantLost);
        for (known, wrong) in [(None, client("b", "s")), (Some("a"), client("a", "s"))] {
            let sealed = grant(known).refused(Lost::GrantLost, &wrong, at(5));
            assert!(sealed.is_sealed());
            assert_eq!(sealed.standing(&wrong), lost);
            let right = client("a", "t");
            assert_eq!(sealed.standing(&right), Standing::Usable);
            let again = sealed.refused(Lost::GrantLost, &right, at(9));
            assert_eq!(again.standing(&right), lost);
            // The time counts from the first rejection.
            assert_eq!(again.loss.unwrap().sealed.unwrap().since, at(5));
        }
        let sealed = grant(Some("a")).refused(Lost::GrantLost, &client("a", "s"), at(5));
        assert_eq!(sealed.standing(&client("b", "s")), lost);
    }

    #[test]
    fn what_is_erased_is_never_used_again() {
        let sealed = grant(None).refused(Lost::GrantLost, &client("a", "s"), at(5));
        let erased = sealed.erased(Lost::Deauthorized);
        assert!(!erased.is_sealed());
        assert!(matches!(
            erased.standing(&client("a", "t")),
            Standing::Lost(_)
        ));
        let (before, after) = (sealed.loss.unwrap(), erased.loss.unwrap());
        assert_eq!((after.spent, after.sealed), (before.spent, None));
    }

    #[test]
    fn grants_of_earlier_versions_are_read() {
        let json = r#"{"id":"g","generation":2,"since":"2026-03-01T10:00:00Z",
            "credential":{"refreshToken":""},
            "loss":{"reason":"GrantLost","spent":"f"}}"#;
        let read: Grant = serde_json::from_str(json).unwrap();
        assert_eq!(read.client_id, None);
        assert!(!read.is_sealed());
        assert!(matches!(
            read.standing(&client("a", "s")),
            Standing::Lost(_)
        ));
    }

    #[test]
    fn each_loss_has_a_sentence() {
        for lost in Lost::ALL {
            assert!(lost.message().ends_with('.'));
        }
    }
}
