//! The wanted state of the receiver's objects: pure builders, one file per kind.
//!
//! | Question | Where |
//! |---|---|
//! | Which objects are there? | `parts.rs`; a file for each kind |
//! | What is in a Pod? | `pod.rs`; its command line: `args.rs`; its files: `volumes.rs` |
//! | What does a buffer change? | `buffer.rs`, `stateful_set.rs` |
//! | What are they called? | `names.rs` |
//! | Does an object on the server differ from what was applied? | `drift.rs` |

mod args;
mod buffer;
mod deployment;
mod disruption_budget;
mod drift;
mod http_route;
mod ingress;
mod names;
mod network_policy;
mod parts;
mod paths;
mod pod;
mod quantity;
mod service;
mod service_account;
mod setting;
mod stateful_set;
mod volumes;

use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::PodTemplateSpec};
use kube::Resource;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::api::{annotation, v1alpha1::ZoomIntegration};
use data_encoding::HEXLOWER;

pub use self::{
    buffer::{is_buffered, reads_routes},
    drift::{Drift, drift},
    http_route::{HTTPRoute, ParentStatus},
    names::{
        control_metadata, control_name, lifecycle_metadata, lifecycle_name, name, routes_metadata,
        selector, workload_name,
    },
    parts::{Part, Resources, Workload, declared},
    quantity::at_least,
    setting::{Kind, Setting, SinkAccess},
    stateful_set::{buffers, claim_name, expansion, immutable, scale, size_of},
    volumes::keys as authentication_keys,
};

/// The objects of this integration's receiver; `None` without a webhook.
#[must_use]
pub fn build(integration: &ZoomIntegration, setting: &Setting<'_>) -> Option<Resources> {
    let webhook = integration.spec.webhook.as_ref()?;
    let replicas = setting.replicas.unwrap_or_else(|| webhook.replicas());
    let wanted = webhook.buffer.as_ref();
    let workload = if let (Kind::StatefulSet, Some(wanted)) = (Kind::of(wanted), wanted) {
        let buffer = setting.live.map_or_else(
            || wanted.clone(),
            |live| stateful_set::buffer_of(live, Some(wanted), setting.grown),
        );
        let template = pod::template(integration, webhook, Some(&buffer), setting);
        let set = stateful_set::build(
            integration,
            replicas,
            template.clone(),
            &buffer,
            setting.live,
        );
        Workload::StatefulSet(Box::new(sealed_workload(set, &template, setting)))
    } else {
        let template = pod::template(integration, webhook, wanted, setting);
        let deployment = deployment::build(integration, replicas, template.clone());
        Workload::Deployment(Box::new(sealed_workload(deployment, &template, setting)))
    };
    Some(Resources {
        service_account: sealed(service_account::build(integration), setting),
        service: sealed(
            service::build(integration, &setting.policy.defaults.service),
            setting,
        ),
        workload,
        disruption_budget: disruption_budget::build(integration, webhook)
            .map(|object| sealed(object, setting)),
        network_policy: network_policy::build(integration, setting.policy)
            .map(|object| sealed(object, setting)),
        ingress: ingress::build(integration, webhook, setting.policy)
            .filter(|_| setting.exposed)
            .map(|object| sealed(object, setting)),
        http_route: http_route::build(integration, webhook, &setting.policy.keys)
            .filter(|_| setting.exposed)
            .map(|object| sealed(object, setting)),
    })
}

/// The wanted state of a `StatefulSet` that is being removed, until it is empty: with the current sink and
/// settings, the volume that it has, and as many Pods as may have stored events. `None` without a webhook, because nothing says where its events go.
#[must_use]
pub fn retiring(
    integration: &ZoomIntegration,
    live: &StatefulSet,
    setting: &Setting<'_>,
) -> Option<StatefulSet> {
    let webhook = integration.spec.webhook.as_ref()?;
    let buffer = stateful_set::buffer_of(live, webhook.buffer.as_ref(), false);
    let template = pod::template(integration, webhook, Some(&buffer), setting);
    let replicas = buffers(integration, live);
    let set = stateful_set::build(integration, replicas, template.clone(), &buffer, Some(live));
    Some(sealed_workload(set, &template, setting))
}

/// Adds the labels that all receivers' objects have, and writes the object's digest into its annotations. Removing a field changes the digest; comparing fields
/// would not notice it.
fn sealed<K: Resource + Serialize>(mut object: K, setting: &Setting<'_>) -> K {
    setting.policy.defaults.label(object.meta_mut());
    let digest = digest(&object);
    let annotations = object.meta_mut().annotations.get_or_insert_default();
    annotations.insert(annotation::DESIRED.into(), digest);
    object
}

/// Seals a workload, and adds the digest of its template: only another template replaces Pods.
fn sealed_workload<K: Resource + Serialize>(
    mut object: K,
    template: &PodTemplateSpec,
    setting: &Setting<'_>,
) -> K {
    let annotations = object.meta_mut().annotations.get_or_insert_default();
    annotations.insert(annotation::DESIRED_TEMPLATE.into(), digest(template));
    sealed(object, setting)
}

fn digest(object: &impl Serialize) -> String {
    let text = serde_json::to_vec(object).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(text)[..16])
}

/// The digest with which an object was applied.
#[must_use]
pub fn seal(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][annotation::DESIRED].as_str()
}

#[cfg(test)]
mod tests;
