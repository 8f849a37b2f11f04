//! An HTTP/1 server that a slow or hostile client cannot hold open.
//!
//! `axum::serve` sets no limit on headers, idle time or the number of connections, and its drain
//! has no end; every port of every process is served by this loop instead.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{HeaderValue, header},
};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
    task::JoinSet,
    time,
};
use tracing::{debug, warn};

use super::shutdown::Shutdown;

/// Pause after `accept` failed, typically because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one connection buffers at most beside a head, bytes. A body is copied out of it piece by piece.
const READ_MORE: usize = 8 * 1024;

/// What one client, and all of them together, may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Whether a connection serves several requests.
    pub keep_alive: bool,
    /// Time for the complete head of a connection's first request.
    pub head_timeout: Duration,
    /// Time for that of a further one, from the answer before it. A proxy that keeps connections
    /// longer than we do loses the request that meets our close, and a POST is not sent again by
    /// proxies.
    pub idle_timeout: Duration,
    /// Bytes of a request head; above it the answer is 431.
    pub head_bytes: usize,
    /// Header fields of a request; above it the answer is 431.
    pub headers: usize,
    /// Age from which on an answer closes its connection. One on which nothing is answered any more
    /// is closed [`Limits::idle_timeout`] later, which also sheds clients that never read.
    pub max_age: Duration,
    /// Whether a new connection takes the place of the oldest one that has not proven itself (see
    /// [`Connection::prove`]) when there are as many as there may be. Otherwise it waits. Proven ones stay open
    /// only as long as they leave an eighth of the connections to others, such as probes.
    pub sheds_unproven: bool,
    /// Time for requests under way once shutdown was requested or a connection has become too old.
    pub drain: Duration,
}

/// A connection, as an extension of each request on it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Connection(Arc<Peer>);

#[derive(Debug, Default)]
struct Peer {
    is_proven: AtomicBool,
    /// How many connections of the port have proven themselves.
    proven: Arc<AtomicUsize>,
    refusals: AtomicUsize,
    shed: Notify,
}

/// The connections that have not proven themselves, the oldest first.
#[derive(Debug, Default)]
struct Unproven(VecDeque<Weak<Peer>>);

/// Serves `router` on `listener` until shutdown is requested and requests under way are done, or
/// [`Limits::drain`] is over. The listener closes with the request.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, shutdown: Shutdown) {
    serve_closing(listener, router, limits, shutdown.clone(), shutdown).await;
}

/// The same, with answers that close their connections from the moment of `closing` on: proxies let go
/// of them before the listener and the idle ones are closed by `shutdown`.
pub async fn serve_closing(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    closing: Shutdown,
    shutdown: Shutdown,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    let accepting = async {
        let mut unproven = Unproven::default();
        let proven = Arc::default();
        loop {
            // Accept before a slot is free: only then is it known that a connection waits.
            let stream = accept(&listener).await;
            if limits.sheds_unproven && permits.available_permits() == 0 {
                unproven.shed_one();
            }
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return; // The semaphore is never closed.
            };
            while connections.try_join_next().is_some() {}
            let peer = Connection::among(&proven);
            if limits.sheds_unproven {
                unproven.add(&peer, limits.connections);
            }
            let serving = connection(
                stream,
                peer,
                router.clone(),
                limits,
                closing.clone(),
                shutdown.clone(),
            );
            connections.spawn(async move {
                serving.await;
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = shutdown.requested() => {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if time::timeout(limits.drain, drained).await.is_err() {
        warn!(connections = connections.len(), "connections cut off");
    }
}

// === impl Connection ===

impl Connection {
    fn among(proven: &Arc<AtomicUsize>) -> Self {
        Self(Arc::new(Peer {
            is_proven: AtomicBool::new(false),
            proven: Arc::clone(proven),
            refusals: AtomicUsize::new(0),
            shed: Notify::new(),
        }))
    }

    /// Whoever is at the other end may stay: it has shown that it is who it should be.
    pub fn prove(&self) {
        if !self.0.is_proven.swap(true, Ordering::Relaxed) {
            self.0.proven.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request on it was refused. Returns how many were so far.
    #[must_use]
    pub fn refuse(&self) -> usize {
        self.0.refusals.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether it has proven itself.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.0.is_proven.load(Ordering::Relaxed)
    }
}

// === impl Peer ===

impl Drop for Peer {
    fn drop(&mut self) {
        if *self.is_proven.get_mut() {
            self.proven.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

// === impl Unproven ===

impl Unproven {
    fn add(&mut self, connection: &Connection, most: usize) {
        self.0.push_back(Arc::downgrade(&connection.0));
        if self.0.len() > 2 * most.max(1) {
            let is_here = |peer: Arc<Peer>| !peer.is_proven.load(Ordering::Relaxed);
            self.0.retain(|peer| peer.upgrade().is_some_and(is_here));
        }
    }

    /// Closes the oldest one. Nothing happens when all have proven themselves.
    fn shed_one(&mut self) {
        while let Some(peer) = self.0.pop_front() {
            let peer = peer.upgrade();
            if let Some(peer) = peer.filter(|peer| !peer.is_proven.load(Ordering::Relaxed)) {
                debug!("a connection makes room for another one");
                peer.shed.notify_one();
                return;
            }
        }
    }
}

// === impl Limits ===

impl Limits {
    /// Whether there are so many proven connections that one that is idle would keep out others.
    fn is_crowded(&self, connection: &Connection) -> bool {
        let others = (self.connections / 8).max(1);
        let most = self.connections.saturating_sub(others);
        self.sheds_unproven && connection.0.proven.load(Ordering::Relaxed) > most
    }
}

impl Default for Limits {
    /// For ports inside the cluster.
    fn default() -> Self {
        Self {
            connections: 64,
            keep_alive: true,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            headers: 64,
            max_age: Duration::from_mins(10),
            sheds_unproven: false,
            drain: Duration::from_secs(5),
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_about_one_client(&error) => {
                debug!(%error, "client left before it was accepted");
            }
            Err(error) => {
                warn!(%error, "failed to accept");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_about_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn connection(
    stream: TcpStream,
    peer: Connection,
    router: Router,
    limits: Limits,
    closing: Shutdown,
    shutdown: Shutdown,
) {
    // Answers are small and written once; waiting to fill a segment only adds latency.
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .keep_alive(limits.keep_alive)
        .header_read_timeout(limits.idle_timeout.max(limits.head_timeout))
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.saturating_add(READ_MORE));
    let opened = Instant::now();
    let (asked, is_asked) = (Notify::new(), AtomicBool::new(false));
    let inner = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        if !is_asked.swap(true, Ordering::Relaxed) {
            asked.notify_one();
        }
        let answer = inner.call(request);
        let (closing, peer) = (&closing, &peer);
        async move {
            let mut answer = answer.await?;
            let is_old = opened.elapsed() >= limits.max_age;
            if closing.is_requested() || is_old || limits.is_crowded(peer) {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut serving = pin!(server.serve_connection(TokioIo::new(stream), service));
    let stop = async {
        tokio::select! {
            () = shutdown.requested() => {}
            () = time::sleep(limits.max_age.saturating_add(limits.idle_timeout)) => {}
        }
    };
    let silent = async {
        if time::timeout(limits.head_timeout, asked.notified())
            .await
            .is_ok()
        {
            std::future::pending::<()>().await;
        }
    };
    let done = tokio::select! {
        done = serving.as_mut() => Ok(done),
        () = stop => {
            serving.as_mut().graceful_shutdown();
            time::timeout(limits.drain, serving).await
        }
        () = silent => {
            debug!("no request in time");
            return;
        }
        () = peer.0.shed.notified() => return,
    };
    if let Ok(Err(error)) = done {
        debug!(%error, "connection failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_connection_without_a_proof_goes_first() {
        let connections: Vec<Connection> = (0..4).map(|_| Connection::default()).collect();
        let mut unproven = Unproven::default();
        for connection in &connections {
            unproven.add(connection, 4);
        }
        connections[0].prove();
        unproven.shed_one();
        unproven.shed_one();
        let told = |at: usize| {
            use futures::FutureExt as _;

            let connection: &Connection = &connections[at];
            connection.0.shed.notified().now_or_never().is_some()
        };
        assert_eq!([0, 1, 2, 3].map(told), [false, true, true, false]);
    }

    #[test]
    fn connections_that_have_gone_are_not_kept_in_mind() {
        let mut unproven = Unproven::default();
        for _ in 0..100 {
            unproven.add(&Connection::default(), 4);
        }
        assert!(unproven.0.len() <= 9);
        unproven.shed_one();
        assert!(unproven.0.is_empty());
    }
}
