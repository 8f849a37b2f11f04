//! Whether Zoom takes a General app's credentials: asked once for each change of their Secret,
//! at most every ten seconds.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::v1alpha1::{TokenFailure, ZoomIntegration},
    controller::{
        Context,
        error::Error,
        failure::{self, Attempt},
        integration::{
            observe::Observed,
            plan::{CredentialsStep, last_check},
        },
        schedule,
    },
};
use zoom::{App, Fault};

/// What is known of a General app's credentials. Of an app with a token of its own, the token says it.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "named as in the status")]
pub struct Checked {
    /// Version of the Secret that Zoom took last.
    pub accepted_version: Option<String>,
    /// When it was last asked.
    pub checked_at: Option<Timestamp>,
    /// The attempts that failed since.
    pub failure: Option<TokenFailure>,
}

// === impl Checked ===

impl Checked {
    /// When to ask about this version, if nothing is known of it.
    pub(super) fn next(&self, version: &str) -> Option<Timestamp> {
        let failed = self.failure.as_ref();
        let failed = failed.is_some_and(|failure| failure.credentials_version == version);
        let is_known = failed || self.accepted_version.as_deref() == Some(version);
        let last = self.checked_at.filter(|_| !is_known)?;
        Some(schedule::after_check(Some(last)))
    }
}

/// The last answers of Zoom, by UID: one that could not be written into the status is not asked for again.
#[derive(Default)]
pub struct Answers(Mutex<HashMap<String, Answer>>);

struct Answer {
    /// Version of the Secret.
    version: String,
    checked: Checked,
}

// === impl Answers ===

impl Answers {
    /// What was found since the status said `before`, which is all that needs to be known of this version
    /// at `now`.
    fn recall(
        &self,
        uid: &str,
        version: &str,
        before: &Checked,
        now: Timestamp,
    ) -> Option<Checked> {
        let answers = self.lock();
        let answer = answers.get(uid)?;
        let checked = &answer.checked;
        if checked.checked_at <= before.checked_at {
            return None;
        }
        if answer.version == version {
            let failure = checked.failure.as_ref();
            return failure
                .is_none_or(|failure| failure.retry_at.0 > now)
                .then(|| checked.clone());
        }
        (schedule::after_check(checked.checked_at) > now).then(|| checked.clone())
    }

    fn learn(&self, uid: String, version: &str, checked: &Checked) {
        let answer = Answer {
            version: version.to_owned(),
            checked: checked.clone(),
        };
        self.lock().insert(uid, answer);
    }

    /// Forgets an integration that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries out the step.
pub(super) async fn check(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    step: &CredentialsStep,
) -> Result<Checked, Error> {
    let before = known(integration);
    let version = &observed.credentials.version;
    let app = match (step, &observed.credentials.app) {
        (CredentialsStep::Keep | CredentialsStep::Wait(_), _) => return Ok(before),
        (CredentialsStep::Ask, None) | (CredentialsStep::Forget, _) => {
            // Credentials that come and go are asked about no more often than others.
            return Ok(Checked {
                checked_at: before.checked_at,
                ..Checked::default()
            });
        }
        (CredentialsStep::Ask, Some(app)) => app,
    };
    let uid = integration.uid().unwrap_or_default();
    if let Some(answer) = context
        .answers
        .recall(&uid, version, &before, Timestamp::now())
    {
        return Ok(answer);
    }
    let checked = ask(context, integration, version, app, before).await?;
    context.answers.learn(uid, version, &checked);
    Ok(checked)
}

async fn ask(
    context: &Context,
    integration: &ZoomIntegration,
    version: &str,
    app: &App,
    before: Checked,
) -> Result<Checked, Error> {
    context.zoom.within_budget_of_app(app).await;
    // Checked last before the request: a leader that was frozen until now starts nothing.
    context.leadership.check()?;
    let asked = schedule::later(Timestamp::now(), Duration::ZERO);
    let answer = context.zoom.check(app, asked).await;
    context
        .metrics
        .credentials_check(answer.as_ref().err().map(|error| error.fault));
    let Err(error) = answer else {
        tracing::info!("zoom takes the credentials");
        return Ok(accepted(version, asked));
    };
    tracing::info!(
        fault = error.fault.as_str(),
        detail = error.detail,
        "zoom does not take the credentials"
    );
    let uid = integration.uid().unwrap_or_default();
    let now = Timestamp::now();
    Ok(refused(&error, before, version, &uid, asked, now))
}

fn accepted(version: &str, asked: Timestamp) -> Checked {
    Checked {
        accepted_version: Some(version.to_owned()),
        checked_at: Some(asked),
        failure: None,
    }
}

fn refused(
    error: &zoom::Error,
    before: Checked,
    version: &str,
    uid: &str,
    asked: Timestamp,
    now: Timestamp,
) -> Checked {
    let attempt = Attempt {
        reason: error.fault.as_str(),
        message: message(error),
        retry_after: error.retry_after,
        credentials_version: version,
    };
    let mut failure = failure::record(attempt, before.failure.as_ref(), uid, now);
    let earliest = schedule::after_refused_check(asked);
    failure.retry_at.0 = failure.retry_at.0.max(earliest);
    Checked {
        checked_at: Some(asked),
        failure: Some(failure),
        ..before
    }
}

fn known(integration: &ZoomIntegration) -> Checked {
    last_check(integration).map_or_else(Checked::default, |known| Checked {
        accepted_version: known.accepted_version.clone(),
        checked_at: known.checked_at.as_ref().map(|time| time.0),
        failure: known.failure.clone(),
    })
}

/// The remedy for a General app where it is another than for one with a token of its own.
fn message(error: &zoom::Error) -> String {
    if error.fault == Fault::WrongAppKind {
        format!(
            "Zoom does not take these as the credentials of a General app: use those of a General app, or set app.kind: ServerToServer in a new ZoomIntegration. ({})",
            error.detail
        )
    } else {
        error.message()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn said(checked: Option<i64>) -> Checked {
        Checked {
            checked_at: checked.map(at),
            ..Checked::default()
        }
    }

    #[test]
    fn an_answer_whose_status_was_not_written_is_not_asked_for_again() {
        let answers = Answers::default();
        let recall = |uid, version, second| answers.recall(uid, version, &said(None), at(second));
        assert!(recall("u", "c/1", 0).is_none());
        answers.learn("u".into(), "c/1", &accepted("c/1", at(0)));
        let known = recall("u", "c/1", 9_000).unwrap();
        assert_eq!(known.accepted_version.as_deref(), Some("c/1"));
        assert!(recall("u", "c/2", 60).is_none(), "another Secret");
        assert!(recall("v", "c/1", 0).is_none(), "another app");
        answers.forget("u");
        assert!(recall("u", "c/1", 0).is_none());
    }

    #[test]
    fn an_answer_that_was_written_does_not_stand_against_another_question() {
        let answers = Answers::default();
        answers.learn("u".into(), "c/1", &accepted("c/1", at(5)));
        let recall = |before| answers.recall("u", "c/1", &said(before), at(400));
        assert!(recall(Some(4)).is_some());
        assert!(recall(Some(5)).is_none());
    }

    #[test]
    fn another_secret_within_ten_seconds_waits() {
        let answers = Answers::default();
        answers.learn("u".into(), "c/1", &accepted("c/1", at(0)));
        let known = answers.recall("u", "c/2", &said(None), at(9)).unwrap();
        assert_eq!(known.next("c/2"), Some(at(10)));
        assert_eq!(known.next("c/1"), None);
        assert!(answers.recall("u", "c/2", &said(None), at(10)).is_none());
    }

    #[test]
    fn whatever_zoom_says_it_is_not_asked_again_within_a_minute() {
        for fault in [
            Fault::Refused,
            Fault::Unavailable,
            Fault::CredentialsRejected,
        ] {
            let error = zoom::Error {
                fault,
                detail: String::new(),
                retry_after: None,
                ambiguous: false,
            };
            let checked = refused(&error, said(None), "c/1", "u", at(100), at(101));
            let failure = checked.failure.as_ref().unwrap();
            assert!(failure.retry_at.0 >= at(160), "{failure:?}");
            assert_eq!(checked.checked_at, Some(at(100)));
            assert_eq!(checked.next("c/1"), None);
        }
    }

    #[test]
    fn a_failure_stands_until_its_time() {
        let answers = Answers::default();
        let failure = json!({
            "reason": "CredentialsRejected", "message": "m", "attempts": 1, "time": at(0),
            "retryAt": at(60), "credentialsVersion": "c/1",
        });
        let checked = Checked {
            failure: Some(serde_json::from_value(failure).unwrap()),
            ..said(Some(0))
        };
        answers.learn("u".into(), "c/1", &checked);
        let recall = |second| answers.recall("u", "c/1", &said(None), at(second));
        assert!(recall(59).is_some());
        assert!(recall(60).is_none());
    }
}
