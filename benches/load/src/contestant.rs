//! Who is measured, and how each is started.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::{
    load, nats,
    process::{Server, free_address},
    request::{Kind, Scheme},
    sink::Sink,
};

/// Who there is, in the order of the tables.
pub const ALL: [Entry; 8] = [
    entry("floor", "bare axum: HMAC and one JSON parse", floor),
    entry("ours", "no sink: every event filtered out", ours_alone),
    entry("ours-http", "forwards to an HTTP sink", ours_http),
    entry("ours-nats", "forwards to JetStream, in files", ours_nats),
    entry(
        "ours-buffer",
        "stores durably, then forwards to an HTTP sink",
        ours_buffer,
    ),
    entry("rivet", "Zoom's library for Node", rivet),
    entry("express", "Express, written like Zoom's sample", express),
    entry("webhook", "adnanh/webhook, running /bin/true", webhook),
];

/// Somebody who can be measured.
#[derive(Clone, Copy)]
pub struct Entry {
    /// What the tables call it.
    pub name: &'static str,
    /// What it is, or does.
    pub about: &'static str,
    /// Starts it.
    pub start: fn(&Kit, &'static str) -> anyhow::Result<Contestant>,
}

/// What is needed to start them.
pub struct Kit {
    /// Directory of our binaries.
    pub binaries: PathBuf,
    /// Directory of the Node receivers.
    pub peers: PathBuf,
    /// A directory for this run, on the disk that is measured.
    pub work: PathBuf,
    /// The signing secret of all.
    pub secret: String,
    /// The servers' processor.
    pub server_cpu: Option<usize>,
    /// The processor of the load and of what stands behind the servers.
    pub load_cpu: Option<usize>,
}

/// A running contestant.
pub struct Contestant {
    /// What the tables call it.
    pub name: &'static str,
    /// Where it takes webhooks.
    pub address: SocketAddr,
    /// Where it has metrics.
    pub admin: Option<SocketAddr>,
    /// Its process.
    pub server: Server,
    /// What it can judge.
    pub scheme: Scheme,
    /// Where its events arrive, if anywhere.
    pub behind: Behind,
    /// The status that each kind must be answered with, if that is known.
    pub statuses: Option<fn(Kind) -> u16>,
    /// By how much fewer requests it gets: who starts a process for each would take all day.
    pub divisor: usize,
    /// It stores durably before it answers.
    pub is_durable: bool,
}

/// Where events arrive.
pub enum Behind {
    /// Nowhere.
    Nothing,
    /// At an HTTP sink.
    Http(Sink),
    /// In a stream; the server runs as long as this.
    Nats(
        SocketAddr,
        #[allow(dead_code, reason = "ended when dropped")] Server,
    ),
}

const fn entry(
    name: &'static str,
    about: &'static str,
    start: fn(&Kit, &'static str) -> anyhow::Result<Contestant>,
) -> Entry {
    Entry { name, about, start }
}

// === impl Behind ===

impl Behind {
    /// Events that have arrived so far; none if there is nothing where they could.
    pub fn arrived(&self) -> Option<usize> {
        match self {
            Self::Nothing => None,
            Self::Http(sink) => Some(sink.received()),
            Self::Nats(server, _) => nats::stored(*server).ok(),
        }
    }
}

// === impl Kit ===

impl Kit {
    fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.work.join(format!("{name}.log"))
    }

    fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.work.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Somebody else's receiver, that listens on `PORT`.
    fn other(&self, name: &'static str, command: &mut Command) -> anyhow::Result<Contestant> {
        let address = free_address()?;
        command
            .env("PORT", address.port().to_string())
            .env("WEBHOOK_SECRET", &self.secret)
            .env("NODE_ENV", "production");
        self.started(name, command, address)
    }

    fn started(
        &self,
        name: &'static str,
        command: &Command,
        address: SocketAddr,
    ) -> anyhow::Result<Contestant> {
        let program = command.get_program().to_string_lossy().into_owned();
        let started = Server::start(command, self.server_cpu, &self.log(name));
        let mut server = started.with_context(|| program)?;
        server.wait_for(address)?;
        Ok(Contestant {
            name,
            address,
            admin: None,
            server,
            scheme: Scheme::Zoom,
            behind: Behind::Nothing,
            statuses: None,
            divisor: 1,
            is_durable: false,
        })
    }

    fn ours(
        &self,
        name: &'static str,
        flags: &[String],
        behind: Behind,
    ) -> anyhow::Result<Contestant> {
        let binary = self.binary("zoom-operator");
        let help = Command::new(&binary)
            .args(["receiver", "--help"])
            .output()?;
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        for flag in flags.iter().filter(|flag| flag.starts_with("--")) {
            ensure!(has_flag(&help, flag), "this binary has no {flag}");
        }
        let (address, admin, facts) = (free_address()?, free_address()?, free_address()?);
        let signing = self.directory(&format!("{name}-signing"))?;
        fs::write(signing.join("webhook-secret-token"), &self.secret)?;
        let mut command = Command::new(binary);
        command
            .args([
                "receiver",
                "--integration=bench/bench",
                "--path=/zoom/events",
            ])
            .arg(format!("--listen={address}"))
            .arg(format!("--admin-listen={admin}"))
            .arg(format!("--facts-listen={facts}"))
            .arg(format!("--signing-secrets-dir={}", signing.display()))
            .arg(format!(
                "--state-dir={}",
                self.directory(&format!("{name}-state"))?.display()
            ))
            .args(flags);
        let network = "--sink-allow-network";
        if has_flag(&help, network) && !matches!(behind, Behind::Nothing) {
            command.args([network, "127.0.0.0/8"]);
        }
        let mut contestant = self.started(name, &command, address)?;
        contestant
            .server
            .wait(|| load::get(admin, "/ready").is_ok_and(|(status, _)| status == 200))?;
        contestant.admin = Some(admin);
        contestant.behind = behind;
        contestant.statuses = Some(our_status);
        Ok(contestant)
    }
}

/// Help lists a flag with its value behind it.
fn has_flag(help: &str, flag: &str) -> bool {
    help.split_whitespace().any(|word| word == flag)
}

fn our_status(kind: Kind) -> u16 {
    match kind {
        Kind::Valid | Kind::Repeated => 204,
        Kind::Forged => 401,
        // Perhaps it is our clock that is wrong, and Zoom repeats 5xx only.
        Kind::Stale => 503,
        Kind::Validation => 200,
    }
}

fn flags(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|&flag| flag.to_owned()).collect()
}

fn floor(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    kit.other(name, &mut Command::new(kit.binary("zoom-bench-floor")))
}

fn ours_alone(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    // Verified, read, acknowledged and counted, and forwarded to nobody.
    kit.ours(name, &flags(&["--filter"]), Behind::Nothing)
}

fn ours_http(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let sink = Sink::start()?;
    let url = format!("http://{}/", sink.address);
    kit.ours(name, &flags(&["--sink-url", &url]), Behind::Http(sink))
}

fn ours_nats(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
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
    kit.ours(name, &flags, Behind::Nats(address, server))
}

fn ours_buffer(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let sink = Sink::start()?;
    let url = format!("http://{}/", sink.address);
    let buffer = kit.directory("buffer")?;
    let (buffer, size) = (buffer.to_string_lossy(), (4_u64 << 30).to_string());
    let line = [
        "--sink-url",
        &url,
        "--buffer-dir",
        &buffer,
        "--buffer-size",
        &size,
    ];
    let contestant = kit.ours(name, &flags(&line), Behind::Http(sink))?;
    Ok(Contestant {
        is_durable: true,
        ..contestant
    })
}

fn rivet(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    node(kit, name, &kit.peers.join("rivet.mjs"))
}

fn express(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    node(kit, name, &kit.peers.join("express.mjs"))
}

fn node(kit: &Kit, name: &'static str, script: &Path) -> anyhow::Result<Contestant> {
    kit.other(name, Command::new("node").arg(script))
}

/// Its rules know an HMAC of the body alone, in a header of its own, and nothing of a time or of an
/// answer that is computed. So it gets a header that Zoom does not send.
fn webhook(kit: &Kit, name: &'static str) -> anyhow::Result<Contestant> {
    let hooks = json!([{
        "id": "events",
        "execute-command": "/bin/true",
        "http-methods": ["POST"],
        "include-command-output-in-response": true,
        "trigger-rule-mismatch-http-response-code": 401,
        "trigger-rule": {"match": {
            "type": "payload-hmac-sha256",
            "secret": kit.secret,
            "parameter": {"source": "header", "name": "X-Body-Signature"},
        }},
    }]);
    let file = kit.work.join("hooks.json");
    fs::write(&file, hooks.to_string())?;
    let address = free_address()?;
    let mut command = Command::new("webhook");
    command
        .args(["-ip", "127.0.0.1", "-urlprefix", "zoom", "-port"])
        .arg(address.port().to_string())
        .arg("-hooks")
        .arg(file);
    let contestant = kit.started(name, &command, address)?;
    Ok(Contestant {
        scheme: Scheme::BodyToo,
        divisor: 8,
        ..contestant
    })
}
