//! A sink that records what it gets and answers as told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    serve::{Listener, ListenerExt as _},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::tls::{self, Identity};

/// What the sink answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Status(u16),
    Redirect,
    /// 500 for a body with this text in it, else 204.
    Choke(&'static str),
    /// This status and these seconds in `Retry-After`.
    Later(u16, u32),
    /// No answer until the behaviour changes.
    Hold,
}

#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub at: Instant,
}

pub struct Sink {
    pub address: SocketAddr,
    state: Shared,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    received: Arc<Mutex<Vec<Received>>>,
    behaviour: watch::Sender<Behaviour>,
}

impl Sink {
    pub async fn start() -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// One that speaks TLS only.
    pub async fn start_tls(identity: Identity) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve(tls::Listener::new(tcp, identity))
    }

    fn serve<L: Listener<Addr = SocketAddr>>(listener: L) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Shared {
            received: Arc::default(),
            behaviour: watch::Sender::new(Behaviour::Status(204)),
        };
        let connections = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&connections);
        let listener = listener.tap_io(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let router = Router::new().fallback(take).with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            state,
            connections,
            task,
        }
    }

    pub fn answer(&self, behaviour: Behaviour) {
        self.state.behaviour.send_replace(behaviour);
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.received().len()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn take(State(state): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.to_string();
    let text = String::from_utf8_lossy(&body).into_owned();
    state.received.lock().unwrap().push(Received {
        path,
        headers,
        body,
        at: Instant::now(),
    });
    let mut behaviour = state.behaviour.subscribe();
    let told = behaviour
        .wait_for(|b| *b != Behaviour::Hold)
        .await
        .map(|b| *b);
    match told.unwrap() {
        Behaviour::Status(status) => (StatusCode::from_u16(status).unwrap(), "ok").into_response(),
        Behaviour::Choke(on) if text.contains(on) => {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Behaviour::Choke(_) => StatusCode::NO_CONTENT.into_response(),
        Behaviour::Later(status, seconds) => (
            StatusCode::from_u16(status).unwrap(),
            [(header::RETRY_AFTER, seconds.to_string())],
        )
            .into_response(),
        _ => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
    }
}
