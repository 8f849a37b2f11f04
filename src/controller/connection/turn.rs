//! Whether a pass would spend a grant, as far as can be told without reading anything. Such a pass asks for its turn
//! first: one that is too early would read everything in vain. Pure.

use jiff::Timestamp;

use super::model::CONSENT_PREFIX;
use crate::{
    api::v1alpha1::{Phase, ZoomConnection},
    controller::{failure, schedule},
};

/// What a connection has to wait for its turn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// Whether it is the code of a consent.
    pub is_consent: bool,
    /// Until when it may wait.
    pub until: Timestamp,
}

/// What a pass at `now` would spend over a connection that has nothing else to do: its grant, or the codes of new
/// consents, whose Secrets are `consents`. Its token was `issued` then, if that is known. `None` if there may be
/// anything else.
#[must_use]
pub fn only_spends(
    connection: &ZoomConnection,
    consents: &[String],
    issued: Option<Timestamp>,
    now: Timestamp,
) -> Option<Spending> {
    let (meta, status) = (&connection.metadata, connection.status.as_ref()?);
    let token = status.token.as_ref();
    let is_settled = meta.deletion_timestamp.is_none()
        && meta.generation == status.observed_generation
        && token.is_none_or(|token| token.failure.is_none());
    if !is_settled {
        return None;
    }
    let expires = token.and_then(|token| token.expires_at.as_ref());
    let expires = expires.map(|time| time.0);
    let is_new = |secret: &String| {
        let told = status.consent.as_ref();
        told.map(|told| told.transaction.as_str()) != secret.strip_prefix(CONSENT_PREFIX)
    };
    if !consents.is_empty() {
        return consents.iter().all(is_new).then_some(Spending {
            is_consent: true,
            until: expires.filter(|at| now < *at).unwrap_or(Timestamp::MAX),
        });
    }
    let refresh_at = token.and_then(|token| token.refresh_at.as_ref());
    // The annotation stays once it is served.
    let requested = schedule::at_request(failure::requested_at(connection), issued);
    let is_due = [refresh_at.map(|time| time.0), requested]
        .into_iter()
        .flatten()
        .any(|at| at <= now);
    let until = expires.filter(|at| now < *at)?;
    (status.phase == Some(Phase::Connected) && is_due).then_some(Spending {
        is_consent: false,
        until,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const EXPIRES: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn merge(into: &mut Value, change: &Value) {
        match (into.as_object_mut(), change.as_object()) {
            (Some(into), Some(change)) => {
                for (key, value) in change {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            _ => *into = change.clone(),
        }
    }

    /// What a connection that was connected at 0 would spend, after this change.
    fn spends(change: &Value, consents: &[&str], now: i64) -> Option<(bool, Timestamp)> {
        since(None, change, consents, now)
    }

    /// The same, with a token that was issued then.
    fn since(
        issued: Option<i64>,
        change: &Value,
        consents: &[&str],
        now: i64,
    ) -> Option<(bool, Timestamp)> {
        let mut connection = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "ada", "namespace": "n", "generation": 1},
            "spec": {"integrationRef": {"name": "app"}},
            "status": {
                "observedGeneration": 1,
                "phase": "Connected",
                "token": {"expiresAt": at(EXPIRES).to_string(), "refreshAt": at(2700).to_string()},
            },
        });
        merge(&mut connection, change);
        let connection = serde_json::from_value(connection).unwrap();
        let consents: Vec<String> = consents.iter().map(ToString::to_string).collect();
        let found = only_spends(&connection, &consents, issued.map(at), at(now))?;
        Some((found.is_consent, found.until))
    }

    #[test]
    fn only_what_is_due_and_nothing_else_waits_for_its_turn() {
        let none = json!({});
        let refresh = Some((false, at(EXPIRES)));
        assert_eq!(spends(&none, &[], 2699), None, "not due");
        assert_eq!(spends(&none, &[], 2700), refresh);
        assert_eq!(spends(&none, &[], EXPIRES), None, "the status must say so");
        let requested = at(100).to_string();
        let requested = json!({"metadata": {"annotations": {"zoom-operator.io/refresh-requested-at": requested}}});
        assert_eq!(spends(&requested, &[], 99), None);
        assert_eq!(spends(&requested, &[], 100), refresh);
        // Another token came since.
        assert_eq!(since(Some(200), &requested, &[], 1000), None, "served");
        assert_eq!(since(Some(200), &requested, &[], 2700), refresh, "due");
        // As the pass decides it: not soon after the last one.
        assert_eq!(since(Some(90), &requested, &[], 149), None);
        assert_eq!(since(Some(90), &requested, &[], 150), refresh);
        for other in [
            json!({"metadata": {"generation": 2}}),
            json!({"metadata": {"deletionTimestamp": at(1).to_string()}}),
            json!({"status": {"phase": "Degraded"}}),
            json!({"status": null}),
        ] {
            assert_eq!(spends(&other, &[], 2700), None, "{other}");
        }
    }

    #[test]
    fn a_consent_waits_until_the_status_tells_of_it() {
        let ready = json!({"status": {"phase": "Ready to install", "token": null}});
        let new = Some((true, Timestamp::MAX));
        assert_eq!(spends(&ready, &["zoom-consent-a"], 5), new);
        let told = json!({"status": {"consent": {
            "transaction": "a", "outcome": "Succeeded", "reason": "Connected", "message": "m",
        }}});
        assert_eq!(spends(&told, &["zoom-consent-a"], 5), None, "to be removed");
        let new = Some((true, at(EXPIRES)));
        assert_eq!(spends(&told, &["zoom-consent-b"], 5), new);
        assert_eq!(
            spends(&told, &["zoom-consent-a", "zoom-consent-b"], 5),
            None
        );
    }
}
