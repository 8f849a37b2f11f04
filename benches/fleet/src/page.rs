//! The results for people: the part of the page between its markers.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;

use crate::results::{Memory, Results};

const BEGIN: &str = "<!-- fleet: begin -->";
const END: &str = "<!-- fleet: end -->";

/// Memory that the chart allows, in bytes.
const LIMIT: u64 = 128 << 20;

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
    let mut text = format!(
        "Measured {finished} on {machine}, API server, etcd, node, offline Zoom, bare client and controller together on it. {objects} Server-to-Server integrations in 20 namespaces; the bare client has {in_flight} requests under way.\n\n"
    );
    text += &aims(results);
    text += "\n| integrations | resident memory | of it anonymous | peak |\n|---|---|---|---|\n";
    for (count, memory) in &results.memory {
        let Memory {
            resident,
            anonymous,
            peak,
        } = memory;
        let (resident, anonymous, peak) = (
            mebibytes(*resident),
            mebibytes(*anonymous),
            mebibytes(*peak),
        );
        let _ = writeln!(text, "| {count} | {resident} | {anonymous} | {peak} |");
    }
    let each: Vec<String> = results
        .served_requests
        .iter()
        .map(|(name, count)| format!("{name} {:.2}", per(*count, *objects)))
        .collect();
    let _ = writeln!(
        text,
        "\nRequests to the API server for each new integration: {}. CPU time of the controller for each: {:.1} ms. The last line of the table is the controller after a restart.",
        each.join(", "),
        results.served_cpu * 1000.0 / f64::from(*objects)
    );
    text
}

fn aims(results: &Results) -> String {
    let Results {
        restart,
        refresh,
        fairness,
        idle,
        ..
    } = results;
    let peak = results
        .memory
        .iter()
        .map(|(_, memory)| memory.peak)
        .max()
        .unwrap_or_default();
    #[allow(clippy::cast_precision_loss, reason = "megabytes")]
    let share = peak as f64 / LIMIT as f64;
    let rows = [
        (
            "from created to connected, relative to the bare client",
            format!("{:.1} s and {:.1} s", results.served, results.floor),
            results.served / results.floor,
            1.5,
        ),
        (
            "peak memory, relative to the chart's limit of 128 MiB",
            mebibytes(peak),
            share,
            0.75,
        ),
        (
            "requests to the API server in a minute with nothing to do",
            format!("{:.2} s of CPU time in {:.0} s", idle.cpu, idle.seconds),
            precise(idle.requests),
            0.0,
        ),
        (
            "restart: time until a new object is served, relative to one list",
            format!(
                "{:.2} s and {:.2} s, CPU {:.1} s",
                restart.new_object, restart.list, restart.cpu
            ),
            restart.new_object / restart.list,
            2.0,
        ),
        (
            "restart: writes and requests to Zoom for what was there",
            format!("{} and {:.0}", restart.writes, restart.zoom_requests),
            precise(restart.writes) + restart.zoom_requests,
            0.0,
        ),
        (
            "all refresh: writes for each, relative to two",
            format!("all within {:.1} s", refresh.all),
            refresh.writes_each / 2.0,
            1.2,
        ),
        (
            "a new object while all refresh, in seconds",
            format!("{:.2} s alone", refresh.new_object_alone),
            refresh.new_object,
            2.0,
        ),
        (
            "ten integrations beside a namespace of failing ones, relative to alone",
            format!(
                "{:.2} s beside {}, {:.2} s alone",
                fairness.beside, fairness.failing, fairness.alone
            ),
            fairness.beside / fairness.alone,
            2.0,
        ),
        (
            "deletion of all, relative to the bare client",
            format!(
                "{:.1} s and {:.1} s",
                results.deleted, results.floor_deleted
            ),
            results.deleted / results.floor_deleted,
            2.0,
        ),
    ];
    let mut text = "| aim | measured | value | at most | |\n|---|---|---|---|---|\n".to_owned();
    for (name, measured, value, most) in rows {
        let met = if value <= most { "met" } else { "missed" };
        let _ = writeln!(
            text,
            "| {name} | {measured} | {value:.2} | {most} | {met} |"
        );
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "megabytes")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[allow(clippy::cast_precision_loss, reason = "counts")]
fn precise(count: u64) -> f64 {
    count as f64
}

fn per(count: u64, objects: u32) -> f64 {
    precise(count) / f64::from(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_is_replaced() -> anyhow::Result<()> {
        let results = Results::default();
        let page = replaced(&format!("before\n{BEGIN}\nold\n{END}\nafter\n"), &results)?;
        assert!(page.starts_with("before\n<!-- fleet: begin -->\n\nMeasured "));
        assert!(page.ends_with("\n<!-- fleet: end -->\nafter\n"), "{page}");
        assert!(!page.contains("old"));
        assert_eq!(replaced(&page, &results)?, page);
        assert!(replaced("no markers", &results).is_err());
        assert!(replaced(BEGIN, &results).is_err());
        Ok(())
    }

    #[test]
    fn the_page_of_the_documentation_has_the_markers() -> anyhow::Result<()> {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");
        replaced(&fs::read_to_string(page)?, &Results::default())?;
        Ok(())
    }
}
