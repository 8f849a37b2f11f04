//! Acknowledged once on the disk, and forwarded in order afterwards.

use std::{path::PathBuf, time::Duration};

use super::{
    client::{event, eventually},
    fixture::{BODY, Fixture, Running, SECRET},
    sink::Behaviour,
};

/// The n-th of some events.
pub fn body(n: usize) -> String {
    format!(r#"{{"event":"meeting.started","n":{n}}}"#)
}

/// The numbers of the events that the sink has got, in order.
pub fn numbers(receiver: &Running) -> Vec<u64> {
    let number = |body: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(body).unwrap();
        value["n"].as_u64().unwrap()
    };
    let got = receiver.sink.received();
    got.iter().map(|got| number(&got.body)).collect()
}

async fn buffered() -> Fixture {
    Fixture::new().await.buffered()
}

#[tokio::test]
async fn an_event_is_acknowledged_without_the_sink_and_forwarded_when_it_is_back() {
    let receiver = buffered().await.start().await;
    receiver.sink.answer(Behaviour::Status(503));
    for n in 0..20 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    assert_eq!(receiver.buffer().await["pending"], 20);
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    let mut numbers = numbers(&receiver);
    numbers.dedup();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>(), "the order is kept");
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="stored"} 20"#)
        .await;
    receiver
        .counted("zoom_receiver_buffer_pending_events 0")
        .await;
}

#[tokio::test]
async fn a_sink_that_flaps_gets_all_in_order() {
    let receiver = buffered().await.start().await;
    for n in 0..40 {
        let status = if n % 3 == 0 { 500 } else { 204 };
        receiver.sink.answer(Behaviour::Status(status));
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    let mut numbers = numbers(&receiver);
    numbers.dedup();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_that_the_sink_cannot_digest_holds_up_nobody_and_becomes_a_dead_letter() {
    let fixture = buffered()
        .await
        .with_buffer(|buffer| buffer.patience = Duration::ZERO);
    let receiver = fixture.start().await;
    receiver.sink.answer(Behaviour::Choke(r#""n":0}"#));
    for n in 0..5 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.holds(0, 1).await;
    let good = numbers(&receiver).into_iter().filter(|n| *n > 0);
    assert_eq!(good.collect::<Vec<_>>(), [1, 2, 3, 4]);
    let attempts = numbers(&receiver).into_iter().filter(|n| *n == 0).count();
    assert_eq!(attempts, 10);
    receiver
        .counted(r#"zoom_receiver_buffer_given_up_events_total{reason="refused"} 1"#)
        .await;
    receiver.counted("zoom_receiver_set_aside_events 0").await;
    let list = receiver.control("GET /dead-letters", "").await.body;
    assert!(
        list.contains("sink answered 500, and took other events"),
        "{list}"
    );

    receiver.sink.answer(Behaviour::Status(204));
    let replayed = receiver.control("POST /dead-letters/replay", "").await;
    assert_eq!(replayed.status, 200);
    receiver.holds(0, 0).await;
    assert_eq!(numbers(&receiver).last(), Some(&0));
}

#[tokio::test]
async fn an_event_that_is_set_aside_survives_a_restart() {
    let fixture = buffered().await.with_buffer(|buffer| {
        buffer.patience = Duration::ZERO;
        buffer.backoff.longest = Duration::from_mins(5);
        buffer.backoff.first = Duration::from_millis(50);
    });
    let receiver = fixture.start().await;
    receiver.sink.answer(Behaviour::Choke(r#""n":0}"#));
    for n in 0..5 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.counted("zoom_receiver_set_aside_events 1").await;
    receiver.holds(1, 0).await;
    let receiver = receiver.stop().await.start().await;
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    assert_eq!(numbers(&receiver).last(), Some(&0));
}

#[tokio::test]
async fn a_sink_that_says_when_to_come_back_is_left_alone_until_then() {
    let receiver = buffered().await.start().await;
    for status in [429, 503] {
        let before = receiver.sink.count();
        receiver.sink.answer(Behaviour::Later(status, 1));
        assert_eq!(
            receiver.status(&event(SECRET, body(status.into()))).await,
            204
        );
        receiver.sink_has_at_least(before + 1).await;
        receiver.sink.answer(Behaviour::Status(204));
        receiver.holds(0, 0).await;
        let got = receiver.sink.received().split_off(before);
        assert!(got.len() >= 2, "{got:?}");
        for pair in got.windows(2) {
            let pause = pair[1].at.duration_since(pair[0].at);
            assert!(pause > Duration::from_millis(900), "{pause:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_sink_keeps_nobody_waiting() {
    let receiver = buffered().await.start().await;
    receiver.sink.answer(Behaviour::Hold);
    for n in 0..5 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.sink_has(1).await;
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    assert_eq!(numbers(&receiver), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_repeat_is_known_also_after_a_restart() {
    let receiver = buffered().await.start().await;
    let post = event(SECRET, BODY);
    assert_eq!(receiver.status(&post).await, 204);
    assert_eq!(receiver.status(&post).await, 204);
    receiver.holds(0, 0).await;
    let receiver = receiver.stop().await.start().await;
    assert_eq!(receiver.status(&post).await, 204);
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="duplicate"} 1"#)
        .await;
    assert_eq!(receiver.sink.count(), 1);
}

#[tokio::test]
async fn what_waits_survives_a_restart_in_order() {
    let receiver = buffered().await.start().await;
    receiver.sink.answer(Behaviour::Status(503));
    for n in 0..3 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    let receiver = receiver.stop().await.start().await;
    assert_eq!(receiver.status(&event(SECRET, body(3))).await, 204);
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    let mut numbers = numbers(&receiver);
    numbers.dedup();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_suspended_receiver_keeps_and_does_not_forward() {
    let fixture = buffered().await.with(|config| config.suspended = true);
    let receiver = fixture.start().await;
    for n in 0..3 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    assert_eq!(receiver.buffer().await["pending"], 3);
    assert_eq!(receiver.sink.count(), 0);
    let fixture = receiver.stop().await;
    let receiver = fixture
        .with(|config| config.suspended = false)
        .start()
        .await;
    receiver.holds(0, 0).await;
    assert_eq!(numbers(&receiver), [0, 1, 2]);
}

/// The Pod that ends the suspension is another one, and this one could not forward what it has.
#[tokio::test]
async fn a_suspended_receiver_keeps_nothing_that_goes_with_its_pod() {
    let fixture = buffered()
        .await
        .with_buffer(|buffer| buffer.ephemeral = true);
    let receiver = fixture.with(|config| config.suspended = true).start().await;
    assert_eq!(receiver.status(&event(SECRET, BODY)).await, 503);
    let facts = receiver.facts().await;
    assert!(facts["buffer"].is_null(), "{facts}");
}

#[tokio::test]
async fn a_full_buffer_is_our_trouble_until_there_is_room() {
    let fixture = buffered().await.with_buffer(|buffer| buffer.size = 20_000);
    let receiver = fixture.start().await;
    receiver.sink.answer(Behaviour::Status(503));
    let large = |n| {
        event(
            SECRET,
            format!(r#"{{"event":"n","n":{n},"x":"{:2000}"}}"#, ""),
        )
    };
    let mut taken = 0;
    while receiver.status(&large(taken)).await == 204 {
        taken += 1;
        assert!(taken < 10);
    }
    let buffer = receiver.buffer().await;
    assert_eq!(
        (&buffer["pending"], &buffer["full"]),
        (&taken.into(), &true.into())
    );
    receiver
        .counted(r#"zoom_receiver_requests_total{outcome="buffer_full"} 1"#)
        .await;
    let ask = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"t"}}"#;
    assert_eq!(receiver.status(&event(SECRET, ask)).await, 200);
    assert_eq!(
        receiver.status(&large(0)).await,
        204,
        "a known one is acknowledged"
    );
    receiver.sink.answer(Behaviour::Status(204));
    receiver.holds(0, 0).await;
    assert_eq!(receiver.status(&large(taken)).await, 204);
    assert_eq!(receiver.buffer().await["full"], false);
    receiver.sink_has_at_least(taken + 1).await;
}

#[tokio::test]
async fn what_is_no_event_becomes_a_dead_letter_at_once() {
    let receiver = buffered().await.start().await;
    for body in ["not JSON", "{}", r#"{"event":7}"#] {
        assert_eq!(receiver.status(&event(SECRET, body)).await, 204);
    }
    receiver.holds(0, 3).await;
    assert_eq!(receiver.sink.count(), 0);
    receiver
        .counted(r#"zoom_receiver_buffer_given_up_events_total{reason="unparseable"} 3"#)
        .await;
}

#[tokio::test]
async fn an_event_that_waited_too_long_is_given_up() {
    let fixture = buffered()
        .await
        .with_buffer(|buffer| buffer.max_age = Duration::ZERO);
    let receiver = fixture.start().await;
    receiver.sink.answer(Behaviour::Status(503));
    for n in 0..3 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.holds(0, 3).await;
    receiver
        .counted(r#"zoom_receiver_buffer_given_up_events_total{reason="expired"} 3"#)
        .await;
}

#[tokio::test]
async fn dead_letters_take_their_share_only() {
    let fixture = buffered().await.with_buffer(|buffer| buffer.size = 20_000);
    let receiver = fixture.start().await;
    let large = |n| event(SECRET, format!("{n}{:2000}", ""));
    for n in 0..9 {
        assert_eq!(receiver.status(&large(n)).await, 204, "{n}");
    }
    receiver.holds(0, 2).await;
    receiver
        .counted("zoom_receiver_buffer_dropped_dead_letters_total 7")
        .await;
    assert_eq!(receiver.buffer().await["droppedLetters"], 7);
}

#[tokio::test]
async fn an_ephemeral_buffer_is_emptied_before_the_end() {
    let fixture = buffered()
        .await
        .with_buffer(|buffer| buffer.ephemeral = true);
    let receiver = fixture.start().await;
    receiver.sink.answer(Behaviour::Status(503));
    for n in 0..5 {
        assert_eq!(receiver.status(&event(SECRET, body(n))).await, 204);
    }
    receiver.stop.request();
    receiver.ready(503).await;
    assert_eq!(receiver.buffer().await["pending"], 5);
    receiver.sink.answer(Behaviour::Status(204));
    let fixture = receiver.stop().await;
    let mut got = fixture.sink.received();
    got.dedup_by_key(|got| got.body.clone());
    assert_eq!(got.len(), 5);
}

#[tokio::test]
async fn two_processes_do_not_share_a_store() {
    let first = buffered().await.start().await;
    let second = buffered().await;
    let directory = first.config.buffer.clone().unwrap().directory;
    let second = second.with_buffer(|buffer| buffer.directory = directory);
    let second = second.bind().await;
    second.ready(503).await;
    let is_told = || async { second.buffer().await["failed"] == true };
    eventually("that the store failed is told", is_told).await;
    assert_eq!(second.status(&event(SECRET, BODY)).await, 503);
    let health = second.health().await;
    assert_eq!(health["notTaken"]["count"], 1);
    assert_eq!(health["notTakenFor"], "BufferFailed");
    assert_eq!(first.status(&event(SECRET, BODY)).await, 204);
    let _directory = first.stop().await;
    second.ready(200).await;
    assert_eq!(second.status(&event(SECRET, BODY)).await, 204);
    assert!(second.health().await["notTaken"].is_null());
}

#[tokio::test]
async fn a_damaged_store_is_moved_aside() {
    let mut fixture = buffered().await;
    let directory = fixture.config.buffer.clone().unwrap().directory;
    for (aside, content) in (1..).zip([b"garbage".to_vec(), vec![0; 70_000]]) {
        std::fs::write(directory.join("events.redb"), content).unwrap();
        let receiver = fixture.start().await;
        let post = event(SECRET, BODY);
        assert_eq!(receiver.status(&post).await, 204);
        receiver
            .counted("zoom_receiver_buffer_damaged_stores_total 1")
            .await;
        assert_eq!(receiver.buffer().await["damagedStores"], aside);
        fixture = receiver.stop().await;
    }
    let names = std::fs::read_dir(&directory).unwrap();
    let paths = names.map(|entry| entry.unwrap().path());
    let is_aside = |path: &PathBuf| path.to_str().unwrap().contains("redb.damaged-");
    let aside: Vec<_> = paths.filter(is_aside).collect();
    assert_eq!(aside.len(), 2);
    // Told until somebody has removed them.
    let receiver = fixture.start().await;
    assert_eq!(receiver.buffer().await["damagedStores"], 2);
    let fixture = receiver.stop().await;
    for path in aside {
        std::fs::remove_file(path).unwrap();
    }
    let receiver = fixture.start().await;
    assert!(receiver.buffer().await["damagedStores"].is_null());
}

#[tokio::test]
async fn copies_that_come_together_are_stored_once() {
    let receiver = buffered().await.start().await;
    let post = event(SECRET, BODY);
    let copies = (0..20).map(|_| receiver.status(&post));
    assert!(
        futures::future::join_all(copies)
            .await
            .into_iter()
            .all(|status| status == 204)
    );
    eventually("it is forwarded", || async { receiver.sink.count() == 1 }).await;
    receiver.holds(0, 0).await;
    assert_eq!(receiver.sink.count(), 1);
}
