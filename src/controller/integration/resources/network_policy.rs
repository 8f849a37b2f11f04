//! Who may connect to a receiver, and where it may connect to.

use contract::receiver::ports;
use k8s_openapi::{
    api::networking::v1::{
        IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule,
        NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::names::{metadata, selector_labels};
use crate::{api::v1alpha1::ZoomIntegration, controller::config::ReceiverPolicy};

pub(super) fn build(
    integration: &ZoomIntegration,
    policy: &ReceiverPolicy,
) -> Option<NetworkPolicy> {
    let operator = policy.operator_namespace.as_deref();
    let operator = operator.filter(|_| policy.network_policies)?;
    // Policies are additive: where a namespace restricts egress, a rule for receivers would open it for every
    // Pod that somebody labels like one. So there is an egress rule only if the administrator enables it.
    let mut types = vec!["Ingress".to_owned()];
    types.extend(policy.egress.then(|| "Egress".to_owned()));
    Some(NetworkPolicy {
        metadata: metadata(integration),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(selector_labels(integration)),
                ..LabelSelector::default()
            }),
            policy_types: Some(types),
            ingress: Some(ingress(operator)),
            egress: policy.egress.then(egress),
        }),
    })
}

fn ingress(operator: &str) -> Vec<NetworkPolicyIngressRule> {
    vec![
        // Webhooks: from whatever is in front, which may be outside the cluster.
        NetworkPolicyIngressRule {
            ports: Some(vec![tcp(ports::HTTP)]),
            from: None,
        },
        // Metrics, which are only counts: from anywhere in the cluster.
        NetworkPolicyIngressRule {
            ports: Some(vec![tcp(ports::ADMIN)]),
            from: Some(vec![every_namespace()]),
        },
        // Facts and dead letters: from the operator.
        NetworkPolicyIngressRule {
            ports: Some(vec![tcp(ports::FACTS), tcp(ports::CONTROL)]),
            from: Some(vec![NetworkPolicyPeer {
                namespace_selector: Some(LabelSelector {
                    match_labels: Some(
                        [(
                            "kubernetes.io/metadata.name".to_owned(),
                            operator.to_owned(),
                        )]
                        .into(),
                    ),
                    ..LabelSelector::default()
                }),
                ..NetworkPolicyPeer::default()
            }]),
        },
    ]
}

/// The receiver itself refuses private addresses. This rule keeps it from the nodes' metadata services, which
/// are dangerous in any case. A name server may have such an address, as nodes' own caches do.
fn egress() -> Vec<NetworkPolicyEgressRule> {
    let block = |cidr: &str, except: &str| NetworkPolicyPeer {
        ip_block: Some(IPBlock {
            cidr: cidr.into(),
            except: Some(vec![except.into()]),
        }),
        ..NetworkPolicyPeer::default()
    };
    vec![
        NetworkPolicyEgressRule {
            ports: Some(vec![port("UDP", 53), tcp(53)]),
            to: None,
        },
        NetworkPolicyEgressRule {
            ports: None,
            to: Some(vec![
                // Some network plugins do not treat Pods as addresses.
                every_namespace(),
                block("0.0.0.0/0", "169.254.0.0/16"),
                block("::/0", "fe80::/10"),
            ]),
        },
    ]
}

fn every_namespace() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    }
}

fn tcp(number: u16) -> NetworkPolicyPort {
    port("TCP", number)
}

fn port(protocol: &str, number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number.into())),
        protocol: Some(protocol.into()),
        end_port: None,
    }
}
