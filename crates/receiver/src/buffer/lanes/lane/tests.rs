//! The lane of one account, without a sink to deliver to.

#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::{collections::BTreeMap, path::PathBuf, sync::mpsc};

use contract::receiver::routes::{Connection, Route, Unclaimed};
use futures::FutureExt as _;
use secrecy::SecretSlice;

use super::*;
use crate::{
    buffer::{
        command::Command,
        dead::Reason,
        lanes::{pools::Pool, tests::common},
        record::Record,
    },
    event::ZoomHeaders,
    routing::{
        Settings,
        directory::{File, Snapshot},
        sinks::Sinks,
    },
    sink::{Sink, SinkConfig},
};

const ACCOUNT: &str = "acc";

fn connection(name: &str) -> Connection {
    Connection::new("tenants", name).unwrap()
}

/// The account is this connection's, whose events go to the integration's sink.
fn routes(name: &str) -> Snapshot {
    let route = Route {
        connection: connection(name),
        accounts: vec![ACCOUNT.to_owned()],
        sink: None,
        external_refs: BTreeMap::new(),
    };
    let text = route.to_json().unwrap();
    Snapshot {
        version: None,
        files: vec![File {
            connection: connection(name),
            text: Ok(SecretSlice::from(text.into_bytes())),
        }],
    }
}

fn routing(own: Option<Sink>) -> Routing {
    let settings = Settings {
        directory: PathBuf::new(),
        unclaimed: Unclaimed::Drop,
        share: 25,
        grace: Duration::ZERO,
        interval: Duration::from_secs(1),
    };
    let sinks = Sinks::new(SinkConfig::default(), "ns/app".parse().unwrap(), Vec::new());
    Routing::new(settings, own, sinks)
}

fn sink() -> Sink {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = SinkConfig {
        url: Some("http://localhost:1".parse().unwrap()),
        ..SinkConfig::default()
    };
    let secrets = watch::channel(Arc::default()).1;
    let built = config.build(
        "ns/app".parse().unwrap(),
        Vec::new(),
        secrets,
        Duration::MAX,
    );
    built.unwrap().unwrap().sink
}

fn lane(routing: &Routing) -> (Lane, impl Sized + use<>) {
    lane_of(routing, mpsc::channel().0)
}

fn lane_of(routing: &Routing, commands: mpsc::Sender<Command>) -> (Lane, impl Sized + use<>) {
    let directory = tempfile::tempdir().unwrap();
    let (common, held) = common(commands, directory.path());
    let shared = Shared {
        common,
        routing: routing.clone(),
        index: LaneIndex::new(1 << 20, usize::MAX),
        pools: Arc::default(),
        set_aside: Arc::default(),
        is_ephemeral: false,
    };
    let lane = Lane::new(ACCOUNT.into(), shared, Arc::default(), Arc::default());
    (lane, (directory, held))
}

fn letter(lane: &Lane) -> DeadLetter {
    let event = Event::new(Timestamp::now(), ZoomHeaders::default(), "{}".into());
    let mut letter = DeadLetter::new(&event, Reason::Refused, None, 1);
    lane.stamp(&mut letter);
    letter
}

#[tokio::test]
async fn the_wait_for_a_sink_that_is_withheld_ends_with_another_route() {
    let routing = routing(None);
    routing.update(&routes("a"));
    let (mut lane, _held) = lane(&routing);
    assert!(matches!(lane.decide(0, false), Decision::Wait(_)));
    assert!(lane.wait(false).now_or_never().is_none());
    assert_eq!(letter(&lane).connection, Some(connection("a")));
    routing.update(&routes("b"));
    assert!(matches!(
        lane.wait(false).now_or_never(),
        Some(Ok(Wake::Moved))
    ));
    // Skipped before the next decision.
    assert_eq!(letter(&lane).connection, Some(connection("b")));
}

#[tokio::test]
async fn who_delivers_to_the_sink_of_the_integration_waits_for_no_tenant() {
    let routing = routing(Some(sink()));
    routing.update(&routes("a"));
    let (mut lane, _held) = lane(&routing);
    assert_eq!(lane.decide(0, false), Decision::Deliver);
    lane.failures = FAILING;
    let pools = Arc::clone(&lane.shared.pools);
    let acquire = || pools.acquire(Pool::Slow, 1).now_or_never();
    let slow: Vec<_> = std::iter::from_fn(acquire).collect();
    assert!(!slow.is_empty());
    assert!(lane.acquire(1).now_or_never().is_some());
}

/// Has every event, and tells how many each read asked for.
fn store() -> (mpsc::Sender<Command>, mpsc::Receiver<usize>) {
    let (commands, requests) = mpsc::channel();
    let (asked, reads) = mpsc::channel();
    std::thread::spawn(move || {
        for command in requests {
            let Command::ReadThese(places, reply) = command else {
                continue;
            };
            asked.send(places.len()).unwrap();
            let entry = |sequence| Entry {
                sequence,
                since: 7,
                record: Record::Bytes(vec![0; 300].into()),
            };
            let _ = reply.send(places.into_iter().map(entry).collect());
        }
    });
    (commands, reads)
}

#[tokio::test]
async fn small_events_are_read_together_and_forgotten_in_a_pause() {
    let (commands, reads) = store();
    let routing = routing(Some(sink()));
    let (mut lane, _held) = lane_of(&routing, commands);
    for sequence in 0..20 {
        let room = lane.shared.index.reserve(ACCOUNT, 300, u64::MAX).unwrap();
        lane.shared.index.committed(7, [(room, sequence)], [], []);
    }
    let Ok(Wake::Read(items)) = lane.wait(true).await else {
        unreachable!("nothing is pending");
    };
    assert!(items.iter().all(|item| item.record.is_none()));
    assert!(
        reads.try_recv().is_err(),
        "read before it is anybody's turn"
    );
    for sequence in 0..READ as u64 {
        let found = lane.read(sequence).await;
        assert!(matches!(found, Ok(Found::Record(_))));
        lane.settled(sequence);
    }
    assert_eq!(reads.try_iter().collect::<Vec<_>>(), [READ]);

    lane.read(8).await.unwrap();
    assert!(lane.wait(false).now_or_never().is_none());
    assert!(lane.read.is_none());
    // Nothing follows soon.
    lane.failures = 1;
    lane.read(8).await.unwrap();
    assert_eq!(reads.try_iter().collect::<Vec<_>>(), [READ, 1]);

    // Others have the memory: nothing is read that could not be kept.
    lane.failures = 0;
    let others = lane.shared.pools.ahead(512 * 1024);
    assert!(others.is_some());
    assert!(matches!(lane.read(8).await, Ok(Found::Record(_))));
    assert!(lane.read.is_none());
    assert_eq!(reads.try_iter().collect::<Vec<_>>(), [1]);

    // Kept is the memory that is taken, until the last one is sent.
    drop(others);
    lane.read(8).await.unwrap();
    let rest = 512 * 1024 - (READ - 1) * 300;
    assert!(lane.shared.pools.ahead(rest + 1).is_none());
    assert!(lane.shared.pools.ahead(rest).is_some());
    for sequence in 9..16 {
        lane.read(sequence).await.unwrap();
    }
    assert!(lane.read.is_none());
    assert!(lane.shared.pools.ahead(512 * 1024).is_some());
    assert_eq!(reads.try_iter().collect::<Vec<_>>(), [READ]);
}
