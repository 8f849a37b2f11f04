//! Hundreds of receivers, on a node that only seems to be one, are replaced a few at a time.

use std::time::Duration;

use anyhow::ensure;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::bed::{
    Bed, Case, Kwok, Operator, Options, Tenant, merge, object,
    tools::{self, Request},
    wait_for,
};

const TENANTS: usize = 200;
/// Another number of them, as in `make soak`.
const TENANTS_VARIABLE: &str = "E2E_TENANTS";
const AT_A_TIME: usize = 3;
/// Seconds that an idle fleet is looked at: longer than the receivers are left alone.
const IDLE: i64 = 30;

pub fn cases() -> Vec<Case> {
    vec![Case::new("receiver::hundreds_roll_out_a_few_at_a_time", paced).needs_host()]
}

/// How many receivers there are.
fn tenants() -> usize {
    let chosen = std::env::var(TENANTS_VARIABLE).ok();
    chosen
        .and_then(|number| number.parse().ok())
        .unwrap_or(TENANTS)
}

async fn paced(bed: Bed) -> anyhow::Result<()> {
    let tenants = tenants();
    let kwok = Kwok::start(&bed).await?;
    let mut options = Options {
        values: vec![format!("receiver.maxConcurrentRollouts={AT_A_TIME}")],
        ..Options::default()
    };
    let (sim, operator) = bed.zoom_and_operator(&options).await?;
    let tenant = Tenant::server_to_server("shared");
    sim.put_app(&tenant, json!({"kind": "General"})).await?;
    bed.apply(&tenant.secret()).await?;
    for number in 0..tenants {
        bed.create(&manifest(&tenant, number, &kwok.placement()))
            .await?;
    }
    until(&bed, "all run", |deployments| {
        deployments.len() == tenants && deployments.iter().all(is_settled)
    })
    .await?;

    idle(&operator, tenants).await?;

    // A new version of the operator makes other Pods of all of them.
    options
        .values
        .push("receiver.sinks.allowedNetworks={192.0.2.0/24}".into());
    operator.upgrade(&options).await?;
    let mut most = 0;
    let mut samples = 0;
    let is_new = |deployment: &&Value| deployment.to_string().contains("192.0.2.0/24");
    until(&bed, "all are replaced", |deployments| {
        let rolling = deployments.iter().filter(|one| !is_settled(one)).count();
        most = most.max(rolling);
        samples += 1;
        rolling == 0 && deployments.iter().filter(is_new).count() == tenants
    })
    .await?;
    println!("{tenants} receivers replaced, at most {most} at a time seen in {samples} looks");
    ensure!(most <= AT_A_TIME, "{most} at a time");
    ensure!(most > 0, "no look saw anything happen");
    for number in 0..tenants {
        bed.delete("zoomintegrations", &name(number)).await?;
    }
    kwok.until_empty().await
}

/// Without news the operator asks the API server for nothing but its Lease and the watches.
async fn idle(operator: &Operator, tenants: usize) -> anyhow::Result<()> {
    let leader = operator.until_leading().await?;
    let limit = Duration::from_mins(5);
    let since = |seconds: i64| Timestamp::now() - SignedDuration::from_secs(seconds);
    let requests = |seconds: i64| -> anyhow::Result<Vec<Request>> {
        let mut requests = tools::requests_of(&leader, since(seconds))?;
        requests.retain(|request| request.verb != "watch");
        Ok(requests)
    };
    let what = format!("no request to the API server in {IDLE} s, with {tenants} receivers");
    wait_for(&what, limit, || async {
        let requests = requests(IDLE)?;
        let Some(last) = requests.iter().map(|request| request.at).max() else {
            return Ok(Some(()));
        };
        // It is not quiet for so long before this has passed; the record is long, and not read in vain.
        let left = IDLE - Timestamp::now().duration_since(last).as_secs();
        tokio::time::sleep(Duration::from_secs(left.max(1).unsigned_abs())).await;
        anyhow::bail!("{requests:#?}")
    })
    .await?;
    println!("{what}");
    Ok(())
}

async fn until(
    bed: &Bed,
    what: &str,
    mut holds: impl FnMut(&[Value]) -> bool,
) -> anyhow::Result<()> {
    let limit = Duration::from_mins(5);
    // The closure is called by one look at a time.
    let holds = std::cell::RefCell::new(&mut holds);
    wait_for(what, limit, || async {
        let deployments = bed
            .list("deployments", "app.kubernetes.io/name=zoom-receiver")
            .await?;
        Ok((holds.borrow_mut())(&deployments).then_some(()))
    })
    .await
}

fn is_settled(deployment: &Value) -> bool {
    let status = &deployment["status"];
    object::seen(deployment)
        && status["updatedReplicas"] == 1
        && status["replicas"] == 1
        && status["availableReplicas"] == 1
}

fn name(number: usize) -> String {
    format!("tenant-{number}")
}

/// An integration of which Zoom is asked only once, whether it takes the credentials.
fn manifest(tenant: &Tenant, number: usize, placement: &Value) -> Value {
    let mut manifest = tenant.manifest_with_webhook();
    merge(
        &mut manifest,
        &json!({
            "metadata": {"name": name(number)},
            "spec": {
                "app": {"kind": "General", "management": "User"},
                "scopes": {"required": ["user:read:user"]},
                "oauth": {
                    "consent": {"mode": "External"},
                    "redirectUrl": "https://back-end.example.com/callback",
                },
                "readyWhen": "Installable",
                "webhook": {"receiver": placement},
            },
        }),
    );
    manifest
}
