//! Our receiver in its set-ups.

use std::{fs, process::Command};

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::{Behind, Contestant, Kit};
use crate::{
    load, nats,
    process::{Server, free_address},
    request::{ACCOUNTS, Kind, account},
    sink::Sink,
};

/// No sink: what an event costs before anything is done with it.
pub fn alone(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    // Verified, read, acknowledged and counted, and forwarded to nobody.
    start(kit, name, &flags(&["--filter"]), Behind::Nothing)
}

/// Answers once an HTTP sink has the event.
pub fn http(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let sink = Sink::start()?;
    let url = format!("http://{}/", sink.address);
    start(kit, name, &flags(&["--sink-url", &url]), Behind::Http(sink))
}

/// Answers once JetStream has the event.
pub fn nats(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let address = free_address()?;
    let store = kit.directory("jetstream")?;
    let mut command = Command::new("nats-server");
    command
        .args(["--jetstream", "--addr", "127.0.0.1", "--port"])
        .arg(address.port().to_string())
        .arg("--store_dir")
        .arg(store);
    let started = Server::start(&command, kit.load_cpu, &kit.log("nats-server"));
    let mut server = started.context("nats-server")?;
    server.wait_for(address)?;
    nats::make_stream(address)?;
    let url = format!("nats://{address}");
    let flags = flags(&["--sink-nats", &url, "--sink-nats-subject", nats::SUBJECT]);
    start(kit, name, &flags, Behind::Nats(address, server))
}

/// Answers once the event is durable, and forwards it later.
pub fn buffer(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let sink = Sink::start()?;
    let url = format!("http://{}/", sink.address);
    let line = [buffer_flags(kit, name)?, flags(&["--sink-url", &url])].concat();
    Ok(durable(start(kit, name, &line, Behind::Http(sink))?))
}

/// The same with a route for each account.
pub fn lanes(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let sink = Sink::start()?;
    let to = sink.address;
    let places = (0..ACCOUNTS).map(|number| (number, format!("http://{to}/{number}")));
    Ok(durable(routed(kit, name, places, Behind::Http(sink))?))
}

/// A buffer, and where the events of each account go.
///
/// # Errors
/// When it cannot be started.
pub fn routed(
    kit: &Kit,
    name: &'static str,
    places: impl Iterator<Item = (usize, String)>,
    behind: Behind,
) -> anyhow::Result<Contestant> {
    let directory = kit.directory(&format!("{name}-routes"))?;
    for (number, url) in places {
        let route = json!({
            "connection": format!("bench/tenant-{number}"),
            "accounts": [account(number)],
            "sink": {"destination": {"internet": {"url": url}}, "timeoutSeconds": 2.0},
        });
        let file = directory.join(format!("bench.tenant-{number}.json"));
        fs::write(file, route.to_string())?;
    }
    let directory = directory.to_string_lossy();
    let line = [
        buffer_flags(kit, name)?,
        flags(&["--routes-dir", &directory]),
    ]
    .concat();
    start(kit, name, &line, behind)
}

fn buffer_flags(kit: &Kit, name: &str) -> anyhow::Result<Vec<String>> {
    let buffer = kit.directory(&format!("{name}-store"))?;
    let (buffer, size) = (buffer.to_string_lossy(), (4_u64 << 30).to_string());
    Ok(flags(&["--buffer-dir", &buffer, "--buffer-size", &size]))
}

fn durable(contestant: Contestant) -> Contestant {
    Contestant {
        is_durable: true,
        ..contestant
    }
}

fn start(
    kit: &Kit,
    name: &'static str,
    flags: &[String],
    behind: Behind,
) -> anyhow::Result<Contestant> {
    let binary = kit.binary("zoom-receiver");
    let help = Command::new(&binary).arg("--help").output()?;
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for flag in flags.iter().filter(|flag| flag.starts_with("--")) {
        ensure!(has_flag(&help, flag), "this binary has no {flag}");
    }
    let (address, admin, facts) = (free_address()?, free_address()?, free_address()?);
    let signing = kit.directory(&format!("{name}-signing"))?;
    fs::write(signing.join("webhook-secret-token"), &kit.secret)?;
    let mut command = Command::new(binary);
    command
        .args(["--integration=bench/bench", "--path=/zoom/events"])
        .arg(format!("--listen={address}"))
        .arg(format!("--admin-listen={admin}"))
        .arg(format!("--facts-listen={facts}"))
        .arg(format!("--signing-secrets-dir={}", signing.display()))
        .arg(format!(
            "--state-dir={}",
            kit.directory(&format!("{name}-state"))?.display()
        ))
        .args(flags);
    let network = "--sink-allow-network";
    let is_forwarded = flags.iter().any(|flag| flag == "--routes-dir");
    if has_flag(&help, network) && (is_forwarded || !matches!(behind, Behind::Nothing)) {
        command.args([network, "127.0.0.0/8"]);
    }
    let mut contestant = kit.started(name, &command, address)?;
    contestant
        .server
        .wait(|| load::get(admin, "/ready").is_ok_and(|(status, _)| status == 200))?;
    contestant.admin = Some(admin);
    contestant.behind = behind;
    contestant.statuses = Some(our_status);
    Ok(contestant)
}

/// Help lists a flag with its value behind it.
fn has_flag(help: &str, flag: &str) -> bool {
    help.split_whitespace().any(|word| word == flag)
}

fn our_status(kind: Kind) -> &'static [u16] {
    match kind {
        Kind::Valid | Kind::Repeated => &[204],
        // Perhaps the secret was regenerated: 503 in the first day after a right signature.
        Kind::Forged => &[401, 503],
        // Perhaps it is our clock that is wrong, and Zoom repeats 5xx only.
        Kind::Stale => &[503],
        Kind::Validation => &[200],
    }
}

fn flags(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|&flag| flag.to_owned()).collect()
}
