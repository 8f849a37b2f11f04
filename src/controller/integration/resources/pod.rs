//! The Pods of a receiver: one container, no Kubernetes credentials, only its own tenant's secrets.

mod memory;

use std::collections::BTreeMap;

use contract::receiver::ports;
use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, ContainerPort, EnvVar, HTTPGetAction, LocalObjectReference,
        PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
        SecurityContext, Toleration, TopologySpreadConstraint,
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::{
    args, buffer,
    names::{labels, name, selector_labels},
    setting::Setting,
    volumes,
};
use crate::{
    api::{
        annotation,
        v1alpha1::{Buffer, Resources, Spread, Webhook, WhenUnsatisfiable, ZoomIntegration},
    },
    controller::integration::own_metadata::of_pods,
};

/// Volumes whose content may be lost, so that they do not keep an autoscaler from removing the node. An
/// Ephemeral buffer is not one of them: it holds the events.
const SAFE_VOLUMES: (&str, &str) = (
    "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes",
    "state",
);

const EPHEMERAL_STORAGE: &str = "ephemeral-storage";

/// The template of the Pods, with this buffer.
pub(super) fn template(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    buffer: Option<&Buffer>,
    setting: &Setting<'_>,
) -> PodTemplateSpec {
    let defaults = &setting.policy.defaults;
    let mut metadata = ObjectMeta {
        labels: Some(labels(integration)),
        ..ObjectMeta::default()
    };
    if let Some(knobs) = &webhook.receiver {
        of_pods(knobs, &setting.policy.keys).add_to(&mut metadata);
    }
    for (key, value) in &defaults.pod_labels {
        let labels = metadata.labels.get_or_insert_default();
        labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let annotations = metadata.annotations.get_or_insert_default();
    let others = defaults.pod_annotations.iter();
    for (key, value) in others.map(|(key, value)| (key.as_str(), value.as_str())) {
        annotations.entry(key.into()).or_insert(value.into());
    }
    let (key, volumes) = SAFE_VOLUMES;
    annotations.entry(key.into()).or_insert(volumes.into());
    if let Some(uid) = setting.secret_uid {
        annotations.insert(annotation::SECRET_UID.into(), uid.into());
    }
    PodTemplateSpec {
        metadata: Some(metadata),
        spec: Some(pod(integration, webhook, buffer, setting)),
    }
}

fn pod(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    buffer: Option<&Buffer>,
    setting: &Setting<'_>,
) -> PodSpec {
    let knobs = webhook.receiver.clone().unwrap_or_default();
    let (image, defaults) = (setting.image, &setting.policy.defaults);
    let mut node_selector = defaults.node_selector.clone();
    node_selector.extend(knobs.node_selector.unwrap_or_default());
    let mut tolerations = defaults.tolerations.clone();
    tolerations.extend(knobs.tolerations.into_iter().flatten().map(toleration));
    let (volumes, mounts) =
        volumes::build(integration, webhook, buffer, setting.sink, setting.routes);
    let flags = args::build(integration, webhook, buffer, setting);
    let variables: Vec<EnvVar> = flags
        .to_env()
        .into_iter()
        .map(|(name, value)| EnvVar {
            name: name.into(),
            value: Some(value),
            ..EnvVar::default()
        })
        .collect();
    let grace = buffer::grace(buffer).as_secs();
    let own = knobs.image_pull_secrets.into_iter().flatten();
    let own = own.map(|secret| secret.name);
    let mut pull_secrets: Vec<LocalObjectReference> = Vec::new();
    for name in image.pull_secrets.iter().cloned().chain(own) {
        if !pull_secrets.iter().any(|known| known.name == name) {
            pull_secrets.push(LocalObjectReference { name });
        }
    }
    PodSpec {
        service_account_name: Some(name(integration)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
        security_context: Some(
            defaults
                .pod_security_context
                .clone()
                .unwrap_or_else(default_pod_security),
        ),
        containers: vec![Container {
            args: Some(flags.to_args()),
            env: (!variables.is_empty()).then_some(variables),
            volume_mounts: Some(mounts),
            ..container(knobs.resources, setting, buffer)
        }],
        volumes: Some(volumes),
        node_selector: (!node_selector.is_empty()).then_some(node_selector),
        tolerations: (!tolerations.is_empty()).then_some(tolerations),
        affinity: knobs.affinity.or_else(|| defaults.affinity.clone()),
        topology_spread_constraints: match knobs.topology_spread_constraints {
            Some(own) => Some(
                own.into_iter()
                    .map(|own| spread(integration, own))
                    .collect(),
            ),
            None => defaults.spread(&selector_labels(integration)),
        },
        priority_class_name: knobs
            .priority_class_name
            .filter(|class| setting.policy.allows_class(class))
            .or_else(|| defaults.priority_class_name.clone()),
        termination_grace_period_seconds: i64::try_from(grace).ok(),
        ..PodSpec::default()
    }
}

fn container(
    resources: Option<Resources>,
    setting: &Setting<'_>,
    buffer: Option<&Buffer>,
) -> Container {
    let (image, defaults) = (setting.image, &setting.policy.defaults);
    let port = |name: &str, port: u16| ContainerPort {
        name: Some(name.into()),
        container_port: port.into(),
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    };
    let mut ports = vec![
        port("http", ports::HTTP),
        port("admin", ports::ADMIN),
        port("facts", ports::FACTS),
    ];
    if buffer.is_some() {
        ports.push(port("control", ports::CONTROL));
    }
    Container {
        name: "receiver".into(),
        image: Some(image.name.clone()),
        image_pull_policy: Some(image.pull_policy.clone()),
        ports: Some(ports),
        liveness_probe: Some(probe("admin", "/live", 10, 3)),
        // Load balancers of clouds take their health check from it, if it is on the Service's port.
        readiness_probe: Some(probe("http", ports::HEALTH, 2, 2)),
        resources: Some(with_storage(
            match (resources, &defaults.resources) {
                (Some(stated), _) => requirements(stated),
                (None, Some(defaults)) => memory::grown(defaults.clone(), setting, buffer),
                (None, None) => memory::grown(default_resources(), setting, buffer),
            },
            buffer,
        )),
        security_context: Some(
            defaults
                .container_security_context
                .clone()
                .unwrap_or_else(default_security),
        ),
        ..Container::default()
    }
}

fn default_pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(65532),
        run_as_group: Some(65532),
        fs_group: Some(65532),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".into(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

fn default_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".into()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}

fn probe(port: &str, path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::String(port.into()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn default_resources() -> ResourceRequirements {
    let quantities = |list: &[(&str, &str)]| -> BTreeMap<String, Quantity> {
        list.iter()
            .map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned())))
            .collect()
    };
    ResourceRequirements {
        requests: Some(quantities(&[("cpu", "10m"), ("memory", "16Mi")])),
        limits: Some(quantities(&[("memory", "64Mi")])),
        ..ResourceRequirements::default()
    }
}

/// `resources` with the storage that the buffer takes of the node, unless they state it.
fn with_storage(
    mut resources: ResourceRequirements,
    buffer: Option<&Buffer>,
) -> ResourceRequirements {
    let lists = [&resources.requests, &resources.limits];
    let is_stated = lists
        .into_iter()
        .flatten()
        .any(|list| list.contains_key(EPHEMERAL_STORAGE));
    let storage = buffer.and_then(buffer::ephemeral_storage);
    if let Some(storage) = storage.filter(|_| !is_stated) {
        // Few buffers are full at a time: what all might need together is not reserved on the node.
        let scratch = Quantity(buffer::BESIDE_BUFFER.to_string());
        let requests = resources.requests.get_or_insert_default();
        requests.insert(EPHEMERAL_STORAGE.into(), scratch);
        let limits = resources.limits.get_or_insert_default();
        limits.insert(EPHEMERAL_STORAGE.into(), storage);
    }
    resources
}

fn requirements(wanted: Resources) -> ResourceRequirements {
    let quantities = |list: BTreeMap<String, IntOrString>| {
        list.into_iter()
            .map(|(name, amount)| match amount {
                IntOrString::Int(amount) => (name, Quantity(amount.to_string())),
                IntOrString::String(amount) => (name, Quantity(amount)),
            })
            .collect()
    };
    ResourceRequirements {
        requests: wanted.requests.map(quantities),
        limits: wanted.limits.map(quantities),
        ..ResourceRequirements::default()
    }
}

/// Concerns the Pods of this receiver.
fn spread(integration: &ZoomIntegration, own: Spread) -> TopologySpreadConstraint {
    let when = match own.when_unsatisfiable.unwrap_or_default() {
        WhenUnsatisfiable::ScheduleAnyway => "ScheduleAnyway",
        WhenUnsatisfiable::DoNotSchedule => "DoNotSchedule",
    };
    TopologySpreadConstraint {
        max_skew: own.max_skew,
        topology_key: own.topology_key,
        when_unsatisfiable: when.into(),
        label_selector: Some(LabelSelector {
            match_labels: Some(selector_labels(integration)),
            ..LabelSelector::default()
        }),
        ..TopologySpreadConstraint::default()
    }
}

fn toleration(wanted: crate::api::v1alpha1::Toleration) -> Toleration {
    Toleration {
        key: wanted.key,
        operator: wanted.operator,
        value: wanted.value,
        effect: wanted.effect,
        toleration_seconds: wanted.toleration_seconds,
    }
}
