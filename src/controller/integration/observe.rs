//! What there is: reads only.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Namespace, Secret, Service, ServiceAccount, ServicePort},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::{Api, ResourceExt as _};

use super::{
    facts, hold,
    model::{Checked, Observed, Receiver, SinkSecret, SinkService, together},
    resources::{self, HTTPRoute},
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
        index::Watched,
        key::Key,
        token_secret::{self, Owner, TokenSecret},
    },
};

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
    // What led to this pass need not be asked again.
    let news = context.index.take_news(&Key::from(integration));
    let pods = if let Some(news) = news.filter(|_| is_asked) {
        news
    } else if is_asked {
        facts::gather(context, integration, &receiver).await
    } else {
        Vec::new()
    };
    let facts = together(&pods).filter(|_| spec.webhook.is_some() && !spec.suspend);
    let (sink_secret, sink_service) = sink(context, integration).await?;
    Ok(Observed {
        credentials: Credentials::read(spec, credentials.as_ref()),
        checked: checked(context, integration),
        token,
        old_token_secret,
        altered: context.altered.of(
            &integration.namespace().unwrap_or_default(),
            &integration.name_any(),
        ),
        receiver,
        pods,
        sink_secret,
        sink_service,
        rivals: context.index.rivals(integration),
        facts,
    })
}

/// What Zoom last said of a General app's credentials.
fn checked(context: &Context, integration: &ZoomIntegration) -> Checked {
    let status = integration.status.as_ref();
    let said = status.and_then(|status| status.credentials.as_ref());
    let said = said.map(Checked::of).unwrap_or_default();
    let uid = integration.uid().unwrap_or_default();
    context.answers.newest(&uid, said)
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
    if integration.spec.webhook.is_none() && !had_one && !hold::is_held(integration) {
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
        known_or_read(context, &deployments, &name),
        known_or_read(context, &stateful_sets, &name),
        known_or_read(context, &services, &name),
        known_or_read(context, &accounts, &name),
        known_or_read(context, &budgets, &name),
        known_or_read(context, &policies, &name),
        known_or_read(context, &ingresses, &name),
        known_or_defined(context, &routes, &name),
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

/// The receiver's workloads, as far as the watches know.
pub fn workloads(context: &Context, integration: &ZoomIntegration) -> Receiver {
    let namespace = integration.namespace().unwrap_or_default();
    let name = resources::name(integration);
    let deployment = context.index.get::<Deployment>(&namespace, &name);
    let stateful_set = context.index.get::<StatefulSet>(&namespace, &name);
    Receiver {
        deployment: deployment.map(|found| (*found).clone()),
        stateful_set: stateful_set.map(|found| (*found).clone()),
        ..Receiver::default()
    }
}

/// What the watch knows is not read again. It knows only what carries our labels: what it does not know may
/// still be somebody else's.
async fn known_or_read<K: Watched>(
    context: &Context,
    api: &Api<K>,
    name: &str,
) -> Result<Option<K>, kube::Error> {
    let namespace = api.namespace().unwrap_or_default();
    match context.index.get::<K>(namespace, name) {
        Some(known) => Ok(Some((*known).clone())),
        None => api.get_opt(name).await,
    }
}

/// An object of a kind that the cluster may not know. The API server says so in plain text, which the
/// library's `get_opt` does not take for "not found".
async fn known_or_defined(
    context: &Context,
    routes: &Api<HTTPRoute>,
    name: &str,
) -> Result<Option<HTTPRoute>, kube::Error> {
    let namespace = routes.namespace().unwrap_or_default();
    if let Some(known) = context.index.get::<HTTPRoute>(namespace, name) {
        return Ok(Some((*known).clone()));
    }
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
) -> Result<(SinkSecret, SinkService), Error> {
    let Some(webhook) = &integration.spec.webhook else {
        return Ok((SinkSecret::Usable, SinkService::Usable));
    };
    let secrets: Api<Secret> = context.beside(integration);
    Ok(futures::try_join!(
        sink_secret(&secrets, webhook),
        sink_service(context, integration, webhook)
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

async fn sink_service(
    context: &Context,
    integration: &ZoomIntegration,
    webhook: &Webhook,
) -> Result<SinkService, kube::Error> {
    let Some(service) = webhook.sink_service() else {
        return Ok(SinkService::Usable);
    };
    let services: Api<Service> = context.beside(integration);
    let Some(found) = services.get_opt(&service.name).await? else {
        return Ok(SinkService::Absent);
    };
    let spec = found.spec.unwrap_or_default();
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    let port = service.port.unwrap_or(80);
    let has_port = |ports: &Vec<ServicePort>| ports.iter().any(|known| known.port == port);
    Ok(if spec.type_.as_deref() == Some("ExternalName") {
        SinkService::External
    } else if !is_headless && !spec.ports.as_ref().is_some_and(has_port) {
        // Behind a headless Service every port of the Pods can be reached.
        SinkService::NoPort
    } else {
        SinkService::Usable
    })
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
