//! Whether Zoom takes a General app's credentials: asked once for each change of their Secret.

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
    zoom::{self, Fault},
};

/// What is known of a General app's credentials. Of an app with a token of its own, the token says it.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Version of the Secret that Zoom took last.
    pub accepted_version: Option<String>,
    /// The attempts that failed since.
    pub failure: Option<TokenFailure>,
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
    let accepted = Checked {
        accepted_version: Some(version.clone()),
        failure: None,
    };
    let app = match (step, &observed.credentials.app) {
        (CredentialsStep::Keep | CredentialsStep::Wait(_), _) => return Ok(before),
        (CredentialsStep::Proved, _) => return Ok(accepted),
        (CredentialsStep::Ask, None) | (CredentialsStep::Forget, _) => {
            return Ok(Checked::default());
        }
        (CredentialsStep::Ask, Some(app)) => app,
    };
    context.zoom.within_budget_of_app(app).await;
    // Checked last before the request: a leader that was frozen until now starts nothing.
    context.leadership.check()?;
    let answer = context.zoom.check(app, Timestamp::now()).await;
    context
        .metrics
        .credentials_check(answer.as_ref().err().map(|error| error.fault));
    let Err(error) = answer else {
        tracing::info!("zoom takes the credentials");
        return Ok(accepted);
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
