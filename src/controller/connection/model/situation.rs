//! The state in the middle of a pass.

use jiff::Timestamp;

use super::{
    consent::{Asked, CONSENT_PREFIX, Consent},
    observed::Observed,
};
use crate::{
    api::{
        condition::Statement,
        reason::Reason,
        v1alpha1::{AccountStatus, ConsentStatus, EventsStatus, TokenFailure, ZoomConnection},
    },
    controller::{failure, grants::secret::StoredGrant},
};

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
    /// The account that a consent proved.
    pub account: Option<AccountStatus>,
    /// What became of the connection's route.
    pub routed: Routed,
    /// Until when this pass starts further steps: each may take long at Zoom.
    pub until: Timestamp,
    /// What this pass does not try again.
    pub tried: Tried,
    /// When to check again, in addition to what is due.
    pub look_again: Option<Timestamp>,
    /// When the turn of a consent's code comes, if this pass was too early.
    pub turn: Option<Timestamp>,
}

/// What became of a connection's route.
#[derive(Clone, Debug, Default)]
pub struct Routed {
    /// Whether its events go to its sink; `None` without one.
    pub statement: Option<Statement>,
    /// What the receivers tell of its events.
    pub events: Option<EventsStatus>,
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
    /// The owners, labels or annotations of a Secret could not be written.
    Metadata,
    /// A consent has to wait.
    Consent,
    /// A grant has to be erased, and it is not certain that its time has come.
    Erasure,
}

// === impl Situation ===

impl Situation {
    /// The state at the beginning of a pass at `now` that starts steps until then.
    #[must_use]
    pub fn new(
        connection: &ZoomConnection,
        observed: Observed,
        now: Timestamp,
        until: Timestamp,
    ) -> Self {
        let status = connection.status.as_ref();
        let last = status.and_then(|status| status.token.as_ref()?.failure.clone());
        Self {
            failure: last.filter(|last| {
                failure::is_standing(last, observed.issued_at(), now)
                    && failure::is_believed(last, now)
            }),
            consent: status
                .and_then(|status| status.consent.clone())
                .map(|consent| settled(consent, &observed)),
            asked: None,
            account: status
                .and_then(|status| status.account.clone())
                .and_then(|account| completed(account, &observed)),
            routed: Routed::default(),
            until,
            tried: Tried::default(),
            look_again: None,
            turn: None,
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

/// The proof with its app, which earlier versions did not record: that of the grant. If the integration has another
/// app now, it is no proof.
fn completed(account: AccountStatus, observed: &Observed) -> Option<AccountStatus> {
    let app = observed.app_id();
    let kept = observed.kept().filter(|_| !observed.is_copy());
    let of = kept.and_then(|kept| kept.grant.client_id.as_deref());
    match (app.has_proof(&account), of.zip(app.client_id)) {
        (None, Some((of, own))) if of == own => Some(AccountStatus {
            client_id: Some(of.to_owned()),
            management: app.management,
            ..account
        }),
        (None, Some(_)) => None,
        _ => Some(account),
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
