//! Connections that can be cut from within a handler, for faults that must be felt at the socket, and that know when an
//! answer is written out.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use crate::exchanges::Exchange;

/// A handler's hold on the connection its request came by.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<State>>);

/// Accepts connections that can be cut.
pub struct WireListener(pub TcpListener);

/// A TCP connection that can be cut.
pub struct Wire {
    stream: TcpStream,
    line: Line,
}

#[derive(Default)]
struct State {
    last_words: Option<LastWords>,
    answer: Option<Answer>,
}

/// An answer on its way out.
struct Answer {
    exchange: Exchange,
    progress: Progress,
}

/// How much of an answer is out.
struct Progress {
    body_length: usize,
    written: usize,
}

struct LastWords {
    bytes: Vec<u8>,
    written: usize,
}

// === impl Line ===

impl Line {
    /// Whatever the server writes next, `last_words` go out in its place and then the connection closes.
    pub fn cut(&self, last_words: Vec<u8>) {
        self.lock().last_words = Some(LastWords {
            bytes: last_words,
            written: 0,
        });
    }

    /// The next thing to be written is the answer to this exchange. If the connection closes before, it is lost.
    pub fn expect_answer(&self, exchange: Exchange, body_length: usize) {
        self.lock().answer = Some(Answer {
            exchange,
            progress: Progress {
                body_length,
                written: 0,
            },
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected<IncomingStream<'_, WireListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, WireListener>) -> Self {
        stream.io().line.clone()
    }
}

// === impl WireListener ===

impl Listener for WireListener {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, addr) = Listener::accept(&mut self.0).await;
        (
            Wire {
                stream,
                line: Line::default(),
            },
            addr,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

// === impl Answer ===

impl Answer {
    fn write(
        &mut self,
        write: impl FnOnce() -> Poll<io::Result<usize>>,
        offered: usize,
    ) -> Poll<io::Result<usize>> {
        let Self { exchange, progress } = self;
        exchange.write(write, |count| progress.is_over_after(count, offered))
    }
}

// === impl Progress ===

impl Progress {
    /// Notes that so many of the bytes offered were taken; true if that was the last of the answer. The server hands over
    /// head and body in one piece: the piece that ends behind the body is the last.
    fn is_over_after(&mut self, count: usize, offered: usize) -> bool {
        self.written += count;
        count == offered && self.written > self.body_length
    }
}

// === impl Wire ===

impl Drop for Wire {
    fn drop(&mut self) {
        // An answer that was not written is lost, and known to be before the client sees the connection close.
        self.line.lock().answer = None;
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, line } = self.get_mut();
        let mut state = line.lock();
        let Some(words) = &mut state.last_words else {
            let Some(answer) = &mut state.answer else {
                return Pin::new(stream).poll_write(cx, buf);
            };
            let result = answer.write(|| Pin::new(stream).poll_write(cx, buf), buf.len());
            if answer.exchange.has_ended() {
                state.answer = None;
            }
            return result;
        };
        while words.written < words.bytes.len() {
            words.written +=
                ready!(Pin::new(&mut *stream).poll_write(cx, &words.bytes[words.written..]))?;
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_over_when_its_last_byte_is_out() {
        let new = || Progress {
            body_length: 100,
            written: 0,
        };
        assert!(new().is_over_after(130, 130));
        let mut in_parts = new();
        assert!(!in_parts.is_over_after(120, 130));
        assert!(!in_parts.is_over_after(9, 10));
        assert!(in_parts.is_over_after(1, 1));
        let mut head_first = new();
        assert!(!head_first.is_over_after(30, 30));
        assert!(head_first.is_over_after(100, 100));
    }
}
