//! Carries out a plan: the only part of a pass that calls Zoom and writes Secrets and receivers. It decides
//! nothing and returns the answers.

mod check;
pub mod control;
pub mod lifecycle;
mod receiver;
pub mod retire;
mod token;
pub mod turn;
mod volumes;
mod write;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::model::{Observed, Outcome, Plan, TokenOutcome, TokenStep};
use crate::{
    api::v1alpha1::{Restart, ZoomIntegration},
    controller::{
        Context,
        budget::OverBudget,
        error::Error,
        published, refusal, restart,
        token_secret::{Owner, TokenSecret},
    },
};

/// Carries out `plan`.
///
/// # Errors
/// When a request to the API server fails, somebody wrote in between, or this replica no longer leads. If
/// Zoom or the API server refuse something for a reason that the user must know, it is part of the
/// [`Outcome`].
pub async fn apply(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
) -> Result<Outcome, Error> {
    // The receiver comes first: it must run before anybody can press Validate in Zoom's form.
    let receiver = receiver::apply(context, integration, observed, plan).await?;
    let token = match plan.token {
        TokenStep::Keep | TokenStep::Wait(_) | TokenStep::Rest(_) | TokenStep::Later(_) => {
            TokenOutcome::Untouched
        }
        TokenStep::Reown => token::reown(&context.writer, integration, &observed.token).await?,
        TokenStep::Request(cause) => {
            tracing::debug!(?cause, "requesting a token");
            token::request(&context.writer, &context.zoom, integration, observed).await?
        }
    };
    let old_token_secret_removed =
        remove_old_token_secret(context, integration, observed, plan, &token).await?;
    let now = token.secret(&observed.token);
    let secret = Owner::integration(integration).secret_name;
    let wanted = wanted_restart(integration).filter(|_| !integration.spec.suspend);
    restart::with_token(&context.restarts(), integration, wanted, &secret, now).await?;
    // The check comes last: its answer must not be lost because another step failed.
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

fn wanted_restart(integration: &ZoomIntegration) -> Option<&Restart> {
    integration.spec.token.as_ref()?.restart.as_ref()
}

/// Removes the Secret under an earlier name once its successor exists, or if the app has no token of its own any more.
async fn remove_old_token_secret(
    context: &Context,
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
    let has_own_token = integration.spec.has_own_token();
    if has_own_token && !matches!(outcome.secret(&observed.token), TokenSecret::Ours(_)) {
        return Ok(false);
    }
    // Before the removal, so that after a crash in between the next pass does this again.
    if let Some(wanted) = wanted_restart(integration) {
        let marker = restart::moved(&Owner::integration(integration).secret_name);
        restart::restart(&context.restarts(), integration, wanted, &marker).await?;
    }
    let secrets: Api<Secret> = context.writer.beside(integration)?;
    let Err(error) = published::remove(&secrets, old).await else {
        return Ok(true);
    };
    if !error.is_final() {
        return Err(error);
    }
    // The status names the one that is renewed, so nobody else will remove it.
    let what = format!(
        "Secret {}, under the earlier name of the token Secret, could not be removed and gets no new token: delete it",
        old.name
    );
    refusal::tell(&context.writer, integration, &what, error).await?;
    Ok(true)
}
