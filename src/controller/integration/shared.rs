//! One app in several integrations: each authorization invalidates the other, and the cause is hard to see. Pure.
//!
//! Only integrations whose credentials Zoom accepted are compared. Otherwise whoever writes a client id into
//! a Secret would learn whether somebody else uses it.

use kube::runtime::events::{Event, EventType};

use crate::{
    api::{
        condition::{Statement, Status, Type},
        reason::Reason,
        v1alpha1::ZoomIntegration,
    },
    controller::key::Key,
};

/// The client id with which Zoom accepted an integration's credentials, as its status says: only the operator
/// writes that.
#[must_use]
pub fn proven(integration: &ZoomIntegration) -> Option<&str> {
    let status = integration.status.as_ref()?;
    let accepted = Type::CredentialsValid.find(&status.conditions)?;
    (accepted.status == Status::True.as_str())
        .then_some(status.client_id.as_deref())
        .flatten()
}

/// The client id to show: the one in the Secret once Zoom has accepted it, for a key may hold anything, and
/// until then the one `before`.
#[must_use]
pub fn shown(found: Option<&str>, is_accepted: bool, before: Option<&str>) -> Option<String> {
    let found = found.filter(|found| is_accepted && is_client_id(found));
    found.or(before).map(ToOwned::to_owned)
}

/// Whether a text has the shape of a client id.
fn is_client_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// That the integration's app is used by `others` too; `None` without any. Those of other namespaces are not
/// named.
#[must_use]
pub fn statement(own: &Key, is_server_to_server: bool, others: &[Key]) -> Option<Statement> {
    if others.is_empty() {
        return None;
    }
    let here: Vec<&str> = others
        .iter()
        .filter(|other| other.namespace == own.namespace)
        .map(|other| &*other.name)
        .collect();
    let mut who = Vec::new();
    if !here.is_empty() {
        who.push(format!("ZoomIntegration {}", here.join(", ")));
    }
    if here.len() < others.len() {
        who.push("an integration in another namespace".to_owned());
    }
    let what = if is_server_to_server {
        "each gets tokens of its own, all count against the app's limits, and a new secret or other scopes concern all. Unless that is meant, create an app for each."
    } else {
        "Zoom keeps one authorization for each user and app, so whoever authorizes it in one place loses the grant in the other. Keep one of them, or create an app for each."
    };
    Some(Statement::new(
        Type::AppExclusive,
        Status::False,
        Reason::AppShared,
        format!("The same app is used by {}: {what}", who.join(" and ")),
    ))
}

/// The Event if the app is another one than `before`: two Secrets may have been swapped.
#[must_use]
pub fn changed(before: Option<&str>, now: Option<&str>) -> Option<Event> {
    let (before, now) = before.zip(now).filter(|(before, now)| before != now)?;
    Some(Event {
        type_: EventType::Warning,
        reason: Reason::AppChanged.into(),
        note: Some(format!(
            "The credentials are those of another app: client id {now}, before {before}. If this was not intended, put the former values back into the Secret of spec.credentials.secretRef."
        )),
        action: "Reconcile".into(),
        secondary: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_counts_once_zoom_accepted_it() {
        let with = |status: &str| {
            let integration: ZoomIntegration = serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
                "metadata": {"name": "acme", "namespace": "clinics"},
                "spec": {
                    "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                    "scopes": {"required": []},
                },
                "status": {"clientId": "id", "conditions": [{
                    "type": "CredentialsValid", "status": status, "reason": "Accepted", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }]},
            }))
            .unwrap();
            proven(&integration).map(ToOwned::to_owned)
        };
        assert_eq!(with("True").as_deref(), Some("id"));
        assert_eq!(with("Unknown"), None);
        assert_eq!(with("False"), None);
    }

    #[test]
    fn no_other_value_of_a_secret_is_shown() {
        let id = "KDcuGIm1QgePTO8WbOqwIQ";
        assert_eq!(shown(Some(id), true, None).as_deref(), Some(id));
        assert_eq!(shown(Some("a-password-of-a-database"), false, None), None);
        assert_eq!(shown(Some("other"), false, Some(id)).as_deref(), Some(id));
        for text in [
            "a b",
            "a\nb",
            "postgres://u:p@h/d",
            "é",
            "",
            &"a".repeat(65),
        ] {
            assert_eq!(shown(Some(text), true, None), None, "{text}");
        }
        assert_eq!(shown(None, true, Some(id)).as_deref(), Some(id));
    }

    #[test]
    fn neighbours_are_named_and_strangers_are_not() {
        let own = Key::integration("clinics", "acme");
        let said = |others: &[(&str, &str)], is_server_to_server| {
            let others: Vec<Key> = others
                .iter()
                .map(|(namespace, name)| Key::integration(namespace, name))
                .collect();
            statement(&own, is_server_to_server, &others).map(|said| said.message)
        };
        assert_eq!(said(&[], false), None);
        let here = said(&[("clinics", "former"), ("clinics", "next")], false).unwrap();
        assert!(here.contains("ZoomIntegration former, next:"), "{here}");
        let there = said(&[("rival", "secret-project")], false).unwrap();
        assert!(there.contains("an integration in another namespace:"));
        assert!(!there.contains("rival") && !there.contains("secret-project"));
        assert!(there.contains("loses the grant"));
        let both = said(&[("clinics", "next"), ("rival", "x")], true).unwrap();
        assert!(both.contains("next and an integration in another namespace"));
        assert!(both.contains("tokens of its own"));
    }

    #[test]
    fn another_app_is_announced() {
        let event = changed(Some("old"), Some("new")).unwrap();
        let note = event.note.unwrap();
        assert!(note.contains("new") && note.contains("old"), "{note}");
        for (before, now) in [
            (None, Some("new")),
            (Some("new"), Some("new")),
            (Some("old"), None),
        ] {
            assert!(changed(before, now).is_none());
        }
    }
}
