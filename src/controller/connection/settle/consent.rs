//! What an answer means for a consent. Pure.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

use super::after::After;
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{AccountStatus, ConsentStatus, Management},
    },
    controller::{
        connection::{
            model::{AppAccess, Asked, Attempted, Consent, End, Refused, Wait, code_expires},
            plan,
        },
        failure,
        proof::AppId,
        schedule,
    },
};
use grant::Lost;
use zoom::{Class, Fault};

impl After<'_> {
    /// Records which account allowed the app. Only what Zoom said about a consent proves it: the operator's own
    /// pages handed it over, and its code was redeemed out of the tenant's reach. A person whom the connection does not
    /// expect proves nothing.
    pub fn proved(&mut self, asked: Option<&Asked>) {
        let observed = &self.situation.observed;
        if plan::mismatch(self.connection, observed).is_some() {
            return;
        }
        let kept = observed.kept();
        let app = AppId {
            client_id: kept.and_then(|kept| kept.grant.client_id.as_deref()),
            ..observed.app_id()
        };
        let management = app.management;
        let is_needed = management == Some(Management::Admin) || observed.access != AppAccess::Own;
        let identity = asked.and_then(|asked| asked.identity.as_ref());
        let told = identity.filter(|identity| is_needed && !identity.account_id.is_empty());
        let before = self.situation.account.take();
        self.situation.account = told.map(|identity| {
            let user_id = Some(identity.user_id.clone()).filter(|id| !id.is_empty());
            // Another administrator of the account proves the same. In a user-managed app users are told apart.
            let is_same = |before: &AccountStatus| {
                let of_account = management == Some(Management::Admin);
                before.id == identity.account_id
                    && (of_account || before.user_id == user_id)
                    && app.has_proof(before) != Some(false)
            };
            let before = before.filter(is_same).map(|before| before.since);
            AccountStatus {
                id: identity.account_id.clone(),
                since: before.unwrap_or_else(|| Time(schedule::later(self.now, Duration::ZERO))),
                user_id,
                client_id: app.client_id.map(ToOwned::to_owned),
                management,
            }
        });
    }

    /// What became of the code.
    pub fn redeemed(&mut self, outcome: grant::SpendOutcome<zoom::Error>) {
        match outcome {
            grant::SpendOutcome::Stored(grant) => self.with_consent(|consent| {
                consent.grant = Some(*grant);
            }),
            grant::SpendOutcome::Refused(refusal) => self.consent_failed(&refusal.error),
            grant::SpendOutcome::Lost(lost) if self.is_redeemed() => {
                self.wait_with_consent(lost.into(), lost.message().into(), None);
            }
            grant::SpendOutcome::Lost(lost) => self.end_consent(End::failed(
                Reason::CodeRejected,
                if lost == Lost::ReplyLost {
                    "Zoom's reply to the authorization code was lost on the way: open the link again."
                } else {
                    "Zoom did not accept the authorization code: open the link again."
                },
            )),
            grant::SpendOutcome::OtherClient => self.wait_with_consent(
                Reason::ClientIdChanged,
                "The credentials Secret holds the client id of another app than the one that was authorized: put back that app's client id and secret.".into(),
                None,
            ),
            grant::SpendOutcome::Gone => self.wait_with_consent(
                Reason::IntegrationNotFound,
                "Zoom was not asked: the consent was removed, or its connection or integration is being deleted.".into(),
                None,
            ),
            grant::SpendOutcome::Waiting | grant::SpendOutcome::Superseded => {
                self.situation.tried.mark(Attempted::Consent);
            }
        }
    }

    /// What Zoom said about who consented.
    pub fn consented(&mut self, answer: Result<Asked, zoom::Error>) {
        match answer {
            Ok(asked) => {
                // Adopted by a pass that did not come to its end: what that one knew may not be stored.
                let kept = self.situation.kept().map(|kept| kept.grant.id.clone());
                let is_adopted = self
                    .consent()
                    .and_then(|consent| consent.grant.as_ref())
                    .is_some_and(|grant| Some(&grant.id) == kept.as_ref());
                if is_adopted {
                    self.proved(Some(&asked));
                }
                self.with_consent(|consent| consent.identity = Some(asked));
            }
            // Zoom says that the grant itself is of no use.
            Err(error) if matches!(error.fault, Fault::GrantLost | Fault::OwnerGone) => {
                self.end_consent(End::failed(Reason::SubjectUnverifiable, error.message()));
            }
            Err(error) => {
                self.wait_with_consent(error.fault.into(), error.message(), error.retry_after);
            }
        }
    }

    /// A code does not live until somebody corrected the credentials or the app. What it gave does.
    fn consent_failed(&mut self, error: &zoom::Error) {
        if error.fault.class() == Class::Person && !self.is_redeemed() {
            self.end_consent(End::failed(error.fault, error.message()));
        } else {
            self.wait_with_consent(error.fault.into(), error.message(), error.retry_after);
        }
    }

    /// A consent waits by the same rule as every other request. If its code expires before that, it ends.
    pub fn wait_with_consent(&mut self, reason: Reason, message: String, after: Option<Duration>) {
        let Some(consent) = self.consent() else {
            return;
        };
        let transaction = consent.transaction().to_owned();
        let before = self.situation.consent.as_ref();
        let before = before.filter(|told| told.is_waiting() && told.transaction == transaction);
        let attempts = before
            .and_then(|before| before.attempts)
            .or_else(|| consent.wait.map(|wait| wait.attempts))
            .unwrap_or_default()
            .saturating_add(1);
        let uid = self.connection.uid().unwrap_or_default();
        let retry = schedule::Retrying {
            cause: failure::retry_of(reason),
            attempts,
            retry_after: after,
            expires_at: None,
        };
        let retry_at = schedule::retry_at(retry, self.now, &uid);
        let authorized = consent.handoff.as_ref().map(|handoff| handoff.authorized);
        let is_too_late =
            !consent.is_redeemed() && authorized.is_some_and(|at| retry_at >= code_expires(at));
        if is_too_late {
            let message = format!(
                "{message} The authorization code does not live until the next attempt at {retry_at}: open the link again after that."
            );
            return self.end_consent(End::failed(reason, message));
        }
        self.situation.tried.mark(Attempted::Consent);
        let until = retry_at;
        self.with_consent(|consent| consent.wait = Some(Wait { attempts, until }));
        self.situation.consent = Some(ConsentStatus {
            transaction,
            outcome: ConsentStatus::WAITING.into(),
            reason,
            message,
            attempts: Some(attempts),
            retry_at: Some(Time(retry_at)),
        });
    }

    /// A consent is removed.
    pub fn ended(&mut self, consent: &Consent, end: &End) {
        self.situation.tried.consents += 1;
        let consents = &mut self.situation.observed.consents;
        consents.retain(|other| other.secret_name != consent.secret_name);
        let outcome = if end.succeeded {
            ConsentStatus::SUCCEEDED
        } else {
            ConsentStatus::FAILED
        };
        self.situation.consent = Some(ConsentStatus {
            transaction: consent.transaction().to_owned(),
            outcome: outcome.into(),
            reason: end.reason,
            message: end.message.clone(),
            attempts: None,
            retry_at: None,
        });
    }

    /// The consent that the step concerns.
    pub fn consent(&self) -> Option<&Consent> {
        let name = self.consent.as_deref()?;
        let mut consents = self.situation.observed.consents.iter();
        consents.find(|consent| consent.secret_name == name)
    }

    fn is_redeemed(&self) -> bool {
        self.consent().is_some_and(Consent::is_redeemed)
    }

    fn end_consent(&mut self, end: End) {
        self.with_consent(|consent| consent.end = Some(end));
    }

    fn with_consent(&mut self, change: impl FnOnce(&mut Consent)) {
        let name = self.consent.as_deref();
        let mut consents = self.situation.observed.consents.iter_mut();
        if let Some(consent) = consents.find(|consent| Some(&*consent.secret_name) == name) {
            change(consent);
        }
    }

    /// The attempt could not be recorded, or its reply not be stored yet.
    pub fn consent_not_written(&mut self, Refused(why): &Refused) {
        let message = format!(
            "The Secret of the consent in the operator's namespace could not be written: {why}"
        );
        self.wait_with_consent(Reason::TokenSecretNotWritten, message, None);
    }
}
