//! The files of a receiver: secrets under fixed names, and writable directories.

use contract::lifecycle;
use contract::receiver::files::{
    AUTHENTICATION_DIR, AUTHORIZATION, BUFFER_DIR, CA, CONTROL_DIR, CONTROL_TOKEN,
    DOMAIN_VALIDATION, DOMAIN_VALIDATION_DIR, HEADER_VALUE, LIFECYCLE_DIR, NATS_CREDS, NKEY_SEED,
    PASSWORD, PREVIOUS_SECRET_TOKEN, ROUTES_DIR, SECRET_TOKEN, SIGNING_DIR, SINK_DIR, STATE_DIR,
    USERNAME,
};
use contract::receiver::routes::{SHARDS, secret_name};
use k8s_openapi::{
    api::core::v1::{
        ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, ProjectedVolumeSource,
        SecretProjection, SecretVolumeSource, Volume, VolumeMount, VolumeProjection,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::ResourceExt as _;

use super::{
    buffer,
    names::{control_name, lifecycle_name},
    setting::SinkAccess,
};
use crate::api::v1alpha1::{
    Authentication, AuthenticationType, Buffer, BufferStorage, Webhook, ZoomIntegration,
};

/// The Pod's volumes and the container's mounts. A persistent buffer's volume comes from its claim.
pub(super) fn build(
    integration: &ZoomIntegration,
    webhook: &Webhook,
    buffer: Option<&Buffer>,
    sink: SinkAccess,
    has_routes: bool,
) -> (Vec<Volume>, Vec<VolumeMount>) {
    let credentials = &integration.spec.credentials;
    let secret_name = &credentials.secret_ref.name;
    let mut volumes = vec![
        secret(
            "signing",
            secret_name,
            &[
                (credentials.webhook_secret_token(), SECRET_TOKEN),
                (
                    credentials.previous_webhook_secret_token(),
                    PREVIOUS_SECRET_TOKEN,
                ),
            ],
        ),
        scratch("state", Quantity("16Mi".into())),
    ];
    let mut mounts = vec![
        mount("signing", SIGNING_DIR, true),
        mount("state", STATE_DIR, false),
    ];
    if let Some(authentication) = &webhook.authentication {
        let keys = keys(authentication).iter().map(|key| (*key, *key));
        let keys: Vec<_> = keys.collect();
        volumes.push(secret("authentication", secret_name, &keys));
        mounts.push(mount("authentication", AUTHENTICATION_DIR, true));
    }
    if let Some(file) = &integration.spec.app.domain_validation {
        let reference = &file.config_map_key_ref;
        volumes.push(config_map(
            "domain-validation",
            &reference.name,
            (reference.key(), DOMAIN_VALIDATION),
        ));
        mounts.push(mount("domain-validation", DOMAIN_VALIDATION_DIR, true));
    }
    if let (Some(name), SinkAccess::Granted) = (webhook.sink_secret(), sink) {
        let keys: &[&str] = if webhook.sink.nats.is_some() {
            &[NATS_CREDS, NKEY_SEED, CA]
        } else {
            &[AUTHORIZATION, CA]
        };
        let keys: Vec<_> = keys.iter().map(|key| (*key, *key)).collect();
        volumes.push(secret("sink", name, &keys));
        mounts.push(mount("sink", SINK_DIR, true));
    }
    if webhook.lifecycle_events.is_some() {
        let states = [(lifecycle::FILE, lifecycle::FILE)];
        volumes.push(secret("lifecycle", &lifecycle_name(integration), &states));
        mounts.push(mount("lifecycle", LIFECYCLE_DIR, true));
    }
    if let Some(buffer) = buffer {
        let token = [(CONTROL_TOKEN, CONTROL_TOKEN)];
        volumes.push(secret("control", &control_name(integration), &token));
        mounts.push(mount("control", CONTROL_DIR, true));
        if buffer::storage(buffer) == BufferStorage::Ephemeral {
            volumes.push(scratch(buffer::VOLUME, buffer::size(buffer)));
        }
        mounts.push(mount(buffer::VOLUME, BUFFER_DIR, false));
        if has_routes {
            volumes.push(routes(&integration.name_any()));
            mounts.push(mount("routes", ROUTES_DIR, true));
        }
    }
    (volumes, mounts)
}

/// The keys of the credentials Secret that hold Zoom's further authentication.
#[must_use]
pub fn keys(authentication: &Authentication) -> &'static [&'static str] {
    match authentication.type_ {
        AuthenticationType::Basic => &[USERNAME, PASSWORD],
        AuthenticationType::CustomHeader => &[HEADER_VALUE],
    }
}

/// Only these keys, of a Secret that may be created later.
fn secret(name: &str, secret_name: &str, keys: &[(&str, &str)]) -> Volume {
    let item = |(key, path): &(&str, &str)| KeyToPath {
        key: (*key).into(),
        path: (*path).into(),
        ..KeyToPath::default()
    };
    Volume {
        name: name.into(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret_name.into()),
            optional: Some(true),
            items: Some(keys.iter().map(item).collect()),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// All shards of the routes, each of which may be created later: a new tenant changes no Pod.
fn routes(integration: &str) -> Volume {
    let source = |shard| VolumeProjection {
        secret: Some(SecretProjection {
            name: secret_name(integration, shard),
            optional: Some(true),
            ..SecretProjection::default()
        }),
        ..VolumeProjection::default()
    };
    Volume {
        name: "routes".into(),
        projected: Some(ProjectedVolumeSource {
            sources: Some((0..SHARDS).map(source).collect()),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Only this key, of a `ConfigMap` that may be created later.
fn config_map(name: &str, config_map: &str, (key, path): (&str, &str)) -> Volume {
    Volume {
        name: name.into(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map.into(),
            optional: Some(true),
            items: Some(vec![KeyToPath {
                key: key.into(),
                path: path.into(),
                ..KeyToPath::default()
            }]),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn scratch(name: &str, size: Quantity) -> Volume {
    Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(size),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Without a subPath: the kubelet would not update a changed secret.
fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.into(),
        mount_path: path.into(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}
