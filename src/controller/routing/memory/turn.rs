//! The right to change one of an integration's Secrets with routes, and what its content tells.

use std::collections::{BTreeMap, BTreeSet};

use contract::receiver::routes::Connection;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use sha2::{Digest as _, Sha256};

use super::{Content, Routes, TURNS, Written};
use crate::controller::{key::Key, routing::versions, writer::Writer};

/// The right to change one of an integration's Secrets, for as long as this is held. If somebody else changes it
/// meanwhile, the integration gets a pass.
#[must_use]
pub struct Turn<'a> {
    routes: &'a Routes,
    writer: &'a Writer,
    integration: Key,
    shard: usize,
    /// What the watch had reported when this began.
    news: u64,
    _lock: tokio::sync::MutexGuard<'a, ()>,
}

/// The connections whose route is another one than was remembered.
#[derive(Debug, Default)]
pub struct Differing {
    /// Somebody else changed these.
    pub altered: Vec<Connection>,
    /// These are as the last write wanted them, whose answer got lost.
    pub own: Vec<Connection>,
}

// === impl Routes ===

impl Routes {
    /// The right to change one of an integration's Secrets.
    pub async fn turn<'a>(
        &'a self,
        writer: &'a Writer,
        integration: &Key,
        shard: usize,
    ) -> Turn<'a> {
        let name = format!("{}/{}/{shard}", integration.namespace, integration.name);
        let digest = Sha256::digest(name);
        let lock = self.turns[usize::from(digest[0]) % TURNS].lock().await;
        let mut known = self.lock();
        let known = known.entry(integration.clone()).or_default();
        known.secrets[shard].change(true);
        let news = known.secrets[shard].news();
        Turn {
            routes: self,
            writer,
            integration: integration.clone(),
            shard,
            news,
            _lock: lock,
        }
    }
}

// === impl Turn ===

impl Turn<'_> {
    /// A write of a connection's route begins; `None` if the route is to go. The answer may get lost.
    pub fn attempt(&self, connection: &Connection, json: Option<&str>) {
        if let Some(known) = self.routes.lock().get_mut(&self.integration) {
            let content = json.map(|json| Content::of(json.as_bytes()));
            known.attempted.insert(connection.clone(), content);
        }
    }

    /// The API server answered a write, which is recorded, with this Secret. If something else in it is not as
    /// remembered, its version stays unknown: the Secret is read once the watch reports it.
    pub fn answered(&self, secret: &Secret) {
        let mut known = self.routes.lock();
        let Some(known) = known.get_mut(&self.integration) else {
            return;
        };
        let found = contents(secret, self.shard);
        if known.is_complete && known.differing(self.shard, &found).is_empty() {
            known.secrets[self.shard].know(secret.resource_version().as_deref());
        }
    }

    /// Records what the Secret has; `None` if there is no such Secret.
    pub fn looked(&self, secret: Option<&Secret>) -> Differing {
        let differing = self.compared(secret);
        if let Some(known) = self.routes.lock().get_mut(&self.integration) {
            let versions = &mut known.secrets[self.shard];
            versions.look(self.news);
            match secret {
                Some(secret) => versions.know(secret.resource_version().as_deref()),
                None => versions.gone(),
            }
        }
        differing
    }

    /// The same, but the Secret is still to be looked at.
    pub fn compared(&self, secret: Option<&Secret>) -> Differing {
        let mut known = self.routes.lock();
        let Some(known) = known.get_mut(&self.integration) else {
            return Differing::default();
        };
        let found = secret
            .map(|secret| contents(secret, self.shard))
            .unwrap_or_default();
        let differing = known.differing(self.shard, &found);
        for connection in &differing {
            known.lose(connection);
        }
        for (connection, json) in secret.into_iter().flat_map(versions::routes) {
            if differing.contains(&connection) {
                known.remember(connection, json);
            }
        }
        let (own, altered): (Vec<_>, Vec<_>) = differing
            .into_iter()
            .partition(|one| known.attempted.get(one) == Some(&found.get(one).copied()));
        for connection in &own {
            known.attempted.remove(connection);
        }
        Differing { altered, own }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut known = self.routes.lock();
        let Some(known) = known.get_mut(&self.integration) else {
            return;
        };
        let versions = &mut known.secrets[self.shard];
        versions.change(false);
        // What was reported before has led to a pass already, which may have failed or wait.
        if known.is_complete && versions.are_foreign() && versions.news() != self.news {
            self.writer.again(self.integration.clone());
        }
    }
}

/// The routes in a Secret that belong there.
fn contents(secret: &Secret, shard: usize) -> BTreeMap<Connection, Content> {
    versions::routes(secret)
        .filter(|(connection, _)| connection.shard() == shard)
        .map(|(connection, json)| (connection, Content::of(json)))
        .collect()
}

// === impl Written ===

impl Written {
    /// The connections whose route in this Secret is another one than what is remembered.
    fn differing(&self, shard: usize, found: &BTreeMap<Connection, Content>) -> Vec<Connection> {
        let here = self.routes.keys().filter(|known| known.shard() == shard);
        let all: BTreeSet<&Connection> = here.chain(found.keys()).collect();
        all.into_iter()
            .filter(|one| self.routes.get(one) != found.get(one))
            .cloned()
            .collect()
    }
}
