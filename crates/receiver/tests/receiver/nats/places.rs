//! Where a NATS server may not be, and that no connection is made without asking.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_nats::ConnectOptions;
use futures::FutureExt as _;
use receiver::sink::{SinkConfig, SinkError};
use runtime::outgoing::guard::Lookup;
use tokio::net::TcpListener;

use super::{
    client::eventually,
    server::{Server, any_event, leading_to, sink},
};

crate::cases![
    hostile_destinations_are_refused,
    a_name_is_judged_by_all_its_addresses,
    every_connection_is_judged,
    a_server_that_moved_is_found,
    servers_that_a_server_knows_are_ignored,
];

async fn hostile_destinations_are_refused() {
    let server = Server::start("").await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00:ec2::254]",
    ] {
        let url = format!("nats://{host}:{}", server.port);
        let args = SinkConfig {
            nats: Some(url.parse().unwrap()),
            allow_networks: Vec::new(),
            ..server.args()
        };
        let result = sink(&args).deliver(&any_event()).await;
        assert_eq!(result, Err(SinkError::Forbidden), "{host}");
    }
}

fn by_name(server: &Server, lookup: Lookup) -> SinkConfig {
    SinkConfig {
        nats: format!("nats://nats.example:{}", server.port).parse().ok(),
        allow_networks: vec!["127.0.0.1/32".parse().unwrap()],
        lookup,
        ..server.args()
    }
}

async fn a_name_is_judged_by_all_its_addresses() {
    let server = Server::start("").await;
    server.stream().await;
    let lookup = leading_to(&[[127, 0, 0, 1], [127, 0, 0, 2]]);
    let result = sink(&by_name(&server, lookup)).deliver(&any_event()).await;
    assert_eq!(result, Err(SinkError::Forbidden));
    let lookup = leading_to(&[[127, 0, 0, 1], [127, 0, 0, 1]]);
    let result = sink(&by_name(&server, lookup)).deliver(&any_event()).await;
    assert_eq!(result, Ok(()));
}

/// The first answer is permitted, every other one is not.
async fn every_connection_is_judged() {
    let mut server = Server::start("").await;
    server.stream().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let lookup = Lookup::new(move |_| {
        let is_first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        let address = IpAddr::from([127, 0, 0, if is_first { 1 } else { 2 }]);
        async move { Ok(vec![address]) }.boxed()
    });
    let sink = sink(&by_name(&server, lookup));
    assert_eq!(sink.deliver(&any_event()).await, Ok(()));
    assert_eq!(sink.deliver(&any_event()).await, Ok(()));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    server.kill();
    server.restart().await;
    sink.comes_to(Err(SinkError::Forbidden)).await;
    assert_eq!(sink.deliver(&any_event()).await, Err(SinkError::Forbidden));
}

/// As after a restart of a Pod of a `StatefulSet`.
async fn a_server_that_moved_is_found() {
    let mut server = Server::start("").await;
    server.stream().await;
    let moved = Arc::new(AtomicUsize::new(0));
    let place = Arc::clone(&moved);
    let lookup = Lookup::new(move |_| {
        // Nobody listens at the first address.
        let last = if place.load(Ordering::SeqCst) == 0 {
            3
        } else {
            1
        };
        async move { Ok(vec![[127, 0, 0, last].into()]) }.boxed()
    });
    let args = SinkConfig {
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..by_name(&server, lookup)
    };
    let sink = sink(&args);
    assert_eq!(
        sink.deliver(&any_event()).await,
        Err(SinkError::Unreachable)
    );
    moved.store(1, Ordering::SeqCst);
    assert_eq!(sink.deliver(&any_event()).await, Ok(()));
    server.kill();
    moved.store(0, Ordering::SeqCst);
    sink.comes_to(Err(SinkError::Unreachable)).await;
    server.restart().await;
    moved.store(1, Ordering::SeqCst);
    sink.comes_to(Ok(())).await;
}

/// Two servers, of which the second says that it is where the trap is.
async fn servers_that_a_server_knows_are_ignored() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trapped = trap.local_addr().unwrap();
    let routes = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = routes.local_addr().unwrap();
    drop(routes);
    let mut server = Server::start(&format!(
        "jetstream: false\ncluster {{ name: some, listen: \"{route}\" }}"
    ))
    .await;
    let _other = Server::start(&format!(
        "jetstream: false\nclient_advertise: \"{trapped}\"\ncluster {{ name: some, \
         listen: \"127.0.0.1:-1\", routes: [ \"nats-route://{route}\" ] }}"
    ))
    .await;
    let led = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&led);
    tokio::spawn(async move {
        while let Ok((_stream, _)) = trap.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let sink = sink(&server.args());
    for _ in 0..8 {
        eventually("word of the other", || async {
            let options = ConnectOptions::new().ignore_discovered_servers();
            let client = options.connect(server.url()).await.unwrap();
            client
                .server_info()
                .connect_urls
                .contains(&trapped.to_string())
        })
        .await;
        // A connection that has heard of it.
        sink.comes_to(Err(SinkError::NoStream)).await;
        server.kill();
        for _ in 0..5 {
            assert_eq!(
                sink.deliver(&any_event()).await,
                Err(SinkError::Unreachable)
            );
        }
        server.restart().await;
        sink.comes_to(Err(SinkError::NoStream)).await;
    }
    assert_eq!(led.load(Ordering::SeqCst), 0, "led elsewhere");
}
