//! What was aimed at, and whether it was reached.

use std::fmt;

use crate::{
    fairness::Round,
    results::{Cell, Results},
    scenario::{COMMON, Connections, Mix, SIZES, Scenario},
};

/// The set-up that does nothing with an event: the others cost what the sink costs.
const OURS: &str = "ours";
/// The set-up with one line for all events.
const BUFFER: &str = "ours-buffer";
/// Aims that the page explains when they are missed.
const RIVET_FRESH: &str = "CPU time without a sink, relative to rivet, new connections";
const RIVET_KEPT: &str = "the same for rivet, keep-alive connections";
const IDLE: &str = "resident memory, idle";
const LOADED: &str = "resident memory, under load";
const BUFFERED: &str =
    "CPU time of a buffered and forwarded event, relative to the floor, new connections";

/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;

/// One aim.
#[derive(Clone, Debug, PartialEq)]
pub struct Aim {
    /// What was aimed at.
    pub text: String,
    /// The worst that was measured; none if it was not measured.
    pub measured: Option<f64>,
    /// What it must not exceed.
    pub limit: f64,
    /// Behind the number.
    pub unit: &'static str,
    /// Why it may be missed, from what else was measured.
    pub why: Option<String>,
}

// === impl Aim ===

impl Aim {
    /// Whether it was reached, if that is known.
    pub fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| measured <= self.limit)
    }

    /// In a word.
    pub fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        }
    }

    /// The number with its unit.
    pub fn value(&self) -> String {
        self.measured.map_or_else(
            || "-".into(),
            |measured| format!("{measured:.2}{}", self.unit),
        )
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text, limit, unit, ..
        } = self;
        let (verdict, value) = (self.verdict(), self.value());
        write!(f, "{verdict:>12}: {text}: {value} of at most {limit}{unit}")?;
        let why = self.why.as_deref().filter(|_| self.is_met() == Some(false));
        why.map_or(Ok(()), |why| write!(f, "\n{:>14}{why}", ""))
    }
}

/// All aims, each by its worst case.
pub fn judge(results: &Results) -> Vec<Aim> {
    let mut aims = Vec::new();
    let mut aim = |text: &str, limit, unit, measured: Option<f64>| {
        aims.push(Aim {
            text: text.into(),
            measured,
            limit,
            unit,
            why: why(results, text),
        });
    };
    let fresh = Connections::Fresh;
    let kept = Connections::Kept;
    let to_floor = |connections| worst(|size| against(results, "floor", connections, size));
    let text = "CPU time without a sink, relative to the floor, new connections";
    aim(text, 1.25, " times", to_floor(fresh));
    let text = "the same, keep-alive connections";
    aim(text, 1.25, " times", to_floor(kept));
    let to_rivet = |connections| worst(|size| against(results, "rivet", connections, size));
    aim(RIVET_FRESH, 0.25, " times", to_rivet(fresh));
    aim(RIVET_KEPT, 0.25, " times", to_rivet(kept));
    let text = "CPU time of a forged event, relative to a valid one of its size";
    let forgery = worst(|size| {
        let cpu = |mix| results.cpu(OURS, |s| is(s, mix, fresh, size));
        Some(cpu(Mix::Forged)? / cpu(Mix::Valid)?)
    });
    aim(text, 1.0, " times", forgery);
    let ours = || {
        results
            .footprints
            .iter()
            .filter(|f| f.name.starts_with(OURS))
    };
    let mib = |bytes: Option<u64>| bytes.map(mib);
    let idle = mib(ours().map(|footprint| footprint.idle.rss).max());
    aim(IDLE, 10.0, " MiB", idle);
    let loaded = ours().map(|footprint| footprint.loaded.rss.max(footprint.loaded_large.rss));
    aim(LOADED, 24.0, " MiB", mib(loaded.max()));
    let buffered = worst(|size| ratio(results, (BUFFER, "floor"), fresh, size));
    aim(BUFFERED, 2.0, " times", buffered);
    let text = "CPU time with 200 accounts, relative to the buffer without";
    let is_common = |s: &Scenario| is(s, Mix::Valid, fresh, COMMON);
    let with = results.cpu("ours-lanes", is_common);
    let without = results.cpu(BUFFER, is_common);
    aim(
        text,
        1.0,
        " times",
        with.zip(without).map(|(with, without)| with / without),
    );
    let text = "p99 to the sinks of healthy tenants beside a broken, a slow and a flooding one, \
                relative to without them";
    let mut ratios: Vec<f64> = results.fairness.iter().map(Round::ratio).collect();
    ratios.sort_by(f64::total_cmp);
    aim(text, 2.0, " times", ratios.get(ratios.len() / 2).copied());
    let text = "durable acknowledgements, 99th percentile";
    aim(text, 50.0, " ms", durable_p99(results));
    aims
}

/// A scenario of the table, not one of those that are for the buffer.
pub fn is(scenario: &Scenario, mix: Mix, connections: Connections, size: usize) -> bool {
    !scenario.durable
        && (scenario.mix, scenario.connections, scenario.size) == (mix, connections, size)
}

/// The worst of all sizes; none if one was not measured.
fn worst(of: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let all: Option<Vec<f64>> = SIZES.into_iter().map(of).collect();
    all?.into_iter().max_by(f64::total_cmp)
}

fn against(results: &Results, other: &str, connections: Connections, size: usize) -> Option<f64> {
    ratio(results, (OURS, other), connections, size)
}

/// CPU time of a valid event, of one contestant relative to another.
fn ratio(
    results: &Results,
    (one, other): (&str, &str),
    connections: Connections,
    size: usize,
) -> Option<f64> {
    let cpu = |name| results.cpu(name, |s| is(s, Mix::Valid, connections, size));
    Some(cpu(one)? / cpu(other)?)
}

/// What stands in the way of an aim, in figures of the same run.
fn why(results: &Results, aim: &str) -> Option<String> {
    let fresh = Connections::Fresh;
    let footprint = |name: &str| results.footprints.iter().find(|f| f.name == name);
    match aim {
        RIVET_FRESH | RIVET_KEPT => {
            let connections = if aim == RIVET_FRESH {
                fresh
            } else {
                Connections::Kept
            };
            let floor = worst(|size| ratio(results, ("floor", "rivet"), connections, size))?;
            Some(format!(
                "The floor itself needs up to {floor:.2} times as much as rivet: most of it is the kernel's work for \
                 a connection and a request, which is the same for all."
            ))
        }
        IDLE => {
            let own = results
                .footprints
                .iter()
                .filter(|f| f.name.starts_with(OURS));
            let most = own.max_by_key(|f| f.idle.rss)?;
            Some(format!(
                "{:.1} MiB are the process's own; the rest are pages of the binary, which receivers of one node share \
                 and the kernel can drop.",
                mib(most.idle.anonymous)
            ))
        }
        LOADED => {
            let (floor, http) = (footprint("floor")?, footprint("ours-http")?);
            Some(format!(
                "64 bodies of 100 KB are 6.1 MiB; the floor takes {:.1} MiB. {:.1} MiB are pages of the binary. The rest \
                 is what the C library keeps for the next bodies, with a buffer up to 5 MiB for the ids of 200,000 \
                 events, and what hundreds of connections at a time left behind.",
                mib(floor.loaded_large.rss),
                mib(http
                    .loaded_large
                    .rss
                    .saturating_sub(http.loaded_large.anonymous)),
            ))
        }
        BUFFERED => {
            let forwarded = worst(|size| ratio(results, ("ours-http", "floor"), fresh, size))?;
            Some(format!(
                "The floor and one HTTP request to the sink are up to {forwarded:.2} times the floor (`ours-http`); \
                 what remains is the transaction: the pages of the event and one flush for all events of two milliseconds."
            ))
        }
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

/// Milliseconds, the worst of the crowds.
fn durable_p99(results: &Results) -> Option<f64> {
    let mut crowds: Vec<_> = results
        .cells
        .iter()
        .filter(|cell| cell.scenario.durable)
        .map(|cell| cell.scenario.concurrency)
        .collect();
    crowds.dedup();
    crowds
        .into_iter()
        .filter_map(|crowd| {
            let is_wanted = |s: &Scenario| s.durable && s.concurrency == crowd;
            results.median(BUFFER, is_wanted, |cell| Some(millis(cell)))
        })
        .max_by(f64::total_cmp)
}

#[allow(clippy::cast_precision_loss, reason = "some seconds")]
fn millis(cell: &Cell) -> f64 {
    cell.p99_us as f64 / 1e3
}
