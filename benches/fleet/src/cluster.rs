//! Requests to the API server.

use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Client;
use serde_json::Value;

/// No single request takes longer.
const LIMIT: Duration = Duration::from_mins(1);

/// The API server.
#[derive(Clone)]
pub struct Cluster {
    /// For watches.
    pub client: Client,
}

// === impl Cluster ===

impl Cluster {
    /// The cluster of `KUBECONFIG`, without the client's own limits on requests.
    pub async fn connect() -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::try_default().await?,
        })
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> anyhow::Result<String> {
        let mut request = http::Request::builder().method(method).uri(path);
        if let Some((kind, _)) = body {
            request = request.header("content-type", kind);
        }
        let body = body.map_or_else(Vec::new, |(_, body)| body.to_string().into_bytes());
        let answer = self.client.request_text(request.body(body)?);
        tokio::time::timeout(LIMIT, answer)
            .await?
            .with_context(|| format!("{method} {path}"))
    }

    /// An object or a list.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.send("GET", path, None).await?)?)
    }

    /// Whatever is there, as text.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        self.send("GET", path, None).await
    }

    /// Creates an object.
    pub async fn create(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        self.send("POST", path, Some(("application/json", object)))
            .await?;
        Ok(())
    }

    /// Replaces what the admin API of the offline Zoom has there.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        self.send("PUT", path, Some(("application/json", body)))
            .await?;
        Ok(())
    }

    /// Changes an object by a merge patch.
    pub async fn merge(&self, path: &str, change: &Value) -> anyhow::Result<()> {
        self.send(
            "PATCH",
            path,
            Some(("application/merge-patch+json", change)),
        )
        .await?;
        Ok(())
    }

    /// Applies an object, as a controller does.
    pub async fn apply(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        let path = format!("{path}?fieldManager=bare-client&force=true");
        self.send(
            "PATCH",
            &path,
            Some(("application/apply-patch+yaml", object)),
        )
        .await?;
        Ok(())
    }

    /// Deletes an object or a collection.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.send("DELETE", path, None).await?;
        Ok(())
    }
}

/// Does something for each, so many at a time.
pub async fn each<T, F>(
    items: impl IntoIterator<Item = T>,
    in_flight: usize,
    work: impl Fn(T) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    stream::iter(items)
        .map(work)
        .buffer_unordered(in_flight)
        .try_collect()
        .await
}

/// Waits until something holds.
pub async fn until<F>(
    what: &str,
    limit: Duration,
    mut holds: impl FnMut() -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<bool>>,
{
    let waiting = async {
        loop {
            if matches!(holds().await, Ok(true)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(limit, waiting)
        .await
        .with_context(|| format!("{what}: not within {} s", limit.as_secs()))
}
