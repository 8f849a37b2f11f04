//! Who owns an object that has the name of one of ours. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use crate::api::{label, v1alpha1::ZoomIntegration};

/// Who owns an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It was made for this integration, or for an earlier one of this name and has no owner now.
    Ours,
    /// It was made for a deleted integration of the same name: the garbage collector will remove it.
    Leaving,
    /// Somebody else made it.
    Foreign,
}

/// Who owns the object with this metadata.
///
/// An object with our labels and without a controller is ours, too: a backup was restored without owner
/// references, or the integration was deleted and its objects were kept.
#[must_use]
pub fn whose(integration: &ZoomIntegration, object: &ObjectMeta) -> Whose {
    let labels = object.labels.as_ref();
    let purpose = labels.and_then(|labels| labels.get(label::USE));
    if purpose.is_some_and(|purpose| purpose == label::TOKEN) {
        // `token.secretName` names one of the receiver's objects.
        return Whose::Foreign;
    }
    if is_controlled(integration, object) {
        return Whose::Ours;
    }
    let mut owners = object.owner_references.iter().flatten();
    let is_namesake = owners.clone().any(|owner| {
        owner.kind == ZoomIntegration::kind(&())
            && Some(&owner.name) == integration.metadata.name.as_ref()
    });
    if is_namesake {
        Whose::Leaving
    } else if owners.all(|owner| owner.controller != Some(true)) && is_labelled(integration, object)
    {
        Whose::Ours
    } else {
        Whose::Foreign
    }
}

/// Whether the integration is the object's controller.
#[must_use]
pub fn is_controlled(integration: &ZoomIntegration, object: &ObjectMeta) -> bool {
    let mut owners = object.owner_references.iter().flatten();
    owners.any(|owner| Some(&owner.uid) == integration.metadata.uid.as_ref())
}

fn is_labelled(integration: &ZoomIntegration, object: &ObjectMeta) -> bool {
    let labels = object.labels.as_ref();
    let has = |key: &str, value: Option<&str>| {
        let found = labels.and_then(|labels| labels.get(key));
        value.is_some() && found.map(String::as_str) == value
    };
    has(label::MANAGED_BY, Some(label::MANAGER))
        && has(label::INTEGRATION, integration.metadata.name.as_deref())
}

/// Whether the object was made for this integration.
#[must_use]
pub fn owned<K: Resource>(integration: &ZoomIntegration, live: &K) -> bool {
    whose(integration, live.meta()) == Whose::Ours
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ceremony"
    )]

    use serde_json::{Value, json};

    use super::*;

    fn judge(labels: Value, owners: Value) -> Whose {
        let integration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
        }))
        .unwrap();
        let object = json!({"labels": labels, "ownerReferences": owners});
        whose(&integration, &serde_json::from_value(object).unwrap())
    }

    fn ours() -> Value {
        json!({
            "app.kubernetes.io/managed-by": "zoom-operator", "zoom-operator.io/integration": "acme",
        })
    }

    fn owner(kind: &str, name: &str, uid: &str, controller: bool) -> Value {
        json!([{"apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "controller": controller}])
    }

    #[test]
    fn what_the_integration_owns_is_its_own_whatever_the_labels() {
        let owners = owner("ZoomIntegration", "acme", "u1", true);
        assert_eq!(judge(json!({}), owners), Whose::Ours);
    }

    #[test]
    fn a_token_under_the_name_of_another_secret_stays_a_token() {
        let mut token = ours();
        token["zoom-operator.io/use"] = json!("token");
        let owners = owner("ZoomIntegration", "acme", "u1", true);
        assert_eq!(judge(token, owners), Whose::Foreign);
    }

    #[test]
    fn what_carries_our_labels_and_belongs_to_nobody_is_taken_up() {
        assert_eq!(judge(ours(), json!([])), Whose::Ours);
        let other = owner("Backup", "b", "u9", false);
        assert_eq!(judge(ours(), other), Whose::Ours, "no controller");
    }

    #[test]
    fn what_belongs_to_somebody_else_or_carries_other_labels_is_not() {
        let other = owner("Deployment", "x", "u9", true);
        assert_eq!(judge(ours(), other), Whose::Foreign);
        assert_eq!(judge(json!({}), json!([])), Whose::Foreign);
        let mut others = ours();
        others["zoom-operator.io/integration"] = json!("other");
        assert_eq!(judge(others, json!([])), Whose::Foreign);
        let mut helm = ours();
        helm["app.kubernetes.io/managed-by"] = json!("Helm");
        assert_eq!(judge(helm, json!([])), Whose::Foreign);
    }

    #[test]
    fn what_a_deleted_namesake_owns_is_leaving() {
        let namesake = owner("ZoomIntegration", "acme", "u0", true);
        assert_eq!(judge(ours(), namesake), Whose::Leaving);
    }
}
