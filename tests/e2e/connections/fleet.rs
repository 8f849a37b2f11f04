//! A thousand connections of one app: no stampede on Zoom, not at the start, not at their refresh, not at a restart.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::ensure;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Scene;
use crate::bed::{Bed, Case, Options, object::text, secret, unique, wait_for};

pub fn cases() -> Vec<Case> {
    vec![Case::new("serial::connections_by_the_hundred", many)]
}

/// How many, unless `E2E_CONNECTIONS` says otherwise: those of the design are measured by hand, for their time.
const MANY: usize = 150;

/// People of an account of the offline Zoom, each of whom can hold one grant of an app.
const PEOPLE: usize = 5;

/// Requests under way at the same time: ours, not the operator's.
const AT_ONCE: usize = 8;

/// The operator's budget for one app.
const PER_SECOND: usize = 10;

async fn many(bed: Bed) -> anyhow::Result<()> {
    let count = std::env::var("E2E_CONNECTIONS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(MANY);
    let patience = Duration::from_secs(120 + count as u64);
    let scene = Scene::new(&bed, &Options::default(), json!({}), &json!({})).await?;

    let started = Instant::now();
    let tokens = mint(&scene, count).await?;
    println!("{count} grants after {:?}", started.elapsed());
    let started = Instant::now();
    futures::stream::iter(tokens.iter().enumerate())
        .map(|(number, token)| connect(&scene, number, token))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    println!("{count} connections applied after {:?}", started.elapsed());
    until_connected(&scene, count, patience).await?;
    println!("{count} connected after {:?}", started.elapsed());
    ensure!(scene.requests().await? == count as u64);
    judge(&scene, "connected").await?;
    let plan = planned(&bed, count).await?;
    println!("planned refreshes: {plan}");

    // As if a whole fleet came back from a long outage: all are due at once.
    let started = Instant::now();
    let names: Vec<String> = (0..count).map(name).collect();
    futures::stream::iter(&names)
        .map(|name| super::refresh_now(&bed, name))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    println!("all due after {:?}", started.elapsed());
    wait_for("all are refreshed", patience, || async {
        Ok((scene.requests().await? >= 2 * count as u64).then_some(()))
    })
    .await?;
    println!("all refreshed after {:?}", started.elapsed());
    judge(&scene, "refreshed").await?;
    until_connected(&scene, count, patience).await?;
    ensure!(
        scene.requests().await? == 2 * count as u64,
        "one request each"
    );

    let started = Instant::now();
    scene.operator.restart().await?;
    until_connected(&scene, count, patience).await?;
    println!("a new leader has seen all after {:?}", started.elapsed());
    ensure!(
        scene.requests().await? == 2 * count as u64,
        "a restart makes no request"
    );
    let grants = scene.app.0.client_id.clone();
    let grants = scene
        .sim
        .admin("GET", &format!("apps/{grants}/grants"), None)
        .await?;
    let grants = grants.as_array().cloned().unwrap_or_default();
    ensure!(grants.len() == count);
    for grant in grants {
        ensure!(
            grant["alive"] == true && grant["generation"] == 2,
            "{grant:#}"
        );
    }
    Ok(())
}

fn name(number: usize) -> String {
    format!("person-{number}")
}

/// Grants of as many people, of as many accounts as it takes.
async fn mint(scene: &Scene, count: usize) -> anyhow::Result<Vec<String>> {
    let accounts = count.div_ceil(PEOPLE);
    let tokens: Vec<Vec<String>> = futures::stream::iter(0..accounts)
        .map(|_| async {
            let path = format!("accounts/{}", unique("account"));
            let account = scene.sim.admin("PUT", &path, None).await?;
            let mut tokens = Vec::new();
            for user in account["users"].as_array().into_iter().flatten() {
                let minted = scene.app.mint(&scene.sim, text(user, "/email")).await?;
                tokens.push(minted.refresh_token);
                if tokens.len() == count {
                    break;
                }
            }
            anyhow::Ok(tokens)
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut tokens = tokens.concat();
    ensure!(tokens.len() >= count, "{} people", tokens.len());
    tokens.truncate(count);
    Ok(tokens)
}

async fn connect(scene: &Scene, number: usize, token: &str) -> anyhow::Result<()> {
    let name = name(number);
    let import = format!("{name}-import");
    let data: [(&str, &[u8]); 1] = [("refresh-token", token.as_bytes())];
    scene.bed.apply(&secret(&import, &data)).await?;
    let spec = json!({"importSecretRef": {"name": import}});
    scene.bed.apply(&scene.app.connection(&name, &spec)).await?;
    Ok(())
}

/// Waits until the operator's own count says that all are connected.
async fn until_connected(scene: &Scene, count: usize, limit: Duration) -> anyhow::Result<()> {
    #[allow(clippy::cast_precision_loss, reason = "a few thousand at most")]
    let wanted = count as f64;
    wait_for("all are connected", limit, || async {
        let sample = r#"zoom_operator_connections{phase="Connected"}"#;
        Ok((scene.operator.metric(sample).await? == Some(wanted)).then_some(()))
    })
    .await
}

/// Prints and checks the rate at the token endpoint, by Zoom's own log of the last thousand requests.
async fn judge(scene: &Scene, what: &str) -> anyhow::Result<()> {
    let app = scene.sim.app(&scene.app.0).await?;
    let counters = &app["counters"];
    let path = format!("apps/{}/requests", scene.app.0.client_id);
    let log = scene.sim.admin("GET", &path, None).await?;
    let mut times: Vec<Timestamp> = Vec::new();
    // The app's credentials were tried once.
    let tries = app["counters"]["unknown_refresh_tokens"].as_u64();
    ensure!(tries == Some(1), "{app:#}");
    let requests = log.as_array().into_iter().flatten();
    for request in requests.filter(|request| text(request, "/outcome") != "invalid_grant") {
        ensure!(text(request, "/outcome") == "issued", "{request:#}");
        times.push(text(request, "/at").parse()?);
    }
    times.sort_unstable();
    let mut busiest = 0;
    for (index, first) in times.iter().enumerate() {
        let within = times[index..]
            .iter()
            .take_while(|at| at.duration_since(*first).as_millis() < 1000);
        busiest = busiest.max(within.count());
    }
    println!(
        "{what}: {} requests, at most {busiest} within a second, at most {} in flight",
        times.len(),
        counters["in_flight_max"]
    );
    // What was allowed in one second may arrive within the next, together with that one's.
    ensure!(busiest <= 2 * PER_SECOND + 2, "{busiest} within a second");
    ensure!(counters["in_flight_max"].as_u64() <= Some(64));
    ensure!(
        counters["refresh_in_flight_max"] == 1 && counters["spent_again"] == 0,
        "{counters:#}"
    );
    Ok(())
}

/// How the refreshes are spread: shares of a token's life, in per cent, at which they are planned.
async fn planned(bed: &Bed, count: usize) -> anyhow::Result<String> {
    let mut shares: BTreeMap<i64, usize> = BTreeMap::new();
    for connection in bed.list("zoomconnections", "").await? {
        let token = &connection["status"]["token"];
        if token["expiresAt"] == Value::Null {
            continue;
        }
        let expires: Timestamp = text(token, "/expiresAt").parse()?;
        let refresh: Timestamp = text(token, "/refreshAt").parse()?;
        let left = expires.as_second() - refresh.as_second();
        *shares.entry(100 - left / 36).or_default() += 1;
    }
    let largest = shares.values().copied().max().unwrap_or_default();
    ensure!(
        shares.len() >= 9 && largest <= count / 4,
        "they come together: {shares:?}"
    );
    Ok(format!("{shares:?}"))
}
