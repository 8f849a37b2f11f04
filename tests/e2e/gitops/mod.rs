//! What `GitOps` tools do with the examples: apply them again and again, from several sides, and judge their health.

mod actions;
mod again;
mod argocd;
mod clinics;
mod definitions;
mod files;
mod flux;
mod health;
mod managers;
mod tenants;

use serde_json::{Value, json};

use crate::bed::{Bed, Case, Operator, Options, Sim, Tenant, object::text};

pub fn cases() -> Vec<Case> {
    [
        again::cases(),
        managers::cases(),
        health::cases(),
        actions::cases(),
        tenants::cases(),
        argocd::cases(),
        clinics::cases(),
        flux::cases(),
        definitions::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// With consent pages, so that every example can go its way.
fn options() -> Options {
    Options::default().with_pages()
}

/// The offline Zoom, which knows the app of every Secret of the examples, and an operator.
async fn zoom_and_operator(bed: &Bed) -> anyhow::Result<(Sim, Operator)> {
    let (sim, operator) = bed.zoom_and_operator(&options()).await?;
    know_apps(&sim).await?;
    Ok((sim, operator))
}

/// Makes Zoom take the examples' credentials.
async fn know_apps(sim: &Sim) -> anyhow::Result<()> {
    for (_, secret) in files::of_kind("Secret")? {
        let value = |key: &str| text(&secret, &format!("/stringData/{key}")).to_owned();
        if value("client-id").is_empty() {
            continue;
        }
        let account = Some(value("account-id")).filter(|account| !account.is_empty());
        let tenant = Tenant {
            name: text(&secret, "/metadata/name").to_owned(),
            client_id: value("client-id"),
            client_secret: value("client-secret"),
            account_id: account.clone().unwrap_or_else(|| "account".into()),
            webhook_secret: value("webhook-secret-token"),
        };
        let kind = if account.is_some() {
            "ServerToServer"
        } else {
            "General"
        };
        sim.put_app(&tenant, json!({"kind": kind, "management": "User"}))
            .await?;
    }
    Ok(())
}

/// Of the kinds that are ours.
fn is_ours(object: &Value) -> bool {
    text(object, "/apiVersion") == "zoom-operator.io/v1alpha1"
}
