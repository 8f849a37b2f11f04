//! The Ingress of a receiver: one host and its paths.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};

use super::{
    names::{metadata, name},
    paths::paths,
};
use crate::{
    api::v1alpha1::{Webhook, ZoomIntegration},
    controller::{config::ReceiverPolicy, integration::own_metadata::of_endpoint},
};

/// `None` unless `endpoint.ingress` is set.
pub(super) fn build(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    policy: &ReceiverPolicy,
) -> Option<Ingress> {
    let endpoint = webhook.endpoint.as_ref()?;
    let wanted = endpoint.ingress.as_ref()?;
    let path_type = wanted.path_type.or(policy.defaults.ingress_path_type);
    let path_type = path_type.unwrap_or_default().as_str();
    let path = |path: &str| HTTPIngressPath {
        path: Some(path.into()),
        path_type: path_type.into(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: name(integration),
                port: Some(ServiceBackendPort {
                    name: Some("http".into()),
                    number: None,
                }),
            }),
            resource: None,
        },
    };
    let tls = wanted.tls_secret_name.as_ref().map(|secret| {
        vec![IngressTLS {
            hosts: Some(vec![endpoint.host.clone()]),
            secret_name: Some(secret.clone()),
        }]
    });
    let mut metadata = metadata(integration);
    of_endpoint(endpoint, &policy.keys).add_to(&mut metadata);
    Some(Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: wanted.class_name.clone(),
            tls,
            rules: Some(vec![IngressRule {
                host: Some(endpoint.host.clone()),
                http: Some(HTTPIngressRuleValue {
                    paths: paths(integration, webhook).into_iter().map(path).collect(),
                }),
            }]),
            default_backend: None,
        }),
        ..Ingress::default()
    })
}
