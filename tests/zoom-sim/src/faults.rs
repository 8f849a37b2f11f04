//! Faults on demand: which there are, whom they strike, and how many times.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    errors::{Shape, TokenError},
    gate::{Gate, Ticket},
};

/// A fault and whom it strikes.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub endpoint: Endpoint,
    /// Absent: every client, known or not.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Absent: every grant type, and every other request too.
    #[serde(default)]
    pub grant_type: Option<GrantType>,
    /// So many requests are struck; absent: all until the fault is deleted. Counts down.
    #[serde(default)]
    pub times: Option<u64>,
    pub fault: Fault,
}

/// A part of Zoom.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// `/oauth/token`
    Token,
    /// Everything under `/v2`
    Api,
    /// Every path there is
    Any,
}

/// What a token request asks by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    AccountCredentials,
    AuthorizationCode,
    RefreshToken,
}

/// What happens to a struck request.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Processed, answered later. Delays go together with one other fault.
    Delay { milliseconds: u64 },
    /// Answered with this; processed before only if it says so.
    Status {
        status: u16,
        #[serde(default)]
        processed: bool,
        #[serde(default)]
        body: String,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// Not processed, answered with Zoom's 429. Without `retry_after` the daily kind says the next midnight UTC and the
    /// other nothing; an empty `retry_after` leaves the header out.
    RateLimit {
        per: Per,
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// Answered with status 200 and something that is not JSON; processed before only if it says so.
    Garbage {
        #[serde(default)]
        processed: bool,
    },
    /// Processed, half of the body is sent, then the connection closes.
    Truncated,
    /// Processed, then the connection closes without an answer.
    Drop,
    /// Not processed, the connection closes.
    Refuse,
    /// Processed, the answer waits for its release.
    Hold,
    /// Waits for its release, is processed then, whether or not the client is still there.
    HoldBefore,
    /// Not processed, answered with one of Zoom's errors. The token endpoint's shape is the default there.
    Error {
        code: Code,
        #[serde(default)]
        status: Option<u16>,
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        shape: Option<Shape>,
    },
}

/// The period of a rate limit.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    Second,
    Day,
}

/// A numeric code, or a name of the token endpoint.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Code {
    Numeric(u16),
    Named(TokenError),
}

/// What the admin API tells about a fault.
#[derive(Serialize)]
pub struct View {
    #[serde(flatten)]
    rule: Rule,
    applied: u64,
    held: u64,
}

/// What is to happen to one request.
pub struct Plan {
    pub delay: Duration,
    pub fault: Option<Fault>,
    /// For `hold` and `hold_before`: open when the fault is released.
    pub gate: Option<Ticket>,
}

/// All faults, by name.
#[derive(Default)]
pub struct Faults(Mutex<BTreeMap<String, Entry>>);

struct Entry {
    rule: Rule,
    applied: u64,
    gate: Gate,
}

// === impl Faults ===

impl Faults {
    /// Sets a fault; one of the same name is replaced and its held answers go out.
    pub fn put(&self, name: String, rule: Rule) {
        let entry = Entry {
            rule,
            applied: 0,
            gate: Gate::default(),
        };
        self.lock().insert(name, entry);
    }

    /// Deletes a fault, its held answers go out; false if there is none.
    pub fn remove(&self, name: &str) -> bool {
        self.lock().remove(name).is_some()
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    pub fn views(&self) -> BTreeMap<String, View> {
        self.lock()
            .iter()
            .map(|(name, entry)| (name.clone(), entry.view()))
            .collect()
    }

    /// Lets the held answers of a fault go out; later ones are held again. None if there is no such fault.
    pub fn release(&self, name: &str) -> Option<u64> {
        let faults = self.lock();
        let entry = faults.get(name)?;
        Some(entry.gate.open())
    }

    /// Takes what is due for a request: all delays, and the first other fault by name.
    pub fn plan(
        &self,
        endpoint: Endpoint,
        client_id: Option<&str>,
        grant_type: Option<GrantType>,
    ) -> Plan {
        let mut plan = Plan {
            delay: Duration::ZERO,
            fault: None,
            gate: None,
        };
        for entry in self
            .lock()
            .values_mut()
            .filter(|entry| entry.strikes(endpoint, client_id, grant_type))
        {
            match &entry.rule.fault {
                Fault::Delay { milliseconds } => plan.delay += Duration::from_millis(*milliseconds),
                _ if plan.fault.is_some() => continue,
                fault => {
                    plan.gate = matches!(fault, Fault::Hold | Fault::HoldBefore)
                        .then(|| entry.gate.ticket());
                    plan.fault = Some(fault.clone());
                }
            }
            entry.applied += 1;
            entry.rule.times = entry.rule.times.map(|times| times - 1);
        }
        plan
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Entry ===

impl Entry {
    fn strikes(
        &self,
        endpoint: Endpoint,
        client_id: Option<&str>,
        grant_type: Option<GrantType>,
    ) -> bool {
        let Rule {
            endpoint: wanted,
            client_id: client,
            grant_type: grant,
            times,
            ..
        } = &self.rule;
        (*wanted == Endpoint::Any || *wanted == endpoint)
            && (client.is_none() || client.as_deref() == client_id)
            && (grant.is_none() || *grant == grant_type)
            && *times != Some(0)
    }

    fn view(&self) -> View {
        View {
            rule: self.rule.clone(),
            applied: self.applied,
            held: self.gate.held(),
        }
    }
}

// === impl Fault ===

impl Fault {
    /// The value of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Status { .. } => "status",
            Self::RateLimit { .. } => "rate_limit",
            Self::Garbage { .. } => "garbage",
            Self::Truncated => "truncated",
            Self::Drop => "drop",
            Self::Refuse => "refuse",
            Self::Hold => "hold",
            Self::HoldBefore => "hold_before",
            Self::Error { .. } => "error",
        }
    }
    /// Whether the client does not learn what came of its request.
    pub fn loses_answer(&self) -> bool {
        match self {
            Self::Truncated | Self::Drop | Self::Refuse => true,
            Self::Status { processed, .. } | Self::Garbage { processed } => *processed,
            Self::Delay { .. }
            | Self::Hold
            | Self::HoldBefore
            | Self::RateLimit { .. }
            | Self::Error { .. } => false,
        }
    }

    /// Whether Zoom does what was asked for.
    pub fn is_processed(&self) -> bool {
        match self {
            Self::Status { processed, .. } | Self::Garbage { processed } => *processed,
            Self::Delay { .. } | Self::Truncated | Self::Drop | Self::Hold | Self::HoldBefore => {
                true
            }
            Self::RateLimit { .. } | Self::Refuse | Self::Error { .. } => false,
        }
    }
}
