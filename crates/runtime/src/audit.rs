//! The audit trail: what people and processes did to grants, dead letters and hosts, as log records of a target
//! of their own. One shape for all processes, and no field for a secret: names, reasons and ids only.

use std::fmt;

/// The target of the records.
pub const TARGET: &str = "audit";

/// What was done, or tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A person began a consent.
    ConsentBegin,
    /// A person came back from Zoom.
    ConsentReturn,
    /// The code of a consent was sent to Zoom.
    ConsentRedeem,
    /// A consent ended: its grant became the connection's, or not.
    ConsentEnd,
    /// A person asked for another token.
    TokenRefresh,
    /// A refresh token was taken over from a Secret.
    GrantImport,
    /// Zoom refused a grant: its refresh token is kept and not used.
    GrantSeal,
    /// A refresh token was erased.
    GrantErase,
    /// A grant was revoked at Zoom.
    GrantRevoke,
    /// Somebody asked the control port without the right token.
    ControlAccess,
    /// Dead letters were listed.
    DeadLetterList,
    /// A dead letter was read with its body.
    DeadLetterShow,
    /// Dead letters were sent again.
    DeadLetterReplay,
    /// Dead letters were dropped.
    DeadLetterDrop,
    /// An event that fails was made a dead letter.
    DeadLetterSkip,
    /// An integration claimed a public host.
    HostClaim,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It was not done for a reason of time or of our own.
    Failed,
}

/// The kind of the resource that a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ZoomIntegration`.
    Integration,
    /// `ZoomConnection`.
    Connection,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a record counts once it is written"]
pub struct Record<'a> {
    action: Action,
    kind: Kind,
    namespace: &'a str,
    name: &'a str,
    outcome: Outcome,
    reason: Option<&'a str>,
    who: Option<String>,
    item: Option<String>,
}

// === impl Record ===

impl<'a> Record<'a> {
    /// That `action` was done to the resource of this name.
    pub fn done(action: Action, kind: Kind, namespace: &'a str, name: &'a str) -> Self {
        Self {
            action,
            kind,
            namespace,
            name,
            outcome: Outcome::Done,
            reason: None,
            who: None,
            item: None,
        }
    }

    /// That it ended otherwise.
    pub fn but(self, outcome: Outcome, reason: &'a str) -> Self {
        Self { outcome, ..self }.because(reason)
    }

    /// Why, as a word of a closed list.
    pub fn because(mut self, reason: &'a str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// On whose behalf, where that is known: Zoom's user id, or a client's network address.
    pub fn by(mut self, who: Option<impl fmt::Display>) -> Self {
        self.who = who.map(|who| who.to_string());
        self
    }

    /// Which item of the resource: an event's id, a consent's digest, a host.
    pub fn item(mut self, item: impl Into<String>) -> Self {
        self.item = Some(item.into());
        self
    }

    /// Writes it.
    pub fn write(&self) {
        tracing::info!(
            target: TARGET,
            action = self.action.as_str(),
            outcome = self.outcome.as_str(),
            kind = self.kind.as_str(),
            namespace = self.namespace,
            name = self.name,
            reason = self.reason,
            who = self.who,
            item = self.item,
            "audit"
        );
    }
}

// === impl Action ===

impl Action {
    /// Every action.
    pub const ALL: [Self; 16] = [
        Self::ConsentBegin,
        Self::ConsentReturn,
        Self::ConsentRedeem,
        Self::ConsentEnd,
        Self::TokenRefresh,
        Self::GrantImport,
        Self::GrantSeal,
        Self::GrantErase,
        Self::GrantRevoke,
        Self::ControlAccess,
        Self::DeadLetterList,
        Self::DeadLetterShow,
        Self::DeadLetterReplay,
        Self::DeadLetterDrop,
        Self::DeadLetterSkip,
        Self::HostClaim,
    ];

    /// As the field says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConsentBegin => "consent.begin",
            Self::ConsentReturn => "consent.return",
            Self::ConsentRedeem => "consent.redeem",
            Self::ConsentEnd => "consent.end",
            Self::TokenRefresh => "token.refresh",
            Self::GrantImport => "grant.import",
            Self::GrantSeal => "grant.seal",
            Self::GrantErase => "grant.erase",
            Self::GrantRevoke => "grant.revoke",
            Self::ControlAccess => "control.access",
            Self::DeadLetterList => "deadletter.list",
            Self::DeadLetterShow => "deadletter.show",
            Self::DeadLetterReplay => "deadletter.replay",
            Self::DeadLetterDrop => "deadletter.drop",
            Self::DeadLetterSkip => "deadletter.skip",
            Self::HostClaim => "host.claim",
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// As the field says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

// === impl Kind ===

impl Kind {
    /// As the field says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integration => "ZoomIntegration",
            Self::Connection => "ZoomConnection",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat_json::tests::lines;

    #[test]
    fn a_record_is_one_flat_line_with_its_own_target() {
        let text = lines(|| {
            let span = tracing::info_span!("reconcile", namespace = "other", connection = "c");
            let _entered = span.enter();
            Record::done(Action::ConsentEnd, Kind::Connection, "clinics", "ada")
                .but(Outcome::Refused, "WrongSubject")
                .by(Some("zoom-user-id"))
                .item("digest")
                .write();
        });
        let mut line: serde_json::Value = serde_json::from_str(&text).unwrap();
        line.as_object_mut().unwrap().remove("timestamp");
        let expected = serde_json::json!({
            "level": "INFO", "message": "audit", "target": "audit",
            "action": "consent.end", "outcome": "refused", "reason": "WrongSubject",
            "kind": "ZoomConnection", "namespace": "clinics", "name": "ada",
            "who": "zoom-user-id", "item": "digest", "connection": "c",
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let text = lines(|| {
            Record::done(Action::HostClaim, Kind::Integration, "clinics", "acme")
                .by(None::<String>)
                .write();
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        for key in ["who", "item", "reason"] {
            assert_eq!(line.get(key), None, "{key}");
        }
    }

    /// The table in the documentation names them all.
    #[test]
    fn every_action_is_documented() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/audit.md");
        let page = std::fs::read_to_string(page).unwrap();
        for action in Action::ALL {
            let cell = format!("| `{}` |", action.as_str());
            assert_eq!(page.matches(&cell).count(), 1, "{cell}");
        }
    }
}
