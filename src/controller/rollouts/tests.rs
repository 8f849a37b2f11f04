use super::*;

const UPGRADE: Situation = Situation {
    version: 2,
    differs: true,
    own_change: false,
    rolling: false,
};
const ROLLING: Situation = Situation {
    version: 2,
    differs: false,
    own_change: false,
    rolling: true,
};
const DONE: Situation = Situation {
    version: 2,
    differs: false,
    own_change: false,
    rolling: false,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn name(number: usize) -> Name {
    ("clinics".into(), format!("a{number:03}"))
}

#[test]
fn two_hundred_receivers_are_replaced_five_at_a_time() {
    let rollouts = Rollouts::new(5);
    let mut states = vec![UPGRADE; 200];
    let mut most = 0;
    for round in 0..1000 {
        for (number, state) in states.iter_mut().enumerate() {
            match rollouts.judge(&name(number), *state, at(round)) {
                Progress::Rolling if *state == UPGRADE => *state = ROLLING,
                // One round later, its Pods are replaced.
                Progress::Rolling => *state = DONE,
                Progress::Current | Progress::Outdated | Progress::Stuck => {}
            }
            most = most.max(rollouts.lock().rolling.len());
        }
    }
    assert!(states.iter().all(|state| *state == DONE));
    assert_eq!(most, 5);
}

#[test]
fn what_a_tenant_changes_is_done_at_once() {
    let rollouts = Rollouts::new(1);
    assert_eq!(rollouts.judge(&name(0), UPGRADE, at(0)), Progress::Rolling);
    assert_eq!(rollouts.judge(&name(1), UPGRADE, at(0)), Progress::Outdated);
    let own = Situation {
        own_change: true,
        ..UPGRADE
    };
    assert_eq!(rollouts.judge(&name(2), own, at(0)), Progress::Rolling);
}

#[test]
fn who_waits_is_told_when_a_slot_is_free() {
    let rollouts = Rollouts::new(1);
    rollouts.judge(&name(0), UPGRADE, at(0));
    rollouts.judge(&name(1), UPGRADE, at(0));
    rollouts.judge(&name(2), UPGRADE, at(0));
    assert_eq!(rollouts.freed(&name(0), at(0)), [name(1)]);
    assert_eq!(rollouts.judge(&name(1), UPGRADE, at(1)), Progress::Rolling);
    assert!(rollouts.freed(&name(2), at(1)).is_empty());
}

/// Passes over 1,000 receivers, each only when one is requested: how many there are until all are replaced, and the
/// most at a time.
#[test]
fn who_waits_does_not_look_again_before_a_slot_is_free() {
    let rollouts = Rollouts::new(5);
    let mut states = vec![UPGRADE; 1000];
    let mut requested: Vec<usize> = (0..states.len()).collect();
    let mut passes = 0;
    let mut most = 0;
    for second in 0.. {
        if requested.is_empty() {
            break;
        }
        let mut next = Vec::new();
        for number in std::mem::take(&mut requested) {
            passes += 1;
            let name = name(number);
            let offered = match rollouts.judge(&name, states[number], at(second)) {
                // Its Pods are replaced when it is looked at again.
                Progress::Rolling => {
                    states[number] = if states[number] == UPGRADE {
                        ROLLING
                    } else {
                        DONE
                    };
                    next.push(number);
                    rollouts.next(at(second))
                }
                Progress::Current => rollouts.freed(&name, at(second)),
                Progress::Outdated | Progress::Stuck => rollouts.next(at(second)),
            };
            next.extend(
                offered
                    .iter()
                    .map(|(_, name)| name.trim_start_matches('a').parse::<usize>().unwrap()),
            );
            most = most.max(rollouts.lock().rolling.len());
        }
        requested = next;
    }
    assert!(states.iter().all(|state| *state == DONE));
    assert_eq!(most, 5);
    // One at first, one at its turn, one while it is replaced, one when it has been.
    assert!(passes <= 4 * 1000, "{passes}");
}

#[test]
fn a_slot_whose_time_is_used_up_passes_to_the_next_one() {
    let rollouts = Rollouts::new(1);
    rollouts.judge(&name(0), UPGRADE, at(0));
    rollouts.judge(&name(1), UPGRADE, at(0));
    assert!(rollouts.next(at(599)).is_empty());
    assert_eq!(rollouts.next(at(600)), [name(1)]);
    assert!(rollouts.next(at(600)).is_empty(), "it was offered");
}

#[test]
fn who_does_not_take_its_turn_holds_up_nobody() {
    let rollouts = Rollouts::new(1);
    for number in 0..3 {
        rollouts.judge(&name(number), UPGRADE, at(0));
    }
    // The pass over the second one fails before it asks.
    assert_eq!(rollouts.freed(&name(0), at(1)), [name(1)]);
    assert!(rollouts.next(at(30)).is_empty(), "it may still come");
    assert_eq!(rollouts.next(at(31)), [name(2)]);
    assert_eq!(rollouts.judge(&name(2), UPGRADE, at(32)), Progress::Rolling);
    // It is not asked again and again.
    assert!(rollouts.freed(&name(2), at(601)).is_empty());
    assert_eq!(
        rollouts.judge(&name(1), UPGRADE, at(602)),
        Progress::Rolling
    );
}

#[test]
fn who_had_a_turn_gets_another_one_after_all_others() {
    let rollouts = Rollouts::new(1);
    rollouts.judge(&name(0), UPGRADE, at(0));
    rollouts.judge(&name(1), UPGRADE, at(0));
    assert_eq!(
        rollouts.judge(&name(0), UPGRADE, at(600)),
        Progress::Outdated
    );
    assert_eq!(rollouts.next(at(600)), [name(1)]);
    assert_eq!(
        rollouts.judge(&name(1), UPGRADE, at(601)),
        Progress::Rolling
    );
    assert_eq!(rollouts.freed(&name(1), at(602)), [name(0)]);
    assert_eq!(
        rollouts.judge(&name(0), UPGRADE, at(603)),
        Progress::Rolling
    );
}

#[test]
fn a_receiver_that_does_not_get_ready_frees_its_slot_in_the_end() {
    let rollouts = Rollouts::new(1);
    rollouts.judge(&name(0), UPGRADE, at(0));
    rollouts.judge(&name(0), ROLLING, at(500));
    assert_eq!(rollouts.rolling_since(&name(0)), Some(at(0)));
    assert_eq!(
        rollouts.judge(&name(1), UPGRADE, at(599)),
        Progress::Outdated
    );
    assert_eq!(
        rollouts.judge(&name(1), UPGRADE, at(600)),
        Progress::Rolling
    );
}

#[test]
fn a_receiver_that_stays_different_after_each_write_frees_its_slot_all_the_same() {
    let rollouts = Rollouts::new(1);
    for second in 0..600 {
        assert_eq!(
            rollouts.judge(&name(0), UPGRADE, at(second)),
            Progress::Rolling
        );
        if second % 30 == 0 {
            let others = rollouts.judge(&name(1), UPGRADE, at(second));
            assert_eq!(others, Progress::Outdated);
        }
    }
    // It has had its turn: those that have not go first.
    assert_eq!(
        rollouts.judge(&name(0), UPGRADE, at(600)),
        Progress::Outdated
    );
    assert_eq!(
        rollouts.judge(&name(1), UPGRADE, at(601)),
        Progress::Rolling
    );
    assert_eq!(rollouts.judge(&name(1), DONE, at(700)), Progress::Current);
    assert_eq!(
        rollouts.judge(&name(0), UPGRADE, at(701)),
        Progress::Rolling
    );
}

#[test]
fn receivers_that_cannot_be_replaced_let_all_others_through() {
    let rollouts = Rollouts::new(2);
    let mut states = vec![UPGRADE; 20];
    for minute in 0..60 {
        for (number, state) in states.iter_mut().enumerate() {
            let is_stuck = number < 6;
            let progress = rollouts.judge(&name(number), *state, at(minute * 60));
            if progress == Progress::Rolling && !is_stuck {
                *state = DONE;
            }
        }
    }
    assert!(states[6..].iter().all(|state| *state == DONE), "{states:?}");
}

#[test]
fn the_next_version_is_another_turn() {
    let rollouts = Rollouts::new(1);
    rollouts.judge(&name(0), UPGRADE, at(0));
    let next = Situation {
        version: 3,
        ..UPGRADE
    };
    assert_eq!(rollouts.judge(&name(0), next, at(599)), Progress::Rolling);
    assert_eq!(rollouts.judge(&name(1), next, at(601)), Progress::Outdated);
}
