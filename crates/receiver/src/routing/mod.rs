//! One app, many accounts: where the events of an account go.
//!
//! ```text
//! files of the routes -> directory (read when they change) -> table: account -> tenant -> its sink
//! event of an account -> Routing::place -> a tenant's sink, the integration's, a wait for the route, or neither
//! ```
//!
//! | question | module |
//! |---|---|
//! | Which routes are there now? | [`directory`], polled by [`Routing::follow`] |
//! | What if one is wrong, or two claim one account? | [`table`] |
//! | What is a tenant's sink, and when is it built and dropped? | [`tenant`], [`sinks`], [`recent`] |
//! | Whose events had no route? | [`unclaimed`] |
//! | For how long has an account had no route? | [`absences`] |

pub mod absences;
pub mod directory;
mod recent;
pub mod sinks;
pub mod table;
pub mod tenant;
pub mod unclaimed;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use contract::{
    receiver::routes::{Connection, Unclaimed},
    routing_facts::RoutingFacts,
};
use tokio::{sync::watch, time};
use tracing::{info, warn};

use self::{
    absences::Absences, directory::Snapshot, sinks::Sinks, table::Table, tenant::Tenant,
    unclaimed::Seen,
};
use super::sink::Sink;

/// How long an event waits for the route of its account, counted from its arrival, from the start of the receiver,
/// or from when the account lost its route, whichever was last: a changed Secret reaches a Pod within 90 seconds,
/// mostly, and the controller needs some time before that.
pub const GRACE: Duration = Duration::from_secs(150);
/// The integration's sink is not there yet, because its credentials are not, or it is refused. It comes with
/// another process: until then events stay.
const HOLD: Duration = Duration::from_hours(1);
/// A sink that nothing was sent to for this time is dropped, with its connections.
const IDLE: Duration = Duration::from_mins(1);

/// How a receiver that serves many accounts is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the routes.
    pub directory: PathBuf,
    /// What happens to events of an account without a route.
    pub unclaimed: Unclaimed,
    /// Percent of the buffer that the events of one account may take.
    pub share: u8,
    /// How long an event waits for the route of its account.
    pub grace: Duration,
    /// Pause between two looks at the directory.
    pub interval: Duration,
}

/// The routes in force. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Routing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    /// `None` until the directory could be read.
    table: watch::Sender<Option<Arc<Table>>>,
    own: Option<Sink>,
    sinks: Sinks,
    seen: Mutex<Seen>,
    absences: Mutex<Absences>,
}

/// Where an event goes.
#[derive(Clone, Debug)]
pub enum Place {
    /// To the sink of the connection that claims the account.
    Tenant(Arc<Tenant>),
    /// To the integration's sink, and the connection that claims the account.
    Own(Sink, Option<Arc<Tenant>>),
    /// Not decided before this time has passed, and the connection that claims the account.
    Wait(Duration, Option<Arc<Tenant>>),
    /// Nowhere, and it is kept as a dead letter. Why.
    Unclaimed(&'static str),
    /// Nowhere.
    Drop,
}

// === impl Routing ===

impl Routing {
    /// Routes that are not read yet. `own` is the integration's sink.
    #[must_use]
    pub fn new(settings: Settings, own: Option<Sink>, sinks: Sinks) -> Self {
        Self(Arc::new(Inner {
            settings,
            table: watch::Sender::new(None),
            own,
            sinks,
            seen: Mutex::default(),
            absences: Mutex::new(Absences::new(Instant::now())),
        }))
    }

    /// Reads the directory every now and then, for ever, and drops sinks that nobody uses.
    pub async fn follow(self) {
        let mut version: Option<PathBuf> = None;
        let mut is_failing = false;
        loop {
            let (directory, known) = (self.0.settings.directory.clone(), version.clone());
            // Thousands of small files: not on the thread that answers Zoom.
            let read =
                tokio::task::spawn_blocking(move || directory::read(&directory, known.as_deref()));
            match read.await {
                Ok(Ok(None)) => is_failing = false,
                Ok(Ok(Some(snapshot))) => {
                    is_failing = false;
                    self.update(&snapshot);
                    version = snapshot.version;
                }
                Ok(Err(error)) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(%error, "failed to read the routes");
                    }
                }
                Err(_) => {}
            }
            if let Some(before) = Instant::now().checked_sub(IDLE) {
                self.0.sinks.drop_idle(before);
            }
            time::sleep(self.0.settings.interval).await;
        }
    }

    /// Takes over what was read.
    pub fn update(&self, snapshot: &Snapshot) {
        let previous = self.table();
        let empty = Table::default();
        let previous_table = previous.as_deref().unwrap_or(&empty);
        let make = |route| Tenant::new(route, self.0.sinks.timeout());
        let table = Table::next(previous_table, &snapshot.files, make);
        if previous.is_some() && table == *previous_table {
            return;
        }
        info!(
            routes = table.len(),
            problems = table.problems().count(),
            "routes changed"
        );
        for (connection, problem) in table.problems() {
            if previous_table.problem(connection) != Some(problem) {
                warn!(%connection, problem, "route not used");
            }
        }
        // Before the table is in force: nobody must find it without the absences.
        match &previous {
            None => *self.absences() = Absences::new(Instant::now()),
            Some(previous) => {
                let grace = self.0.settings.grace;
                self.absences()
                    .update(previous, &table, grace, Instant::now());
            }
        }
        self.seen()
            .claimed(|account| table.tenant(account).is_some());
        self.0.table.send_replace(Some(Arc::new(table)));
    }

    /// Becomes `Some` once the routes could be read, and changes with them.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Table>>> {
        self.0.table.subscribe()
    }

    /// Where an event of this account (empty: of none) goes that has waited for so long. It waits for a route
    /// as long as the account may get one: the account is not without one longer than the event waits, and
    /// nothing is known of the time before the receiver started. With `is_last` there is no time left to wait.
    #[must_use]
    pub fn place(&self, account: &str, waited: Duration, is_last: bool) -> Place {
        let own = self.0.own.as_ref();
        let table = self.table();
        if let Some(tenant) = table.as_ref().and_then(|table| table.tenant(account)) {
            let tenant = Arc::clone(tenant);
            return match own {
                _ if tenant.has_sink() => Place::Tenant(tenant),
                Some(sink) => Place::Own(sink.clone(), Some(tenant)),
                None => Place::Wait(HOLD, Some(tenant)),
            };
        }
        if account.is_empty() {
            return own.map_or(Place::Wait(HOLD, None), |sink| {
                Place::Own(sink.clone(), None)
            });
        }
        let waited = waited.min(self.absences().lasted(account, Instant::now()));
        let grace = self.0.settings.grace.saturating_sub(waited);
        if !is_last && grace > Duration::ZERO {
            return Place::Wait(grace, None);
        }
        match (self.0.settings.unclaimed, own) {
            (Unclaimed::Drop, _) => Place::Drop,
            (Unclaimed::Sink, Some(sink)) => Place::Own(sink.clone(), None),
            (Unclaimed::Sink, None) => Place::Wait(HOLD, None),
            (Unclaimed::DeadLetter, _) => Place::Unclaimed("no connection has claimed the account"),
        }
    }

    /// The connection that claims the account.
    #[must_use]
    pub fn connection(&self, account: &str) -> Option<Connection> {
        let table = self.table()?;
        Some(table.tenant(account)?.connection.clone())
    }

    /// Whether a connection claims the account, and its events go somewhere.
    #[must_use]
    pub fn leads_somewhere(&self, account: &str) -> bool {
        let table = self.table();
        let tenant = table.as_ref().and_then(|table| table.tenant(account));
        tenant.is_some_and(|tenant| tenant.has_sink() || self.0.own.is_some())
    }

    /// The sink of a tenant.
    ///
    /// # Errors
    /// When its client cannot be built.
    pub fn sink(&self, tenant: &Arc<Tenant>) -> Result<Sink, super::sink::SinkError> {
        self.0.sinks.get(tenant)
    }

    /// An event of an account without a route was treated as the policy says.
    pub fn count_unclaimed(&self, account: &str) {
        self.seen().count(account);
    }

    /// What the controller learns of connections after this one, without dead letters.
    #[must_use]
    pub fn facts(&self, after: Option<Connection>) -> RoutingFacts {
        let mut facts = RoutingFacts::after(after);
        facts.unclaimed = self.seen().facts();
        if let Some(table) = self.table() {
            table.tell(&mut facts);
        }
        facts
    }

    /// How many routes are in force, how many files cannot be used, and how many sinks are built.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let table = self.table();
        let (routes, problems) =
            table.map_or((0, 0), |table| (table.len(), table.problems().count()));
        (routes, problems, self.0.sinks.live())
    }

    /// How many events had no route since the receiver started.
    #[must_use]
    pub fn unclaimed_events(&self) -> u64 {
        self.seen().total()
    }

    /// How it is set up.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn table(&self) -> Option<Arc<Table>> {
        self.0.table.borrow().clone()
    }

    fn absences(&self) -> MutexGuard<'_, Absences> {
        let absences = &self.0.absences;
        absences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;
    use crate::sink::SinkConfig;

    #[test]
    fn an_old_event_waits_for_the_routes_of_a_receiver_that_has_just_started() {
        let sinks = Sinks::new(SinkConfig::default(), "ns/app".parse().unwrap(), Vec::new());
        let settings = Settings {
            directory: PathBuf::new(),
            unclaimed: Unclaimed::Drop,
            share: 25,
            grace: GRACE,
            interval: Duration::from_secs(1),
        };
        let routing = Routing::new(settings, None, sinks);
        routing.update(&Snapshot::default());
        let hour = Duration::from_hours(1);
        let place = routing.place("acc", hour, false);
        let is_patient = |time| time > GRACE / 2 && time <= GRACE;
        assert!(
            matches!(place, Place::Wait(time, _) if is_patient(time)),
            "{place:?}"
        );
        // Of an ephemeral buffer that ends, nothing is left to wait for.
        assert!(matches!(routing.place("acc", hour, true), Place::Drop));
        // Once that is over, the event's own age counts.
        *routing.absences() = Absences::new(Instant::now().checked_sub(GRACE).unwrap());
        assert!(matches!(routing.place("acc", hour, false), Place::Drop));
        let place = routing.place("acc", GRACE / 3, false);
        assert!(matches!(place, Place::Wait(..)), "{place:?}");
    }
}
