//! The controller's work queue: which object gets a pass next. Pure: every time is an argument.
//!
//! - One queue for all namespaces and both kinds of objects.
//! - An object is in it at most once, and never gets two passes at the same time.
//! - Fair by namespace: namespaces with work take turns, and none may hold more than its share of the workers.
//!   A namespace with slow or many passes delays only its own objects.
//! - Changes come before routine work, in a ratio that still lets routine work continue: a due token cannot be
//!   starved by somebody who edits objects all the time.
//! - Routine work leaves a quarter of the workers free, in all and of each namespace's share: a change begins at once,
//!   however many routine passes there are and however slow they are.
//! - What a person must mend is tried again with a quarter of the workers, in all and of each namespace's share: a
//!   namespace with thousands of failures loads neither the API server nor Zoom with them all at once.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    limits::{Limits, Running},
    priority::{Priority, Urgency},
    ring::Ring,
};
use crate::controller::key::Key;

/// How many passes of one urgency are served for each less urgent one, while there are both.
const PER_LESS_URGENT: u8 = 3;

/// Objects that wait for a pass, and those with a running one.
#[derive(Debug)]
pub struct Queue {
    limits: Limits,
    pub(super) states: HashMap<Key, State>,
    pub(super) delayed: BTreeSet<(Instant, Key)>,
    rings: Rings,
    running: HashMap<Arc<str>, Running>,
    pub(super) all: Running,
    /// Changes that were served since the last pass that was less urgent.
    changes_in_a_row: u8,
    /// Routine passes that were served since the last retry.
    routine_in_a_row: u8,
}

/// Objects that are ready, by urgency.
#[derive(Debug, Default)]
struct Rings {
    changes: Ring,
    routine: Ring,
    retries: Ring,
}

/// The state of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not due yet.
    Delayed(Instant, Priority),
    /// It waits for its turn.
    Ready(Priority),
    /// Its pass is running.
    Running {
        /// As what it began.
        urgency: Urgency,
        /// It needs another one from that time on.
        again: Option<(Instant, Priority)>,
    },
}

// === impl Rings ===

impl Rings {
    fn of(&mut self, urgency: Urgency) -> &mut Ring {
        match urgency {
            Urgency::Change => &mut self.changes,
            Urgency::Routine => &mut self.routine,
            Urgency::Retry => &mut self.retries,
        }
    }
}

// === impl Queue ===

impl Queue {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            states: HashMap::new(),
            delayed: BTreeSet::new(),
            rings: Rings::default(),
            running: HashMap::new(),
            all: Running::default(),
            changes_in_a_row: 0,
            routine_in_a_row: 0,
        }
    }

    /// Requests a pass at `at`. If an object has several requests, the earliest time and the highest priority
    /// count. A request during a pass leads to another pass after it.
    pub fn push(&mut self, key: Key, at: Instant, priority: Priority) {
        let merged = match self.states.entry(key.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(State::Delayed(at, priority));
                self.delayed.insert((at, key));
                return;
            }
            Entry::Occupied(occupied) => occupied.into_mut(),
        };
        match *merged {
            State::Delayed(before, earlier) => {
                let (time, priority) = (before.min(at), earlier.and(priority));
                *merged = State::Delayed(time, priority);
                if time != before {
                    self.delayed.remove(&(before, key.clone()));
                    self.delayed.insert((time, key));
                }
            }
            State::Ready(before) => {
                *merged = State::Ready(before.and(priority));
                if priority.urgency > before.urgency {
                    self.rings.of(priority.urgency).push(key);
                }
            }
            State::Running { urgency, again } => {
                let again = Some(earliest(again, at, priority));
                *merged = State::Running { urgency, again };
            }
        }
    }

    /// The next object that gets a pass, and why, if there is one and a worker is free. It counts as running until
    /// [`Queue::done`].
    pub fn pop(&mut self, now: Instant) -> Option<(Key, Priority)> {
        self.promote(now);
        let (key, priority) = self
            .order()
            .into_iter()
            .find_map(|urgency| self.take(urgency))?;
        let urgency = priority.urgency;
        match urgency {
            Urgency::Change => self.changes_in_a_row = self.changes_in_a_row.saturating_add(1),
            Urgency::Routine => {
                self.changes_in_a_row = 0;
                self.routine_in_a_row = self.routine_in_a_row.saturating_add(1);
            }
            Urgency::Retry => {
                self.changes_in_a_row = 0;
                self.routine_in_a_row = 0;
            }
        }
        let again = None;
        let state = State::Running { urgency, again };
        self.states.insert(key.clone(), state);
        let running = self.running.entry(key.namespace.clone()).or_default();
        running.begin(urgency);
        self.all.begin(urgency);
        Some((key, priority))
    }

    /// Records that the pass over an object has ended, and when and why the next one comes, if there is one.
    pub fn done(&mut self, key: &Key, next: Option<(Instant, Priority)>) {
        let Some(State::Running { urgency, again }) = self.states.get(key).copied() else {
            return;
        };
        self.states.remove(key);
        self.all.end(urgency);
        if let Entry::Occupied(mut running) = self.running.entry(key.namespace.clone()) {
            running.get_mut().end(urgency);
            if running.get().total == 0 {
                running.remove();
            }
        }
        if let Some((at, priority)) = again {
            self.push(key.clone(), at, priority);
        }
        if let Some((at, priority)) = next {
            self.push(key.clone(), at, priority);
        }
    }

    /// Forgets a deleted object, which gets no more passes. A running one continues.
    pub fn forget(&mut self, key: &Key) {
        match self.states.get_mut(key) {
            Some(State::Running { again, .. }) => *again = None,
            Some(State::Delayed(at, _)) => {
                let at = *at;
                self.delayed.remove(&(at, key.clone()));
                self.states.remove(key);
            }
            // The ring drops objects that are no longer ready when their turn comes.
            Some(State::Ready(_)) => drop(self.states.remove(key)),
            None => {}
        }
    }

    /// When the next object becomes due, if nothing else happens.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// Moves due objects from the delayed ones to those that wait for their turn.
    pub(super) fn promote(&mut self, now: Instant) {
        while let Some((at, _)) = self.delayed.first()
            && *at <= now
            && let Some((_, key)) = self.delayed.pop_first()
        {
            if let Some(State::Delayed(_, priority)) = self.states.get(&key).copied() {
                self.states.insert(key.clone(), State::Ready(priority));
                self.rings.of(priority.urgency).push(key);
            }
        }
    }

    /// Which urgency is tried first, and which ones if there is nothing to do for it.
    fn order(&self) -> [Urgency; 3] {
        let mut order = [Urgency::Change, Urgency::Routine, Urgency::Retry];
        if self.routine_in_a_row >= PER_LESS_URGENT {
            order.swap(1, 2);
        }
        if self.changes_in_a_row >= PER_LESS_URGENT {
            order.rotate_left(1);
        }
        order
    }

    fn take(&mut self, urgency: Urgency) -> Option<(Key, Priority)> {
        let Self {
            limits,
            states,
            rings,
            running,
            all,
            ..
        } = self;
        if !limits.all.admits(*all, urgency) {
            return None;
        }
        let has_room = |namespace: &str| {
            let running = running.get(namespace).copied().unwrap_or_default();
            limits.per_namespace.admits(running, urgency)
        };
        let ready = |key: &Key| match states.get(key) {
            Some(State::Ready(priority)) if priority.urgency == urgency => Some(*priority),
            _ => None,
        };
        let key = rings
            .of(urgency)
            .pop(has_room, |key| ready(key).is_some())?;
        let priority = ready(&key)?;
        Some((key, priority))
    }
}

fn earliest(
    before: Option<(Instant, Priority)>,
    at: Instant,
    priority: Priority,
) -> (Instant, Priority) {
    before.map_or((at, priority), |(time, earlier)| {
        (time.min(at), earlier.and(priority))
    })
}
