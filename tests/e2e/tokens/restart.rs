//! A restart with fresh Secrets is silent: no call to Zoom, no write but the Lease.

use std::io::{Read as _, Seek as _, SeekFrom};

use serde_json::{Value, json};

use super::connected;
use crate::bed::{
    Bed, Case, LIMIT, Options,
    object::{reason, text},
    tools, unique, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tokens::restart_is_silent", silent).needs_host(),
        Case::new("tokens::restart_keeps_the_backoff", keeps_backoff),
    ]
}

async fn silent(bed: Bed) -> anyhow::Result<()> {
    let (sim, operator) = bed.zoom_and_operator(&Options::default()).await?;
    let names = ["one", "two", "three"];
    let mut tenants = Vec::new();
    for name in names {
        tenants.push(connected(&bed, &sim, name, json!({}), json!({})).await?);
    }
    let versions = async || -> anyhow::Result<Vec<Value>> {
        let mut versions = Vec::new();
        for tenant in &tenants {
            for (resource, name) in [
                ("zoomintegrations", tenant.name.clone()),
                ("secrets", tenant.token_secret()),
            ] {
                let object = bed.get(resource, &name).await?;
                versions.push(object["metadata"]["resourceVersion"].clone());
            }
        }
        Ok(versions)
    };
    let before = versions().await?;
    let mut log = std::fs::File::open(tools::audit_log())?;
    log.seek(SeekFrom::End(0))?;
    operator.restart().await?;
    wait_for("the new operator has seen all", LIMIT, || async {
        let seen = operator
            .metric(r#"zoom_operator_integrations{phase="Connected"}"#)
            .await?;
        Ok((seen == Some(3.0)).then_some(()))
    })
    .await?;
    anyhow::ensure!(versions().await? == before);
    for tenant in &tenants {
        anyhow::ensure!(sim.token_requests(tenant).await? == 1, "{}", tenant.name);
    }
    let mut written = String::new();
    log.read_to_string(&mut written)?;
    let user = format!("system:serviceaccount:{}:zoom-operator", bed.namespace());
    let ours: Vec<Value> = written
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|entry| text(entry, "/user/username") == user)
        .filter(|entry| !matches!(text(entry, "/verb"), "get" | "list" | "watch"))
        .collect();
    anyhow::ensure!(!ours.is_empty(), "the log must show its Lease");
    for entry in ours {
        anyhow::ensure!(text(&entry, "/objectRef/resource") == "leases", "{entry:#}");
    }
    Ok(())
}

/// The time of the next attempt is in the status: neither forgotten nor begun again.
async fn keeps_backoff(bed: Bed) -> anyhow::Result<()> {
    let (sim, operator) = bed.zoom_and_operator(&Options::default()).await?;
    let mut tenant = crate::bed::Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    tenant.client_secret = unique("wrong-secret");
    bed.apply(&tenant.secret()).await?;
    bed.apply(&tenant.manifest()).await?;
    let before = bed.until_reason("acme", "CredentialsRejected").await?;
    operator.restart().await?;
    wait_for("the new operator has seen it", LIMIT, || async {
        let seen = operator
            .metric(r#"zoom_operator_integrations{phase="Degraded"}"#)
            .await?;
        Ok((seen == Some(1.0)).then_some(()))
    })
    .await?;
    let after = bed.integration("acme").await?;
    anyhow::ensure!(reason(&after, "Ready") == "CredentialsRejected");
    anyhow::ensure!(
        after["status"] == before["status"],
        "{:#}",
        after["status"]["token"]
    );
    anyhow::ensure!(sim.token_requests(&tenant).await? == 1);
    Ok(())
}
