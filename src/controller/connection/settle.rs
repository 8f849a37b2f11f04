//! Computes the state after a step: what an answer means, and when to try again. Pure.

mod after;
mod consent;

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use self::after::After;
use super::model::{Asked, Attempted, Outcome, Purpose, Read, Refused, Situation, Step};
use crate::{
    api::{reason::Reason, v1alpha1::ZoomConnection},
    controller::{
        failure::{self},
        grants::{
            TooEarly,
            secret::{self, GrantSecret},
        },
        token_secret::{Owner, TokenSecret},
    },
};

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
        (Step::Redeem(..), Outcome::Stored(Err(refused))) => after.consent_not_written(&refused),
        (step, Outcome::Stored(Err(refused))) => after.grant_not_written(step, &refused),
        (_, Outcome::Stored(Ok(read))) => after.reowned(read),
        (Step::AskWhoConsented(_), Outcome::Who(answer)) => after.consented(answer),
        (_, Outcome::Who(answer)) => after.identified(answer),
        (_, Outcome::Redeemed(outcome)) => after.redeemed(outcome),
        (step, Outcome::Postponed(early)) => after.postponed(step, early),
        (_, Outcome::Published(written)) => after.published(written),
        (_, Outcome::NotReowned(wait)) => after.not_reowned(wait),
        (step, Outcome::Done) => after.done(step),
    }
    after.situation
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
                let other = asked.as_ref().and_then(|asked| asked.other.clone());
                self.situation.observed.other = other;
                self.proved(asked.as_ref());
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

    fn reowned(&mut self, read: Read) {
        self.situation.observed.take(read);
        let (last, now) = (self.situation.failure.take(), self.now);
        self.situation.failure = last.and_then(|last| failure::once_written(last, now));
    }

    /// What the Secret holds is valid all the same, so neither its next write nor the token waits.
    fn not_reowned(&mut self, wait: Duration) {
        self.situation.tried.mark(Attempted::Metadata);
        self.look_in(wait);
    }

    fn not_stored(&mut self, purpose: Purpose, refused: &Refused) {
        self.situation.tried.mark(Attempted::Write);
        let message = grant_refused(self.connection, refused);
        if purpose == Purpose::Adopted {
            self.wait_with_consent(Reason::TokenSecretNotWritten, message, None);
        } else {
            self.record(Reason::TokenSecretNotWritten, message, None);
        }
    }

    /// The attempt could not be recorded before it was to be made, or its reply not be stored yet.
    fn grant_not_written(&mut self, step: &Step, refused: &Refused) {
        self.situation.tried.mark(match step {
            Step::Refresh(_) => Attempted::Refresh,
            _ => Attempted::Write,
        });
        let message = grant_refused(self.connection, refused);
        self.record(Reason::TokenSecretNotWritten, message, None);
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
                let message = format!("Secret {name} could not be written: {}", refused.0);
                self.record(Reason::TokenSecretNotWritten, message, None);
            }
        }
    }
}

/// What people are told when the API server does not take the grant's Secret.
pub fn grant_refused(connection: &ZoomConnection, Refused(why): &Refused) -> String {
    let name = secret::name(&connection.name_any());
    format!("Secret {name} with this connection's grant could not be written: {why}")
}

#[cfg(test)]
mod tests;
