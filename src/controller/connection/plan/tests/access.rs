//! An integration that may not be used.

use super::*;

#[test]
fn nothing_is_refreshed_or_revoked_for_a_namespace_that_is_not_allowed() {
    let barred = |since: Option<i64>| {
        let mut barred = situation(settled(0));
        barred.observed.integration = None;
        barred.observed.access = AppAccess::Refused(since.map(at));
        barred
    };
    // The token would be due.
    assert_eq!(step(&barred(None), 3500), None, "not known for how long");
    assert_eq!(
        step(&barred(Some(3000)), 3500),
        None,
        "a mistake is corrected soon"
    );
    let grace = i64::try_from(GRACE.as_secs()).unwrap();
    assert_eq!(
        step(&barred(Some(3000)), 3000 + grace).unwrap(),
        "RemoveToken"
    );
    let mut without_token = barred(Some(3000));
    without_token.observed.token = TokenSecret::Absent;
    // The grant is kept for as long as one that Zoom refused.
    assert_eq!(step(&without_token, 3999), None);
    assert_eq!(step(&without_token, 4000).unwrap(), "RemoveGrant");
    without_token.observed.access = AppAccess::Allowed;
    assert_eq!(step(&without_token, 4000), None);
}

#[test]
fn a_namespace_that_is_allowed_again_gets_its_token_back() {
    let mut back = situation(settled(0));
    back.observed.access = AppAccess::Allowed;
    back.observed.token = TokenSecret::Absent;
    assert_eq!(step(&back, 100).unwrap(), "Publish");
}

#[test]
fn what_is_removed_later_is_looked_at_in_time() {
    let mut barred = situation(settled(0));
    barred.observed.integration = None;
    barred.observed.access = AppAccess::Refused(Some(at(3000)));
    let rules = Rules {
        sealed_grant: Duration::from_hours(24),
    };
    let again = look_again(&connection(), &barred, rules, at(3100));
    assert_eq!(again, Some(schedule::later(at(3000), GRACE)));
    // The pass that finds it first: its own status leads to no other.
    barred.observed.access = AppAccess::Refused(None);
    let again = look_again(&connection(), &barred, rules, at(3100));
    assert_eq!(again, Some(schedule::later(at(3100), GRACE)));
    barred.observed.access = AppAccess::Refused(Some(at(3000)));
    // Its route is erased at the same time, with a token or without.
    barred.observed.token = TokenSecret::Absent;
    let again = look_again(&connection(), &barred, rules, at(3100));
    assert_eq!(again, Some(schedule::later(at(3000), GRACE)));
    let again = look_again(&connection(), &barred, rules, at(4000));
    assert_eq!(again, Some(schedule::later(at(3000), rules.sealed_grant)));
}
