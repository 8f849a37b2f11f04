//! What the controller counts.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::zoom::Fault;

/// What the controller counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    token_requests: Family<Outcome, Counter>,
    passes: Family<PassResult, Counter>,
    seconds: Histogram,
    leader: Gauge<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassResult {
    result: &'static str,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            token_requests: Family::default(),
            passes: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.005, 2.0, 13)),
            leader: Gauge::<i64, std::sync::atomic::AtomicI64>::default(),
        };
        registry.register(
            "zoom_operator_token_requests",
            "Token requests to Zoom by outcome",
            metrics.token_requests.clone(),
        );
        registry.register(
            "zoom_operator_reconciliations",
            "Passes over an integration by result",
            metrics.passes.clone(),
        );
        registry.register(
            "zoom_operator_reconciliation_duration_seconds",
            "How long a pass takes",
            metrics.seconds.clone(),
        );
        registry.register(
            "zoom_operator_leader",
            "Whether this replica leads",
            metrics.leader.clone(),
        );
        metrics
    }

    /// Counts a token request.
    pub fn token_request(&self, fault: Option<Fault>) {
        let outcome = fault.map_or("Issued", Fault::as_str);
        self.token_requests
            .get_or_create(&Outcome { outcome })
            .inc();
    }

    /// Counts a pass.
    pub fn pass(&self, result: &'static str, took: Duration) {
        self.passes.get_or_create(&PassResult { result }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Says whether this replica leads.
    pub fn leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
}
