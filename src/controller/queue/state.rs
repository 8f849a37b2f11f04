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

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use tokio::time::Instant;

use super::ring::Ring;
use crate::controller::key::Key;

/// How many changes are served for each routine pass, while there are both.
const CHANGES_PER_ROUTINE: u8 = 3;

/// Why an object waits for a pass. Of several requests, the strongest of each part counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    /// Whether it goes ahead of routine work.
    is_urgent: bool,
    /// Whether something may have changed. Otherwise a pass that cannot do yet what is due has nothing to do.
    is_whole: bool,
}

/// How many passes may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub all: Limit,
    /// In each namespace. Lower than in all, so that no namespace can hold all workers.
    pub per_namespace: Limit,
}

/// How many passes may run at the same time in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of any kind.
    pub total: usize,
    /// Of routine work. Lower than the total, so that a change waits for no routine pass to end.
    pub routine: usize,
}

/// Objects that wait for a pass, and those with a running one.
#[derive(Debug)]
pub struct Queue {
    limits: Limits,
    pub(super) states: HashMap<Key, State>,
    pub(super) delayed: BTreeSet<(Instant, Key)>,
    changes: Ring,
    routine: Ring,
    running: HashMap<Arc<str>, Running>,
    pub(super) all: Running,
    /// Changes that were served since the last routine pass.
    changes_in_a_row: u8,
}

/// How many passes are running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) total: usize,
    /// Those that began as routine work.
    routine: usize,
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
        is_urgent: bool,
        /// It needs another one from that time on.
        again: Option<(Instant, Priority)>,
    },
}

// === impl Limits ===

impl Limits {
    /// Gives each namespace a quarter of the workers.
    #[must_use]
    pub fn new(total: u16) -> Self {
        let total = usize::from(total);
        Self {
            all: Limit::new(total),
            per_namespace: Limit::new(total / 4),
        }
    }
}

// === impl Limit ===

impl Limit {
    /// Gives routine work three quarters of the workers.
    fn new(total: usize) -> Self {
        let total = total.max(1);
        Self {
            total,
            routine: (total * 3 / 4).max(1),
        }
    }

    /// Whether another pass may begin beside the running ones.
    fn admits(self, running: Running, is_urgent: bool) -> bool {
        running.total < self.total && (is_urgent || running.routine < self.routine)
    }
}

// === impl Running ===

impl Running {
    fn begin(&mut self, is_urgent: bool) {
        self.total += 1;
        self.routine += usize::from(!is_urgent);
    }

    fn end(&mut self, is_urgent: bool) {
        self.total -= 1;
        self.routine -= usize::from(!is_urgent);
    }
}

// === impl Priority ===

impl Priority {
    /// It is due, or somebody asked for another token, and nothing else happened.
    pub const DUE: Self = Self {
        is_urgent: false,
        is_whole: false,
    };
    /// It existed before this process started, or a pass could not finish.
    pub const ROUTINE: Self = Self {
        is_urgent: false,
        is_whole: true,
    };
    /// A person waits for it, and nothing else happened.
    pub const PROMPT: Self = Self {
        is_urgent: true,
        is_whole: false,
    };
    /// It is new or changed.
    pub const CHANGE: Self = Self {
        is_urgent: true,
        is_whole: true,
    };

    /// Whether something may have changed.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.is_whole
    }

    /// Whether it goes ahead of routine work.
    #[cfg(test)]
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        self.is_urgent
    }

    fn and(self, other: Self) -> Self {
        Self {
            is_urgent: self.is_urgent || other.is_urgent,
            is_whole: self.is_whole || other.is_whole,
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
            all: Running::default(),
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
                let (time, priority) = (before.min(at), earlier.and(priority));
                *merged = State::Delayed(time, priority);
                if time != before {
                    self.delayed.remove(&(before, key.clone()));
                    self.delayed.insert((time, key));
                }
            }
            State::Ready(before) => {
                *merged = State::Ready(before.and(priority));
                if priority.is_urgent && !before.is_urgent {
                    self.changes.push(key);
                }
            }
            State::Running { is_urgent, again } => {
                let again = Some(earliest(again, at, priority));
                *merged = State::Running { is_urgent, again };
            }
        }
    }

    /// The next object that gets a pass, and why, if there is one and a worker is free. It counts as running until
    /// [`Queue::done`].
    pub fn pop(&mut self, now: Instant) -> Option<(Key, Priority)> {
        self.promote(now);
        let is_turn_of_changes = self.changes_in_a_row < CHANGES_PER_ROUTINE;
        let (key, priority) = self
            .take(is_turn_of_changes)
            .or_else(|| self.take(!is_turn_of_changes))?;
        self.changes_in_a_row = if priority.is_urgent {
            self.changes_in_a_row.saturating_add(1)
        } else {
            0
        };
        let is_urgent = priority.is_urgent;
        let again = None;
        let state = State::Running { is_urgent, again };
        self.states.insert(key.clone(), state);
        let running = self.running.entry(key.namespace.clone()).or_default();
        running.begin(is_urgent);
        self.all.begin(is_urgent);
        Some((key, priority))
    }

    /// Records that the pass over an object has ended, and when and why the next one comes, if there is one.
    pub fn done(&mut self, key: &Key, next: Option<(Instant, Priority)>) {
        let Some(State::Running { is_urgent, again }) = self.states.get(key).copied() else {
            return;
        };
        self.states.remove(key);
        self.all.end(is_urgent);
        if let Entry::Occupied(mut running) = self.running.entry(key.namespace.clone()) {
            running.get_mut().end(is_urgent);
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
                if priority.is_urgent {
                    self.changes.push(key);
                } else {
                    self.routine.push(key);
                }
            }
        }
    }

    fn take(&mut self, changes_only: bool) -> Option<(Key, Priority)> {
        let Self {
            limits,
            states,
            changes,
            routine,
            running,
            all,
            ..
        } = self;
        if !limits.all.admits(*all, changes_only) {
            return None;
        }
        let ring = if changes_only { changes } else { routine };
        let has_room = |namespace: &str| {
            let running = running.get(namespace).copied().unwrap_or_default();
            limits.per_namespace.admits(running, changes_only)
        };
        let ready = |key: &Key| match states.get(key) {
            Some(State::Ready(priority)) if priority.is_urgent == changes_only => Some(*priority),
            _ => None,
        };
        let key = ring.pop(has_room, |key| ready(key).is_some())?;
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
