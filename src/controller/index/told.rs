//! What receivers tell of routes.

use std::collections::BTreeMap;

use contract::{receiver::routes::Connection, routing_facts::ConnectionFacts};

/// What the receivers of an integration tell of routes.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Whether all of them tell accounts apart.
    pub by_account: bool,
    /// What there is to tell of connections.
    pub connections: BTreeMap<Connection, ConnectionFacts>,
}
