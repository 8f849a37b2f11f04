//! Argo CD's word on the five integrations, from the first look to their goal.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{files, know_apps, options};
use crate::{
    bed::{
        Bed, Case, Operator, Sim,
        object::{self, seen, text},
        tools,
    },
    contract::judges,
};

pub fn cases() -> Vec<Case> {
    vec![Case::new("gitops::health_of_the_five", health_of_the_five)]
}

/// An integration, and what Argo CD says once its credentials are there: those that wait for nobody are Healthy.
const FIVE: [(&str, &str, &str); 6] = [
    ("clinicea/integration.yaml", "clinicea", "Healthy"),
    ("kivicare/integration.yaml", "kivicare", "Healthy"),
    ("ontime/integration.yaml", "ontime", "Healthy"),
    ("nectar-dxp/integration.yaml", "nectar-dxp", "Suspended"),
    ("stackone/integration.yaml", "stackone", "Suspended"),
    ("stackone/user-managed.yaml", "stackone-user", "Healthy"),
];

const WITH_RECEIVER: [&str; 2] = ["clinicea", "nectar-dxp"];

async fn health_of_the_five(bed: Bed) -> anyhow::Result<()> {
    let example = |file: &str| tools::repository().join("examples").join(file);
    for (file, name, _) in FIVE {
        let Some(manifest) = files::ours(&bed, &example(file))? else {
            anyhow::bail!("{file} has changed");
        };
        apply(&bed, &manifest.path()).await?;
        // Nobody is there yet.
        says(&bed, name, "Progressing", |_| true).await?;
    }
    // Those with a receiver: into a Pod that runs, the kubelet brings a Secret a minute later.
    credentials(&bed, WITH_RECEIVER).await?;
    let (sim, _operator) = futures::try_join!(Sim::deploy(&bed), async {
        Operator::install(&bed, &options()).await
    })?;
    know_apps(&sim).await?;
    for (_, name, _) in FIVE {
        if WITH_RECEIVER.contains(&name) {
            continue;
        }
        let waits = |object: &Value| object::reason(object, "Ready") == "AwaitingCredentials";
        says(&bed, name, "Suspended", waits).await?;
    }
    credentials(&bed, ["kivicare", "ontime", "stackone"]).await?;
    for (_, name, health) in FIVE {
        let goal = |object: &Value| object::reason(object, "Ready") == "ReadyToInstall";
        says(&bed, name, health, goal).await?;
    }
    // A person waits for nobody's sync: the connection says so by itself.
    let connection = bed
        .until_object("zoomconnections", "stackone", "a link", |object| {
            !text(object, "/status/installUrl").is_empty()
        })
        .await?;
    let (health, message) = judges::health(&connection).await?;
    ensure!(health == "Suspended", "{health}: {message}");
    for (_, name, _) in FIVE {
        bed.change(name, &json!({"suspend": true})).await?;
        let suspended = |object: &Value| text(object, "/status/phase") == "Suspended";
        says(&bed, name, "Suspended", suspended).await?;
    }
    Ok(())
}

/// The Secrets of these examples.
async fn credentials<const N: usize>(bed: &Bed, examples: [&str; N]) -> anyhow::Result<()> {
    for example in examples {
        let file = format!("examples/{example}/credentials.example.yaml");
        let Some(secrets) = files::secrets(bed, &tools::repository().join(file))? else {
            anyhow::bail!("{example} has no Secret");
        };
        apply(bed, &secrets.path()).await?;
    }
    Ok(())
}

async fn apply(bed: &Bed, path: &str) -> anyhow::Result<()> {
    let said = bed.kubectl(&["apply", "--filename", path]).await?;
    ensure!(said.success, "{said:?}");
    Ok(())
}

/// Argo CD's word on an integration that is as wished, which the operator need not have seen.
async fn says(
    bed: &Bed,
    name: &str,
    health: &str,
    holds: impl Fn(&Value) -> bool,
) -> anyhow::Result<()> {
    let current = |object: &Value| seen(object) || health == "Progressing";
    let object = bed
        .until(name, health, |object| current(object) && holds(object))
        .await?;
    let (found, message) = judges::health(&object).await?;
    ensure!(
        found == health,
        "{name} is {found}, not {health}: {message}"
    );
    Ok(())
}
