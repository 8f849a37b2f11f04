//! The token: asked for, and published where consumers find it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};

use crate::{
    api::v1alpha1::{TokenFailure, ZoomIntegration},
    controller::{
        Context,
        error::Error,
        failure::{self, Attempt, MISSING_SCOPES, SECRET_NOT_WRITTEN},
        integration::{observe::Observed, plan::last_failure},
        published, schedule,
        token_secret::{self, Owner, TokenSecret},
    },
};
use zoom::{
    AccessToken,
    scopes::{
        self,
        remedy::{self, Then},
    },
};

/// Asks Zoom for a token and publishes it: the Secret afterwards, and the failure if there was one.
pub(super) async fn request(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
) -> Result<(TokenSecret, Option<TokenFailure>), Error> {
    let Some(credentials) = &observed.credentials.server_to_server else {
        return Ok((observed.token.clone(), None));
    };
    context.zoom.within_budget(credentials).await;
    // Checked last before the request: a leader that was frozen until now starts nothing.
    context.leadership.check()?;
    let sent = Timestamp::now();
    let answer = context.zoom.account_credentials(credentials, sent).await;
    context
        .metrics
        .token_request(answer.as_ref().err().map(|error| error.fault));
    let token = match answer {
        Ok(token) => token,
        Err(error) => {
            tracing::info!(
                fault = error.fault.as_str(),
                detail = error.detail,
                "zoom gave no token"
            );
            let failure = failure(
                integration,
                observed,
                error.fault.as_str(),
                error.message(),
                error.retry_after,
            );
            return Ok((observed.token.clone(), Some(failure)));
        }
    };
    // Zoom may have taken its time. The version under which the Secret is written guards newer data in any case.
    context.leadership.check()?;
    match publish(context, integration, observed, &token).await {
        Ok(secret) => {
            let declared = &integration.spec.scopes;
            let found = scopes::compare(&token.scope, &declared.required, &[]);
            let failure = remedy::message(&found, Then::Wait)
                .map(|message| failure(integration, observed, MISSING_SCOPES, message, None));
            tracing::info!(expires_at = %token.expires_at, "published a token");
            Ok((
                token_secret::read(&Owner::integration(integration), Some(&secret)),
                failure,
            ))
        }
        Err(Error::Kubernetes(kube::Error::Api(status))) => {
            let message = format!(
                "The Secret {} could not be written: {}",
                Owner::integration(integration).secret_name,
                status.message
            );
            let failure = failure(integration, observed, SECRET_NOT_WRITTEN, message, None);
            Ok((observed.token.clone(), Some(failure)))
        }
        Err(error) => Err(error),
    }
}

async fn publish(
    context: &Context,
    integration: &ZoomIntegration,
    observed: &Observed,
    token: &AccessToken,
) -> Result<Secret, Error> {
    let secrets: Api<Secret> = context.beside(integration);
    let uid = integration.uid().unwrap_or_default();
    let refresh_at = schedule::refresh_at(token.issued_at, token.expires_at, &uid);
    let version = &observed.credentials.version;
    let owner = Owner::integration(integration);
    published::publish(&secrets, &observed.token, |replaces| {
        token_secret::build(&owner, token, refresh_at, version, replaces)
    })
    .await
}

/// Brings the Secret's owner references in line with the deletion policy.
pub(super) async fn reown(
    context: &Context,
    integration: &ZoomIntegration,
    token: &TokenSecret,
) -> Result<TokenSecret, Error> {
    let TokenSecret::Ours(stored) = token else {
        return Ok(token.clone());
    };
    context.leadership.check()?;
    let owner = Owner::integration(integration);
    let secrets = context.beside(integration);
    let secret = published::reown(&secrets, &owner, &stored.resource_version).await?;
    Ok(token_secret::read(&owner, Some(&secret)))
}

/// Records a failed attempt, with the time of the next one.
fn failure(
    integration: &ZoomIntegration,
    observed: &Observed,
    reason: &str,
    message: String,
    retry_after: Option<std::time::Duration>,
) -> TokenFailure {
    let attempt = Attempt {
        reason,
        message,
        retry_after,
        credentials_version: &observed.credentials.version,
    };
    let uid = integration.uid().unwrap_or_default();
    failure::record(attempt, last_failure(integration), &uid, Timestamp::now())
}
