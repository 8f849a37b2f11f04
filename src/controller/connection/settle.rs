//! Computes the state after a step: what an answer means, and when to try again. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;

use super::model::{
    AppAccess, Asked, Attempted, Consent, End, Outcome, Purpose, Read, Refused, Situation, Step,
    Wait, code_expires,
};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{AccountStatus, ConsentStatus, Management, ZoomConnection},
    },
    controller::{
        failure::{self, Attempt},
        grants::{TooEarly, secret::GrantSecret},
        proof::AppId,
        schedule,
        token_secret::{Owner, TokenSecret},
    },
};
use grant::Lost;
use zoom::Class;

/// How soon to check again while another process may be working on it.
const WHILE_WAITING: Duration = Duration::from_secs(5);

/// How soon to check again after somebody else changed what was read.
const ONCE_OVERTAKEN: Duration = Duration::from_secs(1);

/// The state at `now`, after `step` led to `outcome`.
#[must_use]
pub fn settle(
    connection: &ZoomConnection,
    mut situation: Situation,
    step: &Step,
    outcome: Outcome,
    now: Timestamp,
) -> Situation {
    situation.tried.steps += 1;
    let mut after = After {
        connection,
        consent: step.consent().map(ToOwned::to_owned),
        situation,
        now,
    };
    match (step, outcome) {
        (_, Outcome::Refreshed(outcome, read)) => after.refreshed(outcome, read),
        (Step::Store(_, purpose), Outcome::Stored(written)) => after.stored(*purpose, written),
        (_, Outcome::Stored(written)) => {
            if let Ok(read) = written {
                after.situation.observed.take(read);
            }
        }
        (Step::AskWhoConsented(_), Outcome::Who(answer)) => after.consented(answer),
        (_, Outcome::Who(answer)) => after.identified(answer),
        (_, Outcome::Redeemed(outcome)) => after.redeemed(outcome),
        (step, Outcome::Postponed(early)) => after.postponed(step, early),
        (_, Outcome::Published(written)) => after.published(written),
        (step, Outcome::Done) => after.done(step),
    }
    after.situation
}

/// The state that a step changes.
struct After<'a> {
    connection: &'a ZoomConnection,
    /// Name of the Secret of the consent that the step concerns.
    consent: Option<String>,
    situation: Situation,
    now: Timestamp,
}

// === impl After ===

impl After<'_> {
    fn done(&mut self, step: &Step) {
        match step {
            Step::Notice(_) => self.situation.tried.mark(Attempted::Notice),
            Step::RemoveToken(_) => self.situation.observed.token = TokenSecret::Absent,
            Step::RemoveGrant => {
                self.situation.account = None;
                self.situation.observed.take(Read {
                    grant: GrantSecret::Absent,
                    version: None,
                    follows_policy: true,
                });
            }
            Step::RemoveOldToken(_) => self.situation.observed.old_token_secret = None,
            Step::EndConsent(consent, end) => self.ended(consent, end),
            _ => {}
        }
    }

    /// To the moment: there is a place in line, and more than a second may make it wait for longer.
    fn postponed(&mut self, step: &Step, TooEarly(wait): TooEarly) {
        let turn = self.now.checked_add(wait).unwrap_or(Timestamp::MAX);
        if let Step::Redeem(..) = step {
            self.situation.tried.mark(Attempted::Consent);
            self.situation.turn = Some(turn);
        } else {
            self.situation.tried.mark(Attempted::Refresh);
        }
        self.situation.look_at(turn);
    }

    fn refreshed(&mut self, outcome: grant::SpendOutcome<zoom::Error>, read: Read) {
        self.situation.tried.mark(Attempted::Refresh);
        self.situation.observed.take(read);
        match outcome {
            grant::SpendOutcome::Stored(_) | grant::SpendOutcome::Lost(_) => {
                self.situation.failure = None;
            }
            grant::SpendOutcome::Refused(refusal) => self.failed(&refusal.error),
            grant::SpendOutcome::Waiting => self.look_in(WHILE_WAITING),
            grant::SpendOutcome::OtherClient
            | grant::SpendOutcome::Superseded
            | grant::SpendOutcome::Gone => self.look_in(ONCE_OVERTAKEN),
        }
    }

    fn stored(&mut self, purpose: Purpose, written: Result<Read, Refused>) {
        let read = match written {
            Ok(read) => read,
            Err(refused) => return self.not_stored(purpose, &refused),
        };
        self.situation.observed.take(read);
        match purpose {
            Purpose::Imported => {
                self.situation.failure = None;
                self.situation.asked = None;
                self.situation.observed.other = None;
            }
            Purpose::Adopted => {
                self.situation.failure = None;
                let asked = self.consent().and_then(|consent| consent.identity.clone());
                self.proved(asked.as_ref());
                self.situation.observed.other = asked.and_then(|asked| asked.other);
            }
            Purpose::Identified => {
                let asked = self.situation.asked.take();
                self.situation.observed.other = asked.and_then(|asked| asked.other);
                self.situation.failure = None;
            }
            Purpose::Removed => self.situation.account = None,
            Purpose::Expired => {}
        }
    }

    /// Records which account allowed the app. Only what Zoom said about a consent proves it: the operator's own
    /// pages handed it over, and its code was redeemed out of the tenant's reach.
    fn proved(&mut self, asked: Option<&Asked>) {
        let observed = &self.situation.observed;
        let kept = observed.kept();
        let app = AppId {
            client_id: kept.and_then(|kept| kept.grant.client_id.as_deref()),
            ..observed.app_id()
        };
        let management = app.management;
        let is_needed =
            management == Some(Management::Admin) || observed.access == AppAccess::Allowed;
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

    fn not_stored(&mut self, purpose: Purpose, refused: &Refused) {
        self.situation.tried.mark(Attempted::Write);
        let message = format!(
            "The Secret of this connection's grant (its name with -zoom-grant appended) could not be written: {}",
            refused.0
        );
        if purpose == Purpose::Adopted {
            self.wait_with_consent(Reason::TokenSecretNotWritten, message, None);
        } else {
            self.record(Reason::TokenSecretNotWritten, message, None);
        }
    }

    fn identified(&mut self, answer: Result<Asked, zoom::Error>) {
        self.situation.tried.mark(Attempted::Identity);
        match answer {
            Ok(asked) => self.situation.asked = Some(asked),
            Err(error) => self.failed(&error),
        }
    }

    fn published(&mut self, written: Result<TokenSecret, Refused>) {
        match written {
            Ok(token) => {
                self.situation.observed.token = token;
                let last = self.situation.failure.take();
                let now = self.now;
                self.situation.failure = last.and_then(|last| failure::once_written(last, now));
            }
            Err(refused) => {
                self.situation.tried.mark(Attempted::Write);
                let name = Owner::connection(self.connection).secret_name;
                let message = format!("The Secret {name} could not be written: {}", refused.0);
                self.record(Reason::TokenSecretNotWritten, message, None);
            }
        }
    }

    // --- Consents ---

    fn redeemed(&mut self, outcome: grant::SpendOutcome<zoom::Error>) {
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
            grant::SpendOutcome::Waiting | grant::SpendOutcome::Superseded | grant::SpendOutcome::Gone => {
                self.situation.tried.mark(Attempted::Consent);
            }
        }
    }

    fn consented(&mut self, answer: Result<Asked, zoom::Error>) {
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
            Err(error) if error.fault.class() == Class::Time => {
                self.wait_with_consent(error.fault.into(), error.message(), error.retry_after);
            }
            Err(error) => {
                self.end_consent(End::failed(Reason::SubjectUnverifiable, error.message()));
            }
        }
    }

    fn consent_failed(&mut self, error: &zoom::Error) {
        if error.fault.class() == Class::Person {
            self.end_consent(End::failed(error.fault, error.message()));
        } else {
            self.wait_with_consent(error.fault.into(), error.message(), error.retry_after);
        }
    }

    /// A consent waits by the same rule as every other request. If its code expires before that, it ends.
    fn wait_with_consent(&mut self, reason: Reason, message: String, after: Option<Duration>) {
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

    fn ended(&mut self, consent: &Consent, end: &End) {
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
    fn consent(&self) -> Option<&Consent> {
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

    // --- Failures ---

    fn failed(&mut self, error: &zoom::Error) {
        self.record(error.fault.into(), error.message(), error.retry_after);
    }

    fn record(&mut self, reason: Reason, message: String, retry_after: Option<Duration>) {
        let observed = &self.situation.observed;
        let attempt = Attempt {
            reason,
            message,
            retry_after,
            credentials_version: observed.credentials_version(),
            expires_at: observed.expires_at(),
        };
        let uid = self.connection.uid().unwrap_or_default();
        let before = self.situation.failure.take();
        self.situation.failure = Some(failure::record(attempt, before.as_ref(), &uid, self.now));
    }

    fn look_in(&mut self, wait: Duration) {
        let time = schedule::later(self.now, wait);
        self.situation.look_at(time);
    }
}

#[cfg(test)]
mod tests;
