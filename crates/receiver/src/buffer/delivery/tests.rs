//! One line of events whose sink accepts nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::sync::Mutex;

use super::*;
use crate::{
    buffer::{lanes::tests::common, store::Entry},
    sink::{Failure, SinkError},
};

const MAX_AGE: Duration = Duration::from_mins(1);

/// One event. Notes for each attempt whether it came after the longest age.
struct Failing {
    unread: Option<Entry>,
    since: i64,
    late: Arc<Mutex<Vec<bool>>>,
}

impl Channel for Failing {
    type Turn = ();

    async fn wait(&mut self, reads: bool) -> Result<Wake, Stopped> {
        match self.unread.take_if(|_| reads) {
            Some(entry) => Ok(Wake::Read(vec![entry.into()])),
            None => future::pending().await,
        }
    }

    async fn ahead(&mut self) -> Result<Vec<Item>, Stopped> {
        Ok(Vec::new())
    }

    async fn read(&mut self, _sequence: u64) -> Result<Found, Stopped> {
        Ok(Found::Gone)
    }

    fn is_finished(&self) -> bool {
        self.unread.is_none()
    }

    fn decide(&mut self, _since: i64, _is_urgent: bool) -> Decision {
        Decision::Deliver
    }

    async fn acquire(&self, _bytes: usize) {}

    async fn deliver(&mut self, _event: &Event, (): ()) -> Result<(), Failure> {
        let age = Timestamp::now().as_second() - self.since;
        let is_late = age >= MAX_AGE.as_secs().cast_signed();
        self.late.lock().unwrap().push(is_late);
        Err(SinkError::Unreachable.into())
    }

    fn stamp(&self, _letter: &mut DeadLetter) {}

    fn settled(&mut self, _sequence: u64) {}

    fn report(&mut self, _set_aside: usize, _failing: Option<u64>) {}
}

#[tokio::test]
async fn an_event_expires_only_once_an_attempt_after_the_longest_age_has_failed() {
    let directory = tempfile::tempdir().unwrap();
    let (commands, settled) = std::sync::mpsc::channel();
    let (common, _held) = common(commands, directory.path());
    let common = Common {
        max_age: MAX_AGE,
        ..common
    };
    // One more second.
    let since = Timestamp::now().as_second() - MAX_AGE.as_secs().cast_signed() + 1;
    let event = Event::new(Timestamp::now(), ZoomHeaders::default(), "{}".into());
    let late = Arc::default();
    let channel = Failing {
        unread: Some(Entry {
            sequence: 0,
            since,
            record: Record::Event(event.into()),
        }),
        since,
        late: Arc::clone(&late),
    };
    let (_skips, requests) = mpsc::channel(1);
    let unsettled = Arc::new(Semaphore::new(1));
    assert!(
        Delivery::new(common, channel, requests, unsettled)
            .run()
            .await
    );
    let Ok(Command::Settle(settle)) = settled.try_recv() else {
        panic!("not settled");
    };
    let late = late.lock().unwrap();
    let letter = settle.dead.unwrap().1;
    assert_eq!(letter.reason, Reason::Expired);
    assert_eq!(letter.attempts as usize, late.len());
    assert_eq!(late.iter().filter(|is_late| **is_late).count(), 1);
}
