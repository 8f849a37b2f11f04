//! What goes ahead of what, and starves nothing.

use super::*;

/// Two thousand objects in these namespaces are due for another token, and routine work has begun. What then
/// changes begins before any of them ends, in a namespace of its own and beside the others.
#[test]
fn a_new_object_waits_for_no_pass_of_thousands_that_are_due() {
    let now = Instant::now();
    for namespaces in [1, 3, 20, 2000] {
        let namespace = |number: usize| format!("n{}", number % namespaces);
        let mut queue = Queue::new(Limits::new(32));
        for number in 0..2000 {
            queue.push(key(&namespace(number), number), now, Priority::DUE);
        }
        let first = popped(&mut queue, now).len();
        assert_eq!(first, (6 * namespaces).min(24), "{namespaces} namespaces");
        queue.push(key("n0", "new"), now, Priority::CHANGE);
        queue.push(key("other", "new"), now, Priority::CHANGE);
        // One of those that are due was changed.
        queue.push(key(&namespace(1999), 1999), now, Priority::CHANGE);
        let changed = format!("{}/1999", namespace(1999));
        let begun: HashSet<String> = popped(&mut queue, now).into_iter().collect();
        assert_eq!(
            begun,
            ["n0/new", "other/new", &changed].map(Into::into).into()
        );
    }
}

/// Changes without end leave routine work a quarter of the passes, and no worker idle.
#[test]
fn changes_without_end_do_not_starve_routine_work() {
    let now = Instant::now();
    let mut queue = Queue::new(Limits::new(32));
    for number in 0..2000 {
        let namespace = format!("n{}", number % 20);
        queue.push(key(&namespace, number), now, Priority::DUE);
        queue.push(key(&namespace, 2000 + number), now, Priority::CHANGE);
    }
    let (mut running, mut changes, mut due) = (VecDeque::new(), 0, 0);
    for _ in 0..1000 {
        while let Some((key, why)) = queue.pop(now) {
            if why == Priority::DUE {
                due += 1;
            } else {
                changes += 1;
            }
            running.push_back(key);
        }
        assert_eq!(running.len(), 32);
        let ended = running.pop_front().unwrap();
        queue.done(&ended, None);
    }
    assert!(changes > 700 && due > 240, "{changes} and {due}");
}

/// Two namespaces are full of what a person must mend. Each tries two at a time, and all together eight; what is due in
/// one of them and elsewhere goes ahead, and does not starve them.
#[test]
fn what_a_person_must_mend_is_tried_again_a_few_at_a_time() {
    let now = Instant::now();
    let mut queue = Queue::new(Limits::new(32));
    for number in 0..1000 {
        queue.push(key("wrong", number), now, Priority::RETRY);
        queue.push(key("also-wrong", number), now, Priority::RETRY);
    }
    assert_eq!(
        popped(&mut queue, now),
        ["also-wrong/0", "wrong/0", "also-wrong/1", "wrong/1"]
    );
    for number in 0..10 {
        queue.push(key(&format!("n{number}"), "wrong"), now, Priority::RETRY);
    }
    assert_eq!(popped(&mut queue, now).len(), 4);
    // Somebody corrects one of them.
    queue.push(key("wrong", 999), now, Priority::CHANGE);
    queue.push(key("wrong", "due"), now, Priority::DUE);
    assert_eq!(popped(&mut queue, now), ["wrong/999", "wrong/due"]);

    let mut queue = Queue::new(Limits::new(1));
    for number in 0..100 {
        queue.push(key("wrong", number), now, Priority::RETRY);
        queue.push(key("healthy", number), now, Priority::DUE);
        queue.push(key("changed", number), now, Priority::CHANGE);
    }
    let mut served = HashMap::<String, u32>::new();
    for _ in 0..64 {
        let (key, _) = queue.pop(now).unwrap();
        *served.entry(key.namespace.to_string()).or_default() += 1;
        queue.done(&key, None);
    }
    assert_eq!(
        [served["changed"], served["healthy"], served["wrong"]],
        [48, 12, 4]
    );
}

#[test]
fn a_consent_that_waits_for_its_turn_stays_ahead_of_routine_work() {
    let now = Instant::now();
    let mut queue = queue(1, 1);
    for number in 0..2000 {
        queue.push(key("a", number), now, Priority::ROUTINE);
    }
    queue.push(key("a", "consent"), now, Priority::PROMPT);
    let (consent, why) = queue.pop(now).unwrap();
    assert_eq!((&*consent.name, why), ("consent", Priority::PROMPT));
    let turn = now + Duration::from_millis(200);
    queue.done(&consent, Some((turn, why)));
    assert_eq!(popped(&mut queue, now), ["a/0"]);
    queue.done(&key("a", 0), None);
    assert_eq!(popped(&mut queue, turn), ["a/consent"]);
}

#[test]
fn a_routine_pass_becomes_urgent_once_something_changes() {
    let now = Instant::now();
    let mut queue = queue(1, 1);
    for number in 0..3 {
        queue.push(key("a", number), now, Priority::ROUTINE);
    }
    assert_eq!(popped(&mut queue, now), ["a/0"]);
    queue.push(key("a", 2), now, Priority::CHANGE);
    queue.done(&key("a", 0), None);
    assert_eq!(popped(&mut queue, now), ["a/2"]);
    queue.done(&key("a", 2), None);
    assert_eq!(popped(&mut queue, now), ["a/1"]);
    queue.done(&key("a", 1), None);
    assert!(popped(&mut queue, now).is_empty());
}
