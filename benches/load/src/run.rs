//! The run: everybody is started, judged, measured in turn for some rounds, and loaded for memory.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    aims,
    contestant::{ALL, Contestant, Kit},
    cpu,
    disk::Disk,
    load,
    machine::Machine,
    memory::{Memory, Watch},
    report,
    request::{Kind, Signer},
    results::{Cell, Footprint, Results, Settings, Skipped},
    scenario::{COMMON, Connections, Mix, SIZES, Scenario},
    tally, vectors,
};

/// Fewer rounds are no result.
const ENOUGH_ROUNDS: usize = 5;

/// Requests at a time when memory is the subject.
const CROWD: usize = 64;

/// Longest to wait until what was acknowledged has arrived.
const ARRIVAL: Duration = Duration::from_mins(2);

/// Arguments of `run`.
#[derive(clap::Args)]
pub struct Args {
    /// Rounds; results of fewer than five stay out of the page.
    #[arg(long, env = "ROUNDS", default_value_t = ENOUGH_ROUNDS)]
    rounds: usize,
    /// Requests of a measurement with small bodies; fewer of the large ones.
    #[arg(long, env = "REQUESTS", default_value_t = 4000)]
    requests: usize,
    /// Requests under way at a time.
    #[arg(long, env = "CONCURRENCY", default_value_t = 16)]
    concurrency: usize,
    /// Only these, such as `floor,ours`; results stay out of the page.
    #[arg(long, env = "ONLY", value_delimiter = ',')]
    only: Vec<String>,
    /// Directory of the binaries that are measured.
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Directory of the Node receivers.
    #[arg(long, default_value = "benches/peers")]
    peers: PathBuf,
    /// Directory for buffers, logs, and results that are none.
    #[arg(long, default_value = "target/bench")]
    work: PathBuf,
    /// Where results go.
    #[arg(long, default_value = "benches/results.json")]
    results: PathBuf,
    /// Page with the markers.
    #[arg(long, default_value = "docs/benchmarks.md")]
    page: PathBuf,
    /// Results stay out of the page.
    #[arg(long)]
    trial: bool,
    /// Processor of the servers.
    #[arg(long, requires = "load_cpu")]
    server_cpu: Option<usize>,
    /// Processor of this process, which is bound to it already.
    #[arg(long, requires = "server_cpu")]
    load_cpu: Option<usize>,
    /// The image's archive.
    #[arg(long, default_value = "target/image/zoom-operator.tar")]
    image: PathBuf,
}

/// What a run needs at hand.
struct Bench<'a> {
    args: &'a Args,
    secret: String,
    buffer_disk: PathBuf,
}

/// Runs everything, and writes the results and the page.
///
/// # Errors
/// When nothing can be started, or a result cannot be written.
pub fn run(args: &Args) -> anyhow::Result<()> {
    fs::create_dir_all(&args.work)?;
    let work = tempfile::Builder::new()
        .prefix("run-")
        .tempdir_in(fs::canonicalize(&args.work)?)?;
    let bench = Bench {
        args,
        secret: "bench-signing-secret".into(),
        buffer_disk: work.path().to_owned(),
    };
    let apart = args.server_cpu.zip(args.load_cpu);
    let mut results = Results {
        finished: String::new(),
        machine: Machine::here(work.path(), apart),
        settings: Settings {
            rounds: args.rounds,
            requests: args.requests,
            concurrency: args.concurrency,
            image_bytes: fs::metadata(&args.image).ok().map(|file| file.len()),
        },
        disk: Disk::measure(work.path(), Duration::from_secs(2))?,
        skipped: Vec::new(),
        footprints: Vec::new(),
        judgements: Vec::new(),
        cells: Vec::new(),
    };
    let mut contestants = bench.start(work.path(), &mut results)?;
    for contestant in &contestants {
        eprintln!("==> {}: judging and warming up", contestant.name);
        let judgements = vectors::judge(contestant, &bench.secret);
        results
            .judgements
            .push((contestant.name.into(), judgements));
        bench.warm_up(contestant)?;
    }
    let scenarios = Scenario::all(args.concurrency);
    for round in 1..=args.rounds {
        eprintln!("==> round {round} of {}", args.rounds);
        contestants.rotate_left(1);
        for scenario in &scenarios {
            // Nobody always goes first.
            contestants.rotate_left(1);
            for contestant in &contestants {
                if !scenario.durable || contestant.is_durable {
                    results
                        .cells
                        .push(bench.measure(round, *scenario, contestant)?);
                }
            }
        }
    }
    eprintln!("==> memory under load");
    for contestant in &contestants {
        let (loaded, large) = bench.fill(contestant)?;
        let footprints = &mut results.footprints;
        if let Some(footprint) = footprints.iter_mut().find(|f| f.name == contestant.name) {
            (footprint.loaded, footprint.loaded_large) = (loaded, large);
        }
    }
    results.finished = jiff::Timestamp::now()
        .strftime("%Y-%m-%d %H:%M UTC")
        .to_string();
    bench.write(&results)
}

// === impl Bench ===

impl Bench<'_> {
    /// Starts everybody who can be started, and measures them before they have done anything.
    fn start(&self, work: &Path, results: &mut Results) -> anyhow::Result<Vec<Contestant>> {
        let kit = Kit {
            binaries: self.args.binaries.clone(),
            peers: self.args.peers.clone(),
            work: work.to_owned(),
            secret: self.secret.clone(),
            server_cpu: self.args.server_cpu,
            load_cpu: self.args.load_cpu,
        };
        let mut contestants = Vec::new();
        let is_wanted =
            |name| self.args.only.is_empty() || self.args.only.iter().any(|o| o == name);
        for entry in ALL.iter().filter(|entry| is_wanted(entry.name)) {
            match (entry.start)(&kit, entry.name) {
                Ok(contestant) => {
                    cpu::settle(contestant.server.pid());
                    results.footprints.push(Footprint {
                        name: entry.name.into(),
                        about: entry.about.into(),
                        idle: Memory::of_tree(contestant.server.pid()),
                        loaded: Memory::default(),
                        loaded_large: Memory::default(),
                        binary_bytes: self.binary_size(entry.name),
                    });
                    contestants.push(contestant);
                }
                Err(error) => {
                    let reason = format!("{error:#}");
                    eprintln!("==> {} is left out: {reason}", entry.name);
                    let name = entry.name.into();
                    results.skipped.push(Skipped { name, reason });
                }
            }
        }
        anyhow::ensure!(!contestants.is_empty(), "nobody could be started");
        Ok(contestants)
    }

    fn binary_size(&self, name: &str) -> Option<u64> {
        let binary = match name {
            "floor" => "zoom-bench-floor",
            name if name.starts_with("ours") => "zoom-operator",
            _ => return None,
        };
        let file = fs::metadata(self.args.binaries.join(binary));
        file.ok().map(|file| file.len())
    }

    fn signer(&self, contestant: &Contestant, connections: Connections) -> Signer {
        let is_kept = connections == Connections::Kept;
        Signer::new(&self.secret, contestant.scheme, is_kept)
    }

    /// Compilers at run time need to have seen everything once.
    fn warm_up(&self, contestant: &Contestant) -> anyhow::Result<()> {
        for scenario in Scenario::all(self.args.concurrency) {
            if scenario.connections == Connections::Kept && !scenario.durable {
                let signer = self.signer(contestant, scenario.connections);
                let count = scenario.requests(self.args.requests) / contestant.divisor / 2;
                let requests = scenario.prepare(&signer, count.max(100));
                load::run(contestant.address, &requests, scenario.concurrency)?;
            }
        }
        Ok(())
    }

    fn measure(
        &self,
        round: usize,
        scenario: Scenario,
        contestant: &Contestant,
    ) -> anyhow::Result<Cell> {
        let pid = contestant.server.pid();
        let signer = self.signer(contestant, scenario.connections);
        let count = (scenario.requests(self.args.requests) / contestant.divisor).max(100);
        let requests = scenario.prepare(&signer, count);
        let disk = scenario
            .durable
            .then(|| Disk::measure(&self.buffer_disk, Duration::from_secs(1)))
            .transpose()?;
        let commits_before = commits(contestant);
        let arrived_before = contestant.behind.arrived();
        let before = cpu::settle(pid);
        let outcome = load::run(contestant.address, &requests, scenario.concurrency)?;
        let accepted = outcome
            .tally
            .get(&Kind::Valid)
            .map_or(0, |count| count.accepted);
        let arrived = wait_for_arrival(contestant, arrived_before, accepted);
        let spent = cpu::settle(pid) - before;
        let mut faults = tally::faults(&outcome.tally, contestant.statuses);
        if let Some(arrived) = arrived.filter(|arrived| *arrived < accepted) {
            faults.push(format!(
                "{} acknowledged and not arrived",
                accepted - arrived
            ));
        }
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
    fn fill(&self, contestant: &Contestant) -> anyhow::Result<(Memory, Memory)> {
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
                let count = scenario.requests(self.args.requests) / contestant.divisor;
                let requests = scenario.prepare(&signer, count.max(2 * CROWD));
                let watch = Watch::start(contestant.server.pid());
                load::run(contestant.address, &requests, scenario.concurrency)?;
                anyhow::Ok(watch.most())
            });
        let mut next = || most.next().context("two loads").flatten();
        Ok((next()?, next()?))
    }

    /// A short or partial run must not pass for a result.
    fn write(&self, results: &Results) -> anyhow::Result<()> {
        let Args { work, .. } = self.args;
        let is_partial = self.args.rounds < ENOUGH_ROUNDS || !self.args.only.is_empty();
        let (file, page) = if !is_partial && !self.args.trial {
            (self.args.results.clone(), self.args.page.clone())
        } else {
            let page = work.join("benchmarks.md");
            fs::copy(&self.args.page, &page)?;
            (work.join("results.json"), page)
        };
        results.save(&file)?;
        report::write(results, &page)?;
        println!("{}", report::summary(results));
        for aim in aims::judge(results) {
            println!("{aim}");
        }
        println!("written: {} and {}", file.display(), page.display());
        Ok(())
    }
}

/// Waits until as many have arrived as were acknowledged, and says how many did.
fn wait_for_arrival(
    contestant: &Contestant,
    before: Option<usize>,
    accepted: usize,
) -> Option<usize> {
    let end = Instant::now() + ARRIVAL;
    loop {
        let arrived = contestant.behind.arrived()?.saturating_sub(before?);
        if arrived >= accepted || Instant::now() > end {
            return Some(arrived);
        }
        thread::sleep(Duration::from_millis(50));
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
