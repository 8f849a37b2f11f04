//! Carries out a plan: the only place that calls Zoom and writes Secrets and receivers.

mod control;
pub mod credentials;
pub mod pace;
pub mod receiver;
pub mod retire;
mod token;
mod write;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::{
    observe::Observed,
    plan::{Plan, TokenStep, last_failure},
    policy::Refusal,
};
use crate::{
    api::v1alpha1::{TokenFailure, ZoomIntegration},
    controller::{
        Context,
        error::Error,
        published,
        token_secret::{Owner, TokenSecret},
    },
};

/// How things stand after the plan was carried out.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The token Secret.
    pub token: TokenSecret,
    /// The Secret that holds the token: for a while still the one under an earlier name.
    pub token_secret_name: String,
    /// The attempts to get a token that failed since the last success.
    pub failure: Option<TokenFailure>,
    /// Whether Zoom gave the token for the credentials as they are now.
    pub with_current_credentials: bool,
    /// What is known of a General app's credentials.
    pub checked: credentials::Checked,
    /// The receiver.
    pub receiver: receiver::Outcome,
    /// What stands against parts of the webhook.
    pub refusals: Vec<Refusal>,
    /// When the plan wants to be made again.
    pub look_again: Option<Timestamp>,
}

// === impl Applied ===

impl Applied {
    /// Whether the host in the spec is this integration's, so that its URL may be given out.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let is_others =
            |refusal: &Refusal| matches!(refusal.reason, "HostClaimed" | "HostNotAllowed");
        !self.refusals.iter().any(is_others)
    }
}

/// Carries out `plan`.
///
/// # Errors
/// When the API server cannot be asked, somebody wrote in between, or this replica was deposed. What
/// Zoom or the API server refuse for a reason that the user must know is part of [`Applied`].
pub async fn apply(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    plan: &Plan,
) -> Result<Applied, Error> {
    // The receiver first: it must be up before anybody can press Validate in Zoom's form.
    let receiver = receiver::apply(context, integration, observed, plan).await?;
    let refusals = plan.judgement.refusals.iter().chain(&receiver.refusal);
    let refusals = refusals.cloned().collect();
    let (token, failure, look_again) = match plan.token {
        TokenStep::Keep if integration.spec.suspend => (
            observed.token.clone(),
            last_failure(integration).cloned(),
            None,
        ),
        TokenStep::Keep => (observed.token.clone(), None, None),
        TokenStep::Wait(until) => (
            observed.token.clone(),
            last_failure(integration).cloned(),
            Some(until),
        ),
        TokenStep::Later(time) => (observed.token.clone(), None, Some(time)),
        TokenStep::Reown => (
            token::reown(context, integration, &observed.token).await?,
            None,
            None,
        ),
        TokenStep::Request(cause) => {
            tracing::debug!(?cause, "requesting a token");
            let (token, failure) = token::request(context, integration, observed).await?;
            (token, failure, None)
        }
    };
    let checked = credentials::check(context, integration, observed, &plan.credentials).await?;
    let mut token_secret_name = Owner::integration(integration).secret_name;
    if let Some(old) = observed.old_token_secret.clone() {
        // Not before there is a successor; until then the status goes on to name it.
        if plan.remove_old_token_secret && matches!(token, TokenSecret::Ours(_)) {
            context.leadership.check()?;
            let secrets: Api<Secret> = context.beside(integration);
            published::remove(&secrets, &old).await?;
        } else {
            token_secret_name = old;
        }
    }
    let with_current_credentials = matches!(
        &token,
        TokenSecret::Ours(stored) if stored.source == observed.credentials.version
    );
    Ok(Applied {
        token,
        token_secret_name,
        failure,
        with_current_credentials,
        look_again: [
            look_again,
            receiver.look_again,
            plan.credentials.until(),
            checked.next(&observed.credentials.version),
        ]
        .into_iter()
        .flatten()
        .min(),
        checked,
        receiver,
        refusals,
    })
}
