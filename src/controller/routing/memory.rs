//! Which routes are written: so that a pass writes only what changed. In memory only; after a start, what is
//! written is read once for each integration.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use contract::receiver::routes::Connection;
use sha2::{Digest as _, Sha256};

use crate::controller::key::Key;

/// The digest of a route.
type Digest = [u8; 32];

/// The routes that are written.
#[derive(Default)]
pub struct Routes {
    /// By integration.
    written: Mutex<HashMap<Key, Written>>,
    /// A connection's route is changed by its own pass and by its integration's: by one of them at a time.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// Connections that share a turn are rarely written at the same time.
const TURNS: usize = 32;

#[derive(Default)]
struct Written {
    /// By connection.
    routes: BTreeMap<Connection, Digest>,
    /// Those that lead nowhere because their namespace is not allowed.
    held: BTreeSet<Connection>,
    /// Whether every route that exists is here.
    is_complete: bool,
}

// === impl Routes ===

impl Routes {
    /// The right to change a connection's route, for as long as this is held.
    pub async fn turn(&self, connection: &Connection) -> tokio::sync::MutexGuard<'_, ()> {
        let digest = Sha256::digest(connection.to_string());
        self.turns[usize::from(digest[1]) % TURNS].lock().await
    }

    /// Whether exactly this route is written.
    #[must_use]
    pub fn is_written(&self, integration: &Key, connection: &Connection, json: &str) -> bool {
        let known = self.lock();
        let digest = known
            .get(integration)
            .and_then(|known| known.routes.get(connection));
        digest.is_some_and(|digest| *digest == <Digest>::from(Sha256::digest(json)))
    }

    /// Whether the connection has no route, for certain.
    #[must_use]
    pub fn is_absent(&self, integration: &Key, connection: &Connection) -> bool {
        let known = self.lock();
        let known = known.get(integration);
        known.is_some_and(|known| known.is_complete && !known.routes.contains_key(connection))
    }

    /// Records a route that was written.
    pub fn wrote(&self, integration: &Key, connection: Connection, json: &str) {
        let mut known = self.lock();
        let known = known.entry(integration.clone()).or_default();
        let digest = Sha256::digest(json).into();
        known.held.remove(&connection);
        known.routes.insert(connection, digest);
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
            known.routes.remove(connection);
            known.held.remove(connection);
        }
    }

    /// Records every route that exists, with its content. Those written meanwhile stay.
    pub fn found(&self, integration: &Key, written: &[(Connection, &[u8])]) {
        let mut known = self.lock();
        let known = known.entry(integration.clone()).or_default();
        for (connection, json) in written {
            let digest = || Sha256::digest(json).into();
            known
                .routes
                .entry(connection.clone())
                .or_insert_with(digest);
        }
        known.is_complete = true;
    }

    /// Whether the connection has a route, for certain.
    #[must_use]
    pub fn is_known(&self, integration: &Key, connection: &Connection) -> bool {
        let known = self.lock();
        let known = known.get(integration);
        known.is_some_and(|known| known.routes.contains_key(connection))
    }

    /// The connections with a route; `None` if not all of them are known.
    #[must_use]
    pub fn all(&self, integration: &Key) -> Option<Vec<Connection>> {
        let known = self.lock();
        let known = known.get(integration).filter(|known| known.is_complete)?;
        Some(known.routes.keys().cloned().collect())
    }

    /// Forgets an integration: it was deleted, or somebody else changed the Secrets of its routes.
    pub fn forget(&self, integration: &Key) {
        self.lock().remove(integration);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_known_and_what_is_absent_only_after_a_look() {
        let routes = Routes::default();
        let app = Key::integration("platform", "app");
        let connection = |name: &str| Connection::new("clinic", name).unwrap();
        assert!(!routes.is_absent(&app, &connection("a")));
        assert_eq!(routes.all(&app), None);
        routes.wrote(&app, connection("a"), "{}");
        assert!(routes.is_written(&app, &connection("a"), "{}"));
        assert!(!routes.is_written(&app, &connection("a"), "[]"));
        routes.found(&app, &[(connection("a"), b"old"), (connection("b"), b"[]")]);
        assert!(routes.is_written(&app, &connection("a"), "{}"));
        assert!(routes.is_written(&app, &connection("b"), "[]"));
        assert!(
            routes.is_known(&app, &connection("b")) && !routes.is_known(&app, &connection("c"))
        );
        assert!(routes.is_absent(&app, &connection("c")));
        routes.erased(&app, &connection("b"));
        assert_eq!(routes.all(&app), Some(vec![connection("a")]));
        routes.held(&app, connection("a"), "held");
        assert!(
            routes.is_held(&app, &connection("a"))
                && !routes.is_written(&app, &connection("a"), "{}")
        );
        routes.wrote(&app, connection("a"), "{}");
        assert!(!routes.is_held(&app, &connection("a")));
        routes.forget(&app);
        assert!(!routes.is_written(&app, &connection("a"), "{}"));
    }
}
