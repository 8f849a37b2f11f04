//! Writes to the cluster. Only a leader may write.

use std::sync::Arc;

use k8s_openapi::{NamespaceResourceScope, api::core::v1::Secret};
use kube::{Api, Client, Resource, runtime::events::Event};

use super::{
    error::{Error, chain},
    events::Events,
    index::{Index, Watched},
    key::Key,
    leadership::Leadership,
    queue::Requeue,
};

/// Writes objects: it refuses once this replica no longer leads, and puts what was written into the index.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    leadership: Leadership,
    events: Events,
    index: Arc<Index>,
    requeue: Requeue,
}

/// Writes of a Secret that are under way. They end when this is dropped, and have failed unless they were [`done`].
///
/// [`done`]: SecretWrite::done
#[must_use]
pub struct SecretWrite<'a> {
    writer: &'a Writer,
    by: Key,
    secret: String,
    /// Whether it hands over a consent.
    is_consent: bool,
    versions: Vec<String>,
}

// === impl SecretWrite ===

impl SecretWrite<'_> {
    /// The API server has written this.
    pub fn done(mut self, written: &Secret) {
        self.versions
            .extend(written.metadata.resource_version.clone());
    }

    /// The API server has written these versions, in this order.
    pub fn done_all(mut self, versions: Vec<String>) {
        self.versions = versions;
    }
}

impl Drop for SecretWrite<'_> {
    fn drop(&mut self) {
        let (index, versions) = (&self.writer.index, std::mem::take(&mut self.versions));
        let has_news = if self.is_consent {
            index.end_consent(&self.by, &self.secret, versions)
        } else {
            index.end_write(&self.by, &self.secret, versions)
        };
        if has_news {
            self.writer.requeue.now(self.by.clone());
        }
    }
}

// === impl Writer ===

impl Writer {
    /// Writes with this client, on behalf of `identity`.
    #[must_use]
    pub fn new(
        client: Client,
        leadership: Leadership,
        identity: String,
        index: Arc<Index>,
        requeue: Requeue,
    ) -> Self {
        Self {
            events: Events::new(client.clone(), identity),
            client,
            leadership,
            index,
            requeue,
        }
    }

    /// Fails once this replica no longer leads. Also called before a request to Zoom: a leader that was
    /// frozen until now must not start one.
    ///
    /// # Errors
    /// When this replica does not lead.
    pub fn lead(&self) -> Result<(), Error> {
        self.leadership.check()
    }

    /// The API to write objects in the namespace of `object`.
    ///
    /// # Errors
    /// When this replica does not lead.
    pub fn beside<K>(&self, object: &impl Resource<DynamicType = ()>) -> Result<Api<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        self.within(object.meta().namespace.as_deref().unwrap_or_default())
    }

    /// The API to write objects in a namespace.
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

    /// Puts what a pass over `by` wrote into the index, as the API server answered, so that no pass starts
    /// from an older copy. Other objects that it affects get a pass.
    pub fn wrote<K: Watched>(&self, by: &Key, object: K) {
        for key in self.index.wrote(object) {
            if key != *by {
                self.requeue.now(key);
            }
        }
    }

    /// The same for a status with the name of this release.
    pub fn signed<K: Watched>(&self, by: &Key, object: K) {
        // First: a rival's answer may be there at once.
        self.index.signed(by);
        self.wrote(by, object);
    }

    /// Requests a pass for an object that is to look again.
    pub fn again(&self, key: Key) {
        self.requeue.now(key);
    }

    /// Begins a write of this Secret by a pass over `by`, which needs no other pass because of it.
    pub fn begin_secret(&self, by: Key, secret: &str) -> SecretWrite<'_> {
        self.index.begin_write(&by, secret);
        self.write(by, secret, false)
    }

    /// The same for the Secret of a consent.
    pub fn begin_consent(&self, by: Key, secret: &str) -> SecretWrite<'_> {
        self.index.begin_consent(&by, secret);
        self.write(by, secret, true)
    }

    fn write(&self, by: Key, secret: &str, is_consent: bool) -> SecretWrite<'_> {
        SecretWrite {
            writer: self,
            by,
            secret: secret.to_owned(),
            is_consent,
            versions: Vec::new(),
        }
    }

    /// The name of this release.
    #[must_use]
    pub fn release(&self) -> Arc<str> {
        self.index.release()
    }

    /// Publishes an Event about `object`. A failure is only logged.
    pub async fn publish<K: Resource<DynamicType = ()>>(&self, object: &K, event: Event) {
        if let Err(error) = self.events.publish(object, &event).await {
            tracing::warn!(error = chain(&error), "failed to publish an event");
        }
    }
}
