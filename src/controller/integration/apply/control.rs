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
        error::Error, integration::resources, published, receiver_defaults::ReceiverDefaults,
        writer::Writer,
    },
};

/// Creates the Secret with the token of the control port, or adopts one without an owner or without the common
/// labels. The token never
/// changes: each user reads it when they need it.
pub(super) async fn ensure(
    writer: &Writer,
    integration: &ZoomIntegration,
    defaults: &ReceiverDefaults,
    found: Option<&PartialObjectMeta<Secret>>,
) -> Result<(), Error> {
    let mut metadata = resources::control_metadata(integration);
    defaults.label(&mut metadata);
    match found {
        Some(found) => take_up(writer, integration, metadata, found).await,
        None => make(writer, integration, metadata).await,
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
    let mut token = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut token) {
        tracing::error!(%error, "the system has no random bytes");
        return Ok(());
    }
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(label::USE.into(), label::CONTROL.into());
    let secret = Secret {
        metadata,
        data: Some(
            [(
                CONTROL_TOKEN.to_owned(),
                ByteString(HEXLOWER.encode(&token).into_bytes()),
            )]
            .into(),
        ),
        ..Secret::default()
    };
    let secrets: Api<Secret> = writer.beside(integration)?;
    secrets
        .create(&published::parameters(), &secret)
        .await
        .map_err(Error::from_write)?;
    Ok(())
}
