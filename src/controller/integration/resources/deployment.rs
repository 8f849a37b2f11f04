//! The receiver's Deployment: one container, no Kubernetes credentials, only its own tenant's
//! signing secrets.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{
            Capabilities, Container, ContainerPort, EmptyDirVolumeSource, HTTPGetAction, KeyToPath,
            LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
            ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, Toleration,
            Volume, VolumeMount,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use kube::ResourceExt as _;

use super::{ADMIN_PORT, FACTS_PORT, HTTP_PORT, labels, metadata, name, selector_labels};
use crate::{
    api::v1alpha1::{HttpSink, ReceiverKnobs, Resources, Webhook, ZoomIntegration},
    controller::config::ReceiverImage,
};

const SIGNING_DIR: &str = "/etc/zoom-operator/signing";
const STATE_DIR: &str = "/var/lib/zoom-operator";

pub(super) fn build(integration: &ZoomIntegration, image: &ReceiverImage) -> Option<Deployment> {
    let webhook = integration.spec.webhook.as_ref()?;
    let knobs = webhook.receiver.clone().unwrap_or_default();
    Some(Deployment {
        metadata: metadata(integration),
        spec: Some(DeploymentSpec {
            replicas: Some(knobs.replicas.unwrap_or(1)),
            revision_history_limit: Some(2),
            selector: LabelSelector {
                match_labels: Some(selector_labels(integration)),
                ..LabelSelector::default()
            },
            // A tenant's only receiver must not go before its successor is ready.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".into()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_unavailable: Some(IntOrString::Int(0)),
                    max_surge: Some(IntOrString::Int(1)),
                }),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels(integration)),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(integration, webhook, knobs, image)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    })
}

fn pod(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    knobs: ReceiverKnobs,
    image: &ReceiverImage,
) -> PodSpec {
    let pull_secrets: Vec<LocalObjectReference> = image
        .pull_secrets
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() })
        .collect();
    PodSpec {
        service_account_name: Some(name(integration)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(65532),
            run_as_group: Some(65532),
            fs_group: Some(65532),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(integration, webhook, knobs.resources, image)],
        volumes: Some(vec![signing_volume(integration), state_volume()]),
        node_selector: knobs.node_selector,
        tolerations: knobs
            .tolerations
            .map(|list| list.into_iter().map(toleration).collect()),
        priority_class_name: knobs.priority_class_name,
        termination_grace_period_seconds: Some(30),
        ..PodSpec::default()
    }
}

fn container(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    resources: Option<Resources>,
    image: &ReceiverImage,
) -> Container {
    let port = |name: &str, port| ContainerPort {
        name: Some(name.into()),
        container_port: port,
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    };
    let mount = |name: &str, path: &str, read_only| VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only,
        ..VolumeMount::default()
    };
    Container {
        name: "receiver".into(),
        image: Some(image.name.clone()),
        image_pull_policy: Some(image.pull_policy.clone()),
        args: Some(args(integration, webhook)),
        ports: Some(vec![
            port("http", HTTP_PORT),
            port("admin", ADMIN_PORT),
            port("facts", FACTS_PORT),
        ]),
        liveness_probe: Some(probe("/live", 10, 3)),
        readiness_probe: Some(probe("/ready", 2, 2)),
        resources: Some(resources.map_or_else(default_resources, requirements)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".into()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![
            // No subPath: the kubelet would not bring a changed secret.
            mount("signing", SIGNING_DIR, Some(true)),
            mount("state", STATE_DIR, None),
        ]),
        ..Container::default()
    }
}

fn args(integration: &ZoomIntegration, webhook: &Webhook) -> Vec<String> {
    let mut args = vec![
        "receiver".to_owned(),
        format!(
            "--integration={}/{}",
            integration.namespace().unwrap_or_default(),
            integration.name_any()
        ),
        format!("--path={}", webhook.path()),
        format!("--signing-secrets-dir={SIGNING_DIR}"),
        format!("--state-dir={STATE_DIR}"),
    ];
    if let Some(url) = webhook
        .sink
        .http
        .as_ref()
        .and_then(|http| sink_url(integration, http))
    {
        args.push(format!("--sink-url={url}"));
    }
    if integration.spec.suspend {
        args.push("--suspended".into());
    }
    for (key, value) in integration.spec.external_refs.iter().flatten() {
        args.push(format!("--attribute={key}={value}"));
    }
    args
}

fn sink_url(integration: &ZoomIntegration, http: &HttpSink) -> Option<String> {
    http.url.clone().or_else(|| {
        let service = http.service_ref.as_ref()?;
        Some(format!(
            "http://{}.{}.svc:{}{}",
            service.name,
            integration.namespace().unwrap_or_default(),
            service.port.unwrap_or(80),
            service.path.as_deref().unwrap_or("/"),
        ))
    })
}

/// Only the two signing secrets, under fixed file names, of a Secret that may come later.
fn signing_volume(integration: &ZoomIntegration) -> Volume {
    let credentials = &integration.spec.credentials;
    let item = |key: &str, path: &str| KeyToPath {
        key: key.into(),
        path: path.into(),
        ..KeyToPath::default()
    };
    Volume {
        name: "signing".into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(credentials.secret_ref.name.clone()),
            optional: Some(true),
            items: Some(vec![
                item(credentials.webhook_secret_token(), "webhook-secret-token"),
                item(
                    credentials.previous_webhook_secret_token(),
                    "previous-webhook-secret-token",
                ),
            ]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn state_volume() -> Volume {
    Volume {
        name: "state".into(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity("16Mi".into())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::String("admin".into()),
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

fn toleration(wanted: crate::api::v1alpha1::Toleration) -> Toleration {
    Toleration {
        key: wanted.key,
        operator: wanted.operator,
        value: wanted.value,
        effect: wanted.effect,
        toleration_seconds: wanted.toleration_seconds,
    }
}
