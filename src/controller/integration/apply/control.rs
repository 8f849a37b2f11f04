//! The token of a receiver's control port.

use contract::receiver::files::CONTROL_TOKEN;
use data_encoding::HEXLOWER;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{PartialObjectMeta, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    api::{FIELD_MANAGER, label, v1alpha1::ZoomIntegration},
    controller::{error::Error, integration::resources, published, writer::Writer},
};

/// Creates the Secret with the token of the control port, or adopts one without an owner. The token never
/// changes: each user reads it when they need it.
pub(super) async fn ensure(
    writer: &Writer,
    integration: &ZoomIntegration,
    found: Option<&PartialObjectMeta<Secret>>,
) -> Result<(), Error> {
    match found {
        Some(found) => take_up(writer, integration, found).await,
        None => make(writer, integration).await,
    }
}

async fn take_up(
    writer: &Writer,
    integration: &ZoomIntegration,
    found: &PartialObjectMeta<Secret>,
) -> Result<(), Error> {
    let patch = json!({"metadata": {
        "resourceVersion": found.metadata.resource_version,
        "ownerReferences": resources::control_metadata(integration).owner_references,
    }});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PatchParams::default()
    };
    let secrets: Api<Secret> = writer.beside(integration)?;
    let name = resources::control_name(integration);
    secrets
        .patch(&name, &params, &Patch::Merge(patch))
        .await
        .map_err(Error::from_write)?;
    Ok(())
}

async fn make(writer: &Writer, integration: &ZoomIntegration) -> Result<(), Error> {
    let mut token = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut token) {
        tracing::error!(%error, "the system has no random bytes");
        return Ok(());
    }
    let mut metadata = resources::control_metadata(integration);
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
