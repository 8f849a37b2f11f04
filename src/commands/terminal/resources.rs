//! Reads resources, with no more permissions than for reading them, and explains why one was not found.

use std::fmt::Debug;

use anyhow::anyhow;
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Event};
use kube::{Api, Resource, ResourceExt, api::ListParams, core::DeserializeGuard};
use serde::de::DeserializeOwned;

use super::{cluster::Session, nearest::nearest, note};
use crate::api::v1alpha1::{ZoomConnection, ZoomIntegration};

/// If a namespace has only this many objects, all of them are named.
const FEW: usize = 5;

/// A resource of the product.
pub trait Ours:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned
{
}

impl Ours for ZoomIntegration {}
impl Ours for ZoomConnection {}

// === impl Session ===

impl Session {
    /// The API for objects of a kind in the namespace.
    #[must_use]
    pub fn api<K: Ours>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The object with this name.
    ///
    /// # Errors
    /// When it does not exist, with names that may have been meant, or when access is forbidden.
    pub async fn get<K: Ours>(&self, name: &str) -> anyhow::Result<K> {
        match self.api::<K>().get(name).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {
                Err(anyhow!(self.missing::<K>(name).await))
            }
            found => found.map_err(|error| explained::<K>(error)),
        }
    }

    /// The objects of a kind in the namespace, or in all, by namespace and name. Those that this version cannot read
    /// are left out, and named on standard error.
    ///
    /// # Errors
    /// When access is forbidden.
    pub async fn list<K: Ours>(&self, everywhere: bool) -> anyhow::Result<Vec<K>> {
        let (items, unreadable) = self.all::<K>(everywhere).await?;
        for sentence in unreadable {
            note(&sentence);
        }
        Ok(items)
    }

    /// All objects of a kind in the namespace, by name.
    ///
    /// # Errors
    /// When access is forbidden, or this version cannot read one of them.
    pub async fn list_whole<K: Ours>(&self) -> anyhow::Result<Vec<K>> {
        let (items, unreadable) = self.all::<K>(false).await?;
        match unreadable.into_iter().next() {
            Some(sentence) => Err(anyhow!(sentence)),
            None => Ok(items),
        }
    }

    /// The objects that can be read, and a sentence about each other one.
    async fn all<K: Ours>(&self, everywhere: bool) -> anyhow::Result<(Vec<K>, Vec<String>)> {
        let api: Api<DeserializeGuard<K>> = if everywhere {
            Api::all(self.client.clone())
        } else {
            Api::namespaced(self.client.clone(), &self.namespace)
        };
        let found = api.list(&ListParams::default()).await;
        let mut found = found.map_err(|error| explained::<K>(error))?.items;
        found.sort_by_key(|item| (item.namespace(), item.name_any()));
        let (mut items, mut unreadable) = (Vec::new(), Vec::new());
        for object in found {
            match object.0 {
                Ok(item) => items.push(item),
                Err(invalid) => unreadable.push(format!(
                    "{} {}/{} cannot be read by this version of kubectl zoom ({}): use the one of the operator's version",
                    K::kind(&()),
                    invalid.metadata.namespace.unwrap_or_default(),
                    invalid.metadata.name.unwrap_or_default(),
                    invalid.error,
                )),
            }
        }
        Ok((items, unreadable))
    }

    /// The connections of an integration of the namespace: in all namespaces, or in this one for somebody who
    /// may not list others.
    ///
    /// # Errors
    /// When access is forbidden.
    pub async fn connections(&self, integration: &str) -> anyhow::Result<Vec<ZoomConnection>> {
        let mut connections = match self.list::<ZoomConnection>(true).await {
            Ok(connections) => connections,
            Err(_) => self.list::<ZoomConnection>(false).await?,
        };
        connections.retain(|connection| {
            let own = connection.namespace().unwrap_or_default();
            let reference = &connection.spec.integration_ref;
            reference.name == integration && reference.namespace(&own) == self.namespace
        });
        Ok(connections)
    }

    /// The warnings about an object that the cluster still has, the oldest first; empty if access is
    /// forbidden.
    pub async fn warnings<K: Ours>(&self, object: &K) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let about = format!(
            "type=Warning,involvedObject.kind={},involvedObject.name={}",
            K::kind(&()),
            object.name_any()
        );
        let found = events.list(&ListParams::default().fields(&about)).await;
        let mut found = found.map(|list| list.items).unwrap_or_default();
        found.retain(|event| event.involved_object.uid == object.uid());
        found.sort_by_key(|event| event.metadata.creation_timestamp.clone().map(|time| time.0));
        found
    }

    async fn missing<K: Ours>(&self, name: &str) -> String {
        let names = self.api::<K>().list_metadata(&ListParams::default()).await;
        let names: Vec<String> = names
            .map(|list| list.iter().map(ResourceExt::name_any).collect())
            .unwrap_or_default();
        // Not everybody may list all namespaces.
        let same = ListParams::default().fields(&format!("metadata.name={name}"));
        let everywhere: Api<K> = Api::all(self.client.clone());
        let elsewhere: Vec<String> = everywhere
            .list_metadata(&same)
            .await
            .map(|list| list.iter().filter_map(ResourceExt::namespace).collect())
            .unwrap_or_default();
        sentence(&K::kind(&()), name, &self.namespace, &names, &elsewhere)
    }
}

fn sentence(
    kind: &str,
    name: &str,
    namespace: &str,
    names: &[String],
    elsewhere: &[String],
) -> String {
    let near = nearest(name, names);
    let hint = if !elsewhere.is_empty() {
        format!("; one is in: {} (-n)", elsewhere.join(", "))
    } else if !near.is_empty() {
        format!("; nearest: {}", near.join(", "))
    } else if (1..=FEW).contains(&names.len()) {
        format!("; there are: {}", names.join(", "))
    } else {
        String::new()
    };
    format!("there is no {kind} {name} in namespace {namespace}{hint}")
}

/// The API server's answer, or that it does not know the kind.
fn explained<K: Ours>(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if status.code == 404 => anyhow!(
            "the cluster does not know the kind {}: zoom-operator is not installed there",
            K::kind(&())
        ),
        kube::Error::Api(status) => anyhow!("the API server refuses: {}", status.message),
        error => anyhow::Error::new(error).context("failed to ask the API server"),
    }
}

#[cfg(test)]
mod tests {
    use kube::Client;
    use serde_json::json;

    use super::*;
    use crate::controller::rehearsal::Rehearsal;

    /// An older plugin, or an object of a newer version after a rollback.
    #[tokio::test]
    async fn one_object_that_cannot_be_read_hides_no_other() {
        let object = |name: &str, kind: &str| {
            json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
                "metadata": {"name": name, "namespace": "clinics"},
                "spec": {
                    "app": {"kind": kind}, "credentials": {"secretRef": {"name": "zoom"}},
                    "scopes": {"required": []},
                },
            })
        };
        let list = json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegrationList", "metadata": {},
            "items": [object("b", "ServerToServer"), object("a", "OfTomorrow")],
        });
        let path = "/apis/zoom-operator.io/v1alpha1/namespaces/clinics/zoomintegrations";
        let rehearsal = Rehearsal::new(|_, _, _| None, [(path, list)]).await;
        let client: Client = rehearsal.client.clone();
        let session = Session {
            client,
            namespace: "clinics".into(),
        };
        let (items, unreadable) = session.all::<ZoomIntegration>(false).await.unwrap();
        assert_eq!(items.len(), 1);
        assert_eq!(items[0].name_any(), "b");
        assert!(
            unreadable[0].starts_with("ZoomIntegration clinics/a cannot be read"),
            "{unreadable:?}"
        );
        assert_eq!(
            session.list::<ZoomIntegration>(false).await.unwrap().len(),
            1
        );
        // Where all are needed, it is an error.
        let refused = session.list_whole::<ZoomIntegration>().await.unwrap_err();
        assert!(refused.to_string().contains("clinics/a"), "{refused}");
    }

    #[test]
    fn what_may_have_been_meant_is_named() {
        let message = |names: &[&str], elsewhere: &[&str]| {
            let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (names, elsewhere) = (list(names), list(elsewhere));
            sentence("ZoomIntegration", "acme", "clinics", &names, &elsewhere)
        };
        let none = "there is no ZoomIntegration acme in namespace clinics";
        assert_eq!(message(&[], &[]), none);
        assert_eq!(
            message(&["acne", "b"], &[]),
            format!("{none}; nearest: acne")
        );
        assert_eq!(
            message(&["x", "y"], &[]),
            format!("{none}; there are: x, y")
        );
        assert_eq!(
            message(&["acne"], &["tenants"]),
            format!("{none}; one is in: tenants (-n)")
        );
    }
}
