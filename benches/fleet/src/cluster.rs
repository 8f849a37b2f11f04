//! Requests to the API server.

use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Client;
use serde_json::{Value, json};

/// No single request takes longer.
const LIMIT: Duration = Duration::from_mins(2);
/// How often a read is sent that fails: one lost answer must not end an hour of measuring.
const READS: usize = 3;
/// Until thousands of objects are gone.
pub const GONE: Duration = Duration::from_mins(30);

/// Objects in one answer.
const PAGE: usize = 500;

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
        let answer = tokio::time::timeout(LIMIT, answer).await;
        answer
            .with_context(|| format!("{method} {path}: not within {} s", LIMIT.as_secs()))?
            .with_context(|| format!("{method} {path}"))
    }

    /// An object or a list.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut sent = 1;
        loop {
            match self.send("GET", path, None).await {
                Err(_) if sent < READS => sent += 1,
                answer => return Ok(serde_json::from_str(&answer?)?),
            }
        }
    }

    /// Whatever is there, as text.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        self.send("GET", path, None).await
    }

    /// Creates an object; what was created.
    pub async fn create(&self, path: &str, object: &Value) -> anyhow::Result<Value> {
        let body = Some(("application/json", object));
        Ok(serde_json::from_str(&self.send("POST", path, body).await?)?)
    }

    /// Creates a namespace.
    pub async fn create_namespace(&self, name: &str) -> anyhow::Result<()> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.create("/api/v1/namespaces", &object).await?;
        Ok(())
    }

    /// Deletes namespaces, and waits until they are gone: what remains of one phase would slow the next one.
    pub async fn remove_namespaces(&self, names: &[String]) -> anyhow::Result<()> {
        for name in names {
            self.delete(&format!("/api/v1/namespaces/{name}")).await?;
        }
        until("the namespaces are gone", GONE, || async {
            let left = self.list("/api/v1/namespaces").await?;
            let is_ours = |name: &Value| names.iter().any(|ours| name == ours.as_str());
            Ok(!left.iter().any(|left| is_ours(&left["metadata"]["name"])))
        })
        .await
    }

    /// All items of a list, in pages.
    pub async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut items, mut next) = (Vec::new(), String::new());
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let path = format!("{path}{separator}limit={PAGE}&continue={next}");
            let mut page = self.get(&path).await?;
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            let more = page["metadata"]["continue"].as_str().unwrap_or_default();
            if more.is_empty() {
                return Ok(items);
            }
            more.clone_into(&mut next);
        }
    }

    /// Replaces what is there; the answer, if there is one.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self
            .send("PUT", path, Some(("application/json", body)))
            .await?;
        Ok(serde_json::from_str(&answer).unwrap_or_default())
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

    /// Adds to a list in an object, by a JSON patch.
    pub async fn append(&self, path: &str, list: &str, value: &Value) -> anyhow::Result<()> {
        let addition = json!([{"op": "add", "path": format!("{list}/-"), "value": value}]);
        let body = Some(("application/json-patch+json", &addition));
        self.send("PATCH", path, body).await?;
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

    /// Deletes an object.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.send("DELETE", path, None).await?;
        Ok(())
    }

    /// Deletes all objects of a collection, so many at a time that the API server answers in time.
    pub async fn delete_all(&self, path: &str) -> anyhow::Result<()> {
        let path = format!("{path}?limit={PAGE}");
        loop {
            let answer = self.send("DELETE", &path, None).await?;
            let deleted: Value = serde_json::from_str(&answer)?;
            let deleted = deleted["items"].as_array().map_or(0, Vec::len);
            if deleted < PAGE {
                return Ok(());
            }
        }
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
