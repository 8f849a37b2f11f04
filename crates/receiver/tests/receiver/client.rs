//! Zoom's side: signs on its own account, and writes requests byte by byte.

use std::{future::Future, net::SocketAddr, time::Duration};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Generous: only a failing test waits this long.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Post {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An event as Zoom sends it now.
pub fn event(secret: &str, body: impl Into<Vec<u8>>) -> Post {
    event_at(secret, jiff::Timestamp::now().as_second(), body)
}

/// An event as Zoom sends it at `second`.
pub fn event_at(secret: &str, second: i64, body: impl Into<Vec<u8>>) -> Post {
    let body = body.into();
    Post {
        line: "POST / HTTP/1.1".into(),
        headers: Vec::new(),
        body: body.clone(),
    }
    .header("host", "hooks.example")
    .header("content-type", "application/json; charset=utf-8")
    .header("x-zm-request-timestamp", &second.to_string())
    .header("x-zm-signature", &sign(secret, second, &body))
    .header("x-zm-request-id", "6009d653_d487_445d_8406_42b654974899")
    .header("x-zm-trackingid", "v=2.0;clid=us05")
}

pub fn sign(secret: &str, second: i64, body: &[u8]) -> String {
    let message = [format!("v0:{second}:").as_bytes(), body].concat();
    format!("v0={}", hmac_hex(secret, &message))
}

pub fn hmac_hex(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message);
    let bytes = mac.finalize().into_bytes();
    bytes
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

impl Post {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    pub fn line(mut self, line: &str) -> Self {
        self.line = line.into();
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn head(&self) -> String {
        let headers = self.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n"));
        format!("{}\r\n{}", self.line, headers.collect::<String>())
    }

    fn bytes(&self) -> Vec<u8> {
        let head = format!("{}content-length: {}\r\n\r\n", self.head(), self.body.len());
        [head.as_bytes(), &self.body].concat()
    }

    pub async fn send(&self, to: SocketAddr) -> Answer {
        raw(to, &self.bytes()).await.expect("an answer")
    }

    /// Sends, and hands out the connection before the answer.
    pub async fn start(&self, to: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(&self.bytes()).await.unwrap();
        stream
    }
}

/// Writes the bytes and reads the answer, if there is one before the connection closes.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    read(stream).await
}

/// Reads one answer, or what there is of it when the server closes the connection.
pub async fn read(mut stream: TcpStream) -> Option<Answer> {
    read_next(&mut stream).await
}

/// The same on a connection that may serve further requests.
pub async fn read_next(stream: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while !is_whole(&bytes) {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    };
    timeout(PATIENCE, reading)
        .await
        .expect("the end of the answer");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_lowercase(),
        body: body.into(),
    })
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => body.len() >= length.parse().unwrap(),
        None => head.starts_with("http/1.1 204"),
    }
}

/// A request with a body, and its answer.
pub async fn ask(to: SocketAddr, line: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request =
        format!("{line} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}");
    raw(to, request.as_bytes()).await.expect("an answer")
}

pub async fn get(to: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    raw(to, request.as_bytes()).await.expect("an answer")
}

/// Waits until the condition holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let limit = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < limit, "not in time: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
