//! The machine on which it was measured.

use std::{fs, process::Command};

use serde::{Deserialize, Serialize};

/// What a reader has to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many of them.
    pub cores: usize,
    /// Bytes of memory.
    pub memory: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The file system under the buffer.
    pub file_system: String,
    /// Versions of what was measured: name, version.
    pub versions: Vec<(String, String)>,
    /// The processors of the servers and of the load, if they are apart.
    pub apart: Option<(usize, usize)>,
}

// === impl Machine ===

impl Machine {
    /// This one.
    pub fn here(directory: &std::path::Path, apart: Option<(usize, usize)>) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |text: &str, name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            let found = lines.find(|(key, _)| key.trim() == name);
            found.map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let meminfo = field(&read("/proc/meminfo"), "MemTotal");
        let kibibytes = meminfo.split(' ').next().and_then(|text| text.parse().ok());
        let directory = directory.to_string_lossy();
        let versions = [
            ("rustc", first_line("rustc", &["--version"])),
            ("node", first_line("node", &["--version"])),
            ("webhook", first_line("webhook", &["-version"])),
            ("nats-server", first_line("nats-server", &["--version"])),
        ];
        Self {
            cpu: field(&cpuinfo, "model name"),
            cores: cpuinfo
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            memory: kibibytes.unwrap_or(0) * 1024_u64,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: first_line("stat", &["--file-system", "--format=%T", &directory]),
            versions: versions
                .map(|(name, version)| (name.to_owned(), version))
                .into(),
            apart,
        }
    }
}

/// The first line that a command says, empty if it cannot be run.
pub fn first_line(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().trim().to_owned()
}
