//! What the admin API tells about an app's traffic: numbers and a short log, never a secret or a token.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    exchanges::{Again, Arrival},
    faults::GrantType,
};

/// Token requests kept in the log of one app.
const LOG_LENGTH: usize = 1000;

/// Counters of one app since it was put.
#[derive(Clone, Default, Serialize)]
pub struct Counters {
    pub token_requests: u64,
    pub tokens_issued: u64,
    /// `issued`, a Zoom error such as `invalid_client`, or `fault_<kind>` for an answer made by a fault.
    pub token_requests_by_outcome: BTreeMap<String, u64>,
    /// Token requests not answered yet, held ones included; a client that goes away takes its requests along.
    pub in_flight: u64,
    pub in_flight_max: u64,
    /// Token requests with a refresh token that never was one of the app's: nothing could be spent.
    pub unknown_refresh_tokens: u64,
    pub api_requests: u64,
    pub api_unauthorized: u64,
    #[serde(flatten)]
    pub refresh: RefreshCounters,
    #[serde(flatten)]
    pub codes: CodeCounters,
}

/// How refresh tokens are used, by an app or with one grant.
#[derive(Clone, Default, Serialize)]
pub struct RefreshCounters {
    pub refresh_requests_by_outcome: BTreeMap<String, u64>,
    /// Most requests with one and the same refresh token at a time.
    pub refresh_in_flight_max: u64,
    /// A refresh token came again although the answer with its successor had been written out.
    pub spent_again: u64,
    /// A refresh token came again after a fault or the client's leaving had lost the answer.
    pub spent_again_after_lost_reply: u64,
}

/// How authorization codes are used.
#[derive(Clone, Default, Serialize)]
pub struct CodeCounters {
    pub code_requests_by_outcome: BTreeMap<String, u64>,
    /// Most requests with one and the same code at a time.
    pub code_in_flight_max: u64,
    pub codes_redeemed: u64,
    /// A redeemed code came again although the answer with its tokens had been written out.
    pub code_replays: u64,
    /// A redeemed code came again after a fault or the client's leaving had lost the answer.
    pub code_replays_after_lost_reply: u64,
}

/// One token request.
#[derive(Clone, Serialize)]
pub struct TokenRequest {
    pub at: String,
    pub grant_type: Option<GrantType>,
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
        // An app that was put again starts at zero while old requests still run.
        self.counters.in_flight = self.counters.in_flight.saturating_sub(1);
    }

    pub fn token_outcome(
        &mut self,
        now: Timestamp,
        grant_type: Option<GrantType>,
        outcome: &str,
        status: Option<u16>,
    ) {
        let counters = &mut self.counters;
        add_one(&mut counters.token_requests_by_outcome, outcome);
        match grant_type {
            Some(GrantType::RefreshToken) => {
                add_one(&mut counters.refresh.refresh_requests_by_outcome, outcome);
            }
            Some(GrantType::AuthorizationCode) => {
                add_one(&mut counters.codes.code_requests_by_outcome, outcome);
            }
            _ => {}
        }
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(TokenRequest {
            at: now.to_string(),
            grant_type,
            outcome: outcome.to_owned(),
            status,
        });
    }

    pub fn api_request(&mut self, unauthorized: bool) {
        self.counters.api_requests += 1;
        self.counters.api_unauthorized += u64::from(unauthorized);
    }
}

// === impl RefreshCounters ===

impl RefreshCounters {
    pub fn arrives(&mut self, arrival: Arrival) {
        self.refresh_in_flight_max = self.refresh_in_flight_max.max(arrival.in_flight);
        match arrival.again {
            Some(Again::AfterWrittenReply) => self.spent_again += 1,
            Some(Again::AfterLostReply) => self.spent_again_after_lost_reply += 1,
            None => {}
        }
    }

    pub fn outcome(&mut self, outcome: &str) {
        add_one(&mut self.refresh_requests_by_outcome, outcome);
    }
}

// === impl CodeCounters ===

impl CodeCounters {
    pub fn arrives(&mut self, arrival: Arrival) {
        self.code_in_flight_max = self.code_in_flight_max.max(arrival.in_flight);
        match arrival.again {
            Some(Again::AfterWrittenReply) => self.code_replays += 1,
            Some(Again::AfterLostReply) => self.code_replays_after_lost_reply += 1,
            None => {}
        }
    }
}

fn add_one(counts: &mut BTreeMap<String, u64>, outcome: &str) {
    *counts.entry(outcome.to_owned()).or_default() += 1;
}
