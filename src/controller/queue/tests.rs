mod urgency;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use proptest::prelude::*;
use runtime::shutdown;
use tokio::time::Instant;

use super::{
    Limits, Requeue,
    limits::Limit,
    priority::{Priority, Urgency},
    run,
    state::Queue,
};
use crate::controller::key::Key;

fn key<N: ToString + Copy>(namespace: &str, name: N) -> Key {
    Key::integration(namespace, &name.to_string())
}

fn queue(total: usize, per_namespace: usize) -> Queue {
    Queue::new(Limits {
        all: all(total),
        per_namespace: all(per_namespace),
    })
}

/// Routine work and retries may hold all workers, too.
fn all(total: usize) -> Limit {
    Limit {
        total,
        routine: total,
        retries: total,
    }
}

fn popped(queue: &mut Queue, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| queue.pop(now))
        .map(|(key, _)| format!("{}/{}", key.namespace, key.name))
        .collect()
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[test]
fn namespaces_take_turns_however_many_objects_one_has() {
    let now = Instant::now();
    let mut queue = queue(6, 6);
    for number in 0..9 {
        queue.push(key("a", number), now, Priority::ROUTINE);
    }
    queue.push(key("b", 0), now, Priority::ROUTINE);
    queue.push(key("c", 0), now, Priority::ROUTINE);
    assert_eq!(
        popped(&mut queue, now),
        ["a/0", "b/0", "c/0", "a/1", "a/2", "a/3"]
    );
}

#[test]
fn a_namespace_holds_no_more_than_its_share_of_the_workers() {
    let now = Instant::now();
    let mut queue = queue(4, 2);
    for number in 0..10 {
        queue.push(key("slow", number), now, Priority::CHANGE);
    }
    assert_eq!(popped(&mut queue, now), ["slow/0", "slow/1"]);
    queue.push(key("b", 0), now, Priority::ROUTINE);
    assert_eq!(popped(&mut queue, now), ["b/0"]);
    queue.done(&key("slow", 0), None);
    assert_eq!(popped(&mut queue, now), ["slow/2"]);
}

#[test]
fn changes_go_ahead_of_routine_work_and_do_not_starve_it() {
    let now = Instant::now();
    let mut queue = queue(8, 8);
    for number in 0..4 {
        queue.push(key("old", number), now, Priority::ROUTINE);
        queue.push(key("new", number), now, Priority::CHANGE);
    }
    assert_eq!(
        popped(&mut queue, now),
        [
            "new/0", "new/1", "new/2", "old/0", "new/3", "old/1", "old/2", "old/3"
        ]
    );
}

#[test]
fn an_object_never_gets_two_passes_at_the_same_time() {
    let now = Instant::now();
    let mut queue = queue(4, 4);
    queue.push(key("a", 0), now, Priority::CHANGE);
    queue.push(key("a", 0), now, Priority::CHANGE);
    assert_eq!(popped(&mut queue, now), ["a/0"]);
    queue.push(key("a", 0), now, Priority::CHANGE);
    assert!(popped(&mut queue, now).is_empty());
    // A request that came during the pass is not lost, and comes before the one that the pass itself
    // returned.
    queue.done(&key("a", 0), Some((now + seconds(3600), Priority::DUE)));
    assert_eq!(popped(&mut queue, now), ["a/0"]);
    queue.done(&key("a", 0), Some((now + seconds(3600), Priority::DUE)));
    assert!(popped(&mut queue, now + seconds(3599)).is_empty());
    assert_eq!(popped(&mut queue, now + seconds(3600)), ["a/0"]);
    assert_eq!(queue.all.total, 1);
}

#[test]
fn of_two_times_the_earlier_counts() {
    let now = Instant::now();
    let mut queue = queue(4, 4);
    queue.push(key("a", 0), now + seconds(60), Priority::ROUTINE);
    queue.push(key("a", 0), now + seconds(30), Priority::ROUTINE);
    queue.push(key("a", 0), now + seconds(90), Priority::ROUTINE);
    assert_eq!(queue.next_due(), Some(now + seconds(30)));
    assert!(popped(&mut queue, now + seconds(29)).is_empty());
    assert_eq!(popped(&mut queue, now + seconds(30)), ["a/0"]);
    queue.done(&key("a", 0), None);
    assert_eq!(queue.next_due(), None);
}

#[test]
fn a_pass_knows_whether_only_time_has_passed() {
    let now = Instant::now();
    let mut queue = queue(9, 9);
    let why = |queue: &mut Queue, name: &str| {
        let (key, why) = queue.pop(now).unwrap();
        assert_eq!(&*key.name, name);
        queue.done(&key, None);
        why
    };
    queue.push(key("a", "due"), now, Priority::DUE);
    assert_eq!(why(&mut queue, "due"), Priority::DUE);
    // What happened before its turn counts, whether it waits for a time or for its turn.
    queue.push(key("a", "due"), now + seconds(9), Priority::DUE);
    queue.push(key("a", "due"), now, Priority::ROUTINE);
    assert_eq!(why(&mut queue, "due"), Priority::ROUTINE);
    for (then, wanted) in [
        (Priority::DUE, Priority::DUE),
        (Priority::ROUTINE, Priority::ROUTINE),
        (Priority::PROMPT, Priority::PROMPT),
        (Priority::CHANGE, Priority::CHANGE),
    ] {
        queue.push(key("a", "due"), now, Priority::DUE);
        queue.promote(now);
        queue.push(key("a", "due"), now, then);
        assert_eq!(why(&mut queue, "due"), wanted);
        assert!(queue.pop(now).is_none(), "once");
    }
    queue.push(key("a", "due"), now, Priority::PROMPT);
    queue.push(key("a", "due"), now, Priority::ROUTINE);
    assert_eq!(why(&mut queue, "due"), Priority::CHANGE, "both");
    // And so does what happens during a pass.
    queue.push(key("a", "due"), now, Priority::DUE);
    let (running, _) = queue.pop(now).unwrap();
    queue.push(key("a", "due"), now, Priority::CHANGE);
    queue.done(&running, Some((now + seconds(9), Priority::DUE)));
    assert_eq!(why(&mut queue, "due"), Priority::CHANGE);
}

#[test]
fn what_is_gone_gets_no_pass() {
    let now = Instant::now();
    let mut queue = queue(4, 4);
    queue.push(key("a", "ready"), now, Priority::CHANGE);
    queue.push(key("a", "delayed"), now + seconds(5), Priority::ROUTINE);
    queue.promote(now);
    queue.forget(&key("a", "ready"));
    queue.forget(&key("a", "delayed"));
    assert!(popped(&mut queue, now + seconds(9)).is_empty());
    assert!(queue.states.is_empty() && queue.delayed.is_empty());
}

proptest! {
    /// In whatever order things happen, no request is lost, the limits hold, and no object gets two passes at
    /// once.
    #[test]
    fn nothing_is_lost_and_the_limits_hold(steps in proptest::collection::vec((0_u8..4, 0_u8..3, 0_u8..5, 0_u64..4), 1..200)) {
        let start = Instant::now();
        let limits = Limits {
                all: Limit { total: 3, routine: 2, retries: 1 },
                per_namespace: Limit { total: 2, routine: 1, retries: 1 },
            };
        let mut queue = Queue::new(limits);
        let mut now = start;
        let mut running: Vec<(Key, Urgency)> = Vec::new();
        let mut wanted: HashSet<Key> = HashSet::new();
        for (step, namespace, name, wait) in steps {
            let object = key(&format!("n{namespace}"), name);
            match step {
                0 => {
                    let priority = [Priority::CHANGE, Priority::DUE, Priority::ROUTINE, Priority::PROMPT, Priority::RETRY][usize::from(name)];
                    queue.push(object.clone(), now + seconds(wait), priority);
                    wanted.insert(object);
                }
                1 => {
                    if let Some((taken, why)) = queue.pop(now) {
                        prop_assert!(running.iter().all(|(key, _)| *key != taken));
                        prop_assert!(wanted.remove(&taken));
                        running.push((taken, why.urgency));
                    }
                }
                2 => if let Some((ended, _)) = running.pop() {
                    queue.done(&ended, None);
                },
                _ => now += seconds(wait),
            }
            let holds = |limit: Limit, namespace: Option<&str>| {
                let of = running.iter().filter(|(key, _)| namespace.is_none_or(|of| &*key.namespace == of));
                let routine = of.clone().filter(|(_, urgency)| *urgency <= Urgency::Routine).count();
                let retries = of.clone().filter(|(_, urgency)| *urgency == Urgency::Retry).count();
                of.count() <= limit.total && routine <= limit.routine && retries <= limit.retries
            };
            prop_assert!(holds(limits.all, None));
            for namespace in ["n0", "n1", "n2"] {
                prop_assert!(holds(limits.per_namespace, Some(namespace)));
            }
        }
        now += seconds(10);
        loop {
            for (ended, _) in running.drain(..) {
                queue.done(&ended, None);
            }
            let Some((taken, why)) = queue.pop(now) else { break };
            prop_assert!(wanted.remove(&taken));
            running.push((taken, why.urgency));
        }
        prop_assert!(wanted.is_empty(), "{wanted:?}");
        prop_assert!(queue.states.is_empty());
    }
}

/// One namespace has five hundred objects whose passes take twenty seconds each, because Zoom is slow for
/// their account. The object of the other one must have a pass every ten seconds.
#[tokio::test(start_paused = true)]
async fn a_slow_account_delays_nobody_else() {
    let requeue = Requeue::new(Limits::new(16));
    for number in 0..500 {
        requeue.now(key("slow", number));
    }
    requeue.routine(key("neighbour", "app"));
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let pass = {
        let times = times.clone();
        move |key: Key, _| {
            let times = times.clone();
            async move {
                if &*key.namespace == "slow" {
                    tokio::time::sleep(seconds(20)).await;
                    Some((Duration::ZERO, Priority::DUE))
                } else {
                    times.lock().unwrap().push(Instant::now());
                    Some((seconds(10), Priority::DUE))
                }
            }
        }
    };
    let (_trigger, shutdown) = shutdown::channel();
    let passes = run(&requeue, pass, &shutdown);
    let started = Instant::now();
    let _ = tokio::time::timeout(seconds(3600), passes).await;
    let times = times.lock().unwrap();
    assert!(times.len() >= 359, "{} passes", times.len());
    let mut before = started;
    for time in times.iter() {
        assert!(*time - before <= seconds(11), "{:?}", *time - before);
        before = *time;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_panics_is_repeated_and_frees_its_worker() {
    let requeue = Requeue::new(Limits::new(1));
    requeue.now(key("a", "bad"));
    let count = Arc::new(AtomicU32::new(0));
    let pass = {
        let count = count.clone();
        move |_: Key, _| {
            let before = count.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(before > 0, "the first pass breaks off");
                None
            }
        }
    };
    let (_trigger, shutdown) = shutdown::channel();
    let _ = tokio::time::timeout(seconds(120), run(&requeue, pass, &shutdown)).await;
    assert_eq!(count.load(Ordering::Relaxed), 2);
}
