//! Which objects are written, and which differences are left alone.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Volume};
use serde_json::json;

use super::*;
use crate::controller::{
    config::{ReceiverImage, ReceiverPolicy},
    integration::resources::SinkAccess,
};

fn integration() -> ZoomIntegration {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1", "generation": 1},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []}, "webhook": {"sink": {"http": {"url": "https://s"}}},
        },
        "status": {"observedGeneration": 1},
    }))
    .unwrap()
}

fn objects_for(image: &str, observed: &Observed) -> Objects {
    let image = ReceiverImage {
        name: image.into(),
        pull_policy: "IfNotPresent".into(),
        pull_secrets: vec![],
    };
    let policy = ReceiverPolicy {
        sink_allow_network: vec![],
        sink_refuse_network: vec![],
        allowed_hosts: vec![],
        keys: crate::controller::integration::own_metadata::AllowedKeys::default(),
        priority_classes: vec![],
        network_policies: true,
        operator_namespace: Some("ops".into()),
        defaults: crate::controller::receiver_defaults::ReceiverDefaults::default(),
        receiver_rollouts: 5,
        host_rules_required: false,
        egress: false,
        drain_limit: std::time::Duration::from_secs(1000),
        drain_limit_without_sink: std::time::Duration::from_secs(100),
        reachability_check: false,
    };
    let setting = Setting {
        image: &image,
        policy: &policy,
        sink: SinkAccess::Granted,
        secret_uid: None,
        sink_addresses: None,
        replicas: None,
        live: None,
        grown: false,
        exposed: true,
        routes: false,
    };
    objects(&integration(), observed, &Transition::default(), &setting).unwrap()
}

/// An object that was applied with image `v1` and then changed by others.
fn observed(change: impl Fn(&mut Deployment)) -> Observed {
    let applied = objects_for("v1", &Observed::default()).wanted;
    let Workload::Deployment(mut deployment) = applied.workload else {
        panic!("without a buffer");
    };
    change(&mut deployment);
    Observed {
        receiver: Receiver {
            deployment: Some(*deployment),
            service: Some(applied.service),
            service_account: Some(applied.service_account),
            network_policy: applied.network_policy,
            ..Receiver::default()
        },
        ..Observed::default()
    }
}

fn inject(deployment: &mut Deployment) {
    let pod = deployment
        .spec
        .as_mut()
        .unwrap()
        .template
        .spec
        .as_mut()
        .unwrap();
    let volume = Volume {
        name: "trust-bundle".into(),
        ..Volume::default()
    };
    pod.volumes.get_or_insert_default().push(volume);
}

fn mirror(deployment: &mut Deployment) {
    let pod = deployment
        .spec
        .as_mut()
        .unwrap()
        .template
        .spec
        .as_mut()
        .unwrap();
    pod.containers[0].image = Some("mirror/v1".into());
}

#[test]
fn the_first_time_all_objects_are_written() {
    let objects = objects_for("v1", &Observed::default());
    assert_eq!(objects.writes.len(), 4, "{:?}", objects.writes);
    assert!(objects.situation.differs && objects.situation.own_change);
}

#[test]
fn what_was_applied_is_not_written_again() {
    let objects = objects_for("v1", &observed(|_| {}));
    assert_eq!(objects.writes, BTreeSet::new());
    assert!(!objects.situation.differs);
}

#[test]
fn what_others_inject_is_no_reason_to_write_and_none_to_hold_an_upgrade_back() {
    let same = objects_for("v1", &observed(inject));
    assert_eq!(same.writes, BTreeSet::new());
    assert!(!same.situation.differs);
    let upgrade = objects_for("v2", &observed(inject));
    assert_eq!(upgrade.writes, [Part::Deployment].into());
    assert!(upgrade.situation.differs);
    assert_ne!(upgrade.situation.version, same.situation.version);
}

#[test]
fn a_field_of_ours_is_set_back_unless_it_comes_back_altered() {
    let altered = observed(mirror);
    let objects = objects_for("v1", &altered);
    assert_eq!(objects.writes, [Part::Deployment].into());
    assert!(objects.situation.differs);

    let pairs = pairs(&altered.receiver, &objects.wanted, None);
    let pair = pairs
        .iter()
        .find(|pair| pair.part == Part::Deployment)
        .unwrap();
    let after = pair.drift().unwrap().fingerprint();
    let known = Alteration::after(None, after.clone(), after, Timestamp::UNIX_EPOCH).unwrap();
    let known = Observed {
        altered: [(Part::Deployment, known)].into(),
        ..altered
    };
    let objects = objects_for("v1", &known);
    assert_eq!(objects.writes, BTreeSet::new());
    assert!(!objects.situation.differs, "no rollout");
    assert_eq!(
        pair.theirs(&known.altered).unwrap(),
        "Deployment acme-receiver (spec.template.spec.containers[receiver].image)"
    );
    let upgrade = objects_for("v2", &known);
    assert_eq!(upgrade.writes, [Part::Deployment].into());
}

#[test]
fn a_number_of_pods_alone_replaces_none() {
    let scaled = observed(|deployment| deployment.spec.as_mut().unwrap().replicas = Some(3));
    let objects = objects_for("v1", &scaled);
    assert_eq!(objects.writes, [Part::Deployment].into());
    assert!(!objects.situation.differs);
}

#[test]
fn an_object_without_our_digest_is_written() {
    let bare = observed(|deployment| deployment.metadata.annotations = None);
    assert_eq!(objects_for("v1", &bare).writes, [Part::Deployment].into());
}

#[test]
fn a_foreign_secret_with_the_name_of_ours_is_named_where_it_matters() {
    let found = |name: &str, owner: &str| {
        let secret = json!({"metadata": {"name": name, "ownerReferences": [{
            "apiVersion": "v1", "kind": "ZoomIntegration", "name": "other", "uid": owner, "controller": true,
        }]}});
        Some(serde_json::from_value(secret).unwrap())
    };
    let name = "acme-receiver-lifecycle";
    let live = |owner| Receiver {
        lifecycle: found(name, owner),
        ..Receiver::default()
    };
    let mut integration = integration();
    assert_eq!(obstacle(&integration, &live("u2")), None, "not wanted");
    let webhook = integration.spec.webhook.as_mut().unwrap();
    webhook.lifecycle_events = serde_json::from_value(json!({})).unwrap();
    let Some(ReceiverFinding::Conflict(message)) = obstacle(&integration, &live("u2")) else {
        panic!("no conflict");
    };
    assert!(
        message.contains(&format!("Secret {name} exists")),
        "{message}"
    );
    assert_eq!(obstacle(&integration, &live("u1")), None, "ours");
    let control = Receiver {
        control: found("acme-receiver-control", "u2"),
        ..Receiver::default()
    };
    assert!(obstacle(&integration, &control).is_some());
}

#[test]
fn a_set_that_is_drained_is_not_scaled_back_for_ever() {
    let set = |replicas: i32| -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"name": "acme-receiver", "annotations": {
                crate::api::annotation::DESIRED: "d",
            }},
            "spec": {"replicas": replicas, "selector": {}, "template": {}},
        }))
        .unwrap()
    };
    let mut observed = Observed::default();
    observed.receiver.stateful_set = Some(set(1));
    let wanted = set(3);
    for second in 0..3 {
        assert!(must_be_written(&observed, &wanted), "{second}");
        let now = Timestamp::from_second(second).unwrap();
        observed.altered = altered_retiring(&observed, &wanted, &wanted, now);
    }
    assert!(!must_be_written(&observed, &wanted));
    // The same is known where nothing is wanted of it but its Pods.
    let known = &observed.altered[&Part::StatefulSet];
    assert!(known.is_left_alone(&fewer(&set(1), 3).unwrap()));
    assert_eq!(fewer(&set(3), 3), None);
}
