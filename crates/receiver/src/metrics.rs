//! The receiver's metrics, all named `zoom_receiver_*`.

use std::time::Duration;

use contract::facts::SecretRole;
use prometheus_client::{
    metrics::{gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{outcome::RequestOutcome, sink::SinkError};
use runtime::metrics::{Counters, counters};

/// Up to the three seconds that Zoom waits.
const SECONDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];
const BYTES: [f64; 7] = [
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
];

/// Handles to the registered families. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Counters,
    request_seconds: Histogram,
    body_bytes: Histogram,
    verified: Counters,
    skew: Gauge,
    last_validation: Gauge,
    deliveries: Counters,
    delivery_seconds: Histogram,
    remembered: Gauge,
    set_aside: Gauge,
}

// === impl Metrics ===

impl Metrics {
    /// Registers all families.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("zoom_receiver");
        let roles = [SecretRole::Current, SecretRole::Previous].map(role_label);
        let metrics = Self {
            requests: counters(
                registry,
                "requests",
                "Requests by outcome",
                "outcome",
                RequestOutcome::ALL.map(RequestOutcome::label),
            ),
            request_seconds: Histogram::new(SECONDS),
            body_bytes: Histogram::new(BYTES),
            verified: counters(
                registry,
                "verified_requests",
                "Requests with a valid signature, time and extra authentication by the secret that signed",
                "secret",
                roles,
            ),
            skew: Gauge::default(),
            last_validation: Gauge::default(),
            deliveries: counters(
                registry,
                "sink_deliveries",
                "Attempts to deliver to the sink by outcome",
                "outcome",
                SinkError::OUTCOMES,
            ),
            delivery_seconds: Histogram::new(SECONDS),
            remembered: Gauge::default(),
            set_aside: Gauge::default(),
        };
        registry.register(
            "request_duration_seconds",
            "Time from the request's head to the answer",
            metrics.request_seconds.clone(),
        );
        registry.register(
            "request_body_bytes",
            "Size of the bodies read",
            metrics.body_bytes.clone(),
        );
        registry.register(
            "clock_skew_seconds",
            "Our clock minus the time in the last request with a valid signature",
            metrics.skew.clone(),
        );
        registry.register(
            "last_validation_timestamp_seconds",
            "When a URL validation was last answered, 0 if never; Zoom asks every 72 hours",
            metrics.last_validation.clone(),
        );
        registry.register(
            "sink_delivery_duration_seconds",
            "Time that the sink took",
            metrics.delivery_seconds.clone(),
        );
        registry.register(
            "remembered_events",
            "Delivered events that are remembered to recognize repeats",
            metrics.remembered.clone(),
        );
        registry.register(
            "set_aside_events",
            "Events in the buffer that the sink rejects while it accepts others",
            metrics.set_aside.clone(),
        );
        metrics
    }

    /// A request was answered.
    pub fn answered(&self, outcome: RequestOutcome, took: Duration) {
        let label = [("outcome", outcome.label())];
        self.requests.get_or_create(&label).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// A body was read.
    pub fn read(&self, bytes: usize) {
        #[allow(
            clippy::cast_precision_loss,
            reason = "bodies are far below 2^52 bytes"
        )]
        self.body_bytes.observe(bytes as f64);
    }

    /// A signature was right; `skew` in seconds.
    pub fn signed(&self, skew: i64) {
        self.skew.set(skew);
    }

    /// A request was right in every way.
    pub fn verified(&self, role: SecretRole) {
        let label = [("secret", role_label(role))];
        self.verified.get_or_create(&label).inc();
    }

    /// A URL validation was answered at `second` since the epoch.
    pub fn validated(&self, second: i64) {
        self.last_validation.set(second);
    }

    /// A delivery ended, and so many events are remembered now.
    pub fn delivered(&self, result: Result<(), SinkError>, took: Duration, remembered: usize) {
        let outcome = result.map_or_else(SinkError::outcome, |()| "delivered");
        self.deliveries.get_or_create(&[("outcome", outcome)]).inc();
        self.delivery_seconds.observe(took.as_secs_f64());
        self.remembered
            .set(i64::try_from(remembered).unwrap_or(i64::MAX));
    }

    /// So many events are set aside now.
    pub fn set_aside(&self, events: usize) {
        self.set_aside
            .set(i64::try_from(events).unwrap_or(i64::MAX));
    }
}

fn role_label(role: SecretRole) -> &'static str {
    match role {
        SecretRole::Current => "current",
        SecretRole::Previous => "previous",
    }
}
