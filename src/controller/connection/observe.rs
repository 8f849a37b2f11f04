//! Observes the state around a connection. Reads only.

mod access;

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::{Resource, ResourceExt as _, api::PartialObjectMeta};

use self::access::{Sight, access};
use super::{
    holder::holder,
    model::{
        AppAccess, CONSENT_PREFIX, Consent, ForeignAttempt, Import, Integration, Observed, Read,
        pinned,
    },
};
use crate::{
    api::{
        label,
        v1alpha1::{Management, ZoomConnection, ZoomIntegration},
    },
    controller::{
        Context,
        config::Args,
        credentials::{Credentials, Versions},
        error::Error,
        grants::{
            LeaderTerm,
            secret::{self, GrantSecret, REFRESH_TOKEN},
        },
        handed_over::{Wanted, handed_over},
        index::Index,
        key::Key,
        published::Exactly,
        reader::{Reader, Reads},
        removals::{self, Removals},
        token_secret::{self, Owner, TokenSecret},
    },
};
use contract::facts::Removal;

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
    // A new token is created, which fails if there is a Secret after all.
    let token = reader
        .secret_if_known(connection, &owner.secret_name)
        .await?;
    let namespace = known_namespace(reader, connection, &read.grant).await?;
    let (access, integration) = integration(sources, connection, &namespace).await?;
    let app = integration.as_ref().map(Integration::app_id);
    let app = app.unwrap_or_default();
    let removals = removals(reader.index(), connection, integration.as_ref());
    let consents = consents(sources, connection, &BTreeSet::new()).await?;
    Ok(Observed {
        foreign_attempts: foreign_attempts(sources, &read.grant, &consents).await?,
        removed_at: last_removal(connection, removals.as_ref(), |known| &known.verified),
        claimed_at: last_removal(connection, removals.as_ref(), |known| &known.unverified),
        other: holder(reader.index(), connection, app, &read.grant),
        integration,
        access,
        grant: read.grant,
        grant_version: read.version,
        follows_policy: read.follows_policy,
        token: token_secret::read(&owner, token.as_ref()),
        old_token_secret: old_token_secret(&secrets, connection, &owner).await?,
        import: import(connection, &secrets).await?,
        consents,
        namespace_uid: namespace.uid().unwrap_or_default(),
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

/// The key of the connection's integration.
#[must_use]
pub fn integration_key(connection: &ZoomConnection) -> Key {
    let (namespace, name) = connection.integration();
    Key::integration(namespace, name)
}

/// What the receivers of the connection's integration were told of removals, and who manages its app.
fn removals(
    index: &Index,
    connection: &ZoomConnection,
    integration: Option<&Integration>,
) -> Option<(Removals, Option<Management>)> {
    let management = integration?.resource.spec.app.management;
    Some((index.removals(&integration_key(connection)), management))
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
    namespace: &PartialObjectMeta<Namespace>,
) -> Result<(AppAccess, Option<Integration>), Error> {
    let (access, found) = referred(sources.reader, sources.config, connection, namespace).await?;
    let integration = found.map(|(resource, secret)| {
        let mut credentials = Credentials::read(&resource.spec, secret.as_ref());
        let uid = resource.uid().unwrap_or_default();
        sources.versions.keep(&uid, &mut credentials);
        Integration {
            resource,
            credentials,
        }
    });
    Ok((access, integration))
}

/// The integration that a connection refers to, and the Secret with its credentials; nothing if the connection,
/// in this namespace, may not use it. What a tenant is told does not depend on whether an integration that may
/// not be used exists.
///
/// # Errors
/// When a request to the API server fails.
pub async fn referred(
    reader: &Reader,
    config: &Args,
    connection: &ZoomConnection,
    namespace: &PartialObjectMeta<Namespace>,
) -> Result<(AppAccess, Option<(ZoomIntegration, Option<Secret>)>), Error> {
    let reference = &connection.spec.integration_ref;
    let own = connection.namespace().unwrap_or_default();
    let home = reference.namespace(&own);
    let sight = Sight::of(config, home);
    let found = if sight.home {
        reader.integration(home, &reference.name).await?
    } else {
        None
    };
    let labels = namespace.metadata.labels.clone().unwrap_or_default();
    let access = access(connection, found.as_ref(), &labels, sight);
    let found = found.filter(|_| !matches!(access, AppAccess::Refused(_)));
    let Some(integration) = found else {
        return Ok((access, None));
    };
    let secrets: Reads<Secret> = reader.within(home);
    let name = &integration.spec.credentials.secret_ref.name;
    let secret = secrets.get_opt(name).await?;
    Ok((access, Some((integration, secret))))
}

async fn old_token_secret(
    secrets: &Reads<Secret>,
    connection: &ZoomConnection,
    owner: &Owner,
) -> Result<Option<Exactly>, Error> {
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
    let secret = secret.filter(|_| ours);
    Ok(secret.map(|secret| Exactly::of(&secret.metadata)))
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
    Ok(import_in(name, &secret))
}

/// What a Secret to import holds.
fn import_in(name: &str, secret: &Secret) -> Import {
    let remedy = "Put the grant's current refresh token there.";
    match secret::importable(secret) {
        Ok(token) => Import::Present(token),
        Err(None) => Import::Awaited(format!(
            "Secret {name} of importSecretRef has no key {REFRESH_TOKEN}. {remedy}"
        )),
        Err(Some(problem)) => Import::Awaited(format!(
            "Secret {name} of importSecretRef: key {REFRESH_TOKEN} {problem}. {remedy}"
        )),
    }
}

/// The consents of a connection, the oldest first, without those that are `done`.
///
/// # Errors
/// When a request to the API server fails.
pub async fn consents(
    sources: Sources<'_>,
    connection: &ZoomConnection,
    done: &BTreeSet<String>,
) -> Result<Vec<Consent>, Error> {
    if sources.config.connect_url.is_none() {
        return Ok(Vec::new());
    }
    let selector = format!(
        "{}={},{}={},{}={}",
        label::USE,
        label::CONSENT,
        label::NAMESPACE,
        connection.namespace().unwrap_or_default(),
        label::CONNECTION,
        connection.name_any(),
    );
    let status = connection.status.as_ref();
    let told = status.and_then(|status| status.consent.as_ref());
    let told = told.map(|told| format!("{CONSENT_PREFIX}{}", told.transaction));
    let wanted = Wanted {
        namespace: &sources.config.lease_namespace,
        key: &Key::from(connection),
        selectors: &[selector],
        told: told.as_deref(),
        done,
    };
    let found = handed_over(sources.reader, wanted, |_| true).await?;
    let mut consents: Vec<Consent> = found.own.iter().map(Consent::of).collect();
    consents.sort_by_key(Consent::since);
    Ok(consents)
}

/// The metadata of a connection's namespace: what the watch knows, if the grant was stored for this very namespace.
/// Only then it cannot be that of an earlier namespace of this name.
async fn known_namespace(
    reader: &Reader,
    connection: &ZoomConnection,
    found: &GrantSecret,
) -> Result<PartialObjectMeta<Namespace>, Error> {
    if let GrantSecret::Ours(kept) = found {
        let name = connection.namespace().unwrap_or_default();
        let known = reader.index().namespace(&name);
        let known = known.filter(|known| known.metadata.uid.as_ref() == Some(&kept.namespace_uid));
        if let Some(known) = known {
            return Ok(known);
        }
    }
    namespace(reader, connection).await
}

/// The metadata of an object's namespace.
///
/// # Errors
/// When a request to the API server fails.
pub async fn namespace(
    reader: &Reader,
    object: &impl Resource<DynamicType = ()>,
) -> Result<PartialObjectMeta<Namespace>, Error> {
    let namespaces: Reads<Namespace> = reader.of_cluster();
    let name = object.namespace().unwrap_or_default();
    Ok(namespaces.get_metadata(&name).await?)
}

/// Since when an object's namespace is being deleted; `None` if it is not.
///
/// # Errors
/// When a request to the API server fails.
pub async fn namespace_ends(
    reader: &Reader,
    object: &impl Resource<DynamicType = ()>,
) -> Result<Option<Timestamp>, Error> {
    let namespace = namespace(reader, object).await?;
    Ok(namespace.metadata.deletion_timestamp.map(|time| time.0))
}

/// The attempts that other processes recorded, to refresh the grant or to redeem consents, and whether those processes
/// may still be working on them.
async fn foreign_attempts(
    sources: Sources<'_>,
    found: &GrantSecret,
    consents: &[Consent],
) -> Result<Vec<ForeignAttempt>, Error> {
    let own = match found {
        GrantSecret::Ours(kept) => Some(&kept.grant),
        _ => None,
    };
    let consents = consents.iter().filter_map(|consent| consent.grant.as_ref());
    let intents = own
        .into_iter()
        .chain(consents)
        .filter_map(|grant| grant.intent.as_ref())
        .filter(|intent| sources.term.is_foreign(intent));
    let mut attempts = Vec::new();
    for intent in intents {
        // The name comes from a Secret that the tenant can write.
        let is_pod_gone = if sources.term.is_near(intent) && is_name(&intent.holder.pod) {
            let pods: Reads<Pod> = sources.reader.within(&sources.config.lease_namespace);
            pods.get_metadata_opt(&intent.holder.pod).await?.is_none()
        } else {
            false
        };
        attempts.push(ForeignAttempt {
            intent: intent.clone(),
            is_pod_gone,
        });
    }
    Ok(attempts)
}

/// RFC 1123 subdomain.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(is_allowed) && !text.contains("..")
}

#[cfg(test)]
mod tests;
