//! What there is: reads only.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Secret, Service, ServiceAccount},
};
use kube::Api;

use super::{facts, resources};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        Context,
        credentials::Credentials,
        error::Error,
        token_secret::{self, Owner, TokenSecret},
    },
    receiver::facts::Facts,
};

/// What there is around an integration.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The credentials Secret.
    pub credentials: Credentials,
    /// The token Secret.
    pub token: TokenSecret,
    /// A token Secret of ours under an earlier name.
    pub old_token_secret: Option<String>,
    /// The receiver's objects.
    pub receiver: Receiver,
    /// What the receiver knows; `None` when it cannot be asked, which says nothing.
    pub facts: Option<Facts>,
}

/// The receiver's objects, whoever made them.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    /// Runs its Pods.
    pub deployment: Option<Deployment>,
    /// Leads to its Pods.
    pub service: Option<Service>,
    /// Its identity, without permissions.
    pub service_account: Option<ServiceAccount>,
}

// === impl Receiver ===

impl Receiver {
    /// Whether none of the objects exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deployment.is_none() && self.service.is_none() && self.service_account.is_none()
    }
}

/// Reads what there is around an integration.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn observe(context: &Context, integration: &ZoomIntegration) -> Result<Observed, Error> {
    let secrets: Api<Secret> = context.beside(integration);
    let spec = &integration.spec;
    let credentials = secrets.get_opt(&spec.credentials.secret_ref.name).await?;
    let (token, old_token_secret) = if spec.is_server_to_server() {
        let secret = secrets
            .get_opt(&Owner::integration(integration).secret_name)
            .await?;
        (
            token_secret::read(&Owner::integration(integration), secret.as_ref()),
            old_token_secret(&secrets, integration).await?,
        )
    } else {
        (TokenSecret::Absent, None)
    };
    let receiver = receiver(context, integration).await?;
    let facts = match &receiver.deployment {
        Some(deployment) if spec.webhook.is_some() && !spec.suspend => {
            facts::gather(context, integration, deployment).await
        }
        _ => None,
    };
    Ok(Observed {
        credentials: Credentials::read(spec, credentials.as_ref()),
        token,
        old_token_secret,
        receiver,
        facts,
    })
}

async fn receiver(context: &Context, integration: &ZoomIntegration) -> Result<Receiver, Error> {
    // An app that never had a receiver costs no request.
    let had_one = integration
        .status
        .as_ref()
        .is_some_and(|status| status.webhook.is_some());
    if integration.spec.webhook.is_none() && !had_one {
        return Ok(Receiver::default());
    }
    let name = resources::name(integration);
    let deployments: Api<Deployment> = context.beside(integration);
    let services: Api<Service> = context.beside(integration);
    let accounts: Api<ServiceAccount> = context.beside(integration);
    let (deployment, service, service_account) = futures::try_join!(
        deployments.get_opt(&name),
        services.get_opt(&name),
        accounts.get_opt(&name),
    )?;
    Ok(Receiver {
        deployment,
        service,
        service_account,
    })
}

async fn old_token_secret(
    secrets: &Api<Secret>,
    integration: &ZoomIntegration,
) -> Result<Option<String>, Error> {
    let status = integration.status.as_ref();
    let Some(old) = status.and_then(|status| status.token.as_ref()?.secret_name.clone()) else {
        return Ok(None);
    };
    if old == Owner::integration(integration).secret_name {
        return Ok(None);
    }
    let secret = secrets.get_opt(&old).await?;
    let ours = matches!(
        token_secret::read(&Owner::integration(integration), secret.as_ref()),
        TokenSecret::Ours(_)
    );
    Ok(ours.then_some(old))
}
