//! The requests of one app: at the app's rate, and fair by namespace. Whoever comes too early stands in line, and
//! namespaces take turns: one with thousands of connections delays another's by the number of namespaces that wait,
//! not by its own number. Of four turns, three are for consents and whatever else somebody waits for, if there are any:
//! they do not wait behind refreshes, which still go on.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    bucket::Bucket,
    rate::{OverBudget, PATIENCE, Rate},
    requester::{Class, Requester},
};

/// For the connections of one app: a thousand are refreshed within two minutes, without a burst at Zoom.
pub const APP: Rate = Rate {
    burst: 10,
    period: Duration::from_millis(100),
};

/// For the requests themselves, which follow the turns after a while: those of a slow moment must not come all at once.
/// Faster than the turns, so that a moment's delay does not last.
const PACE: Rate = Rate {
    burst: APP.burst,
    period: Duration::from_millis(90),
};

/// Turns of the prompt for each of a refresh, while both wait.
const PROMPT_PER_REFRESH: usize = 3;

/// Whoever is this late does not hold up those behind.
const LATE: Duration = Duration::from_secs(1);

/// So many are counted before somebody. Who stands further back is told to ask again by then.
const COUNTED: usize = 1200;

/// The requests of one app, and who waits for one.
#[derive(Debug)]
pub struct Line {
    /// When the next request would be due if all came at the same pace.
    next: Instant,
    /// Who waits, in order.
    waiting: BTreeMap<Place, Waiting>,
    /// Where each requester stands.
    places: HashMap<String, Place>,
    /// The round of the last place of each flow that waits.
    last: HashMap<String, u64>,
    /// The round of the last turn of each class.
    rounds: BTreeMap<Class, u64>,
    /// Turns of the prompt since the last one of a refresh.
    prompt_in_a_row: usize,
    /// How many places were given.
    given: u64,
    /// Requesters whose turn it is and who have not made their request yet, and since when.
    called: HashMap<String, Instant>,
    /// The requests that were made.
    made: Bucket,
}

/// The class, the round, in which each flow of the class has one place, and the order within the round.
type Place = (Class, u64, u64);

#[derive(Debug)]
struct Waiting {
    requester: String,
    /// When it was told to come back.
    back: Instant,
}

// === impl Line ===

impl Line {
    /// A line in which nobody waits.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            next: now,
            waiting: BTreeMap::new(),
            places: HashMap::new(),
            last: HashMap::new(),
            rounds: BTreeMap::new(),
            prompt_in_a_row: 0,
            given: 0,
            called: HashMap::new(),
            made: Bucket::new(now),
        }
    }

    /// Whether it is the turn of a requester, which has a place in line otherwise. Whose turn it is may make its
    /// request within [`PATIENCE`].
    ///
    /// # Errors
    /// When it is not.
    pub fn call(&mut self, requester: &Requester, now: Instant) -> Result<(), OverBudget> {
        if !self.is_called(requester, now) {
            self.take(requester, now)?;
            self.called.insert(requester.name.clone(), now);
        }
        Ok(())
    }

    /// Spends one request.
    ///
    /// # Errors
    /// When it is not the turn of the requester, which has a place in line from then on, or when many make their
    /// requests at this moment.
    pub fn spend(&mut self, requester: &Requester, now: Instant) -> Result<(), OverBudget> {
        self.call(requester, now)?;
        self.made.spend(PACE, &requester.name, now)?;
        self.called.remove(&requester.name);
        Ok(())
    }

    /// Forgets who does not come back. Returns whether the line is needed any more.
    pub fn sweep(&mut self, now: Instant) -> bool {
        let places = &mut self.places;
        self.waiting.retain(|_, waiting| {
            let stays = now < waiting.back + PATIENCE;
            if !stays {
                places.remove(&waiting.requester);
            }
            stays
        });
        self.called.retain(|_, since| now < *since + PATIENCE);
        if self.waiting.is_empty() {
            self.last.clear();
        }
        let is_full = !self.made.sweep(now) && self.next <= now;
        !self.waiting.is_empty() || !self.called.is_empty() || !is_full
    }

    fn is_called(&self, requester: &Requester, now: Instant) -> bool {
        let since = self.called.get(&requester.name);
        since.is_some_and(|since| now < *since + PATIENCE)
    }

    fn take(&mut self, requester: &Requester, now: Instant) -> Result<(), OverBudget> {
        let place = self.place(requester);
        let before = u32::try_from(self.before(place, now)).unwrap_or(u32::MAX);
        let next = self.next.max(now);
        let ahead = APP.period.saturating_mul(APP.burst.saturating_sub(1));
        let due = next + APP.period.saturating_mul(before);
        let from = due.checked_sub(ahead).unwrap_or(now);
        if from > now {
            let requester = requester.name.clone();
            self.places.insert(requester.clone(), place);
            let back = from;
            self.waiting.insert(place, Waiting { requester, back });
            return Err(OverBudget(from - now));
        }
        self.next = next + APP.period;
        let (class, round, _) = place;
        self.prompt_in_a_row = match class {
            Class::Prompt => PROMPT_PER_REFRESH.min(self.prompt_in_a_row + 1),
            Class::Refresh => 0,
        };
        let last = self.rounds.entry(class).or_default();
        *last = round.max(*last);
        self.waiting.remove(&place);
        self.places.remove(&requester.name);
        if self.waiting.is_empty() {
            self.last.clear();
        }
        Ok(())
    }

    /// How many turns come before this place.
    fn before(&self, place: Place, now: Instant) -> usize {
        let (class, ..) = place;
        let count = |from: Place, to: Place, most: usize| {
            let waiting = self.waiting.range(from..to).map(|(_, waiting)| waiting);
            let present = waiting.filter(|waiting| now < waiting.back + LATE);
            present.take(most).count()
        };
        let all = |class| ((class, 0, 0), (class, u64::MAX, u64::MAX));
        let own = count((class, 0, 0), place, COUNTED);
        let ((from, to), most) = match class {
            Class::Prompt => (
                all(Class::Refresh),
                (own + self.prompt_in_a_row) / PROMPT_PER_REFRESH,
            ),
            Class::Refresh => (
                all(Class::Prompt),
                (own + 1) * PROMPT_PER_REFRESH - self.prompt_in_a_row,
            ),
        };
        own + count(from, to, most)
    }

    /// Where a requester stands. A flow that has not waited begins with the round that is served now.
    fn place(&mut self, requester: &Requester) -> Place {
        let Requester { class, flow, name } = requester;
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let last = self.last.get(flow).map_or(0, |last| last + 1);
        let served = self.rounds.get(class).copied().unwrap_or_default();
        let round = last.max(served);
        self.last.insert(flow.clone(), round);
        self.given += 1;
        (*class, round, self.given)
    }
}

#[cfg(test)]
mod tests;
