//! A connection that events are routed to: what its route says, checked, and how deliveries to it go.

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contract::{
    receiver::{
        NatsMessageId, SinkFormat,
        routes::{Connection, Destination, Private, Route, RouteSink},
    },
    routing_facts::ConnectionFacts,
};
use tokio::sync::Semaphore;

use crate::{
    cloudevent::Extension,
    secrets::SigningSecrets,
    sink::{Failure, Sink, Target, credentials::Credentials, nats},
};

/// Deliveries to one tenant at a time, whatever the number of its accounts.
pub const AT_ONCE: usize = 8;
/// A sink that takes longer is slow, and shares its permits with other slow ones.
const SLOW: Duration = Duration::from_secs(1);
/// Failures in a row after which a sink counts as slow.
const FAILING: u64 = 2;
/// Longest time that a sink may have.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// A connection that events are routed to.
#[derive(Debug)]
pub struct Tenant {
    /// Whose it is.
    pub connection: Connection,
    /// Its accounts.
    pub accounts: Vec<String>,
    /// Its facts, which go along with its events.
    pub refs: Vec<Extension>,
    /// Bounds the deliveries that are under way.
    pub in_flight: Arc<Semaphore>,
    pub(super) plan: Option<Plan>,
    pub(super) live: Mutex<Option<Live>>,
    is_slow: AtomicBool,
    health: Mutex<ConnectionFacts>,
}

/// A sink as its route describes it, checked. Not connected.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) place: Place,
    pub(super) format: SinkFormat,
    pub(super) message_id: NatsMessageId,
    pub(super) timeout: Duration,
    pub(super) credentials: Credentials,
    pub(super) secrets: Arc<SigningSecrets>,
}

#[derive(Debug)]
pub(super) enum Place {
    Internet(Target),
    Service(Target, Option<Vec<IpAddr>>),
    Nats(nats::Target, nats::Prefix),
}

/// A sink that is built.
pub(super) struct Live {
    pub(super) sink: Sink,
    /// Names its last use, see [`super::recent`].
    pub(super) used: u64,
}

impl fmt::Debug for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Live")
    }
}

// === impl Tenant ===

impl Tenant {
    /// The tenant of a route, whose sink has `timeout` for an event unless the route says.
    ///
    /// # Errors
    /// What is wrong with the route. Never quotes it.
    pub fn new(route: Route, timeout: Duration) -> Result<Self, String> {
        let refs = route
            .external_refs
            .iter()
            .map(|(name, value)| Extension::new(name, value))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("externalRefs: {error}"))?;
        let plan = route.sink.map(|sink| Plan::new(sink, timeout));
        Ok(Self {
            connection: route.connection,
            accounts: route.accounts,
            refs,
            in_flight: Arc::new(Semaphore::new(AT_ONCE)),
            plan: plan.transpose()?,
            live: Mutex::default(),
            is_slow: AtomicBool::default(),
            health: Mutex::default(),
        })
    }

    /// Whether it has a sink of its own.
    #[must_use]
    pub fn has_sink(&self) -> bool {
        self.plan.is_some()
    }

    /// Whether its sink fails, or took long at the last delivery.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::Relaxed)
    }

    /// A delivery ended.
    pub fn delivered(&self, result: Result<(), Failure>, took: Duration) {
        let mut health = self.health();
        match result {
            Ok(()) => *health = ConnectionFacts::default(),
            Err(failure) => {
                health.sink_failures += 1;
                health.sink_cause = Some(failure.error.to_string());
            }
        }
        // One failure happens to everybody.
        let is_slow = health.sink_failures >= FAILING || took >= SLOW;
        self.is_slow.store(is_slow, Ordering::Relaxed);
    }

    /// What the controller learns of its sink.
    #[must_use]
    pub fn facts(&self) -> ConnectionFacts {
        self.health().clone()
    }

    fn health(&self) -> MutexGuard<'_, ConnectionFacts> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Plan ===

impl Plan {
    fn new(sink: RouteSink, timeout: Duration) -> Result<Self, String> {
        let place = match sink.destination {
            Destination::Internet { url } => Place::Internet(parse("url", &url.0)?),
            Destination::Service { url, addresses } => {
                Place::Service(parse("url", &url.0)?, addresses)
            }
            Destination::Nats { url, subject } => {
                Place::Nats(parse("url", &url.0)?, parse("subject", &subject)?)
            }
        };
        let timeout = match sink.timeout_seconds.map(Duration::try_from_secs_f64) {
            None => timeout,
            Some(Ok(timeout)) if timeout > Duration::ZERO && timeout <= MAX_TIMEOUT => timeout,
            Some(_) => return Err("timeoutSeconds: expected more than 0 and at most 60".into()),
        };
        let token = sink.credentials.secret_token.as_ref();
        Ok(Self {
            place,
            format: sink.format,
            message_id: sink.message_id,
            timeout,
            secrets: Arc::new(SigningSecrets::new(token.map(Private::expose), None)),
            credentials: Credentials::of_route(&sink.credentials)
                .map_err(|error| format!("credentials: {error}"))?,
        })
    }
}

fn parse<T: std::str::FromStr<Err: fmt::Display>>(field: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{field}: {error}"))
}
