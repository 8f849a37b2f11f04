//! How long a deletion waits for Zoom.

use serde_json::json;

use super::*;
use crate::controller::{
    connection::model::Refused,
    grants::{TooEarly, client_of},
};
use grant::{Access, Credential, Lost, SpendOutcome};
use zoom::{Error, Fault};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn connection() -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "uid": "c"},
        "spec": {"integrationRef": {"name": "app"}},
    }))
    .unwrap()
}

/// A deletion that began at 0, of a grant whose token expires at this time.
fn ending(expires: i64) -> Ending {
    Ending {
        grant: Some(Grant {
            id: "g".into(),
            generation: 1,
            since: at(0),
            client_id: Some("id".into()),
            credential: Credential::RefreshToken("r".to_owned().into()),
            access: Some(Access {
                token: "a".to_owned().into(),
                token_type: "bearer".into(),
                issued_at: at(0),
                expires_at: at(expires),
                scope: String::new(),
                api_url: "https://api.zoom.us".into(),
            }),
            intent: None,
            loss: None,
        }),
        missing: None,
        app: Some(App {
            client_id: "id".into(),
            client_secret: "secret".to_owned().into(),
        }),
        awaits_app: false,
        namespace_uid: "n".into(),
        failure: None,
        turn: None,
        until: at(120),
    }
}

fn limited(seconds: Option<u64>) -> Answer {
    Answer::Revoked(Err(Error {
        retry_after: seconds.map(Duration::from_secs),
        ..Error::new(Fault::RateLimited, "HTTP 429")
    }))
}

#[test]
fn a_token_that_works_is_revoked_and_another_is_got_otherwise() {
    assert!(matches!(plan(&ending(3600), at(1)), Step::Revoke(..)));
    assert!(matches!(plan(&ending(0), at(1)), Step::Refresh(_)));
    let nothing = Ending {
        grant: None,
        ..ending(0)
    };
    assert!(matches!(plan(&nothing, at(1)), Step::Release(None)));
}

#[test]
fn credentials_that_may_come_are_waited_for() {
    let without = |awaits_app| Ending {
        app: None,
        awaits_app,
        ..ending(3600)
    };
    assert!(matches!(plan(&without(true), at(1)), Step::Wait(until) if until == at(11)));
    assert!(matches!(plan(&without(true), at(119)), Step::Wait(until) if until == at(120)));
    assert!(matches!(
        plan(&without(true), at(120)),
        Step::Release(Some(_))
    ));
    assert!(
        matches!(plan(&without(false), at(1)), Step::Release(Some(_))),
        "the integration is gone"
    );
}

#[test]
fn a_grant_whose_successor_nobody_knows_is_said_not_to_be_revoked() {
    for (lost, said) in [
        (Lost::ReplyLost, true),
        (Lost::GrantLost, false),
        (Lost::Deauthorized, false),
    ] {
        let answer = Answer::Refreshed(SpendOutcome::Lost(lost));
        let found = settle(&connection(), ending(0), answer, at(1));
        let Step::Release(why) = plan(&found, at(1)) else {
            panic!("it ends");
        };
        assert_eq!(why.is_some(), said, "{lost:?}: {why:?}");
    }
}

#[test]
fn zooms_wait_is_kept_within_the_time_of_a_deletion() {
    let soon = settle(&connection(), ending(3600), limited(Some(30)), at(10));
    assert!(matches!(plan(&soon, at(11)), Step::Wait(until) if until >= at(40)));
    assert!(matches!(plan(&soon, at(50)), Step::Revoke(..)));
    let late = settle(&connection(), ending(3600), limited(Some(600)), at(10));
    assert!(matches!(plan(&late, at(11)), Step::Release(Some(_))));
}

#[test]
fn a_place_in_line_is_waited_for_and_is_no_failure() {
    let told = |wait, now| {
        let early = Answer::Postponed(TooEarly(Duration::from_secs(wait)));
        settle(&connection(), ending(0), early, at(now))
    };
    let soon = told(30, 10);
    assert!(soon.failure.is_none());
    assert!(matches!(plan(&soon, at(10)), Step::Wait(until) if until == at(40)));
    assert!(matches!(plan(&soon, at(40)), Step::Refresh(_)));
    // One attempt more at the end, in case that the others are done.
    let late = told(600, 10);
    assert!(matches!(plan(&late, at(10)), Step::Wait(until) if until == at(120)));
    let Step::Release(Some(why)) = plan(&told(600, 120), at(120)) else {
        panic!("it ends");
    };
    assert!(why.contains("turn"), "{why}");
}

/// As with an immutable Secret: nobody may ever mend that.
#[test]
fn a_grant_that_cannot_be_written_ends_the_deletion_in_time() {
    let (mut found, mut now, mut attempts) = (ending(0), 1, 0);
    let why = loop {
        match plan(&found, at(now)) {
            Step::Refresh(_) => {
                attempts += 1;
                let refused = Answer::NotStored(Refused("field is immutable".into()));
                found = settle(&connection(), found, refused, at(now));
            }
            Step::Wait(until) => now = until.as_second(),
            Step::Release(why) => break why.unwrap_or_default(),
            Step::Revoke(..) => unreachable!("the token has expired"),
        }
    };
    assert!((2..=6).contains(&attempts), "{attempts}");
    assert!(now <= 120, "{now}");
    assert!(why.ends_with("field is immutable."), "{why}");
}

#[test]
fn without_a_wait_the_pauses_grow_until_the_deletion_goes_on() {
    let (mut found, mut now, mut attempts) = (ending(3600), 1, 0);
    loop {
        match plan(&found, at(now)) {
            Step::Revoke(..) => {
                attempts += 1;
                found = settle(&connection(), found, limited(None), at(now));
            }
            Step::Wait(until) => now = until.as_second(),
            Step::Release(why) => {
                assert!(why.is_some());
                break;
            }
            Step::Refresh(_) => unreachable!("the token works"),
        }
    }
    assert!((3..=6).contains(&attempts), "{attempts}");
    assert!(now <= 120);
}

#[test]
fn the_grant_of_another_app_is_not_sent() {
    let mut other = ending(3600);
    if let Some(app) = &mut other.app {
        app.client_id = "other".into();
    }
    assert!(matches!(plan(&other, at(1)), Step::Release(Some(_))));
    // A sealed grant is tried with changed credentials, and given up with the same ones.
    let mut sealed = ending(3600);
    if let (Some(grant), Some(app)) = (&mut sealed.grant, &sealed.app) {
        *grant = grant.refused(Lost::GrantLost, &client_of(app), at(0));
    }
    assert!(matches!(plan(&sealed, at(1)), Step::Release(None)));
    if let Some(app) = &mut sealed.app {
        app.client_secret = "rotated".to_owned().into();
    }
    assert!(matches!(plan(&sealed, at(1)), Step::Refresh(_)));
}

#[test]
fn a_grant_that_somebody_deleted_is_told_of() {
    let with = |grant: serde_json::Value| ZoomConnection {
        status: Some(serde_json::from_value(json!({"grant": grant})).unwrap()),
        ..connection()
    };
    let known = with(json!({"since": at(0)}));
    for found in [GrantSecret::Absent, GrantSecret::Leaving] {
        let gone = Ending {
            grant: None,
            missing: missing(&known, &found),
            ..ending(0)
        };
        let Step::Release(Some(why)) = plan(&gone, at(1)) else {
            panic!("{found:?}");
        };
        assert!(why.contains("ada-zoom-grant"), "{why}");
    }
    assert_eq!(missing(&known, &GrantSecret::Foreign), None);
    let broken = missing(&known, &GrantSecret::Broken);
    assert!(broken.is_some_and(|why| why.contains("ada-zoom-grant")));
    assert_eq!(missing(&connection(), &GrantSecret::Absent), None);
    let lost = with(json!({"since": at(0), "lost": "Deauthorized"}));
    assert_eq!(missing(&lost, &GrantSecret::Absent), None);
    // It went while a token to revoke with was requested.
    let answer = Answer::Refreshed(SpendOutcome::Gone);
    let gone = settle(&connection(), ending(0), answer, at(1));
    assert!(matches!(plan(&gone, at(1)), Step::Release(Some(_))));
}

#[test]
fn without_a_right_to_look_the_end_comes_all_the_same_and_says_so() {
    assert!(matches!(blind(at(130), at(11)), Step::Wait(until) if until == at(130)));
    let Step::Release(Some(why)) = blind(at(130), at(130)) else {
        panic!("it ends");
    };
    assert!(why.contains("may no longer read"), "{why}");
}

#[test]
fn a_grant_that_cannot_be_handed_over_does_not_hold_the_deletion_forever() {
    let refused = |code: u16, reason: &str| {
        let status = kube::core::Status::failure("no", reason).with_code(code);
        Err(kube::Error::Api(status.boxed()).into())
    };
    let told = |attempt, now| erasure::refusal(attempt, at(120), at(now)).ok();
    let no = Some(Some("no".to_owned()));
    assert_eq!(told(Ok(()), 130), Some(None));
    // A missing permission does not come back in time. Others may end within the time of a deletion.
    assert_eq!(told(refused(403, "Forbidden"), 1), no);
    for (code, reason) in [
        (422, "Invalid"),
        (400, "BadRequest"),
        (500, "InternalError"),
    ] {
        assert_eq!(told(refused(code, reason), 119), None, "{code}");
        assert_eq!(told(refused(code, reason), 120), no, "{code}");
    }
    // The finalizer could not be removed now, either.
    for (code, reason) in [(429, "TooManyRequests"), (503, "ServiceUnavailable")] {
        assert_eq!(told(refused(code, reason), 130), None, "{code}");
    }
    for error in [
        crate::controller::error::Error::Conflict,
        crate::controller::error::Error::Deposed,
    ] {
        assert_eq!(told(Err(error), 130), None);
    }
}

#[test]
fn the_end_says_what_was_not_revoked_and_what_stays() {
    let told = |why, keeps| erasure::news("ada", why, keeps);
    assert_eq!(told(None, None), []);
    let [(Reason::NotRevoked, note)] = &told(Some("Zoom is down."), None)[..] else {
        panic!("one event");
    };
    assert!(
        note.contains("Zoom is down.") && note.contains("erased here"),
        "{note}"
    );
    let [(Reason::GrantNotErased, note)] = &told(None, Some("policy"))[..] else {
        panic!("one event");
    };
    assert!(
        note.contains("ada-zoom-grant") && note.contains("policy"),
        "{note}"
    );
    let [(Reason::NotRevoked, note), (Reason::GrantNotErased, _)] =
        &told(Some("Zoom is down."), Some("policy"))[..]
    else {
        panic!("two events");
    };
    assert!(!note.contains("erased here"), "{note}");
}
