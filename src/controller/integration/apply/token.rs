//! The token: requested from Zoom, and published where consumers find it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use runtime::audit::{Action, Outcome};

use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        audit,
        budget::OverBudget,
        context::Zoom,
        error::Error,
        integration::{
            model::{Observed, TokenOutcome},
            plan,
        },
        key::Key,
        published,
        token_secret::{self, Owner, TokenSecret},
        writer::Writer,
    },
};
use zoom::AccessToken;

/// Requests a token from Zoom and publishes it.
pub(super) async fn request(
    writer: &Writer,
    zoom: &Zoom,
    integration: &ZoomIntegration,
    observed: &Observed,
) -> Result<TokenOutcome, Error> {
    let key = Key::from(integration);
    let (app, account) = (
        &observed.credentials.app,
        &observed.credentials.server_to_server,
    );
    let budgets = &zoom.budgets;
    let budget = match (account, app) {
        (Some(account), _) => {
            budgets.spend_of_account(&key.namespace, &account.account_id, &key.name)
        }
        (None, Some(app)) => budgets.spend_of_app(&key.namespace, &app.client_id, &key.to_string()),
        (None, None) => return Ok(TokenOutcome::Untouched),
    };
    if let Err(OverBudget(wait)) = budget {
        return Ok(TokenOutcome::Postponed(wait));
    }
    // The last check before the request: a leader that was frozen until now must not start one.
    writer.lead()?;
    let sent = Timestamp::now();
    let answer = match (account, app) {
        (Some(account), _) => zoom.client.account_credentials(account, sent).await,
        (None, Some(app)) => zoom.client.client_credentials(app, sent).await,
        (None, None) => return Ok(TokenOutcome::Untouched),
    };
    zoom.metrics
        .token_request(answer.as_ref().err().map(|error| error.fault));
    let failure = plan::last_failure(integration, sent);
    let issued = issued_at(&observed.token);
    if audit::is_asked_for(integration, issued, failure, sent) {
        let record = audit::of_integration(integration, Action::TokenRefresh);
        match &answer {
            Ok(_) => record.write(),
            Err(error) => record.but(Outcome::Refused, error.fault.as_str()).write(),
        }
    }
    let token = match answer {
        Ok(token) => token,
        Err(error) => {
            tracing::info!(
                fault = error.fault.as_str(),
                detail = error.detail,
                "zoom gave no token"
            );
            return Ok(TokenOutcome::Refused(error));
        }
    };
    // Zoom may have been slow. The version that this write replaces protects newer data in any case.
    let owner = Owner::integration(integration);
    let write = writer.begin_secret(key, &owner.secret_name);
    match publish(&writer.beside(integration)?, integration, observed, &token).await {
        Ok(secret) => {
            tracing::info!(expires_at = %token.expires_at, "published a token");
            write.done(&secret);
            let secret = token_secret::read(&owner, Some(&secret));
            Ok(match refusal(&zoom.client, integration, &token).await {
                None => TokenOutcome::Published(secret),
                Some(error) => TokenOutcome::Unproven(secret, error),
            })
        }
        Err(Error::Kubernetes(kube::Error::Api(status))) => {
            Ok(TokenOutcome::NotWritten(status.message.clone()))
        }
        Err(error) => Err(error),
    }
}

/// What Zoom says against a token that it gave. `None` also when it cannot be asked: then nobody knows better
/// than that it gave the token.
async fn refusal(
    zoom: &zoom::Client,
    integration: &ZoomIntegration,
    token: &AccessToken,
) -> Option<zoom::Error> {
    let probe = integration.spec.credentials.probe.as_ref()?;
    let answer = zoom.probe(&token.secret, &token.api_url, probe.path());
    let error = answer.await.err()?;
    tracing::info!(
        fault = error.fault.as_str(),
        detail = error.detail,
        "zoom did not prove a token"
    );
    (!error.tells_nothing()).then_some(error)
}

fn issued_at(token: &TokenSecret) -> Option<Timestamp> {
    match token {
        TokenSecret::Ours(stored) => stored.issued_at,
        _ => None,
    }
}

async fn publish(
    secrets: &Api<Secret>,
    integration: &ZoomIntegration,
    observed: &Observed,
    token: &AccessToken,
) -> Result<Secret, Error> {
    published::publish(secrets, &observed.token, |replaces| {
        plan::token_secret(integration, observed, token, replaces)
    })
    .await
}

/// Updates the Secret's owner references to match the deletion policy.
pub(super) async fn reown(
    writer: &Writer,
    integration: &ZoomIntegration,
    token: &TokenSecret,
) -> Result<TokenOutcome, Error> {
    let TokenSecret::Ours(stored) = token else {
        return Ok(TokenOutcome::Untouched);
    };
    let owner = Owner::integration(integration);
    let secrets = writer.beside(integration)?;
    let write = writer.begin_secret(Key::from(integration), &owner.secret_name);
    let secret = match published::reown(&secrets, &owner, &stored.resource_version).await {
        Ok(secret) => secret,
        // The token that it holds is valid all the same.
        Err(error) => return error.into_refusal().map(TokenOutcome::NotWritten),
    };
    write.done(&secret);
    let secret = token_secret::read(&owner, Some(&secret));
    Ok(TokenOutcome::Reowned(secret))
}
