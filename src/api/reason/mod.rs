//! The register of reasons: every CamelCase reason that a condition, an Event or a recorded failure can
//! have, with its meaning, who must act, and what to do. The tables in the docs are generated from it.
//!
//! | Question | Where |
//! |---|---|
//! | Which reasons exist? | `register.rs` |
//! | What does the register say about each? | `entry.rs` |
//! | Which one stands for a refusal by Zoom, a lost grant, a finding at the public URL? | the `From` impls here |
//! | Where is a stored reason read back? | [`Reason::parse`], and nowhere else |
//! | How are the tables in the docs made? | `tables.rs` |
//! | Where is a reason set? | for `Ready`: `verdict.rs` of either kind; for other conditions: `controller/integration/status`, `controller/connection/status.rs`; what refuses a webhook: `controller/integration/policy.rs`; what ends a consent: `controller/connection/plan/consent.rs`, `controller/consents/admission.rs` |

mod entry;
mod register;
#[cfg(test)]
mod tables;

use std::{borrow::Cow, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::{
    entry::{Actor, Entry, Topic},
    register::Reason,
};
use super::condition::{Status, Type};
use crate::reach::Cause;
use grant::Lost;
use zoom::Fault;

// === impl Reason ===

impl Reason {
    /// The spelling in conditions, Events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.entry().name
    }

    /// Reads a reason from a status; `None` if this version does not know it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == text)
    }

    /// The reason of a stored condition.
    #[must_use]
    pub fn of(condition: &Condition) -> Option<Self> {
        Self::parse(&condition.reason)
    }

    /// The refusal by Zoom that this reason stands for.
    #[must_use]
    pub fn fault(self) -> Option<Fault> {
        Fault::ALL
            .into_iter()
            .find(|fault| Self::from(*fault) == self)
    }

    /// What to do, as plain text; `None` if nobody has to act.
    #[must_use]
    pub fn advice(self) -> Option<String> {
        let entry = self.entry();
        if entry.actor == Actor::Nobody {
            return None;
        }
        let text = plain(entry.remedy);
        let mut letters = text.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect())
    }

    /// What it means, as plain text.
    #[must_use]
    pub fn explanation(self) -> String {
        plain(self.entry().meaning)
    }

    /// Whether a condition of this type and status may have the reason.
    #[must_use]
    pub fn is_on(self, type_: Type, status: Status) -> bool {
        // Both repeat the reason of Ready.
        let repeats = matches!(type_, Type::Reconciling | Type::Stalled);
        self.entry().conditions.iter().any(|(on, statuses)| {
            (*on == type_ && statuses.contains(&status)) || (repeats && *on == Type::Ready)
        })
    }
}

/// Markdown as plain text.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    // Links keep their words only.
    while let Some((before, linked)) = rest.split_once('[') {
        let Some((words, after)) = linked.split_once("](") else {
            break;
        };
        text += before;
        text += words;
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text += rest;
    text.replace('`', "")
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.as_str().to_owned()
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::CredentialsRejected => Self::CredentialsRejected,
            Fault::OtherClient => Self::ClientIdChanged,
            Fault::WrongAppKind => Self::WrongAppKind,
            Fault::AccountRejected => Self::AccountRejected,
            Fault::AppDisabled => Self::AppDisabled,
            Fault::DisabledByAdmin => Self::DisabledByAdmin,
            Fault::OwnerGone => Self::OwnerGone,
            Fault::GrantLost => Self::GrantLost,
            Fault::RedirectMismatch => Self::RedirectMismatch,
            Fault::RateLimited => Self::RateLimited,
            Fault::Unavailable => Self::ZoomUnavailable,
            Fault::Unreachable => Self::ZoomUnreachable,
            Fault::Unintelligible => Self::ZoomUnintelligible,
            Fault::Refused => Self::ZoomRefused,
        }
    }
}

impl From<Lost> for Reason {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::ReplyLost => Self::ReplyLost,
            Lost::GrantLost => Self::GrantLost,
            Lost::OwnerGone => Self::OwnerGone,
            Lost::Deauthorized => Self::Deauthorized,
            Lost::Exported => Self::Exported,
        }
    }
}

impl From<Cause> for Reason {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Reachable => Self::Reachable,
            Cause::UrlUnusable => Self::UrlUnusable,
            Cause::NameNotFound => Self::NameNotFound,
            Cause::ResolverFailed => Self::ResolverFailed,
            Cause::AddressRefused(_) => Self::AddressRefused,
            Cause::ConnectionFailed(_) => Self::ConnectionFailed,
            Cause::HandshakeFailed(_) => Self::HandshakeFailed,
            Cause::CertificateInvalid(_) => Self::CertificateInvalid,
            Cause::NoAnswer(_) => Self::NoAnswer,
            Cause::Redirected(_) => Self::Redirected,
            Cause::UnexpectedStatus(_) => Self::UnexpectedStatus,
            Cause::OtherServer => Self::OtherServer,
            Cause::PostRefused(_) => Self::PostRefused,
            Cause::HeadersRemoved => Self::HeadersRemoved,
            Cause::OtherClock => Self::OtherClock,
        }
    }
}

// In the API a reason is a string, as in Kubernetes' own conditions. A newer version may have stored one that
// this version does not know: the resource must stay readable.

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Ok(Self::parse(&text).unwrap_or_default())
    }
}

impl JsonSchema for Reason {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoom::Class;

    #[test]
    fn a_name_is_unique_camel_case_and_read_back() {
        for reason in Reason::ALL.iter().copied() {
            let name = reason.as_str();
            assert_eq!(Reason::parse(name), Some(reason), "{name}");
            let valid = name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.chars().all(|c| c.is_ascii_alphanumeric());
            assert!(valid, "{name}");
        }
    }

    #[test]
    fn refusals_and_losses_keep_their_spelling_and_who_must_act() {
        for fault in Fault::ALL {
            let reason = Reason::from(fault);
            assert_eq!(reason.as_str(), fault.as_str());
            assert_eq!(reason.fault(), Some(fault));
            let person = fault.class() == Class::Person;
            assert_eq!(
                reason.entry().actor != Actor::Nobody,
                person,
                "{}",
                fault.as_str()
            );
        }
        for lost in Lost::ALL {
            assert_eq!(Reason::from(lost).as_str(), lost.as_str());
        }
    }

    #[test]
    fn a_reason_is_a_string_in_json_and_an_unknown_one_does_not_fail() {
        let read = |text: &str| serde_json::from_str::<Reason>(text).unwrap();
        assert_eq!(read(r#""ZoomUnavailable""#), Reason::ZoomUnavailable);
        assert_eq!(read(r#""FromTheFuture""#), Reason::Unrecognized);
        let written = serde_json::to_string(&Reason::ZoomUnavailable).unwrap();
        assert_eq!(written, r#""ZoomUnavailable""#);
    }

    #[test]
    fn advice_is_plain_text() {
        let of = |reason: Reason| reason.advice().unwrap();
        assert_eq!(
            of(Reason::GatewayApiMissing),
            "Install the Gateway API, or use endpoint.ingress"
        );
        assert_eq!(
            of(Reason::DeadLetters),
            "Look at them, then replay or drop them: runbook"
        );
        assert_eq!(Reason::RateLimited.advice(), None);
        for reason in Reason::ALL.iter().filter_map(|reason| reason.advice()) {
            assert!(!reason.contains(['`', '[', ']']), "{reason}");
        }
    }

    #[test]
    fn who_must_act_has_something_to_do() {
        for reason in Reason::ALL.iter().copied() {
            let entry = reason.entry();
            assert!(!entry.meaning.is_empty(), "{reason}");
            assert!(
                entry.actor == Actor::Nobody || !entry.remedy.is_empty(),
                "{reason}"
            );
            for text in [entry.meaning, entry.remedy] {
                assert!(
                    !text.contains(['|', '\n']) && !text.ends_with('.'),
                    "{reason}: {text}"
                );
            }
        }
    }
}
