//! Zoom's domain validation: the person puts Zoom's code where the step says, and at Submit Zoom reads it there.

use anyhow::ensure;
use serde_json::{Value, json};

use super::step;
use crate::bed::{App, Bed, LIMIT, Options, Sim, USER_SCOPE, wait_for};

const HOST: &str = "hooks.example.com";

pub async fn validated(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let app = App::general("app");
    let page = |name: &str| format!("https://clinic.example/{name}");
    let spec = json!({
        "app": {
            "environment": "Production", "distribution": "Unlisted",
            "domainValidation": {"configMapKeyRef": {"name": "domain"}},
            "listing": {
                "privacyUrl": page("privacy"), "termsUrl": page("terms"), "supportUrl": page("support"),
            },
        },
        "scopes": {"required": [USER_SCOPE]},
        "webhook": {
            "subscriptions": [],
            "endpoint": {"host": HOST},
            "sink": {"http": {"serviceRef": {"name": "sink", "path": "/zoom"}}},
        },
    });
    app.declare(&bed, &sim, json!({}), &spec).await?;
    let receiver = json!({"url": format!("http://app-receiver.{}.svc", bed.namespace())});
    sim.admin("PUT", &format!("names/{HOST}"), Some(&receiver))
        .await?;
    let object = bed
        .until("app", "the steps", |object| {
            !step(object, "Submit").is_null()
        })
        .await?;
    let opening = json!({"account_id": app.0.account_id});
    sim.admin("PUT", "portal/desk", Some(&opening)).await?;
    for id in ["CreateApp", "Redirect", "Scopes", "Information"] {
        perform(&sim, step(&object, id)).await?;
    }
    let report = perform(&sim, step(&object, "DomainValidation")).await?;
    let code = &report["copied"]["domain"]["verifyzoom.html"];
    ensure!(code.is_string(), "{report:#}");
    bed.until_deployed("app-receiver").await?;
    let submit = step(&object, "Submit");
    ensure!(perform(&sim, submit).await.is_err(), "nothing is there yet");

    bed.apply(&json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "domain"},
        "data": {"verifyzoom.html": code},
    }))
    .await?;
    // The kubelet brings the file within two minutes.
    wait_for("Zoom finds its code", LIMIT * 2, || async {
        perform(&sim, submit).await.map(Some)
    })
    .await?;
    Ok(())
}

async fn perform(sim: &Sim, step: &Value) -> anyhow::Result<Value> {
    sim.admin("POST", "portal/desk/steps", Some(step)).await
}
