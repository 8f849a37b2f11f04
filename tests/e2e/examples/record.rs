//! What a run saw, written to target/integrations and held against the table of docs/integrations.md; with
//! `UPDATE_DOCS=1` that is written again.

use std::{
    fmt::Write as _,
    fs,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::scene::Scene;
use crate::bed::{object::text, tools};

/// One run at a time writes.
static TURN: Mutex<()> = Mutex::new(());

/// What was run, and how much there is to do by hand in the vendor's manual.
pub struct Run {
    /// Name of the `ZoomIntegration`.
    pub integration: &'static str,
    /// File of the example.
    pub file: &'static str,
    /// Numbered steps of the manual that concern Zoom.
    pub manual: u32,
}

// === impl Run ===

impl Run {
    /// Writes the record of the goal, and compares the documentation with it.
    pub fn keep(&self, scene: &Scene, goal: &Value) -> anyhow::Result<()> {
        let record = self.record(scene, goal)?;
        let folder = tools::repository().join("target/integrations");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.json", self.integration));
        fs::write(file, format!("{record:#}\n"))?;
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let path = tools::repository().join("docs/integrations.md");
        let found = fs::read_to_string(&path)?;
        let row = self.row(scene, &record);
        let name = row.split(']').next().unwrap_or_default();
        let wanted = with_row(&found, name, &row)?;
        let wanted = with_steps(&wanted, self.integration, &steps(&record))?;
        if found != wanted {
            ensure!(
                std::env::var_os("UPDATE_DOCS").is_some(),
                "docs/integrations.md is not what was seen (UPDATE_DOCS=1 writes it):\n{row}\n{}",
                steps(&record)
            );
            fs::write(path, wanted)?;
        }
        Ok(())
    }

    fn record(&self, scene: &Scene, goal: &Value) -> anyhow::Result<Value> {
        let setup = goal.pointer("/status/setup").and_then(Value::as_array);
        let setup = setup.context("no setup")?;
        let steps: Vec<Value> = setup
            .iter()
            .map(|step| {
                json!({
                    "id": step["id"], "title": step["title"], "where": step["where"], "state": step["state"],
                    "evidence": step["evidence"], "values": values(step),
                })
            })
            .collect();
        Ok(json!({
            "integration": self.integration,
            "file": format!("examples/{}/{}", scene.example, self.file),
            "manualSteps": self.manual,
            "goal": goal.pointer("/status/phase"),
            "seconds": scene.started.elapsed().as_secs(),
            "setup": steps,
        }))
    }

    fn row(&self, scene: &Scene, record: &Value) -> String {
        let setup = record["setup"].as_array().map_or(&[][..], Vec::as_slice);
        let values: u64 = setup
            .iter()
            .filter_map(|step| step["values"].as_u64())
            .sum();
        let seen = setup.iter().filter(|step| step["state"] == "Done").count();
        format!(
            "| [{}](../examples/{}/{}) | {} | {} | {values} | {seen} | {} |",
            self.integration,
            scene.example,
            self.file,
            self.manual,
            setup.len(),
            text(record, "/goal"),
        )
    }
}

/// What there is to paste, choose, tick or copy in a step; not the links.
fn values(step: &Value) -> usize {
    let entries = step["entries"].as_array().into_iter().flatten();
    entries.filter(|entry| entry["action"] != "Open").count()
}

/// The steps of a record as a table.
fn steps(record: &Value) -> String {
    let mut table =
        "| step | where | entries | at the goal | proof |\n|---|---|---|---|---|".to_owned();
    for step in record["setup"].as_array().into_iter().flatten() {
        // Writing to a String cannot fail.
        let _ = write!(
            table,
            "\n| {} | {} | {} | {} | {} |",
            text(step, "/title"),
            text(step, "/where"),
            step["values"],
            text(step, "/state"),
            text(step, "/evidence").trim_end_matches('.'),
        );
    }
    table
}

/// The documentation with this line in the place of the one that begins so.
fn with_row(text: &str, begins: &str, row: &str) -> anyhow::Result<String> {
    let found = text.lines().find(|line| line.starts_with(begins));
    let found = found.with_context(|| format!("docs/integrations.md has no line {begins}"))?;
    Ok(text.replacen(found, row, 1))
}

/// The documentation with this table between the marks of an integration.
fn with_steps(text: &str, name: &str, table: &str) -> anyhow::Result<String> {
    let begin = format!("<!-- steps of {name} -->\n");
    let end = format!("<!-- end of {name} -->");
    let parts = text.split_once(&begin);
    let (before, rest) = parts.with_context(|| format!("docs/integrations.md lacks {begin}"))?;
    let parts = rest.split_once(&end);
    let (_, after) = parts.with_context(|| format!("docs/integrations.md lacks {end}"))?;
    Ok(format!("{before}{begin}{table}\n{end}{after}"))
}
