//! Whether Zoom takes a General app's credentials.

use std::time::Duration;

use jiff::Timestamp;

use crate::controller::{
    Context,
    error::Error,
    integration::model::{CheckOutcome, CredentialsStep, Observed},
    schedule,
};

/// Asks Zoom if the plan says so.
pub(super) async fn check(
    context: &Context,
    observed: &Observed,
    step: CredentialsStep,
) -> Result<Option<CheckOutcome>, Error> {
    let (CredentialsStep::Ask, Some(app)) = (step, &observed.credentials.app) else {
        return Ok(None);
    };
    context.zoom.within_budget_of_app(app).await;
    // Checked last before the request: a leader that was frozen until now starts nothing.
    context.leadership.check()?;
    let asked = schedule::later(Timestamp::now(), Duration::ZERO);
    let answer = context.zoom.check(app, asked).await;
    let error = answer.as_ref().err();
    context
        .metrics
        .credentials_check(error.map(|error| error.fault));
    match error {
        None => tracing::info!("zoom takes the credentials"),
        Some(error) => tracing::info!(
            fault = error.fault.as_str(),
            detail = error.detail,
            "zoom does not take the credentials"
        ),
    }
    let answer = answer.map(drop);
    Ok(Some(CheckOutcome { asked, answer }))
}
