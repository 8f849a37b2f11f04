//! Reads the receiver's objects: from the index if it knows them, otherwise from the API server.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Secret, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    ResourceExt as _,
    api::{PartialObjectMeta, PartialObjectMetaExt as _},
};

use crate::{
    api::{condition::Type, v1alpha1::ZoomIntegration},
    controller::{
        config::ReceiverPolicy,
        error::Error,
        index::{Index, Watched},
        integration::{
            apply::control::token_in,
            buffer_finalizer, lifecycle,
            model::Receiver,
            resources::{self, HTTPRoute, Kind, Part},
        },
        reader::{Reader, Reads},
    },
};

/// Reads the receiver's objects.
pub(super) async fn receiver(
    reader: &Reader,
    policy: &ReceiverPolicy,
    integration: &ZoomIntegration,
) -> Result<Receiver, Error> {
    // An app that never had a receiver costs no request.
    let had_one = integration.status.as_ref().is_some_and(|status| {
        // Without a webhook the condition says that its removal was refused.
        status.webhook.is_some() || Type::ReceiverAvailable.find(&status.conditions).is_some()
    });
    if integration.spec.webhook.is_none()
        && !had_one
        && !buffer_finalizer::has_finalizer(integration)
    {
        return Ok(Receiver::default());
    }
    let name = resources::name(integration);
    let set_name = resources::workload_name(&integration.name_any(), Kind::StatefulSet);
    let deployments: Reads<Deployment> = reader.beside(integration);
    let stateful_sets: Reads<StatefulSet> = reader.beside(integration);
    let services: Reads<Service> = reader.beside(integration);
    let accounts: Reads<ServiceAccount> = reader.beside(integration);
    let budgets: Reads<PodDisruptionBudget> = reader.beside(integration);
    let policies: Reads<NetworkPolicy> = reader.beside(integration);
    let ingresses: Reads<Ingress> = reader.beside(integration);
    let routes: Reads<HTTPRoute> = reader.beside(integration);
    let secrets: Reads<Secret> = reader.beside(integration);
    let control = resources::control_name(integration);
    let lifecycle = resources::lifecycle_name(integration);
    let may_have_lifecycle =
        lifecycle::is_wanted(integration) || lifecycle::before(integration).is_some();
    let index = reader.index();
    let declared = resources::declared(integration, policy);
    let is_declared = |part| declared.contains(&part);
    let known = workloads(index, integration).live(integration);
    let may_have_control = is_declared(Part::ControlSecret)
        || integration.spec.webhook.is_none()
        || known.iter().any(|live| live.buffered);
    let (
        deployment,
        stateful_set,
        service,
        service_account,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
        control,
        lifecycle,
    ) = futures::try_join!(
        known_or_read(index, &deployments, &name, is_declared(Part::Deployment)),
        known_or_read(
            index,
            &stateful_sets,
            &set_name,
            is_declared(Part::StatefulSet)
        ),
        known_or_read(index, &services, &name, is_declared(Part::Service)),
        known_or_read(index, &accounts, &name, is_declared(Part::ServiceAccount)),
        known_or_read(
            index,
            &budgets,
            &name,
            is_declared(Part::PodDisruptionBudget)
        ),
        known_or_read(index, &policies, &name, is_declared(Part::NetworkPolicy)),
        known_or_read(index, &ingresses, &name, is_declared(Part::Ingress)),
        known_or_defined(index, &routes, &name, is_declared(Part::HttpRoute)),
        control_secret(&secrets, &control, may_have_control),
        secret(&secrets, &lifecycle, may_have_lifecycle),
    )?;
    let control_lacks_token = control
        .as_ref()
        .is_some_and(|found| token_in(found).is_none());
    let control = control.map(|found| found.metadata.into_response_partial());
    Ok(Receiver {
        deployment,
        stateful_set,
        service,
        service_account,
        disruption_budget,
        network_policy,
        ingress,
        http_route,
        control,
        control_lacks_token,
        lifecycle,
    })
}

/// The receiver's workloads, as far as the index knows.
pub fn workloads(index: &Index, integration: &ZoomIntegration) -> Receiver {
    let namespace = integration.namespace().unwrap_or_default();
    let name = |kind| resources::workload_name(&integration.name_any(), kind);
    let deployment = index.get::<Deployment>(&namespace, &name(Kind::Deployment));
    let stateful_set = index.get::<StatefulSet>(&namespace, &name(Kind::StatefulSet));
    Receiver {
        deployment: deployment.map(|found| (*found).clone()),
        stateful_set: stateful_set.map(|found| (*found).clone()),
        ..Receiver::default()
    }
}

/// Reads an object from the index if possible. The index holds only objects with our labels. Whether somebody
/// else's object has the name matters only if one of ours is declared.
async fn known_or_read<K: Watched>(
    index: &Index,
    reads: &Reads<K>,
    name: &str,
    is_declared: bool,
) -> Result<Option<K>, kube::Error> {
    match known(index, reads, name, is_declared) {
        Some(known) => Ok(known),
        None => reads.get_opt(name).await,
    }
}

/// What the index knows about an object: `None` if the API server must be asked.
#[expect(clippy::option_option, reason = "known to be absent is not unknown")]
fn known<K: Watched>(
    index: &Index,
    reads: &Reads<K>,
    name: &str,
    is_declared: bool,
) -> Option<Option<K>> {
    let namespace = reads.namespace();
    match index.get::<K>(namespace, name) {
        Some(known) => Some(Some((*known).clone())),
        None if !is_declared && index.is_complete::<K>(namespace) => Some(None),
        None => None,
    }
}

/// Reads the Secret with the token of the control port: one without it is worth nothing.
async fn control_secret(
    secrets: &Reads<Secret>,
    name: &str,
    may_exist: bool,
) -> Result<Option<Secret>, kube::Error> {
    if !may_exist {
        return Ok(None);
    }
    secrets.get_opt(name).await
}

/// Reads the metadata of a Secret that may exist.
async fn secret(
    secrets: &Reads<Secret>,
    name: &str,
    may_exist: bool,
) -> Result<Option<PartialObjectMeta<Secret>>, kube::Error> {
    if !may_exist {
        return Ok(None);
    }
    secrets.get_metadata_opt(name).await
}

/// Reads an object whose kind the cluster may not define. The API server then answers in plain text, which
/// the library's `get_opt` does not recognize as "not found".
async fn known_or_defined(
    index: &Index,
    routes: &Reads<HTTPRoute>,
    name: &str,
    is_declared: bool,
) -> Result<Option<HTTPRoute>, kube::Error> {
    if let Some(known) = known(index, routes, name, is_declared) {
        return Ok(known);
    }
    match routes.get(name).await {
        Ok(route) => Ok(Some(route)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_workloads_are_found_by_the_names_that_they_are_made_with() {
        let integration = format!("a{}", "b".repeat(51));
        let index = Index::default();
        let metadata = |name: String| json!({"metadata": {"name": name, "namespace": "clinics"}});
        let deployment = metadata(format!("{integration}-receiver"));
        let set = metadata(format!("a{}-9684f519-receiver", "b".repeat(33)));
        index.apply::<Deployment>(serde_json::from_value(deployment).unwrap());
        index.apply::<StatefulSet>(serde_json::from_value(set).unwrap());
        let integration: ZoomIntegration = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": integration, "namespace": "clinics"},
            "spec": {
                "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
        }))
        .unwrap();
        let found = workloads(&index, &integration);
        assert!(found.deployment.is_some());
        assert!(found.stateful_set.is_some());
    }
}
