//! The observed state around a connection.

use jiff::Timestamp;
use secrecy::SecretString;

use super::consent::Consent;
use crate::{
    api::v1alpha1::{SubjectStatus, ZoomConnection, ZoomIntegration},
    controller::{
        connection::subject::{self, Expected, Holder, Pinned},
        credentials::Credentials,
        grants::secret::{GrantSecret, StoredGrant},
        proof::AppId,
        published::Exactly,
        token_secret::TokenSecret,
    },
};
use grant::Intent;

/// The state around a connection: as it was read, and as each step left it.
#[derive(Debug)]
pub struct Observed {
    /// The integration, and its credentials. `None` if it does not exist, or may not be used.
    pub integration: Option<Integration>,
    /// Whether the integration may be used.
    pub access: AppAccess,
    /// The grant.
    pub grant: GrantSecret,
    /// Version of the grant's Secret, as the precondition of a write; `None` if there is no Secret.
    pub grant_version: Option<String>,
    /// Whether the grant's owner references match the deletion policy.
    pub follows_policy: bool,
    /// The attempts that other processes recorded, to refresh the grant or to redeem consents.
    pub foreign_attempts: Vec<ForeignAttempt>,
    /// The Secret that consumers mount.
    pub token: TokenSecret,
    /// A token Secret of ours under an earlier name, if there is one.
    pub old_token_secret: Option<Exactly>,
    /// The refresh token to import.
    pub import: Import,
    /// The consents handed over by the pages, the oldest first.
    pub consents: Vec<Consent>,
    /// UID of the namespace.
    pub namespace_uid: String,
    /// When the person last removed the app, according to the receivers.
    pub removed_at: Option<Timestamp>,
    /// When somebody last claimed that without Zoom's signature.
    pub claimed_at: Option<Timestamp>,
    /// Another connection of the user or account that gave the grant.
    pub other: Option<Holder>,
}

/// Whether a connection may use its integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppAccess {
    /// It is in the same namespace.
    Own,
    /// It is in another namespace, and allows this one.
    Allowed,
    /// It is in another namespace and allowed this one, and the operator cannot see whether it still does. That is no
    /// reason to remove anything.
    Unseen(Unseen),
    /// It is in another namespace, and does not exist or does not allow this one; with the time when a pass
    /// first found so.
    Refused(Option<Timestamp>),
}

/// What an operator that watches some namespaces only does not see of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// The integration.
    Integration,
    /// Changes of the labels by which the integration allows this namespace.
    Labels,
}

/// The integration of a connection.
#[derive(Debug)]
pub struct Integration {
    /// The resource.
    pub resource: ZoomIntegration,
    /// Its credentials.
    pub credentials: Credentials,
}

/// An attempt by another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignAttempt {
    /// What it recorded.
    pub intent: Intent,
    /// Whether its Pod no longer exists.
    pub is_pod_gone: bool,
}

/// A refresh token to import.
#[derive(Debug)]
pub enum Import {
    /// None is configured.
    NotWanted,
    /// The Secret or its key is missing; with a sentence for the status.
    Awaited(String),
    /// The refresh token.
    Present(SecretString),
}

/// The Secret of a grant, as read.
#[derive(Clone, Debug)]
pub struct Read {
    /// What it holds.
    pub grant: GrantSecret,
    /// Its version.
    pub version: Option<String>,
    /// Whether its owner references match the deletion policy.
    pub follows_policy: bool,
}

// === impl Integration ===

impl Integration {
    /// The app: the client id that Zoom accepted, and before that the one in the credentials.
    #[must_use]
    pub fn app_id(&self) -> AppId<'_> {
        let status = self.resource.status.as_ref();
        let accepted = status.and_then(|status| status.client_id.as_deref());
        AppId {
            client_id: accepted.or(self.credentials.client_id.as_deref()),
            management: self.resource.spec.app.management,
        }
    }
}

// === impl Observed ===

impl Observed {
    /// The app, as far as it is known.
    #[must_use]
    pub fn app_id(&self) -> AppId<'_> {
        let integration = self.integration.as_ref();
        integration.map(Integration::app_id).unwrap_or_default()
    }

    /// The grant, if it is ours and can be read.
    #[must_use]
    pub fn kept(&self) -> Option<&StoredGrant> {
        match &self.grant {
            GrantSecret::Ours(kept) => Some(kept),
            _ => None,
        }
    }

    /// When the grant's access token was requested.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        let access = self.kept()?.grant.access.as_ref()?;
        Some(access.issued_at)
    }

    /// When the grant's access token expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let access = self.kept()?.grant.access.as_ref()?;
        Some(access.expires_at)
    }

    /// Version of the app's credentials.
    #[must_use]
    pub fn credentials_version(&self) -> &str {
        let integration = self.integration.as_ref();
        integration.map_or("", |integration| &integration.credentials.version)
    }

    /// The client id in the app's credentials.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        let credentials = &self.integration.as_ref()?.credentials;
        credentials.client_id.as_deref()
    }

    /// Whether the grant was stored for another namespace or cluster. The owner of the original may spend it;
    /// using the copy could then fail, or make the original worthless.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.kept().is_some_and(|kept| {
            !kept.namespace_uid.is_empty() && kept.namespace_uid != self.namespace_uid
        })
    }

    /// What to compare an identity with.
    #[must_use]
    pub fn expected<'a>(
        &'a self,
        connection: &'a ZoomConnection,
        other: Option<&'a Holder>,
    ) -> Expected<'a> {
        Expected {
            pinned: self.authorized_before(connection),
            ..self.expecting(connection, other)
        }
    }

    /// The same for somebody who is the first.
    fn expecting<'a>(
        &'a self,
        connection: &'a ZoomConnection,
        other: Option<&'a Holder>,
    ) -> Expected<'a> {
        let integration = self.integration.as_ref();
        Expected {
            subject: connection.spec.subject.as_ref(),
            pinned: None,
            management: integration.and_then(|found| found.resource.spec.app.management),
            other,
            declared: integration.map_or(&[], |found| &found.resource.spec.scopes.required),
        }
    }

    /// Who authorized the connection before: as the status says, or else the grant, which an earlier step of the
    /// same pass may have stored. One that may not be the connection's, such as a wrong import, binds nobody.
    fn authorized_before<'a>(&'a self, connection: &'a ZoomConnection) -> Option<Pinned<'a>> {
        let told = pinned(connection).map(|told| Pinned {
            user_id: told.user_id.as_deref(),
            account_id: told.account_id.as_deref(),
        });
        let told = told.filter(|told| told.user_id.is_some() || told.account_id.is_some());
        told.or_else(|| {
            let kept = self.kept().filter(|_| !self.is_copy())?;
            let identity = kept.identity.as_ref()?;
            let first = self.expecting(connection, self.other.as_ref());
            subject::judge(Some(identity), first).ok()?;
            let known = |id: &'a str| (!id.is_empty()).then_some(id);
            Some(Pinned {
                user_id: known(&identity.user_id),
                account_id: known(&identity.account_id),
            })
        })
    }

    /// Adopts what was read of the grant's Secret.
    pub fn take(&mut self, read: Read) {
        self.grant = read.grant;
        self.grant_version = read.version;
        self.follows_policy = read.follows_policy;
    }
}

/// Who authorized the connection before.
#[must_use]
pub fn pinned(connection: &ZoomConnection) -> Option<&SubjectStatus> {
    connection.status.as_ref()?.subject.as_ref()
}
