//! Whom a change of a Secret concerns, which Secrets exist, and which hand over consents.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{ResourceExt as _, api::PartialObjectMeta};

use super::{cache::names, handed::Consent, state::Index};
use crate::{
    api::{annotation, label},
    controller::key::Key,
};

/// All consents are in one namespace.
const PAGES: &str = "";

impl Index {
    /// The objects that read or write a Secret.
    #[cfg(test)]
    pub fn readers(&self, namespace: &str, secret: &str) -> Vec<Key> {
        self.lock().objects.readers_of(namespace, secret)
    }

    /// A watch of Secrets starts to list.
    pub fn list_secrets(&self, scope: Option<&str>) {
        self.lock().existing.list(scope);
    }

    /// A list names this Secret. Returns the objects that read or write it.
    #[must_use]
    pub fn secret_listed(&self, secret: &PartialObjectMeta<Secret>) -> Vec<Key> {
        let (namespace, name) = names(secret);
        let mut state = self.lock();
        state.existing.listed(namespace, name);
        state.objects.readers_of(namespace, name)
    }

    /// A watch of Secrets has listed all.
    pub fn secrets_listed(&self, scope: Option<&str>) {
        self.lock().existing.complete(scope);
    }

    /// Whether there is no Secret of this name, as far as the watch knows. It may lag behind: what follows from
    /// it must bear a Secret that exists.
    #[must_use]
    pub fn lacks_secret(&self, namespace: &str, name: &str) -> bool {
        self.lock().existing.lacks(namespace, name)
    }

    /// A pass over `by` is about to write this Secret of its namespace: the events of the watch about it are no
    /// news for it, even if they come before the answer.
    pub fn begin_write(&self, by: &Key, secret: &str) {
        let mut state = self.lock();
        state.echoes.begin(&by.namespace, secret, by.clone());
    }

    /// The writes of a pass over `by` led to these versions; none if they failed. Returns whether `by` needs a pass
    /// because of other writes.
    #[must_use]
    pub fn end_write(&self, by: &Key, secret: &str, versions: Vec<String>) -> bool {
        let mut state = self.lock();
        // A write may fail because there is a Secret that the watch does not report.
        state.existing.insert(&by.namespace, secret);
        state.echoes.end(&by.namespace, secret, by, versions)
    }

    /// A pass over `by` is about to write this consent, as [`Index::begin_write`] for the watch of consents.
    pub fn begin_consent(&self, by: &Key, consent: &str) {
        let mut state = self.lock();
        state.consent_echoes.begin(PAGES, consent, by.clone());
    }

    /// As [`Index::end_write`] for a consent.
    #[must_use]
    pub fn end_consent(&self, by: &Key, consent: &str, versions: Vec<String>) -> bool {
        let mut state = self.lock();
        state.consent_echoes.end(PAGES, consent, by, versions)
    }

    /// The objects that need a pass because a Secret was written: those that read or write it, except the one
    /// whose pass writes it.
    #[must_use]
    pub fn secret_written(&self, secret: &PartialObjectMeta<Secret>) -> Vec<Key> {
        let (namespace, name) = names(secret);
        let version = secret.metadata.resource_version.as_deref();
        let mut state = self.lock();
        state.existing.insert(namespace, name);
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
        state.existing.remove(namespace, name);
        state.echoes.forget(namespace, name);
        state.objects.readers_of(namespace, name)
    }

    /// The watch of consents starts to list.
    pub fn list_consents(&self) {
        self.lock().handed.list();
    }

    /// The watch of consents has listed all.
    pub fn consents_listed(&self) {
        self.lock().handed.complete();
    }

    /// There are no pages, and nobody hands over consents.
    pub fn expect_no_consents(&self) {
        let mut state = self.lock();
        state.handed.list();
        state.handed.complete();
    }

    /// A consent about a connection of an integration is listed, new, or changed. Returns the objects that need a
    /// pass: none because of our own write. Its integration has nothing to do once the connection exists.
    #[must_use]
    pub fn consent_written(
        &self,
        secret: &PartialObjectMeta<Secret>,
        connection: Option<&Key>,
        integration: Option<&Key>,
    ) -> Vec<Key> {
        let (_, name) = names(secret);
        let version = secret.metadata.resource_version.as_deref();
        let mut state = self.lock();
        let created = secret.metadata.creation_timestamp.as_ref();
        let consent = Consent {
            created: created.map(|time| time.0),
            is_redeemed: secret.labels().contains_key(label::REDEEMED),
            rests_until: rests_until(secret),
            connection: connection.cloned(),
        };
        state.handed.insert(name, &consent, integration);
        if state.consent_echoes.heard(PAGES, name, version).is_some() {
            return Vec::new();
        }
        let integration = integration
            .filter(|_| !connection.is_some_and(|connection| state.objects.has(connection)));
        [connection, integration]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// A consent was removed.
    pub fn consent_deleted(
        &self,
        secret: &PartialObjectMeta<Secret>,
        connection: Option<&Key>,
        integration: Option<&Key>,
    ) {
        let (_, name) = names(secret);
        let mut state = self.lock();
        state.consent_echoes.forget(PAGES, name);
        state.handed.remove(name, connection, integration);
    }

    /// The Secrets of the consents that wait for a connection, or for an integration because their connections do
    /// not exist yet, the oldest first; `None` unless all are known. One that the watch reports later leads to a pass.
    #[must_use]
    pub fn consents(&self, key: &Key) -> Option<Vec<String>> {
        let state = self.lock();
        state
            .handed
            .of(key, |connection| state.objects.has(connection))
    }

    /// Those of them whose grant waits at `now`, and until when, as far as the watch knows.
    #[must_use]
    pub fn resting(&self, key: &Key, now: Timestamp) -> BTreeMap<String, Timestamp> {
        let state = self.lock();
        let is_there = |connection: &Key| state.objects.has(connection);
        state.handed.resting(key, is_there, now)
    }

    /// Whether there may be a consent like this; one is also told whether its connection is there. The watch may lag
    /// behind, and says so until it knows all.
    #[must_use]
    pub fn may_have_consent(&self, like: impl Fn(&Consent, bool) -> bool) -> bool {
        let state = self.lock();
        let is_there = |connection: &Key| state.objects.has(connection);
        state
            .handed
            .may_have(|consent| like(consent, consent.connection.as_ref().is_some_and(is_there)))
    }
}

fn rests_until(consent: &PartialObjectMeta<Secret>) -> Option<Timestamp> {
    let until = consent.annotations().get(annotation::RETRY_AT)?;
    until.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_pages_it_is_known_that_there_are_no_consents() {
        let index = Index::default();
        let ada = Key::connection("n", "ada");
        assert_eq!(index.consents(&ada), None, "nobody watches");
        index.expect_no_consents();
        assert_eq!(index.consents(&ada), Some(Vec::new()));
    }
}
