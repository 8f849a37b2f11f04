//! Two replicas: one leads, and only one acts.

use std::time::{Duration, Instant};

use anyhow::ensure;
use jiff::Timestamp;
use serde_json::json;

use super::{
    connected, hold, is_ready, make_refresh_due, until_held, until_new_token, until_restarted,
};
use crate::bed::{Bed, Case, LIMIT, Operator, Options, tools, wait_for};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("faults::leader_frozen_in_the_middle_of_a_refresh", frozen).needs_host(),
        Case::new("faults::leader_leaves_and_another_takes_over", leaves),
    ]
}

/// The worst that can happen to a lease: its holder sleeps in the middle of its work, and wakes up with Zoom's answer at
/// hand when another has long done it.
async fn frozen(bed: Bed) -> anyhow::Result<()> {
    let options = Options {
        replicas: 2,
        lease_seconds: 15,
        ..Options::default()
    };
    let (sim, operator, tenant) = connected(&bed, &options).await?;
    bed.until_deployed("zoom-operator").await?;
    let before = bed.get("secrets", &tenant.token_secret()).await?;
    let old = operator.until_leading().await?;
    hold(&sim, &tenant).await?;
    make_refresh_due(&bed, &tenant).await?;
    until_held(&sim, "hold").await?;
    tools::cluster("signal", &["STOP", bed.namespace(), &old]).await?;
    let frozen_at = Timestamp::now();

    let new = until_led_by_another(&operator, &old).await?;
    let secret = until_new_token(&bed, &tenant, &before).await?;
    assert_eq!(sim.token_requests(&tenant).await?, 3);

    // Its answer first: it is there when the sleeper wakes up.
    sim.clear_fault("hold").await?;
    tools::cluster("signal", &["CONT", bed.namespace(), &old]).await?;
    until_restarted(&bed, &old).await?;
    bed.until_object("pods", &old, "ready as standby", is_ready)
        .await?;

    assert_eq!(operator.until_leading().await?, new);
    assert_eq!(sim.token_requests(&tenant).await?, 3);
    let after = bed.get("secrets", &tenant.token_secret()).await?;
    assert_eq!(after, secret, "the deposed leader wrote the Secret");
    wait_for("the audit log shows the new leader", LIMIT, || async {
        Ok((!writes(&new, frozen_at)?.is_empty()).then_some(()))
    })
    .await?;
    let tried = writes(&old, frozen_at)?;
    assert_eq!(tried, [""; 0], "the deposed leader tried to write");
    Ok(())
}

/// An ordinary end, as at a rollout or a node drain.
async fn leaves(bed: Bed) -> anyhow::Result<()> {
    let lease_seconds = 30;
    let options = Options {
        replicas: 2,
        lease_seconds,
        values: Vec::new(),
        ..Options::default()
    };
    let (sim, operator, tenant) = connected(&bed, &options).await?;
    bed.until_deployed("zoom-operator").await?;
    // A pass of the former leader, so that nothing of its own is still to be written.
    let passes = async || {
        let passes = operator.metric("zoom_operator_reconciliations_total{result=\"success\"}");
        Ok::<_, anyhow::Error>(passes.await?.unwrap_or_default())
    };
    let count = passes().await?;
    let touched = json!({"metadata": {"annotations": {"example.com/touched": "true"}}});
    bed.patch("zoomintegrations", "acme", &touched).await?;
    wait_for("a pass of the former leader", LIMIT, || async {
        Ok((passes().await? > count).then_some(()))
    })
    .await?;
    let integration = bed.integration("acme").await?;
    let secret = bed.get("secrets", &tenant.token_secret()).await?;
    let asked = sim.token_requests(&tenant).await?;
    let old = operator.until_leading().await?;

    let started = Instant::now();
    bed.delete("pods", &old).await?;
    until_led_by_another(&operator, &old).await?;
    let took = started.elapsed();
    ensure!(
        took < Duration::from_secs(u64::from(lease_seconds) / 2),
        "the lease was not given back: {took:?}"
    );
    wait_for("a pass of the new leader", LIMIT, || async {
        Ok((passes().await? > 0.0).then_some(()))
    })
    .await?;
    assert_eq!(sim.token_requests(&tenant).await?, asked);
    assert_eq!(bed.integration("acme").await?, integration);
    assert_eq!(bed.get("secrets", &tenant.token_secret()).await?, secret);
    Ok(())
}

async fn until_led_by_another(operator: &Operator, old: &str) -> anyhow::Result<String> {
    wait_for("another leader", LIMIT, || async {
        let leader = operator.leader().await?;
        Ok(leader.filter(|leader| leader != old))
    })
    .await
}

/// What a Pod wrote or tried to write since then, by the API server's own record: everything but a Lease, for which
/// replicas compete.
fn writes(pod: &str, since: Timestamp) -> anyhow::Result<Vec<String>> {
    let requests = tools::requests_of(pod, since)?;
    let writes = requests.iter().filter(|request| request.is_write());
    Ok(writes
        .map(|request| {
            let tools::Request {
                at,
                verb,
                object,
                code,
            } = request;
            format!("{at} {verb} {object}: {code}")
        })
        .collect())
}
