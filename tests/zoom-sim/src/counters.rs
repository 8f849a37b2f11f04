//! What the admin API tells about an app's traffic: numbers and a short log, never a secret or a token.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

/// Token requests kept in the log of one app.
const LOG_LENGTH: usize = 1000;

/// Counters of one app since it was put.
#[derive(Clone, Default, Serialize)]
pub struct Counters {
    pub token_requests: u64,
    pub tokens_issued: u64,
    /// `issued`, a Zoom error such as `invalid_client`, or `fault_<kind>` for an answer made by a fault.
    pub token_requests_by_outcome: BTreeMap<String, u64>,
    /// Token requests not answered yet, held ones included.
    pub in_flight: u64,
    pub in_flight_max: u64,
    pub api_requests: u64,
    pub api_unauthorized: u64,
}

/// One token request.
#[derive(Clone, Serialize)]
pub struct TokenRequest {
    pub at: String,
    pub outcome: String,
    /// Status answered or, with a `drop` fault, meant to be answered; absent if the connection was refused.
    pub status: Option<u16>,
}

/// Counters and log together.
#[derive(Default)]
pub struct Traffic {
    pub counters: Counters,
    pub log: VecDeque<TokenRequest>,
}

// === impl Traffic ===

impl Traffic {
    pub fn token_request_begins(&mut self) {
        let counters = &mut self.counters;
        counters.token_requests += 1;
        counters.in_flight += 1;
        counters.in_flight_max = counters.in_flight_max.max(counters.in_flight);
    }

    pub fn token_request_ends(&mut self) {
        // An app that was put anew starts at nought while old requests still run.
        self.counters.in_flight = self.counters.in_flight.saturating_sub(1);
    }

    pub fn token_outcome(&mut self, now: Timestamp, outcome: &str, status: Option<u16>) {
        *self
            .counters
            .token_requests_by_outcome
            .entry(outcome.to_owned())
            .or_default() += 1;
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(TokenRequest {
            at: now.to_string(),
            outcome: outcome.to_owned(),
            status,
        });
    }

    pub fn api_request(&mut self, unauthorized: bool) {
        self.counters.api_requests += 1;
        self.counters.api_unauthorized += u64::from(unauthorized);
    }
}
