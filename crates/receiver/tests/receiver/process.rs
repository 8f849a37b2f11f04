//! The process: flags, signals, the drain, and what it leaves in its log.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    client::{event, eventually, get, read},
    fixture::{BODY, Fixture, SECRET},
    sink::Behaviour,
};

#[tokio::test]
async fn a_drain_goes_on_accepting_and_finishes_what_is_under_way() {
    let fixture = Fixture::new().await;
    let receiver = fixture.with(|config| {
        config.tuning.drain_grace = std::time::Duration::from_secs(10);
    });
    let receiver = receiver.start().await;
    receiver.sink.answer(Behaviour::Hold);
    let first = event(SECRET, BODY).start(receiver.at.webhook).await;
    receiver.sink_has(1).await;
    receiver.stop.request();
    receiver.ready(503).await;
    assert_eq!(
        get(receiver.at.admin, "/ready").await.body,
        "not ready: serving\n"
    );
    let second = event(SECRET, "{}").start(receiver.at.webhook).await;
    receiver.sink_has(2).await;
    eventually("the listener closes", || async {
        TcpStream::connect(receiver.at.webhook).await.is_err()
    })
    .await;
    assert!(!receiver.task.is_finished());
    receiver.sink.answer(Behaviour::Status(204));
    for connection in [first, second] {
        assert_eq!(read(connection).await.unwrap().status, 204);
    }
    receiver.task.await.unwrap();
}

#[tokio::test]
async fn a_drain_waits_for_deliveries_whose_sender_hung_up() {
    let receiver = Fixture::new().await.start().await;
    receiver.sink.answer(Behaviour::Hold);
    let connection = event(SECRET, BODY).start(receiver.at.webhook).await;
    receiver.sink_has(1).await;
    drop(connection);
    receiver.stop.request();
    eventually("the listener closes", || async {
        TcpStream::connect(receiver.at.webhook).await.is_err()
    })
    .await;
    assert!(!receiver.task.is_finished());
    receiver.sink.answer(Behaviour::Status(204));
    receiver.task.await.unwrap();
}

#[tokio::test]
async fn a_drain_does_not_wait_for_a_client_that_says_nothing() {
    let fixture = Fixture::new().await;
    let receiver = fixture.with(|config| {
        config.tuning.limits.drain = std::time::Duration::from_millis(50);
    });
    let receiver = receiver.start().await;
    let mut silent = TcpStream::connect(receiver.at.webhook).await.unwrap();
    silent.write_all(b"POST / HTTP/1.1\r\n").await.unwrap();
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    receiver.stop.request();
    receiver.task.await.unwrap();
}

/// Also: no proxy variable is followed, and neither secrets nor bodies are logged.
#[tokio::test]
async fn the_binary_serves_and_exits_on_sigterm() {
    let fixture = Fixture::new().await;
    let (mut process, webhook, mut log) = spawn(&fixture, &[]);
    assert_eq!(event(SECRET, BODY).send(webhook).await.status, 204);
    // A signature was right before: perhaps the secret token was regenerated.
    assert_eq!(event("wrong-secret", BODY).send(webhook).await.status, 503);
    assert_eq!(event(SECRET, "not JSON").send(webhook).await.status, 204);
    fixture.sink.answer(Behaviour::Status(500));
    assert_eq!(event(SECRET, "{}").send(webhook).await.status, 503);
    let got = &fixture.sink.received()[0];
    assert_eq!(got.header("ce-site"), Some("north,%20main"));

    let id = process.0.id().to_string();
    let killed = Command::new("kill").arg(id).status();
    assert!(killed.unwrap().success());
    let status = tokio::task::spawn_blocking(move || process.0.wait()).await;
    assert_eq!(status.unwrap().unwrap().code(), Some(0));
    let mut lines = String::new();
    log.read_to_string(&mut lines).unwrap();
    assert!(lines.contains("\"stopped\""), "{lines}");
    assert!(lines.contains("answered 500"), "{lines}");
    for hidden in [
        SECRET,
        "wrong-secret",
        "AAAAAABBBB",
        "café",
        "not JSON",
        "v0=",
    ] {
        assert!(!lines.contains(hidden), "{hidden} in {lines}");
    }
}

/// The kubelet's probes and Zoom's requests come by either family.
#[tokio::test]
async fn every_port_answers_on_both_families() {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    let fixture = Fixture::new().await;
    let flags = [
        "--listen=[::]:0",
        "--admin-listen=[::]:0",
        "--facts-listen=[::]:0",
    ];
    let (_process, entry, _log) = serving(&fixture, &flags.map(ToOwned::to_owned));
    for port in ["webhook", "admin", "facts"] {
        let address: SocketAddr = entry[port].as_str().unwrap().parse().unwrap();
        assert!(address.is_ipv6(), "{port}: {address}");
        TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).unwrap();
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
    }
}

/// Ends with its test, whatever the test's end.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub type Log = BufReader<std::process::ChildStderr>;

/// Starts the binary with these flags too, and waits until it serves.
pub fn spawn(fixture: &Fixture, flags: &[String]) -> (Process, SocketAddr, Log) {
    let (process, entry, log) = serving(fixture, flags);
    let webhook = entry["webhook"].as_str().unwrap();
    (process, webhook.parse().unwrap(), log)
}

/// The same, with the line of the log that says where it serves.
pub fn serving(fixture: &Fixture, flags: &[String]) -> (Process, Value, Log) {
    let child = Command::new(env!("CARGO_BIN_EXE_zoom-receiver"))
        .args([
            "--integration=tenant-a/zoom",
            "--drain-grace=0",
            "--log-level=debug",
            "--attribute=site=north, main",
        ])
        .args(flags)
        // A flag goes before its variable.
        .env("LISTEN", "127.0.0.1:0")
        .env("ADMIN_LISTEN", "127.0.0.1:0")
        .env("FACTS_LISTEN", "127.0.0.1:0")
        .env("SINK_URL", format!("http://{}/in", fixture.sink.address))
        .env("SINK_ALLOW_NETWORK", "127.0.0.1/32")
        .env("SIGNING_SECRETS_DIR", &fixture.config.signing_secrets_dir)
        .env("STATE_DIR", &fixture.config.state_dir)
        .env("http_proxy", "http://127.0.0.1:9")
        .env("all_proxy", "http://127.0.0.1:9")
        .stderr(Stdio::piped())
        .spawn();
    let mut process = Process(child.unwrap());
    let mut log = BufReader::new(process.0.stderr.take().unwrap());
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(
            log.read_line(&mut line).unwrap(),
            0,
            "ended before it served"
        );
        let entry: Value = serde_json::from_str(&line).unwrap();
        if entry["webhook"].is_string() {
            return (process, entry, log);
        }
    }
}
