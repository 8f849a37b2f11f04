//! The Secret with the lifecycle states for the sink: written when it changes, removed when it is not needed.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{PartialObjectMeta, Patch, PatchParams},
};

use crate::{
    api::{FIELD_MANAGER, annotation, v1alpha1::ZoomIntegration},
    controller::{
        error::Error,
        integration::{
            lifecycle,
            ownership::{is_controlled, owned},
        },
        published::{self, Exactly},
        receiver_defaults::ReceiverDefaults,
        writer::Writer,
    },
};
use contract::lifecycle::State;

/// Brings the Secret, of which `live` is the metadata, to these states. Somebody else's Secret is left alone; the
/// status names it.
///
/// # Errors
/// When the API server refuses, or somebody wrote in between.
pub async fn publish(
    writer: &Writer,
    integration: &ZoomIntegration,
    defaults: &ReceiverDefaults,
    live: Option<&PartialObjectMeta<Secret>>,
    states: Vec<State>,
) -> Result<(), Error> {
    if live.is_some_and(|live| !owned(integration, live)) {
        return Ok(());
    }
    let (wanted, dropped) = lifecycle::secret(integration, defaults, states);
    if dropped > 0 {
        tracing::warn!(
            dropped,
            "too many states for one Secret, the oldest are left out"
        );
    }
    write(writer, integration, live, wanted).await
}

/// Removes the Secret if there is one that is not wanted any more.
///
/// # Errors
/// When the API server refuses.
pub async fn retract(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: Option<&PartialObjectMeta<Secret>>,
    is_wanted: bool,
) -> Result<(), Error> {
    if is_wanted || lifecycle::before(integration).is_none() {
        return Ok(());
    }
    if let Some(live) = live.filter(|live| owned(integration, *live)) {
        let secrets: Api<Secret> = writer.beside(integration)?;
        published::remove(&secrets, &Exactly::of(&live.metadata)).await?;
    }
    Ok(())
}

async fn write(
    writer: &Writer,
    integration: &ZoomIntegration,
    live: Option<&PartialObjectMeta<Secret>>,
    mut wanted: Secret,
) -> Result<(), Error> {
    let Some(live) = live else {
        let secrets: Api<Secret> = writer.beside(integration)?;
        let created = secrets.create(&published::parameters(), &wanted).await;
        return created.map(drop).map_err(Error::from_write);
    };
    let digest = |annotations: &std::collections::BTreeMap<String, String>| {
        annotations.get(annotation::DESIRED).cloned()
    };
    // One from a backup has no owner, and would outlast the integration.
    let is_same = digest(live.annotations()) == digest(wanted.annotations());
    if is_same && is_controlled(integration, &live.metadata) {
        return Ok(());
    }
    let secrets: Api<Secret> = writer.beside(integration)?;
    // Whoever wrote in between wins, and the next pass looks again.
    wanted.metadata.resource_version = live.resource_version();
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let written = secrets
        .patch(&wanted.name_any(), &params, &Patch::Apply(&wanted))
        .await;
    written.map(drop).map_err(Error::from_write)
}

#[cfg(test)]
mod tests;
