//! What goes wrong in a fleet makes the alert that says so fire.
//!
//! Not here, since they take hours or thousands of events, but before promtool in `tests/chart`: `ZoomWorkOverdue`,
//! `ZoomEndpointUnvalidated`, `ZoomEndpointValidationDue`, `ZoomBufferFull`, `ZoomBufferOld`, `ZoomReceiversOutdated`,
//! `ZoomRolloutStuck`.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{meeting_ended, options, panels, prometheus::Prometheus};
use crate::bed::{
    App, Bed, Case, LIMIT, Sim, Tenant, merge,
    object::{reason, text},
    unique, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("monitoring::alerts_of_integrations", integrations).needs_host(),
        Case::new("monitoring::alerts_of_receivers", receivers).needs_host(),
        Case::new("monitoring::alerts_of_connections", connections).needs_host(),
    ]
}

/// An app that Zoom knows, with its Secret and its integration.
async fn tenant(bed: &Bed, sim: &Sim, name: &str, settings: Value) -> anyhow::Result<Tenant> {
    let tenant = Tenant::server_to_server(name);
    tenant
        .declare(bed, sim, settings, &tenant.manifest())
        .await?;
    Ok(tenant)
}

async fn integrations(bed: Bed) -> anyhow::Result<()> {
    let options = options();
    let (sim, operator) = bed.zoom_and_operator(&options).await?;
    let prometheus = Prometheus::start(&bed, &options).await?;
    let brief = tenant(&bed, &sim, "brief", json!({"token_lifetime_seconds": 20})).await?;
    bed.until_reason("brief", "Connected").await?;
    let down = json!({
        "endpoint": "token",
        "client_id": brief.client_id,
        "fault": {"kind": "status", "status": 503},
    });
    sim.put_fault("down", down).await?;
    tenant(&bed, &sim, "lacking", json!({"scopes": []})).await?;
    let mut wrong = Tenant::server_to_server("wrong");
    sim.put_app(&wrong, json!({})).await?;
    wrong.client_secret = unique("wrong-secret");
    bed.apply(&wrong.secret()).await?;
    bed.apply(&wrong.manifest()).await?;

    prometheus.until_firing("ZoomTokenExpiresSoon").await?;
    prometheus.until_firing("ZoomTokenExpired").await?;
    prometheus.until_firing("ZoomIntegrationDegraded").await?;
    prometheus.until_firing("ZoomScopesMissing").await?;
    prometheus
        .until_firing_with("ZoomIntegrationStalled", "reason=\"CredentialsRejected\"")
        .await?;
    let panels = panels(bed.namespace())?;
    let panel = panels
        .iter()
        .find(|(title, _)| title == "Stalled, by reason");
    let (_, queries) = panel.expect("the panel is there");
    wait_for("the panel shows it", LIMIT, || async {
        let shown = prometheus.query(&queries[0]).await?;
        ensure!(!shown.is_empty(), "{queries:?}");
        Ok(Some(()))
    })
    .await?;

    prometheus.until_quiet("ZoomConnectUnavailable").await?;
    let none = json!({"spec": {"replicas": 0}});
    bed.patch("deployments", "zoom-operator-connect", &none)
        .await?;
    prometheus.until_firing("ZoomConnectUnavailable").await?;
    prometheus.until_quiet("ZoomOperatorNoLeader").await?;
    operator.scale(0).await?;
    prometheus.until_firing("ZoomOperatorNoLeader").await?;
    Ok(())
}

/// An app with a receiver and a buffer or none.
async fn receiver(bed: &Bed, sim: &Sim, name: &str, webhook: Value) -> anyhow::Result<Tenant> {
    let tenant = Tenant::server_to_server(name);
    let mut manifest = tenant.manifest_with_webhook();
    merge(&mut manifest["spec"]["webhook"], &webhook);
    tenant.declare(bed, sim, json!({}), &manifest).await?;
    Ok(tenant)
}

async fn receivers(bed: Bed) -> anyhow::Result<()> {
    let options = options();
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let prometheus = Prometheus::start(&bed, &options).await?;
    let nowhere = json!({"receiver": {"nodeSelector": {"zoom-operator.io/e2e": "nowhere"}}});
    receiver(&bed, &sim, "nowhere", nowhere).await?;
    let forged = receiver(&bed, &sim, "forged", json!({})).await?;
    let direct = receiver(&bed, &sim, "direct", json!({})).await?;
    let kept = receiver(&bed, &sim, "kept", json!({"buffer": {"size": "64Mi"}})).await?;
    for name in ["forged", "direct", "kept"] {
        bed.until_reason(name, "Connected").await?;
        let query =
            format!("zoom_receiver_requests_total{{zoom_operator_io_integration=\"{name}\"}}");
        wait_for("a first look at the counters", LIMIT, || async {
            Ok((!prometheus.query(&query).await?.is_empty()).then_some(()))
        })
        .await?;
    }

    sim.sink_answers(json!({"status": 422})).await?;
    let order = json!({"event": meeting_ended("refused")});
    sim.deliver(&kept, order).await?;
    prometheus.until_firing("ZoomDeadLetters").await?;
    sim.sink_answers(json!({"status": 503})).await?;
    let order = json!({"event": meeting_ended("failed")});
    sim.deliver(&direct, order).await?;
    let signature = format!("v0={}", "0".repeat(64));
    let order = json!({"event": meeting_ended("forged"), "signature": signature});
    for _ in 0..8 {
        sim.deliver(&forged, order.clone()).await?;
    }

    for (alert, of) in [
        ("ZoomReceiverUnavailable", ""),
        ("ZoomSignaturesRejected", "forged"),
        ("ZoomSinkFailing", "direct"),
    ] {
        let labels = prometheus.until_firing(alert).await?;
        ensure!(
            text(&labels, "/zoom_operator_io_integration") == of,
            "{labels:#}"
        );
        ensure!(of.is_empty() || text(&labels, "/namespace") == bed.namespace());
    }

    // The sink is there again: what it takes ends the alert.
    sim.sink_answers(json!({"status": 204})).await?;
    let order = json!({"event": meeting_ended("again")});
    sim.deliver(&direct, order).await?;
    prometheus.until_quiet("ZoomSinkFailing").await
}

async fn connections(bed: Bed) -> anyhow::Result<()> {
    let options = options();
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let prometheus = Prometheus::start(&bed, &options).await?;
    let other = tenant(&bed, &sim, "other", json!({})).await?;
    let app = App::general("app");
    app.declare(&bed, &sim, json!({}), &json!({})).await?;
    let people = app.people(&sim).await?;

    // Of an app that has no connections.
    let minted = app.mint(&sim, &people[0]).await?;
    App(other)
        .import(&bed, "misled", &minted, &json!({}))
        .await?;
    // Whose grant Zoom has taken back before it was imported.
    let minted = app.mint(&sim, &people[1]).await?;
    let path = format!("apps/{}/grants/{}/deauthorize", app.0.client_id, minted.id);
    sim.admin("POST", &path, None).await?;
    app.import(&bed, "removed", &minted, &json!({})).await?;
    // Who granted less than another integration of the same kind of app requires.
    let lacking = App::general("lacking");
    let scopes = json!({"scopes": {"required": ["user:read:user", "meeting:read:meeting"]}});
    lacking.declare(&bed, &sim, json!({}), &scopes).await?;
    let person = lacking.people(&sim).await?.remove(0);
    let minted = lacking.mint(&sim, &person).await?;
    lacking.import(&bed, "lacking", &minted, &json!({})).await?;

    let stalled = prometheus.until_firing("ZoomConnectionStalled").await?;
    ensure!(stalled["reason"] == "NotAGeneralApp", "{stalled:#}");
    prometheus
        .until_firing("ZoomConnectionReauthorizationRequired")
        .await?;
    prometheus
        .until_firing("ZoomConnectionScopesMissing")
        .await?;
    prometheus.until_firing("ZoomConnectionDegraded").await?;
    let misled = bed.get("zoomconnections", "misled").await?;
    ensure!(reason(&misled, "Ready") == "NotAGeneralApp", "{misled:#}");
    Ok(())
}
