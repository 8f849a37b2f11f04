//! Reads of the cluster: all that a stage gets that only observes.

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::{
    Api, Client, Resource,
    api::{ListParams, ObjectList, PartialObjectMeta},
};
use serde::de::DeserializeOwned;

use super::index::Index;

/// Reads of the API server, and what the watches know.
#[derive(Clone)]
pub struct Reader {
    client: Client,
    index: Arc<Index>,
}

/// Objects of one kind, in one namespace or of the cluster, that can be read and not written.
pub struct Reads<K> {
    api: Api<K>,
    namespace: String,
}

// === impl Reader ===

impl Reader {
    /// Reads by this client, beside what this index knows.
    #[must_use]
    pub fn new(client: Client, index: Arc<Index>) -> Self {
        Self { client, index }
    }

    /// What the watches know.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Objects in the namespace of `object`.
    pub fn beside<K>(&self, object: &impl Resource<DynamicType = ()>) -> Reads<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        self.within(object.meta().namespace.as_deref().unwrap_or_default())
    }

    /// Objects in a namespace.
    #[must_use]
    pub fn within<K>(&self, namespace: &str) -> Reads<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Reads {
            api: Api::namespaced(self.client.clone(), namespace),
            namespace: namespace.to_owned(),
        }
    }

    /// Objects without a namespace.
    #[must_use]
    pub fn of_cluster<K>(&self) -> Reads<K>
    where
        K: Resource<Scope = ClusterResourceScope, DynamicType = ()>,
    {
        Reads {
            api: Api::all(self.client.clone()),
            namespace: String::new(),
        }
    }
}

// === impl Reads ===

/// As the methods of [`Api`], with their errors.
impl<K: Clone + DeserializeOwned + Debug> Reads<K> {
    /// The namespace that is read; empty for the cluster.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// An object.
    pub async fn get(&self, name: &str) -> Result<K, kube::Error> {
        self.api.get(name).await
    }

    /// An object, or none.
    pub async fn get_opt(&self, name: &str) -> Result<Option<K>, kube::Error> {
        self.api.get_opt(name).await
    }

    /// An object's metadata.
    pub async fn get_metadata(&self, name: &str) -> Result<PartialObjectMeta<K>, kube::Error> {
        self.api.get_metadata(name).await
    }

    /// An object's metadata, or none.
    pub async fn get_metadata_opt(
        &self,
        name: &str,
    ) -> Result<Option<PartialObjectMeta<K>>, kube::Error> {
        self.api.get_metadata_opt(name).await
    }

    /// The objects that these parameters select.
    pub async fn list(&self, params: &ListParams) -> Result<ObjectList<K>, kube::Error> {
        self.api.list(params).await
    }

    /// Their metadata.
    pub async fn list_metadata(
        &self,
        params: &ListParams,
    ) -> Result<ObjectList<PartialObjectMeta<K>>, kube::Error> {
        self.api.list_metadata(params).await
    }
}
