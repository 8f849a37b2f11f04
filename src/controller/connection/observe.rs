//! Observes the state around a connection. Reads only.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::{
    Resource, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
};

use super::model::{Consent, ForeignAttempt, Import, Integration, Observed, Read, pinned};
use crate::{
    api::{
        label,
        v1alpha1::{Management, ZoomConnection, ZoomIntegration},
    },
    controller::{
        Context,
        config::Args,
        connections,
        credentials::{Credentials, Versions},
        error::Error,
        grants::{
            LeaderTerm,
            secret::{self, GrantSecret, REFRESH_TOKEN},
        },
        index::Index,
        key::Key,
        reader::{Reader, Reads},
        removals::{self, Removals},
        token_secret::{self, Owner, TokenSecret},
    },
};
use contract::{consent, facts::Removal};

/// What an observation reads from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The cluster.
    pub reader: &'a Reader,
    /// The versions of integrations' credentials.
    pub versions: &'a Versions,
    /// Which attempts belong to other processes.
    pub term: &'a LeaderTerm,
    /// The operator's configuration.
    pub config: &'a Args,
}

// === impl Sources ===

impl<'a> Sources<'a> {
    /// The sources in a pass's context.
    #[must_use]
    pub fn of(context: &'a Context) -> Self {
        Self {
            reader: &context.reader,
            versions: &context.memory.versions,
            term: context.grants.term(),
            config: &context.config,
        }
    }
}

/// Reads the state around a connection.
///
/// # Errors
/// When a request to the API server fails.
pub async fn observe(sources: Sources<'_>, connection: &ZoomConnection) -> Result<Observed, Error> {
    let reader = sources.reader;
    let secrets: Reads<Secret> = reader.beside(connection);
    let read = grant(&secrets, connection).await?;
    let owner = Owner::connection(connection);
    let token = secrets.get_opt(&owner.secret_name).await?;
    let integration = integration(sources, connection, &secrets).await?;
    let removals = removals(reader.index(), connection, integration.as_ref());
    Ok(Observed {
        foreign_attempt: foreign_attempt(sources, &read.grant).await?,
        removed_at: last_removal(connection, removals.as_ref(), |known| &known.verified),
        claimed_at: last_removal(connection, removals.as_ref(), |known| &known.unverified),
        other: same_user(reader.index(), connection, &read.grant),
        integration,
        grant: read.grant,
        grant_version: read.version,
        follows_policy: read.follows_policy,
        token: token_secret::read(&owner, token.as_ref()),
        old_token_secret: old_token_secret(&secrets, connection, &owner).await?,
        import: import(connection, &secrets).await?,
        consents: consents(sources, connection).await?,
        namespace_uid: namespace_uid(reader, connection).await?,
    })
}

/// Reads the Secret of the grant.
///
/// # Errors
/// When a request to the API server fails.
pub async fn grant(secrets: &Reads<Secret>, connection: &ZoomConnection) -> Result<Read, Error> {
    let name = secret::name(&connection.name_any());
    let found = secrets.get_opt(&name).await?;
    Ok(grant_in(connection, found.as_ref()))
}

/// Reads the Secret of the grant from what was found.
#[must_use]
pub fn grant_in(connection: &ZoomConnection, found: Option<&Secret>) -> Read {
    Read {
        grant: secret::read(connection, found),
        version: found.and_then(|found| found.metadata.resource_version.clone()),
        follows_policy: found.is_none_or(|found| secret::follows_policy(connection, found)),
    }
}

/// Another connection of the user who gave the grant.
fn same_user(index: &Index, connection: &ZoomConnection, found: &GrantSecret) -> Option<String> {
    let GrantSecret::Ours(kept) = found else {
        return None;
    };
    let user = &kept.identity.as_ref()?.user_id;
    connection_of_user(index, connection, user)
}

/// Another connection of this user and the same app, as it may be called here. The first one keeps the user.
#[must_use]
pub fn connection_of_user(
    index: &Index,
    connection: &ZoomConnection,
    user: &str,
) -> Option<String> {
    let mine = pinned(connection).and_then(|pinned| pinned.user_id.as_deref());
    if mine == Some(user) {
        return None;
    }
    let namespace = connection.namespace()?;
    let own = Key::integration(&namespace, &connection.spec.integration_ref.name);
    let held_in = |integration: &Key| {
        let (namespace, name) = (&integration.namespace, &integration.name);
        let all = index.connections_of(namespace, name);
        connections::of_user(&all, connection, user)
    };
    if let Some(name) = held_in(&own) {
        return Some(format!("ZoomConnection {name}"));
    }
    index.sharers(&own).iter().find_map(|integration| {
        let name = held_in(integration)?;
        Some(if integration.namespace == own.namespace {
            format!(
                "ZoomConnection {name} of ZoomIntegration {}",
                integration.name
            )
        } else {
            "a ZoomConnection in another namespace".to_owned()
        })
    })
}

/// What the receivers of the connection's integration were told of removals, and who manages its app.
fn removals(
    index: &Index,
    connection: &ZoomConnection,
    integration: Option<&Integration>,
) -> Option<(Removals, Option<Management>)> {
    let key = Key::integration(
        &connection.namespace()?,
        &connection.spec.integration_ref.name,
    );
    let management = integration?.resource.spec.app.management;
    Some((index.removals(&key), management))
}

/// When the person of this connection last removed the app, according to some of the removals.
fn last_removal(
    connection: &ZoomConnection,
    removals: Option<&(Removals, Option<Management>)>,
    of: impl Fn(&Removals) -> &[Removal],
) -> Option<jiff::Timestamp> {
    let (known, management) = removals?;
    removals::last(of(known), pinned(connection)?, *management)
}

async fn integration(
    sources: Sources<'_>,
    connection: &ZoomConnection,
    secrets: &Reads<Secret>,
) -> Result<Option<Integration>, Error> {
    let integrations: Reads<ZoomIntegration> = sources.reader.beside(connection);
    let name = &connection.spec.integration_ref.name;
    let Some(resource) = integrations.get_opt(name).await? else {
        return Ok(None);
    };
    let credentials = secrets
        .get_opt(&resource.spec.credentials.secret_ref.name)
        .await?;
    Ok(Some(Integration {
        credentials: {
            let mut credentials = Credentials::read(&resource.spec, credentials.as_ref());
            let uid = resource.uid().unwrap_or_default();
            sources.versions.keep(&uid, &mut credentials);
            credentials
        },
        resource,
    }))
}

async fn old_token_secret(
    secrets: &Reads<Secret>,
    connection: &ZoomConnection,
    owner: &Owner,
) -> Result<Option<String>, Error> {
    let status = connection.status.as_ref();
    let named = status.and_then(|status| status.token.as_ref()?.secret_name.clone());
    let Some(old) = named.filter(|old| *old != owner.secret_name) else {
        return Ok(None);
    };
    let secret = secrets.get_opt(&old).await?;
    let ours = matches!(
        token_secret::read(owner, secret.as_ref()),
        TokenSecret::Ours(_)
    );
    Ok(ours.then_some(old))
}

async fn import(connection: &ZoomConnection, secrets: &Reads<Secret>) -> Result<Import, Error> {
    let Some(reference) = &connection.spec.import_secret_ref else {
        return Ok(Import::NotWanted);
    };
    let name = &reference.name;
    let Some(secret) = secrets.get_opt(name).await? else {
        return Ok(Import::Awaited(format!(
            "Secret {name} of importSecretRef does not exist: create it with the key {REFRESH_TOKEN}."
        )));
    };
    let token = secret::importable(&secret);
    Ok(match token {
        Some(token) => Import::Present(token),
        None => Import::Awaited(format!(
            "Secret {name} of importSecretRef has no text under the key {REFRESH_TOKEN}: put the grant's current refresh token there."
        )),
    })
}

async fn consents(
    sources: Sources<'_>,
    connection: &ZoomConnection,
) -> Result<Vec<Consent>, Error> {
    if sources.config.connect_url.is_none() {
        return Ok(Vec::new());
    }
    let secrets: Reads<Secret> = sources.reader.within(&sources.config.lease_namespace);
    let selector = format!(
        "{}={},{}={},{}={}",
        label::USE,
        label::CONSENT,
        label::NAMESPACE,
        connection.namespace().unwrap_or_default(),
        label::CONNECTION,
        connection.name_any(),
    );
    let found = secrets
        .list(&ListParams::default().labels(&selector))
        .await?;
    let mut consents: Vec<Consent> = found
        .iter()
        .filter(|secret| secret.type_.as_deref() == Some(consent::SECRET_TYPE))
        .map(Consent::of)
        .collect();
    consents.sort_by_key(|consent| consent.handoff.as_ref().map(|handoff| handoff.authorized));
    Ok(consents)
}

/// UID of an object's namespace.
///
/// # Errors
/// When a request to the API server fails.
pub async fn namespace_uid(
    reader: &Reader,
    object: &impl Resource<DynamicType = ()>,
) -> Result<String, Error> {
    let namespaces: Reads<Namespace> = reader.of_cluster();
    let name = object.namespace().unwrap_or_default();
    let namespace: PartialObjectMeta<Namespace> = namespaces.get_metadata(&name).await?;
    Ok(namespace.uid().unwrap_or_default())
}

/// Since when an object's namespace is being deleted; `None` if it is not.
///
/// # Errors
/// When a request to the API server fails.
pub async fn namespace_ends(
    reader: &Reader,
    object: &impl Resource<DynamicType = ()>,
) -> Result<Option<Timestamp>, Error> {
    let namespaces: Reads<Namespace> = reader.of_cluster();
    let name = object.namespace().unwrap_or_default();
    let namespace: PartialObjectMeta<Namespace> = namespaces.get_metadata(&name).await?;
    Ok(namespace.metadata.deletion_timestamp.map(|time| time.0))
}

/// An attempt that another process recorded, and whether that process may still be working on it.
async fn foreign_attempt(
    sources: Sources<'_>,
    found: &GrantSecret,
) -> Result<Option<ForeignAttempt>, Error> {
    let GrantSecret::Ours(kept) = found else {
        return Ok(None);
    };
    let Some(intent) = &kept.grant.intent else {
        return Ok(None);
    };
    if !sources.term.is_foreign(intent) {
        return Ok(None);
    }
    let pods: Reads<Pod> = sources.reader.within(&sources.config.lease_namespace);
    let pod = pods.get_metadata_opt(&intent.holder.pod).await?;
    Ok(Some(ForeignAttempt {
        intent: intent.clone(),
        is_pod_gone: pod.is_none(),
    }))
}
