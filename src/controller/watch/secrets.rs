//! Watches the metadata of Secrets: no Secret's data is kept.

use std::collections::HashSet;

use contract::receiver::routes;
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Resource as _, ResourceExt as _,
    api::PartialObjectMeta,
    runtime::watcher::{self, Event},
};

use super::{Scope, again::watch, paged};
use crate::controller::key::Key;

/// The metadata of a Secret.
type Meta = PartialObjectMeta<Secret>;

/// Leaves out service account tokens and Helm's releases, which are most of a cluster's Secrets and never
/// ours.
fn every_secret() -> watcher::Config {
    paged().fields("type!=kubernetes.io/service-account-token,type!=helm.sh/release.v1")
}

/// The integration whose routes are in a Secret of this name, and which of its Secrets it is. Its labels may be what
/// somebody changed.
fn of_routes(secret: &Meta) -> Option<(Key, usize)> {
    let name = secret.name_any();
    let (integration, shard) = routes::of_secret_name(&name)?;
    let namespace = secret.namespace().unwrap_or_default();
    Some((Key::integration(&namespace, integration), shard))
}

impl Scope {
    /// Watches the metadata of Secrets. Never returns.
    pub(super) async fn secrets(self) {
        // There are more Secrets than anything else, and no pass begins before.
        let index = self.context.reader.index();
        index.declared_listed(self.namespace.as_deref()).await;
        let events = watch(self.api::<Meta>(), every_secret());
        self.follow_secrets(events).await;
    }

    async fn follow_secrets(&self, events: impl Stream<Item = watcher::Result<Event<Meta>>>) {
        let kind = Secret::kind(&());
        let mut events = std::pin::pin!(events);
        let (index, scope) = (self.context.reader.index(), self.namespace.as_deref());
        let mut listed = HashSet::new();
        // What is created while a list is read may be missing in it.
        let mut existed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => {
                    index.list_secrets(scope);
                    listed.clear();
                    existed = self.context.memory.routes.existing(scope);
                    continue;
                }
                Ok(Event::InitDone) => {
                    index.secrets_listed(scope);
                    let listed = std::mem::take(&mut listed);
                    let existed = std::mem::take(&mut existed);
                    for (key, shard) in existed.difference(&listed) {
                        self.routes_gone(key.clone(), *shard);
                    }
                }
                // Most of them did not change.
                Ok(Event::InitApply(secret)) => {
                    for key in index.secret_listed(&secret) {
                        self.context.requeue.listed(key);
                    }
                    self.routes_heard(&secret);
                    listed.extend(of_routes(&secret));
                }
                Ok(Event::Apply(secret)) => {
                    self.requeue(index.secret_written(&secret));
                    self.routes_heard(&secret);
                }
                Ok(Event::Delete(secret)) => {
                    self.requeue(index.secret_deleted(&secret));
                    if let Some((key, shard)) = of_routes(&secret) {
                        self.routes_gone(key, shard);
                    }
                }
                Err(error) => {
                    tokio::time::sleep(self.outage.failed(&kind, &error).pause).await;
                    continue;
                }
            }
            self.outage.ended(&kind);
        }
    }

    /// Lets the integration look at a Secret with routes that somebody else wrote.
    fn routes_heard(&self, secret: &Meta) {
        let Some((key, shard)) = of_routes(secret) else {
            return;
        };
        let version = secret.metadata.resource_version.as_deref();
        if self.context.memory.routes.heard(&key, shard, version) {
            self.requeue(vec![key]);
        }
    }

    /// Lets the integration look for a Secret with routes that is gone.
    fn routes_gone(&self, key: Key, shard: usize) {
        if self.context.memory.routes.lost(&key, shard) {
            self.requeue(vec![key]);
        }
    }
}

#[cfg(test)]
mod tests;
