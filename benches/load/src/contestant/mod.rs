//! Who is measured, and how each is started.

mod others;
mod ours;

pub use self::ours::routed;

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use anyhow::Context as _;

use crate::{
    nats,
    process::Server,
    request::{Kind, Scheme},
    sink::Sink,
};

/// Who there is, in the order of the tables.
pub const ALL: [Entry; 10] = [
    entry(
        "bare",
        "the floor without HMAC and JSON: kernel and HTTP",
        others::bare,
    ),
    entry("floor", "bare axum: HMAC and one JSON parse", others::floor),
    entry("ours", "no sink: every event filtered out", ours::alone),
    entry("ours-http", "forwards to an HTTP sink", ours::http),
    entry("ours-nats", "forwards to JetStream, in files", ours::nats),
    entry(
        "ours-buffer",
        "stores durably, then forwards to an HTTP sink",
        ours::buffer,
    ),
    entry(
        "ours-lanes",
        "the same for 200 accounts, each with a sink of its own",
        ours::lanes,
    ),
    entry("rivet", "Zoom's library for Node", others::rivet),
    entry(
        "express",
        "Express, written like Zoom's sample",
        others::express,
    ),
    entry(
        "webhook",
        "adnanh/webhook, running /bin/true",
        others::webhook,
    ),
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
    /// The statuses that each kind may be answered with, if they are known.
    pub statuses: Option<fn(Kind) -> &'static [u16]>,
    /// By how much fewer requests it gets: who starts a process for each would take all day.
    pub divisor: usize,
    /// It stores durably before it answers.
    pub is_durable: bool,
    /// It judges requests at all.
    pub is_receiver: bool,
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
            is_receiver: true,
        })
    }
}
