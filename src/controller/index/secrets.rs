//! Whom a change of a Secret concerns.

use k8s_openapi::api::core::v1::Secret;
use kube::{ResourceExt as _, api::PartialObjectMeta};

use super::{cache::names, state::Index};
use crate::controller::key::Key;

impl Index {
    /// The objects that read or write a Secret.
    #[must_use]
    pub fn readers(&self, namespace: &str, secret: &str) -> Vec<Key> {
        self.lock().objects.readers_of(namespace, secret)
    }

    /// A pass over `by` wrote this Secret: the event of the watch about it is no news for it.
    pub fn wrote_secret(&self, by: Key, secret: &Secret) {
        let (namespace, name) = names(secret);
        if let Some(version) = secret.resource_version() {
            let mut state = self.lock();
            state.echoes.expect(namespace, name, version, by);
        }
    }

    /// The objects that need a pass because a Secret was written: those that read or write it, except the one
    /// whose pass wrote it.
    #[must_use]
    pub fn secret_written(&self, secret: &PartialObjectMeta<Secret>) -> Vec<Key> {
        let (namespace, name) = names(secret);
        let version = secret.metadata.resource_version.as_deref();
        let mut state = self.lock();
        let by = state.echoes.heard(namespace, name, version);
        let mut keys = state.objects.readers_of(namespace, name);
        keys.retain(|key| by.as_ref() != Some(key));
        keys
    }

    /// The objects that need a pass because a Secret was deleted.
    #[must_use]
    pub fn secret_deleted(&self, secret: &PartialObjectMeta<Secret>) -> Vec<Key> {
        let (namespace, name) = names(secret);
        let mut state = self.lock();
        state.echoes.forget(namespace, name);
        state.objects.readers_of(namespace, name)
    }
}
