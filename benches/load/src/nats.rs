//! As much of the NATS protocol as it takes to make a stream and to count what is in it.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

/// The stream.
const STREAM: &str = "BENCH";

/// Where the events go.
pub const SUBJECT: &str = "bench.events";

/// Makes the stream, in files, bounded by bytes.
///
/// # Errors
/// When the server does not do so.
pub fn make_stream(server: SocketAddr) -> anyhow::Result<()> {
    let stream = json!({
        "name": STREAM, "subjects": ["bench.>"], "storage": "file", "max_bytes": 2_i64 << 30,
        "discard": "old", "duplicate_window": 120_000_000_000_i64,
    });
    ask(server, &format!("$JS.API.STREAM.CREATE.{STREAM}"), &stream).map(|_| ())
}

/// Messages that were ever stored in it.
///
/// # Errors
/// When the server does not say.
pub fn stored(server: SocketAddr) -> anyhow::Result<usize> {
    let info = ask(server, &format!("$JS.API.STREAM.INFO.{STREAM}"), &json!({}))?;
    let last = info["state"]["last_seq"].as_u64();
    Ok(usize::try_from(last.unwrap_or(0))?)
}

fn ask(server: SocketAddr, subject: &str, body: &Value) -> anyhow::Result<Value> {
    let stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let body = body.to_string();
    write!(
        writer,
        "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB _INBOX.bench 1\r\n\
         PUB {subject} _INBOX.bench {}\r\n{body}\r\n",
        body.len()
    )?;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some(arguments) = line.strip_prefix("MSG ") {
            let length = arguments.split_whitespace().next_back().unwrap_or_default();
            let mut answer = vec![0; length.parse()?];
            reader.read_exact(&mut answer)?;
            let answer: Value = serde_json::from_slice(&answer)?;
            let error = answer.get("error");
            anyhow::ensure!(error.is_none(), "nats-server: {}", answer["error"]);
            return Ok(answer);
        }
        anyhow::ensure!(!line.starts_with("-ERR"), "nats-server: {}", line.trim());
    }
}
