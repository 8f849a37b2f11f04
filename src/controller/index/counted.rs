//! Counts the connections of an integration while they change: its pass reads none of them but those of which its back
//! end is told.
//!
//! Only those in the namespaces that the integration allows count. What it allows, or the labels of a namespace, may
//! change: then its connections are counted again.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    cache::names,
    objects::{Guarded, Name, Objects, integration_of, named, readable},
    state::Index,
    totals::{Summary, Totals},
};
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration},
    controller::{key::Key, tenancy},
};

impl Index {
    /// What the status of an integration says of its connections: see [`Totals::summary`].
    #[must_use]
    pub fn summary(&self, app: &Key, target: &str, lost: usize, links: usize) -> Summary {
        let state = self.lock();
        let totals = state.objects.totals_of(app);
        totals.map_or_else(Summary::default, |totals| {
            totals.summary(target, lost, links)
        })
    }

    /// When Zoom last refused the app's credentials to a connection that is not ready because of it.
    #[must_use]
    pub fn rejected(&self, app: &Key) -> Option<Timestamp> {
        let state = self.lock();
        state.objects.totals_of(app)?.rejected()
    }

    /// The connections of an integration with a state on which somebody must act, or that became ready since then.
    #[must_use]
    pub fn to_tell(&self, app: &Key, since: Timestamp) -> Vec<Arc<Guarded<ZoomConnection>>> {
        let state = self.lock();
        let objects = &state.objects;
        let names = objects.totals_of(app).map(|totals| totals.to_tell(since));
        let names = names.into_iter().flatten();
        names
            .filter_map(|(namespace, name)| objects.connections.get(namespace, name))
            .collect()
    }
}

impl Objects {
    /// Counts a connection, if its namespace is allowed.
    pub fn note_totals(&mut self, connection: &ZoomConnection) {
        let app = integration_of(connection);
        let name = self.name_of(connection);
        if self.admits(&app, &name.0, || tenancy::was_admitted(connection)) {
            self.totals.entry(app).or_default().add(&name, connection);
        }
    }

    /// Does not count this version of a connection any more. What is allowed has to be what it was when it was counted.
    pub fn drop_totals(&mut self, connection: &ZoomConnection) {
        let app = integration_of(connection);
        let name = self.name_of(connection);
        if !self.admits(&app, &name.0, || tenancy::was_admitted(connection)) {
            return;
        }
        if let Some(totals) = self.totals.get_mut(&app) {
            totals.remove(&name, connection);
            if *totals == Totals::default() {
                self.totals.remove(&app);
            }
        }
    }

    /// Counts all connections of an integration again: it may allow other namespaces.
    pub fn recount(&mut self, integration: &Guarded<ZoomIntegration>) {
        let (namespace, name) = names(integration);
        let app = named(namespace, name);
        self.totals.remove(&app);
        for connection in self.connections_of(namespace, name) {
            if let Some(connection) = readable(&connection) {
                self.note_totals(connection);
            }
        }
    }

    pub(super) fn totals_of(&self, app: &Key) -> Option<&Totals> {
        self.totals.get(&(app.namespace.clone(), app.name.clone()))
    }

    fn name_of(&self, connection: &ZoomConnection) -> Name {
        let key = self.shared(Key::from(connection));
        (key.namespace, key.name)
    }
}
