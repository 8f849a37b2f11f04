//! The run: everybody is started, judged, measured in turn for some rounds, and loaded for memory.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    aims,
    contestant::{ALL, Contestant, Kit},
    cpu,
    disk::Disk,
    fairness::Round,
    machine::Machine,
    measure::Meter,
    memory::Memory,
    report,
    results::{Footprint, Results, Settings, Skipped},
    scenario::Scenario,
    vectors,
};

/// Fewer rounds are no result.
const ENOUGH_ROUNDS: usize = 5;
/// Rounds of tenants beside each other.
const FAIR_ROUNDS: usize = 3;

/// The signing secret of all.
const SECRET: &str = "bench-signing-secret";

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
    /// The image's archive, measured if it is there.
    #[arg(long, default_value = "target/bench/zoom-receiver.tar")]
    image: PathBuf,
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
    let apart = args.server_cpu.zip(args.load_cpu);
    let settings = Settings {
        rounds: args.rounds,
        requests: args.requests,
        concurrency: args.concurrency,
        image_bytes: fs::metadata(&args.image).ok().map(|file| file.len()),
    };
    let meter = Meter {
        settings: &settings,
        secret: SECRET,
        disk: work.path(),
    };
    let mut results = Results {
        finished: String::new(),
        machine: Machine::here(work.path(), apart),
        settings: settings.clone(),
        disk: Disk::measure(work.path(), Duration::from_secs(2))?,
        skipped: Vec::new(),
        footprints: Vec::new(),
        judgements: Vec::new(),
        cells: Vec::new(),
        fairness: Vec::new(),
    };
    let kit = args.kit(work.path());
    let mut contestants = args.start(&kit, &mut results)?;
    for contestant in &contestants {
        eprintln!("==> {}: judging and warming up", contestant.name);
        if contestant.is_receiver {
            let judgements = vectors::judge(contestant, SECRET);
            results
                .judgements
                .push((contestant.name.into(), judgements));
        }
        meter.warm_up(contestant)?;
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
                        .push(meter.measure(round, *scenario, contestant)?);
                }
            }
        }
    }
    eprintln!("==> memory under load");
    for contestant in &contestants {
        let (loaded, large) = meter.fill(contestant)?;
        let footprints = &mut results.footprints;
        if let Some(footprint) = footprints.iter_mut().find(|f| f.name == contestant.name) {
            (footprint.loaded, footprint.loaded_large) = (loaded, large);
        }
    }
    drop(contestants);
    if args.wants("ours-lanes") {
        eprintln!("==> many tenants");
        for number in 0..args.rounds.min(FAIR_ROUNDS) {
            results.fairness.push(Round::measure(&kit, number)?);
        }
    }
    results.finished = jiff::Timestamp::now()
        .strftime("%Y-%m-%d %H:%M UTC")
        .to_string();
    args.write(&results)
}

// === impl Args ===

impl Args {
    fn kit(&self, work: &Path) -> Kit {
        Kit {
            binaries: self.binaries.clone(),
            peers: self.peers.clone(),
            work: work.to_owned(),
            secret: SECRET.into(),
            server_cpu: self.server_cpu,
            load_cpu: self.load_cpu,
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Starts everybody who can be started, and measures them before they have done anything.
    fn start(&self, kit: &Kit, results: &mut Results) -> anyhow::Result<Vec<Contestant>> {
        let mut contestants = Vec::new();
        for entry in ALL.iter().filter(|entry| self.wants(entry.name)) {
            match (entry.start)(kit, entry.name) {
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
            "floor" | "bare" => "zoom-bench-floor",
            name if name.starts_with("ours") => "zoom-receiver",
            _ => return None,
        };
        let file = fs::metadata(self.binaries.join(binary));
        file.ok().map(|file| file.len())
    }

    /// A short or partial run must not pass for a result.
    fn write(&self, results: &Results) -> anyhow::Result<()> {
        let Self { work, .. } = self;
        let is_partial = self.rounds < ENOUGH_ROUNDS || !self.only.is_empty();
        let (file, page) = if !is_partial && !self.trial {
            (self.results.clone(), self.page.clone())
        } else {
            let page = work.join("benchmarks.md");
            fs::copy(&self.page, &page)?;
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
