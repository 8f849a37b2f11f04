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
    /// Routes to its Pods.
    Service,
    /// Runs its Pods.
    Deployment,
    /// Runs its Pods with a buffer on a volume claim.
    StatefulSet,
    /// Limits how many of its Pods are evicted at the same time.
    PodDisruptionBudget,
    /// Limits who may connect to its Pods.
    NetworkPolicy,
    /// Routes to the Service from outside the cluster.
    Ingress,
    /// Routes to the Service from outside the cluster.
    HttpRoute,
    /// Holds the token of its control port.
    ControlSecret,
    /// Holds the states that its sink is told of.
    LifecycleSecret,
}

// === impl Part ===

impl Part {
    /// The kind's name in the API.
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
            Self::ControlSecret | Self::LifecycleSecret => "Secret",
        }
    }
}

/// The parts that a receiver of this integration may have, without checking whether its host is free.
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

/// All objects of a receiver. The code that applies them destructures this without `..`, so a new kind that
/// is not applied does not compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    /// Its identity, without permissions.
    pub service_account: ServiceAccount,
    /// Routes to its Pods.
    pub service: Service,
    /// Runs its Pods.
    pub workload: Workload,
    /// Keeps all but one of its Pods running while nodes are drained.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Limits who may connect to its Pods.
    pub network_policy: Option<NetworkPolicy>,
    /// Routes to the Service from outside the cluster.
    pub ingress: Option<Ingress>,
    /// Routes to the Service from outside the cluster.
    pub http_route: Option<HTTPRoute>,
}

/// What runs a receiver's Pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Workload {
    /// Without a buffer, or with an ephemeral one.
    Deployment(Box<Deployment>),
    /// With a buffer on a volume claim.
    StatefulSet(Box<StatefulSet>),
}
