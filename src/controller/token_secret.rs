//! The Secret that consumers mount: how it is built, and how it is read back. Pure.

use data_encoding::HEXLOWER;
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Resource, ResourceExt as _};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::credentials::Credentials;
use crate::api::{
    annotation, label,
    v1alpha1::{ConnectionDeletionPolicy, DeletionPolicy, ZoomConnection, ZoomIntegration},
};
use zoom::AccessToken;

/// Keys of the Secret: a consumer gets what it needs to call Zoom, never a refresh token.
mod key {
    pub const ACCESS_TOKEN: &str = "access-token";
    pub const TOKEN_TYPE: &str = "token-type";
    pub const EXPIRES_AT: &str = "expires-at";
    pub const SCOPE: &str = "scope";
    pub const API_URL: &str = "api-url";

    /// All of them.
    pub const ALL: [&str; 5] = [ACCESS_TOKEN, TOKEN_TYPE, EXPIRES_AT, SCOPE, API_URL];
}

/// What lies under the token Secret's name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum TokenSecret {
    /// Nothing.
    #[default]
    Absent,
    /// Somebody else's Secret: never touched.
    Foreign,
    /// The Secret of a deleted integration of the same name, which the garbage collector removes.
    Leaving,
    /// Ours.
    Ours(Stored),
}

/// A token Secret of ours.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stored {
    /// Version to be replaced, as the precondition of a write.
    pub resource_version: String,
    /// When the token expires; `None` when nobody can tell.
    pub expires_at: Option<Timestamp>,
    /// When it was requested; `None` in a Secret of an older version.
    pub issued_at: Option<Timestamp>,
    /// When it is to be replaced.
    pub refresh_at: Option<Timestamp>,
    /// What it was got with: the version of the credentials Secret, or the grant and its generation.
    pub source: String,
    /// Granted scopes.
    pub scope: String,
    /// Whether the data is what we wrote.
    pub intact: bool,
    /// Whether owner references follow the deletion policy.
    pub has_wanted_owner: bool,
}

/// Whose token a Secret holds.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Name of the Secret.
    pub secret_name: String,
    kind: String,
    name: String,
    namespace: Option<String>,
    uid: Option<String>,
    /// The label that carries the owner's name.
    label: &'static str,
    /// The annotation that says what the token was got with.
    source: &'static str,
    /// `None` when the Secret outlives its owner.
    reference: Option<OwnerReference>,
}

// === impl Owner ===

impl Owner {
    /// A `ServerToServer` integration.
    #[must_use]
    pub fn integration(integration: &ZoomIntegration) -> Self {
        let token = integration.spec.token.as_ref();
        let policy = token.and_then(|token| token.deletion_policy);
        Self::new(
            integration,
            token.and_then(|token| token.secret_name.clone()),
            policy.unwrap_or_default() == DeletionPolicy::Retain,
            (label::INTEGRATION, annotation::CREDENTIALS_VERSION),
        )
    }

    /// A connection.
    #[must_use]
    pub fn connection(connection: &ZoomConnection) -> Self {
        let token = connection.spec.token.as_ref();
        Self::new(
            connection,
            token.and_then(|token| token.secret_name.clone()),
            connection.deletion_policy() == ConnectionDeletionPolicy::Retain,
            (label::CONNECTION, annotation::GRANT),
        )
    }

    fn new<K: Resource<DynamicType = ()>>(
        object: &K,
        secret_name: Option<String>,
        retain: bool,
        (label, source): (&'static str, &'static str),
    ) -> Self {
        let name = object.name_any();
        let reference = object.controller_owner_ref(&());
        Self {
            secret_name: secret_name.unwrap_or_else(|| format!("{name}-zoom-token")),
            kind: K::kind(&()).into_owned(),
            name,
            namespace: object.namespace(),
            uid: object.uid(),
            label,
            source,
            reference: reference.filter(|_| !retain),
        }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        [
            (label::MANAGED_BY, label::MANAGER.to_owned()),
            (self.label, self.name.clone()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Owner references as the deletion policy wants them: with `Delete` the garbage collector removes
    /// the Secret with its owner, with no finalizer that could hang.
    #[must_use]
    pub fn references(&self) -> Vec<OwnerReference> {
        self.reference.iter().cloned().collect()
    }
}

/// The Secret for a new token. `replaces` is the version that may be overwritten; without it, the
/// Secret must not exist.
#[must_use]
pub fn build(
    owner: &Owner,
    token: &AccessToken,
    refresh_at: Timestamp,
    source: &str,
    replaces: Option<&str>,
) -> Secret {
    let data: BTreeMap<String, ByteString> = [
        (key::ACCESS_TOKEN, token.secret.expose_secret()),
        (key::TOKEN_TYPE, &token.token_type),
        (
            key::EXPIRES_AT,
            &whole_seconds(token.expires_at).to_string(),
        ),
        (key::SCOPE, &token.scope),
        (key::API_URL, token.api_url.as_str().trim_end_matches('/')),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())))
    .collect();
    let annotations = [
        (annotation::ISSUED_AT, token.issued_at.to_string()),
        (annotation::REFRESH_AT, refresh_at.to_string()),
        (owner.source, source.into()),
        (annotation::CHECKSUM, checksum(&data)),
    ];
    Secret {
        metadata: ObjectMeta {
            name: Some(owner.secret_name.clone()),
            namespace: owner.namespace.clone(),
            labels: Some(owner.labels()),
            annotations: Some(annotations.map(|(key, value)| (key.into(), value)).into()),
            owner_references: Some(owner.references()),
            resource_version: replaces.map(Into::into),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".into()),
        data: Some(data),
        ..Secret::default()
    }
}

/// Reads what lies under the name.
#[must_use]
pub fn read(owner: &Owner, secret: Option<&Secret>) -> TokenSecret {
    let Some(secret) = secret else {
        return TokenSecret::Absent;
    };
    let own_uid = owner.uid.as_ref();
    let made_for_us = owner
        .labels()
        .iter()
        .all(|(key, value)| secret.labels().get(key) == Some(value));
    let found = secret
        .owner_references()
        .iter()
        .find(|found| found.controller == Some(true));
    match found {
        Some(found) if Some(&found.uid) == own_uid => {}
        Some(found) if made_for_us && found.kind == owner.kind && found.name == owner.name => {
            return TokenSecret::Leaving;
        }
        // Retained from an earlier owner of this name, which may take it up again.
        None if made_for_us => {}
        _ => return TokenSecret::Foreign,
    }
    if secret.metadata.deletion_timestamp.is_some() {
        return TokenSecret::Leaving;
    }
    let text = |key: &str| {
        let value = secret.data.as_ref()?.get(key)?;
        String::from_utf8(value.0.clone()).ok()
    };
    let annotation = |key: &str| secret.annotations().get(key).cloned();
    TokenSecret::Ours(Stored {
        resource_version: secret.resource_version().unwrap_or_default(),
        expires_at: text(key::EXPIRES_AT).and_then(|time| time.parse().ok()),
        issued_at: annotation(annotation::ISSUED_AT).and_then(|time| time.parse().ok()),
        refresh_at: annotation(annotation::REFRESH_AT).and_then(|time| time.parse().ok()),
        source: annotation(owner.source).unwrap_or_default(),
        scope: text(key::SCOPE).unwrap_or_default(),
        intact: text(key::ACCESS_TOKEN).is_some_and(|token| !token.is_empty())
            && annotation(annotation::CHECKSUM) == secret.data.as_ref().map(checksum),
        has_wanted_owner: secret
            .owner_references()
            .iter()
            .any(|found| Some(&found.uid) == own_uid)
            == owner.reference.is_some(),
    })
}

/// Whether the token in the Secret was requested with these credentials, whatever the version of theirs.
#[must_use]
pub fn is_with(secret: &Secret, credentials: &Credentials) -> bool {
    let token = secret
        .data
        .as_ref()
        .and_then(|data| data.get(key::ACCESS_TOKEN));
    let seal = token.and_then(|token| credentials.seal(&token.0));
    seal.is_some() && secret.annotations().get(annotation::CREDENTIALS_DIGEST) == seal.as_ref()
}

/// The status and consumers get whole seconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Over our own keys: what others add to the Secret is none of our business.
fn checksum(data: &BTreeMap<String, ByteString>) -> String {
    let mut hash = Sha256::new();
    for key in key::ALL {
        let value = data.get(key).map_or(&[][..], |value| &value.0);
        hash.update(u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(value);
    }
    HEXLOWER.encode(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn integration(uid: &str, policy: &str) -> Owner {
        let integration: ZoomIntegration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1",
            "kind": "ZoomIntegration",
            "metadata": {"name": "acme", "namespace": "clinics", "uid": uid},
            "spec": {
                "app": {"kind": "ServerToServer"},
                "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": ["user:read:list_users:admin"]},
                "token": {"deletionPolicy": policy},
            },
        }))
        .unwrap();
        Owner::integration(&integration)
    }

    fn token() -> AccessToken {
        AccessToken {
            secret: "TOKEN".to_owned().into(),
            token_type: "bearer".into(),
            expires_at: "2026-03-01T11:00:00.75Z".parse().unwrap(),
            issued_at: "2026-03-01T10:00:00.75Z".parse().unwrap(),
            scope: "user:read:list_users:admin".into(),
            api_url: "https://api-us.zoom.us".parse().unwrap(),
        }
    }

    fn built(owner: &Owner) -> Secret {
        let refresh_at = "2026-03-01T10:45:00Z".parse().unwrap();
        let mut secret = build(owner, &token(), refresh_at, "uid/7", None);
        secret.metadata.resource_version = Some("42".into());
        secret
    }

    #[test]
    fn consumers_find_the_documented_keys() {
        let secret = built(&integration("u1", "Delete"));
        let data: BTreeMap<String, String> = secret
            .data
            .unwrap()
            .into_iter()
            .map(|(key, value)| (key, String::from_utf8(value.0).unwrap()))
            .collect();
        assert_eq!(
            serde_json::to_value(data).unwrap(),
            json!({
                "access-token": "TOKEN",
                "token-type": "bearer",
                "expires-at": "2026-03-01T11:00:00Z",
                "scope": "user:read:list_users:admin",
                "api-url": "https://api-us.zoom.us",
            })
        );
    }

    #[test]
    fn what_was_written_is_read_back() {
        let owner = integration("u1", "Delete");
        assert_eq!(
            read(&owner, Some(&built(&owner))),
            TokenSecret::Ours(Stored {
                resource_version: "42".into(),
                expires_at: Some("2026-03-01T11:00:00Z".parse().unwrap()),
                issued_at: Some("2026-03-01T10:00:00.75Z".parse().unwrap()),
                refresh_at: Some("2026-03-01T10:45:00Z".parse().unwrap()),
                source: "uid/7".into(),
                scope: "user:read:list_users:admin".into(),
                intact: true,
                has_wanted_owner: true,
            })
        );
    }

    #[test]
    fn a_hand_edited_secret_is_noticed() {
        let owner = integration("u1", "Delete");
        let mut secret = built(&owner);
        secret
            .data
            .as_mut()
            .unwrap()
            .insert("access-token".into(), ByteString(b"OTHER".to_vec()));
        let TokenSecret::Ours(stored) = read(&owner, Some(&secret)) else {
            panic!("still ours");
        };
        assert!(!stored.intact);
    }

    #[test]
    fn somebody_elses_secret_is_foreign() {
        let owner = integration("u1", "Delete");
        let mut bare = built(&owner);
        bare.metadata.labels = None;
        bare.metadata.owner_references = None;
        assert_eq!(read(&owner, Some(&bare)), TokenSecret::Foreign);

        let mut other = built(&owner);
        let reference = &mut other.metadata.owner_references.as_mut().unwrap()[0];
        reference.kind = "Deployment".into();
        reference.uid = "other".into();
        assert_eq!(read(&owner, Some(&other)), TokenSecret::Foreign);
    }

    #[test]
    fn the_secret_of_a_deleted_namesake_is_leaving() {
        let before = built(&integration("u0", "Delete"));
        assert_eq!(
            read(&integration("u1", "Delete"), Some(&before)),
            TokenSecret::Leaving
        );
    }

    #[test]
    fn a_retained_secret_is_taken_up_by_a_namesake() {
        let before = built(&integration("u0", "Retain"));
        assert!(before.owner_references().is_empty());
        let TokenSecret::Ours(stored) = read(&integration("u1", "Delete"), Some(&before)) else {
            panic!("taken up");
        };
        assert!(!stored.has_wanted_owner, "it must get an owner reference");
    }
}
