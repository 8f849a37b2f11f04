//! The controller's work queue: which object gets a pass next. Pure: every time is an argument.
//!
//! - One queue for all namespaces and both kinds of objects.
//! - An object is in it at most once, and never gets two passes at the same time.
//! - Fair by namespace: namespaces with work take turns, and none may hold more than its share of the workers.
//!   A namespace with slow or many passes delays only its own objects.
//! - Changes come before routine work, in a ratio that still lets routine work continue: a due token cannot be
//!   starved by somebody who edits objects all the time.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use tokio::time::Instant;

use super::ring::Ring;
use crate::controller::key::Key;

/// How many changes are served for each routine pass, while there are both.
const CHANGES_PER_ROUTINE: u8 = 3;

/// Why an object waits for a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// It is due, or it existed before this process started.
    Routine,
    /// It is new or changed.
    Change,
}

/// How many passes may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub total: usize,
    /// In each namespace. Lower than the total, so that no namespace can hold all workers.
    pub per_namespace: usize,
}

/// Objects that wait for a pass, and those with a running one.
#[derive(Debug)]
pub struct Queue {
    limits: Limits,
    pub(super) states: HashMap<Key, State>,
    pub(super) delayed: BTreeSet<(Instant, Key)>,
    changes: Ring,
    routine: Ring,
    running: HashMap<Arc<str>, usize>,
    pub(super) total: usize,
    /// Changes that were served since the last routine pass.
    changes_in_a_row: u8,
}

/// The state of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not due yet.
    Delayed(Instant, Priority),
    /// It waits for its turn.
    Ready(Priority),
    /// Its pass is running, and it needs another one from that time on.
    Running(Option<(Instant, Priority)>),
}

// === impl Limits ===

impl Limits {
    /// Gives each namespace a quarter of the workers.
    #[must_use]
    pub fn new(total: u16) -> Self {
        let total = usize::from(total.max(1));
        Self {
            total,
            per_namespace: (total / 4).max(1),
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
            changes: Ring::default(),
            routine: Ring::default(),
            running: HashMap::new(),
            total: 0,
            changes_in_a_row: 0,
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
                let (time, priority) = (before.min(at), earlier.max(priority));
                *merged = State::Delayed(time, priority);
                if time != before {
                    self.delayed.remove(&(before, key.clone()));
                    self.delayed.insert((time, key));
                }
            }
            State::Ready(before) if before < priority => {
                *merged = State::Ready(priority);
                self.changes.push(key);
            }
            State::Ready(_) => {}
            State::Running(again) => {
                *merged = State::Running(Some(earliest(again, at, priority)));
            }
        }
    }

    /// The next object that gets a pass, if there is one and a worker is free. It counts as running until
    /// [`Queue::done`].
    pub fn pop(&mut self, now: Instant) -> Option<Key> {
        self.promote(now);
        if self.total >= self.limits.total {
            return None;
        }
        let order = if self.changes_in_a_row < CHANGES_PER_ROUTINE {
            [Priority::Change, Priority::Routine]
        } else {
            [Priority::Routine, Priority::Change]
        };
        let (key, priority) = order
            .into_iter()
            .find_map(|priority| Some((self.take(priority)?, priority)))?;
        self.changes_in_a_row = match priority {
            Priority::Change => self.changes_in_a_row.saturating_add(1),
            Priority::Routine => 0,
        };
        self.states.insert(key.clone(), State::Running(None));
        *self.running.entry(key.namespace.clone()).or_default() += 1;
        self.total += 1;
        Some(key)
    }

    /// Records that the pass over an object has ended, and that the next one is due at `next`, if there is
    /// one.
    pub fn done(&mut self, key: &Key, next: Option<Instant>) {
        let Some(State::Running(again)) = self.states.get(key).copied() else {
            return;
        };
        self.states.remove(key);
        self.total = self.total.saturating_sub(1);
        if let Entry::Occupied(mut running) = self.running.entry(key.namespace.clone()) {
            *running.get_mut() -= 1;
            if *running.get() == 0 {
                running.remove();
            }
        }
        if let Some((at, priority)) = again {
            self.push(key.clone(), at, priority);
        }
        if let Some(at) = next {
            self.push(key.clone(), at, Priority::Routine);
        }
    }

    /// Forgets a deleted object, which gets no more passes. A running one continues.
    pub fn forget(&mut self, key: &Key) {
        match self.states.get_mut(key) {
            Some(State::Running(again)) => *again = None,
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
                match priority {
                    Priority::Change => self.changes.push(key),
                    Priority::Routine => self.routine.push(key),
                }
            }
        }
    }

    fn take(&mut self, priority: Priority) -> Option<Key> {
        let Self {
            limits,
            states,
            changes,
            routine,
            running,
            ..
        } = self;
        let ring = match priority {
            Priority::Change => changes,
            Priority::Routine => routine,
        };
        let has_room = |namespace: &str| {
            running
                .get(namespace)
                .is_none_or(|running| *running < limits.per_namespace)
        };
        let is_ready = |key: &Key| states.get(key) == Some(&State::Ready(priority));
        ring.pop(has_room, is_ready)
    }
}

fn earliest(
    before: Option<(Instant, Priority)>,
    at: Instant,
    priority: Priority,
) -> (Instant, Priority) {
    before.map_or((at, priority), |(time, earlier)| {
        (time.min(at), earlier.max(priority))
    })
}
