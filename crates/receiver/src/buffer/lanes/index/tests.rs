#![allow(clippy::unwrap_used, reason = "a test may stop")]

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;

fn store(index: &LaneIndex, account: &str, sequence: u64) {
    let room = index.reserve(account, 300, u64::MAX).unwrap();
    index.committed(7, [(room, sequence)], [], []);
}

fn rebuild<'a>(index: &LaneIndex, events: impl IntoIterator<Item = (&'a str, u64)>) {
    let mut rebuilt = Rebuilt::default();
    for (account, sequence) in events {
        rebuilt.add(account, Pending::new(sequence, 7, 300));
    }
    index.replace(rebuilt);
}

#[test]
fn one_account_holds_its_share_and_no_other_feels_it() {
    let index = LaneIndex::new(1000, usize::MAX);
    let rooms = [
        index.reserve("a", 300, u64::MAX),
        index.reserve("a", 300, u64::MAX),
    ];
    assert!(rooms.iter().all(Option::is_some));
    assert!(index.reserve("a", 300, u64::MAX).is_none());
    assert!(index.reserve("b", 300, u64::MAX).is_some());
    drop(rooms);
    assert!(index.is_empty());
    store(&index, "a", 1);
    store(&index, "a", 2);
    assert!(index.reserve("a", 300, u64::MAX).is_none());
    index.settle(&"a".into(), 1);
    assert!(
        index.reserve("a", 300, u64::MAX).is_none(),
        "it is still on the disk"
    );
    index.committed(7, [], [], [1]);
    assert!(index.reserve("a", 300, u64::MAX).is_some());
    // Whatever the share, an account that holds nothing may send an event.
    assert!(index.reserve("c", 1 << 20, u64::MAX).is_some());
    // What has no account shares one.
    let all: Vec<_> = (0..9)
        .filter_map(|_| index.reserve("", 300, u64::MAX))
        .collect();
    assert_eq!(all.len(), 2);
}

/// A process that runs out of memory takes nothing of anybody.
#[test]
fn who_has_events_waits_for_memory_and_who_has_none_does_not() {
    let index = LaneIndex::new(u64::MAX, 2);
    store(&index, "a", 1);
    store(&index, "b", 2);
    assert!(index.reserve("a", 300, u64::MAX).is_none());
    let others = index.reserve("c", 300, u64::MAX);
    assert!(others.is_some());
    index.settle(&"b".into(), 2);
    assert!(index.reserve("a", 300, u64::MAX).is_some());
}

#[test]
fn memory_is_taken_for_what_there_is_also_while_a_store_is_opened() {
    const EVENTS: usize = 100_000;
    let mut rebuilt = Rebuilt::default();
    for sequence in 0..EVENTS as u64 {
        rebuilt.add("a", Pending::new(sequence, 7, 300));
    }
    let room = |state: &State| state.lanes["a"].pending.capacity();
    assert!(room(&rebuilt.0) <= EVENTS + EVENTS / 7);
    let index = LaneIndex::new(u64::MAX, usize::MAX);
    let reserved = index.reserve("a", 300, u64::MAX);
    index.replace(rebuilt);
    assert_eq!(index.state().pending, EVENTS);
    let held = index.held("a").0;
    drop(reserved);
    assert_eq!(
        held - index.held("a").0,
        charge(300),
        "it is still reserved"
    );
}

#[test]
fn a_settled_event_is_not_read_again_when_the_store_is_opened_again() {
    let index = LaneIndex::new(u64::MAX, usize::MAX);
    store(&index, "a", 1);
    store(&index, "a", 2);
    index.settle(&"a".into(), 1);
    rebuild(&index, [("a", 1), ("a", 2), ("b", 3)]);
    assert_eq!(index.pending("a"), [2]);
    assert_eq!(index.pending("b"), [3]);
    index.committed(7, [], [], [1]);
    index.settle(&"a".into(), 2);
    index.committed(7, [], [], [2]);
    assert_eq!(index.len(), 1);
}

#[test]
fn what_is_read_at_a_time_is_bounded_after_the_first_event() {
    let index = LaneIndex::new(u64::MAX, usize::MAX);
    let sizes = [5000, 100, 200, 300, 5000, 100];
    for (sequence, size) in (0..).zip(sizes) {
        let room = index.reserve("a", size, u64::MAX).unwrap();
        index.committed(7, [(room, sequence)], [], []);
    }
    let places = |from, count, bytes| -> Vec<u64> {
        let found = index.after("a", from, count, bytes);
        found.iter().map(Pending::sequence).collect()
    };
    assert_eq!(places(0, 9, 600), [0]);
    assert_eq!(places(1, 9, 600), [1, 2, 3]);
    assert_eq!(places(1, 2, 600), [1, 2]);
    assert_eq!(places(3, 9, 5300), [3, 4]);
    let [first] = index.after("a", 4, 1, 0)[..] else {
        unreachable!("one event");
    };
    assert_eq!((first.since(), first.size()), (7, 5000));
    // Years before and after those of the receiver.
    assert_eq!(Pending::new(0, -1, 0).since(), 0);
    assert_eq!(Pending::new(0, i64::MAX, 0).since(), i64::from(u32::MAX));
}

#[tokio::test]
async fn who_got_events_is_told_once() {
    let index = LaneIndex::new(u64::MAX, usize::MAX);
    store(&index, "a", 1);
    store(&index, "a", 2);
    store(&index, "b", 3);
    assert_eq!(index.fresh().await, ["a".into(), "b".into()]);
    let index = &index;
    let (fresh, ()) = tokio::join!(index.fresh(), async { store(index, "a", 4) });
    assert_eq!(fresh, ["a".into()]);
}

#[derive(Clone, Debug)]
enum Step {
    Store(u8),
    Settle(u8),
    Commit,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Step::Store),
        3 => (0..4_u8).prop_map(Step::Settle),
        2 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    /// Whatever happens, an account has its own unsettled events in order, and its share is what is stored.
    #[test]
    fn the_index_is_what_the_store_has(steps in vec(step(), 0..80)) {
        let index = LaneIndex::new(u64::MAX, usize::MAX);
        // The store: place and account; what is settled and not committed.
        let mut stored: BTreeMap<u64, u8> = BTreeMap::new();
        let mut settled: Vec<u64> = Vec::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Store(account) => {
                    store(&index, &account.to_string(), next);
                    stored.insert(next, account);
                    next += 1;
                }
                Step::Settle(account) => {
                    let first = index.pending(&account.to_string()).first().copied();
                    if let Some(first) = first {
                        index.settle(&account.to_string().into(), first);
                        settled.push(first);
                    }
                }
                Step::Commit => {
                    for sequence in &settled {
                        stored.remove(sequence);
                    }
                    index.committed(7, [], [], settled.drain(..));
                }
                Step::Reopen => {
                    let names: Vec<String> = stored.values().map(u8::to_string).collect();
                    let names = names.iter().map(String::as_str);
                    rebuild(&index, names.zip(stored.keys().copied()));
                }
            }
            for account in 0..4 {
                let own = stored.iter().filter(|(_, of)| **of == account);
                let own: Vec<u64> = own.map(|(sequence, _)| *sequence).collect();
                let size = own.len() as u64 * charge(300);
                let pending: Vec<u64> =
                    own.into_iter().filter(|n| !settled.contains(n)).collect();
                let name = account.to_string();
                prop_assert_eq!(index.pending(&name), pending);
                let held = index.state().lanes.get(&*name).map_or(0, |lane| lane.stored);
                prop_assert_eq!(held, size);
            }
            let pending = stored.keys().filter(|n| !settled.contains(n)).count();
            prop_assert_eq!(index.state().pending, pending);
        }
    }
}
