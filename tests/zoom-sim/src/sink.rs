//! The demo sink: takes whatever is sent to it, remembers it, answers as told.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
    routing::{get, put},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{
    admin::{Refusal, bad_request, parse, probes},
    server::run_pair,
};

/// Events kept; older ones are forgotten.
const KEPT: usize = 10_000;

/// Headers whose values are kept to themselves.
const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// A sink that listens already.
pub struct Sink {
    events: (TcpListener, SocketAddr),
    admin: (TcpListener, SocketAddr),
}

#[derive(Default)]
struct Store {
    events: VecDeque<Event>,
    answer: Answer,
}

/// One request, as the admin API shows it.
#[derive(Clone, Serialize)]
struct Event {
    at: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Answer {
    status: u16,
    delay_ms: u64,
    /// So many requests are answered so, then it is 204 again; absent: all.
    times: Option<u64>,
}

type Shared = State<Arc<Mutex<Store>>>;

// === impl Sink ===

impl Sink {
    /// Binds both addresses.
    ///
    /// # Errors
    ///
    /// An address that cannot be bound.
    pub async fn bind(listen: SocketAddr, admin_listen: SocketAddr) -> io::Result<Self> {
        let events = TcpListener::bind(listen).await?;
        let admin = TcpListener::bind(admin_listen).await?;
        let (addr, admin_addr) = (events.local_addr()?, admin.local_addr()?);
        Ok(Self {
            events: (events, addr),
            admin: (admin, admin_addr),
        })
    }

    /// Where events are taken.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.events.1
    }

    /// Where the admin API listens.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.1
    }

    /// Serves until `stop` is ready, and a moment longer for answers under way.
    ///
    /// # Errors
    ///
    /// A failure to accept connections.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let store = Arc::new(Mutex::new(Store::default()));
        let events = Router::new().fallback(take).with_state(Arc::clone(&store));
        let admin = Router::new()
            .route("/events", get(list).delete(forget))
            .route("/answer", put(set_answer))
            .merge(probes())
            .with_state(store);
        run_pair((self.events.0, events), (self.admin.0, admin), stop).await
    }
}

// === impl Answer ===

impl Default for Answer {
    fn default() -> Self {
        Self {
            status: 204,
            delay_ms: 0,
            times: None,
        }
    }
}

// === impl Store ===

impl Store {
    /// The answer that is due now.
    fn next_answer(&mut self) -> Answer {
        match &mut self.answer.times {
            Some(0) => self.answer = Answer::default(),
            Some(times) => *times -= 1,
            None => {}
        }
        self.answer.clone()
    }
}

async fn take(
    State(store): Shared,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri
        .path_and_query()
        .map_or_else(|| uri.path().to_owned(), ToString::to_string);
    tracing::info!(%method, bytes = body.len(), "event");
    let event = Event {
        at: Timestamp::now().to_string(),
        method: method.to_string(),
        path,
        headers: readable(&headers),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let answer = {
        let mut store = lock(&store);
        if store.events.len() == KEPT {
            store.events.pop_front();
        }
        store.events.push_back(event);
        store.next_answer()
    };
    if answer.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
    }
    StatusCode::from_u16(answer.status)
        .unwrap_or(StatusCode::NO_CONTENT)
        .into_response()
}

async fn list(State(store): Shared) -> Response {
    Json(&lock(&store).events).into_response()
}

async fn forget(State(store): Shared) -> StatusCode {
    lock(&store).events.clear();
    StatusCode::NO_CONTENT
}

async fn set_answer(State(store): Shared, body: Bytes) -> Result<StatusCode, Refusal> {
    let answer: Answer = parse(&body)?;
    if !(200..600).contains(&answer.status) {
        return Err(bad_request(format!(
            "status {} is not a final HTTP status",
            answer.status
        )));
    }
    lock(&store).answer = answer;
    Ok(StatusCode::NO_CONTENT)
}

/// Several values of one header are joined by a comma.
fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut readable = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let secret = SECRET_HEADERS.contains(&name.as_str());
        let value = if secret {
            "(hidden)".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        let joined = readable.entry(name.to_string()).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(&value);
    }
    readable
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
