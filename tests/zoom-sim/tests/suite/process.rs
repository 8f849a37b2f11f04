//! The binary as a process.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{SECRET, WEBHOOK_SECRET, Zoom, eventually};

/// Starts the binary and reads its addresses from the log line that says it is ready.
fn start(
    args: &[&str],
) -> (
    Child,
    BufReader<std::process::ChildStderr>,
    SocketAddr,
    SocketAddr,
) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_zoom-sim"))
        .args(args)
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let field = |name: &str| {
        let value = line
            .split(' ')
            .find_map(|part| part.strip_prefix(name))
            .expect(&line);
        value.trim().parse().unwrap()
    };
    let (addr, admin) = (field("listen="), field("admin="));
    (child, log, addr, admin)
}

fn stop(child: &mut Child, signal: &str) {
    let start = Instant::now();
    assert!(
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert!(child.wait().unwrap().success());
    // As Kubernetes would kill it.
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn stops_quickly_on_both_signals() {
    for signal in ["-TERM", "-INT"] {
        stop(&mut start(&["sink"]).0, signal);
        stop(
            &mut start(&["serve", "--public-url", "http://zoom.test"]).0,
            signal,
        );
    }
}

#[tokio::test]
async fn stops_though_answers_are_held_and_logs_no_secret() {
    let args = [
        "serve",
        "--public-url",
        "http://zoom.test",
        "--allow-http-endpoints",
        "--log-level",
        "trace",
    ];
    let (mut child, log, addr, admin) = start(&args);
    let reading = std::thread::spawn(move || {
        log.lines()
            .map_while(Result::ok)
            .collect::<Vec<_>>()
            .join("\n")
    });
    let zoom = Zoom { addr, admin };
    zoom.put_app("app", json!({})).await;
    let token = zoom.token().await;
    zoom.get("/v2/users", &token).await;
    let order = json!({"url": "http://127.0.0.1:1/", "body": "{\"private\":1}", "retries": false});
    zoom.admin("POST", "/apps/app/deliveries", &order).await;
    zoom.fault("token", None, json!({"kind": "hold"})).await;
    let held = tokio::spawn(async move { zoom.ask().await.is_err() });
    let zoom = Zoom { addr, admin };
    eventually(|| async {
        let faults = zoom.admin("GET", "/faults", &json!(null)).await;
        (faults["f"]["held"] == 1).then_some(())
    })
    .await;
    stop(&mut child, "-TERM");
    assert!(held.await.unwrap());
    let log = reading.join().unwrap();
    assert!(log.contains("request"));
    for secret in [SECRET, WEBHOOK_SECRET, &token, "private"] {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}
