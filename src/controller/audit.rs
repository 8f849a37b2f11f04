//! Which steps of a pass go into the audit trail, and what each record contains. Pure, except for writing it.

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use runtime::audit::{Action, Kind, Outcome, Record};

use super::{
    connection::model::{Consent, End, Purpose},
    failure,
};
use crate::api::{
    condition::Type,
    reason::Reason,
    v1alpha1::{TokenFailure, ZoomConnection, ZoomIntegration, ZoomIntegrationStatus},
};
use grant::{Grant, Lost};

/// A record about a connection.
pub fn of_connection(connection: &ZoomConnection, action: Action) -> Record<'_> {
    of(connection, Kind::Connection, action)
}

/// A record about an integration.
pub fn of_integration(integration: &ZoomIntegration, action: Action) -> Record<'_> {
    of(integration, Kind::Integration, action)
}

fn of<K: Resource>(object: &K, kind: Kind, action: Action) -> Record<'_> {
    let meta = object.meta();
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let name = meta.name.as_deref().unwrap_or_default();
    Record::done(action, kind, namespace, name)
}

/// Whether an attempt at `now` is the first one since somebody requested a token.
#[must_use]
pub fn is_asked_for<K: ResourceExt>(
    object: &K,
    issued: Option<Timestamp>,
    failure: Option<&TokenFailure>,
    now: Timestamp,
) -> bool {
    let failed = failure.map(|failure| failure.time.0);
    let last = [issued, failed].into_iter().flatten().max();
    let asked = failure::requested_at(object);
    asked.is_some_and(|asked| asked <= now && last.is_none_or(|last| last < asked))
}

/// The record of an attempt to spend a stored code or grant; `None` while another process's attempt is waited for,
/// because nothing was attempted.
pub fn spent<'a>(
    record: Record<'a>,
    outcome: &'a grant::SpendOutcome<zoom::Error>,
) -> Option<Record<'a>> {
    Some(match outcome {
        grant::SpendOutcome::Waiting => return None,
        grant::SpendOutcome::Stored(_) => record,
        grant::SpendOutcome::Refused(refusal) => {
            record.but(Outcome::Refused, refusal.error.fault.as_str())
        }
        grant::SpendOutcome::Lost(lost) => record.but(Outcome::Refused, lost.as_str()),
        grant::SpendOutcome::OtherClient => {
            record.but(Outcome::Failed, Reason::ClientIdChanged.as_str())
        }
        grant::SpendOutcome::Superseded | grant::SpendOutcome::Gone => {
            record.but(Outcome::Failed, "Overtaken")
        }
    })
}

/// Records that Zoom refused a grant, and whether the grant is sealed or erased.
pub fn lost<'a>(connection: &'a ZoomConnection, stored: Option<&Grant>, lost: Lost) -> Record<'a> {
    let is_sealed = stored.is_some_and(Grant::is_sealed);
    let action = if is_sealed {
        Action::GrantSeal
    } else {
        Action::GrantErase
    };
    of_connection(connection, action).because(lost.as_str())
}

/// The record for a write of the grant's Secret; `None` if the write changes no grant.
#[must_use]
pub fn stored(connection: &ZoomConnection, purpose: Purpose) -> Option<Record<'_>> {
    let (action, reason) = match purpose {
        Purpose::Imported => (Action::GrantImport, None),
        Purpose::Removed => (Action::GrantErase, Some(Lost::Deauthorized.as_str())),
        Purpose::Expired => (Action::GrantErase, Some("SealExpired")),
        // The record of the consent's end covers these.
        Purpose::Adopted | Purpose::Identified => return None,
    };
    let record = of_connection(connection, action);
    Some(match reason {
        Some(reason) => record.because(reason),
        None => record,
    })
}

/// Records how a consent ended, with Zoom's id of the user who gave it.
pub fn ended<'a>(connection: &'a ZoomConnection, consent: &Consent, end: &End) -> Record<'a> {
    let asked = consent.identity.as_ref();
    let user = asked.and_then(|asked| Some(&asked.identity.as_ref()?.user_id));
    let record = of_connection(connection, Action::ConsentEnd)
        .item(consent.transaction())
        .by(user);
    let reason = end.reason.as_str();
    if end.succeeded {
        record.because(reason)
    } else {
        record.but(Outcome::Refused, reason)
    }
}

/// Records that an integration now gets its host, or is now refused it, according to `status`.
#[must_use]
pub fn host<'a>(
    integration: &'a ZoomIntegration,
    status: &ZoomIntegrationStatus,
) -> Option<Record<'a>> {
    let endpoint = integration.spec.webhook.as_ref()?.endpoint.as_ref()?;
    let url = |status: &ZoomIntegrationStatus| status.webhook.as_ref()?.url.clone();
    let refused = |status: &ZoomIntegrationStatus| {
        let ready = Type::Ready.find(&status.conditions)?;
        let reason = Reason::of(ready)?;
        matches!(reason, Reason::HostClaimed | Reason::HostNotAllowed).then_some(reason)
    };
    let before = integration.status.as_ref();
    let record = of_integration(integration, Action::HostClaim).item(&endpoint.host);
    if let Some(reason) = refused(status) {
        let is_new = before.and_then(refused) != Some(reason);
        return is_new.then(|| record.but(Outcome::Refused, reason.as_str()));
    }
    let is_new = url(status).is_some() && before.and_then(url) != url(status);
    is_new.then_some(record)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::*;
    use crate::api::annotation;
    use grant::Credential;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn integration(status: &serde_json::Value) -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "annotations": {
                annotation::REFRESH_REQUESTED_AT: "1970-01-01T00:01:40Z",
            }},
            "spec": {
                "app": {"kind": "ServerToServer"},
                "credentials": {"secretRef": {"name": "acme-zoom"}},
                "scopes": {"required": ["meeting:read:meeting:admin"]},
                "webhook": {
                    "endpoint": {"host": "acme.example.com"},
                    "sink": {"http": {"url": "https://sink.example.com"}},
                },
            },
            "status": status,
        }))
        .unwrap()
    }

    fn refused(reason: &str) -> serde_json::Value {
        json!({"conditions": [{
            "type": "Ready", "status": "False", "reason": reason, "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]})
    }

    #[test]
    fn one_attempt_is_that_of_a_person_who_asked() {
        let integration = integration(&json!({}));
        let failed = |second| TokenFailure {
            time: Time(at(second)),
            ..serde_json::from_value(json!({
                "attempts": 1, "message": "", "reason": "ZoomUnreachable", "credentialsVersion": "",
                "retryAt": "2026-01-01T00:00:00Z", "time": "2026-01-01T00:00:00Z",
            }))
            .unwrap()
        };
        let asked = |issued, failure: Option<i64>, now| {
            let failure = failure.map(failed);
            is_asked_for(&integration, Some(at(issued)), failure.as_ref(), at(now))
        };
        assert!(asked(40, None, 100));
        assert!(!asked(40, None, 99));
        assert!(!asked(100, None, 160));
        assert!(asked(10, Some(50), 120));
        assert!(!asked(10, Some(110), 300));
    }

    #[test]
    fn nothing_is_recorded_while_another_process_is_waited_for() {
        let record = || Record::done(Action::ConsentRedeem, Kind::Connection, "clinics", "ada");
        assert!(spent(record(), &grant::SpendOutcome::Waiting).is_none());
        assert!(spent(record(), &grant::SpendOutcome::Gone).is_some());
    }

    #[test]
    fn a_host_is_told_when_it_is_given_or_refused_and_not_again() {
        let url = json!({"webhook": {"url": "https://acme.example.com/zoom"}});
        let recorded = |before: &serde_json::Value, now: &serde_json::Value| {
            let now = serde_json::from_value(now.clone()).unwrap();
            host(&integration(before), &now).map(|record| format!("{record:?}"))
        };
        let given = recorded(&json!({}), &url).unwrap();
        assert!(given.contains("HostClaim") && given.contains("acme.example.com"));
        assert!(given.contains("Done"), "{given}");
        assert_eq!(recorded(&url, &url), None);
        let claimed = refused("HostClaimed");
        let taken = recorded(&url, &claimed).unwrap();
        assert!(taken.contains("Refused") && taken.contains("HostClaimed"));
        assert_eq!(recorded(&claimed, &claimed), None);
        assert_eq!(recorded(&json!({}), &refused("Connected")), None);
    }

    #[test]
    fn what_zoom_refused_is_told_by_what_is_left_of_it() {
        let connection = ZoomConnection::new(
            "ada",
            serde_json::from_value(json!({"integrationRef": {"name": "acme"}})).unwrap(),
        );
        let grant = Grant {
            id: "g".into(),
            generation: 1,
            since: at(0),
            client_id: None,
            credential: Credential::RefreshToken("private".into()),
            access: None,
            intent: None,
            loss: None,
        };
        let client = grant::Client {
            id: "c".into(),
            fingerprint: "f".into(),
        };
        let sealed = grant.refused(Lost::GrantLost, &client, at(1));
        let erased = sealed.erased(Lost::GrantLost);
        let printed =
            |grant: &Grant| format!("{:?}", lost(&connection, Some(grant), Lost::GrantLost));
        assert!(printed(&sealed).contains("GrantSeal"));
        assert!(printed(&erased).contains("GrantErase"));
        assert!(!printed(&sealed).contains("private"));
    }
}
