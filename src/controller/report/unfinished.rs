//! What the status says of an object whose passes cannot be finished. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::{Value, json};

use crate::{
    api::{
        condition::{self, Statement, Status, Type},
        reason::Reason,
        v1alpha1::{Phase, TokenStatus},
    },
    controller::error::{Error, chain},
};

/// The longest text of a cause that is told: an answer may quote a whole object.
const LONGEST_CAUSE: usize = 600;

/// A status as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// All of it; `null` if there is none.
    pub status: &'a Value,
    /// Its conditions.
    pub conditions: &'a [Condition],
    /// The generation of the object.
    pub generation: Option<i64>,
}

/// Which permission is missing, in the API server's words, and what to do.
#[must_use]
pub fn lacks_permission(refusal: &str) -> String {
    format!(
        "The operator lacks a permission in this namespace: {}. Until it has its Role again (helm upgrade writes it), nothing here is renewed or repaired; it tries again every minute.",
        refusal.trim_end_matches('.')
    )
}

/// The statements of an object whose namespace the operator may not work in.
#[must_use]
pub fn without_permission(message: &str) -> Vec<Statement> {
    let say = |type_, status: Status| Statement::new(type_, status, Reason::NotPermitted, message);
    vec![
        say(Type::Ready, Status::False),
        say(Type::Stalled, Status::True),
    ]
}

/// The statements at `now` of an object whose passes fail with this error again and again. `Ready` and `TokenFresh`
/// stay until the token is due, because what is published goes on working. Empty if nobody needs to know.
#[must_use]
pub fn unfinished(error: &Error, stored: Stored<'_>, now: Timestamp) -> Vec<Statement> {
    if let Some(refusal) = error.forbidden() {
        return without_permission(&lacks_permission(refusal));
    }
    if matches!(error, Error::Conflict | Error::Deposed) {
        return Vec::new();
    }
    let cause: String = chain(error).chars().take(LONGEST_CAUSE).collect();
    let message = format!(
        "The operator could not finish its work on this object several times in a row: {}. Until it can, nothing here is renewed or repaired; it tries again every minute.",
        cause.trim_end_matches('.')
    );
    let say = |type_, status, message: &str| {
        Statement::new(type_, status, Reason::NotReconciled, message)
    };
    let token = serde_json::from_value::<TokenStatus>(stored.status["token"].clone());
    let token = token.unwrap_or_default();
    let expired = token.expires_at.map(|at| at.0).filter(|at| *at <= now);
    let is_due = expired.is_some() || token.refresh_at.is_some_and(|at| at.0 <= now);
    // Something else that is wrong is told better by what the last pass found.
    let is_ours = |before: &Condition| {
        before.status == "True" || Reason::of(before) == Some(Reason::NotReconciled)
    };
    let ready = match (Type::Ready.find(stored.conditions), expired) {
        (Some(before), Some(at)) if is_ours(before) => Some(say(
            Type::Ready,
            Status::False,
            &format!("The token expired at {at}. {message}"),
        )),
        (Some(_), _) => None,
        (None, _) => Some(say(Type::Ready, Status::Unknown, &message)),
    };
    let fresh = Type::TokenFresh.find(stored.conditions);
    let fresh = fresh.filter(|before| is_due && is_ours(before));
    let fresh = fresh.map(|_| say(Type::TokenFresh, Status::False, &message));
    ready
        .into_iter()
        .chain([say(Type::Reconciling, Status::True, &message)])
        .chain(fresh)
        .collect()
}

/// The status with these statements in the place of those before, and its conditions. The rest is as it was known last.
/// `None` if the status already says so.
#[must_use]
pub fn with(
    statements: Vec<Statement>,
    stored: Stored<'_>,
    now: Timestamp,
) -> Option<(Value, Vec<Condition>)> {
    let phase = statements
        .iter()
        .find(|said| said.type_ == Type::Ready)
        .map(|ready| match ready.status {
            Status::Unknown => Phase::Connecting,
            _ => Phase::Degraded,
        });
    let before = stored.conditions;
    let told: Vec<&str> = statements.iter().map(|said| said.type_.as_str()).collect();
    // Only one of them applies.
    let general = [Type::Reconciling, Type::Stalled].map(Type::as_str);
    let others: Vec<Condition> = before
        .iter()
        .filter(|other| !told.contains(&&*other.type_) && !general.contains(&&*other.type_))
        .cloned()
        .collect();
    let mut conditions = condition::merge(before, statements, stored.generation, now);
    // Those that follow are in the order of the status.
    conditions.extend(others);
    let is_same = conditions.len() == before.len()
        && conditions
            .iter()
            .all(|condition| before.contains(condition));
    if is_same {
        return None;
    }
    let mut status = stored.status.clone();
    if status.is_null() {
        status = json!({});
    }
    if let Some(phase) = phase {
        status["phase"] = json!(phase);
    }
    status["conditions"] = json!(conditions);
    Some((status, conditions))
}
