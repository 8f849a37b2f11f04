//! The volume of a buffer, and the routes beside it.

use super::*;

#[test]
fn a_persistent_buffer_is_on_a_claim_of_each_pod() {
    let buffer = json!({"size": "2Gi", "storageClassName": "fast", "maxAge": "72h"});
    let webhook = json!({"sink": {"http": {"url": "https://s"}}, "buffer": buffer, "receiver": {"replicas": 2}});
    let resources = render(webhook, |_| {});
    let Workload::StatefulSet(set) = &resources.workload else {
        panic!("not a StatefulSet");
    };
    let spec = json!(set.spec);
    assert_eq!(spec["replicas"], 2);
    assert_eq!(spec["podManagementPolicy"], "Parallel");
    assert_eq!(
        spec["persistentVolumeClaimRetentionPolicy"],
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"})
    );
    let claim = &spec["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "buffer");
    assert_eq!(claim["spec"]["storageClassName"], "fast");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Gi");
    let args = args(&resources);
    for expected in [
        "--buffer-dir=/var/lib/zoom-operator-buffer",
        "--buffer-size=1503238553",
        "--buffer-max-age=259200",
        "--sink-timeout=10",
        "--control-token-file=/etc/zoom-operator/control/token",
    ] {
        assert!(
            args.iter().any(|arg| arg == expected),
            "{expected}: {args:?}"
        );
    }
    assert!(!args.contains(&"--buffer-ephemeral".into()));
    let volume = volume(&resources, "control");
    assert_eq!(volume["secret"]["secretName"], "acme-receiver-control");
    assert!(is_buffered(&set.spec.as_ref().unwrap().template));
    let budget = json!(resources.disruption_budget);
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
}

#[test]
fn an_ephemeral_buffer_has_time_to_run_empty() {
    let webhook = json!({
        "sink": {"http": {"url": "https://s"}}, "buffer": {"storage": "Ephemeral", "size": "100Mi"}});
    let resources = render(webhook, |_| {});
    assert!(matches!(resources.workload, Workload::Deployment(_)));
    let args = args(&resources);
    assert!(args.contains(&"--buffer-ephemeral".into()));
    assert!(args.contains(&"--drain-limit=280".into()));
    let pod = template(&resources);
    assert_eq!(pod["terminationGracePeriodSeconds"], 300);
    let volume = volume(&resources, "buffer");
    assert_eq!(volume["emptyDir"]["sizeLimit"], "100Mi");
}

#[test]
fn an_ephemeral_buffer_fits_into_the_storage_of_its_pod() {
    let resources = |buffer: Value, resources: Value| {
        let webhook = json!({
            "sink": {"http": {"url": "https://s"}}, "buffer": buffer, "receiver": {"resources": resources}});
        let pod = template(&render(webhook, |_| {}));
        let all = &pod["containers"][0]["resources"];
        ["requests", "limits"].map(|list| all[list]["ephemeral-storage"].clone())
    };
    let ephemeral = || json!({"storage": "Ephemeral", "size": "2Gi"});
    let bytes = json!((2176_u64 << 20).to_string());
    let scratch = json!((128_u64 << 20).to_string());
    let wanted = [scratch, bytes];
    assert_eq!(resources(ephemeral(), Value::Null), wanted);
    let stated = json!({"limits": {"memory": "64Mi"}});
    assert_eq!(resources(ephemeral(), stated), wanted);
    let stated = json!({"limits": {"ephemeral-storage": "3Gi"}});
    assert_eq!(resources(ephemeral(), stated), [Value::Null, json!("3Gi")]);
    for buffer in [json!({"size": "2Gi"}), Value::Null] {
        assert_eq!(resources(buffer, Value::Null), [Value::Null, Value::Null]);
    }
}

#[test]
fn a_stateful_set_keeps_the_volume_that_it_has() {
    let webhook = |size| json!({"sink": {"http": {"url": "https://s"}}, "buffer": {"size": size}});
    let Workload::StatefulSet(mut live) = render(webhook("1Gi"), |_| {}).workload else {
        panic!("not a StatefulSet");
    };
    // A claim template of an earlier version.
    let claims = live.spec.as_mut().unwrap().volume_claim_templates.as_mut();
    claims.unwrap()[0].metadata.labels = None;
    let (image, policy) = (image(), policy());
    let setting = Setting {
        live: Some(&live),
        ..setting(&image, &policy)
    };
    let kept = build(&integration(webhook("2Gi")), &setting).unwrap();
    let Workload::StatefulSet(set) = &kept.workload else {
        panic!("not a StatefulSet");
    };
    assert_eq!(set.spec, live.spec);
    // A set that is being removed, with the current sink.
    let other = json!({"sink": {"http": {"url": "https://other"}}});
    let retiring = retiring(&integration(other), &live, &setting).unwrap();
    let retiring = Resources {
        workload: Workload::StatefulSet(Box::new(retiring)),
        ..kept
    };
    assert!(args(&retiring).contains(&"--sink-url=https://other".into()));
    assert!(args(&retiring).contains(&"--buffer-size=751619276".into()));
}

#[test]
fn a_volume_grows_and_its_template_stays() {
    let webhook = |size| json!({"sink": {"http": {"url": "https://s"}}, "buffer": {"size": size}});
    let set = |webhook: Value, live: Option<&StatefulSet>, grown: bool| {
        let resources = render(webhook, |setting| {
            // The lifetime of a setting is that of the test.
            setting.grown = grown;
            setting.live = live.map(|live| &*Box::leak(Box::new(live.clone())));
        });
        let args = args(&resources);
        let size = args.iter().find(|arg| arg.starts_with("--buffer-size="));
        let size = size.unwrap().clone();
        match resources.workload {
            Workload::StatefulSet(set) => (*set, size),
            Workload::Deployment(_) => panic!("not a StatefulSet"),
        }
    };
    let claims = |set: &StatefulSet| set.spec.as_ref().unwrap().volume_claim_templates.clone();
    let noted = |set: &StatefulSet| set.annotations().get(annotation::BUFFER_SIZE).cloned();
    let buffer = |size: &str| crate::api::v1alpha1::Buffer {
        size: Some(Quantity(size.into())),
        ..crate::api::v1alpha1::Buffer::default()
    };
    let (first, small) = set(webhook("1Gi"), None, false);
    assert_eq!(noted(&first), None);
    assert_eq!(expansion(&first, &buffer("1024Mi")), None);
    assert_eq!(
        expansion(&first, &buffer("2Gi")),
        Some(Quantity("2Gi".into()))
    );
    // The volumes follow first, then the receiver.
    let (waiting, size) = set(webhook("2Gi"), Some(&first), false);
    assert_eq!((noted(&waiting), size), (None, small));
    let (grown, large) = set(webhook("2Gi"), Some(&first), true);
    assert_eq!(noted(&grown).as_deref(), Some("2Gi"));
    assert_eq!(large, "--buffer-size=1503238553");
    assert_eq!(claims(&grown), claims(&first));
    // A new Pod's claim has the template's size, and is expanded too; the others do not go back meanwhile.
    assert!(expansion(&grown, &buffer("2Gi")).is_some());
    let (kept, size) = set(webhook("2Gi"), Some(&grown), false);
    assert_eq!(
        (noted(&kept).as_deref(), size),
        (Some("2Gi"), large.clone())
    );
    // Smaller than it is now, though not smaller than the template.
    assert_eq!(
        immutable(&grown, &buffer("1536Mi")),
        [("webhook.buffer.size", "2Gi".to_owned())]
    );
    assert_eq!(expansion(&grown, &buffer("1536Mi")), None);
    let (kept, size) = set(webhook("1536Mi"), Some(&grown), false);
    assert_eq!((noted(&kept).as_deref(), size), (Some("2Gi"), large));
}

#[test]
fn routes_are_mounted_once_for_all_tenants_and_only_with_a_buffer() {
    let webhook = |more: Value| {
        let mut webhook = json!({"sink": {"http": {"url": "https://sink.example"}}});
        for (key, value) in more.as_object().unwrap() {
            webhook[key] = value.clone();
        }
        webhook
    };
    let shared = |setting: &mut Setting<'_>| setting.routes = true;
    let buffered = webhook(json!({"buffer": {}, "unclaimedAccounts": "Drop"}));
    let rendered = render(buffered.clone(), shared);
    let sources = volume(&rendered, "routes")["projected"]["sources"].clone();
    let sources = sources.as_array().unwrap();
    assert_eq!(sources.len(), contract::receiver::routes::SHARDS);
    assert_eq!(sources[7]["secret"]["name"], "acme-receiver-routes-7");
    assert!(
        sources
            .iter()
            .all(|source| source["secret"]["optional"] == true)
    );
    let flags = args(&rendered);
    assert!(flags.contains(&"--routes-dir=/etc/zoom-operator/routes".to_owned()));
    assert!(flags.contains(&"--unclaimed-accounts=Drop".to_owned()));
    let share = |flags: &[String]| {
        let mut found = flags
            .iter()
            .filter(|flag| flag.starts_with("--account-share="));
        found.next().cloned()
    };
    assert_eq!(share(&flags), None, "the receiver's own default");
    for storage in ["Persistent", "Ephemeral"] {
        let stated = json!({"buffer": {"storage": storage, "accountShare": 10}});
        let flags = args(&render(webhook(stated.clone()), shared));
        assert_eq!(share(&flags).as_deref(), Some("--account-share=10"));
        let alone = args(&render(webhook(stated), |_| ()));
        assert_eq!(share(&alone), None, "without routes there are no accounts");
    }
    let networks = |flags: &[String]| -> Vec<String> {
        let of = flags.iter().filter(|flag| flag.contains("-network="));
        of.cloned().collect()
    };
    let withheld = render(buffered.clone(), |setting| {
        setting.routes = true;
        setting.sink = SinkAccess::Withheld;
    });
    let withheld = args(&withheld);
    assert!(!networks(&flags).is_empty());
    assert_eq!(networks(&withheld), networks(&flags), "tenants' sinks");
    let timeout = |flags: &[String]| {
        let mut found = flags
            .iter()
            .filter(|flag| flag.starts_with("--sink-timeout="));
        found.next().cloned()
    };
    assert_eq!(timeout(&withheld), timeout(&flags));
    assert!(!withheld.iter().any(|flag| flag.starts_with("--sink-url")));
    for (webhook, routes) in [(webhook(json!({})), true), (buffered, false)] {
        let rendered = render(webhook, |setting| setting.routes = routes);
        assert_eq!(volume(&rendered, "routes"), Value::Null);
        assert!(!args(&rendered).iter().any(|flag| flag.contains("routes")));
    }
}

/// The places of stored events are in memory where accounts are told apart.
#[test]
fn the_default_memory_grows_with_a_large_buffer() {
    let limit = |size: &str, routes: bool, own: Value| {
        let webhook = json!({
            "sink": {"http": {"url": "https://s"}}, "buffer": {"size": size},
            "receiver": {"resources": own},
        });
        let resources = render(webhook, |setting| setting.routes = routes);
        template(&resources)["containers"][0]["resources"]["limits"]["memory"].clone()
    };
    let none = Value::Null;
    assert_eq!(limit("1Gi", true, none.clone()), "64Mi");
    assert_eq!(limit("5Gi", false, none.clone()), "64Mi");
    assert_eq!(limit("4.5Gi", true, none), "192Mi");
    let own = json!({"limits": {"memory": "70Mi"}});
    assert_eq!(limit("5Gi", true, own), "70Mi");
    let (image, mut policy) = (image(), policy());
    let odd = json!({"limits": {"memory": "1000"}});
    policy.defaults.resources = serde_json::from_value(odd).unwrap();
    let webhook = json!({"sink": {"http": {"url": "https://s"}}, "buffer": {"size": "2Gi"}});
    let setting = Setting {
        routes: true,
        ..setting(&image, &policy)
    };
    let resources = build(&integration(webhook), &setting).unwrap();
    let limits = &template(&resources)["containers"][0]["resources"]["limits"];
    assert_eq!(limits["memory"], "33555432");
}
