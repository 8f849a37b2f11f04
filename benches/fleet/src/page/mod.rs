//! The results for people: a part of the page between its markers.

mod aims;
mod slopes;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use anyhow::Context as _;

use crate::results::Results;

/// Replaces what is between the two markers of a part of the page: `<!-- PART: begin -->` and `<!-- PART: end -->`. The
/// picture is at `images/PART.svg`, as seen from the page.
///
/// # Errors
/// When the page cannot be read or written, or lacks a marker.
pub fn write(results: &Results, page: &Path, part: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    fs::write(page, replaced(&text, results, part)?)?;
    Ok(())
}

fn replaced(page: &str, results: &Results, part: &str) -> anyhow::Result<String> {
    let [begin, end] = ["begin", "end"].map(|which| format!("<!-- {part}: {which} -->"));
    let split = |text: &'_ str, at: &str| {
        let (before, after) = text
            .split_once(at)
            .with_context(|| format!("the page lacks {at}"))?;
        anyhow::Ok((before.to_owned(), after.to_owned()))
    };
    let (before, rest) = split(page, &begin)?;
    let (_, after) = split(&rest, &end)?;
    let middle = markdown(results, part);
    Ok(format!("{before}{begin}\n\n{middle}\n{end}{after}"))
}

/// The tables of a part.
pub fn markdown(results: &Results, part: &str) -> String {
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
        format!("![What a growing fleet costs](images/{part}.svg)\n"),
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
