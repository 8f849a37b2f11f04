//! One app, many accounts: each event reaches the sink of its account and no other, and nobody waits for anybody.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use contract::receiver::{
    NatsMessageId, SinkFormat, SinkUrl,
    routes::{Connection, Destination, Private, Route, RouteCredentials, RouteSink, Unclaimed},
};
use receiver::routing::Settings;
use serde_json::{Value, json};

use super::{
    client::{event, eventually, hmac_hex},
    fixture::{Fixture, Running, SECRET},
    sink::{Behaviour, Sink},
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

fn with(fixture: Fixture, change: impl FnOnce(&mut Settings)) -> Fixture {
    fixture.with(|config| change(config.routing.as_mut().unwrap()))
}

pub fn routes(fixture: &Fixture) -> PathBuf {
    fixture.directory.path().join("routes")
}

fn sink(address: SocketAddr) -> RouteSink {
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
fn route(name: &str, to: Option<RouteSink>) -> Route {
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
async fn tenant(directory: &Path, name: &str) -> Sink {
    let at = Sink::start().await;
    write(directory, &route(name, Some(sink(at.address))));
    at
}

fn numbers(sink: &Sink) -> Vec<u64> {
    let number = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["n"].as_u64();
    let got = sink.received();
    got.iter().filter_map(|got| number(&got.body)).collect()
}

async fn routing(receiver: &Running) -> Value {
    receiver.facts().await["routing"].clone()
}

async fn send(receiver: &Running, account: &str, n: usize) {
    assert_eq!(receiver.status(&event(SECRET, of(account, n))).await, 204);
}

async fn has(sink: &Sink, count: usize) {
    eventually("events at a tenant's sink", || async {
        sink.count() == count
    })
    .await;
}

#[tokio::test]
async fn every_event_reaches_the_sink_of_its_account_and_no_other() {
    let fixture = routed().await;
    let directory = routes(&fixture);
    let (a, b) = (tenant(&directory, "a").await, tenant(&directory, "b").await);
    write(&directory, &route("c", None));
    let receiver = fixture.start().await;
    for n in 0..20 {
        for account in ["a", "b", "c", "nobody"] {
            send(&receiver, account, n).await;
        }
    }
    let plain = r#"{"event":"meeting.started","n":99}"#;
    assert_eq!(receiver.status(&event(SECRET, plain)).await, 204);
    receiver.holds(0, 0).await;
    for (sink, account) in [(&a, "a"), (&b, "b")] {
        assert_eq!(numbers(sink), (0..20).collect::<Vec<_>>());
        for got in sink.received() {
            assert_eq!(got.header("ce-zoomaccountid"), Some(account));
            assert_eq!(got.header("ce-clinic"), Some(account));
            assert_eq!(got.header("ce-headorg"), Some("4711"));
            assert_eq!(got.path, "/tenant?key=1");
        }
    }
    // The connection without a sink, the account without a connection, and what names no account.
    let own = receiver.sink.received();
    assert_eq!(own.len(), 41);
    for got in own {
        let (account, clinic) = (got.header("ce-zoomaccountid"), got.header("ce-clinic"));
        match account {
            Some("c") => assert_eq!(clinic, Some("c")),
            Some("nobody") | None => assert_eq!(clinic, None),
            other => panic!("{other:?} at the integration's sink"),
        }
    }
    let facts = routing(&receiver).await;
    assert_eq!(facts["routes"], 3);
    let unclaimed = json!({"events": 20, "accounts": 1, "examples": ["nobody"]});
    assert_eq!(facts["unclaimed"], unclaimed);
    assert!(facts["connections"].is_null(), "{facts}");
    receiver.counted("zoom_receiver_lanes 0").await;
    receiver
        .counted("zoom_receiver_unclaimed_events_total 20")
        .await;
}

#[tokio::test]
async fn a_broken_and_a_slow_tenant_hold_up_nobody_and_lose_nothing() {
    const EVENTS: usize = 40;
    let fixture = routed().await;
    let directory = routes(&fixture);
    let (broken, slow, healthy) = (
        tenant(&directory, "broken").await,
        tenant(&directory, "slow").await,
        tenant(&directory, "healthy").await,
    );
    broken.answer(Behaviour::Status(503));
    slow.answer(Behaviour::Hold);
    let receiver = fixture.start().await;
    for n in 0..EVENTS {
        for account in ["broken", "slow", "healthy"] {
            send(&receiver, account, n).await;
        }
    }
    has(&healthy, EVENTS).await;
    receiver.holds(2 * EVENTS as u64, 0).await;
    assert_eq!(slow.count(), 1, "one at a time");
    let facts = routing(&receiver).await;
    let told = &facts["connections"]["tenants/broken"];
    assert_eq!(told["sinkCause"], "sink answered 503");
    assert!(facts["connections"]["tenants/healthy"].is_null());
    assert!(
        receiver.health().await["sinkFailures"].is_null(),
        "the integration's own sink has not failed"
    );
    // A restart keeps all of it, in order.
    slow.answer(Behaviour::Status(204));
    let receiver = receiver.stop().await.start().await;
    broken.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    for sink in [&broken, &slow] {
        let mut numbers = numbers(sink);
        numbers.dedup();
        assert_eq!(numbers, (0..EVENTS as u64).collect::<Vec<_>>());
    }
    assert_eq!(healthy.count(), EVENTS);
}

#[tokio::test]
async fn one_account_fills_its_share_and_no_more() {
    let fixture = with(routed().await, |routing| routing.share = 10)
        .with_buffer(|buffer| buffer.size = 200 * 1024);
    let directory = routes(&fixture);
    let (loud, quiet) = (
        tenant(&directory, "loud").await,
        tenant(&directory, "quiet").await,
    );
    loud.answer(Behaviour::Hold);
    let receiver = fixture.start().await;
    let mut taken = 0;
    while receiver.status(&event(SECRET, of("loud", taken))).await == 204 {
        taken += 1;
    }
    assert!((40..150).contains(&taken), "{taken}");
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="account_full"} 1"#)
        .await;
    assert_eq!(receiver.buffer().await["full"], false);
    for n in 0..taken {
        send(&receiver, "quiet", n).await;
    }
    has(&quiet, taken).await;
    loud.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    send(&receiver, "loud", taken).await;
    has(&loud, taken + 1).await;
}

#[tokio::test]
async fn an_event_waits_for_the_route_of_its_account() {
    let fixture = with(routed().await, |routing| {
        routing.grace = Duration::from_hours(1);
        routing.unclaimed = Unclaimed::Drop;
    });
    let directory = routes(&fixture);
    let receiver = fixture.start().await;
    for n in 0..5 {
        send(&receiver, "late", n).await;
    }
    let plain = r#"{"event":"meeting.started","n":99}"#;
    assert_eq!(receiver.status(&event(SECRET, plain)).await, 204);
    receiver.sink_has(1).await;
    receiver.holds(5, 0).await;
    let late = tenant(&directory, "late").await;
    receiver.holds(0, 0).await;
    assert_eq!(numbers(&late), [0, 1, 2, 3, 4]);
    assert_eq!(routing(&receiver).await["unclaimed"]["events"], 0);
}

#[tokio::test]
async fn what_nobody_claimed_is_kept_until_somebody_does_or_dropped() {
    let fixture = with(routed().await, |routing| {
        routing.unclaimed = Unclaimed::DeadLetter;
    });
    let directory = routes(&fixture);
    let receiver = fixture.start().await;
    for n in 0..100 {
        send(&receiver, "later", n).await;
        send(&receiver, "never", n).await;
    }
    receiver.holds(0, 200).await;
    let listed = receiver.control("GET /dead-letters?limit=1", "").await.body;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let reason = "unclaimed: no connection has claimed the account";
    assert_eq!(listed["items"][0]["reason"], reason);
    assert_eq!(listed["items"][0]["account"], "later");
    assert_eq!(routing(&receiver).await["unclaimed"]["accounts"], 2);
    // Also after a restart.
    let receiver = receiver.stop().await.start().await;
    let later = tenant(&directory, "later").await;
    receiver.holds(0, 100).await;
    assert_eq!(numbers(&later), (0..100).collect::<Vec<_>>());
    assert_eq!(receiver.sink.count(), 0);

    let receiver = with(receiver.stop().await, |routing| {
        routing.unclaimed = Unclaimed::Drop;
    });
    let receiver = receiver.start().await;
    send(&receiver, "never", 100).await;
    receiver.holds(0, 100).await;
    receiver
        .counted("zoom_receiver_unclaimed_events_total 1")
        .await;
}

#[tokio::test]
async fn a_route_that_changes_takes_its_pending_events_along() {
    let fixture = routed().await.with_buffer(|buffer| {
        // Nobody waits for a pause of this length.
        buffer.backoff.first = Duration::from_hours(1);
        buffer.backoff.longest = Duration::from_hours(1);
    });
    let directory = routes(&fixture);
    let wrong = tenant(&directory, "a").await;
    wrong.answer(Behaviour::Status(404));
    let receiver = fixture.start().await;
    for n in 0..5 {
        send(&receiver, "a", n).await;
    }
    has(&wrong, 1).await;
    let right = tenant(&directory, "a").await;
    receiver.holds(0, 0).await;
    assert_eq!(numbers(&right), [0, 1, 2, 3, 4]);
    // A malformed one changes nothing, and says so.
    fs::write(directory.join("tenants.a.json"), "{").unwrap();
    eventually("the problem is told", || async {
        let told = routing(&receiver).await["connections"]["tenants/a"]["routeProblem"].clone();
        told == "the route is malformed"
    })
    .await;
    send(&receiver, "a", 5).await;
    has(&right, 6).await;
    // Without its file the account is nobody's.
    fs::remove_file(directory.join("tenants.a.json")).unwrap();
    eventually("the route has gone", || async {
        routing(&receiver).await["routes"] == 0
    })
    .await;
    send(&receiver, "a", 6).await;
    receiver.sink_has(1).await;
}

#[tokio::test]
async fn dead_letters_are_told_and_handled_by_connection() {
    let fixture = routed().await;
    let directory = routes(&fixture);
    let (a, b) = (tenant(&directory, "a").await, tenant(&directory, "b").await);
    a.answer(Behaviour::Status(400));
    b.answer(Behaviour::Status(422));
    let receiver = fixture.start().await;
    for n in 0..3 {
        send(&receiver, "a", n).await;
        send(&receiver, "b", n).await;
    }
    receiver.holds(0, 6).await;
    let facts = routing(&receiver).await;
    for (name, reason) in [
        ("a", "refused: sink answered 400"),
        ("b", "refused: sink answered 422"),
    ] {
        let told = &facts["connections"][format!("tenants/{name}")];
        assert_eq!(
            (&told["deadLetters"], &told["lastReason"]),
            (&json!(3), &json!(reason))
        );
    }
    let of_a = "connection=tenants/a";
    let listed = receiver
        .control(&format!("GET /dead-letters?{of_a}&limit=2"), "")
        .await
        .body;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["total"], 3);
    assert_eq!(listed["items"][1]["connection"], "tenants/a");
    for wrong in ["connection=a", "connection=", "other=1"] {
        for line in [
            "POST /dead-letters/replay",
            "DELETE /dead-letters",
            "POST /skip",
        ] {
            let answer = receiver.control(&format!("{line}?{wrong}"), "").await;
            assert_eq!(answer.status, 400, "{line} {wrong}");
        }
    }
    a.answer(Behaviour::Status(204));
    let line = format!("POST /dead-letters/replay?{of_a}");
    assert_eq!(receiver.control(&line, "").await.body, r#"{"count":3}"#);
    receiver.holds(0, 3).await;
    assert_eq!(a.count(), 6);
    // The counts survive a restart.
    let receiver = receiver.stop().await.start().await;
    let facts = routing(&receiver).await;
    assert_eq!(facts["connections"]["tenants/b"]["deadLetters"], 3);
    assert!(facts["connections"]["tenants/a"].is_null());
    let line = "DELETE /dead-letters?connection=tenants/b";
    assert_eq!(receiver.control(line, "").await.body, r#"{"count":3}"#);

    for sink in [&a, &b] {
        sink.answer(Behaviour::Status(503));
    }
    for account in ["a", "b"] {
        send(&receiver, account, 7).await;
    }
    has(&a, a.count() + 1).await;
    eventually("the event of b fails", || async {
        let answer = receiver
            .control("POST /skip?connection=tenants/b", "")
            .await;
        answer.status == 200 && answer.body.contains("tenants/b")
    })
    .await;
    receiver.holds(1, 1).await;
}

#[tokio::test]
async fn zooms_format_is_signed_with_the_tenants_own_secret() {
    let fixture = routed().await;
    let directory = routes(&fixture);
    let own = Sink::start().await;
    let mut to = sink(own.address);
    to.format = SinkFormat::Zoom;
    to.credentials.secret_token = Some(Private::new("tenants-own"));
    to.credentials.authorization = Some(Private::new("Bearer tenant"));
    write(&directory, &route("a", Some(to)));
    let receiver = fixture.start().await;
    send(&receiver, "a", 1).await;
    has(&own, 1).await;
    let got = own.received().remove(0);
    assert_eq!(got.header("authorization"), Some("Bearer tenant"));
    let timestamp = got.header("x-zm-request-timestamp").unwrap();
    let message = format!("v0:{timestamp}:{}", of("a", 1));
    let signature = |secret| format!("v0={}", hmac_hex(secret, message.as_bytes()));
    assert_eq!(
        got.header("x-zm-signature"),
        Some(&*signature("tenants-own"))
    );
    assert_ne!(signature("tenants-own"), signature(SECRET));
}

#[tokio::test]
async fn the_networks_of_the_operator_hold_for_tenants() {
    let fixture = routed().await.with(|config| {
        config.sink.refuse_networks = vec!["127.0.0.2/32".parse().unwrap()];
    });
    let directory = routes(&fixture);
    write(
        &directory,
        &route("a", Some(sink(([127, 0, 0, 2], 9).into()))),
    );
    let elsewhere = RouteSink {
        destination: Destination::Service {
            url: SinkUrl("http://127.0.0.1:9/".into()),
            addresses: Some(vec!["10.0.0.1".parse().unwrap()]),
        },
        ..sink(([127, 0, 0, 1], 9).into())
    };
    write(&directory, &route("b", Some(elsewhere)));
    let receiver = fixture.start().await;
    send(&receiver, "a", 1).await;
    send(&receiver, "b", 1).await;
    for name in ["a", "b"] {
        eventually("the sink is refused", || async {
            let facts = routing(&receiver).await;
            let told = &facts["connections"][format!("tenants/{name}")];
            told["sinkCause"] == "sink's address is not allowed"
        })
        .await;
    }
}
