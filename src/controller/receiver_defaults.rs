//! What the operator's configuration sets on the Pods and Services of all receivers.

use std::{collections::BTreeMap, str::FromStr};

use k8s_openapi::{
    api::core::v1::{
        Affinity, PodSecurityContext, ResourceRequirements, SecurityContext, Toleration,
        TopologySpreadConstraint,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use serde::Deserialize;

use crate::api::v1alpha1::PathType;

/// Fields for every receiver. An absent field changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReceiverDefaults {
    /// Labels of every object that is made for a receiver, but not of its Pods and volume claims. The operator's
    /// own labels cannot be changed.
    pub common_labels: BTreeMap<String, String>,
    /// Labels of the Pods. The labels that select a receiver's Pods cannot be changed.
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the Pods.
    pub pod_annotations: BTreeMap<String, String>,
    /// Replaces the Pods' security context.
    pub pod_security_context: Option<PodSecurityContext>,
    /// Replaces the containers' security context.
    pub container_security_context: Option<SecurityContext>,
    /// Resources of an integration that sets none.
    pub resources: Option<ResourceRequirements>,
    /// Labels of the nodes. An integration can add more, and change the value of one.
    pub node_selector: BTreeMap<String, String>,
    /// Tolerations, in addition to those of the integration.
    pub tolerations: Vec<Toleration>,
    /// Affinity.
    pub affinity: Option<Affinity>,
    /// Constraints; one without a selector applies to the Pods of the same receiver.
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Priority class of an integration that sets none.
    pub priority_class_name: Option<String>,
    /// How the path of an Ingress is compared, of an integration that sets nothing; if absent, `Exact`.
    pub ingress_path_type: Option<PathType>,
    /// The Services.
    pub service: ServiceDefaults,
}

/// Fields for the Service of every receiver.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ServiceDefaults {
    /// `ClusterIP`, `NodePort` or `LoadBalancer`; if absent, the API server's default.
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// Annotations, for example of a cloud's load balancer.
    pub annotations: BTreeMap<String, String>,
    /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
    pub ip_family_policy: Option<String>,
    /// `IPv4`, `IPv6` or both, in order of preference.
    pub ip_families: Vec<String>,
}

// === impl ReceiverDefaults ===

impl ReceiverDefaults {
    /// Adds the common labels to those of an object.
    pub fn label(&self, metadata: &mut ObjectMeta) {
        let labels = metadata.labels.get_or_insert_default();
        for (key, value) in &self.common_labels {
            labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    /// Whether an object has the common labels, as they would be written beside these labels of ours.
    #[must_use]
    pub fn are_on(&self, metadata: &ObjectMeta, ours: &ObjectMeta) -> bool {
        let mut wanted = ours.clone();
        self.label(&mut wanted);
        let (live, wanted) = (metadata.labels.as_ref(), wanted.labels.as_ref());
        let value = |of: Option<&BTreeMap<String, String>>, key| of?.get(key).cloned();
        let mut keys = self.common_labels.keys();
        keys.all(|key| value(live, key) == value(wanted, key))
    }

    /// The constraints for the Pods with these labels; `None` if there are none.
    #[must_use]
    pub fn spread(
        &self,
        selector: &BTreeMap<String, String>,
    ) -> Option<Vec<TopologySpreadConstraint>> {
        let of_receiver = LabelSelector {
            match_labels: Some(selector.clone()),
            ..LabelSelector::default()
        };
        let constraints = self.topology_spread_constraints.iter().cloned();
        let constraints = constraints.map(|mut constraint| {
            constraint
                .label_selector
                .get_or_insert_with(|| of_receiver.clone());
            constraint
        });
        (!self.topology_spread_constraints.is_empty()).then(|| constraints.collect())
    }
}

impl FromStr for ReceiverDefaults {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_field_is_refused() {
        assert_eq!("{}".parse().ok(), Some(ReceiverDefaults::default()));
        for wrong in [
            r#"{"podLabel":{}}"#,
            r#"{"service":{"kind":"NodePort"}}"#,
            "",
        ] {
            assert!(wrong.parse::<ReceiverDefaults>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_constraint_without_selector_concerns_the_receivers_own_pods() {
        let defaults: ReceiverDefaults = r#"{"topologySpreadConstraints":[
            {"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"},
            {"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule","labelSelector":{}}]}"#
            .parse()
            .unwrap();
        let labels = BTreeMap::from([("app".to_owned(), "acme".to_owned())]);
        let spread = defaults.spread(&labels).unwrap();
        let selector = |index: usize| spread[index].label_selector.clone().unwrap().match_labels;
        assert_eq!((selector(0), selector(1)), (Some(labels), None));
        assert_eq!(ReceiverDefaults::default().spread(&BTreeMap::new()), None);
    }
}
