//! The data that a pass over a connection hands from step to step.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use secrecy::SecretString;

use super::subject::Expected;
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{ConsentStatus, SubjectStatus, TokenFailure, ZoomConnection, ZoomIntegration},
    },
    controller::{
        credentials::Credentials,
        failure,
        grants::{
            handoff,
            secret::{self, GrantSecret, StoredGrant},
        },
        schedule,
        token_secret::TokenSecret,
    },
};
use contract::consent::Handoff;
use grant::{Grant, Intent};
use zoom::{App, Identity};

/// Zoom's authorization codes expire after five minutes.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// Name prefix of the Secrets of consents; the rest is the transaction.
const CONSENT_PREFIX: &str = "zoom-consent-";

/// The state around a connection: as it was read, and as each step left it.
#[derive(Debug)]
pub struct Observed {
    /// The integration, and its credentials.
    pub integration: Option<Integration>,
    /// The grant.
    pub grant: GrantSecret,
    /// Version of the grant's Secret, as the precondition of a write; `None` if there is no Secret.
    pub grant_version: Option<String>,
    /// Whether the grant's owner references match the deletion policy.
    pub follows_policy: bool,
    /// An attempt that another process recorded in the grant.
    pub foreign_attempt: Option<ForeignAttempt>,
    /// The Secret that consumers mount.
    pub token: TokenSecret,
    /// A token Secret of ours under an earlier name, if there is one.
    pub old_token_secret: Option<String>,
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
    /// Another connection of the user who gave the grant.
    pub other: Option<String>,
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
}

/// Zoom's answer about a grant's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The user; `None` if the scopes do not allow asking.
    pub identity: Option<Identity>,
    /// Another connection of the same user.
    pub other: Option<String>,
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

/// The state in the middle of a pass.
#[derive(Debug)]
pub struct Situation {
    /// The observed state.
    pub observed: Observed,
    /// The failed attempts since the last success.
    pub failure: Option<TokenFailure>,
    /// The state of the last consent.
    pub consent: Option<ConsentStatus>,
    /// Who the grant belongs to, if Zoom just said so and it is not stored yet.
    pub asked: Option<Asked>,
    /// Until when this pass starts further steps: each may take long at Zoom.
    pub until: Timestamp,
    /// What this pass does not try again.
    pub tried: Tried,
    /// When to check again, in addition to what is due.
    pub look_again: Option<Timestamp>,
}

/// What this pass has done.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    attempted: Vec<Attempted>,
    /// How many consents ended.
    pub consents: u32,
    /// How many steps were made.
    pub steps: u32,
}

/// What a pass does not try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// The attempt of another process is known.
    Notice,
    /// The grant was refreshed.
    Refresh,
    /// Zoom was asked who the grant belongs to.
    Identity,
    /// A Secret could not be written.
    Write,
    /// A consent has to wait.
    Consent,
}

/// One step of a pass.
#[derive(Clone, Debug)]
pub enum Step {
    /// Takes note of an attempt by another process.
    Notice(ForeignAttempt),
    /// Spends the grant's refresh token.
    Refresh(App),
    /// Writes the grant's Secret.
    Store(Box<StoredGrant>, Purpose),
    /// Asks Zoom who the grant belongs to.
    AskWho(Box<Grant>),
    /// Updates the owner references of the grant's Secret to match the deletion policy.
    ReownGrant,
    /// Spends the code of the first consent.
    Redeem(App, Box<Consent>),
    /// Asks Zoom who gave the first consent.
    AskWhoConsented(Box<Grant>),
    /// Removes the first consent, which has ended.
    EndConsent(Box<Consent>, End),
    /// Publishes the access token for consumers.
    Publish(Box<Grant>),
    /// Updates the owner references of the token's Secret to match the deletion policy.
    ReownToken(String),
    /// Removes the Secret that consumers mount.
    RemoveToken,
    /// Removes the token Secret with this earlier name.
    RemoveOldToken(String),
}

/// Why the grant's Secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A refresh token is imported.
    Imported,
    /// The grant of a consent becomes the connection's own.
    Adopted,
    /// Zoom said who it belongs to.
    Identified,
    /// The person removed the app: the grant is erased.
    Removed,
    /// It was sealed for long enough: it is erased.
    Expired,
}

/// The outcome of a step: the raw answers of Zoom and the API server.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Whether the grant was spent, and its Secret afterwards. `None`: that is already in progress.
    Refreshed(Option<grant::Outcome<zoom::Error>>, Read),
    /// The grant's Secret as written, or why the API server refused it.
    Stored(Result<Read, Refused>),
    /// Zoom's answer about the user.
    Who(Result<Asked, zoom::Error>),
    /// Whether the code was spent. `None`: that is already in progress.
    Redeemed(Option<grant::Outcome<zoom::Error>>),
    /// The token's Secret as written, or why the API server refused it.
    Published(Result<TokenSecret, Refused>),
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

/// A write that the API server refused, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

// === impl Situation ===

impl Situation {
    /// The state at the beginning of a pass that starts steps until then.
    #[must_use]
    pub fn new(connection: &ZoomConnection, observed: Observed, until: Timestamp) -> Self {
        let status = connection.status.as_ref();
        let last = status.and_then(|status| status.token.as_ref()?.failure.clone());
        Self {
            failure: last.filter(|last| failure::is_standing(last, observed.issued_at())),
            consent: status
                .and_then(|status| status.consent.clone())
                .map(|consent| settled(consent, &observed)),
            asked: None,
            until,
            tried: Tried::default(),
            look_again: None,
            observed,
        }
    }

    /// The grant, if it is ours and can be read.
    #[must_use]
    pub fn kept(&self) -> Option<&StoredGrant> {
        self.observed.kept()
    }

    /// Requests another check at `time` or earlier.
    pub fn look_at(&mut self, time: Timestamp) {
        self.look_again = Some(self.look_again.map_or(time, |at| at.min(time)));
    }
}

// === impl Tried ===

impl Tried {
    /// Whether this was attempted.
    #[must_use]
    pub fn has(&self, what: Attempted) -> bool {
        self.attempted.contains(&what)
    }

    /// Records that this was attempted.
    pub fn mark(&mut self, what: Attempted) {
        self.attempted.push(what);
    }
}

// === impl Observed ===

impl Observed {
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
        other: Option<&'a str>,
    ) -> Expected<'a> {
        let integration = self.integration.as_ref();
        Expected {
            subject: connection.spec.subject.as_ref(),
            pinned: pinned(connection),
            management: integration.and_then(|found| found.resource.spec.app.management),
            other,
            declared: integration.map_or(&[], |found| &found.resource.spec.scopes.required),
        }
    }

    /// Adopts what was read of the grant's Secret.
    pub fn take(&mut self, read: Read) {
        self.grant = read.grant;
        self.grant_version = read.version;
        self.follows_policy = read.follows_policy;
    }
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
        }
    }

    /// The digest of the transaction that the browser carries.
    #[must_use]
    pub fn transaction(&self) -> &str {
        let name = self.secret_name.strip_prefix(CONSENT_PREFIX);
        name.unwrap_or_default()
    }

    /// Whether its code was spent.
    #[must_use]
    pub fn is_redeemed(&self) -> bool {
        self.grant
            .as_ref()
            .is_some_and(|grant| grant.generation > 0)
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

/// The state of a consent that was waiting and whose Secret no longer exists: it led to the current grant, or
/// was removed.
fn settled(consent: ConsentStatus, observed: &Observed) -> ConsentStatus {
    let is_there = |found: &Consent| found.transaction() == consent.transaction;
    if !consent.is_waiting() || observed.consents.iter().any(is_there) {
        return consent;
    }
    let name = format!("{CONSENT_PREFIX}{}", consent.transaction);
    let (outcome, reason, message) = if observed.kept().is_some_and(|kept| kept.grant.id == name) {
        let message = "The app is authorized.";
        (ConsentStatus::SUCCEEDED, Reason::Connected, message)
    } else {
        let message = "The consent could not be completed in time: open the link again.";
        (ConsentStatus::FAILED, Reason::CodeExpired, message)
    };
    ConsentStatus {
        transaction: consent.transaction,
        outcome: outcome.into(),
        reason,
        message: message.into(),
        attempts: None,
        retry_at: None,
    }
}

/// When a code that Zoom issued at `authorized` expires.
#[must_use]
pub fn code_expires(authorized: Timestamp) -> Timestamp {
    schedule::later(authorized, CODE_LIFE)
}

/// Who authorized the connection before.
#[must_use]
pub fn pinned(connection: &ZoomConnection) -> Option<&SubjectStatus> {
    connection.status.as_ref()?.subject.as_ref()
}
