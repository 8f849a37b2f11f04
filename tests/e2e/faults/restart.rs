//! The operator ends and begins again: what it knew is in the cluster.

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::json;

use super::{
    add, connected, failure, hold, make_refresh_due, requests, until_failing, until_held,
    until_new_token, until_restarted,
};
use crate::bed::{
    Bed, Case, LIMIT, Options, Tenant,
    object::{self, text},
    tools, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("faults::backoff_survives_a_restart", backoff),
        Case::new("faults::killed_in_the_middle_of_a_refresh", killed).needs_host(),
    ]
}

async fn backoff(bed: Bed) -> anyhow::Result<()> {
    let (sim, operator) = bed.zoom_and_operator(&Options::default()).await?;
    operator.until_leading().await?;
    let tenant = Tenant::server_to_server("acme");
    let limit = json!({"kind": "rate_limit", "per": "second", "retry_after": "30"});
    sim.fault("limit", "token", limit).await?;
    add(&bed, &sim, &tenant, json!({})).await?;
    let (_, failed) = until_failing(&bed, "acme", "RateLimited").await?;
    assert_eq!(failed.attempts, 1);

    let leader = operator.restart().await?;
    wait_for("a pass of the new leader", LIMIT, || async {
        let passes = operator.metric("zoom_operator_reconciliations_total{result=\"success\"}");
        Ok(passes.await?.filter(|passes| *passes > 0.0))
    })
    .await?;
    let object = bed.integration("acme").await?;
    // Should the machine be so slow that the time has come already, the next attempt was due.
    if Timestamp::now() < failed.retry_at {
        assert_eq!(failure(&object).as_ref(), Some(&failed), "{leader}");
    }

    let object = bed
        .until("acme", "the second attempt", |object| {
            failure(object).is_some_and(|failure| failure.attempts > 1)
        })
        .await?;
    let second = failure(&object).map(|failure| failure.attempts);
    assert_eq!(second, Some(2));
    let asked = requests(&sim, &tenant).await?;
    assert_eq!(asked.len(), 2, "{asked:?}");
    ensure!(asked[1].at >= failed.retry_at, "{asked:?} {failed:?}");
    Ok(())
}

/// Zoom has issued a token, but the process that asked for it is gone.
async fn killed(bed: Bed) -> anyhow::Result<()> {
    let (sim, operator, tenant) = connected(&bed, &Options::default()).await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    let leader = operator.until_leading().await?;
    hold(&sim, &tenant).await?;
    make_refresh_due(&bed, &tenant).await?;
    until_held(&sim, "hold").await?;
    assert_eq!(sim.token_requests(&tenant).await?, 2);

    tools::cluster("signal", &["KILL", bed.namespace(), &leader]).await?;
    let secret = until_new_token(&bed, &tenant, &before).await?;
    sim.clear_fault("hold").await?;
    assert_eq!(sim.token_requests(&tenant).await?, 3);
    assert_eq!(until_restarted(&bed, &leader).await?, 1);
    assert_eq!(operator.until_leading().await?, leader);

    let expires_at: Timestamp = object::key(&secret, "expires-at").parse()?;
    assert!(expires_at > Timestamp::now());
    for key in ["access-token", "token-type", "scope", "api-url"] {
        assert!(!object::key(&secret, key).is_empty(), "{key}");
    }
    // The Secret and the status tell the same, and the plan is made from them.
    let object = bed.integration("acme").await?;
    let refresh_at = "/metadata/annotations/zoom-operator.io~1refresh-at";
    assert_eq!(
        text(&object, "/status/token/refreshAt"),
        text(&secret, refresh_at)
    );
    Ok(())
}
