//! Tenants of one app: their routes and their sinks.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use contract::receiver::{
    NatsMessageId, SinkFormat, SinkUrl,
    routes::{Connection, Destination, Route, RouteCredentials, RouteSink, Unclaimed},
};
use receiver::routing::Settings;
use serde_json::Value;

use super::{
    client::{event, eventually},
    fixture::{Fixture, Running, SECRET},
    sink::Sink,
};

/// The n-th event of an account.
pub fn of(account: &str, n: usize) -> String {
    format!(r#"{{"event":"meeting.started","n":{n},"payload":{{"account_id":"{account}"}}}}"#)
}

/// With a directory for routes and no patience for those that are missing.
pub async fn routed() -> Fixture {
    let fixture = Fixture::new().await.buffered();
    let directory = routes(&fixture);
    fs::create_dir(&directory).unwrap();
    fixture.with(|config| {
        config.routing = Some(Settings {
            directory,
            unclaimed: Unclaimed::Sink,
            share: 50,
            grace: Duration::ZERO,
            interval: Duration::from_millis(5),
        });
    })
}

pub fn with(fixture: Fixture, change: impl FnOnce(&mut Settings)) -> Fixture {
    fixture.with(|config| change(config.routing.as_mut().unwrap()))
}

pub fn routes(fixture: &Fixture) -> PathBuf {
    fixture.directory.path().join("routes")
}

pub fn sink(address: SocketAddr) -> RouteSink {
    RouteSink {
        destination: Destination::Internet {
            url: SinkUrl(format!("http://{address}/tenant?key=1")),
        },
        format: SinkFormat::CloudEvents,
        timeout_seconds: None,
        message_id: NatsMessageId::Body,
        credentials: RouteCredentials::default(),
    }
}

/// The route of a connection that has one account, with the same name.
pub fn route(name: &str, to: Option<RouteSink>) -> Route {
    Route {
        connection: Connection::new("tenants", name).unwrap(),
        accounts: vec![name.to_owned()],
        sink: to,
        external_refs: [("clinic".to_owned(), name.to_owned())].into(),
    }
}

pub fn write(directory: &Path, route: &Route) {
    // As a whole: a reader never finds half a file.
    let path = directory.join(route.connection.route_key());
    let new = directory.join(format!("{}.new", route.connection.name));
    fs::write(&new, route.to_json().unwrap()).unwrap();
    fs::rename(new, path).unwrap();
}

/// A tenant with a sink, routed to it.
pub async fn tenant(directory: &Path, name: &str) -> Sink {
    let at = Sink::start().await;
    write(directory, &route(name, Some(sink(at.address))));
    at
}

pub fn numbers(sink: &Sink) -> Vec<u64> {
    let number = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["n"].as_u64();
    let got = sink.received();
    got.iter().filter_map(|got| number(&got.body)).collect()
}

pub async fn routing(receiver: &Running) -> Value {
    receiver.facts().await["routing"].clone()
}

pub async fn send(receiver: &Running, account: &str, n: usize) {
    assert_eq!(receiver.status(&event(SECRET, of(account, n))).await, 204);
}

pub async fn has(sink: &Sink, count: usize) {
    eventually("events at a tenant's sink", || async {
        sink.count() == count
    })
    .await;
}
