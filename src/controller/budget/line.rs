//! The requests of one app: at the app's rate, and fair by namespace. Whoever comes too early stands in line, and
//! namespaces take turns: one with thousands of connections delays another's by the number of namespaces that wait,
//! not by its own number.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::rate::{OverBudget, PATIENCE, Rate};

/// For the connections of one app: a thousand are refreshed within two minutes, without a burst at Zoom.
pub const APP: Rate = Rate {
    burst: 10,
    period: Duration::from_millis(100),
};

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
    /// The round of the last place of each flow that waits. A namespace has one flow, and another one for consents.
    last: HashMap<String, u64>,
    /// The round of the last request.
    round: u64,
    /// How many places were given.
    given: u64,
    /// Requesters whose turn it is and who have not made their request yet, and since when.
    called: HashMap<String, Instant>,
}

/// The round, in which each flow has one place, and the order within the round.
type Place = (u64, u64);

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
            round: 0,
            given: 0,
            called: HashMap::new(),
        }
    }

    /// Whether it is the turn of a requester, which has a place in line otherwise. Whose turn it is may make its
    /// request within [`PATIENCE`].
    ///
    /// # Errors
    /// When it is not.
    pub fn call(&mut self, flow: &str, requester: &str, now: Instant) -> Result<(), OverBudget> {
        if !self.is_called(requester, now) {
            self.take(flow, requester, now)?;
            self.called.insert(requester.to_owned(), now);
        }
        Ok(())
    }

    /// Spends one request.
    ///
    /// # Errors
    /// When it is not the turn of the requester, which has a place in line from then on.
    pub fn spend(&mut self, flow: &str, requester: &str, now: Instant) -> Result<(), OverBudget> {
        let is_called = self.is_called(requester, now);
        self.called.remove(requester);
        if is_called {
            return Ok(());
        }
        self.take(flow, requester, now)
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
        !self.waiting.is_empty() || !self.called.is_empty() || now < self.next
    }

    fn is_called(&self, requester: &str, now: Instant) -> bool {
        let since = self.called.get(requester);
        since.is_some_and(|since| now < *since + PATIENCE)
    }

    fn take(&mut self, flow: &str, requester: &str, now: Instant) -> Result<(), OverBudget> {
        let place = self.place(flow, requester);
        let before = self
            .waiting
            .range(..place)
            .filter(|(_, waiting)| now < waiting.back + LATE)
            .take(COUNTED)
            .count();
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let next = self.next.max(now);
        let ahead = APP.period.saturating_mul(APP.burst.saturating_sub(1));
        let due = next + APP.period.saturating_mul(before);
        let from = due.checked_sub(ahead).unwrap_or(now);
        if from > now {
            let requester = requester.to_owned();
            self.places.insert(requester.clone(), place);
            let back = from;
            self.waiting.insert(place, Waiting { requester, back });
            return Err(OverBudget(from - now));
        }
        self.next = next + APP.period;
        self.round = self.round.max(place.0);
        self.waiting.remove(&place);
        self.places.remove(requester);
        if self.waiting.is_empty() {
            self.last.clear();
        }
        Ok(())
    }

    /// Where a requester stands. A flow that has not waited begins with the round that is served now.
    fn place(&mut self, flow: &str, requester: &str) -> Place {
        if let Some(place) = self.places.get(requester) {
            return *place;
        }
        let last = self.last.get(flow).map_or(0, |last| last + 1);
        let round = last.max(self.round);
        self.last.insert(flow.to_owned(), round);
        self.given += 1;
        (round, self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = APP.period;

    /// Lets all who wait come back when they were told to, until nobody waits. Returns who was served when, and how
    /// often somebody was told to come back later.
    fn served(
        line: &mut Line,
        mut waiting: Vec<(Instant, &'static str, u32)>,
    ) -> (Vec<(Instant, &'static str, u32)>, usize) {
        let (mut served, mut sent_away) = (Vec::new(), 0);
        while !waiting.is_empty() {
            waiting.sort_unstable();
            let (now, namespace, number) = waiting.remove(0);
            match line.spend(namespace, &format!("{namespace}/{number}"), now) {
                Ok(()) => served.push((now, namespace, number)),
                Err(OverBudget(wait)) => {
                    sent_away += 1;
                    waiting.push((now + wait, namespace, number));
                }
            }
        }
        (served, sent_away)
    }

    fn crowd(
        now: Instant,
        namespace: &'static str,
        count: u32,
    ) -> impl Iterator<Item = (Instant, &'static str, u32)> {
        (0..count).map(move |number| (now, namespace, number))
    }

    #[test]
    fn a_thousand_are_served_at_the_apps_rate_and_each_comes_back_once() {
        let start = Instant::now();
        let mut line = Line::new(start);
        let (served, sent_away) = served(&mut line, crowd(start, "a", 1000).collect());
        assert_eq!(served.len(), 1000);
        assert_eq!(served.last().unwrap().0 - start, PERIOD * 990);
        // The burst of ten is served at once.
        assert_eq!(sent_away, 990);
        assert!(line.waiting.is_empty() && line.places.is_empty() && line.last.is_empty());
        let per_second = served.windows(20);
        let shortest = per_second.map(|window| window[19].0 - window[0].0).min();
        assert!(shortest.unwrap() >= PERIOD * 10, "{shortest:?}");
    }

    #[test]
    fn a_namespace_with_thousands_delays_another_by_one_request() {
        let start = Instant::now();
        let mut line = Line::new(start);
        for number in 0..5000 {
            let _ = line.spend("noisy", &format!("noisy/{number}"), start);
        }
        let Err(OverBudget(wait)) = line.spend("quiet", "quiet/0", start) else {
            panic!("the burst is used up");
        };
        assert!(wait <= PERIOD * 2, "{wait:?}");
        assert_eq!(line.spend("quiet", "quiet/0", start + wait), Ok(()));
    }

    #[test]
    fn a_fourth_namespace_does_not_wait_for_three_with_a_thousand_each() {
        let start = Instant::now();
        let mut line = Line::new(start);
        let noisy = ["a", "b", "c"].map(|namespace| crowd(start, namespace, 1000));
        let quiet = crowd(start + Duration::from_mins(1), "quiet", 10);
        let (served, _) = served(
            &mut line,
            noisy.into_iter().flatten().chain(quiet).collect(),
        );
        let quiet = served
            .iter()
            .filter(|(_, namespace, _)| *namespace == "quiet");
        let last = quiet.map(|(now, ..)| *now - start).max().unwrap();
        // Every fourth turn is its own.
        assert!(last <= Duration::from_mins(1) + PERIOD * 45, "{last:?}");
    }

    #[test]
    fn namespaces_take_turns() {
        let start = Instant::now();
        let mut line = Line::new(start);
        let waiting = crowd(start, "a", 200).chain(crowd(start, "b", 20));
        let (served, _) = served(&mut line, waiting.collect());
        let last = served
            .iter()
            .rposition(|(_, namespace, _)| *namespace == "b");
        assert!(last.unwrap() <= 55, "{last:?}");
        let order: Vec<u32> = served
            .iter()
            .filter(|(_, namespace, _)| *namespace == "a")
            .map(|(_, _, number)| *number)
            .collect();
        assert!(order.is_sorted(), "first come, first served");
    }

    #[test]
    fn whoever_is_late_or_never_comes_back_holds_up_nobody() {
        let start = Instant::now();
        let mut line = Line::new(start);
        for number in 0..100 {
            let _ = line.spend("gone", &format!("gone/{number}"), start);
        }
        let later = start + Duration::from_secs(11);
        assert_eq!(line.spend("a", "a/0", later), Ok(()));
        // And has not lost its place.
        for number in 0..9 {
            let _ = line.spend("a", &format!("a/{number}"), later);
        }
        let _ = line.spend("a", "a/10", later);
        assert!(line.spend("gone", "gone/10", later + PERIOD).is_ok());
        assert!(line.sweep(later));
        assert!(!line.sweep(later + PATIENCE * 2));
        assert!(line.places.is_empty());
    }

    #[test]
    fn whose_turn_it_is_makes_one_request() {
        let start = Instant::now();
        let mut line = Line::new(start);
        for number in 0..10 {
            assert_eq!(line.call("a", &number.to_string(), start), Ok(()));
        }
        assert!(line.call("a", "10", start).is_err(), "the calls count");
        assert_eq!(line.call("a", "0", start), Ok(()), "again");
        assert_eq!(line.spend("a", "0", start), Ok(()));
        assert!(line.spend("a", "0", start).is_err());
        // A call does not last forever.
        let later = start + PATIENCE;
        assert!(!line.sweep(later + PERIOD * 20));
    }
}
