//! Observes the cluster. Reads only.

use std::net::IpAddr;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Namespace, Secret, Service, ServiceAccount, ServicePort},
    events::v1::Event,
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
};

use super::{
    buffer_finalizer, facts,
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
        config::ReceiverPolicy,
        context::{Context, Memory},
        credentials::Credentials,
        error::Error,
        index::{Index, Watched},
        key::Key,
        reader::{Reader, Reads},
        token_secret::{self, Owner, TokenSecret},
    },
};

/// What an observation reads from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The cluster.
    pub reader: &'a Reader,
    /// What earlier passes remember.
    pub memory: &'a Memory,
    /// Calls the ports of receivers.
    pub http: &'a reqwest::Client,
    /// The settings of receivers.
    pub policy: &'a ReceiverPolicy,
}

// === impl Sources ===

impl<'a> Sources<'a> {
    /// The sources in a pass's context.
    #[must_use]
    pub fn of(context: &'a Context) -> Self {
        Self {
            reader: &context.reader,
            memory: &context.memory,
            http: &context.receivers.http,
            policy: &context.config.policy,
        }
    }
}

/// Reads the state around an integration.
///
/// # Errors
/// When a request to the API server fails.
pub async fn observe(
    sources: Sources<'_>,
    integration: &ZoomIntegration,
) -> Result<Observed, Error> {
    let Sources { reader, memory, .. } = sources;
    let secrets: Reads<Secret> = reader.beside(integration);
    let spec = &integration.spec;
    let found = secrets.get_opt(&spec.credentials.secret_ref.name).await?;
    let uid = integration.uid().unwrap_or_default();
    let mut credentials = Credentials::read(spec, found.as_ref());
    memory.versions.keep(&uid, &mut credentials);
    let (token, old_token_secret) = if spec.has_own_token() {
        let owner = Owner::integration(integration);
        let secret = secrets.get_opt(&owner.secret_name).await?;
        let token = token_secret::read(&owner, secret.as_ref());
        if let (TokenSecret::Ours(stored), Some(secret)) = (&token, &secret)
            && stored.source != credentials.version
            && token_secret::is_with(secret, &credentials)
        {
            // The Secret was rewritten with the same credentials while no pass was running.
            let version = stored.source.clone();
            memory.versions.learn(&uid, &mut credentials, &version);
        }
        (token, old_token_secret(&secrets, integration).await?)
    } else {
        (TokenSecret::Absent, None)
    };
    let receiver = Box::pin(receiver(reader, sources.policy, integration)).await?;
    let live = receiver.live(integration);
    // A suspended receiver is asked only for what a transition needs.
    let is_asked = !live.is_empty()
        && (spec.webhook.is_some() && !spec.suspend || live.iter().any(|live| live.buffered));
    // The poll that triggered this pass already has the answer.
    let news = reader.index().take_polled(&Key::from(integration));
    let pods = if let Some(news) = news.filter(|_| is_asked) {
        news
    } else if is_asked {
        facts::gather(reader, sources.http, integration, &receiver).await
    } else {
        Vec::new()
    };
    let warning = warning(reader, integration, &receiver, &pods).await;
    let facts = together(&pods).filter(|_| spec.webhook.is_some() && !spec.suspend);
    let (sink_secret, (sink_service, sink_addresses)) = sink(reader, integration).await?;
    Ok(Observed {
        credentials,
        checked: checked(memory, integration),
        token,
        old_token_secret,
        altered: memory.altered.of(
            &integration.namespace().unwrap_or_default(),
            &integration.name_any(),
        ),
        receiver,
        pods,
        warning,
        sink_secret,
        sink_service,
        sink_addresses,
        other_claimants: reader.index().other_claimants(integration),
        facts,
    })
}

/// Zoom's last answer about a General app's credentials.
fn checked(memory: &Memory, integration: &ZoomIntegration) -> Checked {
    let status = integration.status.as_ref();
    let said = status.and_then(|status| status.credentials.as_ref());
    let said = said.map(Checked::of).unwrap_or_default();
    let uid = integration.uid().unwrap_or_default();
    memory.answers.newest(&uid, said)
}

/// Reads the receiver's objects.
async fn receiver(
    reader: &Reader,
    policy: &ReceiverPolicy,
    integration: &ZoomIntegration,
) -> Result<Receiver, Error> {
    // An app that never had a receiver costs no request.
    let had_one = integration
        .status
        .as_ref()
        .is_some_and(|status| status.webhook.is_some());
    if integration.spec.webhook.is_none()
        && !had_one
        && !buffer_finalizer::has_finalizer(integration)
    {
        return Ok(Receiver::default());
    }
    let name = resources::name(integration);
    let set_name = resources::workload_name(&integration.name_any(), Kind::StatefulSet);
    let deployments: Reads<Deployment> = reader.beside(integration);
    let stateful_sets: Reads<StatefulSet> = reader.beside(integration);
    let services: Reads<Service> = reader.beside(integration);
    let accounts: Reads<ServiceAccount> = reader.beside(integration);
    let budgets: Reads<PodDisruptionBudget> = reader.beside(integration);
    let policies: Reads<NetworkPolicy> = reader.beside(integration);
    let ingresses: Reads<Ingress> = reader.beside(integration);
    let routes: Reads<HTTPRoute> = reader.beside(integration);
    let secrets: Reads<Secret> = reader.beside(integration);
    let control = resources::control_name(integration);
    let index = reader.index();
    let declared = resources::declared(integration, policy);
    let is_declared = |part| declared.contains(&part);
    let known = workloads(index, integration).live(integration);
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
        known_or_read(index, &deployments, &name, is_declared(Part::Deployment)),
        known_or_read(
            index,
            &stateful_sets,
            &set_name,
            is_declared(Part::StatefulSet)
        ),
        known_or_read(index, &services, &name, is_declared(Part::Service)),
        known_or_read(index, &accounts, &name, is_declared(Part::ServiceAccount)),
        known_or_read(
            index,
            &budgets,
            &name,
            is_declared(Part::PodDisruptionBudget)
        ),
        known_or_read(index, &policies, &name, is_declared(Part::NetworkPolicy)),
        known_or_read(index, &ingresses, &name, is_declared(Part::Ingress)),
        known_or_defined(index, &routes, &name, is_declared(Part::HttpRoute)),
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

/// The receiver's workloads, as far as the index knows.
pub fn workloads(index: &Index, integration: &ZoomIntegration) -> Receiver {
    let namespace = integration.namespace().unwrap_or_default();
    let name = resources::name(integration);
    let deployment = index.get::<Deployment>(&namespace, &name);
    let stateful_set = index.get::<StatefulSet>(&namespace, &name);
    Receiver {
        deployment: deployment.map(|found| (*found).clone()),
        stateful_set: stateful_set.map(|found| (*found).clone()),
        ..Receiver::default()
    }
}

/// Reads an object from the index if possible. The index holds only objects with our labels. Whether somebody
/// else's object has the name matters only if one of ours is declared.
async fn known_or_read<K: Watched>(
    index: &Index,
    reads: &Reads<K>,
    name: &str,
    is_declared: bool,
) -> Result<Option<K>, kube::Error> {
    match known(index, reads, name, is_declared) {
        Some(known) => Ok(known),
        None => reads.get_opt(name).await,
    }
}

/// What the index knows about an object: `None` if the API server must be asked.
#[expect(clippy::option_option, reason = "known to be absent is not unknown")]
fn known<K: Watched>(
    index: &Index,
    reads: &Reads<K>,
    name: &str,
    is_declared: bool,
) -> Option<Option<K>> {
    let namespace = reads.namespace();
    match index.get::<K>(namespace, name) {
        Some(known) => Some(Some((*known).clone())),
        None if !is_declared && index.is_complete::<K>(namespace) => Some(None),
        None => None,
    }
}

async fn control_secret(
    secrets: &Reads<Secret>,
    name: &str,
    may_exist: bool,
) -> Result<Option<PartialObjectMeta<Secret>>, kube::Error> {
    if !may_exist {
        return Ok(None);
    }
    secrets.get_metadata_opt(name).await
}

/// Reads an object whose kind the cluster may not define. The API server then answers in plain text, which
/// the library's `get_opt` does not recognize as "not found".
async fn known_or_defined(
    index: &Index,
    routes: &Reads<HTTPRoute>,
    name: &str,
    is_declared: bool,
) -> Result<Option<HTTPRoute>, kube::Error> {
    if let Some(known) = known(index, routes, name, is_declared) {
        return Ok(known);
    }
    match routes.get(name).await {
        Ok(route) => Ok(Some(route)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why Kubernetes does not create a Pod of a `StatefulSet`, or its volume. Unlike for a Deployment, only
/// Events say so; they are read only in this case.
async fn warning(
    reader: &Reader,
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
    let events: Reads<Event> = reader.beside(integration);
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

/// Reads whether the sink may be used: the labels of its Secret and the type of its Service.
async fn sink(
    reader: &Reader,
    integration: &ZoomIntegration,
) -> Result<(SinkSecret, (SinkService, Option<Vec<IpAddr>>)), Error> {
    let Some(webhook) = &integration.spec.webhook else {
        return Ok((SinkSecret::Usable, (SinkService::Usable, None)));
    };
    let secrets: Reads<Secret> = reader.beside(integration);
    Ok(futures::try_join!(
        sink_secret(&secrets, webhook),
        sink_service(reader, integration, webhook)
    )?)
}

async fn sink_secret(
    secrets: &Reads<Secret>,
    webhook: &Webhook,
) -> Result<SinkSecret, kube::Error> {
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
    reader: &Reader,
    integration: &ZoomIntegration,
    webhook: &Webhook,
) -> Result<(SinkService, Option<Vec<IpAddr>>), kube::Error> {
    let Some(service) = webhook.sink_service() else {
        return Ok((SinkService::Usable, None));
    };
    let services: Reads<Service> = reader.beside(integration);
    let Some(found) = services.get_opt(&service.name).await? else {
        // One that appears later was not judged: it may lead anywhere by a name.
        return Ok((SinkService::Absent, Some(Vec::new())));
    };
    let spec = found.spec.unwrap_or_default();
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    let port = service.port.unwrap_or(80);
    let has_port = |ports: &Vec<ServicePort>| ports.iter().any(|known| known.port == port);
    let addresses = spec.cluster_ips.iter().flatten();
    let addresses = addresses.filter_map(|address| address.parse().ok());
    // The name of a headless Service leads to its Pods, which come and go.
    let addresses = (!is_headless).then(|| addresses.collect());
    let finding = if spec.type_.as_deref() == Some("ExternalName") {
        SinkService::External
    } else if !is_headless && !spec.ports.as_ref().is_some_and(has_port) {
        // Behind a headless Service, every port of the Pods can be reached.
        SinkService::NoPort
    } else {
        SinkService::Usable
    };
    Ok((finding, addresses))
}

/// Reads what the deletion of an integration depends on, and whether its namespace is deleted, too.
///
/// # Errors
/// When a request to the API server fails.
pub async fn ending(
    sources: Sources<'_>,
    integration: &ZoomIntegration,
) -> Result<(Observed, bool), Error> {
    let Sources { reader, memory, .. } = sources;
    let receiver = Box::pin(receiver(reader, sources.policy, integration)).await?;
    let live = receiver.live(integration);
    if !live.iter().any(|live| live.buffered) {
        let observed = Observed {
            receiver,
            ..Observed::default()
        };
        return Ok((observed, false));
    }
    let (sink_secret, (sink_service, sink_addresses)) = sink(reader, integration).await?;
    let observed = Observed {
        sink_secret,
        sink_service,
        sink_addresses,
        pods: facts::gather(reader, sources.http, integration, &receiver).await,
        altered: memory.altered.of(
            &integration.namespace().unwrap_or_default(),
            &integration.name_any(),
        ),
        receiver,
        ..Observed::default()
    };
    Ok((observed, namespace_ends(reader, integration).await?))
}

/// Whether the integration's namespace is being deleted or no longer exists.
///
/// # Errors
/// When a request to the API server fails.
pub async fn namespace_ends(reader: &Reader, integration: &ZoomIntegration) -> Result<bool, Error> {
    let namespaces: Reads<Namespace> = reader.of_cluster();
    let name = integration.namespace().unwrap_or_default();
    let found = namespaces.get_metadata_opt(&name).await?;
    Ok(found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()))
}

async fn old_token_secret(
    secrets: &Reads<Secret>,
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
