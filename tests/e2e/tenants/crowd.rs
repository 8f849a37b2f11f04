//! 200 accounts in 50 namespaces under load. Three of them are stuck, the receiver is killed and replaced, and secrets
//! are rotated: every event that Zoom was told is stored arrives at the sink of its own account, and no other.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::http::StatusCode;
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::crowded::{Crowd, EACH, NAMESPACES, account};
use crate::{
    bed::{
        Bed, LIMIT, Options, Release,
        object::{name, text},
        tools, unique, wait_for,
    },
    receiver::{
        buffer::{is_ready, only_pod},
        load::address,
        pods,
        traffic::{Ledger, Load, Traffic, signed},
    },
};

/// Its sink answers 500.
const BROKEN: usize = 21;
/// Its sink needs five seconds for each event.
const SLOW: usize = 42;
/// It sends large events, and its sink answers nothing in time.
const FLOODING: usize = 63;
/// Its sink takes Zoom's format.
const SIGNED: usize = 84;

pub async fn crowd(bed: Bed) -> anyhow::Result<()> {
    let label = unique("e2e");
    let tenants = (0..NAMESPACES).map(|number| {
        let (bed, label) = (bed.clone(), label.clone());
        async move {
            let tenant = bed.neighbour(&format!("t{number}")).await?;
            tenant.label(&label, json!("yes")).await?;
            anyhow::Ok(tenant)
        }
    });
    let tenants = try_join_all(tenants).await?;
    bed.label(&label, json!("yes")).await?;
    let values = Options::default()
        .with(format!("watchNamespaceSelector.matchLabels.{label}=yes"))
        .with_pages()
        .values;
    let release = Release::install(&bed, &unique("zo"), &values, false).await?;
    let mut result = Box::pin(scenario(&bed, &tenants, &label)).await;
    if result.is_ok() {
        // Nobody uninstalls an operator that still has to empty a buffer.
        result = bed.delete("zoomintegrations", "acme").await;
        bed.until_gone("zoomintegrations", "acme").await?;
    }
    let gone = release.uninstall().await;
    try_join_all(tenants.iter().map(Bed::remove)).await?;
    result.and(gone)
}

async fn scenario(bed: &Bed, tenants: &[Bed], label: &str) -> anyhow::Result<()> {
    let mut crowd = Crowd::prepare(bed, tenants, label, SIGNED).await?;
    let under_load = UnderLoad::start(&crowd).await?;
    under_load.stuck_alone(&crowd).await?;
    under_load.kill(bed, 1).await?;
    under_load.rotate(&mut crowd).await?;
    under_load.roll_out(bed).await?;
    let ledger = under_load.healthy.ledger();
    crowd.sinks.have_all(&ledger).await?;
    for stuck in [BROKEN, FLOODING] {
        ensure!(crowd.sinks.taken(&account(stuck)) == 0, "{stuck} was stuck");
    }
    under_load.end(bed, &crowd).await
}

/// Zoom, as it sends the events of all.
struct UnderLoad {
    healthy: Traffic,
    broken: Traffic,
    slow: Traffic,
    flooding: Traffic,
    url: String,
}

// === impl UnderLoad ===

impl UnderLoad {
    /// Whose sinks are stuck, they are so from the beginning.
    async fn start(crowd: &Crowd) -> anyhow::Result<Self> {
        let sinks = &crowd.sinks;
        let (broken, slow, flooding) = (account(BROKEN), account(SLOW), account(FLOODING));
        sinks.answers(&broken, StatusCode::INTERNAL_SERVER_ERROR, Duration::ZERO);
        sinks.answers(&slow, StatusCode::NO_CONTENT, Duration::from_secs(5));
        sinks.answers(&flooding, StatusCode::NO_CONTENT, Duration::from_mins(1));
        let stuck = [BROKEN, SLOW, FLOODING];
        let healthy = (0..NAMESPACES * EACH).filter(|number| !stuck.contains(number));
        let url = address(&crowd.bed, "acme-receiver").await?;
        let of = |name: &str, accounts: Vec<String>, at_a_time: usize, pause: u64, padding| {
            let load = Load {
                name: name.to_owned(),
                accounts,
                at_a_time,
                pause: Duration::from_millis(pause),
                padding,
            };
            Traffic::of(&url, &crowd.app.0.webhook_secret, load)
        };
        Ok(Self {
            healthy: of("healthy", healthy.map(account).collect(), 4, 20, 0),
            broken: of("broken", vec![broken], 1, 200, 0),
            slow: of("slow", vec![slow], 1, 200, 0),
            flooding: of("flooding", vec![flooding], 4, 0, 100_000),
            url: url.clone(),
        })
    }

    fn all(&self) -> [&Traffic; 4] {
        [&self.healthy, &self.broken, &self.slow, &self.flooding]
    }

    /// Only the account that floods is told to come again, and the others' events arrive meanwhile.
    async fn stuck_alone(&self, crowd: &Crowd) -> anyhow::Result<()> {
        wait_for("the flooding account has its share", LIMIT, || async {
            let answers = self.flooding.ledger().answers;
            Ok((answers.get(&503) > Some(&10)).then_some(()))
        })
        .await?;
        for stuck in [&self.broken, &self.slow] {
            stuck.acknowledged(5).await?;
        }
        // Each of the others once more.
        self.healthy.acknowledged(NAMESPACES * EACH).await?;
        let ledger = self.healthy.ledger();
        let account = crowd.sinks.have_all(&ledger).await?;
        println!("while three accounts are stuck: {ledger}; {account:?}");
        for traffic in [&self.healthy, &self.broken, &self.slow] {
            let ledger = traffic.ledger();
            let is_only_stored = ledger.answers.keys().all(|status| *status == 204);
            ensure!(is_only_stored && ledger.unanswered == 0, "{ledger}");
        }
        let refused = metric(
            &crowd.bed,
            r#"zoom_receiver_requests_total{outcome="account_full"}"#,
        );
        ensure!(refused.await? > 0.0, "the share was not the reason");
        for stuck in [BROKEN, FLOODING] {
            ensure!(crowd.sinks.taken(&self::account(stuck)) == 0);
        }
        Ok(())
    }

    /// The receiver's process ends at once, for the n-th time.
    async fn kill(&self, bed: &Bed, time: u64) -> anyhow::Result<()> {
        let pod = only_pod(bed).await?;
        tools::cluster("signal", &["KILL", bed.namespace(), &pod, "receiver"]).await?;
        wait_for("the container was started again", LIMIT, || async {
            let pod = bed.get("pods", &pod).await?;
            let status = &pod["status"]["containerStatuses"][0];
            let restarted = status["restartCount"].as_u64() >= Some(time);
            Ok((restarted && status["ready"] == true).then_some(()))
        })
        .await?;
        self.healthy.acknowledged(NAMESPACES * EACH).await
    }

    /// Zoom's secret changes, and the one that a tenant has for itself.
    async fn rotate(&self, crowd: &mut Crowd) -> anyhow::Result<()> {
        let bed = crowd.bed.clone();
        let pod = only_pod(&bed).await?;
        let own = crowd.rotate_own(SIGNED).await?;
        let old = crowd.app.0.secret();
        let previous = &old["data"]["webhook-secret-token"];
        let mut rotated = crowd.app.clone();
        rotated.0.webhook_secret = unique("webhook-secret");
        // Announced, changed, and the old one taken away.
        let mut announced = old.clone();
        announced["data"]["previous-webhook-secret-token"] = previous.clone();
        bed.apply(&announced).await?;
        let load = Load {
            name: "announced".into(),
            accounts: vec![account(0)],
            at_a_time: 1,
            pause: Duration::ZERO,
            padding: 0,
        };
        let probe = Traffic::of(&self.url, &rotated.0.webhook_secret, load);
        wait_for("the rotation is announced", LIMIT, || async {
            bed.look_at_pod(&pod).await?;
            Ok(probe.ledger().answers.contains_key(&503).then_some(()))
        })
        .await?;
        probe.stop().await;
        for traffic in self.all() {
            traffic.sign_with(&rotated.0.webhook_secret);
        }
        let mut changed = rotated.0.secret();
        changed["data"]["previous-webhook-secret-token"] = previous.clone();
        for secret in [changed, rotated.0.secret()] {
            bed.apply(&secret).await?;
            bed.look_at_pod(&pod).await?;
            self.healthy.acknowledged(NAMESPACES * EACH).await?;
        }
        wait_for("the tenant's own new secret signs", LIMIT, || async {
            bed.look_at_pod(&pod).await?;
            Ok((crowd.sinks.signed(&own) > 0).then_some(()))
        })
        .await?;
        crowd.app = rotated;
        Ok(())
    }

    /// The receiver's Pod is replaced by another one.
    async fn roll_out(&self, bed: &Bed) -> anyhow::Result<()> {
        let all = pods(bed).await?;
        let old = text(all.first().context("no Pod")?, "/metadata/uid").to_owned();
        bed.change("acme", &json!({"externalRefs": {"round": "2"}}))
            .await?;
        wait_for("another Pod is ready", LIMIT, || async {
            let is_new = |pod: &Value| text(pod, "/metadata/uid") != old && is_ready(pod);
            Ok(pods(bed).await?.iter().any(is_new).then_some(()))
        })
        .await?;
        self.healthy.acknowledged(NAMESPACES * EACH).await
    }

    /// Whatever was stuck is repaired, and everything arrives.
    async fn end(self, bed: &Bed, crowd: &Crowd) -> anyhow::Result<()> {
        let stuck = [self.broken, self.slow, self.flooding].map(Traffic::stop);
        let mut ledgers: Vec<Ledger> = futures::future::join_all(stuck).await;
        for stuck in [BROKEN, SLOW, FLOODING] {
            let account = account(stuck);
            crowd
                .sinks
                .answers(&account, StatusCode::NO_CONTENT, Duration::ZERO);
        }
        // A process that starts makes no pause before an event that failed before.
        let pod = only_pod(bed).await?;
        tools::cluster("signal", &["KILL", bed.namespace(), &pod, "receiver"]).await?;
        self.healthy.acknowledged(NAMESPACES * EACH).await?;
        ledgers.insert(0, self.healthy.stop().await);
        for (name, ledger) in ["healthy", "broken", "slow", "flooding"]
            .iter()
            .zip(&ledgers)
        {
            let account = crowd.sinks.have_all(ledger).await?;
            println!("{name}: {ledger}; {account:?}");
            ensure!(!ledger.acknowledged.is_empty(), "nothing was acknowledged");
            ensure!(!ledger.answers.contains_key(&401), "{ledger}");
        }
        forged(crowd, &self.url).await?;
        crowd.sinks.ensure_apart()?;
        ensure!(
            crowd.sim.events().await?.is_empty(),
            "the platform's sink got an event"
        );
        let dead = metric(bed, "zoom_receiver_buffer_dead_letters").await?;
        ensure!(dead < 0.5, "{dead} dead letters");
        Ok(())
    }
}

/// What a tenant signs with the secret that its own events are signed with goes nowhere.
async fn forged(crowd: &Crowd, url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let victim = account(0);
    let body = |id: &str| {
        let object = json!({"account_id": victim, "object": {"id": id}});
        json!({"event": "meeting.ended", "event_ts": 1_626_230_691_572_i64, "payload": object})
            .to_string()
    };
    for own in &crowd.own_secrets {
        let answer = signed(&client, url, own, &body("forged")).send().await?;
        // 503 while Zoom might have a new secret that nobody told us.
        ensure!([401, 503].contains(&answer.status().as_u16()), "{answer:?}");
    }
    // One account's events are in order, so what came before this one has arrived.
    let secret = &crowd.app.0.webhook_secret;
    let answer = signed(&client, url, secret, &body("true")).send().await?;
    ensure!(answer.status() == 204, "{answer:?}");
    wait_for("the true event", LIMIT, || async {
        Ok(crowd.sinks.has(&body("true")).then_some(()))
    })
    .await?;
    ensure!(!crowd.sinks.has(&body("forged")));
    Ok(())
}

/// A sample of the receiver's metrics.
pub async fn metric(bed: &Bed, sample: &str) -> anyhow::Result<f64> {
    let all = pods(bed).await?;
    let pod = name(all.first().context("no Pod")?).to_owned();
    let namespace = bed.namespace();
    let path = format!("/api/v1/namespaces/{namespace}/pods/http:{pod}:8081/proxy/metrics");
    let metrics = bed.request_text("GET", &path, None).await?;
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
    value.with_context(|| format!("no {sample} in {metrics}"))
}
