//! Every version of an object, not only the last one.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use futures::StreamExt as _;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{object, wait::LIMIT, wait_for};

/// Records every version of an object until it is dropped.
pub struct History {
    versions: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

/// The dynamic API of integrations.
pub fn integrations(client: &kube::Client, namespace: Option<&str>) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("zoom-operator.io", "v1alpha1", "ZoomIntegration");
    let resource = ApiResource::from_gvk(&kind);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// The dynamic API of connections.
pub fn connections(client: &kube::Client, namespace: Option<&str>) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("zoom-operator.io", "v1alpha1", "ZoomConnection");
    let resource = ApiResource::from_gvk(&kind);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

// === impl History ===

impl History {
    /// Starts, and waits until the first version was seen.
    pub(super) async fn start(api: Api<DynamicObject>, name: &str) -> anyhow::Result<Self> {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let versions = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let versions = versions.clone();
            async move {
                let stream = watcher(api, config).default_backoff().applied_objects();
                let mut stream = std::pin::pin!(stream);
                while let Some(object) = stream.next().await {
                    let Ok(object) = object else { continue };
                    let object = serde_json::to_value(&object).unwrap_or_default();
                    lock(&versions).push(object);
                }
            }
        });
        let history = Self { versions, task };
        wait_for("the first version", LIMIT, || async {
            Ok((!history.versions().is_empty()).then_some(()))
        })
        .await?;
        Ok(history)
    }

    /// Waits until a version is as wished, however short-lived; the first such.
    pub async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let found = wait_for(what, LIMIT, || async {
            Ok(self.versions().into_iter().find(&holds))
        })
        .await;
        found.with_context(|| object::told(self.versions().last()))
    }

    /// All versions so far, the oldest first.
    pub fn versions(&self) -> Vec<Value> {
        lock(&self.versions).clone()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(versions: &Mutex<Vec<Value>>) -> std::sync::MutexGuard<'_, Vec<Value>> {
    versions.lock().unwrap_or_else(PoisonError::into_inner)
}
