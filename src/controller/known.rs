//! What the watches know of all objects, without asking the API server: for counts and comparisons,
//! never for a decision that a stale answer could make wrong.

use std::sync::{Arc, Mutex, PoisonError};

use kube::{ResourceExt, runtime::reflector::Store};

use super::{
    fleet::{Fleet, Key},
    reconcile::Guarded,
};
use crate::api::v1alpha1::{ConnectionsStatus, Phase, ZoomConnection};

/// The connections that there are.
#[derive(Default)]
pub struct Connections(Mutex<Vec<Store<Guarded<ZoomConnection>>>>);

// === impl Connections ===

impl Connections {
    /// Takes a watch's store in.
    pub fn know(&self, store: Store<Guarded<ZoomConnection>>) {
        self.lock().push(store);
    }

    /// The connections of an integration.
    #[must_use]
    pub fn of(&self, namespace: &str, integration: &str) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let belongs = |cached: &Arc<Guarded<ZoomConnection>>| {
            cached.0.as_ref().is_ok_and(|connection| {
                connection.namespace().as_deref() == Some(namespace)
                    && connection.spec.integration_ref.name == integration
            })
        };
        let stores = self.lock();
        let all = stores.iter().flat_map(Store::state);
        all.filter(belongs).collect()
    }

    /// How many there are, and how many are connected. The last pass knows the latter sooner than the
    /// watch.
    #[must_use]
    pub fn count(&self, namespace: &str, integration: &str, fleet: &Fleet) -> ConnectionsStatus {
        let connections = self.of(namespace, integration);
        let phase = |cached: &Guarded<ZoomConnection>| {
            let key = Key::of(cached);
            let said = || cached.0.as_ref().ok()?.status.as_ref()?.phase;
            fleet.phase(&key).or_else(said)
        };
        let connected = connections
            .iter()
            .filter(|cached| phase(cached) == Some(Phase::Connected))
            .count();
        let number = |count| i32::try_from(count).unwrap_or(i32::MAX);
        ConnectionsStatus {
            total: number(connections.len()),
            connected: number(connected),
        }
    }

    /// Another connection of the same integration that was connected by this Zoom user before.
    #[must_use]
    pub fn of_user(&self, connection: &ZoomConnection, user_id: &str) -> Option<String> {
        let namespace = connection.namespace().unwrap_or_default();
        let others = self.of(&namespace, &connection.spec.integration_ref.name);
        others
            .iter()
            .filter_map(|cached| cached.0.as_ref().ok())
            .filter(|other| other.uid() != connection.uid())
            .find(|other| {
                let status = other.status.as_ref();
                let subject = status.and_then(|status| status.subject.as_ref());
                subject.and_then(|subject| subject.user_id.as_deref()) == Some(user_id)
            })
            .map(ResourceExt::name_any)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Store<Guarded<ZoomConnection>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
