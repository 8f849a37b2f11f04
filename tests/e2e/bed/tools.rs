//! The outside clients: `kubectl`, `helm`, `glua`, and the scripts of the local cluster.

use std::{
    ffi::OsStr,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime},
};

use anyhow::Context as _;

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A tool of the local cluster, else whatever `PATH` has.
fn tool(name: &str) -> PathBuf {
    let ours = repository().join(".cluster/bin").join(name);
    if ours.exists() { ours } else { name.into() }
}

/// Whether the tests run on the local cluster, whose processes can be reached.
pub fn is_local() -> bool {
    std::env::var("CLUSTER").as_deref() != Ok("current")
}

/// The kubeconfig: `KUBECONFIG`, else the local cluster's.
pub fn kubeconfig() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    is_local().then(|| repository().join(".cluster/kubeconfig"))
}

/// Runs a command to its end, whatever its end is.
pub async fn run(program: &str, args: &[&str]) -> anyhow::Result<Said> {
    run_with(program, args, &[]).await
}

/// Runs a command to its end with further environment variables.
pub async fn run_with(program: &str, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Said> {
    let mut command = Command::new(tool(program));
    command.args(args).envs(env.iter().copied());
    command.current_dir(repository());
    if let Some(kubeconfig) = kubeconfig() {
        command.env("KUBECONFIG", kubeconfig);
    }
    let output: Output = tokio::task::spawn_blocking(move || command.output())
        .await?
        .with_context(|| format!("failed to run {program}"))?;
    Ok(Said {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs a command that must succeed; its standard output.
pub async fn must(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let said = run(program, args).await?;
    anyhow::ensure!(
        said.success,
        "{program} {}: {}{}",
        args.join(" "),
        said.stdout,
        said.stderr
    );
    Ok(said.stdout)
}

/// A script of `tests/cluster/`, on the local cluster only.
pub async fn cluster(script: &str, args: &[&str]) -> anyhow::Result<String> {
    anyhow::ensure!(is_local(), "{script} needs the local cluster");
    let path = repository().join("tests/cluster").join(script);
    must(&OsStr::to_string_lossy(path.as_os_str()), args).await
}

/// A request without body to a Pod of the local cluster, past the API server; the answer's body, whatever its status.
pub async fn straight(method: &str, address: &str, path: &str) -> anyhow::Result<String> {
    anyhow::ensure!(is_local(), "Pods are reached from the local cluster only");
    let limit = Duration::from_secs(5);
    let request =
        format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n");
    let address = address.parse()?;
    let ask = move || {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer: std::io::Result<String> = tokio::task::spawn_blocking(ask).await?;
    let answer = answer?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    Ok(body.to_owned())
}

/// Where the local cluster records who wrote what (one JSON object a line).
pub fn audit_log() -> PathBuf {
    repository().join(".cluster/state/audit.log")
}

/// Who wrote what since then, by the local cluster's own record: one JSON object a line.
pub fn audited_since(since: SystemTime) -> anyhow::Result<String> {
    let mut log = String::new();
    // The record goes on in a new file when it is full.
    for file in std::fs::read_dir(repository().join(".cluster/state"))? {
        let file = file?;
        let is_ours = file.file_name().to_string_lossy().starts_with("audit");
        if is_ours && file.metadata()?.modified()? >= since {
            log += &std::fs::read_to_string(file.path())?;
        }
    }
    Ok(log)
}
