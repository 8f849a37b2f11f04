//! The objects of a receiver, and their kinds.

use std::collections::BTreeSet;

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};

use super::{http_route::HTTPRoute, setting::Kind};
use crate::{api::v1alpha1::ZoomIntegration, controller::config::ReceiverPolicy};

/// The kinds of objects that a receiver consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Its identity.
    ServiceAccount,
    /// Leads to its Pods.
    Service,
    /// Runs its Pods.
    Deployment,
    /// Runs its Pods with a buffer on a volume claim.
    StatefulSet,
    /// Limits how many Pods go at the same time.
    PodDisruptionBudget,
    /// Who may talk to its Pods.
    NetworkPolicy,
    /// Leads to the Service from outside.
    Ingress,
    /// Leads to the Service from outside.
    HttpRoute,
    /// Holds the token of its control port.
    ControlSecret,
}

// === impl Part ===

impl Part {
    /// The kind, as the API names it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Service => "Service",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
            Self::ControlSecret => "Secret",
        }
    }
}

/// The parts that a receiver of this integration may consist of. Whether its host is free is not judged.
#[must_use]
pub fn declared(integration: &ZoomIntegration, policy: &ReceiverPolicy) -> BTreeSet<Part> {
    let Some(webhook) = &integration.spec.webhook else {
        return BTreeSet::new();
    };
    let workload = match Kind::of(webhook.buffer.as_ref()) {
        Kind::Deployment => Part::Deployment,
        Kind::StatefulSet => Part::StatefulSet,
    };
    let endpoint = webhook.endpoint.as_ref();
    [
        (Part::PodDisruptionBudget, webhook.replicas() > 1),
        (Part::NetworkPolicy, policy.network_policies),
        (
            Part::Ingress,
            endpoint.is_some_and(|endpoint| endpoint.ingress.is_some()),
        ),
        (
            Part::HttpRoute,
            endpoint.is_some_and(|endpoint| endpoint.gateway.is_some()),
        ),
        (Part::ControlSecret, webhook.buffer.is_some()),
    ]
    .into_iter()
    .filter_map(|(part, is_declared)| is_declared.then_some(part))
    .chain([Part::ServiceAccount, Part::Service, workload])
    .collect()
}

/// All objects of a receiver. Destructured without `..` where they are applied, so that a new kind
/// that nobody applies does not compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    /// Its identity, without permissions.
    pub service_account: ServiceAccount,
    /// Leads to its Pods.
    pub service: Service,
    /// Runs its Pods.
    pub workload: Workload,
    /// Keeps all but one of them while nodes are emptied.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Who may talk to them.
    pub network_policy: Option<NetworkPolicy>,
    /// Leads to the Service from outside.
    pub ingress: Option<Ingress>,
    /// Leads to the Service from outside.
    pub http_route: Option<HTTPRoute>,
}

/// What runs a receiver's Pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// Without a buffer, or with one that goes with its Pod.
    Deployment(Box<Deployment>),
    /// With a buffer on a volume claim.
    StatefulSet(Box<StatefulSet>),
}
