//! A sink that takes every event at once and counts them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
};

/// What it answers.
pub const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A running sink; runs as long as the process.
#[derive(Clone, Debug)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<AtomicUsize>,
}

// === impl Sink ===

impl Sink {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let sink = Self {
            address: listener.local_addr()?,
            received: Arc::default(),
        };
        let received = Arc::clone(&sink.received);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::spawn(move || {
            LocalSet::new().block_on(&runtime, async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    tokio::task::spawn_local(serve(stream, Arc::clone(&received)));
                }
                #[allow(unreachable_code, reason = "says the type of the errors")]
                io::Result::Ok(())
            })
        });
        Ok(sink)
    }

    /// Events so far.
    pub fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, received: Arc<AtomicUsize>) -> io::Result<()> {
    let mut text = Vec::with_capacity(16 * 1024);
    loop {
        while let Some(length) = request(&text) {
            text.drain(..length);
            received.fetch_add(1, Ordering::Relaxed);
            stream.write_all(ANSWER).await?;
        }
        if stream.read_buf(&mut text).await? == 0 {
            return Ok(());
        }
    }
}

/// How long the first request is, if it is complete.
pub fn request(text: &[u8]) -> Option<usize> {
    let end = text.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&text[..end]).to_ascii_lowercase();
    let mut lines = head
        .lines()
        .filter_map(|line| line.strip_prefix("content-length:"));
    let length: usize = lines
        .next()
        .map_or(Some(0), |value| value.trim().parse().ok())?;
    (text.len() >= end + length).then_some(end + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_body() {
        assert_eq!(request(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n"), None);
        let whole = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}P";
        assert_eq!(request(&whole[..whole.len() - 2]), None);
        assert_eq!(request(whole), Some(whole.len() - 1));
    }
}
