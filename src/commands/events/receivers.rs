//! Finds an integration's receivers and talks to them through port forwards.

use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use contract::receiver::{
    control::{self, CONNECTION, DEAD_LETTERS, DeadLetter, Listing, SKIP},
    files::CONTROL_TOKEN,
    ports,
    routes::Connection,
};
use hyper::{Method, StatusCode};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use secrecy::SecretString;

use super::{http, owners};
use crate::{
    api::{label, v1alpha1::ZoomIntegration},
    commands::terminal::{Cluster, Session},
};

/// Dead letters in one answer.
const PAGE: usize = 1000;

/// A receiver Pod.
pub struct Receiver {
    pods: Api<Pod>,
    pod: String,
    token: SecretString,
}

/// The running receivers of an integration.
///
/// # Errors
/// When the integration does not exist, no receiver is running, or access is forbidden.
pub async fn find(cluster: &Cluster, integration: &str) -> anyhow::Result<Vec<Receiver>> {
    let session = cluster.session().await?;
    let found: ZoomIntegration = session.get(integration).await?;
    let uid = found.uid().unwrap_or_default();
    let Session { client, namespace } = session;
    // A former receiver can still have dead letters after the buffer was removed from the spec.
    let has_buffer = found
        .spec
        .webhook
        .is_some_and(|webhook| webhook.buffer.is_some());
    let token = token(&client, &namespace, integration).await.with_context(|| {
        if has_buffer {
            "the receiver cannot be asked".to_owned()
        } else {
            format!("ZoomIntegration {integration} has no webhook.buffer, and without one there are no dead letters: each event that fails is answered 503")
        }
    })?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let ours = format!(
        "{}={},{}={integration}",
        label::NAME,
        label::RECEIVER_NAME,
        label::INSTANCE
    );
    let labelled = pods.list(&ListParams::default().labels(&ours)).await?.items;
    let mut names: Vec<String> = owners::own(&client, &namespace, &uid, labelled)
        .await?
        .into_iter()
        .filter(|pod| {
            let phase = pod
                .status
                .as_ref()
                .and_then(|status| status.phase.as_deref());
            phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
        })
        .map(|pod| pod.name_any())
        .collect();
    names.sort();
    ensure!(
        !names.is_empty(),
        "no receiver of {integration} runs in namespace {namespace}"
    );
    Ok(names
        .into_iter()
        .map(|pod| Receiver {
            pods: pods.clone(),
            pod,
            token: token.clone(),
        })
        .collect())
}

async fn token(
    client: &Client,
    namespace: &str,
    integration: &str,
) -> anyhow::Result<SecretString> {
    let name = control::secret_name(integration);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = secrets
        .get_opt(&name)
        .await?
        .with_context(|| format!("Secret {name} does not exist yet: the controller creates it"))?;
    let token = secret
        .data
        .unwrap_or_default()
        .remove(CONTROL_TOKEN)
        .and_then(|bytes| String::from_utf8(bytes.0).ok())
        .with_context(|| format!("Secret {name} has no key `{CONTROL_TOKEN}`"))?;
    Ok(token.into())
}

// === impl Receiver ===

impl Receiver {
    /// Name of the Pod.
    #[must_use]
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// Sends one request to its control port.
    ///
    /// # Errors
    /// When the receiver cannot be reached, or refuses.
    pub async fn send(&self, method: Method, path: &str) -> anyhow::Result<Bytes> {
        let (_, body) = self.ask(method, path, None).await?;
        Ok(body)
    }

    /// Sends one request; returns `None` if the answer has this status.
    async fn send_unless(
        &self,
        method: Method,
        path: &str,
        none: StatusCode,
    ) -> anyhow::Result<Option<Bytes>> {
        let (status, body) = self.ask(method, path, Some(none)).await?;
        Ok((status != none).then_some(body))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        also: Option<StatusCode>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let answer = async {
            let mut forward = self.pods.portforward(&self.pod, &[ports::CONTROL]).await?;
            let stream = forward
                .take_stream(ports::CONTROL)
                .context("the port was not forwarded")?;
            http::send(stream, method, path, &self.token, also).await
        };
        answer.await.with_context(|| format!("Pod {}", self.pod))
    }

    /// Turns its first failing event, of those that the query means, into a dead letter. `None` if no event
    /// fails.
    ///
    /// # Errors
    /// When the receiver cannot be asked, or its version does not support this.
    pub async fn skip(&self, query: &str) -> anyhow::Result<Option<DeadLetter>> {
        let Some(answer) = self
            .send_unless(
                Method::POST,
                &format!("{SKIP}{query}"),
                StatusCode::CONFLICT,
            )
            .await?
        else {
            return Ok(None);
        };
        http::json(&answer).map(Some)
    }

    /// Makes sure that it knows connections: a receiver of an earlier version would take a request about one for a
    /// request about all.
    ///
    /// # Errors
    /// When it does not, or cannot be asked.
    pub async fn knows(&self, connection: &Connection) -> anyhow::Result<()> {
        let path = format!("{DEAD_LETTERS}?limit=1&{CONNECTION}={connection}");
        let asked = self.send(Method::GET, &path).await;
        asked
            .map(drop)
            .context("--connection: the receiver must know connections")
    }

    /// All its dead letters, or those of a connection.
    ///
    /// # Errors
    /// When the receiver cannot be asked.
    pub async fn dead_letters(
        &self,
        connection: Option<&Connection>,
    ) -> anyhow::Result<Vec<DeadLetter>> {
        let of = connection
            .map(|connection| format!("&{CONNECTION}={connection}"))
            .unwrap_or_default();
        let mut all: Vec<DeadLetter> = Vec::new();
        loop {
            let after = all
                .last()
                .map(|item| format!("&after={}", item.id))
                .unwrap_or_default();
            let path = format!("{DEAD_LETTERS}?limit={PAGE}{of}{after}");
            let page: Listing = http::json(&self.send(Method::GET, &path).await?)?;
            let is_last = page.items.len() < PAGE;
            all.extend(page.items);
            if is_last || all.len() as u64 >= page.total {
                return Ok(all);
            }
        }
    }
}
