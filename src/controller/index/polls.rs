//! When the receivers of each integration are asked for their facts, independently of the passes. Pure.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use crate::controller::{integration::ReceiverPod, key::Key, schedule};

/// The polls of all integrations that have a receiver.
#[derive(Debug, Default)]
pub struct Polls(HashMap<Key, Poll>);

#[derive(Debug)]
struct Poll {
    next: Timestamp,
    every: Duration,
    /// The facts that the last pass started from.
    known: Vec<ReceiverPod>,
    /// The facts found since, if they differ.
    news: Option<Vec<ReceiverPod>>,
}

// === impl Polls ===

impl Polls {
    /// Records what is `known` to the current pass, and how often to check whether it changed. `None`: no
    /// checks.
    pub fn plan(
        &mut self,
        key: Key,
        every: Option<Duration>,
        known: Vec<ReceiverPod>,
        now: Timestamp,
    ) {
        let Some(every) = every else {
            self.0.remove(&key);
            return;
        };
        let poll = Poll {
            next: schedule::later(now, every),
            every,
            known,
            news: None,
        };
        self.0.insert(key, poll);
    }

    /// The integrations whose receivers are due to be asked. Each is due again only after its interval.
    pub fn due(&mut self, now: Timestamp) -> Vec<Key> {
        let mut due = Vec::new();
        for (key, poll) in &mut self.0 {
            if poll.next <= now {
                poll.next = schedule::later(now, poll.every);
                due.push(key.clone());
            }
        }
        due
    }

    /// Records what was found. Returns whether it needs a pass.
    pub fn found(&mut self, key: &Key, pods: Vec<ReceiverPod>) -> bool {
        let Some(poll) = self.0.get_mut(key) else {
            return false;
        };
        let is_new = poll.known != pods;
        poll.news = is_new.then_some(pods);
        is_new
    }

    /// The facts found since the last pass, for the pass that handles them.
    pub fn take_polled(&mut self, key: &Key) -> Option<Vec<ReceiverPod>> {
        self.0.get_mut(key)?.news.take()
    }

    /// Forgets a deleted integration.
    pub fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use contract::facts::Facts;

    use super::*;
    use crate::controller::integration::resources::Kind;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pods(validated: Option<i64>) -> Vec<ReceiverPod> {
        let mut facts = Facts::default();
        facts.last_validated = validated.map(at);
        vec![ReceiverPod {
            kind: Kind::Deployment,
            name: "acme-1".into(),
            address: Some("10.0.0.1".into()),
            leaving: false,
            trouble: None,
            facts: Some(facts),
        }]
    }

    #[test]
    fn facts_lead_to_a_pass_only_when_they_changed() {
        let mut polls = Polls::default();
        let key = Key::integration("clinics", "acme");
        let every = Some(Duration::from_mins(1));
        polls.plan(key.clone(), every, pods(None), at(0));
        assert!(polls.due(at(59)).is_empty());
        assert_eq!(polls.due(at(60)), slice::from_ref(&key));
        assert!(polls.due(at(61)).is_empty(), "it is being asked");
        assert!(!polls.found(&key, pods(None)));
        assert_eq!(polls.take_polled(&key), None);
        assert_eq!(polls.due(at(120)), slice::from_ref(&key));
        assert!(polls.found(&key, pods(Some(100))));
        assert_eq!(polls.take_polled(&key), Some(pods(Some(100))));
        assert_eq!(polls.take_polled(&key), None, "other passes ask themselves");
        polls.plan(key.clone(), every, pods(Some(100)), at(121));
        assert!(!polls.found(&key, pods(Some(100))));
    }

    #[test]
    fn a_receiver_that_nobody_needs_to_know_of_is_not_asked() {
        let mut polls = Polls::default();
        let key = Key::integration("clinics", "acme");
        polls.plan(key.clone(), Some(Duration::from_mins(1)), pods(None), at(0));
        polls.plan(key.clone(), None, Vec::new(), at(1));
        assert!(polls.due(at(1_000)).is_empty());
        assert!(!polls.found(&key, pods(None)));
    }
}
