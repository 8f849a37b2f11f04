//! The results for people: the part of the page between its markers.

mod quality;

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;

use crate::{
    aims::{self, is},
    results::{Footprint, Results},
    scenario::{COMMON, Connections, Mix, SIZES, Scenario, size},
};

const BEGIN: &str = "<!-- results: begin -->";
const END: &str = "<!-- results: end -->";

/// Replaces what is between the markers of the page.
///
/// # Errors
/// When the page cannot be read or written, or has no markers.
pub fn write(results: &Results, page: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("{}", page.display()))?;
    let (before, rest) = text.split_once(BEGIN).context("the page has no markers")?;
    let (_, after) = rest
        .split_once(END)
        .context("the page has no second marker")?;
    let results = markdown(results);
    fs::write(page, format!("{before}{BEGIN}\n\n{results}\n{END}{after}"))?;
    Ok(())
}

/// What is of most interest, for a terminal.
pub fn summary(results: &Results) -> String {
    let mut text = costs(results, Connections::Fresh);
    text += "\n";
    text += &costs(results, Connections::Kept);
    text
}

fn markdown(results: &Results) -> String {
    let parts = [
        machine(results),
        "### Aims\n".into(),
        aims_table(results),
        "### CPU time, a new connection for each request\n".into(),
        costs(results, Connections::Fresh),
        "### CPU time, keep-alive connections\n".into(),
        costs(results, Connections::Kept),
        "### Speed and latency, for information\n".into(),
        speeds(results),
        "### Durable acknowledgements\n".into(),
        durable(results),
        "### Many tenants\n".into(),
        quality::fairness(results),
        "### Memory and size\n".into(),
        footprints(results),
        "### What each accepts and refuses\n".into(),
        quality::judgements(results),
        "### Wrong answers under load\n".into(),
        quality::faults(results),
    ];
    parts.join("\n")
}

fn machine(results: &Results) -> String {
    let Results {
        machine,
        settings,
        disk,
        ..
    } = results;
    let versions: Vec<_> = machine
        .versions
        .iter()
        .map(|(name, version)| format!("{name}: {version}"))
        .collect();
    let apart = match machine.apart {
        Some((server, load)) => format!("the servers on CPU {server}, the load on {load}"),
        None => "servers and load on the same CPUs".into(),
    };
    let mut text = format!(
        "Measured {} on {}, {} cores, {} MiB of memory, Linux {}; {apart}. \
         Rounds: {}, of {} requests each (fewer of large bodies), concurrency {}. \
         The disk ({}) does {:.0} writes of 4 KiB with fdatasync per second, 99 % within {:.1} ms. {}.\n",
        results.finished,
        machine.cpu,
        machine.cores,
        machine.memory / 1_048_576,
        machine.kernel,
        settings.rounds,
        settings.requests,
        settings.concurrency,
        machine.file_system,
        disk.syncs_per_second,
        float(disk.p99_us) / 1e3,
        versions.join("; "),
    );
    for skipped in &results.skipped {
        let _ = write!(text, "\nLeft out: {}, {}.\n", skipped.name, skipped.reason);
    }
    text
}

fn aims_table(results: &Results) -> String {
    let rows = aims::judge(results).into_iter().map(|aim| {
        let limit = format!("{}{}", aim.limit, aim.unit);
        vec![aim.text.clone(), limit, aim.value(), aim.verdict().into()]
    });
    let mut text = table(&["aim (worst case)", "at most", "measured", ""], rows);
    let missed = aims::judge(results)
        .into_iter()
        .filter(|aim| aim.is_met() == Some(false));
    for (aim, why) in missed.filter_map(|aim| Some((aim.text, aim.why?))) {
        let _ = write!(text, "\nMissed, {aim}: {why}\n");
    }
    text
}

/// Microseconds, and in parentheses as a multiple of the floor.
fn costs(results: &Results, connections: Connections) -> String {
    let mut columns: Vec<(String, Mix, usize)> = Vec::new();
    columns.extend(SIZES.map(|bytes| (format!("valid {}", size(bytes)), Mix::Valid, bytes)));
    columns.push((format!("mixed {}", size(COMMON)), Mix::Mixed, COMMON));
    columns.extend(SIZES.map(|bytes| (format!("forged {}", size(bytes)), Mix::Forged, bytes)));
    let mut head = vec!["us per request (times the floor)"];
    head.extend(columns.iter().map(|(name, ..)| name.as_str()));
    let rows = results.footprints.iter().map(|Footprint { name, .. }| {
        let cells = columns.iter().map(|(_, mix, bytes)| {
            let cpu = |name: &str| results.cpu(name, |s| is(s, *mix, connections, *bytes));
            let Some(own) = cpu(name) else {
                return "-".into();
            };
            let floor = cpu("floor").filter(|floor| *floor > 0.0);
            let times = floor.map(|floor| format!(" ({:.2})", own / floor));
            format!("{own:.0}{}", times.unwrap_or_default())
        });
        std::iter::once(name.clone()).chain(cells).collect()
    });
    table(&head, rows)
}

fn speeds(results: &Results) -> String {
    let head = [
        "valid 2 KB",
        "fresh: per s",
        "p50 ms",
        "p99 ms",
        "keep-alive: per s",
        "p50 ms",
        "p99 ms",
        "connections for 100 requests",
    ];
    let rows = results.footprints.iter().map(|Footprint { name, .. }| {
        let mut row = vec![name.clone()];
        for connections in [Connections::Fresh, Connections::Kept] {
            let is_wanted = |s: &Scenario| is(s, Mix::Valid, connections, COMMON);
            let median = |value: &dyn Fn(&crate::results::Cell) -> f64| {
                results.median(name, is_wanted, |cell| Some(value(cell)))
            };
            row.push(number(median(&|cell| cell.per_second), 0));
            row.push(number(median(&|cell| float(cell.p50_us) / 1e3), 2));
            row.push(number(median(&|cell| float(cell.p99_us) / 1e3), 2));
        }
        let is_kept = |s: &Scenario| is(s, Mix::Valid, Connections::Kept, COMMON);
        let share = results.median(name, is_kept, |cell| {
            Some(100.0 * float(cell.connects) / float(cell.requests))
        });
        row.push(number(share, 0));
        row
    });
    table(&head, rows)
}

fn durable(results: &Results) -> String {
    let head = [
        "concurrency",
        "acknowledged per s",
        "fdatasync per s of the disk",
        "times the disk",
        "acknowledged per commit",
        "p50 ms",
        "p99 ms",
        "us of CPU",
    ];
    let mut crowds: Vec<_> = results
        .cells
        .iter()
        .filter(|cell| cell.scenario.durable)
        .map(|cell| cell.scenario.concurrency)
        .collect();
    crowds.sort_unstable();
    crowds.dedup();
    if crowds.is_empty() {
        return "Not measured.\n".into();
    }
    let rows = crowds.into_iter().map(|crowd| {
        let median = |value: &dyn Fn(&crate::results::Cell) -> Option<f64>| {
            let is_wanted = |s: &Scenario| s.durable && s.concurrency == crowd;
            results.median("ours-buffer", is_wanted, value)
        };
        let syncs = |cell: &crate::results::Cell| cell.disk.map(|disk| disk.syncs_per_second);
        vec![
            crowd.to_string(),
            number(median(&|cell| Some(cell.per_second)), 0),
            number(median(&syncs), 0),
            number(median(&|cell| Some(cell.per_second / syncs(cell)?)), 2),
            number(
                median(&|cell| {
                    Some(float(cell.requests) / float(cell.commits.filter(|c| *c > 0)?))
                }),
                1,
            ),
            number(median(&|cell| Some(float(cell.p50_us) / 1e3)), 2),
            number(median(&|cell| Some(float(cell.p99_us) / 1e3)), 2),
            number(median(&|cell| Some(cell.cpu_us)), 0),
        ]
    });
    table(&head, rows)
}

fn footprints(results: &Results) -> String {
    let head = [
        "MiB resident (proportional, anonymous)",
        "",
        "idle",
        "64 concurrent, 2 KB",
        "64 concurrent, 100 KB",
        "binary MiB",
    ];
    let mib = |bytes: u64| float(bytes) / 1_048_576.0;
    let memory = |memory: crate::memory::Memory| {
        format!(
            "{:.1} ({:.1}, {:.1})",
            mib(memory.rss),
            mib(memory.pss),
            mib(memory.anonymous)
        )
    };
    let rows = results.footprints.iter().map(|footprint| {
        vec![
            footprint.name.clone(),
            footprint.about.clone(),
            memory(footprint.idle),
            memory(footprint.loaded),
            memory(footprint.loaded_large),
            number(footprint.binary_bytes.map(mib), 1),
        ]
    });
    let mut text = table(&head, rows);
    if let Some(bytes) = results.settings.image_bytes {
        let _ = write!(text, "\nThe image's archive has {:.1} MiB.\n", mib(bytes));
    }
    text
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
}

/// For quotients and units.
fn float<T: TryInto<u64>>(value: T) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    value.try_into().map_or(f64::NAN, |value| value as f64)
}
