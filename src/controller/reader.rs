//! Reads of the cluster: the only access of stages that observe.

use std::{fmt::Debug, sync::Arc, time::Duration};

use hyper::{Request, header::DATE};
use jiff::Timestamp;
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope, api::core::v1::Secret};
use kube::{
    Api, Client, Resource,
    api::{ListParams, ObjectList, PartialObjectMeta},
    client::Body,
};
use serde::de::DeserializeOwned;

use super::index::{Guarded, Index};
use crate::api::v1alpha1::ZoomIntegration;

/// No question for the API server's time takes longer.
const CLOCK_LIMIT: Duration = Duration::from_secs(10);

/// Reads from the API server and the index of the watches.
#[derive(Clone)]
pub struct Reader {
    client: Client,
    index: Arc<Index>,
}

/// Read-only access to objects of one kind, in one namespace or cluster-wide.
pub struct Reads<K> {
    api: Api<K>,
    namespace: String,
}

// === impl Reader ===

impl Reader {
    /// Reads with this client and this index.
    #[must_use]
    pub fn new(client: Client, index: Arc<Index>) -> Self {
        Self { client, index }
    }

    /// The index of the watches.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Objects in the same namespace as `object`.
    pub fn beside<K>(&self, object: &impl Resource<DynamicType = ()>) -> Reads<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        self.within(object.meta().namespace.as_deref().unwrap_or_default())
    }

    /// Reads a Secret beside `object`, unless the watch says that there is none. The watch may lag behind:
    /// what follows must bear a Secret that exists.
    ///
    /// # Errors
    /// When the request fails.
    pub async fn secret_if_known(
        &self,
        object: &impl Resource<DynamicType = ()>,
        name: &str,
    ) -> Result<Option<Secret>, kube::Error> {
        let secrets: Reads<Secret> = self.beside(object);
        if self.index.lacks_secret(secrets.namespace(), name) {
            return Ok(None);
        }
        secrets.get_opt(name).await
    }

    /// An integration as the watch knows it, which is never older than our own last write. Where the watch does not know
    /// it, or not yet, it is read.
    ///
    /// # Errors
    /// When the request fails.
    pub async fn integration(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<ZoomIntegration>, kube::Error> {
        type Watched = Guarded<ZoomIntegration>;
        if self.index.is_complete::<Watched>(namespace)
            && let Some(known) = self.index.get::<Watched>(namespace, name)
            && let Ok(known) = Arc::unwrap_or_clone(known).0
        {
            return Ok(Some(known));
        }
        self.within(namespace).get_opt(name).await
    }

    /// Objects in this namespace.
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

    /// The time of the API server's clock, in whole seconds; `None` if it does not say soon.
    pub async fn server_time(&self) -> Option<Timestamp> {
        let request = Request::get("/version").body(Body::empty()).ok()?;
        // Also a refusal has the time.
        let answer = tokio::time::timeout(CLOCK_LIMIT, self.client.send(request)).await;
        let answer = answer.ok()?.ok()?;
        let date = answer.headers().get(DATE)?.to_str().ok()?;
        Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
    }

    /// Cluster-scoped objects.
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

/// The methods of [`Api`], with the same errors.
impl<K: Clone + DeserializeOwned + Debug> Reads<K> {
    /// The namespace; empty for the whole cluster.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Reads an object.
    pub async fn get(&self, name: &str) -> Result<K, kube::Error> {
        self.api.get(name).await
    }

    /// Reads an object, if it exists.
    pub async fn get_opt(&self, name: &str) -> Result<Option<K>, kube::Error> {
        self.api.get_opt(name).await
    }

    /// Reads an object's metadata.
    pub async fn get_metadata(&self, name: &str) -> Result<PartialObjectMeta<K>, kube::Error> {
        self.api.get_metadata(name).await
    }

    /// Reads an object's metadata, if it exists.
    pub async fn get_metadata_opt(
        &self,
        name: &str,
    ) -> Result<Option<PartialObjectMeta<K>>, kube::Error> {
        self.api.get_metadata_opt(name).await
    }

    /// Lists the objects that match these parameters.
    pub async fn list(&self, params: &ListParams) -> Result<ObjectList<K>, kube::Error> {
        self.api.list(params).await
    }

    /// Lists the metadata of the objects that match these parameters.
    pub async fn list_metadata(
        &self,
        params: &ListParams,
    ) -> Result<ObjectList<PartialObjectMeta<K>>, kube::Error> {
        self.api.list_metadata(params).await
    }
}
