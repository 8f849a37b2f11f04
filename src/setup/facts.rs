//! What the operator knows about an app's setup. Plain data, without a secret; whoever observes fills
//! it in.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::step::{State, StepId};
use contract::facts::SecretRole;
use zoom::{Fault, scopes::Comparison};

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The credentials Secret.
    pub secret: SecretFacts,
    /// What Zoom said to the credentials.
    pub credentials: Attempt,
    /// Granted scopes compared with declared ones, of the app's token or of the connection that lacks
    /// most; `None` while there is no token.
    pub scopes: Option<Comparison>,
    /// The webhook endpoint.
    pub endpoint: EndpointFacts,
    /// What consents and connections came to.
    pub consent: ConsentFacts,
    /// How the steps stood before.
    pub before: Vec<Remembered>,
}

/// The credentials Secret: names of keys only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// Whether it exists.
    pub exists: bool,
    /// Its keys.
    pub keys: BTreeSet<String>,
    /// Keys whose value is empty or no printable text.
    pub unusable: BTreeSet<String>,
    /// Pairs of keys that hold the same value: the one that is probably wrong first.
    pub same: Vec<(String, String)>,
}

/// What became of the last attempt to use the credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attempt {
    /// There was none, or nothing is known of it.
    #[default]
    Untried,
    /// Zoom took them, first at this time if known.
    Accepted(Option<Timestamp>),
    /// Zoom gave no token.
    Failed(Fault),
}

/// The webhook endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Whether the receiver takes requests; `None` when that is not known.
    pub available: Option<bool>,
    /// Whether its public name leads to somebody else, or may not be used: it must not be pasted.
    pub withheld: bool,
    /// What keeps Zoom from reaching it, if that was tried and found.
    pub unreachable: Option<String>,
    /// The last signed URL validation that was answered.
    pub validated_at: Option<Timestamp>,
    /// The last request whose signature was right.
    pub verified_at: Option<Timestamp>,
    /// The secret that made it.
    pub secret: Option<SecretRole>,
    /// The last request whose signature no secret makes. Anybody can cause this.
    pub rejected_at: Option<Timestamp>,
    /// Types of the events that came.
    pub events_seen: BTreeSet<String>,
    /// Whether `app_deauthorized` came.
    pub removal_seen: bool,
}

/// What consents and connections came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsentFacts {
    /// The operator's callback, where the app uses it.
    pub callback: Option<String>,
    /// The integration's own link to install the app.
    pub install_url: Option<String>,
    /// What connections that are not connected failed by, as far as nothing has refuted it since.
    pub faults: Vec<Fault>,
    /// The connections.
    pub connections: Vec<ConnectionFacts>,
}

/// A connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// Its name.
    pub name: String,
    /// Its link.
    pub install_url: Option<String>,
    /// Whether it is connected, and since when.
    pub connected: bool,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Whether its grant is lost.
    pub lost: bool,
}

/// How a step stood before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The step.
    pub id: StepId,
    /// How it stood.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
}

// === impl Facts ===

impl Facts {
    /// Since when a step stood as it stands now.
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
    /// Whether a key can be used.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.exists && self.keys.contains(key) && !self.unusable.contains(key)
    }
}

// === impl ConsentFacts ===

impl ConsentFacts {
    /// Whether a connection failed by this.
    #[must_use]
    pub fn failed_by(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// How many connections are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connections.iter().filter(|c| c.connected).count()
    }

    /// When the first of them was connected.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        let connected = self.connections.iter().filter(|c| c.connected);
        connected.filter_map(|c| c.since).min()
    }
}
