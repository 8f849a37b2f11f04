//! Workloads that cannot read a token again are restarted, once for each token, where the chart allows it.

use anyhow::ensure;
use serde_json::{Value, json};

use super::connected;
use crate::bed::{Bed, Case, LIMIT, Options, object::text, wait_for};

const MARK: &str = "/spec/template/metadata/annotations/zoom-operator.io~1restarted-for";

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "tokens::consumers_are_restarted_once_for_each_token",
            restarted,
        ),
        Case::new("tokens::consumers_are_left_alone_by_default", left_alone),
    ]
}

/// A workload without Pods: what counts is its template.
fn consumer(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "example.com/none"}]},
            },
        },
    })
}

fn restart(when: &str) -> Value {
    json!({"token": {"restart": {
        "when": when,
        "workloads": [{"kind": "Deployment", "name": "listed"}],
    }}})
}

/// How often the template of a Deployment changed, and for which token.
async fn template(bed: &Bed, name: &str) -> anyhow::Result<(i64, String)> {
    let found = bed.get("deployments", name).await?;
    let generation = found["metadata"]["generation"].as_i64().unwrap_or_default();
    Ok((generation - 1, text(&found, MARK).to_owned()))
}

async fn until_restarted(bed: &Bed, times: i64) -> anyhow::Result<String> {
    wait_for(&format!("{times} restarts"), LIMIT, || async {
        let (changes, mark) = template(bed, "listed").await?;
        ensure!(changes <= times, "restarted {changes} times: {mark}");
        Ok((changes == times).then_some(mark))
    })
    .await
}

async fn restarted(bed: Bed) -> anyhow::Result<()> {
    let options = Options {
        values: vec!["restartWorkloads=true".to_owned()],
        ..Options::default()
    };
    let (sim, operator) = bed.zoom_and_operator(&options).await?;
    for name in ["listed", "other"] {
        bed.apply(&consumer(name)).await?;
    }
    let tenant = connected(&bed, &sim, "acme", json!({}), restart("EveryToken")).await?;
    let first = until_restarted(&bed, 1).await?;
    bed.refresh_now(&tenant).await?;
    let second = until_restarted(&bed, 2).await?;
    ensure!(first != second, "{first}");
    // Passes without a new token, those of another process too, restart nothing.
    bed.change("acme", &json!({"externalRefs": {"tenantid": "1"}}))
        .await?;
    operator.restart().await?;
    bed.change("acme", &json!({"externalRefs": {"tenantid": "2"}}))
        .await?;
    wait_for("the new operator has seen it", LIMIT, || async {
        let seen = bed.integration("acme").await?;
        let (is, was) = (
            &seen["metadata"]["generation"],
            &seen["status"]["observedGeneration"],
        );
        Ok((is == was).then_some(()))
    })
    .await?;
    ensure!(template(&bed, "listed").await? == (2, second));
    ensure!(template(&bed, "other").await?.0 == 0);
    Ok(())
}

async fn left_alone(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    bed.apply(&consumer("listed")).await?;
    connected(&bed, &sim, "acme", json!({}), restart("EveryToken")).await?;
    let count = super::event_count(&bed, "acme", "ConsumerNotRestarted").await?;
    ensure!(count == 1, "{count} Events");
    ensure!(template(&bed, "listed").await?.0 == 0);
    Ok(())
}
