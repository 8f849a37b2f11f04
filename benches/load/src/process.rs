//! Starting servers, waiting until they listen, ending them.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Longest that a server takes to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
}

// === impl Server ===

impl Server {
    /// Starts it, on this processor alone if one is named. Its output goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(command: &Command, cpu: Option<usize>, log: &Path) -> io::Result<Self> {
        // It does not outlive this process, however that ends.
        let mut pinned = Command::new("setpriv");
        pinned.args(["--pdeathsig", "KILL", "--"]);
        if let Some(cpu) = cpu {
            pinned.args(["taskset", "--cpu-list", &cpu.to_string()]);
        }
        pinned.arg(command.get_program());
        pinned.args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                pinned.env(name, value);
            }
        }
        let output = File::create(log)?;
        let child = pinned
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_up` says so.
    ///
    /// # Errors
    /// When the server has ended, with what it said, or takes too long.
    pub fn wait(&mut self, mut is_up: impl FnMut() -> bool) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !is_up() {
            if let Some(status) = self.child.try_wait()? {
                let text = fs::read_to_string(&self.log).unwrap_or_default();
                let lines = || text.lines().filter(|line| !line.trim().is_empty());
                let said = lines().find(|line| line.to_lowercase().contains("error"));
                let said = said.or_else(|| lines().next());
                anyhow::bail!("ended with {status}: {}", said.unwrap_or("no word"));
            }
            anyhow::ensure!(Instant::now() < end, "not up within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_for(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        self.wait(|| TcpStream::connect(address).is_ok())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port of this machine.
///
/// # Errors
/// When there is none.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
