//! The lane of one account: its events from the index, to wherever its route leads at the moment.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};

use super::{
    index::{Account, LaneIndex, Pending},
    pools::{self, Pool, Pools},
};
use crate::{
    buffer::{
        channel::{Channel, Decision, Wake},
        dead::DeadLetter,
        delivery::Common,
        reader::{Found, Stopped, read_these},
        schedule::Item,
        store::Entry,
    },
    event::Event,
    recorder::Urgency,
    routing::{Place, Routing, table::Table, tenant::Tenant},
    sink::{Failure, SinkError},
};

/// Most events of one look at the index, and of one read.
const READ: usize = 8;
/// Most bytes of one read of several events.
const READ_BYTES: usize = 16 * 1024;

/// Failures in a row after which a sink is slow.
const FAILING: u32 = 2;

/// What all lanes share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What each needs.
    pub common: Common,
    /// Where events go.
    pub routing: Routing,
    /// What is pending.
    pub index: LaneIndex,
    /// Who may deliver now.
    pub pools: Arc<Pools>,
    /// How many events are set aside.
    pub set_aside: Arc<AtomicUsize>,
    /// The buffer is lost with the Pod.
    pub is_ephemeral: bool,
}

/// The events of one account.
#[derive(Debug)]
pub struct Lane {
    account: Account,
    shared: Shared,
    routes: watch::Receiver<Option<Arc<Table>>>,
    arrived: Arc<Notify>,
    failing: Arc<AtomicU64>,
    /// How many events this lane had set aside at the last report.
    reported: usize,
    /// The first place that was not looked at.
    from: u64,
    /// What was read together with the last event that was sent.
    read: Option<ReadAhead>,
    /// Where the last event was to go.
    place: Option<Place>,
    /// Deliveries that failed in a row.
    failures: u32,
}

/// Events that follow, and the memory for them. Few small ones: who waits for its turn holds nothing else.
#[derive(Debug)]
struct ReadAhead {
    entries: VecDeque<Entry>,
    _memory: OwnedSemaphorePermit,
}

/// What a delivery holds.
#[derive(Debug)]
pub struct Turn {
    _sink: Option<OwnedSemaphorePermit>,
    _pool: pools::Permit,
}

// === impl Lane ===

impl Lane {
    /// The lane of an account.
    #[must_use]
    pub fn new(
        account: Account,
        shared: Shared,
        arrived: Arc<Notify>,
        failing: Arc<AtomicU64>,
    ) -> Self {
        Self {
            account,
            routes: shared.routing.watch(),
            shared,
            arrived,
            failing,
            reported: 0,
            from: 0,
            read: None,
            place: None,
            failures: 0,
        }
    }

    /// The tenant that the last event was to go to, or whose it is.
    fn tenant(&self) -> Option<&Arc<Tenant>> {
        match self.place.as_ref()? {
            Place::Tenant(tenant) | Place::Own(_, Some(tenant)) | Place::Wait(_, Some(tenant)) => {
                Some(tenant)
            }
            _ => None,
        }
    }

    /// Completes when the account is another tenant's than at the last look, or its route has changed.
    fn moved(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut routes = self.routes.clone();
        let is_placed = self.place.is_some();
        let (account, before) = (Arc::clone(&self.account), self.tenant().cloned());
        async move {
            let is_same = |table: &Option<Arc<Table>>| {
                let now = table.as_ref().and_then(|table| table.tenant(&account));
                match (&before, now) {
                    (Some(before), Some(now)) => Arc::ptr_eq(before, now),
                    (before, now) => before.is_none() && now.is_none(),
                }
            };
            if !is_placed || routes.wait_for(|table| !is_same(table)).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Events that were not looked at. Without their records: those are read when it is their turn.
    fn look(&mut self) -> Vec<Item> {
        let index = &self.shared.index;
        let found = index.after(&self.account, self.from, READ, usize::MAX);
        if let Some(last) = found.last() {
            self.from = last.sequence() + 1;
        }
        let unread = |event: &Pending| Item::unread(event.sequence(), event.since(), event.size());
        found.iter().map(unread).collect()
    }

    async fn next(&mut self) -> Vec<Item> {
        loop {
            let arrived = Arc::clone(&self.arrived);
            let arrived = arrived.notified();
            let items = self.look();
            if !items.is_empty() {
                return items;
            }
            arrived.await;
        }
    }

    /// What was read of an event already.
    fn take_read(&mut self, sequence: u64) -> Option<Entry> {
        let entries = &mut self.read.as_mut()?.entries;
        let at = entries.iter().position(|entry| entry.sequence == sequence);
        let entry = at.and_then(|at| entries.remove(at));
        if entries.is_empty() {
            self.read = None;
        }
        entry
    }

    /// Memory to read further events together with the one that is sent, if there is some. Behind a sink that fails or
    /// is slow none is needed soon.
    fn memory(&mut self) -> pools::Permit {
        self.read = None;
        let is_slow = self.tenant().is_some_and(|tenant| tenant.is_slow());
        let is_ahead = !is_slow && self.failures == 0;
        is_ahead
            .then(|| self.shared.pools.ahead(READ_BYTES))
            .flatten()
    }

    /// Which events are read together with this one: alone, or as many as there is memory for.
    fn together(&self, sequence: u64, is_alone: bool) -> Vec<u64> {
        let count = if is_alone { 1 } else { READ };
        let index = &self.shared.index;
        let found = index.after(&self.account, sequence, count, READ_BYTES);
        let following = found.iter().map(Pending::sequence);
        let following = following.filter(|place| *place != sequence);
        std::iter::once(sequence).chain(following).collect()
    }

    /// Keeps what was read beside the event that is sent, and of the memory what that takes.
    fn keep(&mut self, entries: VecDeque<Entry>, memory: pools::Permit) {
        let bytes: usize = entries.iter().map(|entry| entry.record.size()).sum();
        let memory = memory.filter(|_| !entries.is_empty());
        self.read = memory.map(|mut memory| {
            drop(memory.split(READ_BYTES.saturating_sub(bytes)));
            ReadAhead {
                entries,
                _memory: memory,
            }
        });
    }
}

impl Channel for Lane {
    type Turn = Turn;

    async fn wait(&mut self, reads: bool) -> Result<Wake, Stopped> {
        if !reads {
            self.read = None;
        }
        let moved = self.moved();
        tokio::select! {
            items = self.next(), if reads => Ok(Wake::Read(items)),
            () = moved => {
                // Told once.
                self.place = None;
                Ok(Wake::Moved)
            }
        }
    }

    async fn ahead(&mut self) -> Result<Vec<Item>, Stopped> {
        Ok(self.look())
    }

    async fn read(&mut self, sequence: u64) -> Result<Found, Stopped> {
        if let Some(entry) = self.take_read(sequence) {
            return Ok(Found::Record(entry.record));
        }
        let mut memory = None;
        let mut entries = self.shared.common.fresh.take_these(&[sequence]);
        if entries.is_none() {
            memory = self.memory();
            let places = self.together(sequence, memory.is_none());
            let common = &self.shared.common;
            entries = read_these(&common.commands, &common.fresh, places).await?;
        }
        let Some(mut entries) = entries.map(VecDeque::from) else {
            return Ok(Found::Later);
        };
        let first = entries.pop_front_if(|first| first.sequence == sequence);
        self.keep(entries, memory);
        Ok(first.map_or(Found::Gone, |entry| Found::Record(entry.record)))
    }

    fn is_finished(&self) -> bool {
        let next = self
            .shared
            .index
            .after(&self.account, self.from, 1, usize::MAX);
        next.is_empty()
    }

    fn decide(&mut self, since: i64, is_urgent: bool) -> Decision {
        let waited = Timestamp::now().as_second().saturating_sub(since);
        let waited = Duration::from_secs(u64::try_from(waited).unwrap_or(0));
        // What a lost buffer holds would be lost with it.
        let is_last = is_urgent && self.shared.is_ephemeral;
        let place = self.shared.routing.place(&self.account, waited, is_last);
        let decision = match &place {
            Place::Tenant(_) | Place::Own(..) => Decision::Deliver,
            Place::Wait(time, _) => Decision::Wait(Instant::now() + *time),
            Place::Unclaimed(why) => Decision::Unclaimed((*why).to_owned()),
            Place::Drop => Decision::Drop,
        };
        self.place = Some(place);
        decision
    }

    async fn acquire(&self, bytes: usize) -> Turn {
        let (sink, pool) = match &self.place {
            Some(Place::Own(..)) => (None, Pool::Own),
            Some(Place::Tenant(tenant)) => {
                let sink = Arc::clone(&tenant.in_flight).acquire_owned().await.ok();
                // What is known of the sink once it is this lane's turn.
                let is_slow = tenant.is_slow() || self.failures >= FAILING;
                (sink, if is_slow { Pool::Slow } else { Pool::Quick })
            }
            _ => (None, Pool::Quick),
        };
        Turn {
            _sink: sink,
            _pool: self.shared.pools.acquire(pool, bytes).await,
        }
    }

    async fn deliver(&mut self, event: &Event, _turn: Turn) -> Result<(), Failure> {
        let result = match &self.place {
            Some(Place::Tenant(tenant)) => {
                let tenant = Arc::clone(tenant);
                let started = Instant::now();
                let result = match self.shared.routing.sink(&tenant) {
                    Ok(sink) => sink.deliver(event, &tenant.refs).await,
                    Err(error) => Err(error.into()),
                };
                tenant.delivered(result, started.elapsed());
                result
            }
            Some(Place::Own(sink, _)) => {
                // Without the facts of the connection: a tenant must not say at the platform's sink who it is.
                let result = sink.deliver(event, &[]).await;
                let at = Timestamp::now();
                let cause = result.map_err(|failure| failure.error.to_string());
                self.shared
                    .common
                    .recorder
                    .record_health(Urgency::Soon, |health| match &cause {
                        Ok(()) => health.delivered(at),
                        Err(cause) => health.not_delivered(at, cause),
                    });
                result
            }
            // Decided before.
            _ => Err(SinkError::Credentials.into()),
        };
        self.failures = match result {
            Ok(()) => 0,
            Err(_) => self.failures.saturating_add(1),
        };
        result
    }

    fn stamp(&self, letter: &mut DeadLetter) {
        let account = Some(&*self.account).filter(|account| !account.is_empty());
        letter.account = account.map(str::to_owned);
        // Without a place the account has moved, and nothing was decided since.
        letter.connection = match self.tenant() {
            Some(tenant) => Some(tenant.connection.clone()),
            None => self.shared.routing.connection(&self.account),
        };
    }

    fn settled(&mut self, sequence: u64) {
        self.shared.index.settle(&self.account, sequence);
        self.take_read(sequence);
        let is_nobodys = match &self.place {
            Some(Place::Unclaimed(_) | Place::Drop | Place::Own(_, None)) => {
                !self.account.is_empty()
            }
            _ => false,
        };
        if is_nobodys {
            self.shared.routing.count_unclaimed(&self.account);
        }
    }

    fn report(&mut self, set_aside: usize, failing: Option<u64>) {
        self.failing
            .store(failing.unwrap_or(u64::MAX), Ordering::Relaxed);
        if set_aside == self.reported {
            return;
        }
        let before = self
            .shared
            .set_aside
            .fetch_add(set_aside, Ordering::Relaxed)
            + set_aside;
        self.shared
            .set_aside
            .fetch_sub(self.reported, Ordering::Relaxed);
        let all = before - self.reported;
        self.reported = set_aside;
        self.shared.common.metrics.set_aside(all);
        self.shared
            .common
            .recorder
            .record_health(Urgency::Soon, |health| health.set_aside = all as u64);
    }
}

#[cfg(test)]
mod tests;
