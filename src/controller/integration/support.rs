//! What the schema already has and this version cannot do yet. Said plainly instead of ignored.

use crate::api::v1alpha1::{ConsentMode, HttpFormat, ProvisioningMode, ZoomIntegrationSpec};

/// The fields that ask for more than this version, or this installation, can do, each with the remedy.
#[must_use]
pub fn unsupported(spec: &ZoomIntegrationSpec, has_pages: bool) -> Vec<&'static str> {
    let webhook = spec.webhook.as_ref();
    let endpoint = webhook.and_then(|webhook| webhook.endpoint.as_ref());
    let http = webhook.and_then(|webhook| webhook.sink.http.as_ref());
    let provisioning = spec.app.provisioning.as_ref();
    [
        (
            spec.consent_mode() == Some(ConsentMode::Operator) && !has_pages,
            "oauth.consent.mode: Operator (set the chart's connect.url, or use External)",
        ),
        (
            provisioning.is_some_and(|p| p.mode != ProvisioningMode::Manual),
            "app.provisioning (use mode: Manual)",
        ),
        (
            webhook.is_some_and(|webhook| webhook.buffer.is_some()),
            "webhook.buffer (remove it)",
        ),
        (
            webhook.is_some_and(|webhook| webhook.sink.nats.is_some()),
            "webhook.sink.nats (use http)",
        ),
        (
            http.is_some_and(|http| http.format == Some(HttpFormat::Zoom)),
            "webhook.sink.http.format: Zoom (use CloudEvents)",
        ),
        (
            http.is_some_and(|http| http.credentials_secret_ref.is_some()),
            "webhook.sink.http.credentialsSecretRef (remove it)",
        ),
        (
            endpoint.is_some_and(|endpoint| endpoint.ingress.is_some()),
            "webhook.endpoint.ingress (make the Ingress yourself, to the receiver's Service)",
        ),
        (
            endpoint.is_some_and(|endpoint| endpoint.gateway.is_some()),
            "webhook.endpoint.gateway (make the HTTPRoute yourself, to the receiver's Service)",
        ),
    ]
    .into_iter()
    .filter_map(|(asked, field)| asked.then_some(field))
    .collect()
}
