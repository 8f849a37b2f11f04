//! Observes the cluster. Reads only.

mod receiver;
mod sink;
mod volumes;

use jiff::Timestamp;
use k8s_openapi::api::{
    core::v1::{Namespace, Secret},
    events::v1::Event,
};
use kube::{ResourceExt as _, api::ListParams};

pub use self::receiver::workloads;
use self::{receiver::receiver, sink::sink, volumes::volumes};
use super::{
    facts,
    model::{Checked, Observed, Receiver, ReceiverPod, together},
    ownership::owned,
    resources::{self, Kind},
    trouble,
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        config::ReceiverPolicy,
        context::{Context, Memory},
        credentials::Credentials,
        error::Error,
        key::Key,
        published::Exactly,
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
        // A new token is created, which fails if there is a Secret after all.
        let secret = reader
            .secret_if_known(integration, &owner.secret_name)
            .await?;
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
        // That of a bot which the app no longer has.
        (
            TokenSecret::Absent,
            old_token_secret(&secrets, integration).await?,
        )
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
    let facts = together(&pods, facts::was_verified(integration))
        .filter(|_| spec.webhook.is_some() && !spec.suspend);
    let (sink_secret, (sink_service, sink_addresses)) = sink(reader, integration).await?;
    let volumes = volumes(reader, integration, &receiver).await?;
    Ok(Observed {
        credentials,
        checked: checked(memory, integration),
        token,
        rewritten: memory.rewrites.of(&uid),
        old_token_secret,
        altered: memory.altered.of(
            &integration.namespace().unwrap_or_default(),
            &integration.name_any(),
        ),
        receiver,
        volumes,
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
    let last = status.and_then(|status| status.credentials.as_ref());
    let last = last.map(Checked::of).unwrap_or_default();
    let now = Timestamp::now();
    let uid = integration.uid().unwrap_or_default();
    let newest = memory.answers.newest(&uid, last.believed(now));
    newest.believed(now)
}

/// Why Kubernetes does not create or replace a Pod of a `StatefulSet`, or create its volume. Unlike for a Deployment,
/// only Events say so; they are read only in this case.
async fn warning(
    reader: &Reader,
    integration: &ZoomIntegration,
    receiver: &Receiver,
    pods: &[ReceiverPod],
) -> Option<String> {
    let live = receiver.stateful_set.as_ref();
    let live = live.filter(|live| owned(integration, *live))?;
    let status = live.status.as_ref()?;
    let available = status.available_replicas.unwrap_or_default();
    let updated = status.updated_replicas.unwrap_or_default();
    let wanted = live.spec.as_ref()?.replicas.unwrap_or(1);
    if available > 0 && updated >= wanted || wanted == 0 {
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
        return Ok((observed, namespace_ends(reader, integration).await?));
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
) -> Result<Option<Exactly>, Error> {
    let status = integration.status.as_ref();
    let Some(old) = status.and_then(|status| status.token.as_ref()?.secret_name.clone()) else {
        return Ok(None);
    };
    if integration.spec.has_own_token() && old == Owner::integration(integration).secret_name {
        return Ok(None);
    }
    let secret = secrets.get_opt(&old).await?;
    let ours = matches!(
        token_secret::read(&Owner::integration(integration), secret.as_ref()),
        TokenSecret::Ours(_)
    );
    let secret = secret.filter(|_| ours);
    Ok(secret.map(|secret| Exactly::of(&secret.metadata)))
}
