//! What there is around a connection: reads only.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, PartialObjectMeta},
};
use secrecy::SecretString;

use crate::{
    api::{
        label,
        v1alpha1::{ZoomConnection, ZoomIntegration},
    },
    controller::{
        Context,
        credentials::Credentials,
        error::Error,
        grants::{
            secret::{self, GrantSecret, REFRESH_TOKEN},
            store,
        },
        token_secret::{self, Owner, TokenSecret},
    },
};
use contract::consent::{self, Handoff};
use grant::Intent;

/// What there is around a connection.
#[derive(Debug)]
pub struct Observed {
    /// The integration, and its credentials.
    pub integration: Option<Integration>,
    /// The grant.
    pub grant: GrantSecret,
    /// Whether the grant's owner references follow the deletion policy.
    pub owned_as_wished: bool,
    /// The Secret that consumers mount.
    pub token: TokenSecret,
    /// A token Secret of ours under an earlier name.
    pub old_token_secret: Option<String>,
    /// What is to be imported.
    pub import: Import,
    /// Consents that were handed over, the oldest first.
    pub consents: Vec<Consent>,
    /// UID of the namespace.
    pub namespace_uid: String,
}

// === impl Observed ===

impl Observed {
    /// When the grant's access token was requested.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        let GrantSecret::Ours(kept) = &self.grant else {
            return None;
        };
        kept.grant.access.as_ref().map(|access| access.issued_at)
    }

    /// The client id in the app's credentials.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        let credentials = &self.integration.as_ref()?.credentials;
        credentials.client_id.as_deref()
    }
}

/// The integration of a connection.
#[derive(Debug)]
pub struct Integration {
    /// The resource.
    pub resource: ZoomIntegration,
    /// Its credentials.
    pub credentials: Credentials,
}

/// A grant to be taken over.
#[derive(Debug)]
pub enum Import {
    /// None.
    NotWanted,
    /// The Secret or its key is missing: a sentence for the status.
    Awaited(String),
    /// A refresh token.
    Present(SecretString),
}

/// A consent that was handed over.
#[derive(Debug)]
pub struct Consent {
    /// Name of its Secret.
    pub secret_name: String,
    /// The Secret as it was read.
    pub secret: Secret,
    /// What it says; `None` when it cannot be read.
    pub handoff: Option<Handoff>,
}

/// Reads what there is around a connection.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn observe(context: &Context, connection: &ZoomConnection) -> Result<Observed, Error> {
    let secrets: Api<Secret> = context.beside(connection);
    let grant = secrets
        .get_opt(&secret::name(&connection.name_any()))
        .await?;
    let owner = Owner::connection(connection);
    let token = secrets.get_opt(&owner.secret_name).await?;
    let found = secret::read(connection, grant.as_ref());
    if let GrantSecret::Ours(kept) = &found {
        ask_after(context, kept.grant.intent.as_ref()).await?;
    }
    Ok(Observed {
        integration: integration(context, connection, &secrets).await?,
        owned_as_wished: grant
            .as_ref()
            .is_none_or(|grant| secret::owned_as_wished(connection, grant)),
        grant: found,
        token: token_secret::read(&owner, token.as_ref()),
        old_token_secret: old_token_secret(&secrets, connection, &owner).await?,
        import: import(connection, &secrets).await?,
        consents: consents(context, connection).await?,
        namespace_uid: namespace_uid(context, connection).await?,
    })
}

async fn integration(
    context: &Context,
    connection: &ZoomConnection,
    secrets: &Api<Secret>,
) -> Result<Option<Integration>, Error> {
    let integrations: Api<ZoomIntegration> = context.beside(connection);
    let name = &connection.spec.integration_ref.name;
    let Some(resource) = integrations.get_opt(name).await? else {
        return Ok(None);
    };
    let credentials = secrets
        .get_opt(&resource.spec.credentials.secret_ref.name)
        .await?;
    Ok(Some(Integration {
        credentials: Credentials::read(&resource.spec, credentials.as_ref()),
        resource,
    }))
}

async fn old_token_secret(
    secrets: &Api<Secret>,
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

async fn import(connection: &ZoomConnection, secrets: &Api<Secret>) -> Result<Import, Error> {
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

async fn consents(context: &Context, connection: &ZoomConnection) -> Result<Vec<Consent>, Error> {
    if context.config.connect_url.is_none() {
        return Ok(Vec::new());
    }
    let secrets: Api<Secret> =
        Api::namespaced(context.client.clone(), &context.config.lease_namespace);
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
        .into_iter()
        .filter(|secret| secret.type_.as_deref() == Some(consent::SECRET_TYPE))
        .map(|secret| Consent {
            secret_name: secret.name_any(),
            handoff: store::handoff(&secret),
            secret,
        })
        .collect();
    consents.sort_by_key(|consent| consent.handoff.as_ref().map(|handoff| handoff.authorized));
    Ok(consents)
}

/// UID of the connection's namespace.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn namespace_uid(
    context: &Context,
    connection: &ZoomConnection,
) -> Result<String, Error> {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    let name = connection.namespace().unwrap_or_default();
    let namespace: PartialObjectMeta<Namespace> = namespaces.get_metadata(&name).await?;
    Ok(namespace.uid().unwrap_or_default())
}

/// Whether the process that wrote an intent down can still be at it.
async fn ask_after(context: &Context, intent: Option<&Intent>) -> Result<(), Error> {
    let term = context.grants.term();
    let Some(pod) = intent.and_then(|intent| term.notice(intent)) else {
        return Ok(());
    };
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &context.config.lease_namespace);
    if pods.get_metadata_opt(&pod).await?.is_none() {
        term.gone(pod);
    }
    Ok(())
}
