//! No secret value is said anywhere: logs, Events, status, metrics of the whole run are searched for every secret of it.

use serde_json::json;

use crate::bed::{Bed, Case, LIMIT, Options, Tenant, evidence, object::key, unique, wait_for};

pub fn cases() -> Vec<Case> {
    // The last of all: what the others said is judged here as well.
    vec![Case::new("serial::no_secret_is_said", nothing_said)]
}

async fn nothing_said(bed: Bed) -> anyhow::Result<()> {
    let debug = Options {
        values: vec!["logging.level=debug".to_owned()],
        ..Options::default()
    };
    let (sim, _operator) = bed.zoom_and_operator(&debug).await?;
    let tenant = Tenant::server_to_server("acme");
    tenant
        .declare(&bed, &sim, json!({}), &tenant.manifest_with_webhook())
        .await?;
    bed.until_reason("acme", "Connected").await?;
    let event = json!({"event": "meeting.ended", "payload": {"object": {"id": "7"}}});
    sim.deliver(&tenant, json!({"event": event})).await?;
    sim.validate(&tenant).await?;
    let mut wrong = Tenant::server_to_server("wrong");
    sim.put_app(&wrong, json!({})).await?;
    wrong.client_secret = unique("wrong-secret");
    bed.apply(&wrong.secret()).await?;
    bed.apply(&wrong.manifest()).await?;
    bed.until_reason("wrong", "CredentialsRejected").await?;
    evidence::listen(&bed).await;

    // The search finds what is there to be found: a client id is public and in the status, a token was kept.
    let secret = bed.get("secrets", &tenant.token_secret()).await?;
    wait_for("the evidence", LIMIT, || async {
        let complete = evidence::was_said(&tenant.client_id)
            && evidence::was_said("CredentialsRejected")
            && evidence::is_kept(&key(&secret, "access-token"))
            && evidence::is_kept(&tenant.webhook_secret)
            && evidence::is_kept(&wrong.client_secret);
        Ok(complete.then_some(()))
    })
    .await?;
    let extent = evidence::extent();
    println!("searched: {extent:?}");
    anyhow::ensure!(
        extent.secrets >= 5 && extent.logs >= 2 && extent.events >= 2 && extent.metrics >= 2,
        "{extent:?}"
    );
    let leaks = evidence::leaks();
    anyhow::ensure!(leaks.is_empty(), "{leaks:#?}");
    // The receiver's Deployment names no value either.
    let deployment = bed.get("deployments", "acme-receiver").await?.to_string();
    anyhow::ensure!(!deployment.contains(&tenant.webhook_secret));
    Ok(())
}
