//! Writes to the cluster, which only a leader makes.

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    runtime::events::{Event, Recorder, Reporter},
};

use super::{
    error::{Error, chain},
    index::{Index, Watched},
    key::Key,
    leadership::Leadership,
    queue::Requeue,
};

/// The way to write an object: it refuses once this replica no longer leads, and takes in what was written.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    leadership: Leadership,
    recorder: Recorder,
    index: Arc<Index>,
    requeue: Requeue,
}

// === impl Writer ===

impl Writer {
    /// Writes by this client, in the name of `identity`.
    #[must_use]
    pub fn new(
        client: Client,
        leadership: Leadership,
        identity: String,
        index: Arc<Index>,
        requeue: Requeue,
    ) -> Self {
        let reporter = Reporter {
            controller: "zoom-operator".into(),
            instance: Some(identity),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            leadership,
            index,
            requeue,
        }
    }

    /// Refuses to go on once this replica no longer leads. Before a request to Zoom too: a leader that was frozen
    /// until now starts nothing.
    ///
    /// # Errors
    /// When this replica does not lead.
    pub fn lead(&self) -> Result<(), Error> {
        self.leadership.check()
    }

    /// The API for a write in the namespace of `object`.
    ///
    /// # Errors
    /// When this replica does not lead.
    pub fn beside<K>(&self, object: &impl Resource<DynamicType = ()>) -> Result<Api<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        self.within(object.meta().namespace.as_deref().unwrap_or_default())
    }

    /// The API for a write in a namespace.
    ///
    /// # Errors
    /// When this replica does not lead.
    pub fn within<K>(&self, namespace: &str) -> Result<Api<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        self.lead()?;
        Ok(Api::namespaced(self.client.clone(), namespace))
    }

    /// Takes in what a pass over `by` wrote, as the API server answered, so that nothing starts from an older
    /// copy. Other objects that it concerns get a pass.
    pub fn wrote<K: Watched>(&self, by: &Key, object: K) {
        for key in self.index.apply(object) {
            if key != *by {
                self.requeue.now(key);
            }
        }
    }

    /// Publishes one Event about `object`. One that cannot be published is no reason to stop.
    pub async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, event: Event) {
        let about = object.object_ref(&());
        if let Err(error) = self.recorder.publish(&event, &about).await {
            tracing::warn!(error = chain(&error), "failed to publish an event");
        }
    }
}
