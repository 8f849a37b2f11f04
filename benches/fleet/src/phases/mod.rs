//! What is measured, in this order. One fleet of integrations serves all that is about integrations; each phase is a
//! file.

mod connections;
mod fairness;
mod floor;
mod grow;
mod leader;
mod receivers;
mod refresh;
mod restart;

use std::{
    fs,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    Run,
    cluster::Cluster,
    controller::{Controller, Pod},
    results::{Cost, Results},
    tenants::Fleet,
    watched::Watched,
    zoom::Zoom,
};

/// No phase takes longer.
const LIMIT: Duration = Duration::from_mins(30);
/// What is under way ends, and whatever was to come soon comes.
const SETTLES: Duration = Duration::from_secs(10);

/// What can be measured alone. The fleet grows for those that need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Phase {
    /// The bare client.
    Floor,
    /// The fleet grows, and is deleted in the end.
    Grow,
    /// Nothing to do.
    Idle,
    /// The controller is killed.
    Restart,
    /// All integrations refresh.
    Refresh,
    /// The leader is killed.
    Leader,
    /// Failures beside healthy integrations.
    Fairness,
    /// Many connections of one app.
    Connections,
    /// Many receivers.
    Receivers,
}

/// The phases that need the fleet.
const ON_FLEET: [Phase; 5] = [
    Phase::Grow,
    Phase::Idle,
    Phase::Restart,
    Phase::Refresh,
    Phase::Leader,
];

/// Where the results are that are known before the end.
const SO_FAR: &str = "target/bench/fleet-so-far.json";

/// What every phase has at hand.
struct Bench<'a> {
    run: &'a Run,
    cluster: Cluster,
    zoom: Zoom,
    controller: Controller,
    watched: Watched,
    /// Since when the phase that is under way runs.
    began: Instant,
}

/// Measures everything.
pub async fn all(run: &Run) -> anyhow::Result<Results> {
    let cluster = Cluster::connect().await?;
    let mut bench = Bench {
        run,
        zoom: Zoom::new(&cluster, &run.zoom),
        controller: Controller::new(&cluster, &run.namespace, run.audit.clone()),
        watched: Watched::begin(&cluster, "ZoomIntegration"),
        cluster,
        began: Instant::now(),
    };
    let mut results = Results {
        machine: machine(),
        objects: run.objects,
        in_flight: run.in_flight,
        limit: bench.controller.memory_limit().await?,
        ..Results::default()
    };
    if run.wants(Phase::Floor) {
        bench.floor(&mut results).await?;
        bench.ends("bare client", &mut results);
    }
    let fleet = Fleet::spread("ours");
    let has_fleet = ON_FLEET.iter().any(|phase| run.wants(*phase));
    if has_fleet {
        bench.on_fleet(&fleet, &mut results).await?;
    } else {
        bench.controller.scale(1).await?;
    }
    if run.wants(Phase::Fairness) {
        results.fairness = bench.fairness().await?;
        bench.ends("fairness", &mut results);
    }
    if run.wants(Phase::Connections) {
        results.connections = bench.connections().await?;
        bench.ends("connections", &mut results);
    }
    if let Some(node) = run.kwok.as_ref().filter(|_| run.wants(Phase::Receivers)) {
        results.receivers = bench.receivers(node).await?;
        bench.ends("receivers", &mut results);
    }
    if has_fleet {
        let started = Instant::now();
        fleet.delete(&bench.cluster).await?;
        results.deleted = started.elapsed().as_secs_f64();
        fleet.remove(&bench.cluster).await?;
        bench.ends("deletion", &mut results);
    }
    results.finished = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    Ok(results)
}

impl Run {
    fn wants(&self, phase: Phase) -> bool {
        self.only.is_empty() || self.only.contains(&phase)
    }
}

fn say(what: &str) {
    eprintln!("    {what}");
}

impl Bench<'_> {
    /// The phases that need the fleet.
    async fn on_fleet(&mut self, fleet: &Fleet, results: &mut Results) -> anyhow::Result<()> {
        let run = self.run;
        let mut pod = self.grow(fleet, results).await?;
        self.ends("growing fleet", results);
        if run.wants(Phase::Idle) {
            results.idle = self.idle(&pod).await?;
            self.ends("idle", results);
        }
        (_, results.stored) = self.listed().await?;
        if run.wants(Phase::Restart) {
            pod = self.restart(fleet, &pod, results).await?;
            self.ends("restart", results);
        }
        if run.wants(Phase::Refresh) {
            results.refresh = self.refresh(fleet, &pod).await?;
            self.ends("refresh", results);
        }
        if run.wants(Phase::Leader) {
            results.leader = self.leader(fleet, pod).await?;
            self.ends("leader change", results);
        }
        Ok(())
    }

    /// A phase has ended, and the next one begins.
    fn ends(&mut self, phase: &str, results: &mut Results) {
        let took = self.began.elapsed().as_secs_f64();
        say(&format!("{phase}: {took:.0} s"));
        results.phases.push((phase.to_owned(), took));
        // If a later phase fails, this much is known.
        let text = serde_json::to_string_pretty(results).unwrap_or_default();
        if let Err(error) = std::fs::write(SO_FAR, text) {
            say(&format!("{SO_FAR}: {error}"));
        }
        self.began = Instant::now();
    }

    async fn prepare(&self, fleet: &Fleet, count: u32) -> anyhow::Result<()> {
        let in_flight = self.run.in_flight;
        fleet
            .prepare(&self.cluster, &self.zoom, count, in_flight)
            .await
    }

    /// Creates the integration with this number; how long it took until it was connected.
    async fn one(&self, fleet: &Fleet, number: u32) -> anyhow::Result<f64> {
        let started = Instant::now();
        fleet.create(&self.cluster, number..number + 1, 1).await?;
        let tenant = fleet.tenant(number);
        self.watched
            .until("a new integration", LIMIT, |seen| {
                seen.connected_at(&tenant).is_some()
            })
            .await?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// How long nothing is done.
    fn idle_time(&self) -> Duration {
        Duration::from_secs(self.run.idle)
    }

    /// With nothing to do, after what is still under way.
    async fn idle(&self, pod: &Pod) -> anyhow::Result<Cost> {
        tokio::time::sleep(SETTLES).await;
        let meter = self.controller.begin(pod)?;
        tokio::time::sleep(self.idle_time()).await;
        meter.end(self.run.objects)
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
