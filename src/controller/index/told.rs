//! What receivers report about routes.

use contract::routing_facts::RoutingFacts;

/// What the receivers of an integration tell of routes.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Whether all of them tell accounts apart.
    pub by_account: bool,
    /// Whether one of them cannot be asked: what it told before may still be so.
    pub is_partial: bool,
    /// What there is to tell of connections.
    pub routing: RoutingFacts,
}
