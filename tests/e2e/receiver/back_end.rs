//! A tenant's back end in the test's own process: it can be slow, refuse, and be away, and it remembers what
//! came. Pods reach it through a Service without Pods, which leads to the node.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::Mutex as AsyncMutex, task::JoinHandle};

use super::traffic::Ledger;
use crate::bed::{Bed, LIMIT, object::text, wait_for};

/// A back end that listens, unless it was told not to.
pub struct BackEnd {
    address: SocketAddr,
    shared: Arc<Mutex<Memory>>,
    server: AsyncMutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Memory {
    /// How often each event was taken, by `ce-id`.
    taken: BTreeMap<String, u32>,
    /// The same in the order in which they came.
    order: Vec<String>,
    /// The last request that it took.
    last: Option<Request>,
    /// The same for each `ce-type`.
    last_of: BTreeMap<String, Request>,
    /// How often it was asked to take one.
    asked: u64,
    status: u16,
    delay: Duration,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What came, held against what was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Acknowledged, and never arrived.
    pub lost: usize,
    /// Arrivals beyond the first of each event.
    pub repeated: usize,
    /// Events that arrived.
    pub arrived: usize,
}

// === impl BackEnd ===

impl BackEnd {
    /// Starts one, and makes the Service `name` that leads to it.
    pub async fn start(bed: &Bed, name: &str) -> anyhow::Result<Self> {
        Self::start_at(bed, name, 80).await
    }

    /// The same with another port of the Service.
    pub async fn start_at(bed: &Bed, name: &str, port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((node_address(bed).await?, 0)).await?;
        let address = listener.local_addr()?;
        lead(bed, name, port, address).await?;
        let shared = Arc::new(Mutex::new(Memory {
            status: 204,
            ..Memory::default()
        }));
        let server = tokio::spawn(serve(listener, router(&shared)));
        Ok(Self {
            address,
            shared,
            server: AsyncMutex::new(Some(server)),
        })
    }

    /// From now on answers with this status, after this time.
    pub fn answers(&self, status: u16, delay: Duration) {
        let mut memory = self.memory();
        memory.status = status;
        memory.delay = delay;
    }

    /// Goes away at once, with all its connections, as a process that is killed.
    pub async fn down(&self) {
        if let Some(server) = self.server.lock().await.take() {
            server.abort();
            let _ = server.await;
        }
    }

    /// Comes back, under the same address.
    pub async fn up(&self) -> anyhow::Result<()> {
        let listener = wait_for("the port is free", LIMIT, || async {
            Ok(Some(TcpListener::bind(self.address).await?))
        })
        .await?;
        let server = tokio::spawn(serve(listener, router(&self.shared)));
        *self.server.lock().await = Some(server);
        Ok(())
    }

    /// How often it was asked to take an event.
    pub fn asked(&self) -> u64 {
        self.memory().asked
    }

    /// The last request that it took, of whatever format.
    pub fn last(&self) -> Option<Request> {
        self.memory().last.clone()
    }

    /// The last event of this `ce-type` that it took.
    pub fn last_of(&self, kind: &str) -> Option<Request> {
        self.memory().last_of.get(kind).cloned()
    }

    /// The events that it took, in their order.
    pub fn order(&self) -> Vec<String> {
        self.memory().order.clone()
    }

    /// How many different events it took: each is delivered at least once.
    pub fn count(&self) -> usize {
        self.memory().taken.len()
    }

    /// Holds what came against what was acknowledged.
    pub fn account(&self, ledger: &Ledger) -> Account {
        let memory = self.memory();
        Account {
            lost: ledger
                .acknowledged
                .iter()
                .filter(|id| !memory.taken.contains_key(*id))
                .count(),
            repeated: memory.order.len() - memory.taken.len(),
            arrived: memory.taken.len(),
        }
    }

    /// Waits until everything that was acknowledged has arrived, as long as something does.
    pub async fn has_all(&self, ledger: &Ledger) -> anyhow::Result<Account> {
        let mut arrived = 0;
        loop {
            let account = self.account(ledger);
            if account.lost == 0 {
                return Ok(account);
            }
            let more = wait_for("what was acknowledged arrives", LIMIT, || async {
                let account = self.account(ledger);
                anyhow::ensure!(account.arrived > arrived, "{account:?} of {ledger}");
                Ok(Some(account.arrived))
            });
            arrived = more.await?;
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        if let Some(server) = self.server.get_mut().take() {
            server.abort();
        }
    }
}

// === impl Request ===

impl Request {
    /// A header as text, or "".
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// The address of the node, where Pods reach this process.
pub async fn node_address(bed: &Bed) -> anyhow::Result<IpAddr> {
    let nodes = bed.request("GET", "/api/v1/nodes", None).await?;
    // Another test may have a node that only seems to be one.
    let address = nodes["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|node| node["metadata"]["labels"]["type"] != "kwok")
        .filter_map(|node| node["status"]["addresses"].as_array())
        .flatten()
        .find(|address| address["type"] == "InternalIP")
        .context("the node has no address")?;
    Ok(text(address, "/address").parse()?)
}

/// Makes the Service `name` whose `port` leads to this address.
pub async fn lead(bed: &Bed, name: &str, port: u16, to: SocketAddr) -> anyhow::Result<()> {
    bed.apply(&json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": "http", "port": port, "targetPort": to.port()}]},
    }))
    .await?;
    bed.apply(&json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": to.port(), "protocol": "TCP"}],
        "endpoints": [{"addresses": [to.ip().to_string()], "conditions": {"ready": true}}],
    }))
    .await?;
    Ok(())
}

fn router(shared: &Arc<Mutex<Memory>>) -> Router {
    Router::new().fallback(take).with_state(shared.clone())
}

/// Connections are tasks of this future's own, so that they end with it.
pub async fn serve(listener: TcpListener, router: Router) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let service = hyper_util::service::TowerToHyperService::new(router.clone());
                let io = hyper_util::rt::TokioIo::new(stream);
                connections.spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, service)
                        .await;
                });
            }
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn take(
    State(shared): State<Arc<Mutex<Memory>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let (status, delay) = {
        let mut memory = shared.lock().unwrap_or_else(PoisonError::into_inner);
        memory.asked += 1;
        (memory.status, memory.delay)
    };
    tokio::time::sleep(delay).await;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_success() {
        let request = Request { headers, body };
        let id = request.header("ce-id").to_owned();
        let kind = request.header("ce-type").to_owned();
        let mut memory = shared.lock().unwrap_or_else(PoisonError::into_inner);
        memory.last_of.insert(kind, request.clone());
        memory.last = Some(request);
        if !id.is_empty() {
            *memory.taken.entry(id.clone()).or_default() += 1;
            memory.order.push(id);
        }
    }
    status
}
