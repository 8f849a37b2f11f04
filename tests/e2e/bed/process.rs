//! A process of the host that a test needs beside the cluster.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;

use super::{
    tools,
    wait::{LIMIT, wait_for},
};

/// A process that ends when this is dropped, and when the thread that started it does: an interrupted run leaves none.
pub struct Process {
    child: Child,
    log: PathBuf,
}

// === impl Process ===

impl Process {
    /// Starts `program` with its output in `log`. It must end on SIGTERM.
    pub fn start(program: &str, args: &[&str], log: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            tools::is_local(),
            "{program} needs the local cluster's host"
        );
        let output = File::create(log)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--", program])
            .args(args)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("failed to start {program}"))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Fails with the end of its log if it has ended.
    pub fn runs(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.log)?;
            let lines: Vec<&str> = log.lines().rev().take(10).collect();
            anyhow::bail!("it has ended, {status}: {lines:#?}");
        }
        Ok(())
    }

    /// Waits for what it is to do, at most until it has ended.
    pub async fn until<F>(
        &mut self,
        what: &str,
        mut attempt: impl FnMut() -> F,
    ) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<Option<()>>>,
    {
        wait_for(what, LIMIT, || {
            let (runs, attempt) = (self.runs(), attempt());
            async move {
                match runs {
                    Ok(()) => Ok(attempt.await?.map(Ok)),
                    Err(ended) => Ok(Some(Err(ended))),
                }
            }
        })
        .await?
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name, as in `HUP`.
    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()?;
        anyhow::ensure!(status.success(), "kill -s {signal}: {status}");
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.signal("TERM").is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// The processes that a process has started, by what they call themselves.
pub fn children(process: u32) -> anyhow::Result<Vec<String>> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    // One that has ended in the meantime is none.
    let titles = children.split_whitespace().filter_map(|child| {
        let title = std::fs::read(format!("/proc/{child}/cmdline")).ok()?;
        let title = String::from_utf8_lossy(&title).replace('\0', " ");
        Some(title.trim().to_owned()).filter(|title| !title.is_empty())
    });
    Ok(titles.collect())
}
