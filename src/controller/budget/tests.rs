use super::*;
use crate::controller::key::Key;

fn wait(ledger: &mut Ledger, namespace: &str, requester: u32, now: Instant) -> u64 {
    let payer = (namespace.to_owned(), "junk".to_owned());
    let spent = ledger.spend(payer, &requester.to_string(), now);
    spent.map_or_else(|over| over.0.as_secs(), |()| 0)
}

#[test]
fn five_at_once_and_then_one_in_two_seconds() {
    let mut ledger = Ledger::default();
    let now = Instant::now();
    let waits: Vec<u64> = (0..8).map(|it| wait(&mut ledger, "a", it, now)).collect();
    assert_eq!(waits, [0, 0, 0, 0, 0, 2, 4, 6]);
}

#[test]
fn whoever_comes_back_has_a_place_and_whoever_asks_again_loses_none() {
    let mut ledger = Ledger::default();
    let start = Instant::now();
    for requester in 0..100 {
        wait(&mut ledger, "a", requester, start);
    }
    // Asked every second, all are served at the budget's pace: nobody jumps the queue.
    let mut served = Vec::new();
    let mut waiting: Vec<u32> = (5..100).collect();
    for second in 1..=190 {
        let now = start + Duration::from_secs(second);
        waiting.retain(|requester| {
            let is_served = wait(&mut ledger, "a", *requester, now) == 0;
            if is_served {
                served.push(*requester);
            }
            !is_served
        });
    }
    assert!(waiting.is_empty(), "{waiting:?}");
    assert_eq!(served, (5..100).collect::<Vec<_>>());
}

#[test]
fn those_who_come_later_than_their_places_do_not_go_all_at_once() {
    let mut ledger = Ledger::default();
    let start = Instant::now();
    for requester in 0..50 {
        wait(&mut ledger, "a", requester, start);
    }
    // All slots have come, and all requesters were delayed until now.
    let late = start + Duration::from_secs(100);
    let served = |ledger: &mut Ledger, now| {
        (5..50)
            .filter(|it| wait(ledger, "a", *it, now) == 0)
            .count()
    };
    assert_eq!(served(&mut ledger, late), 5);
    assert_eq!(served(&mut ledger, late + Duration::from_secs(2)), 1);
}

#[test]
fn another_namespace_has_a_budget_of_its_own_for_the_same_account() {
    let mut ledger = Ledger::default();
    let now = Instant::now();
    for requester in 0..500 {
        wait(&mut ledger, "greedy", requester, now);
    }
    assert_eq!(wait(&mut ledger, "neighbour", 0, now), 0);
}

#[test]
fn what_nobody_needs_any_more_is_forgotten() {
    let mut ledger = Ledger::default();
    let now = Instant::now();
    for requester in 0..10 {
        wait(&mut ledger, "a", requester, now);
    }
    let later = now + Duration::from_mins(5);
    wait(&mut ledger, "b", 0, later);
    assert_eq!(ledger.accounts.len(), 1);
    // And the budget is full again.
    let waits: Vec<u64> = (0..6).map(|it| wait(&mut ledger, "a", it, later)).collect();
    assert_eq!(waits, [0, 0, 0, 0, 0, 2]);
}

#[test]
fn no_tenant_uses_up_the_requests_of_an_app_for_the_others() {
    let budgets = Budgets::default();
    let told =
        |spent: Result<(), OverBudget>| spent.map_or_else(|over| over.0, |()| Duration::ZERO);
    let wait = |namespace: &str, name: u32, is_consent: bool| {
        let connection = Key::connection(namespace, &name.to_string());
        let requester = Requester::new(&connection, is_consent);
        told(budgets.spend_of_connection(&requester, "platform", "app"))
    };
    let served = (0..5000)
        .filter(|requester| wait("noisy", *requester, false).is_zero())
        .count();
    assert!(
        served < 20,
        "{served}: the app's burst, and the time that this takes"
    );
    // Each namespace has the turn after the next.
    assert!(wait("quiet", 0, false) < Duration::from_secs(1));
    assert!(wait("platform", 0, false) < Duration::from_secs(1));
    // So has a person, whose code soon expires, among the refreshes of the same namespace.
    assert!(wait("noisy", 1, true) < Duration::from_secs(1));
    let own = told(budgets.spend_of_app("platform", "app", "ZoomIntegration platform/app"));
    assert!(own < Duration::from_secs(1));
    // Another app is not concerned.
    assert_eq!(budgets.spend_of_app("platform", "other", "x"), Ok(()));
}
