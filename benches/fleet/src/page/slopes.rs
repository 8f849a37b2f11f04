//! What each further integration costs, and what follows from it.

use std::fmt::Write as _;

use super::{mebibytes, precise};
use crate::{
    audit::all,
    results::{Cost, Results},
};

/// The share of the memory limit that is used.
const USED: f64 = 0.75;
/// How often a token that lives for an hour is replaced within one: after three quarters of its life.
const AN_HOUR: f64 = 4.0 / 3.0;

/// What one controller needs, in MiB and in seconds of CPU time.
#[derive(Clone, Copy, Debug)]
struct Slopes {
    /// Memory without integrations.
    base: f64,
    /// Memory for each.
    memory: f64,
    /// CPU time in an hour for each, with tokens that live for an hour.
    cpu: f64,
}

/// The growing fleet, step by step.
pub fn table(results: &Results) -> String {
    let mut text = "| integrations | time each | CPU time each | requests each | resident memory | for each further one |\n|---|---|---|---|---|---|\n".to_owned();
    let start = mebibytes(results.start.resident);
    let _ = writeln!(text, "| 0 | | | | {start:.1} MiB | |");
    let (mut count, mut last) = (0, results.start.resident);
    for step in &results.steps {
        count += step.objects;
        let Cost { seconds, .. } = step;
        let resident = step.memory.resident;
        let _ = writeln!(
            text,
            "| {count} | {:.2} ms | {:.2} ms | {:.2} | {:.1} MiB | {:.1} KiB |",
            seconds * 1000.0 / f64::from(step.objects.max(1)),
            step.cpu_each() * 1000.0,
            step.requests_each(),
            mebibytes(resident),
            mebibytes(resident.saturating_sub(last)) * 1024.0 / f64::from(step.objects.max(1))
        );
        last = resident;
    }
    text
}

/// What the controller asks the API server for.
pub fn requests(results: &Results) -> String {
    let whole = results.first(results.steps.len());
    let each: Vec<String> = whole
        .requests
        .iter()
        .map(|(name, count)| {
            let count = precise(*count) / f64::from(whole.objects.max(1));
            format!("{name} {count:.2}")
        })
        .collect();
    format!(
        "Requests to the API server for each new integration, {:.2} together: {}.\n",
        precise(all(&whole.requests)) / f64::from(whole.objects.max(1)),
        each.join(", ")
    )
}

/// At which size another release pays.
pub fn dividing(results: &Results) -> String {
    let slopes = Slopes::of(results);
    let Slopes { base, memory, cpu } = slopes;
    let limit = mebibytes(results.limit);
    format!(
        "**When to divide.** For *n* integrations whose tokens live for an hour, one controller needs a memory limit of ({base:.0} MiB + *n* × {:.1} KiB) / {USED} and *n* × {:.1} ms of CPU time in an hour. So the limit of {limit:.0} MiB is enough for {:.0} integrations, and half a processor for {:.0}. Up to there, and beyond by a higher `resources.limits.memory`, one release is cheaper: a second one costs {base:.0} MiB more. Dividing pays where a tenant's integrations must not share a queue with others, or where {:.0} integrations are not enough.\n",
        memory * 1024.0,
        cpu * 1000.0,
        slopes.within_memory(limit),
        slopes.within_cpu(0.5),
        slopes.within_cpu(0.5),
    )
}

// === impl Slopes ===

impl Slopes {
    fn of(results: &Results) -> Self {
        let base = mebibytes(results.start.resident);
        let grown = (mebibytes(results.peak()) - base).max(0.0);
        Self {
            base,
            memory: grown / f64::from(results.objects.max(1)),
            cpu: results.refresh.cost.cpu_each() * AN_HOUR,
        }
    }

    /// How many fit, rounded down to hundreds.
    fn within_memory(self, limit: f64) -> f64 {
        hundreds((limit * USED - self.base) / self.memory)
    }

    /// How many such a share of a processor refreshes.
    fn within_cpu(self, share: f64) -> f64 {
        hundreds(share * 3600.0 / self.cpu)
    }
}

fn hundreds(count: f64) -> f64 {
    (count / 100.0).floor().max(0.0) * 100.0
}
