//! The conditions of a pass, and how they are merged with earlier ones.

mod types;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

pub use self::types::{Status, Type};
use super::reason::Reason;

/// A condition without its times: the controller's statement in this pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is about.
    pub type_: Type,
    /// Whether it is true.
    pub status: Status,
    /// The reason, for machines.
    pub reason: Reason,
    /// The message, for people.
    pub message: String,
}

// === impl Statement ===

impl Statement {
    /// Creates a statement.
    #[must_use]
    pub fn new(
        type_: Type,
        status: impl Into<Status>,
        reason: impl Into<Reason>,
        message: impl Into<String>,
    ) -> Self {
        let (status, reason) = (status.into(), reason.into());
        #[cfg(test)]
        tests::is_in_the_register(type_, status, reason);
        Self {
            type_,
            status,
            reason,
            message: message.into(),
        }
    }
}

/// The conditions to publish: the statements of this pass, each with the time when its status last changed
/// and the generation that it refers to. Types without a statement are removed.
#[must_use]
pub fn merge(
    old: &[Condition],
    statements: Vec<Statement>,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    statements
        .into_iter()
        .map(|statement| {
            let status = statement.status.as_str();
            let since = statement
                .type_
                .find(old)
                .filter(|before| before.status == status)
                .map_or_else(|| Time(now), |before| before.last_transition_time.clone());
            Condition {
                type_: statement.type_.as_str().into(),
                status: status.into(),
                reason: statement.reason.into(),
                message: statement.message,
                last_transition_time: since,
                observed_generation: generation,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks every statement of every test against the register.
    pub(super) fn is_in_the_register(type_: Type, status: Status, reason: Reason) {
        assert!(
            reason.is_on(type_, status),
            "the register does not have {reason} on {type_:?} {status:?}"
        );
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap_or_default()
    }

    fn ready(status: Status, reason: Reason) -> Statement {
        Statement::new(Type::Ready, status, reason, "text")
    }

    #[test]
    fn the_transition_time_changes_only_with_the_status() {
        let first = merge(
            &[],
            vec![ready(Status::False, Reason::AwaitingImport)],
            Some(1),
            at(10),
        );
        let second = merge(
            &first,
            vec![ready(Status::False, Reason::WrongSubject)],
            Some(2),
            at(20),
        );
        assert_eq!(second[0].last_transition_time, Time(at(10)));
        assert_eq!(second[0].reason, "WrongSubject");
        let third = merge(
            &second,
            vec![ready(Status::True, Reason::Connected)],
            Some(2),
            at(30),
        );
        assert_eq!(third[0].last_transition_time, Time(at(30)));
    }

    #[test]
    fn every_condition_is_stamped_with_the_generation_on_every_pass() {
        let first = merge(
            &[],
            vec![ready(Status::True, Reason::Connected)],
            Some(1),
            at(10),
        );
        let second = merge(
            &first,
            vec![ready(Status::True, Reason::Connected)],
            Some(2),
            at(20),
        );
        assert_eq!(second[0].observed_generation, Some(2));
        assert_eq!(second[0].last_transition_time, Time(at(10)));
    }

    #[test]
    fn a_type_without_a_statement_vanishes() {
        let first = merge(
            &[],
            vec![ready(Status::True, Reason::Connected)],
            Some(1),
            at(10),
        );
        assert!(merge(&first, vec![], Some(1), at(20)).is_empty());
    }
}
