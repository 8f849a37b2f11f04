//! Reads whether the sink may be used.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

use crate::{
    api::{
        label,
        v1alpha1::{Webhook, ZoomIntegration},
    },
    controller::{
        error::Error,
        integration::model::SinkSecret,
        reader::{Reader, Reads},
        sink_service::{self, SinkService},
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
    let namespace = integration.namespace().unwrap_or_default();
    sink_service::judge(reader, &namespace, service).await
}
