//! Whether a route still belongs to a connection. A missing object may still exist: its namespace may not be listed
//! yet or be out of reach, or a later version wrote the object and this one cannot read it.

use contract::receiver::routes::Connection;
use jiff::Timestamp;

use super::{
    coverage::Watch,
    objects::{named, readable},
    state::{Index, NAMESPACES},
};
use crate::controller::{
    key::{Key, Kind},
    tenancy::{self, Admission},
};

/// How a connection with a route stands to its integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It may be there: its own pass decides about its route.
    There,
    /// Its namespace is not allowed: by its labels, or by the connection's status if nobody watches labels.
    Barred {
        /// Since when, once its status says so.
        since: Option<Timestamp>,
        /// Whether another connection proves or claims its account.
        is_claimed: bool,
    },
    /// It cannot be seen and may have ended: nothing watches its namespace; or that is out of reach, and not allowed or
    /// another connection has the account.
    Unseen,
    /// It does not exist, or belongs to another integration.
    Gone,
}

impl Index {
    /// How a connection stands to an integration that has a route for it. Reads the connection only if it may have
    /// none: an integration's pass asks for every route. `accounts`: those of the route.
    #[must_use]
    pub fn presence(&self, integration: &Key, of: &Connection, accounts: &[String]) -> Presence {
        let state = self.lock();
        let objects = &state.objects;
        let home = named(&integration.namespace, &integration.name);
        let Some(app) = objects.app(&home.0, &home.1) else {
            return Presence::There;
        };
        let name = named(&of.namespace, &of.name);
        let is_own = objects.connections_of.has(&home, &name);
        let is_seen = objects.connections.facts(&name.0, &name.1).is_some();
        let found = || objects.connections.get(&name.0, &name.1);
        if is_seen && !is_own && found().is_some_and(|found| readable(&found).is_some()) {
            return Presence::Gone;
        }
        let labels = objects.labels_of(&of.namespace);
        let admission = app.admission.as_deref();
        let are_labels_known = state.coverage.get("", NAMESPACES) == Watch::Complete;
        let is_elsewhere = name.0 != home.0;
        let is_barred = is_elsewhere
            && admission.is_none_or(|admission| {
                !admission.admits(&of.namespace, labels)
                    && (are_labels_known || !admission.selects())
            });
        // No change of a label is ever seen: its own pass has read them.
        let has_own_say = !is_barred
            && is_elsewhere
            && admission.is_some_and(Admission::selects)
            && !state.coverage.covers("", NAMESPACES);
        let kind = Kind::Connection.as_str();
        match state.coverage.get(&of.namespace, kind) {
            _ if is_seen && (is_barred || has_own_say) => {
                let found = found();
                let object = found.as_ref().and_then(|found| readable(found));
                let since = object.and_then(tenancy::barred_since);
                if !is_barred && since.is_none() {
                    return Presence::There;
                }
                Presence::Barred {
                    since,
                    is_claimed: object.is_some_and(|object| !objects.rivals_of(object).is_empty()),
                }
            }
            _ if is_seen => Presence::There,
            Watch::Complete => Presence::Gone,
            // No watch will ever tell, or not soon.
            Watch::Unavailable
                if is_barred
                    || !state.coverage.covers(&of.namespace, kind)
                    || objects.has_others(&home, &name, accounts) =>
            {
                Presence::Unseen
            }
            Watch::Unavailable | Watch::Pending => Presence::There,
        }
    }
}

#[cfg(test)]
mod tests;
