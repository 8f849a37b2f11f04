use super::*;
use crate::controller::key::Key;

const PERIOD: Duration = APP.period;

fn refresh<N: ToString + ?Sized>(namespace: &str, number: &N) -> Requester {
    let connection = Key::connection(namespace, &number.to_string());
    Requester::new(&connection, false)
}

fn consent<N: ToString + ?Sized>(namespace: &str, number: &N) -> Requester {
    let connection = Key::connection(namespace, &number.to_string());
    Requester::new(&connection, true)
}

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
        match line.spend(&refresh(namespace, &number), now) {
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
        let _ = line.spend(&refresh("noisy", &number), start);
    }
    let Err(OverBudget(wait)) = line.spend(&refresh("quiet", &0), start) else {
        panic!("the burst is used up");
    };
    assert!(wait <= PERIOD * 2, "{wait:?}");
    assert_eq!(line.spend(&refresh("quiet", &0), start + wait), Ok(()));
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
        let _ = line.spend(&refresh("gone", &number), start);
    }
    let later = start + Duration::from_secs(11);
    assert_eq!(line.spend(&refresh("a", &0), later), Ok(()));
    // And has not lost its place.
    for number in 0..9 {
        let _ = line.spend(&refresh("a", &number), later);
    }
    let _ = line.spend(&refresh("a", &10), later);
    assert!(line.spend(&refresh("gone", &10), later + PERIOD).is_ok());
    assert!(line.sweep(later));
    assert!(!line.sweep(later + PATIENCE * 2));
    assert!(line.places.is_empty());
}

#[test]
fn whose_turn_it_is_makes_one_request() {
    let start = Instant::now();
    let mut line = Line::new(start);
    for number in 0..10 {
        assert_eq!(line.call(&refresh("a", &number), start), Ok(()));
    }
    assert!(
        line.call(&refresh("a", &10), start).is_err(),
        "the calls count"
    );
    assert_eq!(line.call(&refresh("a", &0), start), Ok(()), "again");
    assert_eq!(line.spend(&refresh("a", &0), start), Ok(()));
    assert!(line.spend(&refresh("a", &0), start).is_err());
    // A call does not last forever.
    let later = start + PATIENCE;
    assert!(!line.sweep(later + PERIOD * 20));
}

/// A code expires within minutes.
#[test]
fn a_consent_waits_for_no_refresh_however_many_namespaces_wait() {
    let start = Instant::now();
    let mut line = Line::new(start);
    for number in 0..3000 {
        let _ = line.spend(&refresh(&format!("n{number}"), "x"), start);
    }
    let wait = |line: &mut Line, requester: &Requester| match line.spend(requester, start) {
        Err(OverBudget(wait)) => wait,
        Ok(()) => panic!("the burst is used up"),
    };
    for prompt in [
        consent("n7", "x"),
        Requester::of_app("ZoomIntegration platform/app"),
    ] {
        let wait = wait(&mut line, &prompt);
        assert!(wait <= PERIOD * 2, "{prompt:?}: {wait:?}");
    }
    let leaves = Requester::of_deletion(&Key::connection("n7", "x"));
    assert!(wait(&mut line, &leaves) <= PERIOD * 3);
    // Nor do a hundred of the same namespace.
    for number in 0..100 {
        let wait = wait(&mut line, &consent("busy", &number));
        assert!(wait <= PERIOD * 140, "{number}: {wait:?}");
    }
    // Another one's do not wait for these.
    let wait = wait(&mut line, &consent("n8", "x"));
    assert!(wait <= PERIOD * 7, "{wait:?}");
}

#[test]
fn refreshes_go_on_among_consents() {
    let start = Instant::now();
    let mut line = Line::new(start);
    let all: Vec<Requester> = (0..100)
        .map(|number| consent("busy", &number))
        .chain((0..30).map(|number| refresh("quiet", &number)))
        .collect();
    let mut waiting: Vec<(Instant, &Requester)> =
        all.iter().map(|requester| (start, requester)).collect();
    let mut served = Vec::new();
    while !waiting.is_empty() {
        waiting.sort_by_key(|(at, _)| *at);
        let (now, requester) = waiting.remove(0);
        match line.spend(requester, now) {
            Ok(()) => served.push((now, requester.class)),
            Err(OverBudget(wait)) => waiting.push((now + wait, requester)),
        }
    }
    // The burst was for the consents, which came first.
    for turns in served[10..].windows(PROMPT_PER_REFRESH + 1) {
        let has = |class| turns.iter().any(|(_, served)| *served == class);
        assert!(has(Class::Refresh), "{served:?}");
    }
    let last = served.last().unwrap().0;
    assert_eq!(last - start, PERIOD * 120, "no turn is lost");
}

#[test]
fn requests_that_follow_their_turns_late_do_not_come_all_at_once() {
    let start = Instant::now();
    let mut line = Line::new(start);
    let slow = start + Duration::from_secs(4);
    let mut waiting = Vec::new();
    for number in 0..500 {
        let now = start + PERIOD * u32::saturating_sub(number, 9);
        let requester = refresh("a", &number);
        assert_eq!(line.call(&requester, now), Ok(()));
        // Nothing could be read for four seconds.
        waiting.push((now.max(slow), requester));
    }
    let (mut made, mut sent_away) = (Vec::new(), 0);
    while !waiting.is_empty() {
        waiting.sort_by_key(|(at, _)| *at);
        let (now, requester) = waiting.remove(0);
        match line.spend(&requester, now) {
            Ok(()) => made.push(now),
            Err(OverBudget(wait)) => {
                sent_away += 1;
                assert_eq!(line.call(&requester, now), Ok(()), "its turn stays");
                waiting.push((now + wait, requester));
            }
        }
    }
    let in_a_second = |from: &Instant| {
        let until = *from + Duration::from_secs(1);
        made.iter().filter(|at| (*from..until).contains(at)).count()
    };
    let most = made.iter().map(in_a_second).max().unwrap();
    assert!(most <= 22, "{most} in a second");
    // Each once at most, and the last ones not at all.
    assert!(sent_away < 400, "{sent_away}");
    assert_eq!(
        *made.last().unwrap(),
        start + PERIOD * 490,
        "no delay lasts"
    );
}
