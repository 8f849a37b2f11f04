//! The port for the platform: `/live`, `/ready` and `/metrics`.
//!
//! Liveness tests the event loop and nothing else: a restart cannot fix a missing Secret or an
//! unreachable peer. Readiness is a set of named gates, and `/ready` names those still closed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::registry::Registry;

use super::metrics;

/// The gates of one process. Ready when all are open; without a gate it is ready.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, bool>>>);

/// One condition of readiness. Keeps its state when dropped.
#[derive(Clone, Debug)]
pub struct Gate {
    name: &'static str,
    readiness: Readiness,
}

/// The routes of the admin port.
pub fn router(readiness: Readiness, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(move || async move { ready(&readiness) }))
        .route(
            "/metrics",
            get(move || async move {
                let page = metrics::encode(&registry);
                ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page)
            }),
        )
}

// === impl Readiness ===

impl Readiness {
    /// A new gate, closed. `name` is what `/ready` shows: short, in kebab case.
    #[must_use]
    pub fn gate(&self, name: &'static str) -> Gate {
        let gate = Gate {
            name,
            readiness: self.clone(),
        };
        gate.set(false);
        gate
    }

    /// The names of the closed gates, sorted.
    #[must_use]
    pub fn closed(&self) -> Vec<&'static str> {
        let gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .iter()
            .filter_map(|(name, open)| (!open).then_some(*name))
            .collect()
    }
}

// === impl Gate ===

impl Gate {
    /// Opens or closes the gate. Returns whether that changed it.
    pub fn set(&self, open: bool) -> bool {
        let mut gates = self
            .readiness
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        gates.insert(self.name, open) != Some(open)
    }

    /// Opens the gate.
    pub fn open(&self) {
        self.set(true);
    }

    /// Closes the gate.
    pub fn close(&self) {
        self.set(false);
    }
}

fn ready(readiness: &Readiness) -> axum::response::Response {
    let closed = readiness.closed();
    if closed.is_empty() {
        return "ready\n".into_response();
    }
    let body = format!("not ready: {}\n", closed.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_is_missing() {
        let readiness = Readiness::default();
        assert_eq!(ready(&readiness).status(), StatusCode::OK);
        let (lease, secret) = (readiness.gate("lease"), readiness.gate("a-secret"));
        assert_eq!(readiness.closed(), ["a-secret", "lease"]);
        assert_eq!(ready(&readiness).status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(lease.set(true));
        assert!(!lease.set(true));
        secret.open();
        assert_eq!(ready(&readiness).status(), StatusCode::OK);
        secret.close();
        assert_eq!(readiness.closed(), ["a-secret"]);
    }
}
