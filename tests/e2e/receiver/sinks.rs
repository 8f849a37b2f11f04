//! What a sink is shown, and which sinks an operator refuses to serve.

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    RECEIVER, answer,
    back_end::{BackEnd, Request},
    connected, meeting_ended, taken, traffic,
};
use crate::bed::{
    Bed, Case, LIMIT, Options, Sim, Tenant, merge,
    object::{condition, message, reason, text},
    secret, unique, wait_for,
};

const SECRET: &str = "for-the-back-end";

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::sink_credentials", credentials).needs_host(),
        Case::new("receiver::sink_in_the_format_of_zoom", format).needs_host(),
        Case::new("receiver::sink_service_external", external).needs_host(),
    ]
}

/// A tenant whose events go to this sink, before anybody knows whether they may.
async fn tenant(bed: &Bed, sim: &Sim, http: Value) -> anyhow::Result<Tenant> {
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    bed.apply(&tenant.secret()).await?;
    let mut manifest = tenant.manifest_with_webhook();
    manifest["spec"]["webhook"]["sink"] = json!({});
    merge(
        &mut manifest["spec"]["webhook"]["sink"],
        &json!({"http": http}),
    );
    bed.apply(&manifest).await?;
    Ok(tenant)
}

/// Waits for this reason, whose message must have these words.
async fn refused(bed: &Bed, why: &str, words: &[&str]) -> anyhow::Result<Value> {
    let object = bed.until_reason("acme", why).await?;
    let said = message(&object, "Ready");
    println!("{why}: {said}");
    for word in words {
        ensure!(said.contains(word), "{word} is not in: {said}");
    }
    // The receiver without its sink, and none that still has it.
    bed.until_deployed(RECEIVER).await?;
    wait_for("the receiver before is gone", LIMIT, || async {
        let pods = bed
            .list("pods", "app.kubernetes.io/name=zoom-receiver")
            .await?;
        ensure!(pods.len() == 1, "{} Pods", pods.len());
        Ok(Some(()))
    })
    .await?;
    Ok(object)
}

/// Zoom is told to come again, and the back end hears nothing of it.
async fn withheld(sim: &Sim, tenant: &Tenant, back_end: &BackEnd, id: &str) -> anyhow::Result<()> {
    // The Service may lead to the receiver before for a moment, which still takes an event.
    wait_for("Zoom is told to come again", LIMIT, || async {
        let asked = back_end.asked();
        let delivery = sim
            .deliver(tenant, json!({"event": meeting_ended(id)}))
            .await?;
        ensure!(*answer(&delivery) == 503, "{delivery:#}");
        ensure!(
            back_end.asked() == asked,
            "{asked}, then {}",
            back_end.asked()
        );
        Ok(Some(()))
    })
    .await
}

/// What the back end is shown of an event that it took. Zoom comes again while the receiver is being replaced.
async fn delivered(
    sim: &Sim,
    tenant: &Tenant,
    back_end: &BackEnd,
    order: Value,
) -> anyhow::Result<(Value, Request)> {
    let delivery = taken(sim, tenant, order.clone()).await?;
    let request = back_end.last().context("nothing came")?;
    ensure!(
        request.body == order["event"].to_string(),
        "another body: {request:?}"
    );
    Ok((delivery, request))
}

/// No Secret, one that nobody meant for this, and one that somebody did; then it is taken back.
async fn credentials(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let back_end = BackEnd::start(&bed, "back-end").await?;
    let http = json!({
        "serviceRef": {"name": "back-end"},
        "credentialsSecretRef": {"name": SECRET},
    });
    let tenant = tenant(&bed, &sim, http).await?;
    let label = "zoom-operator.io/use=sink";
    let object = refused(&bed, "SinkCredentialsMissing", &[SECRET, label]).await?;
    ensure!(condition(&object, "Stalled").is_none(), "{object:#}");
    withheld(&sim, &tenant, &back_end, "missing").await?;

    let authorization = format!("Bearer {}", unique("sink-token"));
    let credentials = secret(SECRET, &[("authorization", authorization.as_bytes())]);
    bed.apply(&credentials).await?;
    let object = refused(&bed, "SinkCredentialsNotLabelled", &[SECRET, label]).await?;
    withheld(&sim, &tenant, &back_end, "unlabelled").await?;
    let deployment = bed.get("deployments", RECEIVER).await?;
    let pod = &deployment["spec"]["template"]["spec"];
    ensure!(!pod.to_string().contains(SECRET), "{pod:#}");

    // The message ends with the remedy.
    let said = message(&object, "Ready");
    let (_, remedy) = said.split_once("kubectl ").context("no command")?;
    let remedy: Vec<&str> = remedy.split_whitespace().collect();
    let done = bed.kubectl(&remedy).await?;
    ensure!(done.success, "{remedy:?}: {}", done.stderr);
    bed.until_reason("acme", "Connected").await?;
    let order = json!({"event": meeting_ended("labelled")});
    let (_, request) = delivered(&sim, &tenant, &back_end, order).await?;
    ensure!(request.header("authorization") == authorization);
    ensure!(request.header("ce-type") == "us.zoom.meeting.ended");

    let taken_back = json!({"metadata": {"labels": {"zoom-operator.io/use": null}}});
    bed.patch("secrets", SECRET, &taken_back).await?;
    refused(&bed, "SinkCredentialsNotLabelled", &[SECRET]).await?;
    withheld(&sim, &tenant, &back_end, "taken back").await
}

/// A back end that was made for Zoom verifies Zoom's signature, and refuses an old one.
async fn format(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let back_end = BackEnd::start(&bed, "back-end").await?;
    let http = json!({"serviceRef": {"name": "back-end", "path": null}, "format": "Zoom"});
    let spec = json!({"webhook": {"sink": {"http": http}}});
    let tenant = connected(&bed, &sim, spec).await?;
    let sent = Timestamp::now().as_second() - 240;
    let order = json!({"event": meeting_ended("1234567890"), "timestamp": sent});
    let (delivery, request) = delivered(&sim, &tenant, &back_end, order).await?;
    let signed: i64 = request.header("x-zm-request-timestamp").parse()?;
    let age = Timestamp::now().as_second() - signed;
    ensure!((0..120).contains(&age), "signed {age} s ago");
    let body = std::str::from_utf8(&request.body)?;
    let expected = traffic::sign(&tenant.webhook_secret, signed, body);
    ensure!(request.header("x-zm-signature") == expected, "{request:?}");
    let id = text(&delivery, "/request_id");
    ensure!(
        !id.is_empty() && request.header("x-zm-request-id") == id,
        "{request:?}"
    );
    ensure!(request.header("content-type") == "application/json; charset=utf-8");
    let mut names = request.headers.keys();
    ensure!(
        !names.any(|name| name.as_str().starts_with("ce-")),
        "{request:?}"
    );
    Ok(())
}

/// A Service that is only another name may lead anywhere.
async fn external(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let back_end = BackEnd::start(&bed, "back-end").await?;
    let elsewhere = format!("back-end.{}.svc.cluster.local", bed.namespace());
    bed.apply(&json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "elsewhere"},
        "spec": {"type": "ExternalName", "externalName": elsewhere},
    }))
    .await?;
    let tenant = tenant(&bed, &sim, json!({"serviceRef": {"name": "elsewhere"}})).await?;
    let words = ["elsewhere", "ExternalName", "sink.http.url"];
    let object = refused(&bed, "SinkServiceExternal", &words).await?;
    ensure!(
        reason(&object, "Stalled") == "SinkServiceExternal",
        "{object:#}"
    );
    withheld(&sim, &tenant, &back_end, "external").await?;

    let inside = json!({"webhook": {"sink": {"http": {"serviceRef": {"name": "back-end"}}}}});
    bed.change("acme", &inside).await?;
    bed.until_reason("acme", "Connected").await?;
    let order = json!({"event": meeting_ended("inside")});
    let (_, request) = delivered(&sim, &tenant, &back_end, order).await?;
    ensure!(request.header("authorization").is_empty());
    Ok(())
}
