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
            let mut offered = Vec::new();
            match rollouts.judge(&name, states[number], at(second)) {
                // Its Pods are replaced when it is looked at again.
                Progress::Rolling => {
                    let is_new = states[number] == UPGRADE;
                    states[number] = if is_new { ROLLING } else { DONE };
                    next.push(number);
                }
                Progress::Current => offered.extend(rollouts.freed(&name, at(second))),
                Progress::Outdated | Progress::Stuck => {}
            }
            offered.extend(rollouts.next(&name, at(second), at(second)));
            let number = |(_, name): &Name| name.trim_start_matches('a').parse::<usize>();
            next.extend(offered.iter().map(|name| number(name).unwrap()));
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
    assert!(rollouts.next(&name(0), at(599), at(599)).is_empty());
    assert_eq!(rollouts.next(&name(0), at(600), at(600)), [name(1)]);
    let again = rollouts.next(&name(0), at(601), at(601));
    assert!(again.is_empty(), "it was offered");
}

/// A pass that fails before it asks, or that is over an integration with nothing to write, hands the offer on. So does
/// one that never comes.
#[test]
fn who_does_not_take_its_turn_holds_up_nobody() {
    let rollouts = Rollouts::new(1);
    for (number, second) in (0..4).zip(0..) {
        rollouts.judge(&name(number), UPGRADE, at(second));
    }
    assert_eq!(rollouts.freed(&name(0), at(10)), [name(1)]);
    assert_eq!(rollouts.next(&name(1), at(11), at(12)), [name(2)]);
    assert!(rollouts.next(&name(3), at(13), at(41)).is_empty());
    assert_eq!(rollouts.next(&name(3), at(42), at(42)), [name(3)]);
    assert_eq!(rollouts.judge(&name(3), UPGRADE, at(43)), Progress::Rolling);
    // It is asked again only after it asked.
    assert!(rollouts.freed(&name(3), at(50)).is_empty());
    assert_eq!(rollouts.judge(&name(1), UPGRADE, at(51)), Progress::Rolling);
    assert_eq!(
        rollouts.judge(&name(2), UPGRADE, at(52)),
        Progress::Outdated
    );
}

#[test]
fn an_offer_that_is_made_during_a_pass_is_for_the_next_one() {
    let rollouts = Rollouts::new(1);
    rollouts.judge(&name(0), UPGRADE, at(0));
    rollouts.judge(&name(1), UPGRADE, at(0));
    assert_eq!(rollouts.freed(&name(0), at(10)), [name(1)]);
    assert!(rollouts.next(&name(1), at(9), at(11)).is_empty());
    assert_eq!(rollouts.judge(&name(1), UPGRADE, at(12)), Progress::Rolling);
}

#[test]
fn those_that_cannot_be_replaced_take_turns_after_all_others() {
    let rollouts = Rollouts::new(1);
    rollouts.judge(&name(0), UPGRADE, at(0));
    rollouts.judge(&name(1), UPGRADE, at(0));
    let used_up = |number, second| rollouts.judge(&name(number), UPGRADE, at(second));
    assert_eq!(used_up(0, 600), Progress::Outdated);
    assert_eq!(rollouts.next(&name(0), at(600), at(600)), [name(1)]);
    assert_eq!(used_up(1, 601), Progress::Rolling);
    // Neither can be replaced: the other one goes first each time.
    assert_eq!(used_up(1, 1201), Progress::Outdated);
    assert_eq!(rollouts.next(&name(1), at(1201), at(1201)), [name(0)]);
    assert_eq!(used_up(0, 1202), Progress::Rolling);
    assert_eq!(used_up(0, 1802), Progress::Outdated);
    assert_eq!(rollouts.next(&name(0), at(1802), at(1802)), [name(1)]);
    assert_eq!(used_up(1, 1803), Progress::Rolling);
    // A third one, which had none yet, goes before both.
    assert_eq!(used_up(2, 1900), Progress::Outdated);
    assert_eq!(used_up(1, 2403), Progress::Outdated);
    assert_eq!(rollouts.next(&name(1), at(2403), at(2403)), [name(2)]);
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
