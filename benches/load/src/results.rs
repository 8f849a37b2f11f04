//! What was measured, as it is kept.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    disk::Disk, fairness::Round, machine::Machine, memory::Memory, scenario::Scenario,
    tally::Tally, vectors::Judgement,
};

/// A whole run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// When it ended.
    pub finished: String,
    /// Where.
    pub machine: Machine,
    /// How.
    pub settings: Settings,
    /// The disk under the buffer, before the run.
    pub disk: Disk,
    /// Who was left out, and why.
    pub skipped: Vec<Skipped>,
    /// Memory and size; also says who took part, in the order of the tables.
    pub footprints: Vec<Footprint>,
    /// What each accepts and refuses.
    pub judgements: Vec<(String, Vec<Judgement>)>,
    /// Every measurement.
    pub cells: Vec<Cell>,
    /// Tenants beside each other.
    #[serde(default)]
    pub fairness: Vec<Round>,
}

/// How it was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Rounds.
    pub rounds: usize,
    /// Requests of a measurement with small bodies.
    pub requests: usize,
    /// Requests under way at a time, where nothing else is said.
    pub concurrency: usize,
    /// Size of the image's archive, if it was there.
    pub image_bytes: Option<u64>,
}

/// Who was left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Skipped {
    /// Who.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Memory and size of a contestant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Footprint {
    /// Who.
    pub name: String,
    /// What it is.
    pub about: String,
    /// After its start, before the first request.
    pub idle: Memory,
    /// The most under a crowd of common events, after all rounds.
    pub loaded: Memory,
    /// The most under a crowd of large events, after that.
    pub loaded_large: Memory,
    /// Size of its binary, if it is one of this repository.
    pub binary_bytes: Option<u64>,
}

/// One measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// Of which round, from 1.
    pub round: usize,
    /// Of whom.
    pub contestant: String,
    /// What was sent.
    pub scenario: Scenario,
    /// How many.
    pub requests: usize,
    /// Processor time for each request, user and system, microseconds.
    pub cpu_us: f64,
    /// User time, from ticks of 10 ms.
    pub user_us: f64,
    /// System time, from ticks of 10 ms.
    pub system_us: f64,
    /// Requests per second.
    pub per_second: f64,
    /// Half of the answers took no longer.
    pub p50_us: u64,
    /// 99 % of the answers took no longer.
    pub p99_us: u64,
    /// Connections that it took.
    pub connects: usize,
    /// Events that arrived behind it.
    pub arrived: Option<usize>,
    /// The disk just before, where it matters.
    pub disk: Option<Disk>,
    /// How often the buffer was made durable.
    pub commits: Option<u64>,
    /// The answers.
    pub tally: Tally,
    /// What was wrong about them.
    pub faults: Vec<String>,
}

// === impl Results ===

impl Results {
    /// Reads them.
    ///
    /// # Errors
    /// When there is no such file, or another format.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("{}", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(self)?;
        // A line for each measurement, so that two runs can be compared by eye.
        text = text.replace("{\"round\":", "\n{\"round\":") + "\n";
        fs::write(path, text).with_context(|| format!("{}", path.display()))
    }

    /// The measurements of a contestant in a scenario, one for each round.
    pub fn rounds<'a>(
        &'a self,
        name: &'a str,
        is_wanted: impl Fn(&Scenario) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Cell> {
        self.cells
            .iter()
            .filter(move |cell| cell.contestant == name && is_wanted(&cell.scenario))
    }

    /// The median over the rounds; none if it was not measured.
    pub fn median(
        &self,
        name: &str,
        is_wanted: impl Fn(&Scenario) -> bool,
        value: impl Fn(&Cell) -> Option<f64>,
    ) -> Option<f64> {
        median(self.rounds(name, is_wanted).filter_map(value).collect())
    }

    /// The median processor time for each request, microseconds.
    pub fn cpu(&self, name: &str, is_wanted: impl Fn(&Scenario) -> bool) -> Option<f64> {
        self.median(name, is_wanted, |cell| Some(cell.cpu_us))
    }
}

/// The middle one; of an even number the mean of the two.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(upper, values[middle - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
