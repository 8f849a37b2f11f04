//! Lanes side by side, with sinks that behave in every way: order holds in each, and nobody waits for another.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use prometheus_client::registry::Registry;
use proptest::{collection::vec, prelude::*};
use runtime::shutdown;
use tokio::{sync::watch, time};

use super::{
    pools::{Permit, Pool, Pools},
    *,
};
use crate::{
    buffer::{
        backoff::Backoff,
        channel::{Channel, Decision, Wake},
        command::Command,
        dead::DeadLetter,
        fresh::Fresh,
        reader::{Found, Stopped, read_one},
        record::Record,
        schedule::{Item, Rules},
        status::Status,
        store::Entry,
    },
    dedupe::Dedupe,
    event::{Event, ZoomHeaders},
    metrics::Metrics,
    recorder::Recorder,
    routing::tenant::AT_ONCE,
    sink::{Failure, SinkError},
};

const LIMIT: Duration = Duration::from_secs(20);

/// How the sink of an account behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Healthy,
    /// Fails until all events of healthy accounts are delivered.
    Broken,
    /// Answers nothing until then.
    Silent,
    /// Refuses every third event for good.
    Picky,
    /// Fails with every fifth event until it has all others.
    Chokes,
    /// Takes its time, and answers nothing in the end, until all events of healthy accounts are delivered.
    Hangs,
}

#[derive(Debug)]
struct World {
    /// What the store has.
    records: Mutex<BTreeMap<u64, Record>>,
    /// Places in the order of acceptance, by account.
    accepted: Mutex<BTreeMap<usize, Vec<u64>>>,
    /// Places that left the queue, and whether as a dead letter.
    settled: Mutex<Vec<(u64, bool)>>,
    /// Events of healthy accounts that are not delivered yet.
    healthy: watch::Sender<usize>,
    /// Deliveries to sinks that hang.
    hung: watch::Sender<usize>,
    /// So many of them come before each delivery of a healthy account.
    pace: usize,
    at_once: AtomicUsize,
    most: AtomicUsize,
    /// Records that are in memory for a delivery.
    held: AtomicUsize,
    most_held: AtomicUsize,
}

/// The lane of an account with a scripted sink.
#[derive(Debug)]
struct Scripted {
    account: usize,
    manner: Manner,
    unread: VecDeque<u64>,
    failures: u32,
    /// Events that are no fifth one, and are not accepted.
    others: usize,
    common: Common,
    world: Arc<World>,
    pools: Arc<Pools>,
    /// Of the tenant whose sink hangs, whatever the number of its accounts.
    in_flight: Arc<Semaphore>,
}

impl Channel for Scripted {
    type Turn = (Permit, Permit);

    async fn wait(&mut self, reads: bool) -> Result<Wake, Stopped> {
        let next = if reads { self.unread.pop_front() } else { None };
        match next {
            Some(place) => Ok(Wake::Read(vec![unread(place)])),
            None => std::future::pending().await,
        }
    }

    async fn ahead(&mut self) -> Result<Vec<Item>, Stopped> {
        Ok(self.unread.pop_front().into_iter().map(unread).collect())
    }

    async fn read(&mut self, sequence: u64) -> Result<Found, Stopped> {
        let held = self.world.held.fetch_add(1, Ordering::Relaxed) + 1;
        self.world.most_held.fetch_max(held, Ordering::Relaxed);
        read_one(&self.common.commands, &self.common.fresh, sequence).await
    }

    fn is_finished(&self) -> bool {
        self.unread.is_empty()
    }

    fn decide(&mut self, _since: i64, _is_urgent: bool) -> Decision {
        Decision::Deliver
    }

    async fn acquire(&self, bytes: usize) -> Self::Turn {
        let of_tenant = match self.manner {
            Manner::Hangs => Arc::clone(&self.in_flight).acquire_owned().await.ok(),
            _ => None,
        };
        let pool = if self.failures >= 2 {
            Pool::Slow
        } else {
            Pool::Quick
        };
        let of_pool = self.pools.acquire(pool, bytes).await;
        (of_tenant, of_pool)
    }

    async fn deliver(&mut self, event: &Event, _turn: Self::Turn) -> Result<(), Failure> {
        let world = Arc::clone(&self.world);
        let now = world.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        world.most.fetch_max(now, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let place: u64 = str::from_utf8(&event.body).unwrap().parse().unwrap();
        let mut healthy = world.healthy.subscribe();
        let is_over = *healthy.borrow() == 0;
        if self.manner == Manner::Healthy && world.pace > 0 {
            let mut hung = world.hung.subscribe();
            let most = *hung.borrow() + world.pace;
            hung.wait_for(|count| *count >= most).await.unwrap();
        }
        let result = match self.manner {
            Manner::Broken if !is_over => Err(SinkError::Status(503)),
            Manner::Silent => {
                healthy.wait_for(|left| *left == 0).await.unwrap();
                Ok(())
            }
            Manner::Hangs if !is_over => {
                time::sleep(Duration::from_millis(1)).await;
                world.hung.send_modify(|count| *count += 1);
                Err(SinkError::TimedOut)
            }
            Manner::Picky if place.is_multiple_of(3) => Err(SinkError::Status(400)),
            Manner::Chokes if place.is_multiple_of(5) && self.others > 0 => {
                Err(SinkError::Status(500))
            }
            _ => Ok(()),
        };
        world.at_once.fetch_sub(1, Ordering::Relaxed);
        world.held.fetch_sub(1, Ordering::Relaxed);
        self.failures = result.map_or(self.failures + 1, |()| 0);
        if result.is_ok() {
            self.others -= usize::from(!place.is_multiple_of(5));
            let mut accepted = world.accepted.lock().unwrap();
            accepted.entry(self.account).or_default().push(place);
            if self.manner == Manner::Healthy {
                world.healthy.send_modify(|left| *left -= 1);
            }
        }
        result.map_err(Failure::from)
    }

    fn stamp(&self, _letter: &mut DeadLetter) {}

    fn settled(&mut self, _sequence: u64) {}

    fn report(&mut self, _set_aside: usize, _failing: Option<u64>) {}
}

/// Answers as the store's thread does.
fn store(world: Arc<World>) -> std::sync::mpsc::Sender<Command> {
    let (commands, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for command in receiver {
            match command {
                Command::Settle(settle) => {
                    world.records.lock().unwrap().remove(&settle.sequence);
                    let settled = (settle.sequence, settle.dead.is_some());
                    world.settled.lock().unwrap().push(settled);
                }
                Command::ReadThese(places, reply) => {
                    let records = world.records.lock().unwrap();
                    let found = places.iter().filter_map(|place| {
                        let record = records.get(place)?.clone();
                        Some(entry(*place, record))
                    });
                    let _ = reply.send(found.collect());
                }
                _ => {}
            }
        }
    });
    commands
}

fn entry(sequence: u64, record: Record) -> Entry {
    Entry {
        sequence,
        since: Timestamp::now().as_second(),
        record,
    }
}

fn unread(place: u64) -> Item {
    Item::unread(place, Timestamp::now().as_second(), 100)
}

fn record_of(place: u64) -> Record {
    let body = place.to_string().into();
    Record::Event(Event::new(Timestamp::now(), ZoomHeaders::default(), body).into())
}

/// What lanes need, and what must live as long.
pub(in crate::buffer) fn common(
    commands: std::sync::mpsc::Sender<Command>,
    directory: &Path,
) -> (Common, impl Sized + use<>) {
    let (trigger, stop) = shutdown::channel();
    let (sender, urgent) = watch::channel(false);
    let common = Common {
        rules: Rules {
            backoff: Backoff {
                first: Duration::from_millis(1),
                longest: Duration::from_millis(4),
            },
            attempts: 6,
            patience: Duration::ZERO,
        },
        max_age: Duration::from_hours(1),
        commands,
        fresh: Fresh::default(),
        status: watch::channel(Status::default()).1,
        ids: Dedupe::default(),
        metrics: Metrics::register(&mut Registry::default()),
        recorder: Recorder::load(directory),
        urgent,
        stop,
    };
    (common, (trigger, sender))
}

/// Delivers the events, each of an account, by the manners of the accounts. Returns what came of them.
async fn run(manners: &[Manner], events: &[usize], pace: usize) -> Arc<World> {
    let healthy = events
        .iter()
        .filter(|account| manners[**account] == Manner::Healthy);
    let all = (0..events.len() as u64).map(|place| (place, record_of(place)));
    let world = Arc::new(World {
        records: Mutex::new(all.collect()),
        accepted: Mutex::default(),
        settled: Mutex::default(),
        healthy: watch::Sender::new(healthy.count()),
        hung: watch::Sender::default(),
        pace,
        at_once: AtomicUsize::default(),
        most: AtomicUsize::default(),
        held: AtomicUsize::default(),
        most_held: AtomicUsize::default(),
    });
    let directory = tempfile::tempdir().unwrap();
    let (common, _held) = common(store(Arc::clone(&world)), directory.path());
    let (pools, unsettled) = (Arc::default(), Arc::new(Semaphore::new(UNSETTLED)));
    let in_flight = Arc::new(Semaphore::new(AT_ONCE));
    let mut lanes = JoinSet::new();
    for (account, manner) in manners.iter().enumerate() {
        let own = events.iter().enumerate();
        let own = own.filter(|(_, of)| **of == account);
        let own: Vec<u64> = own.map(|(place, _)| place as u64).collect();
        let channel = Scripted {
            account,
            manner: *manner,
            others: own.iter().filter(|place| !place.is_multiple_of(5)).count(),
            unread: own.into(),
            common: common.clone(),
            failures: 0,
            world: Arc::clone(&world),
            pools: Arc::clone(&pools),
            in_flight: Arc::clone(&in_flight),
        };
        let (_skips, requests) = mpsc::channel(1);
        let delivery = Delivery::new(common.clone(), channel, requests, Arc::clone(&unsettled));
        lanes.spawn(delivery.run());
    }
    drop(common);
    let started = Instant::now();
    let ended = time::timeout(LIMIT, lanes.join_all()).await;
    assert!(
        ended.is_ok(),
        "somebody waits for ever: {:?}",
        started.elapsed()
    );
    assert!(ended.unwrap().into_iter().all(|is_done| is_done));
    while world.settled.lock().unwrap().len() < events.len() && started.elapsed() < LIMIT {
        time::sleep(Duration::from_millis(1)).await;
    }
    world
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        3 => Just(Manner::Healthy),
        1 => Just(Manner::Broken),
        1 => Just(Manner::Silent),
        1 => Just(Manner::Picky),
        1 => Just(Manner::Chokes),
    ]
}

/// More lanes than permits, all of one tenant: while they wait for their turn they hold nothing that others need, and no
/// record.
#[tokio::test]
async fn a_tenant_of_many_accounts_whose_sink_hangs_stops_nobody() {
    let mut manners = vec![Manner::Healthy];
    manners.resize(1 + UNSETTLED + 72, Manner::Hangs);
    let mut events = vec![0; 50];
    events.extend((0..3).flat_map(|_| 1..manners.len()));
    let world = run(&manners, &events, 40).await;
    assert_eq!(world.settled.lock().unwrap().len(), events.len());
    let held = world.most_held.load(Ordering::Relaxed);
    assert!(held <= AT_ONCE + 1, "{held} records in memory");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Healthy accounts are done while broken and silent ones are not; each event leaves the queue once; and the
    /// order holds, but for events that were set aside.
    #[test]
    fn order_holds_in_each_lane_and_nobody_waits_for_another(
        manners in vec(manner(), 1..40),
        events in vec(any::<prop::sample::Index>(), 0..160),
    ) {
        let events: Vec<usize> = events.iter().map(|index| index.index(manners.len())).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let world = runtime.unwrap().block_on(run(&manners, &events, 0));
        let mut settled = world.settled.lock().unwrap().clone();
        settled.sort_unstable();
        let places: Vec<u64> = settled.iter().map(|(place, _)| *place).collect();
        prop_assert_eq!(places, (0..events.len() as u64).collect::<Vec<_>>());
        for (account, manner) in manners.iter().enumerate() {
            let own = (0..events.len() as u64).filter(|place| {
                events[usize::try_from(*place).unwrap()] == account
            });
            // What was set aside comes later, or not at all.
            let is_kept = |place: &u64| match manner {
                Manner::Picky => !place.is_multiple_of(3),
                Manner::Chokes => !place.is_multiple_of(5),
                _ => true,
            };
            let accepted = world.accepted.lock().unwrap();
            let mut accepted = accepted.get(&account).cloned().unwrap_or_default();
            accepted.retain(is_kept);
            let expected: Vec<u64> = own.filter(is_kept).collect();
            prop_assert_eq!(accepted, expected, "{:?}", manner);
        }
        prop_assert!(world.most.load(Ordering::Relaxed) <= manners.len());
    }
}
