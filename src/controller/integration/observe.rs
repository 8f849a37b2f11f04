//! What there is: reads only.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Namespace, Secret, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::{Api, ResourceExt as _, api::PartialObjectMeta};

use super::{
    deletion,
    facts::{self, ReceiverPod},
    hosts::Claim,
    ownership::owned,
    resources::{self, HTTPRoute, Kind, SinkAccess},
    transition::Live,
};
use crate::{
    api::{
        label,
        v1alpha1::{Webhook, ZoomIntegration},
    },
    controller::{
        Context,
        credentials::Credentials,
        error::Error,
        token_secret::{self, Owner, TokenSecret},
    },
};
use contract::facts::{BufferFacts, Facts};

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
    /// The Pods of the receiver.
    pub pods: Vec<ReceiverPod>,
    /// The Secret with the sink's credentials.
    pub sink_secret: SinkSecret,
    /// Whether the Service that is the sink leads out of the cluster by a name.
    pub sink_service_is_external: bool,
    /// Other integrations that claim the same host; `None` while not all of them are known.
    pub rivals: Option<Vec<Claim>>,
    /// What the receiver knows; `None` when it cannot be asked, which says nothing.
    pub facts: Option<Facts>,
}

/// The receiver's objects, whoever made them.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    /// Runs its Pods, without a buffer or with one that goes with them.
    pub deployment: Option<Deployment>,
    /// Runs its Pods with a buffer on a volume.
    pub stateful_set: Option<StatefulSet>,
    /// Leads to its Pods.
    pub service: Option<Service>,
    /// Its identity, without permissions.
    pub service_account: Option<ServiceAccount>,
    /// Keeps all but one Pod while nodes are emptied.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Who may talk to it.
    pub network_policy: Option<NetworkPolicy>,
    /// Leads to the Service from outside.
    pub ingress: Option<Ingress>,
    /// Leads to the Service from outside.
    pub http_route: Option<HTTPRoute>,
    /// The Secret with the token of its control port, without its content.
    pub control: Option<PartialObjectMeta<Secret>>,
}

/// The Secret with the sink's credentials, of which only the labels are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinkSecret {
    /// It is there and labelled; or none is named.
    #[default]
    Usable,
    /// There is none of that name.
    Absent,
    /// It is not labelled for this use.
    Unlabelled,
}

// === impl Observed ===

impl Observed {
    /// What the buffers of the receiver hold together, as far as they can be asked.
    #[must_use]
    pub fn buffer(&self) -> Option<BufferFacts> {
        facts::together(&self.pods)?.buffer
    }

    /// Whether the receiver may have its sink.
    #[must_use]
    pub fn sink_access(&self) -> SinkAccess {
        if self.sink_secret == SinkSecret::Usable && !self.sink_service_is_external {
            SinkAccess::Granted
        } else {
            SinkAccess::Withheld
        }
    }
}

// === impl Receiver ===

impl Receiver {
    /// Whether none of the objects exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deployment.is_none()
            && self.stateful_set.is_none()
            && self.service.is_none()
            && self.service_account.is_none()
    }

    /// The workloads that were made for the integration.
    #[must_use]
    pub fn live(&self, integration: &ZoomIntegration) -> Vec<Live> {
        let deployment = self.deployment.as_ref();
        let deployment = deployment.filter(|live| owned(integration, *live));
        let stateful_set = self.stateful_set.as_ref();
        let stateful_set = stateful_set.filter(|live| owned(integration, *live));
        let deployment = deployment.map(|live| {
            let spec = live.spec.as_ref();
            let status = live.status.as_ref();
            Live {
                kind: Kind::Deployment,
                replicas: spec.and_then(|spec| spec.replicas).unwrap_or(1),
                available: status.and_then(|status| status.available_replicas) > Some(0),
                buffered: spec.is_some_and(|spec| resources::is_buffered(&spec.template)),
            }
        });
        let stateful_set = stateful_set.map(|live| {
            let spec = live.spec.as_ref();
            let status = live.status.as_ref();
            Live {
                kind: Kind::StatefulSet,
                replicas: spec.and_then(|spec| spec.replicas).unwrap_or(1),
                available: status.and_then(|status| status.available_replicas) > Some(0),
                buffered: true,
            }
        });
        deployment.into_iter().chain(stateful_set).collect()
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
    let live = receiver.live(integration);
    // A suspended receiver is asked only for what a transition has to know.
    let is_asked = !live.is_empty()
        && (spec.webhook.is_some() && !spec.suspend || live.iter().any(|live| live.buffered));
    let pods = if is_asked {
        facts::gather(context, integration, &receiver).await
    } else {
        Vec::new()
    };
    let facts = facts::together(&pods).filter(|_| spec.webhook.is_some() && !spec.suspend);
    let (sink_secret, sink_service_is_external) = sink(context, integration).await?;
    Ok(Observed {
        credentials: Credentials::read(spec, credentials.as_ref()),
        token,
        old_token_secret,
        receiver,
        pods,
        sink_secret,
        sink_service_is_external,
        rivals: context.hosts.rivals(integration),
        facts,
    })
}

/// Reads the receiver's objects.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn receiver(context: &Context, integration: &ZoomIntegration) -> Result<Receiver, Error> {
    // An app that never had a receiver costs no request.
    let had_one = integration
        .status
        .as_ref()
        .is_some_and(|status| status.webhook.is_some());
    if integration.spec.webhook.is_none() && !had_one && !deletion::holds(integration) {
        return Ok(Receiver::default());
    }
    let name = resources::name(integration);
    let deployments: Api<Deployment> = context.beside(integration);
    let stateful_sets: Api<StatefulSet> = context.beside(integration);
    let services: Api<Service> = context.beside(integration);
    let accounts: Api<ServiceAccount> = context.beside(integration);
    let budgets: Api<PodDisruptionBudget> = context.beside(integration);
    let policies: Api<NetworkPolicy> = context.beside(integration);
    let ingresses: Api<Ingress> = context.beside(integration);
    let routes: Api<HTTPRoute> = context.beside(integration);
    let secrets: Api<Secret> = context.beside(integration);
    let control = resources::control_name(integration);
    let (
        deployment,
        stateful_set,
        service,
        service_account,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
        control,
    ) = futures::try_join!(
        deployments.get_opt(&name),
        stateful_sets.get_opt(&name),
        services.get_opt(&name),
        accounts.get_opt(&name),
        budgets.get_opt(&name),
        policies.get_opt(&name),
        ingresses.get_opt(&name),
        if_defined(&routes, &name),
        secrets.get_metadata_opt(&control),
    )?;
    Ok(Receiver {
        deployment,
        stateful_set,
        service,
        service_account,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
        control,
    })
}

/// An object of a kind that the cluster may not know. The API server says so in plain text, which the
/// library's `get_opt` does not take for "not found".
async fn if_defined(routes: &Api<HTTPRoute>, name: &str) -> Result<Option<HTTPRoute>, kube::Error> {
    match routes.get(name).await {
        Ok(route) => Ok(Some(route)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads whether the sink may be used: its Secret's labels, and its Service's type.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn sink(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<(SinkSecret, bool), Error> {
    let Some(webhook) = &integration.spec.webhook else {
        return Ok((SinkSecret::Usable, false));
    };
    let secrets: Api<Secret> = context.beside(integration);
    Ok(futures::try_join!(
        sink_secret(&secrets, webhook),
        is_external(context, integration, webhook)
    )?)
}

async fn sink_secret(secrets: &Api<Secret>, webhook: &Webhook) -> Result<SinkSecret, kube::Error> {
    let Some(name) = webhook.sink_secret() else {
        return Ok(SinkSecret::Usable);
    };
    let found = secrets.get_metadata_opt(name).await?;
    Ok(match found {
        None => SinkSecret::Absent,
        Some(secret)
            if secret.labels().get(label::USE).map(String::as_str) == Some(label::SINK) =>
        {
            SinkSecret::Usable
        }
        Some(_) => SinkSecret::Unlabelled,
    })
}

async fn is_external(
    context: &Context,
    integration: &ZoomIntegration,
    webhook: &Webhook,
) -> Result<bool, kube::Error> {
    let Some(service) = webhook.sink_service() else {
        return Ok(false);
    };
    let services: Api<Service> = context.beside(integration);
    let found = services.get_opt(&service.name).await?;
    let type_ = found.and_then(|service| service.spec?.type_);
    Ok(type_.as_deref() == Some("ExternalName"))
}

/// Whether the integration's namespace is being deleted, or is gone.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn namespace_ends(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<bool, Error> {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let name = integration.namespace().unwrap_or_default();
    let found = namespaces.get_metadata_opt(&name).await?;
    Ok(found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()))
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
