//! When each integration or connection was connected, as a watch tells.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures::StreamExt as _;
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::sync::Notify;

use crate::{cluster::Cluster, tenants::Tenant};

/// The annotation that asks for another token.
pub const ASKED: &str = "zoom-operator.io/refresh-requested-at";

/// What the watch has seen so far.
#[derive(Clone, Default)]
pub struct Watched(Arc<Shared>);

#[derive(Default)]
struct Shared {
    seen: Mutex<HashMap<Tenant, Seen>>,
    changed: Notify,
}

/// What is known of an object.
#[derive(Clone, Debug)]
struct Seen {
    /// When it was first connected.
    connected: Option<Instant>,
    /// How often its token has changed.
    tokens: u32,
    /// When its current token expires, as the status says.
    expires: String,
    /// Whether another token was asked for.
    is_asked: bool,
}

// === impl Watched ===

impl Watched {
    /// Begins to watch the objects of a kind, until the process ends.
    pub fn begin(cluster: &Cluster, kind: &str) -> Self {
        let watched = Self::default();
        let plural = format!("{}s", kind.to_lowercase());
        let kind = GroupVersionKind::gvk("zoom-operator.io", "v1alpha1", kind);
        let kind = ApiResource::from_gvk_with_plural(&kind, &plural);
        let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &kind);
        let events = watcher(api, watcher::Config::default())
            .default_backoff()
            .applied_objects();
        tokio::spawn({
            let watched = watched.clone();
            async move {
                // After an error the watch goes on by itself.
                let mut events = std::pin::pin!(events);
                while let Some(event) = events.next().await {
                    if let Ok(object) = event {
                        watched.see(&object);
                    }
                }
            }
        });
        watched
    }

    fn see(&self, object: &DynamicObject) {
        let status = &object.data["status"];
        let conditions = status["conditions"].as_array();
        let is_connected = conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        let expires = status["token"]["expiresAt"].as_str().unwrap_or_default();
        let tenant = Tenant {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        };
        let mut seen = self.lock();
        let entry = seen.entry(tenant).or_insert(Seen {
            connected: None,
            tokens: 0,
            expires: String::new(),
            is_asked: false,
        });
        entry.is_asked = object.annotations().contains_key(ASKED);
        if is_connected && entry.connected.is_none() {
            entry.connected = Some(Instant::now());
        }
        if !expires.is_empty() && entry.expires != expires {
            expires.clone_into(&mut entry.expires);
            entry.tokens += 1;
        }
        drop(seen);
        self.0.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Tenant, Seen>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When this one was connected.
    pub fn connected_at(&self, tenant: &Tenant) -> Option<Instant> {
        self.lock().get(tenant)?.connected
    }

    /// How many tokens this one has had.
    pub fn tokens(&self, tenant: &Tenant) -> u32 {
        self.lock().get(tenant).map_or(0, |seen| seen.tokens)
    }

    /// How many of a fleet are connected.
    pub fn connected(&self, fleet: &str) -> usize {
        self.count(fleet, |seen| seen.connected.is_some())
    }

    /// How many of a fleet have had at least so many tokens.
    pub fn with_tokens(&self, fleet: &str, tokens: u32) -> usize {
        self.count(fleet, |seen| seen.tokens >= tokens)
    }

    /// How many of a fleet are known to be asked for another token.
    pub fn asked(&self, fleet: &str) -> usize {
        self.count(fleet, |seen| seen.is_asked)
    }

    fn count(&self, fleet: &str, holds: impl Fn(&Seen) -> bool) -> usize {
        let seen = self.lock();
        let prefix = format!("{fleet}-");
        let of_fleet = seen
            .iter()
            .filter(|(tenant, _)| tenant.name.starts_with(&prefix));
        of_fleet.filter(|(_, seen)| holds(seen)).count()
    }

    /// Waits until something holds of what was seen.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        holds: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let waiting = async {
            loop {
                let changed = self.0.changed.notified();
                if holds(self) {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_secs(1), changed).await;
            }
        };
        tokio::time::timeout(limit, waiting)
            .await
            .with_context(|| format!("{what}: not within {} s", limit.as_secs()))
    }
}
