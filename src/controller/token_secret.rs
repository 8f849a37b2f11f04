//! The Secret that consumers mount: how it is built, and how it is read back. Pure.

mod own_metadata;

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
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::own_metadata::{OwnMetadata, json_of, nulls};
use super::credentials::Credentials;
use crate::api::{
    annotation, label,
    v1alpha1::{ConnectionDeletionPolicy, DeletionPolicy, ZoomConnection, ZoomIntegration},
};
use zoom::AccessToken;

/// Keys of the Secret: a consumer gets what it needs to call Zoom, and never a refresh token.
mod key {
    pub const ACCESS_TOKEN: &str = "access-token";
    pub const TOKEN_TYPE: &str = "token-type";
    pub const EXPIRES_AT: &str = "expires-at";
    pub const SCOPE: &str = "scope";
    pub const API_URL: &str = "api-url";

    /// All keys.
    pub const ALL: [&str; 5] = [ACCESS_TOKEN, TOKEN_TYPE, EXPIRES_AT, SCOPE, API_URL];
}

/// Type of the Secret. It cannot be changed.
const TYPE: &str = "Opaque";

/// What exists under the token Secret's name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum TokenSecret {
    /// Nothing.
    #[default]
    Absent,
    /// A Secret of somebody else, or of ours for another purpose: never touched.
    Foreign,
    /// The Secret of a deleted integration of the same name, which the garbage collector will remove.
    Leaving,
    /// Our Secret.
    Ours(Stored),
}

/// A token Secret that we wrote.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stored {
    /// The UID, as the precondition of a removal.
    pub uid: Option<String>,
    /// The resourceVersion to replace, as the precondition of a write.
    pub resource_version: String,
    /// When the token expires; `None` if unknown.
    pub expires_at: Option<Timestamp>,
    /// When it was requested; `None` in a Secret written by an older version.
    pub issued_at: Option<Timestamp>,
    /// When to replace it.
    pub refresh_at: Option<Timestamp>,
    /// What it was requested with: the version of the credentials Secret, or the grant and its generation.
    pub source: String,
    /// Granted scopes.
    pub scope: String,
    /// Whether the data is unchanged since we wrote it.
    pub intact: bool,
    /// Whether owner references, labels and annotations match what the resource declares.
    pub has_wanted_metadata: bool,
    /// The token that the consumers were last restarted for.
    pub restarted_for: Option<String>,
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
    /// The annotation that says what the token was requested with.
    source: &'static str,
    /// `None` when the Secret outlives its owner.
    reference: Option<OwnerReference>,
    /// Labels and annotations that the resource declares for the Secret.
    own: OwnMetadata,
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
            token.map_or_else(OwnMetadata::default, |token| {
                OwnMetadata::of(token.labels.as_ref(), token.annotations.as_ref())
            }),
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
            token.map_or_else(OwnMetadata::default, |token| {
                OwnMetadata::of(token.labels.as_ref(), token.annotations.as_ref())
            }),
        )
    }

    fn new<K: Resource<DynamicType = ()>>(
        object: &K,
        secret_name: Option<String>,
        retain: bool,
        (label, source): (&'static str, &'static str),
        own: OwnMetadata,
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
            own,
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

    /// Our labels together with those that the resource declares.
    fn all_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.own.labels.clone();
        labels.extend(self.labels());
        labels.insert(label::USE.into(), label::TOKEN.into());
        labels
    }

    /// Our annotations together with those that the resource declares, and the list of declared keys.
    fn declared_annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = self.own.annotations.clone();
        annotations.extend(
            self.own
                .list()
                .map(|list| (annotation::OWN_METADATA.to_owned(), list)),
        );
        annotations
    }

    /// Whether the Secret has what the resource declares, and nothing that it declared earlier.
    fn is_dressed(&self, secret: &Secret) -> bool {
        let has = |of: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
            wanted.iter().all(|(key, value)| of.get(key) == Some(value))
        };
        has(secret.labels(), &self.own.labels)
            && has(secret.annotations(), &self.declared_annotations())
            && secret.annotations().get(annotation::OWN_METADATA) == self.own.list().as_ref()
    }

    /// A merge patch that makes owner references, labels and annotations of the Secret with this metadata
    /// match what the resource declares.
    #[must_use]
    pub fn alteration(&self, live: &ObjectMeta) -> Value {
        let before = live.annotations.as_ref();
        let before = before.and_then(|annotations| annotations.get(annotation::OWN_METADATA));
        let before = before.map(String::as_str).unwrap_or_default();
        let mut labels = nulls(before, "l:");
        labels.extend(json_of(&self.all_labels()));
        let mut annotations = nulls(before, "a:");
        annotations.insert(annotation::OWN_METADATA.into(), Value::Null);
        annotations.extend(json_of(&self.declared_annotations()));
        json!({"metadata": {
            "resourceVersion": live.resource_version,
            "ownerReferences": self.references(),
            "labels": labels,
            "annotations": annotations,
        }})
    }

    /// The owner references that the deletion policy calls for. With `Delete`, the garbage collector removes
    /// the Secret together with its owner, without a finalizer that could block.
    #[must_use]
    pub fn references(&self) -> Vec<OwnerReference> {
        self.reference.iter().cloned().collect()
    }
}

/// The Secret for a new token. `replaces` is the version that may be overwritten; without it, the Secret must
/// not exist yet.
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
    let own = [
        (annotation::ISSUED_AT, token.issued_at.to_string()),
        (annotation::REFRESH_AT, refresh_at.to_string()),
        (owner.source, source.into()),
        (annotation::CHECKSUM, checksum(&data)),
    ];
    let mut annotations = owner.declared_annotations();
    annotations.extend(own.map(|(key, value)| (key.to_owned(), value)));
    Secret {
        metadata: ObjectMeta {
            name: Some(owner.secret_name.clone()),
            namespace: owner.namespace.clone(),
            labels: Some(owner.all_labels()),
            annotations: Some(annotations),
            owner_references: Some(owner.references()),
            resource_version: replaces.map(Into::into),
            ..ObjectMeta::default()
        },
        type_: Some(TYPE.into()),
        data: Some(data),
        ..Secret::default()
    }
}

/// Reads what exists under the name.
#[must_use]
pub fn read(owner: &Owner, secret: Option<&Secret>) -> TokenSecret {
    let Some(secret) = secret else {
        return TokenSecret::Absent;
    };
    // A grant or a receiver's Secret has the same owner.
    if !holds_token(owner, secret) {
        return TokenSecret::Foreign;
    }
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
        // Retained from an earlier owner of this name, which may use it again.
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
        uid: secret.uid(),
        resource_version: secret.resource_version().unwrap_or_default(),
        expires_at: text(key::EXPIRES_AT).and_then(|time| time.parse().ok()),
        issued_at: annotation(annotation::ISSUED_AT).and_then(|time| time.parse().ok()),
        refresh_at: annotation(annotation::REFRESH_AT).and_then(|time| time.parse().ok()),
        source: annotation(owner.source).unwrap_or_default(),
        scope: text(key::SCOPE).unwrap_or_default(),
        intact: text(key::ACCESS_TOKEN).is_some_and(|token| !token.is_empty())
            && annotation(annotation::CHECKSUM) == secret.data.as_ref().map(checksum),
        has_wanted_metadata: owner.is_dressed(secret)
            && secret
                .owner_references()
                .iter()
                .any(|found| Some(&found.uid) == own_uid)
                == owner.reference.is_some(),
        restarted_for: annotation(annotation::RESTARTED_FOR),
    })
}

/// Whether the Secret was made for a token. Earlier versions wrote no label that says so, but what the token was
/// requested with.
fn holds_token(owner: &Owner, secret: &Secret) -> bool {
    let is_of_type = secret.type_.as_deref().is_none_or(|type_| type_ == TYPE);
    let marks = [owner.source, annotation::CHECKSUM, annotation::ISSUED_AT];
    let is_marked = || {
        let found = secret.annotations();
        marks.iter().any(|mark| found.contains_key(*mark))
    };
    is_of_type
        && match secret.labels().get(label::USE).map(String::as_str) {
            Some(label::TOKEN) => true,
            // Somebody may have offered the token to a sink.
            None | Some(label::SINK) => is_marked(),
            Some(_) => false,
        }
}

/// Whether the token in the Secret was requested with these credentials, whatever their version.
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

/// Covers only our own keys: keys that others add to the Secret are ignored.
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
mod tests;
