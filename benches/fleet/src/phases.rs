//! What is measured, in this order: the bare client, the controller with a growing fleet, idle, restart, refresh,
//! fairness, deletion.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    Run,
    cluster::{Cluster, each},
    controller::{Controller, Pod, writes},
    floor,
    results::{Fairness, Idle, Refresh, Restart, Results},
    tenants::Fleet,
    watched::Watched,
};

/// No phase takes longer.
const LIMIT: Duration = Duration::from_mins(30);
/// How long nothing is done.
const IDLE: Duration = Duration::from_mins(1);
/// Healthy integrations beside the failing ones.
const HEALTHY: u32 = 10;

struct Bench<'a> {
    run: &'a Run,
    cluster: Cluster,
    controller: Controller,
    watched: Watched,
}

/// Measures everything.
pub async fn all(run: &Run) -> anyhow::Result<Results> {
    let cluster = Cluster::connect().await?;
    let bench = Bench {
        run,
        controller: Controller::new(&cluster, &run.namespace, run.audit.clone()),
        watched: Watched::begin(&cluster),
        cluster,
    };
    let mut results = Results {
        machine: machine(),
        objects: run.objects,
        in_flight: run.in_flight,
        ..Results::default()
    };
    bench.floor(&mut results).await?;
    let fleet = Fleet::spread("ours");
    let pod = bench.grow(&fleet, &mut results).await?;
    results.idle = bench.idle(&pod).await?;
    let pod = bench.restart(&fleet, &pod, &mut results).await?;
    bench.refresh(&fleet, &pod, &mut results).await?;
    results.fairness = bench.fairness().await?;
    let started = Instant::now();
    fleet.delete(&bench.cluster).await?;
    results.deleted = started.elapsed().as_secs_f64();
    fleet.remove(&bench.cluster).await?;
    results.finished = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    Ok(results)
}

fn say(what: &str) {
    eprintln!("    {what}");
}

impl Bench<'_> {
    async fn prepare(&self, fleet: &Fleet, count: u32) -> anyhow::Result<()> {
        let run = self.run;
        fleet
            .prepare(&self.cluster, &run.zoom, count, run.in_flight)
            .await
    }

    /// The bare client, while no controller is there.
    async fn floor(&self, results: &mut Results) -> anyhow::Result<()> {
        say("the bare client");
        self.controller.scale(0).await?;
        let fleet = Fleet::spread("floor");
        self.prepare(&fleet, self.run.objects).await?;
        let oauth = self.oauth().await?;
        let run = self.run;
        let took = floor::serve(&self.cluster, &fleet, run.objects, &oauth, run.in_flight).await?;
        results.floor = took.as_secs_f64();
        let started = Instant::now();
        fleet.delete(&self.cluster).await?;
        results.floor_deleted = started.elapsed().as_secs_f64();
        fleet.remove(&self.cluster).await
    }

    async fn oauth(&self) -> anyhow::Result<String> {
        let path = format!("/api/v1/namespaces/{}/services/zoom-sim", self.run.zoom);
        let service = self.cluster.get(&path).await?;
        let address = service["spec"]["clusterIP"]
            .as_str()
            .context("no address")?;
        Ok(format!("http://{address}"))
    }

    /// A growing fleet: memory at 100, at 1,000 and at the end; the time is that of all steps together.
    async fn grow(&self, fleet: &Fleet, results: &mut Results) -> anyhow::Result<Pod> {
        let run = self.run;
        self.prepare(fleet, run.objects + 2).await?;
        self.controller.scale(1).await?;
        let pod = self.controller.leader().await?;
        results.memory.push((0, pod.memory()?));
        let (cpu, since) = (pod.cpu()?, Timestamp::now());
        let mut from = 0;
        for to in [100, 1000, run.objects] {
            if to <= from || to > run.objects {
                continue;
            }
            say(&format!("{to} integrations"));
            let started = Instant::now();
            fleet.create(&self.cluster, from..to, run.in_flight).await?;
            let all = usize::try_from(to)?;
            self.watched
                .until("all are connected", LIMIT, |seen| {
                    seen.connected(fleet.name) >= all
                })
                .await?;
            results.served += started.elapsed().as_secs_f64();
            results.memory.push((to, pod.memory()?));
            from = to;
        }
        results.served_cpu = pod.cpu()? - cpu;
        results.served_requests = self.controller.requests(&pod, since)?;
        Ok(pod)
    }

    async fn idle(&self, pod: &Pod) -> anyhow::Result<Idle> {
        say("nothing to do");
        // What is still under way from the phase before.
        tokio::time::sleep(IDLE / 2).await;
        let (cpu, since, started) = (pod.cpu()?, Timestamp::now(), Instant::now());
        tokio::time::sleep(IDLE).await;
        Ok(Idle {
            seconds: started.elapsed().as_secs_f64(),
            cpu: pod.cpu()? - cpu,
            requests: self.controller.requests(pod, since)?.values().sum(),
        })
    }

    /// Creates the integration with this number; how long it took until it was connected.
    async fn one(&self, fleet: &Fleet, number: u32) -> anyhow::Result<f64> {
        let started = Instant::now();
        fleet.create(&self.cluster, number..number + 1, 1).await?;
        self.until_connected(fleet, number).await?;
        Ok(started.elapsed().as_secs_f64())
    }

    async fn until_connected(&self, fleet: &Fleet, number: u32) -> anyhow::Result<()> {
        let tenant = fleet.tenant(number);
        self.watched
            .until("a new integration", LIMIT, |seen| {
                seen.connected_at(&tenant).is_some()
            })
            .await
    }

    /// Kills the controller; the new one starts with everything.
    async fn restart(
        &self,
        fleet: &Fleet,
        pod: &Pod,
        results: &mut Results,
    ) -> anyhow::Result<Pod> {
        say("a restart");
        let started = Instant::now();
        results.stored = self.list().await?;
        let list = started.elapsed().as_secs_f64();
        let since = Timestamp::now();
        self.controller.kill(pod).await?;
        let pod = self.controller.leader().await?;
        let new_object = self.one(fleet, self.run.objects).await?;
        let cpu = pod.cpu()?;
        // Whatever it would do about the others, it would do soon.
        tokio::time::sleep(IDLE / 2).await;
        let requests = self.controller.requests(&pod, since)?;
        let before: u64 = writes(&results.served_requests);
        let each = before.div_ceil(u64::from(self.run.objects));
        results.restart = Restart {
            list,
            new_object,
            cpu,
            writes: writes(&requests).saturating_sub(each),
            zoom_requests: self
                .controller
                .metric(&pod, "zoom_operator_token_requests_total")
                .await?
                - 1.0,
        };
        results.memory.push((self.run.objects, pod.memory()?));
        Ok(pod)
    }

    /// Lists all integrations once; the bytes of their list.
    async fn list(&self) -> anyhow::Result<u64> {
        let mut next = String::new();
        let mut bytes = 0;
        loop {
            let path = format!(
                "/apis/zoom-operator.io/v1alpha1/zoomintegrations?limit=500&continue={next}"
            );
            let page: Value = self.cluster.get(&path).await?;
            bytes += u64::try_from(page["items"].to_string().len())?;
            let more = page["metadata"]["continue"].as_str().unwrap_or_default();
            if more.is_empty() {
                return Ok(bytes);
            }
            more.clone_into(&mut next);
        }
    }

    /// All tokens are asked for at once.
    async fn refresh(&self, fleet: &Fleet, pod: &Pod, results: &mut Results) -> anyhow::Result<()> {
        say("all refresh");
        let run = self.run;
        let single = Fleet::together("single", true);
        self.prepare(&single, 2).await?;
        let new_object_alone = self.one(&single, 0).await?;
        // A requested token is at least a minute younger than the last.
        tokio::time::sleep(Duration::from_mins(1)).await;
        let (since, started) = (Timestamp::now(), Instant::now());
        let at = json!({"metadata": {"annotations": {"zoom-operator.io/refresh-requested-at": since.to_string()}}});
        let ask = each(0..run.objects, run.in_flight, |number| {
            let (at, tenant) = (&at, fleet.tenant(number));
            async move { self.cluster.merge(&tenant.path(), at).await }
        });
        let meanwhile = async {
            let tenth = usize::try_from(run.objects / 10)?;
            self.watched
                .until("refreshes", LIMIT, |seen| {
                    seen.with_tokens(fleet.name, 2) >= tenth
                })
                .await?;
            self.one(&single, 1).await
        };
        let ((), new_object) = futures::try_join!(ask, meanwhile)?;
        let all = usize::try_from(run.objects)?;
        self.watched
            .until("another token for each", LIMIT, |seen| {
                seen.with_tokens(fleet.name, 2) >= all
            })
            .await?;
        let took = started.elapsed().as_secs_f64();
        let requests = self.controller.requests(pod, since)?;
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let writes_each = writes(&requests) as f64 / f64::from(run.objects);
        results.refresh = Refresh {
            all: took,
            writes_each,
            new_object,
            new_object_alone,
        };
        single.remove(&self.cluster).await
    }

    /// Ten integrations, alone and beside a namespace full of failures.
    async fn fairness(&self) -> anyhow::Result<Fairness> {
        say("fairness");
        let failing = self.run.objects / 2;
        let alone = self.ten("alone").await?;
        let wrong = Fleet::together("wrong", false);
        self.prepare(&wrong, failing).await?;
        let crowd = wrong.create(&self.cluster, 0..failing, self.run.in_flight);
        let meanwhile = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            self.ten("beside").await
        };
        let ((), beside) = futures::try_join!(crowd, meanwhile)?;
        wrong.delete(&self.cluster).await?;
        wrong.remove(&self.cluster).await?;
        Ok(Fairness {
            failing,
            beside,
            alone,
        })
    }

    async fn ten(&self, name: &'static str) -> anyhow::Result<f64> {
        let fleet = Fleet::together(name, true);
        self.prepare(&fleet, HEALTHY).await?;
        let started = Instant::now();
        fleet
            .create(&self.cluster, 0..HEALTHY, self.run.in_flight)
            .await?;
        let all = usize::try_from(HEALTHY)?;
        self.watched
            .until("ten integrations", LIMIT, |seen| {
                seen.connected(name) >= all
            })
            .await?;
        let took = started.elapsed().as_secs_f64();
        fleet.remove(&self.cluster).await?;
        Ok(took)
    }
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = info
        .lines()
        .filter_map(|line| line.strip_prefix("model name"));
    let names: Vec<&str> = names
        .map(|name| name.trim_start_matches([':', '\t', ' ']))
        .collect();
    format!(
        "{}, {} cores",
        names.first().copied().unwrap_or("unknown processor"),
        names.len()
    )
}
