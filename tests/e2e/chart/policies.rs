//! The chart's admission policies before the real API server, for this test's namespace alone.

use std::io::Write as _;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::bed::{Bed, LIMIT, Tenant, tools, wait_for};

const VALUES: [&str; 9] = [
    "admissionPolicies.hosts.enabled=true",
    "admissionPolicies.sinks.enabled=true",
    "admissionPolicies.priorityClasses.enabled=true",
    "admissionPolicies.distribution.enabled=true",
    "admissionPolicies.priorityClasses.allowed={low}",
    "admissionPolicies.sinks.allowed[0].namespace=*",
    "admissionPolicies.sinks.allowed[0].pattern=sink.example.com",
    "receiver.hosts[0].namespace=*",
    "receiver.hosts[0].pattern=*.a.example.com",
];

/// What is refused names the value of the chart that would allow it; what was there before stays.
pub async fn refusals(bed: Bed) -> anyhow::Result<()> {
    let before = Tenant::server_to_server("before");
    bed.create(&before.manifest_with(&webhook("old.example.org", &json!({}))))
        .await?;
    let policies = render(bed.namespace()).await?;
    tools::must("kubectl", &["apply", "-f", policies.path()?]).await?;
    let judged = judge(&bed, &before).await;
    tools::must("kubectl", &["delete", "-f", policies.path()?]).await?;
    judged
}

async fn judge(bed: &Bed, before: &Tenant) -> anyhow::Result<()> {
    let url = |url: &str| {
        webhook(
            "x.a.example.com",
            &json!({"sink": {"http": {"url": url, "serviceRef": null}}}),
        )
    };
    let class = |class: &str| {
        webhook(
            "x.a.example.com",
            &json!({"receiver": {"priorityClassName": class}}),
        )
    };
    let refused = [
        (
            "host",
            webhook("elsewhere.example.org", &json!({})),
            "receiver.hosts",
        ),
        (
            "suffix",
            webhook("xa.example.com", &json!({})),
            "receiver.hosts",
        ),
        (
            "sink",
            url("https://elsewhere.example.org/x"),
            "admissionPolicies.sinks.allowed",
        ),
        (
            "class",
            class("high"),
            "admissionPolicies.priorityClasses.allowed",
        ),
        (
            "distribution",
            json!({"app": {"distribution": "Listed"}}),
            "admissionPolicies.distribution.allowed",
        ),
    ];
    for (name, change, value) in refused {
        let manifest = Tenant::server_to_server(name).manifest_with(&change);
        // The API server learns of a policy within seconds.
        let said = wait_for("a refusal", LIMIT, async || {
            if let Err(error) = bed.create(&manifest).await {
                return Ok(Some(format!("{error:#}")));
            }
            bed.delete("zoomintegrations", name).await?;
            Ok(None)
        })
        .await
        .context(name)?;
        ensure!(said.contains(value), "{name}: {said}");
    }
    let allowed = [
        ("below", webhook("deep.b.a.example.com", &json!({}))),
        ("url", url("https://SINK.example.com:8443/x")),
        ("low", class("low")),
        ("plain", json!({})),
    ];
    for (name, change) in allowed {
        let manifest = Tenant::server_to_server(name).manifest_with(&change);
        bed.create(&manifest).await.context(name)?;
    }
    bed.change(&before.name, &json!({"suspend": true})).await?;
    let moved = json!({"webhook": {"endpoint": {"host": "other.example.org"}}});
    ensure!(bed.change(&before.name, &moved).await.is_err(), "moved");
    // What another release was to judge is judged once it is ours.
    let mut detour = webhook("elsewhere.example.org", &json!({}));
    detour["operatorClass"] = json!("another");
    bed.create(&Tenant::server_to_server("detour").manifest_with(&detour))
        .await?;
    let ours = json!({"operatorClass": null});
    ensure!(bed.change("detour", &ours).await.is_err(), "detour");
    Ok(())
}

fn webhook(host: &str, change: &Value) -> Value {
    let mut webhook = json!({
        "subscriptions": [], "endpoint": {"host": host},
        "sink": {"http": {"serviceRef": {"name": "sink"}}},
    });
    crate::bed::merge(&mut webhook, change);
    json!({"webhook": webhook})
}

/// The policies in a file.
struct Policies(tempfile::NamedTempFile);

impl Policies {
    fn path(&self) -> anyhow::Result<&str> {
        self.0.path().to_str().context("not UTF-8")
    }
}

async fn render(namespace: &str) -> anyhow::Result<Policies> {
    let selector = format!(
        "admissionPolicies.namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name={namespace}"
    );
    let mut args = vec![
        "template",
        namespace,
        "charts/zoom-operator",
        "--show-only=templates/admissionpolicies.yaml",
    ];
    for value in VALUES.iter().copied().chain([selector.as_str()]) {
        args.extend(["--set", value]);
    }
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(tools::must("helm", &args).await?.as_bytes())?;
    Ok(Policies(file))
}
