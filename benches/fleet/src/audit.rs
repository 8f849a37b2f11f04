//! What a Pod asked the API server for, by the audit log of the local cluster.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::Value;

/// Numbers of requests, by verb and resource.
pub type Requests = BTreeMap<String, u64>;

/// What a Pod asked for since then, without its Lease and without watches. With a prefix, only what concerns namespaces
/// with it.
pub fn requests(log: &Path, pod: &str, since: Timestamp, prefix: &str) -> anyhow::Result<Requests> {
    let mut counts = Requests::new();
    let folder = log.parent().context("no folder")?;
    for file in fs::read_dir(folder)? {
        let file = file?;
        let is_log = file.file_name().to_string_lossy().starts_with("audit");
        if !is_log || file.metadata()?.modified()? < since.into() {
            continue;
        }
        let text = fs::read_to_string(file.path())?;
        for line in text.lines().filter(|line| line.contains(pod)) {
            // The last line may be under way.
            let Ok(entry) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let by = &entry["user"]["extra"]["authentication.kubernetes.io/pod-name"][0];
            let at: Timestamp = entry["requestReceivedTimestamp"]
                .as_str()
                .unwrap_or_default()
                .parse()?;
            let verb = entry["verb"].as_str().unwrap_or_default();
            let object = &entry["objectRef"];
            let resource = object["resource"].as_str().unwrap_or_default();
            let namespace = object["namespace"].as_str().unwrap_or_default();
            let is_elsewhere = !namespace.starts_with(prefix);
            if *by != pod || at < since || resource == "leases" || verb == "watch" || is_elsewhere {
                continue;
            }
            let part = object["subresource"]
                .as_str()
                .map_or_else(String::new, |part| format!("/{part}"));
            *counts
                .entry(format!("{verb} {resource}{part}"))
                .or_default() += 1;
        }
    }
    Ok(counts)
}

/// How many there are.
pub fn all(requests: &Requests) -> u64 {
    requests.values().sum()
}

/// How many of these requests change something.
pub fn writes(requests: &Requests) -> u64 {
    let is_write = |name: &str| !name.starts_with("get ") && !name.starts_with("list ");
    requests
        .iter()
        .filter(|(name, _)| is_write(name))
        .map(|(_, count)| count)
        .sum()
}
