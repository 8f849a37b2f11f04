//! The controller's counters.

mod gauges;
mod named;

use std::time::Duration;

use prometheus_client::{
    metrics::{
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

pub use self::gauges::Gauges;

use super::error::Error;
use grant::{Lost, SpendOutcome};
use runtime::metrics::{Counters, counters};
use zoom::Fault;

/// The outcome of a request that returned a token.
const ISSUED: &str = "Issued";
/// The outcome of a check in which Zoom accepted a General app's credentials.
const ACCEPTED: &str = "Accepted";
/// Another process may be working on it.
const WAITING: &str = "Waiting";
/// The credentials belong to another app: nothing was sent.
const OTHER_CLIENT: &str = "OtherClient";
/// A newer grant replaced it.
const SUPERSEDED: &str = "Superseded";
/// It is no longer wanted.
const GONE: &str = "Gone";
/// The result of a pass that finished.
const SUCCESS: &str = "success";

/// The controller's counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    token_requests: Counters,
    refreshes: Counters,
    exchanges: Counters,
    passes: Counters,
    seconds: Histogram,
    leader: Gauge<i64>,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            token_requests: counters(
                registry,
                "zoom_operator_token_requests",
                "Token requests to Zoom by outcome",
                "outcome",
                [ISSUED, ACCEPTED]
                    .into_iter()
                    .chain(Fault::ALL.map(Fault::as_str)),
            ),
            refreshes: counters(
                registry,
                "zoom_operator_grant_refreshes",
                "Refreshes of grants by outcome",
                "outcome",
                outcomes(),
            ),
            exchanges: counters(
                registry,
                "zoom_operator_code_exchanges",
                "Exchanges of authorization codes by outcome",
                "outcome",
                outcomes(),
            ),
            passes: counters(
                registry,
                "zoom_operator_reconciliations",
                "Passes over an object by result",
                "result",
                [SUCCESS].into_iter().chain(Error::REASONS),
            ),
            seconds: Histogram::new(exponential_buckets(0.005, 2.0, 13)),
            leader: Gauge::default(),
        };
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
        let outcome = fault.map_or(ISSUED, Fault::as_str);
        self.token_requests
            .get_or_create(&[("outcome", outcome)])
            .inc();
    }

    /// Counts a check of a General app's credentials: it goes to the same endpoint.
    pub fn credentials_check(&self, fault: Option<Fault>) {
        let outcome = fault.map_or(ACCEPTED, Fault::as_str);
        self.token_requests
            .get_or_create(&[("outcome", outcome)])
            .inc();
    }

    /// Counts a refresh of a grant.
    pub fn refresh(&self, outcome: &SpendOutcome<zoom::Error>) {
        let outcome = name(outcome);
        self.refreshes.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts an exchange of an authorization code.
    pub fn exchange(&self, outcome: &SpendOutcome<zoom::Error>) {
        let outcome = name(outcome);
        self.exchanges.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Counts a pass.
    pub fn pass(&self, error: Option<&Error>, took: Duration) {
        let result = error.map_or(SUCCESS, Error::reason);
        self.passes.get_or_create(&[("result", result)]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Records whether this replica leads.
    pub fn leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
}

/// Every outcome of spending a grant.
fn outcomes() -> impl Iterator<Item = &'static str> {
    [ISSUED, WAITING, OTHER_CLIENT, SUPERSEDED, GONE]
        .into_iter()
        .chain(Fault::ALL.map(Fault::as_str))
        // These are also faults.
        .chain([Lost::ReplyLost.as_str()])
}

fn name(outcome: &SpendOutcome<zoom::Error>) -> &'static str {
    match outcome {
        SpendOutcome::Stored(_) => ISSUED,
        SpendOutcome::Refused(refusal) => refusal.error.fault.as_str(),
        SpendOutcome::Lost(lost) => lost.as_str(),
        SpendOutcome::Waiting => WAITING,
        SpendOutcome::OtherClient => OTHER_CLIENT,
        SpendOutcome::Superseded => SUPERSEDED,
        SpendOutcome::Gone => GONE,
    }
}
