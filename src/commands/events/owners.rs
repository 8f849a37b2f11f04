//! Which Pods are an integration's own: only those are given the token of the control port. Labels say nothing,
//! since whoever may create Pods can write them.

use std::fmt::Debug;

use anyhow::Context as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{Deployment, ReplicaSet, StatefulSet},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

/// From a Pod by its `ReplicaSet` to its Deployment.
const LONGEST_CHAIN: usize = 2;

/// Keeps the Pods that workloads of the integration with this UID made.
///
/// # Errors
/// When the workloads cannot be read.
pub async fn own(
    client: &Client,
    namespace: &str,
    integration: &str,
    mut pods: Vec<Pod>,
) -> anyhow::Result<Vec<Pod>> {
    let mut workloads: Vec<ObjectMeta> = Vec::new();
    let mut begun: Vec<ObjectMeta> = pods.iter().map(|pod| pod.metadata.clone()).collect();
    for _ in 0..LONGEST_CHAIN {
        let mut found = Vec::new();
        for owner in begun.iter().filter_map(controller) {
            let is_known = |known: &ObjectMeta| known.uid.as_ref() == Some(&owner.uid);
            if workloads.iter().chain(&found).any(is_known) {
                continue;
            }
            let read = match owner.kind.as_str() {
                "ReplicaSet" => read::<ReplicaSet>(client, namespace, owner).await,
                "Deployment" => read::<Deployment>(client, namespace, owner).await,
                "StatefulSet" => read::<StatefulSet>(client, namespace, owner).await,
                _ => Ok(None),
            };
            let context = || format!("{} {} cannot be read", owner.kind, owner.name);
            found.extend(read.with_context(context)?);
        }
        workloads.extend(found.iter().cloned());
        begun = found;
    }
    pods.retain(|pod| leads_to(integration, &pod.metadata, &workloads));
    Ok(pods)
}

async fn read<K>(
    client: &Client,
    namespace: &str,
    owner: &OwnerReference,
) -> kube::Result<Option<ObjectMeta>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let objects: Api<K> = Api::namespaced(client.clone(), namespace);
    let found = objects.get_metadata_opt(&owner.name).await?;
    Ok(found.map(|found| found.metadata))
}

/// Whether the controllers of an object, as they are now, lead to the integration with this UID.
fn leads_to(integration: &str, object: &ObjectMeta, workloads: &[ObjectMeta]) -> bool {
    let mut object = object;
    for _ in 0..LONGEST_CHAIN {
        let Some(owner) = controller(object) else {
            return false;
        };
        let mut workloads = workloads.iter();
        let Some(workload) = workloads.find(|found| found.uid.as_ref() == Some(&owner.uid)) else {
            return false;
        };
        let mut owners = workload.owner_references.iter().flatten();
        if owners.any(|owner| owner.uid == integration) {
            return true;
        }
        object = workload;
    }
    false
}

fn controller(object: &ObjectMeta) -> Option<&OwnerReference> {
    let mut owners = object.owner_references.iter().flatten();
    owners.find(|owner| owner.controller == Some(true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn meta(uid: &str, owner: Option<&str>) -> ObjectMeta {
        let owners = owner.map(|uid| {
            json!([{"apiVersion": "v1", "kind": "X", "name": "x", "uid": uid, "controller": true}])
        });
        serde_json::from_value(json!({"uid": uid, "ownerReferences": owners})).unwrap()
    }

    #[test]
    fn only_pods_of_its_own_workloads_are_an_integrations() {
        let workloads = [
            meta("replica-set", Some("deployment")),
            meta("deployment", Some("acme")),
            meta("stateful-set", Some("acme")),
            meta("of-another", Some("other")),
            meta("of-nobody", None),
            meta("circle", Some("circle")),
        ];
        for (owner, expected) in [
            (Some("replica-set"), true),
            (Some("stateful-set"), true),
            // A chain ends at the integration, and a Pod that names it directly was made by nobody of ours.
            (Some("acme"), false),
            (Some("of-another"), false),
            (Some("of-nobody"), false),
            (Some("gone"), false),
            (Some("circle"), false),
            (None, false),
        ] {
            let pod = meta("pod", owner);
            assert_eq!(leads_to("acme", &pod, &workloads), expected, "{owner:?}");
        }
    }
}
