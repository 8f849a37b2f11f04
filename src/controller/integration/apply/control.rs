//! The token of a receiver's control port.

use data_encoding::HEXLOWER;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::Api;

use crate::{
    api::{label, v1alpha1::ZoomIntegration},
    controller::{Context, error::Error, integration::resources, published},
};

/// Makes the Secret with the token of the control port. It is never written again: whoever holds the token
/// reads it when he needs it.
pub(super) async fn make_control(
    context: &Context,
    integration: &ZoomIntegration,
) -> Result<(), Error> {
    let mut token = [0_u8; 32];
    if let Err(error) = getrandom::fill(&mut token) {
        tracing::error!(%error, "the system has no random bytes");
        return Ok(());
    }
    context.leadership.check()?;
    let mut metadata = resources::control_metadata(integration);
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(label::USE.into(), label::CONTROL.into());
    let secret = Secret {
        metadata,
        data: Some(
            [(
                "token".to_owned(),
                ByteString(HEXLOWER.encode(&token).into_bytes()),
            )]
            .into(),
        ),
        ..Secret::default()
    };
    let secrets: Api<Secret> = context.beside(integration);
    secrets
        .create(&published::parameters(), &secret)
        .await
        .map_err(Error::from_write)?;
    Ok(())
}
