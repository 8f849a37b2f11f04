//! Lets the volume claims of a buffer ask for more. Whether the volumes can grow is decided by their
//! storage class, and the API server answers for it.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Api, api::Patch};
use serde_json::json;

use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{error::Error, integration::model::Expansion, published, writer::Writer},
};

/// Expands the claims. Returns the first sentence with which the API server refused.
///
/// # Errors
/// When it cannot be reached.
pub(super) async fn expand(
    writer: &Writer,
    integration: &ZoomIntegration,
    expansion: &Expansion,
    later: &mut Option<String>,
) -> Result<Option<String>, Error> {
    let api: Api<PersistentVolumeClaim> = writer.beside(integration)?;
    let size = &expansion.size.0;
    let patch = json!({"spec": {"resources": {"requests": {"storage": size}}}});
    let params = published::patch_parameters();
    let mut refused = None;
    for name in &expansion.claims {
        match api.patch(name, &params, &Patch::Merge(&patch)).await {
            Ok(_) => tracing::info!(claim = name, size, "expanding a volume"),
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => {
                let error = Error::from_write(error);
                let is_final = error.is_final();
                // A policy may answer with any code.
                let sentence = error.into_refusal()?;
                if is_final {
                    refused.get_or_insert(sentence);
                } else {
                    tracing::warn!(claim = name, sentence, "a volume could not be expanded");
                    later.get_or_insert(sentence);
                }
            }
        }
    }
    Ok(refused)
}
