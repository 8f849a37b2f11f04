//! Asks a tenant's receivers what they know.
//!
//! Only Pods that the integration's own Deployment made are asked: a Pod that merely carries the
//! labels could claim anything. A receiver can lie about its own tenant only.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::Pod,
};
use kube::{Api, ResourceExt as _, api::ListParams};

use super::resources;
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::Context,
    receiver::facts::{Facts, MAX_BYTES},
};

/// A receiver answers from memory.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the integration's receivers know together; `None` when none could be asked.
pub async fn gather(
    context: &Context,
    integration: &ZoomIntegration,
    deployment: &Deployment,
) -> Option<Facts> {
    match try_gather(context, integration, deployment).await {
        Ok(facts) => facts,
        Err(error) => {
            tracing::debug!(%error, "failed to find the receiver's Pods");
            None
        }
    }
}

async fn try_gather(
    context: &Context,
    integration: &ZoomIntegration,
    deployment: &Deployment,
) -> Result<Option<Facts>, kube::Error> {
    let pods: Api<Pod> = context.beside(integration);
    let sets: Api<ReplicaSet> = context.beside(integration);
    let params = ListParams::default().labels(&resources::selector(integration));
    let mut known: Option<Facts> = None;
    for pod in pods.list(&params).await? {
        let Some(set) = owner(&pod, "ReplicaSet") else {
            continue;
        };
        let Some(set) = sets
            .get_metadata_opt(&set.name)
            .await?
            .filter(|found| found.uid().as_deref() == Some(&set.uid))
        else {
            continue;
        };
        let ours = owner(&set, "Deployment")
            .is_some_and(|found| Some(&found.uid) == deployment.metadata.uid.as_ref());
        let address = pod.status.and_then(|status| status.pod_ip);
        let Some(address) = address.filter(|_| ours) else {
            continue;
        };
        match ask(&context.facts, &address).await {
            Ok(facts) => {
                known = Some(match known {
                    Some(known) => known.merged(facts),
                    None => facts,
                });
            }
            Err(error) => tracing::debug!(%error, pod = address, "a receiver gives no facts"),
        }
    }
    Ok(known)
}

fn owner<'a, K: kube::Resource>(
    object: &'a K,
    kind: &str,
) -> Option<&'a k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference> {
    object
        .meta()
        .owner_references
        .as_ref()?
        .iter()
        .find(|owner| owner.controller == Some(true) && owner.kind == kind)
}

async fn ask(http: &reqwest::Client, address: &str) -> anyhow::Result<Facts> {
    let host = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    };
    let mut response = http
        .get(format!("http://{host}:{}/facts", resources::FACTS_PORT))
        .timeout(TIMEOUT)
        .send()
        .await?
        .error_for_status()?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        anyhow::ensure!(body.len() <= MAX_BYTES, "too many facts");
    }
    Ok(Facts::from_json(&body)?)
}
