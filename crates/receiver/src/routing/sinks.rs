//! The sinks of tenants: built for the first event, shared where they are alike, and dropped when nothing is sent
//! to them. So what they take follows from who is active and not from how many tenants there are.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::receiver::Integration;
use tokio::sync::watch;

use super::{
    recent::Recent,
    tenant::{Live, Place, Plan, Tenant},
};
use crate::{
    cloudevent::Extension,
    sink::{
        HttpSink, NatsSink, Sink, SinkConfig, SinkError,
        credentials::Followed,
        http::{self, Shared},
        nats,
    },
};

/// Most sinks that are built at a time. Beyond it the one that was not used for the longest time is dropped.
const MOST_LIVE: usize = 256;

/// Most HTTP clients that are shared; they stay.
const MOST_SHARED: usize = 8;

/// What builds tenants' sinks.
#[derive(Debug)]
pub struct Sinks {
    config: SinkConfig,
    source: Integration,
    extensions: Vec<Extension>,
    recent: Mutex<Recent>,
    /// The HTTP clients of everybody whose sink is on the internet and has a public certificate, or none: one for
    /// each time limit, with and without TLS. Only with TLS it holds the public authorities.
    internet: Mutex<BTreeMap<(Duration, bool), Shared>>,
}

// === impl Sinks ===

impl Sinks {
    /// Sinks for events of `source`, with its facts. Time limit and networks are those of the integration's
    /// own sink.
    #[must_use]
    pub fn new(config: SinkConfig, source: Integration, extensions: Vec<Extension>) -> Self {
        Self {
            config,
            source,
            extensions,
            recent: Mutex::default(),
            internet: Mutex::default(),
        }
    }

    /// How long a sink has for an event unless its route says.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// How many are built.
    #[must_use]
    pub fn live(&self) -> usize {
        lock(&self.recent).len()
    }

    /// The sink of a tenant, built if there is none.
    ///
    /// # Errors
    /// When the client cannot be built, or the tenant has no sink.
    pub fn get(&self, tenant: &Arc<Tenant>) -> Result<Sink, SinkError> {
        let now = Instant::now();
        let mut held = lock(&tenant.live);
        if let Some(live) = held.as_mut() {
            live.used = lock(&self.recent).used(tenant, Some(live.used), now);
            return Ok(live.sink.clone());
        }
        let plan = tenant.plan.as_ref().ok_or(SinkError::Credentials)?;
        let sink = self.build(plan).map_err(|_| SinkError::Credentials)?;
        let (used, oldest) = {
            let mut recent = lock(&self.recent);
            (recent.used(tenant, None, now), recent.beyond(MOST_LIVE))
        };
        *held = Some(Live {
            sink: sink.clone(),
            used,
        });
        // Never two tenants at a time.
        drop(held);
        if let Some((used, oldest)) = oldest {
            drop_sink(&oldest, used);
        }
        Ok(sink)
    }

    /// Drops the sinks that were not used since `before`.
    pub fn drop_idle(&self, before: Instant) {
        let idle = lock(&self.recent).idle(before);
        for (used, tenant) in idle {
            drop_sink(&tenant, used);
        }
    }

    fn build(&self, plan: &Plan) -> Result<Sink, http::BuildError> {
        let credentials = Followed::fixed(plan.credentials.clone());
        let (target, guard, is_internet) = match &plan.place {
            Place::Internet(target) => (target, self.config.internet(), true),
            Place::Service(target, addresses) => {
                (target, self.config.cluster(addresses.as_deref()), false)
            }
            Place::Nats(target, prefix) => {
                return Ok(Sink::Nats(NatsSink::new(nats::Settings {
                    target: target.clone(),
                    prefix: prefix.clone(),
                    message_id: plan.message_id,
                    timeout: plan.timeout,
                    source: self.source.clone(),
                    extensions: self.extensions.clone(),
                    guard: self.config.internet(),
                    credentials,
                })));
            }
        };
        let settings = http::Settings {
            target: target.clone(),
            format: plan.format,
            timeout: plan.timeout,
            source: self.source.clone(),
            extensions: self.extensions.clone(),
            guard,
            credentials,
            secrets: watch::channel(Arc::clone(&plan.secrets)).1,
        };
        if !is_internet || plan.credentials.roots().is_some() {
            return Ok(Sink::Http(HttpSink::new(settings)?));
        }
        let mut internet = lock(&self.internet);
        let kind = (plan.timeout, target.is_tls());
        let shared = match internet.get(&kind) {
            Some(shared) => shared.clone(),
            None if internet.len() >= MOST_SHARED => {
                return Ok(Sink::Http(HttpSink::new(settings)?));
            }
            None => {
                let shared = Shared::new(&settings)?;
                internet.insert(kind, shared.clone());
                shared
            }
        };
        Ok(Sink::Http(HttpSink::with(settings, shared)))
    }
}

/// Drops a tenant's sink, unless it was used again meanwhile.
fn drop_sink(tenant: &Tenant, used: u64) {
    let mut held = lock(&tenant.live);
    if held.as_ref().is_some_and(|live| live.used == used) {
        *held = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
