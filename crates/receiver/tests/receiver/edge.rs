//! Hostile and broken HTTP against a receiver that must survive all of it: the committed corpus unchanged,
//! and mutations of it.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Handle,
    time::timeout,
};

use super::{
    client::{self, PATIENCE, event},
    fixture::{BODY, Fixture, Running, SECRET},
};

/// Every answer that a receiver may give.
const ANSWERS: [&str; 9] = [
    "200", "204", "400", "401", "404", "408", "413", "431", "503",
];

/// The requests of `tests/receiver/corpus`, by name. In a file, lines end in LF; `{sign}` stands for the
/// two signature headers of its body, and the body begins after the first empty line.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/receiver/corpus");
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is not there");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let (head, body) = text.split_once("\n\n").unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let mut body = body.strip_suffix('\n').unwrap_or(body).to_owned();
            if name.starts_with("pipelined") {
                body = body.replace('\n', "\r\n"); // It has a head of its own.
            }
            let second = jiff::Timestamp::now().as_second();
            let signed = format!(
                "x-zm-request-timestamp: {second}\r\nx-zm-signature: {}",
                client::sign(SECRET, second, body.as_bytes())
            );
            let head = head
                .replace('\n', "\r\n")
                .replace("{sign}", &signed)
                .replace("{length}", &body.len().to_string())
                .replace("{long}", &"a".repeat(20_000));
            let bytes = format!("{head}\r\n\r\n{body}").into_bytes();
            (name, bytes)
        })
        .collect()
}

/// Sends the bytes and reads until the receiver closes. After `patience` without an end it is told that no
/// more bytes come.
async fn exchange(to: SocketAddr, bytes: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The receiver may refuse and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    if timeout(patience, stream.read_to_end(&mut answer))
        .await
        .is_err()
    {
        let _ = stream.shutdown().await;
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .expect("the end of the connection");
    }
    answer
}

/// The status of every answer on a connection.
fn statuses(answer: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answer);
    text.split("HTTP/1.")
        .skip(1)
        .map(|part| part.split(' ').nth(1).unwrap_or("").to_owned())
        .collect()
}

async fn still_serves(receiver: &Running) {
    let body = format!("{{\"event\":\"alive\",\"n\":{}}}", receiver.sink.count());
    assert_eq!(receiver.status(&event(SECRET, body)).await, 204);
}

/// The name of each file ends in the answers that are expected, or `none`; where it begins with `cut`, the
/// client disconnects.
#[tokio::test]
async fn the_corpus_is_answered_as_its_names_say() {
    let receiver = Fixture::new().await.start().await;
    let mut wrong = Vec::new();
    for (name, bytes) in corpus() {
        let (_, expected) = name.rsplit_once('-').unwrap();
        let is_cut = name.starts_with("cut-");
        let patience = if is_cut { Duration::ZERO } else { PATIENCE };
        let answer = exchange(receiver.at.webhook, &bytes, patience).await;
        let got = match statuses(&answer).join("_") {
            none if none.is_empty() => "none".to_owned(),
            some => some,
        };
        if got != expected {
            wrong.push(format!("{name}: {got}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    still_serves(&receiver).await;
}

/// Only what was signed as it is reaches the sink, whatever else was sent before, after and in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutations_of_the_corpus_are_survived() {
    let receiver = Fixture::new().await.start().await;
    let to = receiver.at.webhook;
    let corpus: Vec<Vec<u8>> = corpus().into_iter().map(|(_, bytes)| bytes).collect();
    let mutation = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    let cases = (
        any::<prop::sample::Index>(),
        prop::collection::vec(mutation, 1..6),
    );
    let handle = Handle::current();
    let fuzz = tokio::task::spawn_blocking(move || {
        let config = Config {
            cases: 300,
            failure_persistence: None,
            ..Config::default()
        };
        TestRunner::new(config)
            .run(&cases, |(which, mutations)| {
                let mut bytes = which.get(&corpus).clone();
                for (at, byte, kind) in mutations {
                    let at = at.index(bytes.len().max(1));
                    match kind {
                        0 if at < bytes.len() => bytes[at] = byte,
                        1 => bytes.insert(at, byte),
                        2 if at < bytes.len() => drop(bytes.remove(at)),
                        _ => bytes.truncate(at),
                    }
                    if bytes.is_empty() {
                        break;
                    }
                }
                let answer = handle.block_on(exchange(to, &bytes, Duration::from_millis(20)));
                for status in statuses(&answer) {
                    prop_assert!(ANSWERS.contains(&status.as_str()), "answered {status}");
                }
                Ok(())
            })
            .unwrap();
    });
    fuzz.await.unwrap();
    still_serves(&receiver).await;
    for got in receiver.sink.received() {
        let is_whole = got.body.starts_with(b"{\"event\":\"alive\"") || {
            corpus_bodies().contains(&got.body.to_vec())
        };
        assert!(is_whole, "{}", String::from_utf8_lossy(&got.body));
    }
}

fn corpus_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = corpus()
        .into_iter()
        .flat_map(|(_, bytes)| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let parts: Vec<Vec<u8>> = text
                .split("\r\n\r\n")
                .skip(1)
                .map(|part| part.as_bytes().to_vec())
                .collect();
            parts
        })
        .collect();
    bodies.push(BODY.as_bytes().to_vec());
    bodies
}
