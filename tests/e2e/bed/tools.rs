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
use jiff::Timestamp;
use serde_json::Value;

use super::object::text;

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

/// A request without body to a Pod or a process of the local cluster, past the API server; the answer's body, whatever
/// its status.
pub async fn straight(method: &str, address: &str, path: &str) -> anyhow::Result<String> {
    straight_with(method, address, path, "").await
}

/// The same with a body of JSON.
pub async fn straight_with(
    method: &str,
    address: &str,
    path: &str,
    body: &str,
) -> anyhow::Result<String> {
    let headers = "content-type: application/json\r\n";
    let (_, body) = exchange(method, address, path, headers, body).await?;
    Ok(body)
}

/// The status with which a Pod answers a GET that carries this bearer token.
pub async fn status_with_token(address: &str, path: &str, token: &str) -> anyhow::Result<u16> {
    let headers = format!("authorization: Bearer {token}\r\n");
    let (head, _) = exchange("GET", address, path, &headers, "").await?;
    let status = head.split(' ').nth(1).context("no status")?;
    Ok(status.parse()?)
}

/// Head and body of the answer to a request past the API server.
async fn exchange(
    method: &str,
    address: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> anyhow::Result<(String, String)> {
    anyhow::ensure!(is_local(), "Pods are reached from the local cluster only");
    let limit = Duration::from_secs(20);
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
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
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    Ok((head.to_owned(), body.to_owned()))
}

/// One request to the API server.
#[derive(Clone, Debug)]
pub struct Request {
    pub at: Timestamp,
    pub verb: String,
    /// Resource and name.
    pub object: String,
    pub code: u64,
}

// === impl Request ===

impl Request {
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// Where the local cluster records who wrote what (one JSON object a line).
pub fn audit_log() -> PathBuf {
    repository().join(".cluster/state/audit.log")
}

/// What a Pod asked the API server for since then, by the local cluster's own record: everything but a Lease.
pub fn requests_of(pod: &str, since: Timestamp) -> anyhow::Result<Vec<Request>> {
    let log = audited_since(since.into())?;
    let mut requests = Vec::new();
    for line in log.lines().filter(|line| line.contains(pod)) {
        let entry: Value = serde_json::from_str(line)?;
        let by = "/user/extra/authentication.kubernetes.io~1pod-name/0";
        let at: Timestamp = text(&entry, "/requestReceivedTimestamp").parse()?;
        let resource = text(&entry, "/objectRef/resource");
        if text(&entry, by) == pod && at >= since && resource != "leases" {
            requests.push(Request {
                at,
                verb: text(&entry, "/verb").to_owned(),
                object: format!("{resource}/{}", text(&entry, "/objectRef/name")),
                code: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
            });
        }
    }
    Ok(requests)
}

/// Who wrote what since then, by the local cluster's own record: one JSON object a line.
pub fn audited_since(since: SystemTime) -> anyhow::Result<String> {
    let mut log = String::new();
    // The record goes on in a new file when it is full.
    for file in std::fs::read_dir(repository().join(".cluster/state"))? {
        let file = file?;
        let is_ours = file.file_name().to_string_lossy().starts_with("audit");
        if is_ours && file.metadata()?.modified()? >= since {
            // The last line may be half written.
            let text = String::from_utf8_lossy(&std::fs::read(file.path())?).into_owned();
            log += text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            log.push('\n');
        }
    }
    Ok(log)
}
