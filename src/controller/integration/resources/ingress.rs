//! The Ingress of a receiver: one host, one path, exactly.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTLS, ServiceBackendPort,
};

use super::names::{metadata, name};
use crate::api::v1alpha1::{Webhook, ZoomIntegration};

/// `None` unless `endpoint.ingress` is set.
pub(super) fn build(integration: &ZoomIntegration, webhook: &Webhook) -> Option<Ingress> {
    let endpoint = webhook.endpoint.as_ref()?;
    let wanted = endpoint.ingress.as_ref()?;
    let path = HTTPIngressPath {
        path: Some(webhook.path().into()),
        path_type: "Exact".into(),
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
    Some(Ingress {
        metadata: metadata(integration),
        spec: Some(IngressSpec {
            ingress_class_name: wanted.class_name.clone(),
            tls,
            rules: Some(vec![IngressRule {
                host: Some(endpoint.host.clone()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            default_backend: None,
        }),
        ..Ingress::default()
    })
}
