//! Stores a grant in its Secret, by conditional writes only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};
use serde::{Deserialize, Serialize};

use super::{
    handoff,
    secret::{self, StoredGrant},
};
use crate::{
    api::{
        finalizer::REVOKE,
        v1alpha1::{ConnectionDeletionPolicy, ZoomConnection, ZoomIntegration},
    },
    controller::{budget::Requester, key::Key, published::parameters},
};
use contract::consent::Handoff;
use grant::{Credential, Grant, Store, StoreError};

/// Where a grant is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// Namespace of the connection.
    pub connection_namespace: String,
    /// Name of the connection.
    pub connection: String,
    /// UID of the connection.
    pub connection_uid: String,
    /// UID of the connection's namespace.
    pub namespace_uid: String,
    /// What the Secret contains besides the grant, if it is the one that handed over a code. Without the
    /// code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<Handoff>,
    /// Whether the connection is being deleted. A journal does not need it.
    #[serde(skip)]
    pub is_leaving: bool,
}

/// Stores one grant in one Secret: a connection's own, or the one that handed over a code and holds its grant
/// until it is known who the grant belongs to.
#[derive(Clone)]
pub struct SecretStore {
    client: Client,
    place: Place,
    secrets: Api<Secret>,
    connections: Api<ZoomConnection>,
    trail: Arc<Mutex<Trail>>,
}

/// What a store did to its Secret.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    /// The versions that were written, in this order.
    pub written: Vec<String>,
    /// The Secret as it was last read or written; `None` if that is not known.
    pub last: Option<Secret>,
    /// Why the API server refused the last write, if it did.
    pub refusal: Option<String>,
}

// === impl Place ===

impl Place {
    /// The Secret of a connection's own grant.
    #[must_use]
    pub fn of(connection: &ZoomConnection, namespace_uid: &str) -> Self {
        let namespace = connection.namespace().unwrap_or_default();
        Self {
            secret: secret::name(&connection.name_any()),
            connection_namespace: namespace.clone(),
            namespace,
            connection: connection.name_any(),
            connection_uid: connection.uid().unwrap_or_default(),
            namespace_uid: namespace_uid.to_owned(),
            handoff: None,
            is_leaving: connection.metadata.deletion_timestamp.is_some(),
        }
    }

    /// The Secret `name` in the operator's `namespace`, which handed over a code.
    #[must_use]
    pub fn of_consent(namespace: &str, name: &str, handoff: &Handoff, namespace_uid: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            secret: name.to_owned(),
            connection_namespace: handoff.namespace.clone(),
            connection: handoff.connection.clone(),
            connection_uid: handoff.connection_uid.clone().unwrap_or_default(),
            namespace_uid: namespace_uid.to_owned(),
            handoff: Some(handoff::blank(handoff)),
            is_leaving: false,
        }
    }

    /// Who waits for a request to Zoom on its behalf.
    #[must_use]
    pub fn requester(&self) -> Requester {
        let connection = Key::connection(&self.connection_namespace, &self.connection);
        if self.is_leaving {
            Requester::of_deletion(&connection)
        } else {
            Requester::new(&connection, self.handoff.is_some())
        }
    }

    /// Whether it is the Secret of the connection's own grant.
    fn is_own(&self) -> bool {
        self.namespace == self.connection_namespace && self.secret == secret::name(&self.connection)
    }

    /// Reads a place from a journal.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

// === impl SecretStore ===

impl SecretStore {
    /// The store at `place`.
    #[must_use]
    pub fn new(client: &Client, place: Place) -> Self {
        Self {
            secrets: Api::namespaced(client.clone(), &place.namespace),
            connections: Api::namespaced(client.clone(), &place.connection_namespace),
            client: client.clone(),
            place,
            trail: Arc::default(),
        }
    }

    /// What was done to the Secret so far.
    #[must_use]
    pub fn trail(&self) -> Trail {
        self.followed().clone()
    }

    /// The same, as it goes on.
    #[must_use]
    pub fn shared_trail(&self) -> Arc<Mutex<Trail>> {
        self.trail.clone()
    }

    fn followed(&self) -> MutexGuard<'_, Trail> {
        self.trail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrote(&self, secret: &Secret) {
        let mut trail = self.followed();
        trail.written.extend(secret.resource_version());
        trail.last = Some(secret.clone());
        trail.refusal = None;
    }

    /// Why a write failed.
    fn not_written(&self, error: kube::Error) -> StoreError {
        let error = unwritten(error);
        if let StoreError::Refused(why) = &error {
            self.followed().refusal = Some(why.clone());
        }
        error
    }

    /// Fingerprint of the refresh token that the connection imports.
    async fn importable(&self, connection: &ZoomConnection) -> Result<Option<String>, StoreError> {
        let Some(reference) = &connection.spec.import_secret_ref else {
            return Ok(None);
        };
        let namespace = &self.place.connection_namespace;
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = secrets.get_opt(&reference.name).await;
        let secret = secret.map_err(unavailable)?;
        let token = secret.as_ref().map(secret::importable);
        let token = token.and_then(Result::ok);
        Ok(token.map(|token| Credential::RefreshToken(token).fingerprint()))
    }

    /// The Secret of the connection's own grant.
    async fn own(&self, grant: &Grant) -> Result<Secret, StoreError> {
        let Some(connection) = self.connection().await? else {
            return Err(StoreError::Gone);
        };
        let kept = StoredGrant {
            // A refresh token that is configured for import was already imported, or is older: it is not
            // imported again.
            imported: self.importable(&connection).await?,
            ..self.unidentified(grant)
        };
        Ok(secret::build(&connection, &kept))
    }

    /// The Secret of a consent that somebody removed before the reply came.
    fn consent(&self, handoff: &Handoff, grant: &Grant) -> Result<Secret, StoreError> {
        let Place {
            secret, namespace, ..
        } = &self.place;
        let kept = self.unidentified(grant);
        handoff::rebuild(secret, namespace, handoff, &kept)
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    fn unidentified(&self, grant: &Grant) -> StoredGrant {
        StoredGrant {
            grant: grant.clone(),
            identity: None,
            identified: false,
            namespace_uid: self.place.namespace_uid.clone(),
            imported: None,
        }
    }

    /// With self-service, the connection is created only once its grant exists: until then the integration
    /// decides. A tool may have created it again since.
    async fn is_integration_there(&self, handoff: &Handoff) -> Result<bool, StoreError> {
        let namespace = handoff.integration_namespace();
        let integrations: Api<ZoomIntegration> = Api::namespaced(self.client.clone(), namespace);
        let found = integrations.get_metadata_opt(&handoff.integration).await;
        let found = found.map_err(unavailable)?;
        Ok(found.is_some_and(|found| found.metadata.deletion_timestamp.is_none()))
    }

    async fn connection(&self) -> Result<Option<ZoomConnection>, StoreError> {
        let connection = self.connections.get_opt(&self.place.connection).await;
        let connection = connection.map_err(unavailable)?;
        Ok(connection.filter(|found| found.uid().as_ref() == Some(&self.place.connection_uid)))
    }
}

impl Store for SecretStore {
    /// The whole Secret as it was read: a write keeps the fields of others.
    type Version = Box<Secret>;

    async fn read(&self) -> Result<Option<(Grant, Self::Version)>, StoreError> {
        let secret = self.secrets.get_opt(&self.place.secret).await;
        let secret = secret.map_err(unavailable)?;
        self.followed().last.clone_from(&secret);
        let Some(secret) = secret else {
            return Ok(None);
        };
        let grant = match secret::get(&secret) {
            // A tenant can write a code into its own Secret, and it would be another one's.
            Some(kept) if self.place.is_own() => {
                let is_code = matches!(kept.grant.credential, Credential::Code(_));
                (!is_code).then_some(kept.grant)
            }
            Some(kept) => Some(kept.grant),
            None if self.place.is_own() => None,
            None => handoff::grant_of(&secret),
        };
        match grant {
            Some(grant) => Ok(Some((grant, Box::new(secret)))),
            None => Err(StoreError::Unavailable(
                "the Secret does not hold what was written".into(),
            )),
        }
    }

    async fn write(
        &self,
        grant: &Grant,
        over: &Self::Version,
    ) -> Result<Self::Version, StoreError> {
        let mut secret = over.as_ref().clone();
        let known = secret::get(&secret);
        let kept = StoredGrant {
            grant: grant.clone(),
            identity: known.as_ref().and_then(|known| known.identity.clone()),
            identified: known.as_ref().is_some_and(|known| known.identified),
            namespace_uid: known.as_ref().map_or_else(
                || self.place.namespace_uid.clone(),
                |known| known.namespace_uid.clone(),
            ),
            imported: known.and_then(|known| known.imported),
        };
        secret::put(&mut secret, &kept);
        if grant.generation > 0 && !self.place.is_own() {
            handoff::redeem(&mut secret);
        }
        // Until the answer comes.
        self.followed().last = None;
        // The write includes the resourceVersion of the read: if somebody wrote in between, their write
        // stays.
        let written = self
            .secrets
            .replace(&self.place.secret, &parameters(), &secret)
            .await;
        match written {
            Ok(secret) => {
                self.wrote(&secret);
                Ok(Box::new(secret))
            }
            Err(error) => Err(self.not_written(error)),
        }
    }

    async fn create(&self, grant: &Grant) -> Result<(), StoreError> {
        let secret = match &self.place.handoff {
            Some(handoff) => self.consent(handoff, grant)?,
            None => self.own(grant).await?,
        };
        match self.secrets.create(&parameters(), &secret).await {
            Ok(secret) => {
                self.wrote(&secret);
                Ok(())
            }
            Err(error) => Err(self.not_written(error)),
        }
    }

    async fn wanted(&self) -> Result<bool, StoreError> {
        match &self.place.handoff {
            Some(handoff) if handoff.connection_uid.is_none() => {
                self.is_integration_there(handoff).await
            }
            // A journal of an earlier version lacks the data to restore a consent.
            None if !self.place.is_own() => Ok(false),
            _ => Ok(self.connection().await?.is_some_and(|connection| {
                let leaving = connection.metadata.deletion_timestamp.is_some();
                // A grant is still needed to revoke it.
                let to_be_revoked = connection.finalizers().iter().any(|name| name == REVOKE);
                !leaving
                    || to_be_revoked
                    || connection.deletion_policy() == ConnectionDeletionPolicy::Retain
            })),
        }
    }

    fn place(&self) -> String {
        serde_json::to_string(&self.place).unwrap_or_default()
    }
}

#[allow(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: kube::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// What a failed write means. An answer of the API server is a refusal: immutable, denied by a policy, forbidden.
fn unwritten(error: kube::Error) -> StoreError {
    match error {
        kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => {
            StoreError::Conflict
        }
        kube::Error::Api(status) if status.is_not_found() => StoreError::Gone,
        kube::Error::Api(status) => StoreError::Refused(status.message.clone()),
        error => unavailable(error),
    }
}

#[cfg(test)]
mod tests;
