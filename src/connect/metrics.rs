//! The metrics of the pages: consents by outcome, requests by route and status class.

use axum::http::StatusCode;
use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{outcome::PageOutcome, route::Route};
use runtime::metrics::{Counters, counters};

/// Status classes.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

type Requests = Family<[(&'static str, &'static str); 2], Counter>;

/// Handles of the registered metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    consents: Counters,
    requests: Requests,
}

// === impl Metrics ===

impl Metrics {
    /// Registers all metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("zoom_operator");
        let consents = counters(
            registry,
            "consents",
            "Steps of consents by outcome",
            "outcome",
            PageOutcome::ALL.map(PageOutcome::label),
        );
        let requests = Requests::default();
        for route in Route::LABELS {
            for class in CLASSES {
                drop(requests.get_or_create(&[("route", route), ("status", class)]));
            }
        }
        registry.register(
            "connect_requests",
            "Requests to the consent pages by route and class of status",
            requests.clone(),
        );
        Self { consents, requests }
    }

    /// Counts a step of a consent.
    pub fn stepped(&self, outcome: PageOutcome) {
        let label = [("outcome", outcome.label())];
        self.consents.get_or_create(&label).inc();
    }

    /// Counts an answered request.
    pub fn answered(&self, route: &'static str, status: StatusCode) {
        let class = match status.as_u16() {
            200..300 => CLASSES[0],
            300..400 => CLASSES[1],
            400..500 => CLASSES[2],
            _ => CLASSES[3],
        };
        let labels = [("route", route), ("status", class)];
        self.requests.get_or_create(&labels).inc();
    }
}
