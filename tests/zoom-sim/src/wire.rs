//! Connections that can be cut from within a handler, for faults that must be felt at the socket.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
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

/// A handler's hold on the connection its request came by.
#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<Option<LastWords>>>);

/// Accepts connections that can be cut.
pub struct WireListener(pub TcpListener);

/// A TCP connection that can be cut.
pub struct Wire {
    stream: TcpStream,
    line: Line,
}

struct LastWords {
    bytes: Vec<u8>,
    written: usize,
}

// === impl Line ===

impl Line {
    /// Whatever the server writes next, `last_words` go out in its place and then the connection closes.
    pub fn cut(&self, last_words: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(LastWords {
            bytes: last_words,
            written: 0,
        });
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

// === impl Wire ===

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
        let mut line = line.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(words) = line.as_mut() else {
            return Pin::new(stream).poll_write(cx, buf);
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
