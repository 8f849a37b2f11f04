//! Lifecycle events: states of an integration and its connections that the tenant's back end is told of.
//!
//! The controller writes the present states into a file that the receiver mounts. The receiver sends each
//! state to the sink once, as a `CloudEvent`, and remembers its id. Both sides may stop at any time: the file
//! holds what is true now, and the id of a state never changes, so that a repeated event is recognized.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The file's name, and the key of the Secret that is mounted.
pub const FILE: &str = "states.json";
/// Reverse-DNS prefix of the events' `type`.
pub const TYPE_PREFIX: &str = "io.zoom-operator.";
/// Most bytes of the file: a Secret may have 1 MiB.
pub const MAX_BYTES: usize = 768 * 1024;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct States {
    /// The states, oldest first.
    #[serde(default)]
    pub states: Vec<State>,
}

/// A state that the back end is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// 64 hex digits: the same for the same state, from every replica and after every restart.
    pub id: String,
    /// Facts about the tenant, of the object itself: attributes of the event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_refs: BTreeMap<String, String>,
    /// The event's body.
    pub data: Data,
}

/// The body of a lifecycle event. Has no secrets and no links that allow anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// Which kind of object it is about.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The condition that has the state.
    pub condition: String,
    /// `True` or `False`.
    pub status: String,
    /// The condition's reason.
    pub reason: String,
    /// Since when the condition has this status.
    pub since: Timestamp,
    /// What the reason means.
    pub meaning: String,
    /// Who must act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// The kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A `ZoomIntegration`.
    #[serde(rename = "ZoomIntegration")]
    Integration,
    /// A `ZoomConnection`.
    #[serde(rename = "ZoomConnection")]
    Connection,
}

// === impl States ===

impl States {
    /// These states as the file's text, and how many of the oldest did not fit.
    #[must_use]
    pub fn to_json(mut states: Vec<State>) -> (String, usize) {
        states.sort_by(|one, other| {
            let key = |state: &State| (state.data.since, state.id.clone());
            key(one).cmp(&key(other))
        });
        let all = states.len();
        // Strings and times only: there is nothing that could fail.
        let size = |state: &State| serde_json::to_vec(state).map_or(0, |text| text.len() + 1);
        let mut room = MAX_BYTES - 64;
        let mut kept: Vec<State> = Vec::new();
        while let Some(state) = states.pop() {
            let Some(left) = room.checked_sub(size(&state)) else {
                break;
            };
            room = left;
            kept.push(state);
        }
        kept.reverse();
        let dropped = all - kept.len();
        let text = serde_json::to_string(&Self { states: kept }).unwrap_or_default();
        (text, dropped)
    }

    /// The states of a file.
    ///
    /// # Errors
    /// When the text is not of this form.
    pub fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
}

// === impl State ===

impl State {
    /// The state of the object with this UID.
    #[must_use]
    pub fn new(uid: &str, data: Data, external_refs: BTreeMap<String, String>) -> Self {
        let mut hash = Sha256::new_with_prefix("lifecycle/1");
        let since = data.since.to_string();
        for part in [uid, &data.condition, &data.status, &data.reason, &since] {
            hash.update([0]);
            hash.update(part);
        }
        Self {
            id: HEXLOWER.encode(&hash.finalize()),
            external_refs,
            data,
        }
    }

    /// The event's type without [`TYPE_PREFIX`], such as `connection.GrantLost`.
    #[must_use]
    pub fn name(&self) -> String {
        let kind = match self.data.kind {
            Kind::Integration => "integration",
            Kind::Connection => "connection",
        };
        format!("{kind}.{}", self.data.reason)
    }

    /// The event's subject, such as `zoomconnections/ada`.
    #[must_use]
    pub fn subject(&self) -> String {
        let plural = match self.data.kind {
            Kind::Integration => "zoomintegrations",
            Kind::Connection => "zoomconnections",
        };
        format!("{plural}/{}", self.data.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn data(reason: &str, second: i64) -> Data {
        Data {
            kind: Kind::Connection,
            namespace: "clinics".into(),
            name: "ada".into(),
            condition: "Ready".into(),
            status: "False".into(),
            reason: reason.into(),
            since: Timestamp::from_second(second).unwrap(),
            meaning: "m".into(),
            actor: Some("person who authorizes".into()),
            action: None,
        }
    }

    fn state(reason: &str, second: i64) -> State {
        State::new("uid", data(reason, second), BTreeMap::new())
    }

    #[test]
    fn an_id_is_of_one_state_of_one_object() {
        let one = state("GrantLost", 5);
        assert_eq!(one.id, state("GrantLost", 5).id);
        assert_eq!(one.id.len(), 64);
        for other in [
            state("ReplyLost", 5),
            state("GrantLost", 6),
            State::new("other", data("GrantLost", 5), BTreeMap::new()),
        ] {
            assert_ne!(one.id, other.id);
        }
        assert_eq!(one.name(), "connection.GrantLost");
        assert_eq!(one.subject(), "zoomconnections/ada");
    }

    #[test]
    fn the_file_is_read_as_written_in_order_of_time() {
        let (text, dropped) = States::to_json(vec![state("B", 9), state("A", 5)]);
        assert_eq!(dropped, 0);
        let read = States::from_json(text.as_bytes()).unwrap();
        assert_eq!(read.states, [state("A", 5), state("B", 9)]);
        let later = r#"{"states":[],"further":1}"#;
        assert_eq!(
            States::from_json(later.as_bytes()).unwrap(),
            States::default()
        );
    }

    #[test]
    fn the_newest_states_fit_into_a_secret() {
        let many = (0..4000).map(|second| state("GrantLost", second)).collect();
        let (text, dropped) = States::to_json(many);
        assert!(text.len() <= MAX_BYTES && dropped > 0, "{}", text.len());
        let read = States::from_json(text.as_bytes()).unwrap();
        assert_eq!(read.states.len() + dropped, 4000);
        assert_eq!(read.states.last(), Some(&state("GrantLost", 3999)));
    }
}
