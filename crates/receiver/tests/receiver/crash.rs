//! The receiver's process is killed under load: what was acknowledged reaches the sink.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use receiver::buffer::{forwarder::UNSETTLED, lanes};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

use super::{
    buffer::body,
    client::{event, eventually, read},
    fixture::{Fixture, SECRET},
    process::{Process, spawn},
    sink::Sink,
    tenants::{of, routed, routes, tenant},
};

const KILLS: usize = 5;
const CLIENTS: usize = 16;
const ACKNOWLEDGED: usize = 60;
const TENANTS: usize = 8;

#[derive(Default)]
struct Load {
    next: AtomicUsize,
    acknowledged: Mutex<BTreeSet<usize>>,
}

/// Sends one event; `None` when the receiver is gone.
async fn post(to: SocketAddr, body: String) -> Option<u16> {
    let post = event(SECRET, body.clone());
    let head = post.head();
    let length = post.body.len();
    let request = format!("{head}content-length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(to).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    Some(read(stream).await?.status)
}

fn start(fixture: &Fixture) -> (Process, SocketAddr) {
    let directory = fixture.config.buffer.clone().unwrap().directory;
    let mut flags = vec![format!("--buffer-dir={}", directory.display())];
    if let Some(routing) = &fixture.config.routing {
        flags.push(format!("--routes-dir={}", routing.directory.display()));
    }
    let (process, address, mut log) = spawn(fixture, &flags);
    // A log that nobody reads would hold up who writes it.
    thread::spawn(move || {
        let _ = log.read_to_string(&mut String::new());
    });
    (process, address)
}

#[tokio::test]
async fn what_was_acknowledged_survives_an_abrupt_end() {
    let fixture = Fixture::new().await.buffered();
    let most = UNSETTLED as usize + 1;
    survives(&fixture, &[&fixture.sink], body, most).await;
}

/// The same with routes: an event of a tenant that was acknowledged is at that tenant's sink.
#[tokio::test]
async fn what_was_acknowledged_for_a_tenant_survives_an_abrupt_end() {
    let fixture = routed().await;
    let directory = routes(&fixture);
    let mut sinks = Vec::new();
    for n in 0..TENANTS {
        sinks.push(tenant(&directory, &format!("tenant-{n}")).await);
    }
    let sinks: Vec<&Sink> = sinks.iter().collect();
    let body = |n| of(&format!("tenant-{}", n % TENANTS), n);
    survives(&fixture, &sinks, body, lanes::UNSETTLED).await;
    assert_eq!(fixture.sink.count(), 0);
    for (of, sink) in sinks.iter().enumerate() {
        for got in sink.received() {
            let account = format!("tenant-{of}");
            assert_eq!(got.header("ce-zoomaccountid"), Some(&*account));
        }
    }
}

async fn survives(
    fixture: &Fixture,
    sinks: &[&Sink],
    body: impl Fn(usize) -> String + Clone + Send + 'static,
    most: usize,
) {
    let load = Arc::new(Load::default());
    for _ in 0..KILLS {
        let (mut process, address) = start(fixture);
        let before = load.acknowledged.lock().unwrap().len();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (load, body) = (Arc::clone(&load), body.clone());
            clients.spawn(async move {
                loop {
                    let n = load.next.fetch_add(1, Ordering::Relaxed);
                    match post(address, body(n)).await {
                        Some(204) => drop(load.acknowledged.lock().unwrap().insert(n)),
                        // Not open yet.
                        Some(503) => {}
                        Some(status) => panic!("answered {status}"),
                        None => return,
                    }
                }
            });
        }
        eventually("some are acknowledged", || async {
            load.acknowledged.lock().unwrap().len() >= before + ACKNOWLEDGED
        })
        .await;
        process.0.kill().unwrap();
        process.0.wait().unwrap();
        clients.join_all().await;
    }
    let (_process, _) = start(fixture);
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let counts = || {
        let mut counts = BTreeMap::new();
        for got in sinks.iter().flat_map(|sink| sink.received()) {
            let value: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
            let n = usize::try_from(value["n"].as_u64().unwrap()).unwrap();
            *counts.entry(n).or_insert(0) += 1;
        }
        counts
    };
    eventually("all that was acknowledged is at the sink", || async {
        let counts = counts();
        acknowledged.iter().all(|n| counts.contains_key(n))
    })
    .await;
    let twice: usize = counts().values().map(|count| count - 1).sum();
    println!(
        "{KILLS} kills, {} acknowledged, none lost, {twice} delivered again",
        acknowledged.len()
    );
    assert!(twice <= KILLS * most, "{twice}");
}
