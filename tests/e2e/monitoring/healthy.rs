//! A fleet in which all is well: everything is scraped, every panel shows something, no alert is active.

use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::{Value, json};

use super::{meeting_ended, options, panels, prometheus::Prometheus};
use crate::bed::{App, Bed, Case, LIMIT, Tenant, object::reason, object::text, wait_for};

pub fn cases() -> Vec<Case> {
    vec![Case::new("monitoring::healthy_fleet", healthy).needs_host()]
}

/// Their series exist only while something is wrong.
const NOTHING_WRONG: [&str; 5] = [
    "Stalled, by reason",
    "Connections without a usable route, by reason",
    "Namespaces that cannot be watched",
    "Objects that another release serves, too",
    "Not ready for ten minutes",
];

async fn healthy(bed: Bed) -> anyhow::Result<()> {
    let options = options();
    let (sim, operator) = bed.zoom_and_operator(&options).await?;
    let prometheus = Prometheus::start(&bed, &options).await?;
    let tenant = Tenant::server_to_server("acme");
    // With a buffer, since some metrics are a buffer's.
    let mut manifest = tenant.manifest_with_webhook();
    manifest["spec"]["webhook"]["buffer"] = json!({"size": "64Mi"});
    tenant.declare(&bed, &sim, json!({}), &manifest).await?;
    let app = App::general("app");
    app.declare(&bed, &sim, json!({}), &json!({})).await?;
    let person = app.people(&sim).await?.remove(0);
    let minted = app.mint(&sim, &person).await?;
    app.import(&bed, "ada", &minted, &json!({})).await?;
    bed.until_reason("acme", "Connected").await?;
    bed.until_object("zoomconnections", "ada", "connected", |object| {
        reason(object, "Ready") == "Connected"
    })
    .await?;
    let validation = sim.validate(&tenant).await?;
    ensure!(validation["ok"] == true, "{validation:#}");
    let event = json!({"event": meeting_ended("1")});
    let delivery = sim.deliver(&tenant, event).await?;
    ensure!(delivery["attempts"][0]["status"] == 204, "{delivery:#}");

    let receivers = format!("{}/zoom-operator-receivers", bed.namespace());
    let jobs = [
        ("zoom-operator", operator.pods().await?.len()),
        ("zoom-operator-connect-admin", 1),
        (receivers.as_str(), 1),
    ];
    prometheus.until_up(&jobs).await?;
    wait_for("the receiver by its labels", LIMIT, || async {
        let up = "up{zoom_operator_io_integration=\"acme\"}";
        let found = prometheus.query(up).await?;
        let ours = |sample: &Value| text(sample, "/metric/namespace") == bed.namespace();
        ensure!(found.len() == 1 && ours(&found[0]), "{found:#?}");
        Ok(Some(()))
    })
    .await?;

    let panels = panels(bed.namespace())?;
    ensure!(panels.len() > 10, "{panels:?}");
    for (title, queries) in &panels {
        for query in queries {
            let wanted = !NOTHING_WRONG.contains(&title.as_str());
            let what = format!("{title} shows something: {wanted}");
            wait_for(&what, LIMIT, || async {
                let found = prometheus.query(query).await?;
                let number = |value: &str| value.parse::<f64>().is_ok_and(f64::is_finite);
                let finite = found.iter().all(|sample| number(text(sample, "/value/1")));
                let shown = !found.is_empty() && finite;
                ensure!(shown == wanted, "{query}: {found:?}");
                Ok(Some(()))
            })
            .await?;
        }
    }

    // Nothing is called by a name that nobody knows.
    let queries = panels.iter().flat_map(|(_, queries)| queries.clone());
    let rules = prometheus.rules.iter();
    let rules = rules.map(|rule| text(rule, "/expr").to_owned());
    let used: BTreeSet<String> = queries
        .chain(rules)
        .flat_map(|text| metrics(&text))
        .collect();
    let absent = [
        "connections_stalled",
        "connections_unrouted",
        "integrations_stalled",
        "namespace_unwatched_kinds",
        "objects_served_twice",
        "resource_not_ready",
    ];
    let absent = absent.map(|name| format!("zoom_operator_{name}"));
    wait_for("every metric is known by its name", LIMIT, || async {
        let known = prometheus.metrics().await?;
        let unknown: Vec<&String> = used.difference(&known).collect();
        ensure!(unknown.iter().copied().eq(&absent), "{unknown:?}");
        Ok(Some(()))
    })
    .await?;
    prometheus.until_silent().await
}

/// Names of our metrics in an expression.
fn metrics(expression: &str) -> Vec<String> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("zoom_") && !word.starts_with("zoom_operator_io_"))
        .map(str::to_owned)
        .collect()
}
