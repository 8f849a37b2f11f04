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

/// Zoom's authorization codes live for five minutes.
const CODE_LIFE: Duration = Duration::from_mins(5);

/// Of the names of consents' Secrets; the rest is the transaction.
const CONSENT_PREFIX: &str = "zoom-consent-";

/// What there is around a connection: as it was read, and after each step as the step left it.
#[derive(Debug)]
pub struct Observed {
    /// The integration, and its credentials.
    pub integration: Option<Integration>,
    /// The grant.
    pub grant: GrantSecret,
    /// Version of the grant's Secret, as the precondition of a write; `None` when there is none.
    pub grant_version: Option<String>,
    /// Whether the grant's owner references follow the deletion policy.
    pub follows_policy: bool,
    /// An attempt that another process wrote down in the grant.
    pub foreign_attempt: Option<ForeignAttempt>,
    /// The Secret that consumers mount.
    pub token: TokenSecret,
    /// A token Secret of ours under an earlier name.
    pub old_token_secret: Option<String>,
    /// What is to be imported.
    pub import: Import,
    /// Consents that were handed over, the oldest first.
    pub consents: Vec<Consent>,
    /// UID of the namespace.
    pub namespace_uid: String,
    /// When the person last removed the app, as the receivers were told.
    pub removed_at: Option<Timestamp>,
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
    /// What it wrote down.
    pub intent: Intent,
    /// Whether its Pod no longer exists.
    pub is_pod_gone: bool,
}

/// A grant to be taken over.
#[derive(Debug)]
pub enum Import {
    /// None.
    NotWanted,
    /// The Secret or its key is missing: a sentence for the status.
    Awaited(String),
    /// A refresh token.
    Present(SecretString),
}

/// A consent that was handed over.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Name of its Secret.
    pub secret_name: String,
    /// UID of its Secret.
    pub uid: Option<String>,
    /// What it says; `None` when it cannot be read.
    pub handoff: Option<Handoff>,
    /// Its code, and then what Zoom gave for it; `None` when it cannot be read.
    pub grant: Option<Grant>,
    /// Whose grant it is, once Zoom was asked.
    pub identity: Option<Asked>,
    /// How it ended, once that is known.
    pub end: Option<End>,
}

/// What Zoom says of a grant's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The user; `None` when the scopes do not allow to ask.
    pub identity: Option<Identity>,
    /// Another connection of the same user.
    pub other: Option<String>,
}

/// How a consent ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it gave a grant that has all that is required.
    pub succeeded: bool,
    /// Why.
    pub reason: Reason,
    /// The same for people.
    pub message: String,
}

/// How things stand in the middle of a pass.
#[derive(Debug)]
pub struct Situation {
    /// What there is.
    pub observed: Observed,
    /// The attempts that failed since the last success.
    pub failure: Option<TokenFailure>,
    /// What became of the last consent.
    pub consent: Option<ConsentStatus>,
    /// Whose the grant is, if Zoom just said so and it is not stored yet.
    pub asked: Option<Asked>,
    /// Until when this pass begins further steps: Zoom may take its time for each.
    pub until: Timestamp,
    /// What is not tried again in this pass.
    pub tried: Tried,
    /// When to look again, whatever else is due.
    pub look_again: Option<Timestamp>,
}

/// What was done in this pass.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    attempted: Vec<Attempted>,
    /// How many consents came to an end.
    pub consents: u32,
    /// How many steps were made.
    pub steps: u32,
}

/// What is not tried again in the same pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// The attempt of another process is known.
    Notice,
    /// The grant was refreshed.
    Refresh,
    /// Zoom was asked whose grant it is.
    Identity,
    /// A Secret could not be written.
    Write,
    /// A consent has to wait.
    Consent,
}

/// One step of a pass.
#[derive(Clone, Debug)]
pub enum Step {
    /// Takes notice of an attempt by another process.
    Notice(ForeignAttempt),
    /// Spends the grant's refresh token.
    Refresh(App),
    /// Writes the grant's Secret.
    Store(Box<StoredGrant>, Purpose),
    /// Asks Zoom whose grant it is.
    AskWho(Box<Grant>),
    /// Brings the owner references of the grant's Secret in line with the deletion policy.
    ReownGrant,
    /// Spends the code of the first consent.
    Redeem(App, Box<Consent>),
    /// Asks Zoom who gave the first consent.
    AskWhoConsented(Box<Grant>),
    /// Removes the first consent, which ended.
    EndConsent(Box<Consent>, End),
    /// Writes the access token where consumers find it.
    Publish(Box<Grant>),
    /// Brings the owner references of the token's Secret in line with the deletion policy.
    ReownToken(String),
    /// Removes the Secret that consumers mount.
    RemoveToken,
    /// Removes the token Secret of this earlier name.
    RemoveOldToken(String),
}

/// Why the grant's Secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A refresh token is taken over.
    Imported,
    /// The grant of a consent becomes the connection's own.
    Adopted,
    /// Zoom said whose it is.
    Identified,
    /// Its person removed the app: it is erased.
    Removed,
    /// It was kept sealed for long enough: it is erased.
    Expired,
}

/// What a step led to: what Zoom and the API server answered, without a judgement.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The grant was spent, or not; and its Secret afterwards. `None`: that is under way already.
    Refreshed(Option<grant::Outcome<zoom::Error>>, Read),
    /// The Secret of the grant as written, or why the API server refused.
    Stored(Result<Read, Refused>),
    /// What Zoom said to who it is.
    Who(Result<Asked, zoom::Error>),
    /// The code was spent, or not. `None`: that is under way already.
    Redeemed(Option<grant::Outcome<zoom::Error>>),
    /// The token's Secret as written, or why the API server refused.
    Published(Result<TokenSecret, Refused>),
}

/// The Secret of a grant as it was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// What it holds.
    pub grant: GrantSecret,
    /// Its version.
    pub version: Option<String>,
    /// Whether its owner references follow the deletion policy.
    pub follows_policy: bool,
}

/// A write that the API server refused, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

// === impl Situation ===

impl Situation {
    /// How things stand at the beginning of a pass, which begins steps until then.
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

    /// Asks for another look at `time` or before.
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

    /// Writes down that this was attempted.
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

    /// Whether the grant was stored for another namespace or cluster: whoever holds the original may spend
    /// it, and the copy would be dead, or worse, make the original worthless.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.kept().is_some_and(|kept| {
            !kept.namespace_uid.is_empty() && kept.namespace_uid != self.namespace_uid
        })
    }

    /// What an identity is compared with.
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

    /// Takes over what was read of the grant's Secret.
    pub fn take(&mut self, read: Read) {
        self.grant = read.grant;
        self.grant_version = read.version;
        self.follows_policy = read.follows_policy;
    }
}

// === impl Consent ===

impl Consent {
    /// What the Secret of a consent holds.
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
    /// A consent that failed.
    #[must_use]
    pub fn failed(reason: impl Into<Reason>, message: impl Into<String>) -> Self {
        Self {
            succeeded: false,
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// A consent that waited and whose Secret is gone: it gave the grant that is there, or was removed.
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

/// When a code that Zoom gave at `authorized` expires.
#[must_use]
pub fn code_expires(authorized: Timestamp) -> Timestamp {
    schedule::later(authorized, CODE_LIFE)
}

/// Who authorized the connection before.
#[must_use]
pub fn pinned(connection: &ZoomConnection) -> Option<&SubjectStatus> {
    connection.status.as_ref()?.subject.as_ref()
}
