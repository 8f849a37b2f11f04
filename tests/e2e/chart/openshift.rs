//! With the values for `OpenShift` no Pod fixes an id, and all run where Pod Security `restricted` is enforced, as in
//! every test's namespace. `OpenShift` itself adds ids of its own choice.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::bed::{Bed, LIMIT, Options, Tenant, object, wait_for};

const IDS: [&str; 3] = ["runAsUser", "runAsGroup", "fsGroup"];

pub async fn without_ids(bed: Bed) -> anyhow::Result<()> {
    let values = IDS.map(|id| format!("podSecurityContext.{id}=null"));
    let options = Options {
        values: values.into(),
        ..Options::default()
    };
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let tenant = Tenant::server_to_server("acme");
    tenant
        .declare(&bed, &sim, json!({}), &tenant.manifest_with_webhook())
        .await?;
    bed.until_reason("acme", "Connected").await?;
    bed.until("acme", "its receiver runs", |integration| {
        object::status(integration, "ReceiverAvailable") == "True"
    })
    .await?;
    for name in ["zoom-operator", "zoom-receiver"] {
        let pods = wait_for(&format!("a Pod of {name}"), LIMIT, || async {
            let labels = format!("app.kubernetes.io/name={name}");
            let pods = bed.list("pods", &labels).await?;
            Ok((!pods.is_empty()).then_some(pods))
        })
        .await?;
        for pod in &pods {
            expect_no_ids(&pod["spec"])?;
        }
    }
    Ok(())
}

fn expect_no_ids(spec: &Value) -> anyhow::Result<()> {
    let containers = spec["containers"].as_array().into_iter().flatten();
    let contexts = containers.map(|container| &container["securityContext"]);
    for context in contexts.chain([&spec["securityContext"]]) {
        for id in IDS {
            ensure!(context[id].is_null(), "{id}: {context:#}");
        }
    }
    ensure!(spec["securityContext"]["runAsNonRoot"] == true, "{spec:#}");
    Ok(())
}
