//! Which other connection of the app a user or an account authorized before.

use kube::ResourceExt as _;

use super::{
    model::pinned,
    subject::{Holder, Shared},
};
use crate::{
    api::v1alpha1::{Management, ZoomConnection},
    controller::{
        connections::{self, Subject},
        grants::secret::GrantSecret,
        index::Index,
        key::Key,
        proof::AppId,
    },
};
use zoom::Identity;

/// Another connection of the user or account that gave the grant. A tenant can write the grant's Secret: in another
/// namespace than its app's it learns only about a subject that Zoom named to the operator.
#[must_use]
pub fn holder(
    index: &Index,
    connection: &ZoomConnection,
    app: AppId<'_>,
    found: &GrantSecret,
) -> Option<Holder> {
    let GrantSecret::Ours(kept) = found else {
        return None;
    };
    let identity = kept.identity.as_ref()?;
    let (home, _) = connection.integration();
    let is_home = connection.namespace().as_deref() == Some(home);
    (is_home || is_proved(connection, identity))
        .then(|| other_holder(index, connection, app, identity))
        .flatten()
}

/// Whether a consent proved that the grant is of this identity.
fn is_proved(connection: &ZoomConnection, identity: &Identity) -> bool {
    let status = connection.status.as_ref();
    let proved = status.and_then(|status| status.account.as_ref());
    proved.is_some_and(|proved| {
        proved.id == identity.account_id
            && proved.user_id.as_deref().unwrap_or_default() == identity.user_id
    })
}

/// Another connection of the same app that this user, or this account of an admin-managed app, authorized
/// before. The first one stays.
#[must_use]
pub fn other_holder(
    index: &Index,
    connection: &ZoomConnection,
    app: AppId<'_>,
    identity: &Identity,
) -> Option<Holder> {
    let user = Subject::User(&identity.user_id);
    let account = Subject::Account(&identity.account_id);
    let held = |subject, of| {
        let name = held_elsewhere(index, connection, subject, app)?;
        Some(Holder { name, of })
    };
    held(user, Shared::User).or_else(|| {
        let is_once = app.management == Some(Management::Admin) && !identity.account_id.is_empty();
        is_once.then(|| held(account, Shared::Account)).flatten()
    })
}

/// The connection that holds this subject, as it may be called here.
fn held_elsewhere(
    index: &Index,
    connection: &ZoomConnection,
    subject: Subject<'_>,
    app: AppId<'_>,
) -> Option<String> {
    if pinned(connection).is_some_and(|pinned| subject.is_that_of(pinned)) {
        return None;
    }
    let (namespace, name) = connection.integration();
    let own = Key::integration(namespace, name);
    let here = connection.namespace();
    let held_in = |integration: &Key| {
        let all = match subject {
            Subject::User(user) => index.connections_of_user(integration, user),
            Subject::Account(account) => index.connections_of_account(integration, account),
        };
        let namespace = &integration.namespace;
        let other = connections::held_by_other(&all, connection, subject, namespace, app)?;
        Some(if other.namespace() != here {
            "a ZoomConnection in another namespace".to_owned()
        } else if *integration == own {
            format!("ZoomConnection {}", other.name_any())
        } else {
            format!(
                "ZoomConnection {} of ZoomIntegration {}",
                other.name_any(),
                integration.name
            )
        })
    };
    held_in(&own).or_else(|| index.sharers(&own).iter().find_map(held_in))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kube::core::DeserializeGuard;
    use serde_json::{Value, json};

    use super::*;
    use crate::controller::grants::secret::StoredGrant;
    use grant::{Credential, Grant};

    fn tenant(namespace: &str, status: &Value) -> ZoomConnection {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {
                "name": "ada", "namespace": namespace, "uid": namespace, "resourceVersion": "1",
            },
            "spec": {"integrationRef": {"name": "app", "namespace": "platform"}},
            "status": status,
        }))
        .unwrap()
    }

    fn grant_of(user: &str) -> GrantSecret {
        GrantSecret::Ours(Box::new(StoredGrant {
            grant: Grant {
                id: "g".into(),
                generation: 1,
                since: Timestamp::UNIX_EPOCH,
                client_id: None,
                credential: Credential::RefreshToken("r".to_owned().into()),
                access: None,
                intent: None,
                loss: None,
            },
            identity: Some(Identity {
                user_id: user.into(),
                account_id: "a".into(),
                email: String::new(),
            }),
            identified: true,
            namespace_uid: "n".into(),
            imported: None,
        }))
    }

    #[test]
    fn what_a_tenant_writes_into_its_grant_tells_it_nothing_of_other_tenants() {
        let index = Index::default();
        let platform = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "platform", "resourceVersion": "1"},
            "spec": {
                "app": {"kind": "General", "management": "Admin"},
                "credentials": {"secretRef": {"name": "zoom"}}, "scopes": {"required": []},
                "allowedNamespaces": {"from": "All"},
            },
        });
        index.apply(DeserializeGuard(Ok(serde_json::from_value::<
            crate::api::v1alpha1::ZoomIntegration,
        >(platform)
        .unwrap())));
        let proved = |user: &str, since: &str| {
            json!({
                "account": {
                    "id": "a", "userId": user, "since": since, "clientId": "id", "management": "Admin",
                },
                "grant": {"since": since},
            })
        };
        let (early, late) = ("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z");
        index.apply(DeserializeGuard(Ok(tenant("clinic", &proved("u", early)))));
        let app = AppId {
            client_id: Some("id"),
            management: Some(Management::Admin),
        };
        let told = |status: &Value, user: &str| {
            let connection = tenant("school", status);
            holder(&index, &connection, app, &grant_of(user)).map(|other| other.of)
        };
        // It only guesses who is connected.
        assert_eq!(told(&json!({}), "u"), None);
        assert_eq!(told(&proved("v", late), "u"), None);
        // Zoom named these to the operator.
        assert_eq!(told(&proved("u", late), "u"), Some(Shared::User));
        assert_eq!(told(&proved("v", late), "v"), Some(Shared::Account));
    }
}
