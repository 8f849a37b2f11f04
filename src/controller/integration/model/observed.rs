//! The observed state around an integration.

use std::net::IpAddr;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{Secret, Service, ServiceAccount},
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, api::PartialObjectMeta};

use super::{
    applied::Checked,
    pods::{Live, ReceiverPod},
    volumes::Volumes,
};
use crate::{
    api::v1alpha1::ZoomIntegration,
    controller::{
        credentials::Credentials,
        integration::{
            altered::Alterations,
            hosts::Claim,
            ownership::owned,
            resources::{self, HTTPRoute, Kind, Part, SinkAccess},
            rewrites::Rewritten,
        },
        published::Exactly,
        sink_service::SinkService,
        token_secret::TokenSecret,
    },
};
use contract::facts::{BufferFacts, Facts};
/// The observed state around an integration.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The credentials Secret.
    pub credentials: Credentials,
    /// Zoom's last answer about a General app's credentials.
    pub checked: Checked,
    /// The token Secret.
    pub token: TokenSecret,
    /// What is known of those who change the token Secret.
    pub rewritten: Option<Rewritten>,
    /// A token Secret of ours under an earlier name, if there is one.
    pub old_token_secret: Option<Exactly>,
    /// The receiver's objects.
    pub receiver: Receiver,
    /// The volume claims of its buffer, if they have to grow.
    pub volumes: Option<Volumes>,
    /// Changes that others made to the receiver's objects after they were applied.
    pub altered: Alterations,
    /// The Pods of the receiver.
    pub pods: Vec<ReceiverPod>,
    /// Why Kubernetes does not create a Pod or volume for the receiver, in its own words.
    pub warning: Option<String>,
    /// The Secret with the sink's credentials.
    pub sink_secret: SinkSecret,
    /// The Service that the sink refers to.
    pub sink_service: SinkService,
    /// The addresses of that Service, and no others are to be connected to; `None` where its Pods answer for
    /// its name (headless), or none is named.
    pub sink_addresses: Option<Vec<IpAddr>>,
    /// Other integrations that claim the same host; `None` until all of them are known.
    pub other_claimants: Option<Vec<Claim>>,
    /// What the receiver knows; `None` if it cannot be asked, which proves nothing.
    pub facts: Option<Facts>,
}

/// The receiver's objects, whoever created them.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    /// Runs its Pods, without a buffer or with an ephemeral one.
    pub deployment: Option<Deployment>,
    /// Runs its Pods with a buffer on a volume.
    pub stateful_set: Option<StatefulSet>,
    /// Routes to its Pods.
    pub service: Option<Service>,
    /// Its identity, without permissions.
    pub service_account: Option<ServiceAccount>,
    /// Keeps all but one Pod running while nodes are drained.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Limits who may connect to it.
    pub network_policy: Option<NetworkPolicy>,
    /// Routes to the Service from outside the cluster.
    pub ingress: Option<Ingress>,
    /// Routes to the Service from outside the cluster.
    pub http_route: Option<HTTPRoute>,
    /// The metadata of the Secret with the token of its control port.
    pub control: Option<PartialObjectMeta<Secret>>,
    /// Whether that Secret has lost the token.
    pub control_lacks_token: bool,
    /// The metadata of the Secret with the states that its sink is told of.
    pub lifecycle: Option<PartialObjectMeta<Secret>>,
}

/// The Secret with the sink's credentials. Only its labels are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinkSecret {
    /// It exists and is labelled, or none is configured.
    #[default]
    Usable,
    /// It does not exist.
    Absent,
    /// It lacks the label for this use.
    Unlabelled,
}

// === impl Observed ===

impl Observed {
    /// What the receiver's buffers hold in total, as far as they can be asked.
    #[must_use]
    pub fn buffer(&self) -> Option<BufferFacts> {
        let buffers = self.pods.iter().filter_map(ReceiverPod::buffer);
        buffers.copied().reduce(BufferFacts::merged)
    }

    /// Whether the receiver may use its sink.
    #[must_use]
    pub fn sink_access(&self) -> SinkAccess {
        if self.sink_secret == SinkSecret::Usable && self.sink_service != SinkService::External {
            SinkAccess::Granted
        } else {
            SinkAccess::Withheld
        }
    }
}

// === impl Receiver ===

impl Receiver {
    /// Whether none of the objects exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deployment.is_none()
            && self.stateful_set.is_none()
            && self.service.is_none()
            && self.service_account.is_none()
    }

    /// Kind and metadata of each existing object.
    #[must_use]
    pub fn parts(&self) -> Vec<(Part, &ObjectMeta)> {
        fn meta<K: Resource>(live: Option<&K>) -> Option<&ObjectMeta> {
            live.map(Resource::meta)
        }
        let Self {
            deployment,
            stateful_set,
            service,
            service_account,
            disruption_budget,
            network_policy,
            ingress,
            http_route,
            control,
            control_lacks_token: _,
            lifecycle,
        } = self;
        let parts = [
            (Part::ServiceAccount, meta(service_account.as_ref())),
            (Part::Service, meta(service.as_ref())),
            (Part::Deployment, meta(deployment.as_ref())),
            (Part::StatefulSet, meta(stateful_set.as_ref())),
            (Part::PodDisruptionBudget, meta(disruption_budget.as_ref())),
            (Part::NetworkPolicy, meta(network_policy.as_ref())),
            (Part::Ingress, meta(ingress.as_ref())),
            (Part::HttpRoute, meta(http_route.as_ref())),
            (Part::ControlSecret, meta(control.as_ref())),
            (Part::LifecycleSecret, meta(lifecycle.as_ref())),
        ];
        let present = parts.into_iter();
        present
            .filter_map(|(part, meta)| Some((part, meta?)))
            .collect()
    }

    /// The workloads that belong to the integration.
    #[must_use]
    pub fn live(&self, integration: &ZoomIntegration) -> Vec<Live> {
        let deployment = self.deployment.as_ref();
        let deployment = deployment.filter(|live| owned(integration, *live));
        let stateful_set = self.stateful_set.as_ref();
        let stateful_set = stateful_set.filter(|live| owned(integration, *live));
        let deployment = deployment.map(|live| {
            let spec = live.spec.as_ref();
            let status = live.status.as_ref();
            Live {
                kind: Kind::Deployment,
                replicas: spec.and_then(|spec| spec.replicas).unwrap_or(1),
                running: status
                    .and_then(|status| status.replicas)
                    .unwrap_or_default(),
                available: status.and_then(|status| status.available_replicas) > Some(0),
                buffered: spec.is_some_and(|spec| resources::is_buffered(&spec.template)),
            }
        });
        let stateful_set = stateful_set.map(|live| {
            let status = live.status.as_ref();
            Live {
                kind: Kind::StatefulSet,
                replicas: resources::buffers(integration, live),
                running: status.map(|status| status.replicas).unwrap_or_default(),
                available: status.and_then(|status| status.available_replicas) > Some(0),
                buffered: true,
            }
        });
        deployment.into_iter().chain(stateful_set).collect()
    }

    /// Whether Pods of the integration read routes of connections.
    #[must_use]
    pub fn reads_routes(&self, integration: &ZoomIntegration) -> bool {
        let set = self.stateful_set.as_ref();
        let set = set.filter(|live| owned(integration, *live));
        let set = set.and_then(|live| live.spec.as_ref());
        let deployment = self.deployment.as_ref();
        let deployment = deployment.filter(|live| owned(integration, *live));
        let deployment = deployment.and_then(|live| live.spec.as_ref());
        let templates = [
            set.map(|spec| &spec.template),
            deployment.map(|spec| &spec.template),
        ];
        templates.into_iter().flatten().any(resources::reads_routes)
    }
}
