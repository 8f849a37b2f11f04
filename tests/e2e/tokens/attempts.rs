//! What Zoom answers when it gives no token: the reason, who must act, and when it is asked again.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::event_count;
use crate::bed::{
    Bed, Case, LIMIT, Options, Sim, Tenant,
    object::{message, reason, seen, status, text},
    unique, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("tokens::every_error_of_zoom", every_error),
        Case::new("tokens::strict_refusals", strict_refusals),
        Case::new("tokens::zooms_own_wait", own_wait),
        Case::new("tokens::wrong_secret_is_no_hot_loop", no_hot_loop),
        Case::new("tokens::events_only_on_change", events_on_change),
    ]
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Actor {
    Person,
    Time,
}
use Actor::{Person, Time};

#[rustfmt::skip]
fn errors() -> Vec<(&'static str, Value, &'static str, Actor)> {
    let error = |code: Value| json!({"kind": "error", "code": code});
    let refusal = |status: u16, body: &str| json!({"kind": "status", "status": status, "body": body});
    vec![
        ("invalid-client", error(json!("invalid_client")), "CredentialsRejected", Person),
        ("code-4702", error(json!(4702)), "CredentialsRejected", Person),
        ("code-4704", error(json!(4704)), "CredentialsRejected", Person),
        ("code-4706", error(json!(4706)), "CredentialsRejected", Person),
        ("unsupported-grant-type", error(json!("unsupported_grant_type")), "WrongAppKind", Person),
        ("code-4705", error(json!(4705)), "WrongAppKind", Person),
        ("invalid-request", error(json!("invalid_request")), "AccountRejected", Person),
        ("code-4717", error(json!(4717)), "AppDisabled", Person),
        ("code-4738", error(json!(4738)), "DisabledByAdmin", Person),
        ("code-4735", error(json!(4735)), "OwnerGone", Person),
        ("invalid-grant", error(json!("invalid_grant")), "AccountRejected", Person),
        ("code-4741", error(json!(4741)), "AccountRejected", Person),
        ("code-4709", error(json!(4709)), "ZoomRefused", Time),
        ("authorize-shape", json!({"kind": "error", "code": 4717, "shape": "authorize"}), "AppDisabled", Person),
        ("per-second", json!({"kind": "rate_limit", "per": "second"}), "RateLimited", Time),
        ("code-4740", error(json!(4740)), "ZoomUnavailable", Time),
        ("status-503", refusal(503, "<html>down</html>"), "ZoomUnavailable", Time),
        ("status-500", refusal(500, ""), "ZoomUnavailable", Time),
        ("refused", json!({"kind": "refuse"}), "ZoomUnreachable", Time),
        ("dropped", json!({"kind": "drop"}), "ZoomUnreachable", Time),
        ("too-slow", json!({"kind": "delay", "milliseconds": 30_000}), "ZoomUnreachable", Time),
        ("truncated", json!({"kind": "truncated"}), "ZoomUnreachable", Time),
        ("garbage", json!({"kind": "garbage"}), "ZoomUnintelligible", Time),
        ("html-400", refusal(400, "<html>proxy</html>"), "ZoomUnintelligible", Time),
        ("empty-token", refusal(200, r#"{"access_token":"","expires_in":3599}"#), "ZoomUnintelligible", Time),
        ("unknown-403", refusal(403, r#"{"error":"something_new"}"#), "ZoomRefused", Time),
    ]
}

async fn every_error(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let mut tenants = Vec::new();
    for (name, fault, ..) in errors() {
        let tenant = Tenant::server_to_server(name);
        sim.put_app(&tenant, json!({})).await?;
        let rule = json!({"endpoint": "token", "client_id": tenant.client_id, "fault": fault});
        sim.put_fault(name, rule).await?;
        bed.apply(&tenant.secret()).await?;
        bed.apply(&tenant.manifest()).await?;
        tenants.push(tenant);
    }
    for (name, _, expected, actor) in errors() {
        let object = bed.until_reason(name, expected).await?;
        let stalled = status(&object, "Stalled") == "True";
        anyhow::ensure!(
            stalled == (actor == Person),
            "{name}: {:#}",
            object["status"]
        );
        anyhow::ensure!(
            (status(&object, "Reconciling") == "True") == (actor == Time),
            "{name}: {:#}",
            object["status"]
        );
        anyhow::ensure!(reason(&object, "TokenFresh") == expected, "{name}");
        anyhow::ensure!(message(&object, "Ready").contains('.'), "{name}: no remedy");
        let next: Timestamp = text(&object, "/status/token/failure/retryAt").parse()?;
        let failed: Timestamp = text(&object, "/status/token/failure/time").parse()?;
        anyhow::ensure!(next > failed, "{name}");
    }
    // Repaired: those that time heals need nobody.
    for (name, _, _, actor) in errors() {
        sim.clear_fault(name).await?;
        if actor == Person {
            // The credentials are the same, so nothing but a request leads to another attempt.
            let now = Timestamp::now().to_string();
            let requested = json!({"metadata": {"annotations": {"zoom-operator.io/refresh-requested-at": now}}});
            bed.patch("zoomintegrations", name, &requested).await?;
        }
    }
    for tenant in &tenants {
        bed.until_reason(&tenant.name, "Connected").await?;
    }
    Ok(())
}

/// What the offline Zoom refuses by itself, as Zoom does.
async fn strict_refusals(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let cases = [
        (
            "secret",
            json!({"client_secret": unique("another")}),
            "CredentialsRejected",
        ),
        (
            "account",
            json!({"account_id": unique("another")}),
            "AccountRejected",
        ),
        ("inactive", json!({"active": false}), "AccountRejected"),
        ("general", json!({"kind": "General"}), "WrongAppKind"),
        (
            "webhook-only",
            json!({"kind": "WebhookOnly"}),
            "CredentialsRejected",
        ),
    ];
    for (name, settings, _) in &cases {
        let tenant = Tenant::server_to_server(name);
        tenant
            .declare(&bed, &sim, settings.clone(), &tenant.manifest())
            .await?;
    }
    for (name, _, expected) in &cases {
        let object = bed.until_reason(name, expected).await?;
        anyhow::ensure!(status(&object, "Stalled") == "True", "{name}");
    }
    Ok(())
}

async fn own_wait(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let wait = async |name: &'static str, retry_after: Value| -> anyhow::Result<(i64, i64)> {
        let tenant = Tenant::server_to_server(name);
        sim.put_app(&tenant, json!({})).await?;
        let mut fault = json!({"kind": "rate_limit", "per": "day"});
        fault["retry_after"] = retry_after;
        let rule = json!({"endpoint": "token", "client_id": tenant.client_id, "fault": fault});
        sim.put_fault(name, rule).await?;
        bed.apply(&tenant.secret()).await?;
        bed.apply(&tenant.manifest()).await?;
        let object = bed.until_reason(name, "RateLimited").await?;
        let time = |pointer: &str| -> anyhow::Result<i64> {
            let time: Timestamp = text(&object, pointer).parse()?;
            Ok(time.as_second())
        };
        Ok((
            time("/status/token/failure/time")?,
            time("/status/token/failure/retryAt")?,
        ))
    };
    // The daily limit ends at midnight UTC.
    let (failed, next) = wait("daily", Value::Null).await?;
    let midnight = (failed / 86_400 + 1) * 86_400;
    anyhow::ensure!(next >= midnight, "{next} is before {midnight}");
    // In seconds, and as a date that lies in the past.
    let (failed, next) = wait("seconds", json!("600")).await?;
    anyhow::ensure!((600..=720).contains(&(next - failed)), "{}", next - failed);
    let (failed, next) = wait("past", json!("2020-01-01T00:00:00Z")).await?;
    anyhow::ensure!((1..=60).contains(&(next - failed)), "{}", next - failed);
    let (failed, next) = wait("nonsense", json!("soon")).await?;
    anyhow::ensure!((1..=60).contains(&(next - failed)), "{}", next - failed);
    Ok(())
}

/// However often the object is looked at, Zoom is asked only when the status says so.
async fn no_hot_loop(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let mut tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    tenant.client_secret = unique("wrong-secret");
    bed.apply(&tenant.secret()).await?;
    bed.apply(&tenant.manifest()).await?;
    let object = bed.until_reason("acme", "CredentialsRejected").await?;
    let first = attempts(&object);
    for number in 0..20 {
        bed.change(
            "acme",
            &json!({"app": {"displayName": format!("Acme {number}")}}),
        )
        .await?;
    }
    bed.until("acme", "the last change is seen", seen).await?;
    judged(&bed, &sim, &tenant).await?;
    // The next attempt comes after a minute and not before.
    let object = bed
        .until("acme", "a second attempt", |object| {
            attempts(object) > first
        })
        .await?;
    anyhow::ensure!(status(&object, "Stalled") == "True");
    judged(&bed, &sim, &tenant).await?;
    anyhow::ensure!(event_count(&bed, "acme", "CredentialsRejected").await? == 1);
    Ok(())
}

/// As many requests as the status says.
async fn judged(bed: &Bed, sim: &Sim, tenant: &Tenant) -> anyhow::Result<()> {
    // An attempt is told of once it is over.
    wait_for("every request is told of", LIMIT, || async {
        let requests = sim.token_requests(tenant).await?;
        let said = attempts(&bed.integration(&tenant.name).await?);
        anyhow::ensure!(requests == said, "{requests} requests, {said} attempts");
        Ok(Some(()))
    })
    .await
}

fn attempts(object: &Value) -> u64 {
    object["status"]["token"]["failure"]["attempts"]
        .as_u64()
        .unwrap_or_default()
}

async fn events_on_change(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    sim.put_app(&tenant, json!({})).await?;
    sim.fault("down", "token", json!({"kind": "status", "status": 502}))
        .await?;
    bed.apply(&tenant.secret()).await?;
    bed.apply(&tenant.manifest()).await?;
    bed.until("acme", "three attempts", |object| attempts(object) >= 3)
        .await?;
    anyhow::ensure!(event_count(&bed, "acme", "ZoomUnavailable").await? == 1);
    sim.clear_fault("down").await?;
    bed.until_reason("acme", "Connected").await?;
    let touched = json!({"metadata": {"annotations": {"example.com/touched": "true"}}});
    bed.patch("zoomintegrations", "acme", &touched).await?;
    bed.change("acme", &json!({"app": {"displayName": "Acme"}}))
        .await?;
    bed.until("acme", "the change is seen", seen).await?;
    anyhow::ensure!(event_count(&bed, "acme", "Connected").await? == 1);
    let events = bed.events("acme").await?;
    anyhow::ensure!(events.len() == 2, "{events:#?}");
    for event in events {
        let note = text(&event, "/note");
        anyhow::ensure!(!note.is_empty() && note.len() <= 1024, "{event:#}");
        anyhow::ensure!(event["reportingController"] == "zoom-operator", "{event:#}");
    }
    Ok(())
}
