//! `ServiceMonitor` and `PodMonitor` as scrape configuration, with the relabelings that prometheus-operator writes for them.

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use crate::bed::object::{name, text};

/// How often each process is asked, whatever the monitor says: tests wait for what a scrape shows.
const INTERVAL: &str = "3s";

/// The scrape configurations of a monitor.
pub fn scrapes(monitor: &Value, kubeconfig: &str) -> anyhow::Result<Vec<Value>> {
    let by_service = match text(monitor, "/kind") {
        "ServiceMonitor" => true,
        "PodMonitor" => false,
        other => anyhow::bail!("{other} is no monitor"),
    };
    let endpoints = if by_service {
        "endpoints"
    } else {
        "podMetricsEndpoints"
    };
    let endpoints = monitor["spec"][endpoints].as_array();
    let endpoints = endpoints.context("a monitor without endpoints")?;
    endpoints
        .iter()
        .map(|endpoint| scrape(monitor, endpoint, by_service, kubeconfig))
        .collect()
}

fn scrape(
    monitor: &Value,
    endpoint: &Value,
    by_service: bool,
    kubeconfig: &str,
) -> anyhow::Result<Value> {
    let port = text(endpoint, "/port");
    ensure!(!port.is_empty(), "an endpoint without the name of its port");
    let namespace = text(monitor, "/metadata/namespace");
    let (role, labels, port_name) = if by_service {
        ("endpointslice", "service_label", "endpointslice_port_name")
    } else {
        ("pod", "pod_label", "pod_container_port_name")
    };
    let mut discovery = json!({"role": role, "kubeconfig_file": kubeconfig});
    let namespaces = &monitor["spec"]["namespaceSelector"];
    if namespaces["any"] != true {
        let own = json!([namespace]);
        let names = Some(&namespaces["matchNames"]).filter(|names| names.is_array());
        discovery["namespaces"] = json!({"names": names.unwrap_or(&own)});
    }
    let wanted = monitor["spec"]["selector"]["matchLabels"].as_object();
    let mut relabelings: Vec<Value> = wanted
        .context("a monitor that selects everything")?
        .iter()
        .map(|(label, value)| keep(&format!("{labels}_{}", sanitized(label)), value))
        .collect();
    relabelings.push(keep(port_name, &json!(port)));
    relabelings.push(drop_ended());
    for (from, to) in [
        ("namespace", "namespace"),
        ("pod_name", "pod"),
        ("pod_container_name", "container"),
    ] {
        relabelings.push(copy(from, to));
    }
    if by_service {
        relabelings.extend([copy("service_name", "service"), copy("service_name", "job")]);
    } else {
        relabelings.push(constant("job", &format!("{namespace}/{}", name(monitor))));
    }
    relabelings.push(constant("endpoint", port));
    let targets = monitor["spec"]["podTargetLabels"].as_array();
    for label in targets.into_iter().flatten().filter_map(Value::as_str) {
        let label = sanitized(label);
        relabelings.push(copy(&format!("pod_label_{label}"), &label));
    }
    Ok(json!({
        "job_name": format!("{}/{namespace}/{}/{port}", text(monitor, "/kind"), name(monitor)),
        "scrape_interval": INTERVAL,
        "scrape_timeout": INTERVAL,
        "metrics_path": text(endpoint, "/path"),
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": relabelings,
    }))
}

/// A label's name in Prometheus.
fn sanitized(label: &str) -> String {
    label.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

fn keep(meta: &str, value: &Value) -> Value {
    json!({"action": "keep", "source_labels": [format!("__meta_kubernetes_{meta}")], "regex": value})
}

fn drop_ended() -> Value {
    json!({"action": "drop", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Failed|Succeeded"})
}

fn copy(meta: &str, label: &str) -> Value {
    json!({"source_labels": [format!("__meta_kubernetes_{meta}")], "target_label": label})
}

fn constant(label: &str, value: &str) -> Value {
    Value::Object(Map::from_iter([
        ("target_label".to_owned(), json!(label)),
        ("replacement".to_owned(), json!(value)),
    ]))
}
