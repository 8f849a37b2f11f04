//! Several releases in one cluster: apart by class, or by the labels of namespaces.

use std::time::SystemTime;

use anyhow::ensure;
use serde_json::{Value, json};

use super::apart::writers;
use crate::bed::{
    Bed, LIMIT, Operator, Options, Release, Sim, Tenant, object::seen, unique, wait_for,
};

/// Two releases in one namespace, of which each serves one class.
pub async fn by_class(bed: Bed) -> anyhow::Result<()> {
    let since = SystemTime::now();
    let sim = Sim::deploy(&bed).await?;
    let blue = Release::install(&bed, "blue", &["operatorClass=blue".to_owned()], true).await?;
    let theirs = tenant(&bed, &sim, "theirs", json!({"operatorClass": "blue"})).await?;
    let ours = tenant(&bed, &sim, "ours", json!({})).await?;
    bed.until_reason("theirs", "Connected").await?;
    let untouched = bed.integration("ours").await?;
    ensure!(!seen(&untouched), "{untouched:#}");
    let operator = Operator::install(&bed, &Options::default()).await?;
    bed.until_reason("ours", "Connected").await?;
    // The other operator takes over the token and asks for no other.
    bed.change(
        "ours",
        &json!({"operatorClass": "blue", "externalRefs": {"tenantid": "1"}}),
    )
    .await?;
    until_observed(&bed, "ours").await?;
    wait_for("the first operator counts none", LIMIT, || async {
        let sample = r#"zoom_operator_integrations{phase="Connected"}"#;
        Ok((operator.metric(sample).await? == Some(0.0)).then_some(()))
    })
    .await?;
    for tenant in [&ours, &theirs] {
        let asked = sim.token_requests(tenant).await?;
        ensure!(asked == 1, "{} asked {asked} times", tenant.name);
    }
    // No object was worked on twice, not even while it changed hands.
    let (first, second) = ("zoom-operator", "blue-zoom-operator");
    for (name, wanted) in [("theirs", vec![second]), ("ours", vec![first, second])] {
        let writers = writers(since, &bed, name)?;
        ensure!(writers == wanted, "{name}: {writers:?}");
    }
    blue.uninstall().await
}

/// A release for namespaces with a label, which come and go.
pub async fn by_labels(bed: Bed) -> anyhow::Result<()> {
    let tenants = bed.neighbour("tenant").await?;
    let label = unique("e2e");
    let values = [
        format!("watchNamespaceSelector.matchLabels.{label}=yes"),
        format!("zoom.oauthUrl=http://zoom-sim.{}.svc", tenants.namespace()),
        format!("zoom.apiUrl=http://zoom-sim.{}.svc", tenants.namespace()),
    ];
    let release = Release::install(&bed, &unique("zo"), &values, false).await?;
    let result = selected(&tenants, &bed, &label).await;
    let gone = release.uninstall().await;
    tenants.remove().await?;
    result.and(gone)
}

async fn selected(tenants: &Bed, others: &Bed, label: &str) -> anyhow::Result<()> {
    let sim = Sim::deploy(tenants).await?;
    tenant(tenants, &sim, "acme", json!({})).await?;
    ensure!(!seen(&tenants.integration("acme").await?));
    tenants.label(label, json!("yes")).await?;
    tenants.until_reason("acme", "Connected").await?;
    tenants.label(label, Value::Null).await?;
    // A namespace that is labelled later is served: the operator knows by now that the first one has no label any more.
    let witness = tenant(others, &sim, "witness", json!({})).await?;
    others.label(label, json!("yes")).await?;
    others.until_reason("witness", "Connected").await?;
    // Its Secret goes and does not come back, until the label does. The witness's Secret goes after it, and is restored.
    let name = Tenant::server_to_server("acme").token_secret();
    tenants.delete("secrets", &name).await?;
    others.delete("secrets", &witness.token_secret()).await?;
    until_restored(others, &witness.token_secret()).await?;
    ensure!(tenants.find("secrets", &name).await?.is_none());
    tenants.label(label, json!("yes")).await?;
    until_restored(tenants, &name).await
}

async fn until_restored(bed: &Bed, secret: &str) -> anyhow::Result<()> {
    wait_for("the Secret is restored", LIMIT, || async {
        Ok(bed.find("secrets", secret).await?.map(drop))
    })
    .await
}

async fn tenant(bed: &Bed, sim: &Sim, name: &str, spec: Value) -> anyhow::Result<Tenant> {
    let tenant = Tenant::server_to_server(name);
    let manifest = tenant.manifest_with(&spec);
    tenant.declare(bed, sim, json!({}), &manifest).await?;
    Ok(tenant)
}

async fn until_observed(bed: &Bed, name: &str) -> anyhow::Result<()> {
    bed.until(name, "its last change is observed", |object| {
        object["metadata"]["generation"] == object["status"]["observedGeneration"]
    })
    .await?;
    Ok(())
}
