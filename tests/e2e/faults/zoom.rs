//! Zoom is away or limits the rate of requests.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde_json::json;

use super::{add, connected, failure, make_refresh_due, requests, says, until_failing};
use crate::bed::{
    Bed, Case, Options, Tenant,
    object::{self, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("faults::zoom_is_down_at_the_start", down_at_the_start),
        Case::new(
            "faults::zoom_is_down_at_a_refresh_and_the_token_still_valid",
            down_at_a_refresh,
        ),
        Case::new("faults::token_expires_while_zoom_is_down", expires),
        Case::new("faults::daily_limit_is_waited_for", daily_limit),
        Case::new("faults::limit_per_second_is_over_soon", limit_per_second),
    ]
}

/// Connections are refused from the beginning, before there ever was a token.
async fn down_at_the_start(bed: Bed) -> anyhow::Result<()> {
    // A Service of its own in front of the offline Zoom, which leads to a port where nobody listens.
    let service = |port: serde_json::Value| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "zoom"},
            "spec": {
                "selector": {"app.kubernetes.io/name": "zoom-sim"},
                "ports": [{"name": "http", "port": 80, "targetPort": port}],
            },
        })
    };
    bed.apply(&service(json!(8079))).await?;
    let zoom = format!("http://zoom.{}.svc", bed.namespace());
    let options = Options {
        values: vec![
            format!("zoom.oauthUrl={zoom}"),
            format!("zoom.apiUrl={zoom}"),
        ],
        ..Options::default()
    };
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let tenant = Tenant::server_to_server("acme");
    add(&bed, &sim, &tenant, json!({})).await?;

    let object = bed.until_reason("acme", "ZoomUnreachable").await?;
    assert_eq!(text(&object, "/status/phase"), "Connecting");
    assert_eq!(object::status(&object, "Ready"), "Unknown");
    assert_eq!(object::status(&object, "Reconciling"), "True");
    assert_eq!(object::status(&object, "Stalled"), "absent");
    let message = object::message(&object, "Ready");
    assert!(message.contains("refused"), "{message}");
    assert_eq!(sim.token_requests(&tenant).await?, 0);

    bed.apply(&service(json!("http"))).await?;
    let object = bed.until_reason("acme", "Connected").await?;
    assert_eq!(failure(&object), None);
    assert_eq!(object::status(&object, "Reconciling"), "absent");
    Ok(())
}

/// The token outlives the outage: nobody but the operator notices.
async fn down_at_a_refresh(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator, tenant) = connected(&bed, &Options::default()).await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    let history = bed.record("acme").await?;
    sim.fault("down", "token", json!({"kind": "refuse"}))
        .await?;
    make_refresh_due(&bed, &tenant).await?;

    let object = bed
        .until("acme", "two failed attempts", |object| {
            failure(object).is_some_and(|failure| failure.attempts >= 2)
        })
        .await?;
    assert!(says(&object, "Ready", "True", "Connected"), "{object:#}");
    assert!(
        says(&object, "TokenFresh", "False", "ZoomUnreachable"),
        "{object:#}"
    );
    assert!(
        says(&object, "CredentialsValid", "True", "Accepted"),
        "{object:#}"
    );
    assert_eq!(text(&object, "/status/phase"), "Connected");
    let retry_at = text(&object, "/status/token/failure/retryAt").to_owned();
    let message = object::message(&object, "TokenFresh");
    assert!(
        message.contains(&format!("next attempt at {retry_at}")),
        "{message}"
    );

    sim.clear_fault("down").await?;
    super::until_new_token(&bed, &tenant, &before).await?;
    let object = bed.integration("acme").await?;
    assert_eq!(failure(&object), None);
    for version in history.versions() {
        assert_eq!(object::status(&version, "Ready"), "True", "{version:#}");
    }
    Ok(())
}

/// The outage outlives the token.
async fn expires(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    add(&bed, &sim, &tenant, json!({"token_lifetime_seconds": 20})).await?;
    bed.until_reason("acme", "Connected").await?;
    let down = json!({"kind": "status", "status": 503, "body": "<html>maintenance</html>"});
    sim.fault("down", "token", down).await?;

    let object = bed.until_reason("acme", "TokenExpired").await?;
    assert_eq!(object::status(&object, "Ready"), "False");
    assert_eq!(object::status(&object, "Reconciling"), "True");
    assert_eq!(object::status(&object, "Stalled"), "absent");
    assert_eq!(text(&object, "/status/phase"), "Degraded");
    assert!(
        says(&object, "TokenFresh", "False", "ZoomUnavailable"),
        "{object:#}"
    );
    let message = object::message(&object, "Ready");
    assert!(message.contains("next attempt at"), "{message}");
    assert!(!message.contains("maintenance"), "{message}");

    sim.clear_fault("down").await?;
    let object = bed.until_reason("acme", "Connected").await?;
    assert_eq!(object::status(&object, "Ready"), "True");
    assert_eq!(object::status(&object, "TokenFresh"), "True");
    Ok(())
}

/// Zoom says when: a date and time in ISO 8601, not a number of seconds.
async fn daily_limit(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let (soon, late) = (
        Tenant::server_to_server("soon"),
        Tenant::server_to_server("late"),
    );
    let limit = |tenant: &Tenant, until: Option<Timestamp>| {
        let mut fault = json!({"kind": "rate_limit", "per": "day"});
        if let Some(until) = until {
            fault["retry_after"] = until.to_string().into();
        }
        json!({"endpoint": "token", "client_id": tenant.client_id, "times": 1, "fault": fault})
    };
    // Without a time the offline Zoom says the next midnight, as Zoom does.
    sim.put_fault("late", limit(&late, None)).await?;
    add(&bed, &sim, &late, json!({})).await?;
    until_failing(&bed, "late", "RateLimited").await?;
    sim.put_app(&soon, json!({})).await?;
    bed.apply(&soon.manifest()).await?;
    // A slow machine may be past the limit before anybody has looked.
    let history = bed.record("soon").await?;
    let allowed = Timestamp::from_second(Timestamp::now().as_second() + 20)?;
    sim.put_fault("soon", limit(&soon, Some(allowed))).await?;
    bed.apply(&soon.secret()).await?;

    let limited = history.until("a failure for RateLimited", |object| {
        failure(object).is_some_and(|failure| failure.reason == "RateLimited")
    });
    let object = limited.await?;
    let failed = failure(&object).context("no failure")?;
    assert!(failed.retry_at >= allowed, "{failed:?} {allowed}");
    assert!(says(&object, "TokenFresh", "False", "RateLimited"));
    bed.until_reason("soon", "Connected").await?;
    let asked = requests(&sim, &soon).await?;
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].at >= failed.retry_at, "{asked:?} {failed:?}");

    // A change of the spec leads to a pass, but to no call.
    let midnight = Timestamp::from_second((asked[0].at.as_second() / 86_400 + 1) * 86_400)?;
    let (_, failed) = until_failing(&bed, "late", "RateLimited").await?;
    assert!(failed.retry_at >= midnight, "{failed:?}");
    for optional in ["meeting:read:meeting:admin", "user:read:user:admin"] {
        bed.change("late", &json!({"scopes": {"optional": [optional]}}))
            .await?;
        let object = bed.until_reason("late", "RateLimited").await?;
        assert_eq!(failure(&object).as_ref(), Some(&failed));
    }
    let asked = requests(&sim, &late).await?;
    assert_eq!(asked.len(), 1, "{asked:?}");
    Ok(())
}

/// The limit per second names no time.
async fn limit_per_second(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = Tenant::server_to_server("acme");
    let limit = json!({"kind": "rate_limit", "per": "second"});
    sim.put_fault(
        "limit",
        json!({"endpoint": "token", "times": 1, "fault": limit}),
    )
    .await?;
    add(&bed, &sim, &tenant, json!({})).await?;
    bed.until_reason("acme", "Connected").await?;
    let asked = requests(&sim, &tenant).await?;
    let outcomes: Vec<&str> = asked.iter().map(|r| r.outcome.as_str()).collect();
    assert_eq!(outcomes, ["fault_rate_limit", "issued"]);
    let pause = Duration::try_from(asked[1].at.duration_since(asked[0].at))?;
    ensure!(pause >= Duration::from_secs(4), "{asked:?}");
    Ok(())
}
