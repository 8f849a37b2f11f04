//! Which routes are written: so that a pass writes only what changed. In memory only; after a start, what is
//! written is read once for each integration.

mod brake;
pub mod turn;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::receiver::routes::{Connection, Route, SHARDS};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::versions::Versions;
use crate::controller::{integration::altered::Alteration, key::Key, schedule};

/// The routes that are written.
#[derive(Default)]
pub struct Routes {
    /// By integration.
    written: Mutex<HashMap<Key, Written>>,
    /// Since when a connection's route lacks something, by connection.
    troubles: Mutex<HashMap<Connection, Timestamp>>,
    /// Repairs of what somebody else changed, by integration and Secret.
    repairs: Mutex<HashMap<(Key, usize), Alteration>>,
    /// A Secret is changed by the passes of its connections and by their integration's: by one of them at a time.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// How soon to look again for what a route lacks: somebody is probably creating it.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// The longest pause between two looks.
const LAST_LOOK: Duration = Duration::from_mins(10);

/// What a route says: its digest and its length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Content {
    digest: [u8; 32],
    bytes: usize,
}

/// Secrets that share a turn are rarely written at the same time.
const TURNS: usize = 32;

#[derive(Default)]
struct Written {
    /// By connection.
    routes: BTreeMap<Connection, Content>,
    /// What is being written, or was when the answer got lost; `None` if the route is to go.
    attempted: BTreeMap<Connection, Option<Content>>,
    /// Those that lead nowhere because their namespace is not allowed.
    held: BTreeSet<Connection>,
    /// Whether every route that exists is here.
    is_complete: bool,
    /// The accounts of each route.
    accounts: BTreeMap<Connection, Vec<String>>,
    /// Since when a connection with a route cannot be seen.
    missed: BTreeMap<Connection, Timestamp>,
    /// The versions of each Secret.
    secrets: [Versions; SHARDS],
}

// === impl Routes ===

impl Routes {
    /// The watch reports this version of a Secret. Returns whether the integration is to look at it from now on:
    /// somebody else wrote it.
    #[must_use]
    pub fn heard(&self, integration: &Key, shard: usize, version: Option<&str>) -> bool {
        self.told(integration, shard, |versions| versions.hear(version))
    }

    /// The watch reports that a Secret is gone. Returns the same.
    #[must_use]
    pub fn lost(&self, integration: &Key, shard: usize) -> bool {
        self.told(integration, shard, Versions::lose)
    }

    fn told(&self, integration: &Key, shard: usize, news: impl FnOnce(&mut Versions)) -> bool {
        let mut known = self.lock();
        let Some(known) = known.get_mut(integration) else {
            return false;
        };
        let versions = &mut known.secrets[shard];
        let were_foreign = versions.are_foreign();
        news(versions);
        known.is_complete && !were_foreign && versions.are_foreign()
    }

    /// The Secrets that somebody else has changed since they were read or written here.
    #[must_use]
    pub fn foreign(&self, integration: &Key) -> Vec<usize> {
        let known = self.lock();
        let known = known.get(integration).filter(|known| known.is_complete);
        let secrets = known.map_or(&[][..], |known| &known.secrets);
        let changed = secrets
            .iter()
            .enumerate()
            .filter(|(_, it)| it.are_foreign());
        changed.map(|(shard, _)| shard).collect()
    }

    /// The Secrets that exist, of the integrations of a namespace, or of all.
    #[must_use]
    pub fn existing(&self, scope: Option<&str>) -> HashSet<(Key, usize)> {
        let known = self.lock();
        let within = known
            .iter()
            .filter(|(key, _)| scope.is_none_or(|scope| *key.namespace == *scope));
        let secrets = within.flat_map(|(key, known)| {
            let secrets = known.secrets.iter().enumerate();
            let existing = secrets.filter(|(_, it)| it.exists());
            existing.map(|(shard, _)| (key.clone(), shard))
        });
        secrets.collect()
    }

    /// How soon to look again for what a connection's route lacks at `now`: the longer it lacks, the later.
    #[must_use]
    pub fn pause(&self, connection: &Connection, now: Timestamp) -> Duration {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let since = troubles.entry(connection.clone()).or_insert(now);
        (schedule::between(*since, now) / 2).clamp(FIRST_LOOK, LAST_LOOK)
    }

    /// Records that a connection's route lacks nothing, or that the connection is gone.
    pub fn settled(&self, connection: &Connection) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.remove(connection);
    }

    /// Whether exactly this route is written.
    #[must_use]
    pub fn is_written(&self, integration: &Key, connection: &Connection, json: &str) -> bool {
        let known = self.lock();
        let content = known
            .get(integration)
            .filter(|known| !known.is_doubtful(connection))
            .and_then(|known| known.routes.get(connection));
        content.is_some_and(|content| *content == Content::of(json.as_bytes()))
    }

    /// Whether the connection has no route, for certain.
    #[must_use]
    pub fn is_absent(&self, integration: &Key, connection: &Connection) -> bool {
        let known = self.lock();
        let known = known.get(integration);
        known.is_some_and(|known| {
            known.is_complete
                && !known.is_doubtful(connection)
                && !known.routes.contains_key(connection)
        })
    }

    /// Records a route that was written.
    pub fn wrote(&self, integration: &Key, connection: Connection, json: &str) {
        let mut known = self.lock();
        let known = known.entry(integration.clone()).or_default();
        known.held.remove(&connection);
        known.attempted.remove(&connection);
        known.remember(connection, json.as_bytes());
    }

    /// Records a route that was written and leads nowhere.
    pub fn held(&self, integration: &Key, connection: Connection, json: &str) {
        self.wrote(integration, connection.clone(), json);
        if let Some(known) = self.lock().get_mut(integration) {
            known.held.insert(connection);
        }
    }

    /// Whether the connection's route is known to lead nowhere.
    #[must_use]
    pub fn is_held(&self, integration: &Key, connection: &Connection) -> bool {
        let known = self.lock();
        let known = known.get(integration);
        known.is_some_and(|known| known.held.contains(connection))
    }

    /// Records that a route was erased.
    pub fn erased(&self, integration: &Key, connection: &Connection) {
        if let Some(known) = self.lock().get_mut(integration) {
            known.attempted.remove(connection);
            known.lose(connection);
        }
    }

    /// All Secrets of an integration are about to be read. What the watch reports from now on is remembered.
    pub fn begin(&self, integration: &Key) {
        self.lock().entry(integration.clone()).or_default();
    }

    /// A Secret was read in this version, and [`Routes::found`] follows.
    pub fn read(&self, integration: &Key, shard: usize, version: Option<&str>) {
        let mut known = self.lock();
        let known = known.entry(integration.clone()).or_default();
        known.secrets[shard].know(version);
    }

    /// The same, but something in it is as it must not be: it counts as changed by somebody else.
    pub fn doubt(&self, integration: &Key, shard: usize, version: Option<&str>) {
        let mut known = self.lock();
        let known = known.entry(integration.clone()).or_default();
        known.secrets[shard].hear(version);
    }

    /// Records every route that exists, with its content. Those written meanwhile stay.
    pub fn found(&self, integration: &Key, written: &[(Connection, &[u8])]) {
        let mut known = self.lock();
        let known = known.entry(integration.clone()).or_default();
        for (connection, json) in written {
            if !known.routes.contains_key(connection) {
                known.remember(connection.clone(), json);
            }
        }
        known.is_complete = true;
    }

    /// The accounts of a connection's route.
    #[must_use]
    pub fn accounts(&self, integration: &Key, connection: &Connection) -> Vec<String> {
        let known = self.lock();
        let accounts = known
            .get(integration)
            .and_then(|known| known.accounts.get(connection));
        accounts.cloned().unwrap_or_default()
    }

    /// Records that a connection with a route cannot be seen at `now`, or can. Returns since when it cannot.
    pub fn missed(
        &self,
        integration: &Key,
        connection: &Connection,
        is_unseen: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut known = self.lock();
        let known = known.get_mut(integration)?;
        if !is_unseen {
            known.missed.remove(connection);
            return None;
        }
        Some(*known.missed.entry(connection.clone()).or_insert(now))
    }

    /// Since when the one that cannot be seen for the longest time cannot.
    #[must_use]
    pub fn longest_missed(&self, integration: &Key) -> Option<Timestamp> {
        let known = self.lock();
        known.get(integration)?.missed.values().min().copied()
    }

    /// Whether the connection has a route, for certain.
    #[must_use]
    pub fn is_known(&self, integration: &Key, connection: &Connection) -> bool {
        let known = self.lock();
        let known = known.get(integration);
        known.is_some_and(|known| known.routes.contains_key(connection))
    }

    /// What the other connections of this one's namespace take of the Secret that has its route.
    #[must_use]
    pub fn bytes_beside(&self, integration: &Key, connection: &Connection) -> usize {
        let known = self.lock();
        let routes = known.get(integration).map(|known| &known.routes);
        let first = Connection {
            name: String::new(),
            ..connection.clone()
        };
        let beside = routes
            .into_iter()
            .flat_map(|routes| routes.range(first.clone()..));
        beside
            .take_while(|(other, _)| other.namespace == connection.namespace)
            .filter(|(other, _)| *other != connection && other.shard() == connection.shard())
            .map(|(_, content)| content.bytes)
            .sum()
    }

    /// The connections with a route; `None` if not all of them are known.
    #[must_use]
    pub fn all(&self, integration: &Key) -> Option<Vec<Connection>> {
        let known = self.lock();
        let known = known.get(integration).filter(|known| known.is_complete)?;
        Some(known.routes.keys().cloned().collect())
    }

    /// Forgets a deleted integration.
    pub fn forget(&self, integration: &Key) {
        self.lock().remove(integration);
    }

    fn repairs(&self) -> MutexGuard<'_, HashMap<(Key, usize), Alteration>> {
        self.repairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Written ===

impl Written {
    /// Whether somebody else has written the Secret that has this connection's route.
    fn is_doubtful(&self, connection: &Connection) -> bool {
        self.is_complete && self.secrets[connection.shard()].are_behind()
    }

    fn remember(&mut self, connection: Connection, json: &[u8]) {
        let accounts = Route::from_json(json).map(|route| route.accounts);
        self.accounts
            .insert(connection.clone(), accounts.unwrap_or_default());
        self.routes.insert(connection, Content::of(json));
    }

    fn lose(&mut self, connection: &Connection) {
        self.routes.remove(connection);
        self.held.remove(connection);
        self.accounts.remove(connection);
        self.missed.remove(connection);
    }
}

// === impl Content ===

impl Content {
    fn of(json: &[u8]) -> Self {
        Self {
            digest: Sha256::digest(json).into(),
            bytes: json.len(),
        }
    }
}

#[cfg(test)]
mod tests;
