//! The example `shared-app`: one app, three clinics, and one click for each.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{UNTIL_MOUNTED, deliver, look, until};
use crate::{
    bed::{
        App, Bed, Options,
        consent::hand_over,
        object::{key, reason, status, text},
        tools, wait_for,
    },
    receiver::back_end::BackEnd,
};

/// The clinics of the example, whose Zoom accounts have the same names here.
const CLINICS: [&str; 3] = ["clinic-a", "clinic-b", "clinic-c"];

/// Scopes of the example's app.
const SCOPES: [&str; 2] = ["meeting:read:meeting:admin", "user:read:user:admin"];

pub async fn shared_app(bed: Bed) -> anyhow::Result<()> {
    bed.with_neighbours(CLINICS, async |clinics| scenario(&bed, clinics).await)
        .await
}

async fn scenario(platform: &Bed, clinics: [&Bed; 3]) -> anyhow::Result<()> {
    let [first, second, third] = clinics;
    let options = Options::default()
        .serving(&[platform, first, second, third])
        .with_pages();
    let (sim, _operator) = platform.zoom_and_operator(&options).await?;
    let app = App::general("clinics");
    let settings = json!({"management": "Admin", "scopes": SCOPES});
    app.register(&sim, settings).await?;

    // The platform's files, with real credentials, and for an operator of these namespaces only.
    let mut secret = document("credentials.yaml")?;
    secret["stringData"] = json!({
        "client-id": app.0.client_id,
        "client-secret": app.0.client_secret,
        "webhook-secret-token": app.0.webhook_secret,
    });
    platform.apply(&here(secret)).await?;
    let mut integration = document("zoomintegration.yaml")?;
    let scopes = integration["spec"]["scopes"]["required"].clone();
    ensure!(scopes == json!(SCOPES), "{scopes}");
    integration["spec"]["allowedNamespaces"] = json!({"from": "All"});
    integration["spec"]["webhook"]["buffer"] = json!({"storage": "Ephemeral", "size": "16Mi"});
    platform.apply(&here(integration)).await?;

    // A file and a click for each clinic.
    let mut sinks = Vec::new();
    for (clinic, name) in clinics.iter().zip(CLINICS) {
        sinks.push(BackEnd::start_at(clinic, "back-end", 8080).await?);
        let mut connection = document(&format!("{name}.yaml"))?;
        connection["spec"]["integrationRef"]["namespace"] = json!(platform.namespace());
        clinic.apply(&here(connection)).await?;
        let account = sim.admin("PUT", &format!("accounts/{name}"), None).await?;
        let administrator = text(&account, "/users/0/email").to_owned();
        until(clinic, "waits for its administrator", |connection| {
            reason(connection, "Ready") == "ReadyToInstall"
        })
        .await?;
        hand_over(&sim, &app, platform, clinic, "zoom", &administrator).await?;
    }
    for (clinic, name) in clinics.iter().zip(CLINICS) {
        let connection = until(clinic, "connected and routed", |connection| {
            reason(connection, "Ready") == "Connected"
                && status(connection, "EventsRouted") == "True"
        })
        .await?;
        ensure!(text(&connection, "/status/account/id") == name);
        let token = clinic.get("secrets", "zoom-zoom-token").await?;
        ensure!(!key(&token, "access-token").is_empty());
    }

    // Each gets the events of its own account, with its own facts.
    for name in CLINICS {
        deliver(&sim, &app, name, name).await?;
    }
    for (sink, name) in sinks.iter().zip(CLINICS) {
        wait_for("the clinic's event", UNTIL_MOUNTED, || async {
            look(platform).await?;
            Ok(sink.last())
        })
        .await?;
        let request = sink.last().context("no request")?;
        let body: Value = serde_json::from_slice(&request.body)?;
        ensure!(text(&body, "/payload/account_id") == name, "{body}");
        ensure!(
            name.ends_with(request.header("ce-clinic")) && !request.header("ce-clinic").is_empty(),
            "{request:?}"
        );
        ensure!(sink.count() == 1, "{:?}", sink.order());
    }
    Ok(())
}

/// A file of the example that has one document.
fn document(file: &str) -> anyhow::Result<Value> {
    let path = tools::repository().join("examples/shared-app").join(file);
    Ok(serde_saphyr::from_str(&std::fs::read_to_string(path)?)?)
}

/// The object in the namespace of the test that applies it.
fn here(mut object: Value) -> Value {
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("namespace");
    }
    object
}
