//! Whether a route is still somebody's. What is not seen is not gone: a namespace may not be listed yet, may be
//! out of reach, and a later version may have written an object that this one cannot read.

use contract::receiver::routes::Connection;
use jiff::Timestamp;

use super::{
    cache::names,
    coverage::Watch,
    objects::readable,
    state::{Index, NAMESPACES},
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{key::Kind, tenancy},
};

/// How a connection with a route stands to its integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It may be there: its own pass decides about its route.
    There,
    /// Its namespace is not allowed.
    Barred {
        /// Since when, once its status says so.
        since: Option<Timestamp>,
        /// Whether another connection proves or claims its account.
        is_claimed: bool,
    },
    /// It does not exist, or belongs to another integration.
    Gone,
}

impl Index {
    /// How a connection stands to an integration that has a route for it.
    #[must_use]
    pub fn presence(&self, integration: &ZoomIntegration, of: &Connection) -> Presence {
        let state = self.lock();
        let kind = Kind::Connection.as_str();
        let watch = state.coverage.get(&of.namespace, kind);
        let found = state.objects.connections.get(&of.namespace, &of.name);
        let object = found.as_ref().and_then(|found| readable(found));
        if object.is_some_and(|object| object.integration() != names(integration)) {
            return Presence::Gone;
        }
        let labels = state.objects.labels_of(&of.namespace);
        let are_labels_known = state.coverage.get("", NAMESPACES) == Watch::Complete;
        let is_barred = !tenancy::admits(integration, &of.namespace, labels)
            && (are_labels_known || !tenancy::selects(&integration.spec));
        match (&found, watch) {
            (Some(_), _) if is_barred => Presence::Barred {
                since: object.and_then(tenancy::barred_since),
                is_claimed: object
                    .is_some_and(|object| !state.objects.rivals_of(object).is_empty()),
            },
            (None, Watch::Complete) => Presence::Gone,
            // No watch will ever tell.
            (None, Watch::Unavailable)
                if is_barred || !state.coverage.covers(&of.namespace, kind) =>
            {
                Presence::Gone
            }
            _ => Presence::There,
        }
    }
}
