//! The consents of a connection.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

use crate::{
    api::{annotation, reason::Reason},
    controller::{
        connection::subject::Holder,
        grants::{handoff, secret},
        schedule,
    },
};
use contract::consent::Handoff;
use grant::Grant;
use zoom::Identity;

/// Zoom's authorization codes expire after five minutes.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// Name prefix of the Secrets of consents; the rest is the transaction.
pub const CONSENT_PREFIX: &str = "zoom-consent-";

/// A consent that the pages handed over.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Name of its Secret.
    pub secret_name: String,
    /// UID of its Secret.
    pub uid: Option<String>,
    /// Its content; `None` if it cannot be read.
    pub handoff: Option<Handoff>,
    /// Its code, and later what Zoom issued for it; `None` if it cannot be read.
    pub grant: Option<Grant>,
    /// Who the grant belongs to, once Zoom was asked.
    pub identity: Option<Asked>,
    /// How it ended, once known.
    pub end: Option<End>,
    /// The wait, if Zoom or the API server did not do what it needs. Its Secret tells it, because the status has room
    /// for one consent.
    pub wait: Option<Wait>,
}

/// The attempts that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How many.
    pub attempts: i32,
    /// When to make the next one.
    pub until: Timestamp,
}

/// Zoom's answer about a grant's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The user; `None` if the scopes do not allow asking.
    pub identity: Option<Identity>,
    /// Another connection of the same user or account.
    pub other: Option<Holder>,
}

/// How a consent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it led to a grant that meets all requirements.
    pub succeeded: bool,
    /// The reason.
    pub reason: Reason,
    /// The message for people.
    pub message: String,
}

// === impl Consent ===

impl Consent {
    /// Reads the Secret of a consent.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        let stored = secret::get(secret).map(|kept| kept.grant);
        Self {
            secret_name: secret.name_any(),
            uid: secret.uid(),
            handoff: handoff::read(secret),
            grant: stored.or_else(|| handoff::grant_of(secret)),
            identity: None,
            end: None,
            wait: Wait::of(secret),
        }
    }

    /// The digest of the transaction that the browser carries.
    #[must_use]
    pub fn transaction(&self) -> &str {
        let name = self.secret_name.strip_prefix(CONSENT_PREFIX);
        name.unwrap_or_default()
    }

    /// The client id of the app that the person authorized.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        let granted = self.grant.as_ref()?.client_id.as_deref();
        granted.or_else(|| Some(&self.handoff.as_ref()?.client_id))
    }

    /// When the person authorized; `None` if it cannot be read.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.grant.as_ref().map(|grant| grant.since)
    }

    /// Whether its code was spent.
    #[must_use]
    pub fn is_redeemed(&self) -> bool {
        self.grant
            .as_ref()
            .is_some_and(|grant| grant.generation > 0)
    }
}

// === impl Wait ===

impl Wait {
    fn of(secret: &Secret) -> Option<Self> {
        let annotations = secret.annotations();
        Some(Self {
            attempts: annotations.get(annotation::ATTEMPTS)?.parse().ok()?,
            until: annotations.get(annotation::RETRY_AT)?.parse().ok()?,
        })
    }
}

// === impl End ===

impl End {
    /// The end of a consent that failed.
    #[must_use]
    pub fn failed(reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self {
            succeeded: false,
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// When a code that Zoom issued at `authorized` expires.
#[must_use]
pub fn code_expires(authorized: Timestamp) -> Timestamp {
    schedule::later(authorized, CODE_LIFE)
}
