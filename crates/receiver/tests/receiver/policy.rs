//! Where a sink must not be, judged by the real receiver on real sockets.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use runtime::outgoing::guard::Lookup;

use super::{
    client::{event, get},
    fixture::{BODY, Fixture, Running, SECRET},
    sink::Behaviour,
};

/// A check of the sink is not to ask for its name as well.
const NEVER: Duration = Duration::from_hours(1);

/// The receiver, the sink's place in a URL made of these words.
async fn receiver(url: impl FnOnce(u16) -> String, lookup: Option<Lookup>) -> Running {
    let fixture = Fixture::new().await;
    let url = url(fixture.sink.address.port());
    let fixture = fixture.with(|config| {
        config.sink.url = Some(url.parse().unwrap());
        config.sink.allow_networks.clear();
        config.sink.lookup = lookup.unwrap_or_default();
    });
    fixture.start().await
}

async fn forbidden(receiver: &Running) -> u64 {
    let page = get(receiver.at.admin, "/metrics").await.body;
    let line = "zoom_receiver_sink_deliveries_total{outcome=\"forbidden\"} ";
    let count = page.lines().find_map(|l| l.strip_prefix(line));
    count.unwrap().parse().unwrap()
}

fn answering(addresses: &[&str]) -> Lookup {
    let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
    Lookup::new(move |_| {
        let addresses = addresses.clone();
        async move { Ok(addresses) }.boxed()
    })
}

/// Every spelling of this host, of its link, of private networks and of metadata that a URL may have.
const HOSTS: [&str; 37] = [
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "%31%32%37.0.0.1",
    "127.0.0.1.",
    "１２７.0.0.1",
    "localhost",
    "LOCALHOST",
    "0.0.0.0",
    "0",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[ff02::1]",
];

#[tokio::test]
async fn hostile_destinations_are_refused() {
    for host in HOSTS {
        let receiver = receiver(|port| format!("http://{host}:{port}/in"), None).await;
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503, "{host}");
        assert_eq!(forbidden(&receiver).await, 1, "{host}");
        assert_eq!(receiver.sink.count(), 0, "{host}");
    }
}

/// The name of a Service leads elsewhere after it was judged: it became an `ExternalName`.
#[tokio::test]
async fn a_service_is_reached_at_its_judged_addresses_only() {
    for judged in [vec!["10.96.0.7".parse().unwrap()], Vec::new()] {
        let fixture = Fixture::new().await.with(|config| {
            config.sink.url = None;
            config.sink.service = Some("http://sink.ns.svc/in".parse().unwrap());
            config.sink.service_addresses = Some(judged);
            config.sink.lookup = answering(&["10.96.0.8"]);
        });
        let receiver = fixture.start().await;
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
        assert_eq!(forbidden(&receiver).await, 1);
    }
}

#[tokio::test]
async fn a_refused_network_is_no_sink_although_it_is_allowed() {
    let fixture = Fixture::new().await.with(|config| {
        config.sink.refuse_networks = vec!["127.0.0.0/16".parse().unwrap()];
    });
    let receiver = fixture.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(forbidden(&receiver).await, 1);
    assert_eq!(receiver.sink.count(), 0);
}

#[tokio::test]
async fn a_service_is_neither_this_host_nor_metadata() {
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "169.254.169.254",
        "0x7f.1",
        "[::ffff:7f00:1]",
    ] {
        let fixture = Fixture::new().await;
        let url = format!("http://{host}:{}/in", fixture.sink.address.port());
        let fixture = fixture.with(|config| {
            config.sink.url = None;
            config.sink.service = Some(url.parse().unwrap());
        });
        let receiver = fixture.start().await;
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503, "{host}");
        assert_eq!(forbidden(&receiver).await, 1, "{host}");
        assert_eq!(receiver.sink.count(), 0, "{host}");
    }
}

#[tokio::test]
async fn a_name_is_judged_by_all_its_addresses() {
    for addresses in [
        &["127.0.0.1"][..],
        &["1.1.1.1", "127.0.0.1"],
        &["127.0.0.1", "1.1.1.1"],
    ] {
        let lookup = answering(addresses);
        let url = |port| format!("http://sink.example:{port}/in");
        let receiver = receiver(url, Some(lookup)).await;
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
        assert_eq!(forbidden(&receiver).await, 1, "{addresses:?}");
        assert_eq!(receiver.sink.count(), 0);
    }
}

/// The first answer is permitted, every other one leads to the sink, which is not. Whoever judges one
/// answer and connects by another would reach it.
#[tokio::test]
async fn a_name_that_changes_its_mind_gets_nowhere() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let lookup = Lookup::new(move |_| {
        let is_first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        // Nobody listens there.
        let last = if is_first { 2 } else { 1 };
        async move { Ok(vec![[127, 0, 0, last].into()]) }.boxed()
    });
    let fixture = Fixture::new().await;
    let url = format!("http://sink.example:{}/in", fixture.sink.address.port());
    let fixture = fixture.with(|config| {
        config.sink.url = Some(url.parse().unwrap());
        config.sink.allow_networks = vec!["127.0.0.2/32".parse().unwrap()];
        config.sink.lookup = lookup;
        config.tuning.first_check = NEVER;
    });
    let receiver = fixture.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "asked once for a connection"
    );
    assert_eq!(forbidden(&receiver).await, 0);
    for body in ["{}", "[]"] {
        assert_eq!(receiver.status(&event(SECRET, body)).await, 503);
    }
    assert_eq!(forbidden(&receiver).await, 2);
    assert_eq!(receiver.sink.count(), 0);
}

#[tokio::test]
async fn an_allowed_network_is_reached_by_name() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&names);
    let lookup = Lookup::new(move |name| {
        seen.lock().unwrap().push(name);
        async { Ok(vec![[127, 0, 0, 1].into()]) }.boxed()
    });
    let fixture = Fixture::new().await;
    let url = format!("http://sink.example:{}/in", fixture.sink.address.port());
    let fixture = fixture.with(|config| {
        config.sink.url = Some(url.parse().unwrap());
        config.sink.lookup = lookup;
        config.tuning.first_check = NEVER;
    });
    let receiver = fixture.start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 204);
    assert_eq!(*names.lock().unwrap(), ["sink.example"]);
    // Nobody is asked about where a redirect leads.
    receiver.sink.answer(Behaviour::Redirect);
    assert_eq!(receiver.status(&event(SECRET, "{}")).await, 503);
    assert_eq!(receiver.sink.count(), 2);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_not_forbidden() {
    for lookup in [
        answering(&[]),
        Lookup::new(|_| async { Err(io::Error::from(io::ErrorKind::NotFound)) }.boxed()),
    ] {
        let url = |port| format!("http://sink.example:{port}/in");
        let receiver = receiver(url, Some(lookup)).await;
        assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
        assert_eq!(forbidden(&receiver).await, 0);
        receiver
            .counted(r#"zoom_receiver_sink_deliveries_total{outcome="unreachable"} 1"#)
            .await;
    }
}
