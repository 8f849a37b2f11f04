//! The Service that a sink refers to: whether it may be used, and with which addresses.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Service, ServicePort};

use super::reader::{Reader, Reads};
use crate::api::v1alpha1::ServiceRef;

/// The Service that the sink refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinkService {
    /// It exists, or none is configured.
    #[default]
    Usable,
    /// It does not exist.
    Absent,
    /// It does not have this port.
    NoPort,
    /// It is an external name, which may lead out of the cluster.
    External,
}

/// Reads the Service of a sink in `namespace`, and its addresses; `None` where its Pods answer for its name.
///
/// # Errors
/// When the request fails.
pub async fn judge(
    reader: &Reader,
    namespace: &str,
    service: &ServiceRef,
) -> Result<(SinkService, Option<Vec<IpAddr>>), kube::Error> {
    let services: Reads<Service> = reader.within(namespace);
    let Some(found) = services.get_opt(&service.name).await? else {
        // One that appears later was not judged: it may lead anywhere by a name.
        return Ok((SinkService::Absent, Some(Vec::new())));
    };
    let spec = found.spec.unwrap_or_default();
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    let port = service.port.unwrap_or(80);
    let has_port = |ports: &Vec<ServicePort>| ports.iter().any(|known| known.port == port);
    let addresses = spec.cluster_ips.iter().flatten();
    let addresses = addresses.filter_map(|address| address.parse().ok());
    // The name of a headless Service leads to its Pods, which come and go.
    let addresses = (!is_headless).then(|| addresses.collect());
    let finding = if spec.type_.as_deref() == Some("ExternalName") {
        SinkService::External
    } else if !is_headless && !spec.ports.as_ref().is_some_and(has_port) {
        // Behind a headless Service, every port of the Pods can be reached.
        SinkService::NoPort
    } else {
        SinkService::Usable
    };
    Ok((finding, addresses))
}
