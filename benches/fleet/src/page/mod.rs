//! The results for people: the part of the page between its markers.

mod aims;
mod slopes;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use anyhow::Context as _;

use crate::results::Results;

const BEGIN: &str = "<!-- fleet: begin -->";
const END: &str = "<!-- fleet: end -->";

/// Replaces what is between the markers of the page.
///
/// # Errors
/// When the page cannot be read or written, or has no markers.
pub fn write(results: &Results, page: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    fs::write(page, replaced(&text, results)?)?;
    Ok(())
}

fn replaced(page: &str, results: &Results) -> anyhow::Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("the page has no markers")?;
    let (_, after) = rest
        .split_once(END)
        .context("the page has no second marker")?;
    let middle = markdown(results);
    Ok(format!("{before}{BEGIN}\n\n{middle}\n{END}{after}"))
}

/// The tables.
pub fn markdown(results: &Results) -> String {
    let Results {
        finished,
        machine,
        objects,
        in_flight,
        ..
    } = results;
    let aims = aims::of(results);
    let phases: Vec<String> = results
        .phases
        .iter()
        .map(|(name, seconds)| format!("{name} {seconds:.0} s"))
        .collect();
    [
        format!(
            "Measured {finished} on {machine}: API server, etcd, node, offline Zoom, bare client and controller share it. {objects} Server-to-Server integrations in 20 namespaces; the bare client has {in_flight} requests under way.\n"
        ),
        aims::summary(&aims),
        aims::table(&aims),
        "![What a growing fleet costs](images/fleet.svg)\n".to_owned(),
        slopes::table(results),
        slopes::requests(results),
        slopes::dividing(results),
        format!("Time of each phase: {}.\n", phases.join(", ")),
    ]
    .join("\n")
}

#[allow(clippy::cast_precision_loss, reason = "megabytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[allow(clippy::cast_precision_loss, reason = "counts")]
fn precise(count: u64) -> f64 {
    count as f64
}

/// A ratio; nothing relative to nothing is nothing.
fn ratio(value: f64, floor: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value / floor }
}
