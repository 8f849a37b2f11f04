//! A test's own namespace, and what can be done in it.

use std::{sync::Arc, time::Duration};

use axum::http::Request;
use kube::Client;
use serde_json::{Value, json};

use super::{
    History, Operator, Options, Sim, Tenant,
    object::{self, path},
    tenant::unique,
    tools,
    wait::{LIMIT, wait_for},
    watch,
};

/// A test's own namespace.
#[derive(Clone)]
pub struct Bed {
    client: Client,
    namespace: Arc<str>,
}

// === impl Bed ===

impl Bed {
    /// Makes the namespace, with Pod Security `restricted`.
    pub(super) async fn new(client: Client, namespace: &str) -> anyhow::Result<Self> {
        let bed = Self {
            client,
            namespace: namespace.into(),
        };
        let object = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                super::suite::RUN_LABEL: std::process::id().to_string(),
            }},
        });
        bed.request("POST", "/api/v1/namespaces", Some((JSON, &object)))
            .await?;
        Ok(bed)
    }

    /// A second namespace for a test, which removes it itself; a later run does so if the test cannot.
    pub async fn neighbour(&self, suffix: &str) -> anyhow::Result<Self> {
        let namespace = format!("{}-{suffix}", self.namespace);
        Self::new(self.client.clone(), &namespace).await
    }

    /// Sets a label of the namespace; `null` removes it.
    pub async fn label(&self, label: &str, value: Value) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        let patch = json!({"metadata": {"labels": {(label): value}}});
        let merge = ("application/merge-patch+json", &patch);
        self.request("PATCH", &path, Some(merge)).await?;
        Ok(())
    }

    /// Lets the kubelet look at a Pod at once, and so bring it what changed in its Secrets; by itself it looks once a
    /// minute.
    pub async fn look_at_pod(&self, pod: &str) -> anyhow::Result<()> {
        let patch =
            json!({"metadata": {"annotations": {"e2e.zoom-operator.io/look": unique("look")}}});
        self.patch("pods", pod, &patch).await?;
        Ok(())
    }

    /// Deletes the namespace without waiting.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.request("DELETE", &path, None).await?;
        Ok(())
    }

    /// The API server, outside any test's namespace.
    pub(super) fn outside(client: Client) -> Self {
        Self {
            client,
            namespace: "default".into(),
        }
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The offline Zoom and an operator, the usual start of a test.
    pub async fn zoom_and_operator(&self, options: &Options) -> anyhow::Result<(Sim, Operator)> {
        futures::try_join!(Sim::deploy(self), Operator::install(self, options))
    }

    // === Requests ===

    /// Any request to the API server; the answer as JSON (`null` if it is none).
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> anyhow::Result<Value> {
        let text = self.request_text(method, path, body).await?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Any request to the API server; the answer as text.
    pub async fn request_text(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> anyhow::Result<String> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some((content_type, _)) = body {
            request = request.header("content-type", content_type);
        }
        let body = body.map(|(_, body)| body.to_string().into_bytes());
        let request = request.body(body.unwrap_or_default())?;
        let answer = self.client.request_text(request);
        Ok(tokio::time::timeout(REQUEST_LIMIT, answer).await??)
    }

    /// An object, if it exists. `resource` is the plural, as in `deployments`.
    pub async fn find(&self, resource: &str, name: &str) -> anyhow::Result<Option<Value>> {
        let path = path(&self.namespace, resource, Some(name));
        match self.request("GET", &path, None).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An object that must exist.
    pub async fn get(&self, resource: &str, name: &str) -> anyhow::Result<Value> {
        let path = path(&self.namespace, resource, Some(name));
        self.request("GET", &path, None).await
    }

    /// All objects of a resource that have these labels (`a=b,c=d`; "" for all).
    pub async fn list(&self, resource: &str, labels: &str) -> anyhow::Result<Vec<Value>> {
        let labels = labels.replace('=', "%3D").replace(',', "%2C");
        let path = path(&self.namespace, resource, None);
        let list = self
            .request("GET", &format!("{path}?labelSelector={labels}"), None)
            .await?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Server-side apply of an object; what the API server made of it.
    pub async fn apply(&self, object: &Value) -> anyhow::Result<Value> {
        let resource = object::resource(object::text(object, "/kind"));
        let path = path(&self.namespace, &resource, Some(object::name(object)));
        let path = format!("{path}?fieldManager=e2e&force=true");
        self.request(
            "PATCH",
            &path,
            Some(("application/apply-patch+yaml", object)),
        )
        .await
    }

    /// Creates an object that must not exist.
    pub async fn create(&self, object: &Value) -> anyhow::Result<Value> {
        let resource = object::resource(object::text(object, "/kind"));
        let path = path(&self.namespace, &resource, None);
        self.request("POST", &path, Some((JSON, object))).await
    }

    /// JSON merge patch.
    pub async fn patch(&self, resource: &str, name: &str, patch: &Value) -> anyhow::Result<Value> {
        let path = path(&self.namespace, resource, Some(name));
        self.request(
            "PATCH",
            &path,
            Some(("application/merge-patch+json", patch)),
        )
        .await
    }

    /// Asks for deletion; gone already is fine.
    pub async fn delete(&self, resource: &str, name: &str) -> anyhow::Result<()> {
        let path = path(&self.namespace, resource, Some(name));
        match self.request("DELETE", &path, None).await {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// `kubectl -n NAMESPACE ARGS...`, whatever its end is.
    pub async fn kubectl(&self, args: &[&str]) -> anyhow::Result<tools::Said> {
        let args: Vec<&str> = ["-n", &self.namespace]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        tools::run("kubectl", &args).await
    }

    // === Integrations ===

    /// The integration as it is now.
    pub async fn integration(&self, name: &str) -> anyhow::Result<Value> {
        self.get("zoomintegrations", name).await
    }

    /// Merge patch of an integration's `spec`.
    pub async fn change(&self, name: &str, spec: &Value) -> anyhow::Result<Value> {
        self.patch("zoomintegrations", name, &json!({"spec": spec}))
            .await
    }

    /// Waits until the integration is as wished.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        self.until_object("zoomintegrations", name, what, holds)
            .await
    }

    /// Waits until the controller has seen the latest change and `Ready` has this reason.
    pub async fn until_reason(&self, name: &str, reason: &str) -> anyhow::Result<Value> {
        self.until(name, reason, |object| {
            object::seen(object) && object::reason(object, "Ready") == reason
        })
        .await
    }

    /// Makes the time of the tenant's token come now, as if the operator had planned its refresh for the past.
    pub async fn refresh_now(&self, tenant: &Tenant) -> anyhow::Result<()> {
        let past = json!({"metadata": {"annotations": {
            "zoom-operator.io/refresh-at": "2020-01-01T00:00:00Z",
        }}});
        self.patch("secrets", &tenant.token_secret(), &past).await?;
        Ok(())
    }

    /// Waits until an object is gone.
    pub async fn until_gone(&self, resource: &str, name: &str) -> anyhow::Result<()> {
        wait_for(&format!("{resource}/{name} goes"), LIMIT, || async {
            Ok(self.find(resource, name).await?.is_none().then_some(()))
        })
        .await
    }

    /// Waits until an object exists and is as wished; says what it is like otherwise.
    pub async fn until_object(
        &self,
        resource: &str,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        self.until_object_within(LIMIT, resource, name, what, holds)
            .await
    }

    /// The same with a limit of its own.
    pub async fn until_object_within(
        &self,
        limit: Duration,
        resource: &str,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let found = wait_for(&format!("{resource}/{name}: {what}"), limit, || async {
            Ok(self.find(resource, name).await?.filter(&holds))
        })
        .await;
        match found {
            Ok(object) => Ok(object),
            Err(error) => {
                let last = self.find(resource, name).await.unwrap_or_default();
                Err(anyhow::anyhow!(
                    "{error:#}; {}",
                    object::told(last.as_ref())
                ))
            }
        }
    }

    /// Waits until a Deployment has all its Pods available and no old ones.
    pub async fn until_deployed(&self, name: &str) -> anyhow::Result<Value> {
        self.until_object("deployments", name, "deployed", |object| {
            let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64);
            let wanted = number("/spec/replicas");
            object::seen(object)
                && number("/status/availableReplicas").or(Some(0)) == wanted
                && number("/status/updatedReplicas").or(Some(0)) == wanted
                && number("/status/replicas").or(Some(0)) == wanted
        })
        .await
    }

    /// Records every version of an integration from now on.
    pub async fn record(&self, name: &str) -> anyhow::Result<History> {
        let api = watch::integrations(&self.client, Some(&self.namespace));
        History::start(api, name).await
    }

    /// Records every version of a connection from now on.
    pub async fn record_connection(&self, name: &str) -> anyhow::Result<History> {
        let api = watch::connections(&self.client, Some(&self.namespace));
        History::start(api, name).await
    }

    /// Events about an integration.
    pub async fn events(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let mut events = self.list("events", "").await?;
        events.retain(|event| {
            event["regarding"]["name"] == name && event["regarding"]["kind"] == "ZoomIntegration"
        });
        Ok(events)
    }
}

pub const JSON: &str = "application/json";

const REQUEST_LIMIT: Duration = Duration::from_mins(1);

fn is_not_found(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<kube::Error>(),
        Some(kube::Error::Api(status)) if status.is_not_found()
    )
}
