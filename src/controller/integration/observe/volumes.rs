//! Reads the volume claims of a receiver whose volumes have to grow; for others it costs no request.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt as _;

use crate::{
    api::{label, v1alpha1::ZoomIntegration},
    controller::{
        error::Error,
        integration::{
            model::{Claimed, Receiver, Volumes},
            ownership::owned,
            resources::{self, Kind},
        },
        reader::{Reader, Reads},
    },
};

/// Reads the claims; `None` if no volume has to grow.
pub(super) async fn volumes(
    reader: &Reader,
    integration: &ZoomIntegration,
    receiver: &Receiver,
) -> Result<Option<Volumes>, Error> {
    let webhook = integration.spec.webhook.as_ref();
    let wanted = webhook.and_then(|webhook| webhook.buffer.as_ref());
    let wanted = wanted.filter(|wanted| Kind::of(Some(wanted)) == Kind::StatefulSet);
    let live = receiver.stateful_set.as_ref();
    let live = live.filter(|live| owned(integration, *live));
    let (Some(wanted), Some(live)) = (wanted, live) else {
        return Ok(None);
    };
    let Some(size) = resources::expansion(live, wanted) else {
        return Ok(None);
    };
    let claims: Reads<PersistentVolumeClaim> = reader.beside(integration);
    let mut found = Volumes {
        size,
        claims: Vec::new(),
        unreadable: None,
    };
    for ordinal in 0..resources::buffers(integration, live) {
        let name = resources::claim_name(&format!("{}-{ordinal}", live.name_any()));
        match claims.get_opt(&name).await {
            Ok(claim) => {
                let claim = claim.filter(|claim| is_ours(integration, claim));
                found.claims.extend(claim.as_ref().map(Claimed::from));
            }
            Err(kube::Error::Api(status)) if status.code == 403 => {
                found.unreadable = Some(status.message.clone());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(found))
}

/// Whether the claim was made from our template.
fn is_ours(integration: &ZoomIntegration, claim: &PersistentVolumeClaim) -> bool {
    let labels = claim.labels();
    let has = |key: &str, value: &str| labels.get(key).map(String::as_str) == Some(value);
    has(label::MANAGED_BY, label::MANAGER) && has(label::INTEGRATION, &integration.name_any())
}
