//! The load: a closed loop over a number of connections, and as little work for an answer as can be.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::LocalSet,
    time,
};

use crate::{
    request::Request,
    tally::{Tally, Verdict, judge},
};

/// Longest that an answer is waited for. Zoom waits three seconds; the slowest here take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

/// What a load came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Microseconds of each request, connecting included, sorted.
    pub latencies: Vec<u64>,
    /// Connections that were opened.
    pub connects: usize,
    /// The answers.
    pub tally: Tally,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Head and body as they came.
    pub text: Vec<u8>,
    /// The server keeps the connection.
    is_kept: bool,
}

/// What the connections of a loop share.
struct Shared {
    to: SocketAddr,
    requests: Rc<[Request]>,
    next: Cell<usize>,
    outcome: RefCell<Outcome>,
}

// === impl Outcome ===

impl Outcome {
    /// The latency that this part of the requests did not exceed, microseconds.
    pub fn quantile(&self, part: f64) -> u64 {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index into some thousands"
        )]
        let index = (self.latencies.len() as f64 * part) as usize;
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(index.min(last)).copied().unwrap_or(0)
    }
}

/// Sends all of them, `concurrency` at a time, and judges every answer.
///
/// # Errors
/// When there is no runtime.
pub fn run(to: SocketAddr, requests: &[Request], concurrency: usize) -> io::Result<Outcome> {
    let shared = Rc::new(Shared {
        to,
        requests: requests.into(),
        next: Cell::new(0),
        outcome: RefCell::default(),
    });
    let runtime = runtime()?;
    let local = LocalSet::new();
    let started = Instant::now();
    for number in 0..concurrency.min(requests.len()) {
        local.spawn_local(Rc::clone(&shared).connection(number));
    }
    runtime.block_on(local);
    let mut outcome = shared.outcome.take();
    outcome.elapsed = started.elapsed();
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

/// Sends one over a connection of its own.
///
/// # Errors
/// When there is no answer.
pub fn send(to: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    runtime()?.block_on(async {
        let mut stream = connect(to, 0).await?;
        let asking = ask(&mut stream, request);
        time::timeout(PATIENCE, asking).await?
    })
}

/// `GET path`: the status and the text of the answer.
///
/// # Errors
/// When there is no answer.
pub fn get(to: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    let answer = send(to, request.as_bytes())?;
    Ok((
        answer.status,
        String::from_utf8_lossy(&answer.text).into_owned(),
    ))
}

// === impl Shared ===

impl Shared {
    /// One request after the other until none is left.
    async fn connection(self: Rc<Self>, number: usize) {
        let mut stream = None;
        loop {
            let index = self.next.get();
            let Some(request) = self.requests.get(index) else {
                return;
            };
            self.next.set(index + 1);
            let started = Instant::now();
            let asking = self.exchange(&mut stream, number, request);
            let answer = time::timeout(PATIENCE, asking).await;
            let elapsed = started.elapsed();
            let answer = answer.ok().and_then(Result::ok);
            if answer.as_ref().is_none_or(|answer| !answer.is_kept) {
                stream = None;
            }
            self.note(request, answer.as_ref(), elapsed);
        }
    }

    /// Over the kept connection if there is one. That the server has closed it meanwhile is no
    /// failure: the request goes over another.
    async fn exchange(
        &self,
        kept: &mut Option<TcpStream>,
        number: usize,
        request: &Request,
    ) -> io::Result<Answer> {
        if let Some(stream) = kept
            && let Ok(answer) = ask(stream, &request.bytes).await
        {
            return Ok(answer);
        }
        self.outcome.borrow_mut().connects += 1;
        let stream = kept.insert(connect(self.to, number).await?);
        ask(stream, &request.bytes).await
    }

    fn note(&self, request: &Request, answer: Option<&Answer>, elapsed: Duration) {
        let verdict = answer.map_or(Verdict::Failed, |answer| {
            let token = request.token.as_deref().map(str::as_bytes);
            let is_token_right = token.is_some_and(|token| has(&answer.text, token));
            judge(request.kind, answer.status, is_token_right)
        });
        let mut outcome = self.outcome.borrow_mut();
        let count = outcome.tally.entry(request.kind).or_default();
        count.add(verdict, answer.map(|answer| answer.status));
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        outcome.latencies.push(micros);
    }
}

pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A source address for each connection of the loop. With a single one the ports would run out:
/// closed connections keep theirs for a minute.
pub async fn connect(to: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    let host = u8::try_from(number % 250).unwrap_or(0) + 1;
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
    socket.set_nodelay(true)?;
    socket.connect(to).await
}

/// Writes the request and reads the answer. Who refuses a body may answer before it has been read;
/// so a failed write is no reason not to read.
pub async fn ask(stream: &mut TcpStream, request: &[u8]) -> io::Result<Answer> {
    let written = stream.write_all(request).await;
    match read(stream).await {
        Ok(answer) if written.is_ok() => Ok(answer),
        Ok(answer) => Ok(Answer {
            is_kept: false,
            ..answer
        }),
        Err(error) => Err(written.err().unwrap_or(error)),
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut text = Vec::with_capacity(512);
    loop {
        if let Some(answer) = parse(&text, false)? {
            return Ok(answer);
        }
        if text.len() > MAX_ANSWER {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut text).await? == 0 {
            let answer = parse(&text, true)?;
            return answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The answer if it is complete. Without a length the end of the connection is its end.
fn parse(text: &[u8], is_end: bool) -> io::Result<Option<Answer>> {
    let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or(io::ErrorKind::InvalidData)?;
    let value = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    };
    let body = &text[end + 4..];
    let length = value("content-length").and_then(|length| length.parse().ok());
    let (is_complete, is_framed) = match (status, length) {
        (204 | 304, _) => (true, true),
        (_, Some(length)) => (body.len() >= length, true),
        _ if value("transfer-encoding").is_some() => (body.ends_with(b"0\r\n\r\n"), true),
        _ => (is_end, false),
    };
    let is_kept = is_framed && value("connection") != Some("close");
    Ok(is_complete.then(|| Answer {
        status,
        text: text.to_vec(),
        is_kept,
    }))
}

fn has(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn whole(text: &str) -> Option<(u16, bool)> {
        let answer = parse(text.as_bytes(), false).unwrap();
        answer.map(|answer| (answer.status, answer.is_kept))
    }

    #[test]
    fn answers_end_where_they_end() {
        assert_eq!(whole("HTTP/1.1 204 No Content\r\n"), None);
        assert_eq!(whole("HTTP/1.1 204 No Content\r\n\r\n"), Some((204, true)));
        let closed = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(whole(closed), Some((401, false)));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"), None);
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n";
        assert_eq!(whole(chunked), None);
        assert_eq!(whole(&format!("{chunked}0\r\n\r\n")), Some((200, true)));
        assert_eq!(whole("HTTP/1.1 200 OK\r\n\r\nhello"), None);
    }
}
