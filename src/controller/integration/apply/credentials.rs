//! Whether Zoom takes a General app's credentials: asked once for each change of their Secret.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
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
    },
    zoom::{self, App, Fault},
};

/// What is known of a General app's credentials. Of an app with a token of its own, the token says it.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Version of the Secret that Zoom took last.
    pub accepted_version: Option<String>,
    /// The attempts that failed since.
    pub failure: Option<TokenFailure>,
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
    /// What Zoom said to this version, as long as it stands.
    fn recall(&self, uid: &str, version: &str, now: Timestamp) -> Option<Checked> {
        let answers = self.lock();
        let answer = answers.get(uid).filter(|last| last.version == version)?;
        let failure = answer.checked.failure.as_ref();
        failure
            .is_none_or(|failure| failure.retry_at.0 > now)
            .then(|| answer.checked.clone())
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
        (CredentialsStep::Proved, _) => return Ok(accepted(version)),
        (CredentialsStep::Ask, None) | (CredentialsStep::Forget, _) => {
            return Ok(Checked::default());
        }
        (CredentialsStep::Ask, Some(app)) => app,
    };
    let uid = integration.uid().unwrap_or_default();
    if let Some(answer) = context.answers.recall(&uid, version, Timestamp::now()) {
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
    let answer = context.zoom.check(app, Timestamp::now()).await;
    context
        .metrics
        .credentials_check(answer.as_ref().err().map(|error| error.fault));
    let Err(error) = answer else {
        tracing::info!("zoom takes the credentials");
        return Ok(accepted(version));
    };
    tracing::info!(
        fault = error.fault.as_str(),
        detail = error.detail,
        "zoom does not take the credentials"
    );
    let attempt = Attempt {
        reason: error.fault.as_str(),
        message: message(&error),
        retry_after: error.retry_after,
        credentials_version: version,
    };
    let uid = integration.uid().unwrap_or_default();
    let failure = failure::record(attempt, before.failure.as_ref(), &uid, Timestamp::now());
    Ok(Checked {
        failure: Some(failure),
        ..before
    })
}

fn accepted(version: &str) -> Checked {
    Checked {
        accepted_version: Some(version.to_owned()),
        failure: None,
    }
}

fn known(integration: &ZoomIntegration) -> Checked {
    last_check(integration).map_or_else(Checked::default, |known| Checked {
        accepted_version: known.accepted_version.clone(),
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

    #[test]
    fn an_answer_whose_status_was_not_written_is_not_asked_for_again() {
        let answers = Answers::default();
        assert!(answers.recall("u", "c/1", at(0)).is_none());
        answers.learn("u".into(), "c/1", &accepted("c/1"));
        let known = answers.recall("u", "c/1", at(9_000)).unwrap();
        assert_eq!(known.accepted_version.as_deref(), Some("c/1"));
        assert!(
            answers.recall("u", "c/2", at(0)).is_none(),
            "another Secret"
        );
        assert!(answers.recall("v", "c/1", at(0)).is_none(), "another app");
        answers.forget("u");
        assert!(answers.recall("u", "c/1", at(0)).is_none());
    }

    #[test]
    fn a_failure_stands_until_its_time() {
        let answers = Answers::default();
        let failure = json!({
            "reason": "CredentialsRejected", "message": "m", "attempts": 1, "time": at(0),
            "retryAt": at(60), "credentialsVersion": "c/1",
        });
        let checked = Checked {
            accepted_version: None,
            failure: Some(serde_json::from_value(failure).unwrap()),
        };
        answers.learn("u".into(), "c/1", &checked);
        assert!(answers.recall("u", "c/1", at(59)).is_some());
        assert!(answers.recall("u", "c/1", at(60)).is_none());
    }
}
