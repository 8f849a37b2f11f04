//! Checks whether Zoom accepts a General app's credentials.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        budget::OverBudget,
        context::Zoom,
        error::Error,
        integration::model::{CheckOutcome, CredentialsStep, Observed},
        key::Key,
        schedule,
        writer::Writer,
    },
};

/// Asks Zoom if the plan says so and the budget allows it now.
pub(super) async fn check(
    writer: &Writer,
    zoom: &Zoom,
    integration: &ZoomIntegration,
    observed: &Observed,
    step: CredentialsStep,
) -> Result<Result<Option<CheckOutcome>, OverBudget>, Error> {
    let (CredentialsStep::Ask, Some(app)) = (step, &observed.credentials.app) else {
        return Ok(Ok(None));
    };
    let key = Key::from(integration);
    let budget = zoom
        .budgets
        .spend_of_app(&key.namespace, &app.client_id, &key.to_string());
    if let Err(over) = budget {
        return Ok(Err(over));
    }
    // The last check before the request: a leader that was frozen until now must not start one.
    writer.lead()?;
    let asked = schedule::later(Timestamp::now(), Duration::ZERO);
    let answer = zoom.client.check(app, asked).await;
    let error = answer.as_ref().err();
    zoom.metrics
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
    Ok(Ok(Some(CheckOutcome { asked, answer })))
}
