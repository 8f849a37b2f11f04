#![allow(clippy::unwrap_used, reason = "a test may stop")]

use axum::body::Bytes;
use jiff::Timestamp;

use super::*;
use crate::{
    buffer::{record::Record, store::Entry},
    event::{Event, ZoomHeaders},
};

const RULES: Rules = Rules {
    backoff: Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_mins(5),
    },
    attempts: 10,
    patience: Duration::from_secs(10),
};

/// A queue, a sink that decides by the event's number, and a clock.
struct Scene {
    schedule: Schedule,
    now: Instant,
    begin: Instant,
    sent: Vec<u64>,
    delivered: Vec<u64>,
    dead: Vec<(u64, u32)>,
}

impl Scene {
    /// Events `0..accounts.len()` of these accounts.
    fn new(accounts: &[&str]) -> Self {
        let mut schedule = Schedule::new(RULES);
        schedule.push(accounts.iter().zip(0..).map(|(account, sequence)| {
            let body =
                format!(r#"{{"event":"e","n":{sequence},"payload":{{"account_id":"{account}"}}}}"#);
            let event = Event::new(
                Timestamp::UNIX_EPOCH,
                ZoomHeaders::default(),
                Bytes::from(body),
            );
            Item::from(Entry {
                sequence,
                since: 0,
                record: Record::Event(event.into()),
            })
        }));
        let now = Instant::now();
        Self {
            schedule,
            now,
            begin: now,
            sent: Vec::new(),
            delivered: Vec::new(),
            dead: Vec::new(),
        }
    }

    /// Works for so long, or until there is nothing to do.
    fn run(&mut self, time: Duration, sink: impl Fn(u64, Duration) -> Result<(), Failure>) {
        let end = self.now + time;
        loop {
            match self.schedule.next(self.now) {
                Step::Wait(until) | Step::Read(Some(until)) if until <= end => self.now = until,
                Step::Wait(_) | Step::Read(_) => {
                    self.now = end;
                    return;
                }
                Step::Send => {
                    let sequence = self.schedule.current().unwrap().sequence;
                    self.sent.push(sequence);
                    match sink(sequence, self.now - self.begin) {
                        Ok(()) => {
                            let item = self.schedule.delivered(self.now).unwrap();
                            assert_eq!(item.sequence, sequence);
                            self.delivered.push(sequence);
                        }
                        Err(failure) => {
                            let dead = self.schedule.failed(failure, self.now, 0.0, false);
                            self.dead
                                .extend(dead.map(|item| (item.sequence, item.attempts)));
                        }
                    }
                }
            }
        }
    }
}

fn status(code: u16) -> Result<(), Failure> {
    Err(SinkError::Status(code).into())
}

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn an_event_that_the_sink_cannot_digest_holds_up_the_others_for_seconds_only() {
    let refusals = [
        status(500),
        status(404),
        status(302),
        Err(SinkError::TimedOut.into()),
        Err(SinkError::Broken.into()),
        Err(SinkError::Denied.into()),
        Err(SinkError::NoStream.into()),
    ];
    for refusal in refusals {
        let mut scene = Scene::new(&["a"; 5]);
        let sink = |sequence, _| if sequence == 0 { refusal } else { Ok(()) };
        scene.run(MINUTE, sink);
        assert_eq!(scene.delivered, [1, 2, 3, 4], "{refusal:?}");
        assert!(scene.dead.is_empty());
        scene.run(10 * MINUTE, sink);
        assert_eq!(scene.dead, [(0, 10)], "{refusal:?}");
        assert_eq!(scene.sent.len(), 14);
    }
}

#[test]
fn one_of_another_account_is_tried_first() {
    let mut scene = Scene::new(&["a", "a", "a", "b", "a"]);
    scene.run(
        MINUTE,
        |sequence, _| if sequence == 0 { status(500) } else { Ok(()) },
    );
    assert_eq!(scene.delivered, [3, 1, 2, 4]);
}

#[test]
fn several_bad_events_are_set_aside_one_after_the_other() {
    let mut scene = Scene::new(&["a"; 12]);
    let sink = |sequence, _| {
        if sequence % 2 == 0 {
            status(500)
        } else {
            Ok(())
        }
    };
    scene.run(5 * MINUTE, sink);
    assert_eq!(scene.delivered, [1, 3, 5, 7, 9, 11]);
    scene.run(20 * MINUTE, sink);
    let mut dead: Vec<u64> = scene.dead.iter().map(|dead| dead.0).collect();
    dead.sort_unstable();
    assert_eq!(dead, [0, 2, 4, 6, 8, 10]);
}

#[test]
fn further_events_are_asked_for_when_none_is_left_to_try() {
    let mut scene = Scene::new(&["a"; 2]);
    let sink = |sequence, _| if sequence < 2 { status(500) } else { Ok(()) };
    scene.run(Duration::from_secs(3), sink);
    assert!(
        !scene.schedule.lacks_probe(),
        "the second one was not tried yet"
    );
    scene.run(MINUTE, sink);
    assert!(scene.delivered.is_empty());
    let more = Scene::new(&["a"; 4]).schedule.ahead.into_iter().skip(2);
    scene.schedule.ahead.extend(more);
    scene.run(2 * MINUTE, sink);
    assert_eq!(scene.delivered, [2, 3]);
}

#[test]
fn the_order_survives_an_outage_of_any_kind() {
    for refusal in [
        status(503),
        status(401),
        Err(SinkError::TimedOut.into()),
        Err(SinkError::Unreachable.into()),
        Err(SinkError::NoStream.into()),
    ] {
        // Short enough that no probe goes first.
        for outage in [3, 20, 100] {
            let mut scene = Scene::new(&["a"; 8]);
            let outage = Duration::from_secs(outage);
            scene.run(
                60 * MINUTE,
                |_, at| if at < outage { refusal } else { Ok(()) },
            );
            assert_eq!(
                scene.delivered,
                [0, 1, 2, 3, 4, 5, 6, 7],
                "{refusal:?} {outage:?}"
            );
        }
    }
    let mut scene = Scene::new(&["a"; 8]);
    let outage = 10 * 60 * MINUTE;
    scene.run(
        2 * outage,
        |_, at| if at < outage { status(503) } else { Ok(()) },
    );
    assert_eq!(scene.delivered, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(scene.dead.is_empty());
}

#[test]
fn a_fault_that_passes_costs_the_event_its_place_and_nothing_else() {
    let mut scene = Scene::new(&["a"; 3]);
    scene.run(10 * MINUTE, |sequence, at| {
        if sequence == 0 && at < MINUTE {
            status(500)
        } else {
            Ok(())
        }
    });
    assert_eq!(scene.delivered, [1, 2, 0]);
}

#[test]
fn an_outage_does_not_count_against_an_event_that_is_set_aside() {
    let mut scene = Scene::new(&["a"; 40]);
    let (begin, end) = (Duration::from_secs(15), 5 * 60 * MINUTE);
    scene.run(6 * 60 * MINUTE, |sequence, at| match sequence {
        0 if at < end => status(500),
        2.. if (begin..end).contains(&at) => status(503),
        _ => Ok(()),
    });
    assert!(scene.dead.is_empty(), "{:?}", scene.dead);
    assert_eq!(scene.delivered.len(), 40);
}

#[test]
fn an_event_that_stops_the_sink_is_found() {
    // Ten seconds after each attempt at event 0 the sink is up again.
    let stopped = std::cell::Cell::new(None);
    let mut scene = Scene::new(&["a"; 4]);
    scene.run(60 * MINUTE, |sequence, at| {
        let is_down = stopped
            .get()
            .is_some_and(|down: Duration| at.saturating_sub(down) < Duration::from_secs(10));
        if is_down {
            return Err(SinkError::Unreachable.into());
        }
        if sequence == 0 {
            stopped.set(Some(at));
            return Err(SinkError::Broken.into());
        }
        Ok(())
    });
    // Which of them was the probe is not promised.
    scene.delivered.sort_unstable();
    assert_eq!(scene.delivered, [1, 2, 3]);
    assert_eq!(scene.dead.len(), 1);
}

#[test]
fn what_the_sink_asks_for_is_obeyed_within_bounds() {
    let later = |seconds| -> Result<(), Failure> {
        Err(Failure {
            error: SinkError::Status(429),
            retry_after: Some(Duration::from_secs(seconds)),
        })
    };
    let sent = std::cell::RefCell::new(Vec::new());
    let mut scene = Scene::new(&["a"; 3]);
    scene.run(10 * 60 * MINUTE, |_, at| {
        sent.borrow_mut().push(at.as_secs());
        match sent.borrow().len() {
            1 => later(120),
            2 => later(1_000_000),
            _ => Ok(()),
        }
    });
    assert_eq!(sent.borrow()[..3], [0, 120, 120 + 3600]);
    assert_eq!(scene.delivered, [0, 1, 2]);
}

#[test]
fn an_event_that_is_always_told_to_come_later_is_set_aside_and_kept() {
    let mut scene = Scene::new(&["a"; 3]);
    scene.run(10 * 60 * MINUTE, |sequence, _| {
        if sequence > 0 {
            return Ok(());
        }
        Err(Failure {
            error: SinkError::Status(429),
            retry_after: Some(MINUTE),
        })
    });
    assert_eq!(scene.delivered, [1, 2]);
    assert!(scene.dead.is_empty());
    assert_eq!(scene.schedule.set_aside(), 1);
}

#[test]
fn the_first_event_that_fails_is_skipped() {
    let mut scene = Scene::new(&["a"; 3]);
    assert!(scene.schedule.skip().is_none());
    scene.run(Duration::from_secs(3), |_, _| status(503));
    assert_eq!(scene.schedule.skip().map(|item| item.sequence), Some(0));
    assert!(scene.schedule.skip().is_none());
    scene.run(Duration::from_secs(1), |_, _| Ok(()));
    assert_eq!(scene.delivered, [1, 2]);
}

#[test]
fn one_that_is_set_aside_is_skipped_first() {
    let mut scene = Scene::new(&["a"; 3]);
    scene.run(
        MINUTE,
        |sequence, _| if sequence == 0 { status(500) } else { Ok(()) },
    );
    assert_eq!(scene.schedule.skip().map(|item| item.sequence), Some(0));
    assert_eq!(scene.schedule.set_aside(), 0);
}

#[test]
fn nothing_waits_long_before_the_end() {
    let mut scene = Scene::new(&["a"; 3]);
    scene.run(MINUTE, |_, _| status(503));
    scene.schedule.shorten_pauses(scene.now);
    let Step::Wait(until) = scene.schedule.next(scene.now) else {
        unreachable!("it waits");
    };
    assert!(until <= scene.now + SHORT);
}

#[test]
fn what_is_read_ahead_is_bounded_by_bytes_and_the_accounts_stay_known() {
    let entry = |sequence: u64, account: &str| {
        let body = format!(
            r#"{{"event":"e","payload":{{"account_id":"{account}","x":"{}"}}}}"#,
            "x".repeat(300_000)
        );
        let event = Event::new(Timestamp::UNIX_EPOCH, ZoomHeaders::default(), body.into());
        Entry {
            sequence,
            since: 0,
            record: Record::Event(event.into()),
        }
    };
    let mut schedule = Schedule::new(RULES);
    for sequence in 0..100 {
        let account = if sequence == 90 { "b" } else { "a" };
        schedule.push([entry(sequence, account).into()]);
    }
    assert_eq!(schedule.next(Instant::now()), Step::Send);
    let held = schedule
        .ahead
        .iter()
        .filter_map(|item| item.record.as_ref());
    let held: usize = held.map(Record::size).sum();
    assert!((600_000..2_000_000).contains(&held), "{held}");
    assert_eq!(schedule.candidate(), Some(90));
}
