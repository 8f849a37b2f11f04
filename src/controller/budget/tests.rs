use super::*;

fn account(namespace: &str) -> Payer {
    Payer::Account {
        namespace: namespace.into(),
        account: "junk".into(),
    }
}

fn wait(ledger: &mut Ledger, namespace: &str, requester: u32, now: Instant) -> u64 {
    let spent = ledger.spend(account(namespace), ACCOUNT, &requester.to_string(), now);
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
    assert_eq!(ledger.budgets.len(), 1);
    // And the budget is full again.
    let waits: Vec<u64> = (0..6).map(|it| wait(&mut ledger, "a", it, later)).collect();
    assert_eq!(waits, [0, 0, 0, 0, 0, 2]);
}

#[test]
fn no_tenant_uses_up_the_requests_of_an_app_for_the_others() {
    let budgets = Budgets::default();
    let spent = |namespace: &str, requester: u32| {
        let requester = format!("{namespace}/{requester}");
        budgets
            .spend_of_connection(namespace, "platform", "app", &requester)
            .is_ok()
    };
    let served = (0..100)
        .filter(|requester| spent("noisy", *requester))
        .count();
    assert_eq!(served, 5);
    // The app has requests left for another tenant and for its own namespace.
    assert!(spent("quiet", 0) && spent("platform", 0));
    // All tenants together stay within what the app may do.
    let tenants: Vec<String> = (0..20).map(|tenant| format!("t{tenant}")).collect();
    let served = tenants.iter().filter(|tenant| spent(tenant, 0)).count();
    assert!(served <= 3, "{served}");
}

#[test]
fn a_tenant_pays_nothing_for_a_request_that_the_app_may_not_make() {
    let budgets = Budgets::default();
    let spent = |namespace: &str, requester: &str| {
        budgets
            .spend_of_connection(namespace, "platform", "app", requester)
            .is_ok()
    };
    while spent("platform", "own") {}
    for _ in 0..20 {
        assert!(!spent("tenant", "one"));
    }
    let mut ledger = budgets.0.lock().unwrap();
    let tenant = Payer::Tenant {
        namespace: "tenant".into(),
        home: "platform".into(),
        client: "app".into(),
    };
    assert!(
        ledger
            .spend(tenant, TENANT, "another", Instant::now())
            .is_ok()
    );
}
