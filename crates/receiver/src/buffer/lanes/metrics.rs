//! The metrics of lanes and routes, named `zoom_receiver_*`: read at each scrape, without a label for a tenant.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::index::LaneIndex;
use crate::routing::Routing;

#[derive(Debug)]
struct Live {
    index: LaneIndex,
    routing: Routing,
}

/// Registers all families.
pub fn register(registry: &mut Registry, index: &LaneIndex, routing: &Routing) {
    registry.register_collector(Box::new(Live {
        index: index.clone(),
        routing: routing.clone(),
    }));
}

// === impl Live ===

impl Collector for Live {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (routes, problems, sinks) = self.routing.counts();
        for (name, help, value) in [
            (
                "zoom_receiver_routes",
                "Connections whose accounts have a route",
                routes,
            ),
            (
                "zoom_receiver_route_problems",
                "Routes that cannot be used, or not for all their accounts",
                problems,
            ),
            (
                "zoom_receiver_route_sinks",
                "Sinks of connections that are in use",
                sinks,
            ),
            (
                "zoom_receiver_lanes",
                "Accounts with events in the buffer",
                self.index.len(),
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let counter = ConstCounter::new(self.routing.unclaimed_events());
        let metric = encoder.encode_descriptor(
            "zoom_receiver_unclaimed_events",
            "Events of accounts without a route, treated as the policy says",
            None,
            counter.metric_type(),
        )?;
        counter.encode(metric)
    }
}
