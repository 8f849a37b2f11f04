//! The Service in front of a receiver: webhooks only, not the ports for probes and facts.

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::names::{metadata, selector_labels};
use crate::{api::v1alpha1::ZoomIntegration, controller::receiver_defaults::ServiceDefaults};

pub(super) fn build(integration: &ZoomIntegration, defaults: &ServiceDefaults) -> Service {
    let families = defaults.ip_families.clone();
    let annotations = defaults.annotations.clone();
    let mut metadata = metadata(integration);
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    Service {
        metadata,
        spec: Some(ServiceSpec {
            selector: Some(selector_labels(integration)),
            ports: Some(vec![ServicePort {
                name: Some("http".into()),
                port: 80,
                target_port: Some(IntOrString::String("http".into())),
                protocol: Some("TCP".into()),
                ..ServicePort::default()
            }]),
            type_: defaults.type_.clone(),
            ip_family_policy: defaults.ip_family_policy.clone(),
            ip_families: (!families.is_empty()).then_some(families),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
