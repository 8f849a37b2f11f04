//! One measurement: requests are made, sent and judged, and what it cost is read off.

use std::{
    cmp::Ordering,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    contestant::Contestant,
    cpu,
    disk::Disk,
    load,
    memory::{Memory, Watch},
    request::{Kind, Signer},
    results::{Cell, Settings},
    scenario::{COMMON, Connections, Mix, SIZES, Scenario},
    tally,
};

/// Requests at a time when memory is the subject.
const CROWD: usize = 64;

/// Longest to wait for the next event that was acknowledged and has not arrived.
const ARRIVAL: Duration = Duration::from_secs(20);

/// Measures anybody.
#[derive(Debug)]
pub struct Meter<'a> {
    /// How much of everything.
    pub settings: &'a Settings,
    /// The signing secret of all.
    pub secret: &'a str,
    /// A directory on the disk of the buffer.
    pub disk: &'a Path,
}

// === impl Meter ===

impl Meter<'_> {
    fn signer(&self, contestant: &Contestant, connections: Connections) -> Signer {
        let is_kept = connections == Connections::Kept;
        Signer::new(self.secret, contestant.scheme, is_kept)
    }

    /// Compilers at run time need to have seen everything once.
    ///
    /// # Errors
    /// When nothing can be sent at all.
    pub fn warm_up(&self, contestant: &Contestant) -> anyhow::Result<()> {
        for scenario in Scenario::all(self.settings.concurrency) {
            if !scenario.durable {
                let signer = self.signer(contestant, scenario.connections);
                let count = scenario.requests(self.settings.requests) / contestant.divisor / 2;
                let requests = scenario.prepare(&signer, count.max(100));
                load::run(contestant.address, &requests, scenario.concurrency)?;
            }
        }
        Ok(())
    }

    /// Measures one contestant in one scenario.
    ///
    /// # Errors
    /// When nothing can be sent at all.
    pub fn measure(
        &self,
        round: usize,
        scenario: Scenario,
        contestant: &Contestant,
    ) -> anyhow::Result<Cell> {
        let pid = contestant.server.pid();
        let signer = self.signer(contestant, scenario.connections);
        let count = (scenario.requests(self.settings.requests) / contestant.divisor).max(100);
        let requests = scenario.prepare(&signer, count);
        let disk = scenario
            .durable
            .then(|| Disk::measure(self.disk, Duration::from_secs(1)))
            .transpose()?;
        cpu::settle(pid);
        let commits_before = commits(contestant);
        let arrived_before = contestant.behind.arrived();
        let before = cpu::settle(pid);
        let outcome = load::run(contestant.address, &requests, scenario.concurrency)?;
        let accepted = outcome
            .tally
            .get(&Kind::Valid)
            .map_or(0, |count| count.accepted);
        wait_for_arrival(contestant, arrived_before, accepted);
        let spent = cpu::settle(pid) - before;
        let arrived = arrived(contestant, arrived_before);
        let mut faults = tally::faults(&outcome.tally, contestant.statuses);
        faults.extend(arrived.and_then(|arrived| astray(accepted, arrived)));
        let cell = Cell {
            round,
            contestant: contestant.name.into(),
            scenario,
            requests: count,
            cpu_us: micros(spent.total, count),
            user_us: micros(spent.user, count),
            system_us: micros(spent.system, count),
            per_second: ratio(count, outcome.elapsed.as_secs_f64()),
            p50_us: outcome.quantile(0.5),
            p99_us: outcome.quantile(0.99),
            connects: outcome.connects,
            arrived,
            disk,
            commits: commits_before
                .zip(commits(contestant))
                .map(|(before, after)| after.saturating_sub(before)),
            tally: outcome.tally,
            faults,
        };
        eprintln!(
            "    {scenario}: {:<12} {:>7.1} us of processor each, {:>7.0}/s, p99 {:>7.2} ms{}{}",
            cell.contestant,
            cell.cpu_us,
            cell.per_second,
            Duration::from_micros(cell.p99_us).as_secs_f64() * 1e3,
            if cell.faults.is_empty() { "" } else { "; " },
            cell.faults.join(", ")
        );
        Ok(cell)
    }

    /// The most memory under a crowd of common events, and of large ones.
    ///
    /// # Errors
    /// When nothing can be sent at all.
    pub fn fill(&self, contestant: &Contestant) -> anyhow::Result<(Memory, Memory)> {
        let [.., large] = SIZES;
        let mut most = [(Mix::Mixed, COMMON), (Mix::Valid, large)]
            .map(|(mix, size)| Scenario {
                mix,
                size,
                connections: Connections::Kept,
                concurrency: CROWD,
                durable: false,
            })
            .into_iter()
            .map(|scenario| {
                let signer = self.signer(contestant, scenario.connections);
                let count = scenario.requests(self.settings.requests) / contestant.divisor;
                let requests = scenario.prepare(&signer, count.max(2 * CROWD));
                let watch = Watch::start(contestant.server.pid());
                load::run(contestant.address, &requests, scenario.concurrency)?;
                anyhow::Ok(watch.most())
            });
        let mut next = || most.next().context("two loads").flatten();
        Ok((next()?, next()?))
    }
}

/// Waits until as many have arrived as were acknowledged, or no more come.
fn wait_for_arrival(contestant: &Contestant, before: Option<usize>, accepted: usize) {
    let mut last = (0, Instant::now());
    while let Some(arrived) = arrived(contestant, before) {
        if arrived > last.0 {
            last = (arrived, Instant::now());
        }
        if arrived >= accepted || last.1.elapsed() > ARRIVAL {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Events that have arrived since there were `before`.
fn arrived(contestant: &Contestant, before: Option<usize>) -> Option<usize> {
    Some(contestant.behind.arrived()?.saturating_sub(before?))
}

/// Each acknowledged event has to arrive, and once.
fn astray(accepted: usize, arrived: usize) -> Option<String> {
    match arrived.cmp(&accepted) {
        Ordering::Less => Some(format!("{} acknowledged, not arrived", accepted - arrived)),
        Ordering::Equal => None,
        Ordering::Greater => Some(format!("{} forwarded twice", arrived - accepted)),
    }
}

/// How often the buffer was made durable so far.
fn commits(contestant: &Contestant) -> Option<u64> {
    let (_, text) = load::get(contestant.admin?, "/metrics").ok()?;
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("zoom_receiver_buffer_commits_total"));
    lines.next()?.split_whitespace().next_back()?.parse().ok()
}

fn micros(time: Duration, count: usize) -> f64 {
    ratio(1, ratio(count, time.as_secs_f64() * 1e6))
}

#[allow(clippy::cast_precision_loss, reason = "some thousands")]
fn ratio(count: usize, by: f64) -> f64 {
    if by > 0.0 { count as f64 / by } else { 0.0 }
}
