//! One app, many accounts: nobody waits for anybody, and nobody takes everybody's space.

use std::time::Duration;

use futures::future::join_all;

use super::{
    client::{event, eventually},
    fixture::SECRET,
    sink::{Behaviour, Sink},
    tenants::{has, numbers, of, routed, routes, routing, send, tenant, with},
};

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
    eventually("the slow one was asked", || async { slow.count() > 0 }).await;
    assert_eq!(slow.count(), 1, "one at a time");
    eventually("the broken one is told of", || async {
        let facts = routing(&receiver).await;
        facts["connections"]["tenants/broken"]["sinkCause"] == "sink answered 503"
    })
    .await;
    let facts = routing(&receiver).await;
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
async fn accounts_whose_sinks_are_down_do_not_fill_the_buffer() {
    let fixture = with(routed().await, |routing| routing.share = 50)
        .with_buffer(|buffer| buffer.size = 200 * 1024);
    let directory = routes(&fixture);
    let (one, two, quiet) = (
        tenant(&directory, "one").await,
        tenant(&directory, "two").await,
        tenant(&directory, "quiet").await,
    );
    one.answer(Behaviour::Status(400));
    two.answer(Behaviour::Hold);
    let receiver = fixture.start().await;
    // Half of the buffer are dead letters of one, and then its sink is down.
    for n in 0..400 {
        send(&receiver, "one", n).await;
    }
    eventually("all are dead letters", || async {
        receiver.buffer().await["pending"] == 0
    })
    .await;
    one.answer(Behaviour::Hold);
    for account in ["one", "two"] {
        let mut n = 400;
        while receiver.status(&event(SECRET, of(account, n))).await == 204 {
            n += 1;
        }
        assert!(n > 450, "{account} {n}");
    }
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="account_full"} 2"#)
        .await;
    for n in 0..20 {
        send(&receiver, "quiet", n).await;
    }
    has(&quiet, 20).await;
    let facts = routing(&receiver).await;
    let dead = &facts["connections"]["tenants/one"]["deadLetters"];
    assert!(dead.as_u64().unwrap_or(0) < 200, "{facts}");
    for sink in [&one, &two] {
        sink.answer(Behaviour::Status(204));
    }
    eventually("all are delivered", || async {
        receiver.buffer().await["pending"] == 0
    })
    .await;
}

#[tokio::test]
async fn the_dead_letters_of_one_tenant_do_not_drive_out_those_of_another() {
    let fixture = routed()
        .await
        .with_buffer(|buffer| buffer.size = 200 * 1024);
    let directory = routes(&fixture);
    let (loud, quiet) = (
        tenant(&directory, "loud").await,
        tenant(&directory, "quiet").await,
    );
    loud.answer(Behaviour::Status(400));
    quiet.answer(Behaviour::Status(400));
    let receiver = fixture.start().await;
    for n in 0..3 {
        send(&receiver, "quiet", n).await;
    }
    receiver.holds(0, 3).await;
    for n in 0..600 {
        send(&receiver, "loud", n).await;
    }
    eventually("all are dead letters", || async {
        receiver.buffer().await["pending"] == 0
    })
    .await;
    let facts = routing(&receiver).await;
    let dead = |name: &str| facts["connections"][format!("tenants/{name}")]["deadLetters"].clone();
    assert_eq!(dead("quiet"), 3, "{facts}");
    let loud = dead("loud").as_u64().unwrap();
    assert!((100..400).contains(&loud), "{loud}");
    assert_eq!(receiver.buffer().await["deadLetters"], loud + 3);
}

#[tokio::test]
async fn two_hundred_accounts_under_load_do_not_feel_each_other() {
    const ACCOUNTS: usize = 200;
    const EVENTS: usize = 10;
    let fixture = routed().await;
    let directory = routes(&fixture);
    let mut sinks = Vec::new();
    for n in 0..ACCOUNTS {
        sinks.push(tenant(&directory, &format!("account-{n}")).await);
    }
    let receiver = fixture.start().await;
    let mut latencies = Vec::new();
    for round in 0..2 {
        if round == 1 {
            sinks[0].answer(Behaviour::Status(500));
            sinks[1].answer(Behaviour::Hold);
        }
        let before: Vec<usize> = sinks.iter().map(Sink::count).collect();
        let mut sent = vec![Vec::new(); ACCOUNTS];
        let started = std::time::Instant::now();
        for n in 0..EVENTS {
            let n = round * EVENTS + n;
            // Zoom sends many at a time.
            let accounts: Vec<usize> = (0..ACCOUNTS).collect();
            for some in accounts.chunks(25) {
                for account in some {
                    sent[*account].push(started.elapsed());
                }
                let mut events: Vec<String> = some
                    .iter()
                    .map(|account| of(&format!("account-{account}"), n))
                    .collect();
                if round == 1 {
                    let loud = (0..25).map(|loud| 1_000_000 * (n + 1) + some[0] * 1000 + loud);
                    events.extend(loud.map(|loud| of("account-2", loud)));
                }
                let posts: Vec<_> = events
                    .iter()
                    .map(|body| event(SECRET, body.clone()))
                    .collect();
                let answers = join_all(posts.iter().map(|post| receiver.status(post))).await;
                assert!(answers.iter().all(|status| *status == 204));
            }
        }
        for account in 3..ACCOUNTS {
            has(&sinks[account], before[account] + EVENTS).await;
        }
        let mut took: Vec<Duration> = (3..ACCOUNTS)
            .flat_map(|account| {
                let got = sinks[account].received().split_off(before[account]);
                let sent = sent[account].clone();
                got.into_iter()
                    .zip(sent)
                    .map(move |(got, sent)| got.at.duration_since(started).saturating_sub(sent))
            })
            .collect();
        took.sort_unstable();
        latencies.push((took[took.len() / 2], took[took.len() * 99 / 100]));
    }
    println!(
        "from the request to the sink, p50 and p99, of all healthy and with bad ones: {latencies:?}"
    );
    for (account, sink) in sinks.iter().enumerate() {
        let name = format!("account-{account}");
        for got in sink.received() {
            assert_eq!(got.header("ce-zoomaccountid"), Some(&*name));
        }
        if account >= 3 {
            assert_eq!(numbers(sink), (0..2 * EVENTS as u64).collect::<Vec<_>>());
        }
    }
    assert_eq!(receiver.sink.count(), 0);
}
