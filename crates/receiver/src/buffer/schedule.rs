//! Which event is sent next: the order of the queue, and the exceptions to it. No I/O.
//!
//! Events go out one at a time, in the order of the queue. An event that fails holds up those behind it,
//! because most failures are the sink's. Whether the event itself is at fault shows only when the sink
//! accepts another event meanwhile. So after a few failures of the head of the queue, and some time, one
//! event behind it is sent as a probe, preferably one of another account:
//!
//! - The sink accepts the probe: the head is *set aside*. It is retried with its own pauses while
//!   the others flow, and becomes a dead letter after [`Rules::attempts`] attempts.
//! - The sink does not: nothing changes, and the head goes first again, so that the order survives an
//!   outage. The head is tried immediately before each probe, or a sink that recovers between two
//!   rounds would get the probe first.
//!
//! Some failures cannot be probed that way: the sink says when to come back (`Retry-After`), or an event
//! that stops the sink makes each probe fail as well. After [`STUCK`] attempts the probe goes first in
//! every other round.

mod item;
mod lane;
mod records;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

pub use self::item::Item;
use super::backoff::Backoff;
use crate::sink::{Failure, SinkError};

/// Attempts at the head of the queue before another event is tried.
const SUSPECT: u32 = 5;
/// The same while other events are set aside: the sink is known to reject single events.
const SUSPECT_AGAIN: u32 = 2;
/// Attempts at the head of the queue before a probe may go first.
const STUCK: u32 = 8;
/// Most events that are set aside. At this limit the head of the queue blocks the rest.
const MOST_ASIDE: usize = 256;
/// Most events that are read ahead to find a probe.
const MOST_AHEAD: usize = 128;
/// Longest pause while pending events must be delivered before the process ends.
pub const SHORT: Duration = Duration::from_secs(2);
/// Longest pause that a sink may ask for.
pub const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How often, and how soon again.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Pauses between attempts.
    pub backoff: Backoff,
    /// Attempts at an event while the sink takes others.
    pub attempts: u32,
    /// How long an event must fail before another one is tried, unless others are set aside.
    pub patience: Duration,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the event that [`Schedule::current`] shows.
    Send,
    /// Nothing until then.
    Wait(Instant),
    /// All events that were read are settled: read more. At this time an event that is set aside is due.
    Read(Option<Instant>),
}

/// The events that have been read and are not settled. Serves one event at a time.
#[derive(Debug)]
pub struct Schedule {
    rules: Rules,
    head: Option<Item>,
    ahead: VecDeque<Item>,
    aside: Vec<Item>,
    turn: Turn,
    /// Failed rounds in a row.
    failures: u32,
    /// Nothing is sent before.
    pause: Option<Instant>,
    /// The pause that follows a probe that fails.
    after_probe: Duration,
    probe: Probe,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    Head,
    /// An event behind the head, by its place in the queue.
    Probe(u64),
    /// An event that is set aside, by its place in the queue.
    Aside(u64),
}

/// What is planned beside the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Probe {
    #[default]
    None,
    /// At once: the head has just failed.
    Now,
    /// After the pause, before the head.
    First,
    /// It was first in this round: the head comes without one.
    Done,
}

// === impl Schedule ===

impl Schedule {
    /// An empty one.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            head: None,
            ahead: VecDeque::new(),
            aside: Vec::new(),
            turn: Turn::default(),
            failures: 0,
            pause: None,
            after_probe: Duration::ZERO,
            probe: Probe::default(),
        }
    }

    /// Whether the head of the queue is being tried, and everything that could be a probe was tried before.
    #[must_use]
    pub fn lacks_probe(&self) -> bool {
        let is_untried = |item: &Item| item.attempts == 0;
        self.turn == Turn::Head
            && self.ahead.len() < MOST_AHEAD
            && !self.ahead.iter().any(is_untried)
    }

    /// How many events are set aside.
    #[must_use]
    pub fn set_aside(&self) -> usize {
        self.aside.len()
    }

    /// Failed rounds in a row; 0 once the sink took an event.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: Instant) -> Step {
        if let Some(until) = self.pause {
            if now < until {
                return Step::Wait(until);
            }
            self.pause = None;
        }
        let may_be_aside = !matches!(self.turn, Turn::Aside(_)) && self.probe != Probe::Now;
        if let Some(due) = self.due().filter(|due| may_be_aside && due.1 <= now) {
            self.turn = Turn::Aside(due.0);
            return Step::Send;
        }
        if self.head.is_none() {
            self.head = self.ahead.pop_front();
        }
        if self.head.is_none() {
            self.turn = Turn::Head;
            return match self.due() {
                Some((sequence, due)) if due <= now => {
                    self.turn = Turn::Aside(sequence);
                    Step::Send
                }
                due => Step::Read(due.map(|due| due.1)),
            };
        }
        self.turn = match self.probe {
            Probe::Now | Probe::First => self.candidate().map_or(Turn::Head, Turn::Probe),
            Probe::None | Probe::Done => Turn::Head,
        };
        Step::Send
    }

    /// The event to send. `None` unless [`Self::next`] returned [`Step::Send`].
    #[must_use]
    pub fn current(&self) -> Option<&Item> {
        match self.turn {
            Turn::Head => self.head.as_ref(),
            Turn::Probe(sequence) => self.ahead.iter().find(|item| item.sequence == sequence),
            Turn::Aside(sequence) => self.aside.iter().find(|item| item.sequence == sequence),
        }
    }

    /// The sink accepted the current event. Removes and returns it.
    pub fn delivered(&mut self, now: Instant) -> Option<Item> {
        let taken = self.take();
        if matches!(self.turn, Turn::Probe(_)) {
            self.set_head_aside(now);
        }
        self.failures = 0;
        self.pause = None;
        self.probe = Probe::None;
        self.turn = Turn::Head;
        taken
    }

    /// The sink did not accept the current event. Removes and returns it if its attempts are used up. `chance`
    /// in 0..1 shortens the pause, see [`Backoff::pause`]; with `is_urgent` pauses are short.
    pub fn failed(
        &mut self,
        failure: Failure,
        now: Instant,
        chance: f64,
        is_urgent: bool,
    ) -> Option<Item> {
        let longest = if is_urgent { SHORT } else { LONGEST_WAIT };
        let wait = failure.retry_after.unwrap_or_default();
        match self.turn {
            Turn::Head => {
                self.failures = self.failures.saturating_add(1);
                let pause = self.rules.backoff.pause(self.failures, chance);
                let pause = pause.max(wait).min(longest);
                self.head_failed(failure, now, pause);
                None
            }
            Turn::Probe(_) => {
                let is_connection = failure.error.is_connection();
                if let Some(item) = self.current_mut() {
                    item.failed(failure);
                }
                let pause = self.after_probe.max(wait).min(longest);
                if self.probe == Probe::First {
                    self.probe = Probe::Done; // The head is next, unless the sink asks for a pause.
                    self.pause = (wait > Duration::ZERO).then(|| now + pause);
                } else {
                    self.pause = Some(now + pause);
                    let may_stop_the_sink = is_connection
                        && self.head.as_ref().is_some_and(|head| {
                            head.held >= STUCK && head.last.is_some_and(SinkError::is_connection)
                        });
                    self.probe = if may_stop_the_sink {
                        Probe::First
                    } else {
                        Probe::None
                    };
                }
                None
            }
            Turn::Aside(_) => {
                let is_well = self.failures == 0;
                let (most, backoff) = (self.rules.attempts, self.rules.backoff);
                let item = self.current_mut()?;
                item.failed(failure);
                if is_well && failure.error.counts() {
                    item.counted += 1;
                }
                if item.counted >= most {
                    return self.take();
                }
                let pause = backoff.pause(item.counted, chance).max(wait).min(longest);
                item.due = Some(now + pause);
                if wait > Duration::ZERO {
                    self.pause = Some(now + wait.min(longest));
                }
                None
            }
        }
    }

    /// The attempt at the current event that is under way came after its longest age.
    pub fn note_late(&mut self) {
        if let Some(item) = self.current_mut() {
            item.is_late = true;
        }
    }

    /// Removes the current event: it is not sent again.
    pub fn take(&mut self) -> Option<Item> {
        match self.turn {
            Turn::Head => {
                self.probe = Probe::None;
                self.head.take()
            }
            Turn::Probe(sequence) => {
                let at = self
                    .ahead
                    .iter()
                    .position(|item| item.sequence == sequence)?;
                self.ahead.remove(at)
            }
            Turn::Aside(sequence) => {
                let at = self
                    .aside
                    .iter()
                    .position(|item| item.sequence == sequence)?;
                Some(self.aside.remove(at))
            }
        }
    }

    /// Removes the first event of the queue that has failed: the head, or one that is set aside.
    pub fn skip(&mut self) -> Option<Item> {
        let head = self.head.as_ref().filter(|head| head.attempts > 0);
        let first = self.aside.iter().chain(head).map(|item| item.sequence);
        let first = first.min()?;
        if head.is_some_and(|head| head.sequence == first) {
            self.failures = 0;
            self.pause = None;
            self.probe = Probe::None;
            return self.head.take();
        }
        let at = self.aside.iter().position(|item| item.sequence == first)?;
        Some(self.aside.remove(at))
    }

    /// Makes all pauses short from now on.
    pub fn shorten_pauses(&mut self, now: Instant) {
        let latest = now + SHORT;
        self.pause = self.pause.map(|pause| pause.min(latest));
        for item in &mut self.aside {
            item.due = item.due.map(|due| due.min(latest));
        }
    }

    fn head_failed(&mut self, failure: Failure, now: Instant, pause: Duration) {
        let (suspect, patience) = if self.aside.is_empty() {
            (SUSPECT, self.rules.patience)
        } else {
            (SUSPECT_AGAIN, Duration::ZERO)
        };
        let was_first = self.probe == Probe::Done;
        let Some(head) = &mut self.head else {
            return;
        };
        head.failed(failure);
        head.held += 1;
        let since = *head.held_since.get_or_insert(now);
        head.is_suspect |= failure.error.may_be_the_events_fault();
        let failures = head.held;
        let is_enough = failures >= suspect && now.saturating_duration_since(since) >= patience;
        let may_probe = head.is_suspect && is_enough && !was_first;
        let may_probe = may_probe && self.aside.len() < MOST_ASIDE;
        self.probe = Probe::None;
        if may_probe && failure.retry_after.is_some() {
            // Obey the sink's `Retry-After` before sending anything else.
            if failures >= STUCK {
                self.probe = Probe::First;
            }
        } else if may_probe && failure.error.may_be_the_events_fault() && self.candidate().is_some()
        {
            self.probe = Probe::Now;
            self.after_probe = pause;
            return;
        }
        self.after_probe = Duration::ZERO;
        self.pause = Some(now + pause);
    }

    /// The sink accepted another event: the head is retried at once, and then with its own pauses.
    fn set_head_aside(&mut self, now: Instant) {
        if let Some(mut head) = self.head.take() {
            head.counted = head.held.min(SUSPECT);
            head.due = Some(now);
            head.forget_record();
            self.aside.push(head);
        }
    }

    /// The event to probe with: the one with the fewest attempts; among those one of another account, and
    /// the first in the queue.
    fn candidate(&self) -> Option<u64> {
        let least = self.ahead.iter().map(|item| item.attempts).min()?;
        let mut candidates = self.ahead.iter().filter(|item| item.attempts == least);
        let first = candidates.clone().next()?;
        let account = self.head.as_ref().and_then(Item::account);
        let other = candidates.find(|item| item.account() != account);
        Some(other.unwrap_or(first).sequence)
    }

    /// The event set aside that is due first, and when.
    fn due(&self) -> Option<(u64, Instant)> {
        let due = self
            .aside
            .iter()
            .filter_map(|item| Some((item.sequence, item.due?)));
        due.min_by_key(|(sequence, due)| (*due, *sequence))
    }

    fn current_mut(&mut self) -> Option<&mut Item> {
        match self.turn {
            Turn::Head => self.head.as_mut(),
            Turn::Probe(sequence) => self.ahead.iter_mut().find(|item| item.sequence == sequence),
            Turn::Aside(sequence) => self.aside.iter_mut().find(|item| item.sequence == sequence),
        }
    }
}

#[cfg(test)]
mod tests;
