//! The chart's monitors, alerts and dashboard before a real Prometheus.

mod alerts;
mod healthy;
mod monitors;
mod prometheus;

use serde_json::{Value, json};

use crate::bed::{Case, Options, tools};

pub fn cases() -> Vec<Case> {
    [healthy::cases(), alerts::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// With consent pages.
fn options() -> Options {
    Options::default().with_pages()
}

/// Title and queries of each panel of the dashboard, as Grafana asks them for the operator in a namespace.
fn panels(namespace: &str) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let file = tools::repository().join("charts/zoom-operator/dashboards/zoom-operator.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let panels = dashboard["panels"].as_array().cloned().unwrap_or_default();
    let query = |target: &Value| {
        let query = target["expr"].as_str().unwrap_or_default();
        query
            .replace("$namespace", namespace)
            .replace("$__rate_interval", "1m")
    };
    Ok(panels
        .iter()
        .map(|panel| {
            let title = panel["title"].as_str().unwrap_or_default().to_owned();
            let targets = panel["targets"].as_array().into_iter().flatten();
            (title, targets.map(query).collect())
        })
        .collect())
}

/// An event as Zoom sends it.
fn meeting_ended(id: &str) -> Value {
    json!({
        "event": "meeting.ended",
        "event_ts": 1_626_230_691_572_i64,
        "payload": {"account_id": "AAAAAABBBB", "object": {"id": id, "uuid": "4444AAAiAAAAAiAiAiiAii=="}},
    })
}
