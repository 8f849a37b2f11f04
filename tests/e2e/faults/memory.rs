//! Annotations as large as Kubernetes allows, on everything that the controller watches.

use anyhow::ensure;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::{add, until_new_token};
use crate::bed::{Bed, Case, LIMIT, Options, Tenant, secret, wait_for};

pub fn cases() -> Vec<Case> {
    vec![Case::new("faults::big_annotations_cost_no_memory", big)]
}

/// Kubernetes allows 256 KiB of annotations for each object.
const EACH: usize = 250 * 1024;
const SECRETS: usize = 300;
const INTEGRATIONS: usize = 100;
/// Objects that are written at a time.
const AT_A_TIME: usize = 4;
/// In bytes: three quarters of the chart's limit. The annotations are a hundred megabytes.
const RESIDENT: u64 = 96 << 20;

/// All of them are there before the controller lists them, and some change while it watches.
async fn big(bed: Bed) -> anyhow::Result<()> {
    let note = "x".repeat(EACH);
    let objects = (0..SECRETS + INTEGRATIONS).map(|number| {
        let name = format!("big-{number}");
        let mut object = if number < SECRETS {
            secret(&name, &[("key", b"value")])
        } else {
            // Suspended: what it costs is to know of it.
            Tenant::server_to_server(&name).manifest_with(&json!({"suspend": true}))
        };
        object["metadata"]["annotations"] = json!({"example.com/note": note});
        object
    });
    stream::iter(objects)
        .map(|object| create(&bed, object))
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;

    let options = Options {
        values: vec!["resources.limits.memory=128Mi".to_owned()],
        ..Options::default()
    };
    let (sim, operator) = bed.zoom_and_operator(&options).await?;
    let tenant = Tenant::server_to_server("acme");
    add(&bed, &sim, &tenant, json!({})).await?;
    bed.until_reason("acme", "Connected").await?;
    let last = format!("big-{}", SECRETS + INTEGRATIONS - 1);
    bed.until(&last, "it was seen", |object| {
        object["status"]["phase"] == "Suspended"
    })
    .await?;
    let touched = json!({"metadata": {"labels": {"example.com/touched": "true"}}});
    stream::iter((0..SECRETS + INTEGRATIONS).step_by(4))
        .map(|number| {
            let kind = if number < SECRETS {
                "secrets"
            } else {
                "zoomintegrations"
            };
            let (bed, touched) = (&bed, &touched);
            async move { bed.patch(kind, &format!("big-{number}"), touched).await }
        })
        .buffer_unordered(AT_A_TIME)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    bed.refresh_now(&tenant).await?;
    until_new_token(&bed, &tenant, &before).await?;

    let leader = operator.until_leading().await?;
    let pod = bed.get("pods", &leader).await?;
    let container = &pod["status"]["containerStatuses"][0];
    ensure!(container["restartCount"] == 0, "{container:#}");
    let resident = resident(&bed, &pod, &leader).await?;
    ensure!(resident < RESIDENT, "{resident} bytes resident");
    Ok(())
}

async fn create(bed: &Bed, object: Value) -> anyhow::Result<()> {
    bed.create(&object).await.map(drop)
}

/// Bytes that the kubelet saw the Pod's processes hold, once it has looked.
async fn resident(bed: &Bed, pod: &Value, name: &str) -> anyhow::Result<u64> {
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
    wait_for("the kubelet's measure", LIMIT, || async {
        let summary = bed.request("GET", &path, None).await?;
        let pods = summary["pods"].as_array();
        let found = pods.into_iter().flatten().find(|found| {
            found["podRef"]["name"] == name && found["podRef"]["namespace"] == bed.namespace()
        });
        Ok(found.and_then(|found| found["containers"][0]["memory"]["rssBytes"].as_u64()))
    })
    .await
}
