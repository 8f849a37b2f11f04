//! The sinks of many tenants, which see whose event arrives where, and when.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
    time,
};

use crate::{load::runtime, request::account, sink};

/// How long a slow sink takes: within the time limit, and for ever beside the others.
const SLOW: Duration = Duration::from_secs(1);

/// How a tenant's sink behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It takes every event at once.
    Healthy,
    /// It takes none.
    Broken,
    /// It takes its time.
    Slow,
}

/// The sinks. The place of each tenant's is its number.
#[derive(Clone, Debug)]
pub struct Tenants {
    /// Where they listen, all of them.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    sent: Vec<Sent>,
    astray: usize,
    by_tenant: HashMap<usize, usize>,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    /// Its latency is of interest.
    is_counted: bool,
    is_acknowledged: bool,
    took: Option<Duration>,
}

// === impl Tenants ===

impl Tenants {
    /// Starts them on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(manner: fn(usize) -> Manner) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let tenants = Self {
            address: listener.local_addr()?,
            state: Arc::default(),
        };
        let serving = tenants.clone();
        thread::spawn(move || {
            LocalSet::new().block_on(&runtime()?, async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    tokio::task::spawn_local(serving.clone().serve(stream, manner));
                }
                #[allow(unreachable_code, reason = "says the type of the errors")]
                io::Result::Ok(())
            })
        });
        Ok(tenants)
    }

    /// An event of this tenant is about to be sent. Returns its number.
    pub fn sent(&self, tenant: usize, is_counted: bool) -> usize {
        let mut state = self.state();
        *state.by_tenant.entry(tenant).or_default() += 1;
        state.sent.push(Sent {
            at: Instant::now(),
            is_counted,
            is_acknowledged: false,
            took: None,
        });
        state.sent.len() - 1
    }

    /// It was acknowledged.
    pub fn acknowledged(&self, number: usize) {
        if let Some(sent) = self.state().sent.get_mut(number) {
            sent.is_acknowledged = true;
        }
    }

    /// Events that count, were acknowledged and have not arrived.
    pub fn missing(&self) -> usize {
        let is_missing =
            |sent: &&Sent| sent.is_counted && sent.is_acknowledged && sent.took.is_none();
        self.state().sent.iter().filter(is_missing).count()
    }

    /// From being sent to the sink, microseconds, sorted: of those that count.
    pub fn latencies(&self) -> Vec<u64> {
        let state = self.state();
        let counted = state.sent.iter().filter(|sent| sent.is_counted);
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut latencies: Vec<u64> = counted.filter_map(|sent| sent.took.map(micros)).collect();
        latencies.sort_unstable();
        latencies
    }

    /// Events at a sink of somebody else.
    pub fn astray(&self) -> usize {
        self.state().astray
    }

    /// Events of a tenant.
    pub fn sent_by(&self, tenant: usize) -> usize {
        self.state().by_tenant.get(&tenant).copied().unwrap_or(0)
    }

    async fn serve(self, mut stream: TcpStream, manner: fn(usize) -> Manner) -> io::Result<()> {
        let mut text = Vec::with_capacity(16 * 1024);
        loop {
            while let Some(length) = sink::request(&text) {
                let tenant = self.arrived(&text[..length]);
                text.drain(..length);
                let answer: &[u8] = match manner(tenant) {
                    Manner::Healthy => sink::ANSWER,
                    Manner::Broken => b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
                    Manner::Slow => {
                        time::sleep(SLOW).await;
                        sink::ANSWER
                    }
                };
                stream.write_all(answer).await?;
            }
            if stream.read_buf(&mut text).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Notes a request, and returns whose sink it came to.
    fn arrived(&self, request: &[u8]) -> usize {
        let now = Instant::now();
        let text = String::from_utf8_lossy(request);
        let tenant = text.strip_prefix("POST /").and_then(digits).unwrap_or(0);
        let mut state = self.state();
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if !body.contains(&account(tenant)) {
            state.astray += 1;
        }
        let number = body.split_once("\"object\":{\"id\":\"");
        let number = number.and_then(|(_, rest)| digits(rest));
        if let Some(sent) = number.and_then(|number| state.sent.get_mut(number)) {
            sent.took.get_or_insert(now - sent.at);
        }
        tenant
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number that a text begins with.
fn digits(text: &str) -> Option<usize> {
    let end = text.find(|symbol: char| !symbol.is_ascii_digit())?;
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;
    use crate::request::body_of;

    #[test]
    fn an_event_arrives_at_its_tenant_or_astray() {
        let tenants = Tenants::start(|_| Manner::Healthy).unwrap();
        let number = tenants.sent(7, true);
        tenants.acknowledged(number);
        assert_eq!(tenants.missing(), 1);
        let body = String::from_utf8(body_of(&account(7), number as u128, 300)).unwrap();
        let request = |place: usize| format!("POST /{place} HTTP/1.1\r\n\r\n{body}");
        assert_eq!(tenants.arrived(request(7).as_bytes()), 7);
        assert_eq!((tenants.missing(), tenants.astray()), (0, 0));
        tenants.arrived(request(8).as_bytes());
        assert_eq!((tenants.latencies().len(), tenants.astray()), (1, 1));
    }
}
