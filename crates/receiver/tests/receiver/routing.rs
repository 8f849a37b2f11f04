//! One app, many accounts: each event reaches the sink of its account and no other.

use std::{fs, time::Duration};

use contract::receiver::{
    SinkFormat, SinkUrl,
    routes::{Destination, Private, RouteSink, Unclaimed},
};
use redb::{Database, ReadableTable as _, TableDefinition};
use serde_json::{Value, json};

use super::{
    client::{event, eventually, hmac_hex},
    fixture::SECRET,
    sink::{Behaviour, Sink},
    tenants::{has, numbers, of, route, routed, routes, routing, send, sink, tenant, with, write},
};

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
            // A tenant's own facts go to its own sink only.
            Some("c" | "nobody") | None => {
                assert_eq!((clinic, got.header("ce-headorg")), (None, Some("4711")));
            }
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
async fn without_the_integrations_sink_its_events_stay_and_those_of_tenants_go() {
    let fixture = routed().await;
    let directory = routes(&fixture);
    let a = tenant(&directory, "a").await;
    write(&directory, &route("b", None));
    let url = fixture.config.sink.url.clone();
    let receiver = fixture.with(|config| config.sink.url = None).start().await;
    for account in ["a", "b", "nobody"] {
        send(&receiver, account, 1).await;
    }
    let plain = r#"{"event":"meeting.started","n":99}"#;
    assert_eq!(receiver.status(&event(SECRET, plain)).await, 204);
    has(&a, 1).await;
    receiver.holds(3, 0).await;
    let fixture = receiver.stop().await;
    let receiver = fixture.with(|config| config.sink.url = url).start().await;
    receiver.holds(0, 0).await;
    assert_eq!(receiver.sink.count(), 3);
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
async fn a_dead_letter_of_a_later_version_costs_nothing_that_is_stored() {
    const DEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("dead");
    let fixture = with(routed().await, |routing| {
        routing.unclaimed = Unclaimed::DeadLetter;
    });
    let directory = routes(&fixture);
    let a = tenant(&directory, "a").await;
    a.answer(Behaviour::Status(503));
    let receiver = fixture.start().await;
    send(&receiver, "a", 0).await;
    send(&receiver, "nobody", 1).await;
    receiver.holds(1, 1).await;
    let fixture = receiver.stop().await;
    // A later version has another reason.
    let at = fixture.config.buffer.clone().unwrap().directory;
    let store = Database::create(at.join("events.redb")).unwrap();
    let transaction = store.begin_write().unwrap();
    {
        let mut dead = transaction.open_table(DEAD).unwrap();
        let (place, json) = {
            let (place, json) = dead.first().unwrap().unwrap();
            (
                place.value(),
                str::from_utf8(json.value()).unwrap().to_owned(),
            )
        };
        let reason = r#""reason":"Refused","unclaimed":true"#;
        assert!(json.contains(reason), "{json}");
        let later = json.replace(reason, r#""reason":"Later""#);
        dead.insert(place, later.as_bytes()).unwrap();
    }
    transaction.commit().unwrap();
    drop(store);
    let receiver = fixture.start().await;
    receiver.holds(1, 1).await;
    for path in [
        "/dead-letters",
        "/dead-letters?connection=ns/any",
        "/dead-letters",
    ] {
        let answer = receiver.control(&format!("GET {path}"), "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let listed = receiver.control("GET /dead-letters", "").await.body;
    assert!(listed.contains(r#""reason":"unknown"#), "{listed}");
    receiver
        .counted("zoom_receiver_buffer_damaged_stores_total 0")
        .await;
    a.answer(Behaviour::Status(204));
    receiver.holds(0, 1).await;
    assert!(numbers(&a).contains(&0));
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
    // Without its file no connection owns the account.
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
    // Its owner can sign with it, and forges no event of anybody.
    let forged = event("tenants-own", of("a", 0));
    assert_eq!(receiver.status(&forged).await, 401);
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
