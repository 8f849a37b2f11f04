//! What there is: reads only.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Namespace, Secret, Service, ServiceAccount, ServicePort},
    events::v1::Event,
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
};

use super::{
    facts, hold,
    model::{Checked, Observed, Receiver, ReceiverPod, SinkSecret, SinkService, together},
    ownership::owned,
    resources::{self, HTTPRoute, Kind, Part},
    trouble,
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
    let found = secrets.get_opt(&spec.credentials.secret_ref.name).await?;
    let uid = integration.uid().unwrap_or_default();
    let mut credentials = Credentials::read(spec, found.as_ref());
    context.versions.keep(&uid, &mut credentials);
    let (token, old_token_secret) = if spec.is_server_to_server() {
        let owner = Owner::integration(integration);
        let secret = secrets.get_opt(&owner.secret_name).await?;
        let token = token_secret::read(&owner, secret.as_ref());
        if let (TokenSecret::Ours(stored), Some(secret)) = (&token, &secret)
            && stored.source != credentials.version
            && token_secret::is_with(secret, &credentials)
        {
            // The Secret was written again while nobody looked.
            let version = stored.source.clone();
            context.versions.learn(&uid, &mut credentials, &version);
        }
        (token, old_token_secret(&secrets, integration).await?)
    } else {
        (TokenSecret::Absent, None)
    };
    let receiver = Box::pin(receiver(context, integration)).await?;
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
    let warning = warning(context, integration, &receiver, &pods).await;
    let facts = together(&pods).filter(|_| spec.webhook.is_some() && !spec.suspend);
    let (sink_secret, sink_service) = sink(context, integration).await?;
    Ok(Observed {
        credentials,
        checked: checked(context, integration),
        token,
        old_token_secret,
        altered: context.altered.of(
            &integration.namespace().unwrap_or_default(),
            &integration.name_any(),
        ),
        receiver,
        pods,
        warning,
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
async fn receiver(context: &Context, integration: &ZoomIntegration) -> Result<Receiver, Error> {
    // An app that never had a receiver costs no request.
    let had_one = integration
        .status
        .as_ref()
        .is_some_and(|status| status.webhook.is_some());
    if integration.spec.webhook.is_none() && !had_one && !hold::is_held(integration) {
        return Ok(Receiver::default());
    }
    let name = resources::name(integration);
    let set_name = resources::workload_name(&integration.name_any(), Kind::StatefulSet);
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
    let declared = resources::declared(integration, &context.config.policy);
    let is_declared = |part| declared.contains(&part);
    let known = workloads(context, integration).live(integration);
    let may_have_control = is_declared(Part::ControlSecret)
        || integration.spec.webhook.is_none()
        || known.iter().any(|live| live.buffered);
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
        known_or_read(context, &deployments, &name, is_declared(Part::Deployment)),
        known_or_read(
            context,
            &stateful_sets,
            &set_name,
            is_declared(Part::StatefulSet)
        ),
        known_or_read(context, &services, &name, is_declared(Part::Service)),
        known_or_read(context, &accounts, &name, is_declared(Part::ServiceAccount)),
        known_or_read(
            context,
            &budgets,
            &name,
            is_declared(Part::PodDisruptionBudget)
        ),
        known_or_read(context, &policies, &name, is_declared(Part::NetworkPolicy)),
        known_or_read(context, &ingresses, &name, is_declared(Part::Ingress)),
        known_or_defined(context, &routes, &name, is_declared(Part::HttpRoute)),
        control_secret(&secrets, &control, may_have_control),
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

/// What the watch knows is not read again. It knows only what carries our labels: whether somebody else's
/// object has the name matters only where one of ours is declared.
async fn known_or_read<K: Watched>(
    context: &Context,
    api: &Api<K>,
    name: &str,
    is_declared: bool,
) -> Result<Option<K>, kube::Error> {
    match known(context, api, name, is_declared) {
        Some(known) => Ok(known),
        None => api.get_opt(name).await,
    }
}

/// What the watch knows of an object: `None` where the API server must be asked.
#[expect(clippy::option_option, reason = "known to be absent is not unknown")]
fn known<K: Watched>(
    context: &Context,
    api: &Api<K>,
    name: &str,
    is_declared: bool,
) -> Option<Option<K>> {
    let namespace = api.namespace().unwrap_or_default();
    match context.index.get::<K>(namespace, name) {
        Some(known) => Some(Some((*known).clone())),
        None if !is_declared && context.index.is_complete::<K>(namespace) => Some(None),
        None => None,
    }
}

async fn control_secret(
    secrets: &Api<Secret>,
    name: &str,
    may_exist: bool,
) -> Result<Option<PartialObjectMeta<Secret>>, kube::Error> {
    if !may_exist {
        return Ok(None);
    }
    secrets.get_metadata_opt(name).await
}

/// An object of a kind that the cluster may not know. The API server says so in plain text, which the
/// library's `get_opt` does not take for "not found".
async fn known_or_defined(
    context: &Context,
    routes: &Api<HTTPRoute>,
    name: &str,
    is_declared: bool,
) -> Result<Option<HTTPRoute>, kube::Error> {
    if let Some(known) = known(context, routes, name, is_declared) {
        return Ok(known);
    }
    match routes.get(name).await {
        Ok(route) => Ok(Some(route)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why Kubernetes makes no Pod of a `StatefulSet`, or no volume for it: unlike a Deployment it says so only
/// in Events, which are asked for only then.
async fn warning(
    context: &Context,
    integration: &ZoomIntegration,
    receiver: &Receiver,
    pods: &[ReceiverPod],
) -> Option<String> {
    let live = receiver.stateful_set.as_ref();
    let live = live.filter(|live| owned(integration, *live))?;
    let available = live.status.as_ref()?.available_replicas.unwrap_or_default();
    let wanted = live.spec.as_ref()?.replicas.unwrap_or(1);
    if available > 0 || wanted == 0 {
        return None;
    }
    let mut names = vec![("StatefulSet", live.name_any())];
    let pods = pods.iter().filter(|pod| pod.kind == Kind::StatefulSet);
    names.extend(pods.map(|pod| ("PersistentVolumeClaim", resources::claim_name(&pod.name))));
    let events: Api<Event> = context.beside(integration);
    for (kind, name) in names {
        let about = format!("type=Warning,regarding.kind={kind},regarding.name={name}");
        match events.list(&ListParams::default().fields(&about)).await {
            Ok(found) => {
                if let Some(warning) = trouble::newest(&found.items) {
                    return Some(warning);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "failed to read the Events about a receiver");
                return None;
            }
        }
    }
    None
}

/// Reads whether the sink may be used: its Secret's labels, and its Service's type.
async fn sink(
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

/// Reads what the end of an integration waits for, and whether its namespace ends too.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn ending(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<(Observed, bool), Error> {
    let receiver = Box::pin(receiver(context, integration)).await?;
    let live = receiver.live(integration);
    if !live.iter().any(|live| live.buffered) {
        let observed = Observed {
            receiver,
            ..Observed::default()
        };
        return Ok((observed, false));
    }
    let (sink_secret, sink_service) = sink(context, integration).await?;
    let observed = Observed {
        sink_secret,
        sink_service,
        pods: facts::gather(context, integration, &receiver).await,
        altered: context.altered.of(
            &integration.namespace().unwrap_or_default(),
            &integration.name_any(),
        ),
        receiver,
        ..Observed::default()
    };
    Ok((observed, namespace_ends(context, integration).await?))
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
