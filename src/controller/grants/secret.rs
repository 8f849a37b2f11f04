//! The private Secret of a grant, which is mounted nowhere: how it is built and read. Pure.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::ResourceExt as _;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    api::{
        label,
        v1alpha1::{ConnectionDeletionPolicy, ZoomConnection},
    },
    controller::token_secret::Owner,
};
use contract::secret_value::{self, Problem};
use grant::{Credential, Grant};
use zoom::Identity;

/// Type of the Secret. It cannot be changed, and shows people that the Secret is not for them.
pub const TYPE: &str = "zoom-operator.io/grant";

/// The keys. One conditional write covers all of them; an annotation can be written even on an immutable
/// Secret and would prove nothing.
mod key {
    pub const GRANT: &str = "grant";
    pub const IDENTITY: &str = "identity";
    pub const NAMESPACE_UID: &str = "namespace-uid";
    pub const IMPORTED: &str = "imported";
    pub const CONNECTION_UID: &str = "connection-uid";
}

/// In place of the UID of a namespace, in a grant that another connection left behind: like a copy, it is not used.
const ELSEWHERE: &str = "elsewhere";

/// Key of a refresh token in a Secret to import.
pub const REFRESH_TOKEN: &str = "refresh-token";

/// What exists under the name of a grant's Secret.
#[derive(Clone, Debug, Default)]
pub enum GrantSecret {
    /// Nothing.
    #[default]
    Absent,
    /// A Secret of somebody else, which is never touched.
    Foreign,
    /// The Secret of a deleted connection of the same name, which the garbage collector will remove.
    Leaving,
    /// Our Secret, but it cannot be read any more.
    Broken,
    /// Our Secret.
    Ours(Box<StoredGrant>),
}

/// A grant with everything known about it.
#[derive(Clone, Debug)]
pub struct StoredGrant {
    /// The grant.
    pub grant: Grant,
    /// Who gave it, if Zoom said so.
    pub identity: Option<Identity>,
    /// Whether Zoom was asked.
    pub identified: bool,
    /// UID of the namespace that it was stored for. In another namespace or cluster it is a copy.
    pub namespace_uid: String,
    /// Fingerprint of the imported credential that it started with.
    pub imported: Option<String>,
}

/// Name of a connection's grant Secret.
#[must_use]
pub fn name(connection: &str) -> String {
    format!("{connection}-zoom-grant")
}

/// The Secret for `kept`, owned by `connection`.
#[must_use]
pub fn build(connection: &ZoomConnection, kept: &StoredGrant) -> Secret {
    let name = connection.name_any();
    let mut secret = Secret {
        metadata: ObjectMeta {
            name: Some(self::name(&name)),
            namespace: connection.namespace(),
            labels: Some(labels(&name)),
            owner_references: Some(owners(connection)),
            ..ObjectMeta::default()
        },
        type_: Some(TYPE.into()),
        ..Secret::default()
    };
    put(&mut secret, kept);
    if let Some(uid) = holder(connection) {
        let data = secret.data.get_or_insert_default();
        data.insert(key::CONNECTION_UID.into(), ByteString(uid.into_bytes()));
    }
    secret
}

/// UID of the connection, for a grant that has no owner although it must not outlive its connection. If it does,
/// because somebody removed the finalizer, no other connection of that name uses it.
fn holder(connection: &ZoomConnection) -> Option<String> {
    let revokes = connection.deletion_policy() == ConnectionDeletionPolicy::Revoke;
    connection.uid().filter(|_| revokes)
}

/// The UID that a Secret names.
fn named_holder(secret: &Secret) -> Option<&[u8]> {
    let data = secret.data.as_ref()?;
    data.get(key::CONNECTION_UID).map(|uid| &*uid.0)
}

/// A merge patch that makes the Secret follow the deletion policy.
#[must_use]
pub fn alteration(connection: &ZoomConnection) -> Value {
    let holder = holder(connection).map(|uid| BASE64.encode(uid.as_bytes()));
    json!({
        "metadata": {"ownerReferences": owners(connection)},
        "data": {key::CONNECTION_UID: holder},
    })
}

/// Labels of a connection's grant Secret.
#[must_use]
pub fn labels(connection: &str) -> BTreeMap<String, String> {
    [
        (label::MANAGED_BY, label::MANAGER),
        (label::USE, label::GRANT),
        (label::CONNECTION, connection),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The owner references that the deletion policy calls for: the garbage collector erases the tokens with the
/// connection. What has to be revoked first has no owner, because a foreground deletion would erase it before
/// that; it gets one when the deletion of the connection ends.
#[must_use]
pub fn owners(connection: &ZoomConnection) -> Vec<OwnerReference> {
    if connection.deletion_policy() == ConnectionDeletionPolicy::Revoke {
        return Vec::new();
    }
    owner(connection)
}

/// The connection as the owner of its grant; none where the grant outlives it.
#[must_use]
pub fn owner(connection: &ZoomConnection) -> Vec<OwnerReference> {
    Owner::connection(connection).references()
}

/// Writes all keys.
pub fn put(secret: &mut Secret, kept: &StoredGrant) {
    let json = |value: serde_json::Result<Vec<u8>>| value.ok().map(ByteString);
    let text = |text: &str| Some(ByteString(text.as_bytes().to_vec()));
    let identity = kept
        .identified
        .then(|| json(serde_json::to_vec(&kept.identity)))
        .flatten();
    let data = secret.data.get_or_insert_default();
    for (key, value) in [
        (key::GRANT, json(serde_json::to_vec(&kept.grant))),
        (key::IDENTITY, identity),
        (key::NAMESPACE_UID, text(&kept.namespace_uid)),
        (key::IMPORTED, kept.imported.as_deref().and_then(text)),
    ] {
        match value {
            Some(value) => data.insert(key.into(), value),
            None => data.remove(key),
        };
    }
}

/// Reads the keys; `None` if they are not as they were written.
#[must_use]
pub fn get(secret: &Secret) -> Option<StoredGrant> {
    let data = secret.data.as_ref()?;
    let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
    let identity = data
        .get(key::IDENTITY)
        .map(|json| serde_json::from_slice::<Option<Identity>>(&json.0));
    Some(StoredGrant {
        grant: serde_json::from_slice(&data.get(key::GRANT)?.0).ok()?,
        identified: matches!(identity, Some(Ok(_))),
        identity: identity.and_then(Result::ok).flatten(),
        namespace_uid: text(key::NAMESPACE_UID).unwrap_or_default(),
        imported: text(key::IMPORTED),
    })
}

/// The refresh token in a Secret to import, read like every other value of Zoom's.
///
/// # Errors
/// What is wrong with the value; `None` if there is no such key.
pub fn importable(secret: &Secret) -> Result<SecretString, Option<Problem>> {
    let value = secret
        .data
        .as_ref()
        .and_then(|data| data.get(REFRESH_TOKEN));
    let token = secret_value::read(&value.ok_or(None)?.0).map_err(Some)?;
    Ok(token.to_owned().into())
}

/// Reads what exists under the name.
#[must_use]
pub fn read(connection: &ZoomConnection, secret: Option<&Secret>) -> GrantSecret {
    let Some(secret) = secret else {
        return GrantSecret::Absent;
    };
    let made_for_us = secret.type_.as_deref() == Some(TYPE)
        && labels(&connection.name_any())
            .iter()
            .all(|(key, value)| secret.labels().get(key) == Some(value));
    if !made_for_us {
        return GrantSecret::Foreign;
    }
    let owner = secret
        .owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true));
    let leaving = owner.is_some_and(|owner| Some(&owner.uid) != connection.metadata.uid.as_ref());
    if leaving || secret.metadata.deletion_timestamp.is_some() {
        return GrantSecret::Leaving;
    }
    // Only a consent, which no tenant can write, holds a code. Here it would be one that somebody took from another.
    let kept = get(secret).filter(|kept| !matches!(kept.grant.credential, Credential::Code(_)));
    kept.map_or(GrantSecret::Broken, |mut kept| {
        if is_left_behind(connection, secret) {
            ELSEWHERE.clone_into(&mut kept.namespace_uid);
        }
        GrantSecret::Ours(Box::new(kept))
    })
}

/// Whether another connection of this name should have revoked the grant, and is gone without that.
fn is_left_behind(connection: &ZoomConnection, secret: &Secret) -> bool {
    let own = connection.metadata.uid.as_deref().map(str::as_bytes);
    let named = named_holder(secret);
    secret.owner_references().is_empty() && named.is_some() && named != own
}

/// Whether the owner references, or the UID in their place, match the deletion policy.
#[must_use]
pub fn follows_policy(connection: &ZoomConnection, secret: &Secret) -> bool {
    let owned = secret
        .owner_references()
        .iter()
        .any(|owner| Some(&owner.uid) == connection.metadata.uid.as_ref());
    if is_left_behind(connection, secret) {
        // It goes on naming the other one until a new grant replaces it.
        return true;
    }
    let holder = holder(connection);
    owned != owners(connection).is_empty()
        && named_holder(secret) == holder.as_deref().map(str::as_bytes)
}

#[cfg(test)]
mod tests;
