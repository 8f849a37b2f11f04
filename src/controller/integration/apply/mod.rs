//! Carries out a plan: the only place of a pass that calls Zoom and writes Secrets and receivers. It decides
//! nothing and returns what it was told.

mod check;
mod control;
mod receiver;
pub mod retire;
mod token;
pub mod turn;
mod write;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::model::{Observed, Outcome, Plan, TokenOutcome, TokenStep};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context, budget::OverBudget, error::Error, published, token_secret::TokenSecret,
        writer::Writer,
    },
};

/// Carries out `plan`.
///
/// # Errors
/// When the API server cannot be asked, somebody wrote in between, or this replica was deposed. What
/// Zoom or the API server refuse for a reason that the user must know is part of the [`Outcome`].
pub async fn apply(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
) -> Result<Outcome, Error> {
    // The receiver first: it must be up before anybody can press Validate in Zoom's form.
    let receiver = receiver::apply(context, integration, observed, plan).await?;
    let token = match plan.token {
        TokenStep::Keep | TokenStep::Wait(_) | TokenStep::Later(_) => TokenOutcome::Untouched,
        TokenStep::Reown => token::reown(&context.writer, integration, &observed.token).await?,
        TokenStep::Request(cause) => {
            tracing::debug!(?cause, "requesting a token");
            token::request(&context.writer, &context.zoom, integration, observed).await?
        }
    };
    let old_token_secret_removed =
        remove_old_token_secret(&context.writer, integration, observed, plan, &token).await?;
    // Last, since an answer must not be lost because another step failed.
    let checked = check::check(
        &context.writer,
        &context.zoom,
        integration,
        observed,
        plan.credentials,
    )
    .await?;
    let (credentials, check_postponed) = match checked {
        Ok(answer) => (answer, None),
        Err(OverBudget(wait)) => (None, Some(wait)),
    };
    Ok(Outcome {
        token,
        credentials,
        check_postponed,
        receiver,
        old_token_secret_removed,
    })
}

/// Removes the Secret under an earlier name, once there is a successor.
async fn remove_old_token_secret(
    writer: &Writer,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
    outcome: &TokenOutcome,
) -> Result<bool, Error> {
    let Some(old) = observed
        .old_token_secret
        .as_ref()
        .filter(|_| plan.remove_old_token_secret)
    else {
        return Ok(false);
    };
    if !matches!(outcome.secret(&observed.token), TokenSecret::Ours(_)) {
        return Ok(false);
    }
    let secrets: Api<Secret> = writer.beside(integration)?;
    published::remove(&secrets, old).await?;
    Ok(true)
}
