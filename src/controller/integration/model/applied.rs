//! The state after a plan was carried out.

use jiff::Timestamp;

use super::{judgement::Refusal, transition::Waiting};
use crate::{
    api::{
        reason::Reason,
        v1alpha1::{CredentialsStatus, TokenFailure},
    },
    controller::{
        failure,
        integration::{altered::Alterations, rewrites::Rewritten},
        rollouts::Progress,
        schedule,
        token_secret::TokenSecret,
    },
};

/// The state after the plan was carried out.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The token Secret.
    pub token: TokenSecret,
    /// The Secret that holds the token: for a while, still the one under an earlier name.
    pub token_secret_name: Option<String>,
    /// Whether that Secret is one that is still to be removed.
    pub has_old_token_secret: bool,
    /// What is known of those who change the token Secret, if a token was published.
    pub rewritten: Option<Rewritten>,
    /// The failed attempts to get a token since the last success.
    pub failure: Option<TokenFailure>,
    /// Whether Zoom issued the token for the current credentials.
    pub with_current_credentials: bool,
    /// What is known about a General app's credentials.
    pub checked: Checked,
    /// The receiver.
    pub receiver: ReceiverState,
    /// Why parts of the webhook are refused.
    pub refusals: Vec<Refusal>,
    /// When to make the plan again.
    pub look_again: Option<Timestamp>,
}

/// The state of the receiver.
#[derive(Clone, Debug)]
pub struct ReceiverState {
    /// Whether it accepts requests.
    pub finding: ReceiverFinding,
    /// The API server's sentence, if it refused an object of a receiver that accepts requests, or the removal of one.
    pub refused: Option<String>,
    /// Fields with labels and annotations that the operator's configuration does not allow.
    pub refused_metadata: Vec<String>,
    /// The priority class that the operator's configuration does not allow.
    pub refused_class: Option<String>,
    /// How many Pods it has, not counting those that a rollout adds.
    pub replicas: i32,
    /// Events that still have to be delivered.
    pub waiting: Option<Waiting>,
    /// Its volumes that are still growing, as a sentence.
    pub growing: Option<String>,
    /// How far it is from its wanted state; `None` without a receiver.
    pub progress: Option<Progress>,
    /// Why its Pods cannot be replaced although one accepts requests, as text for people.
    pub stuck: Option<String>,
    /// Changes that others made to its objects after they were applied, for the next pass.
    pub altered: Alterations,
    /// Changes by others that are left alone, as text for people.
    pub theirs: Vec<String>,
    /// Names of the Secrets with routes that others change again and again.
    pub contested: Vec<String>,
}

/// The finding about the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverFinding {
    /// It accepts requests.
    Available,
    /// It does not accept requests yet.
    Unavailable(String),
    /// Its objects could not be written.
    NotApplied(String),
    /// An object of somebody else has its name.
    Conflict(String),
}

/// What is known about a General app's credentials. For an app with its own token, the token shows it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::struct_field_names, reason = "named as in the status")]
pub struct Checked {
    /// Version of the Secret that Zoom took last.
    pub accepted_version: Option<String>,
    /// When Zoom was last asked.
    pub checked_at: Option<Timestamp>,
    /// The failed attempts since then.
    pub failure: Option<TokenFailure>,
}

// === impl Applied ===

impl Applied {
    /// Whether the host in the spec belongs to this integration, so that its URL may be published.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let is_others = |refusal: &Refusal| {
            matches!(refusal.reason, Reason::HostClaimed | Reason::HostNotAllowed)
        };
        !self.refusals.iter().any(is_others)
    }
}

// === impl Checked ===

impl Checked {
    /// What the status says about the credentials.
    #[must_use]
    pub fn of(known: &CredentialsStatus) -> Self {
        Self {
            accepted_version: known.accepted_version.clone(),
            checked_at: known.checked_at.as_ref().map(|time| time.0),
            failure: known.failure.clone(),
        }
    }

    /// What of it counts at `now`: times from a clock that was ahead, and was set back since, would hold up the next
    /// check.
    #[must_use]
    pub fn believed(self, now: Timestamp) -> Self {
        let is_ahead = schedule::is_ahead(self.checked_at, now);
        let failure = self.failure;
        Self {
            accepted_version: self.accepted_version,
            checked_at: self.checked_at.filter(|_| !is_ahead),
            failure: failure.filter(|failure| !is_ahead && failure::is_believed(failure, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    #[test]
    fn an_answer_from_a_clock_that_was_ahead_is_asked_for_again() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let checked = Checked {
            accepted_version: Some("c/1".into()),
            checked_at: Some(at(1000)),
            failure: Some(TokenFailure {
                reason: Reason::CredentialsRejected,
                message: String::new(),
                attempts: 1,
                time: Time(at(1000)),
                retry_at: Time(at(1060)),
                not_before: None,
                credentials_version: "c/1".into(),
            }),
        };
        assert_eq!(checked.clone().believed(at(1000)), checked);
        let later = checked.clone().believed(at(500));
        assert_eq!((later.checked_at, later.failure), (None, None));
        assert_eq!(later.accepted_version, checked.accepted_version);
    }
}
