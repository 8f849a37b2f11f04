//! The token of a receiver's control port.

use contract::receiver::files::CONTROL_TOKEN;
use data_encoding::HEXLOWER;
use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api,
    api::{PartialObjectMeta, Patch},
};
use serde_json::json;

use crate::{
    api::{label, v1alpha1::ZoomIntegration},
    controller::{
        Context,
        error::Error,
        integration::{
            facts,
            model::{Order, Receiver},
            ownership::owned,
            resources,
        },
        published,
        receiver_defaults::ReceiverDefaults,
        writer::Writer,
    },
};

/// Creates the Secret with the token of the control port, or adopts one without an owner, without the common labels or
/// without a token. A token never changes: each user reads it when they need it.
pub(super) async fn ensure(
    writer: &Writer,
    integration: &ZoomIntegration,
    defaults: &ReceiverDefaults,
    live: &Receiver,
) -> Result<(), Error> {
    let mut metadata = resources::control_metadata(integration);
    defaults.label(&mut metadata);
    match &live.control {
        Some(found) => take_up(writer, integration, metadata, found).await?,
        None => return make(writer, integration, metadata).await,
    }
    if live.control_lacks_token {
        token(writer, integration).await?;
    }
    Ok(())
}

/// Sends the plan's orders to Pods. The next pass repeats an order that did not arrive.
///
/// # Errors
/// When the token can neither be read nor made.
pub async fn send(
    context: &Context,
    integration: &ZoomIntegration,
    orders: &[Order],
) -> Result<(), Error> {
    if orders.is_empty() {
        return Ok(());
    }
    if let Some(token) = token(&context.writer, integration).await? {
        facts::send_orders(&context.receivers.http, &token, orders).await;
    }
    Ok(())
}

/// The token. A Secret that has lost it gets another one, which the receivers read within about a minute.
///
/// # Errors
/// When a request to the API server fails, or somebody wrote in between.
pub async fn token(
    writer: &Writer,
    integration: &ZoomIntegration,
) -> Result<Option<String>, Error> {
    let secrets: Api<Secret> = writer.beside(integration)?;
    let name = resources::control_name(integration);
    let found = secrets.get_opt(&name).await?;
    let Some(found) = found.filter(|found| owned(integration, found)) else {
        tracing::warn!(
            secret = name,
            "there is no Secret with the token of the control port"
        );
        return Ok(None);
    };
    if let Some(token) = token_in(&found) {
        return Ok(Some(token));
    }
    let Some(token) = new_token() else {
        return Ok(None);
    };
    tracing::warn!(
        secret = name,
        "the token of the control port was gone: the Secret gets another one"
    );
    let patch = json!({
        "metadata": {"resourceVersion": found.metadata.resource_version},
        "data": {CONTROL_TOKEN: ByteString(token.clone().into_bytes())},
    });
    let params = published::patch_parameters();
    let patched = secrets.patch(&name, &params, &Patch::Merge(patch)).await;
    patched.map_err(Error::from_write)?;
    Ok(Some(token))
}

/// The token in its Secret.
#[must_use]
pub fn token_in(secret: &Secret) -> Option<String> {
    let bytes = secret.data.as_ref()?.get(CONTROL_TOKEN)?;
    let token = str::from_utf8(&bytes.0).ok()?.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

fn new_token() -> Option<String> {
    let mut token = [0_u8; 32];
    match getrandom::fill(&mut token) {
        Ok(()) => Some(HEXLOWER.encode(&token)),
        Err(error) => {
            tracing::error!(%error, "the system has no random bytes");
            None
        }
    }
}

async fn take_up(
    writer: &Writer,
    integration: &ZoomIntegration,
    metadata: ObjectMeta,
    found: &PartialObjectMeta<Secret>,
) -> Result<(), Error> {
    let patch = json!({"metadata": {
        "resourceVersion": found.metadata.resource_version,
        "ownerReferences": metadata.owner_references,
        "labels": metadata.labels,
    }});
    let params = published::patch_parameters();
    let secrets: Api<Secret> = writer.beside(integration)?;
    let name = resources::control_name(integration);
    secrets
        .patch(&name, &params, &Patch::Merge(patch))
        .await
        .map_err(Error::from_write)?;
    Ok(())
}

async fn make(
    writer: &Writer,
    integration: &ZoomIntegration,
    mut metadata: ObjectMeta,
) -> Result<(), Error> {
    let Some(token) = new_token() else {
        return Ok(());
    };
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(label::USE.into(), label::CONTROL.into());
    let secret = Secret {
        metadata,
        data: Some([(CONTROL_TOKEN.to_owned(), ByteString(token.into_bytes()))].into()),
        ..Secret::default()
    };
    let secrets: Api<Secret> = writer.beside(integration)?;
    secrets
        .create(&published::parameters(), &secret)
        .await
        .map_err(Error::from_write)?;
    Ok(())
}
