//! Which connection of an integration holds the grant of a user or an account. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;

use super::{index::Guarded, proof::AppId};
use crate::api::{
    condition::Type,
    reason::Reason,
    v1alpha1::{SubjectStatus, ZoomConnection},
};

/// Connections as the index has them.
pub type Connections = [Arc<Guarded<ZoomConnection>>];

/// A user or an account of Zoom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The user with this id.
    User(&'a str),
    /// The account with this id.
    Account(&'a str),
}

/// Another connection of the same integration, which is in the namespace `home` and has this `app`, that this
/// subject authorized before.
#[must_use]
pub fn held_by_other<'a>(
    connections: &'a Connections,
    connection: &ZoomConnection,
    subject: Subject<'_>,
    home: &str,
    app: AppId<'_>,
) -> Option<&'a ZoomConnection> {
    let mine = held_since(connection, subject, home, app);
    readable(connections)
        .filter(|other| other.uid() != connection.uid())
        .find(|other| {
            // If two connections hold a grant of the same subject, the one that got it first keeps it.
            held_since(other, subject, home, app)
                .is_some_and(|theirs| mine.as_ref().is_none_or(|mine| theirs < *mine))
        })
}

/// The connections that this version can read.
pub fn readable(connections: &Connections) -> impl Iterator<Item = &ZoomConnection> {
    connections
        .iter()
        .filter_map(|connection| connection.0.as_ref().ok())
}

/// When the connection got its grant of this subject, and its UID. What is known of the subject comes from the
/// grant's Secret, which a tenant in another namespace than `home` can write: there only a consent counts.
fn held_since(
    connection: &ZoomConnection,
    subject: Subject<'_>,
    home: &str,
    app: AppId<'_>,
) -> Option<(Option<Timestamp>, Option<String>)> {
    let status = connection.status.as_ref()?;
    if connection.namespace().as_deref() != Some(home) {
        // What an earlier version recorded lacks the app, until its own pass adds it.
        let proved = status.account.as_ref();
        let proved = proved.filter(|proved| app.has_proof(proved) != Some(false))?;
        let is_lost = status
            .grant
            .as_ref()
            .is_none_or(|grant| grant.lost.is_some());
        let holds = match subject {
            Subject::User(id) => proved.user_id.as_deref() == Some(id),
            Subject::Account(id) => proved.id == id,
        };
        return (holds && !is_lost).then(|| (Some(proved.since.0), connection.uid()));
    }
    let holds = subject.is_that_of(status.subject.as_ref()?);
    // What was exported is held in another cluster, or by the connection that imported it.
    let ready = Type::Ready.find(&status.conditions);
    if ready.and_then(Reason::of) == Some(Reason::Exported) {
        return None;
    }
    let since = status.grant.as_ref().and_then(|grant| grant.since.as_ref());
    holds.then(|| (since.map(|since| since.0), connection.uid()))
}

// === impl Subject ===

impl Subject<'_> {
    /// Whether it is the subject that Zoom named.
    #[must_use]
    pub fn is_that_of(self, found: &SubjectStatus) -> bool {
        match self {
            Self::User(id) => found.user_id.as_deref() == Some(id),
            Self::Account(id) => found.account_id.as_deref() == Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use serde_json::json;

    use super::*;

    fn connection(name: &str, since: Option<&str>) -> ZoomConnection {
        let mut object = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": name, "namespace": "clinics", "uid": name},
            "spec": {"integrationRef": {"name": "app"}},
        });
        if let Some(since) = since {
            object["status"] = json!({
                "subject": {"userId": "ada", "accountId": "clinic"}, "grant": {"since": since},
            });
        }
        serde_json::from_value(object).unwrap()
    }

    fn of_clinics<'a>(
        connections: &'a Connections,
        connection: &ZoomConnection,
        subject: Subject<'_>,
    ) -> Option<&'a ZoomConnection> {
        let app = AppId::default();
        held_by_other(connections, connection, subject, "clinics", app)
    }

    #[test]
    fn of_two_connections_of_one_user_the_first_stays() {
        let (first, second) = ("2026-03-01T10:00:00Z", "2026-03-01T10:00:01Z");
        let connections: Vec<_> = [("a", Some(second)), ("b", Some(first)), ("c", None)]
            .map(|(name, since)| Arc::new(DeserializeGuard(Ok(connection(name, since)))))
            .into();
        for subject in [Subject::User("ada"), Subject::Account("clinic")] {
            let other = |name, since| {
                let other = of_clinics(&connections, &connection(name, since), subject);
                other.map(ResourceExt::name_any)
            };
            assert_eq!(other("b", Some(first)), None);
            assert_eq!(other("a", Some(second)).as_deref(), Some("b"));
            assert!(other("c", None).is_some());
        }
    }

    #[test]
    fn what_a_tenant_writes_of_its_subject_keeps_nobody_out() {
        let since = "2026-03-01T10:00:00Z";
        let forged = connection("a", Some(since));
        let mut proved = forged.clone();
        if let Some(status) = &mut proved.status {
            let account = json!({"id": "clinic", "userId": "ada", "since": since});
            status.account = serde_json::from_value(account).unwrap();
        }
        let mut lost = proved.clone();
        if let Some(grant) = lost
            .status
            .as_mut()
            .and_then(|status| status.grant.as_mut())
        {
            grant.lost = Some("GrantLost".into());
        }
        let of_app = |client: &str| {
            let mut found = proved.clone();
            let status = found.status.as_mut();
            if let Some(account) = status.and_then(|status| status.account.as_mut()) {
                account.client_id = Some(client.into());
            }
            found
        };
        let app = AppId {
            client_id: Some("id"),
            management: None,
        };
        for (other, wanted) in [
            (forged, false),
            (of_app("id"), true),
            (of_app("other"), false),
            (proved, true),
            (lost, false),
        ] {
            let connections = vec![Arc::new(DeserializeGuard(Ok(other)))];
            for subject in [Subject::User("ada"), Subject::Account("clinic")] {
                // The integration is in another namespace than these connections.
                let mine = connection("b", None);
                let other = held_by_other(&connections, &mine, subject, "platform", app);
                assert_eq!(other.is_some(), wanted, "{subject:?}");
            }
        }
    }

    #[test]
    fn an_exported_grant_is_held_elsewhere() {
        let since = "2026-03-01T10:00:00Z";
        let mut exported = connection("a", Some(since));
        if let Some(status) = &mut exported.status {
            status.conditions = serde_json::from_value(json!([{
                "type": "Ready", "status": "False", "reason": "Exported", "message": "m",
                "lastTransitionTime": since,
            }]))
            .unwrap();
        }
        let connections = vec![Arc::new(DeserializeGuard(Ok(exported)))];
        let subject = Subject::User("ada");
        let other = of_clinics(&connections, &connection("b", None), subject);
        assert_eq!(other, None);
    }
}
