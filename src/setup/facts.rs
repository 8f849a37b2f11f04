//! What the operator knows about an app's setup. Plain data without secrets; the observer fills it in.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::step::{State, StepId};
use contract::facts::SecretRole;
use zoom::{Fault, scopes::Comparison};

/// Everything that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The credentials Secret.
    pub secret: SecretFacts,
    /// Zoom's answer to the credentials.
    pub credentials: Attempt,
    /// Granted scopes compared with declared ones, for the app's token or for the connection that lacks most;
    /// `None` while there is no token.
    pub scopes: Option<Comparison>,
    /// The webhook endpoint.
    pub endpoint: EndpointFacts,
    /// The state of consents and connections.
    pub consent: ConsentFacts,
    /// The previous state of the steps.
    pub before: Vec<Remembered>,
}

/// The credentials Secret: names of keys only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// Whether it exists.
    pub exists: bool,
    /// Its keys.
    pub keys: BTreeSet<String>,
    /// Keys whose value is empty or not printable text.
    pub unusable: BTreeSet<String>,
    /// Pairs of keys that hold the same value: the one that is probably wrong first.
    pub same: Vec<(String, String)>,
}

/// The outcome of the last attempt to use the credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attempt {
    /// There was none, or it is not known.
    #[default]
    Untried,
    /// Zoom accepted them, first at this time if known.
    Accepted(Option<Timestamp>),
    /// Zoom issued no token.
    Failed(Fault),
}

/// The webhook endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Whether the receiver accepts requests; `None` if not known.
    pub available: Option<bool>,
    /// Whether its public name leads to somebody else, or may not be used, so that it must not be pasted.
    pub withheld: bool,
    /// Why Zoom cannot reach it, if a check found that.
    pub unreachable: Option<String>,
    /// The last signed URL validation that was answered.
    pub validated_at: Option<Timestamp>,
    /// The last request with a correct signature.
    pub verified_at: Option<Timestamp>,
    /// The secret of that signature.
    pub secret: Option<SecretRole>,
    /// The last request with an unknown signature. Anybody can cause this.
    pub rejected_at: Option<Timestamp>,
    /// Types of the events that have arrived.
    pub events_seen: BTreeSet<String>,
    /// Events that arrive and are not declared.
    pub events_undeclared: Vec<String>,
    /// Whether `app_deauthorized` has arrived.
    pub removal_seen: bool,
}

/// The state of consents and connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentFacts {
    /// The operator's callback, if the app uses it.
    pub callback: Option<String>,
    /// The integration's own link to install the app.
    pub install_url: Option<String>,
    /// Why connections that are not connected failed, unless it was refuted since.
    pub faults: Vec<Fault>,
    /// The connections.
    pub people: PeopleFacts,
}

/// The connections: how many there are, and those to name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleFacts {
    /// How many there are.
    pub total: usize,
    /// How many are connected.
    pub connected: usize,
    /// Since when the first of them is connected.
    pub since: Option<Timestamp>,
    /// The names of those that lost their grant.
    pub lost: Vec<String>,
    /// Names and links of those that are not connected.
    pub links: Vec<(String, String)>,
}

/// The previous state of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The step.
    pub id: StepId,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
}

// === impl Facts ===

impl Facts {
    /// Since when a step is in its current state.
    #[must_use]
    pub fn since(&self, id: StepId, state: State) -> Option<Timestamp> {
        self.before
            .iter()
            .find(|before| before.id == id && before.state == state)
            .map(|before| before.since)
    }
}

// === impl SecretFacts ===

impl SecretFacts {
    /// Whether a key is usable.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.exists && self.keys.contains(key) && !self.unusable.contains(key)
    }
}

// === impl ConsentFacts ===

impl ConsentFacts {
    /// Whether a connection failed for this reason.
    #[must_use]
    pub fn failed_by(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }
}
