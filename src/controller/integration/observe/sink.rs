//! Reads whether the sink may be used.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Secret, Service, ServicePort};
use kube::ResourceExt as _;

use crate::{
    api::{
        label,
        v1alpha1::{Webhook, ZoomIntegration},
    },
    controller::{
        error::Error,
        integration::model::{SinkSecret, SinkService},
        reader::{Reader, Reads},
    },
};

/// Reads whether the sink may be used: the labels of its Secret and the type of its Service.
pub(super) async fn sink(
    reader: &Reader,
    integration: &ZoomIntegration,
) -> Result<(SinkSecret, (SinkService, Option<Vec<IpAddr>>)), Error> {
    let Some(webhook) = &integration.spec.webhook else {
        return Ok((SinkSecret::Usable, (SinkService::Usable, None)));
    };
    let secrets: Reads<Secret> = reader.beside(integration);
    Ok(futures::try_join!(
        sink_secret(&secrets, webhook),
        sink_service(reader, integration, webhook)
    )?)
}

async fn sink_secret(
    secrets: &Reads<Secret>,
    webhook: &Webhook,
) -> Result<SinkSecret, kube::Error> {
    let Some(name) = webhook.sink_secret() else {
        return Ok(SinkSecret::Usable);
    };
    let found = secrets.get_metadata_opt(name).await?;
    Ok(match found {
        None => SinkSecret::Absent,
        Some(secret)
            if secret.labels().get(label::USE).map(String::as_str) == Some(label::SINK) =>
        {
            SinkSecret::Usable
        }
        Some(_) => SinkSecret::Unlabelled,
    })
}

async fn sink_service(
    reader: &Reader,
    integration: &ZoomIntegration,
    webhook: &Webhook,
) -> Result<(SinkService, Option<Vec<IpAddr>>), kube::Error> {
    let Some(service) = webhook.sink_service() else {
        return Ok((SinkService::Usable, None));
    };
    let services: Reads<Service> = reader.beside(integration);
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
