//! Several consents of one connection, and what is kept of each.
#![allow(
    clippy::unnecessary_wraps,
    reason = "cases read better without ceremony"
)]

mod kept;

use super::*;
use crate::controller::connection::model::Wait;

/// The consent `name`, authorized then; redeemed with a token that expires at 3700, or not.
fn named(name: &str, authorized: i64, is_redeemed: bool) -> Consent {
    let of = if is_redeemed {
        redeemed(3700)
    } else {
        consent(json!({"authorized": at(authorized).to_string()}))
    };
    let secret_name = format!("zoom-consent-{name}");
    Consent {
        grant: of.grant.map(|grant| Grant {
            id: secret_name.clone(),
            since: at(authorized),
            ..grant
        }),
        secret_name,
        ..of
    }
}

fn user(id: &str) -> Asked {
    Asked {
        identity: Some(Identity {
            user_id: id.into(),
            account_id: "a".into(),
            email: String::new(),
        }),
        other: None,
    }
}

/// The grant of a consent, as the connection's own.
fn adopted(consent: &Consent, user_id: &str) -> StoredGrant {
    StoredGrant {
        grant: consent.grant.clone().unwrap(),
        identity: user(user_id).identity,
        identified: true,
        ..kept(None)
    }
}

fn waits(consent: &Consent, reason: Reason, until: i64) -> Option<ConsentStatus> {
    Some(ConsentStatus {
        attempts: Some(1),
        retry_at: Some(Time(at(until))),
        ..status_of(consent, ConsentStatus::WAITING, reason)
    })
}

fn with(consents: Vec<Consent>, grant: GrantSecret) -> Situation {
    let mut found = observed(grant);
    found.consents = consents;
    situation(found)
}

/// Which step, of which consent.
fn chosen(now: &Situation, told: &ZoomConnection, second: i64) -> Option<(String, String)> {
    let step = next(told, now, RULES, at(second))?;
    let name = step.consent().unwrap_or_default();
    let name = name.trim_start_matches("zoom-consent-").to_owned();
    let kind = match &step {
        Step::EndConsent(_, end) => end.reason.as_str().to_owned(),
        Step::Store(_, purpose) => format!("{purpose:?}"),
        Step::Redeem(..) => "Redeem".into(),
        Step::AskWhoConsented(_) => "Ask".into(),
        other => format!("{other:?}"),
    };
    Some((kind, name))
}

fn step_of(now: &Situation, second: i64) -> Option<(String, String)> {
    let mut told = connection();
    told.status = Some(ZoomConnectionStatus {
        consent: now.consent.clone(),
        ..ZoomConnectionStatus::default()
    });
    chosen(now, &told, second)
}

fn is(kind: &str, name: &str) -> Option<(String, String)> {
    Some((kind.into(), name.into()))
}

/// Zoom does not say who gave the first one, and the person starts again: the second code lives for five minutes.
#[test]
fn a_consent_that_waits_holds_up_none_after_it() {
    let (first, second) = (named("a", 100, true), named("b", 200, false));
    let mut now = with(vec![first.clone(), second], GrantSecret::Absent);
    now.consent = waits(&first, Reason::RateLimited, 50_000);
    assert_eq!(step_of(&now, 250), is("Redeem", "b"));
    now.observed.consents[1] = named("b", 200, true);
    assert_eq!(step_of(&now, 250), is("Ask", "b"));
    now.observed.consents[1].identity = Some(user("u"));
    assert_eq!(step_of(&now, 250), is("Adopted", "b"));
    // Whatever it waits for: another grant took its place.
    now.observed.grant = ours(adopted(&now.observed.consents[1], "u"));
    assert_eq!(step_of(&now, 250), is("Connected", "a"));
    now.observed.consents.remove(0);
    assert_eq!(step_of(&now, 250), is("Connected", "b"));
}

#[test]
fn while_the_last_one_waits_those_before_it_rest() {
    let consents = vec![named("a", 100, true), named("b", 200, true)];
    let mut now = with(consents, GrantSecret::Absent);
    now.consent = waits(&now.observed.consents[1], Reason::RateLimited, 1000);
    assert_eq!(step_of(&now, 999), None);
    assert_eq!(step_of(&now, 1000), is("Ask", "a"));
    let again = |now: &Situation, second| look_again(&connection(), now, RULES, at(second));
    assert_eq!(again(&now, 300), Some(at(1000)));
    // But a code expires.
    now.observed.consents[0] = named("a", 100, false);
    assert_eq!(again(&now, 300), Some(at(402)));
    assert_eq!(step_of(&now, 402), is("CodeExpired", "a"));
    // One that comes after it has its turn at once.
    now.observed.consents.push(named("c", 300, false));
    assert_eq!(again(&now, 300), Some(at(302)));
    assert_eq!(step_of(&now, 300), is("Redeem", "c"));
}

/// Zoom said when; meanwhile another consent came to its end, and the status tells of that one.
#[test]
fn what_a_consents_own_secret_says_of_its_wait_counts_too() {
    let mut first = named("a", 100, true);
    first.wait = Some(Wait {
        attempts: 3,
        until: at(1000),
    });
    let now = with(vec![first], GrantSecret::Absent);
    assert_eq!(step_of(&now, 999), None);
    assert_eq!(step_of(&now, 1000), is("Ask", "a"));
    let again = look_again(&connection(), &now, RULES, at(300));
    assert_eq!(again, Some(at(1000)));
}

#[test]
fn what_cannot_come_to_anything_ends_once_another_stands_behind_it() {
    let mut lost = named("a", 100, true);
    lost.grant = lost
        .grant
        .map(|grant| grant.refused(Lost::GrantLost, &client(), at(4000)));
    let refused = named("a", 100, true);
    for (consent, reason, end) in [
        (lost, Reason::GrantLost, "CodeRejected"),
        (refused, Reason::ZoomRefused, "SubjectUnverifiable"),
    ] {
        let mut now = with(vec![consent.clone()], GrantSecret::Absent);
        now.consent = waits(&consent, reason, 50_000);
        assert_eq!(step_of(&now, 250), None, "{reason:?}: it may be corrected");
        now.observed.consents.push(named("b", 200, false));
        assert_eq!(step_of(&now, 250), is(end, "a"));
    }
}

/// The credentials Secret is wrong for a minute, and the person starts again in it.
#[test]
fn a_spent_code_of_another_app_waits_whoever_stands_behind_it() {
    let mut other = named("a", 100, true);
    other.grant.as_mut().unwrap().client_id = Some("other".into());
    let mut now = with(vec![other.clone()], GrantSecret::Absent);
    now.consent = waits(&other, Reason::ClientIdChanged, 50_000);
    assert_eq!(step_of(&now, 250), None);
    now.observed.consents.push(named("b", 200, false));
    assert_eq!(step_of(&now, 250), is("Redeem", "b"));
}

/// The status is that of the beginning of the pass.
#[test]
fn whoever_comes_first_stays_within_one_pass() {
    let (first, mut second) = (named("a", 100, true), named("b", 200, true));
    second.identity = Some(user("second"));
    let mut now = with(vec![second], ours(adopted(&first, "first")));
    assert_eq!(step_of(&now, 250), is("WrongSubject", "b"));
    now.observed.consents[0].identity = Some(user("first"));
    assert_eq!(step_of(&now, 250), is("Adopted", "b"));
    // What was stored for another namespace is nobody's.
    now.observed.consents[0].identity = Some(user("second"));
    now.observed.namespace_uid = "another".into();
    assert_eq!(step_of(&now, 250), is("Adopted", "b"));
}

/// A wrong token was imported, and the person whom the connection is for opens the link.
#[test]
fn a_grant_of_the_wrong_person_binds_nobody() {
    let mut right = named("b", 200, true);
    let mut who = user("right");
    who.identity.as_mut().unwrap().email = "right@example.com".into();
    right.identity = Some(who);
    let now = with(vec![right], ours(adopted(&named("a", 100, true), "wrong")));
    let mut connection = connection();
    connection.spec.subject =
        serde_json::from_value(json!({"email": "right@example.com"})).unwrap();
    let step = next(&connection, &now, RULES, at(250));
    assert!(
        matches!(&step, Some(Step::Store(_, Purpose::Adopted))),
        "{step:?}"
    );
}

/// What is imported has given no token yet: the code of a consent is not thrown away for it.
#[test]
fn an_import_that_has_proved_nothing_outlasts_no_consent() {
    let mut kept = adopted(&named("old", 200, true), "u");
    kept.grant.access = None;
    (kept.identity, kept.identified) = (None, false);
    let mut now = with(vec![named("a", 100, false)], ours(kept));
    now.tried.mark(Attempted::Refresh);
    let step = step_of(&now, 250);
    assert!(
        !matches!(&step, Some((what, _)) if what == "Connected" || what == "MissingScopes"),
        "{step:?}"
    );
}

/// The pass that adopted it was cut off, and the access token of the consent expired since.
#[test]
fn the_old_refresh_token_of_an_adopted_consent_is_not_sent_again() {
    let consent = named("a", 100, true);
    let mut kept = adopted(&consent, "u");
    kept.grant.access.as_mut().unwrap().expires_at = at(9000);
    let now = with(vec![consent], ours(kept));
    assert_eq!(step_of(&now, 3800), is("Connected", "a"));
    // While it has one, Zoom says which account it proves.
    assert_eq!(step_of(&now, 250), is("Ask", "a"));
    let late = named("a", 100, false);
    let now = with(vec![late], ours(adopted(&named("b", 200, true), "u")));
    assert_eq!(step_of(&now, 250), is("Connected", "a"));
}

#[test]
fn a_grant_from_a_clock_that_was_ahead_or_a_lost_one_outlasts_no_consent() {
    let later = |since| {
        let mut kept = adopted(&named("old", since, true), "u");
        kept.grant.access.as_mut().unwrap().issued_at = at(100);
        kept
    };
    let mut consent = named("a", 100, true);
    consent.identity = Some(user("u"));
    let with_kept = |kept| step_of(&with(vec![consent.clone()], ours(kept)), 250);
    assert_eq!(with_kept(later(200)), is("Connected", "a"));
    assert_eq!(with_kept(later(9000)), is("Adopted", "a"));
    let mut lost = later(200);
    lost.grant = lost.grant.refused(Lost::GrantLost, &client(), at(220));
    assert_eq!(with_kept(lost), is("Adopted", "a"));
}

/// The way back after a loss: the person authorizes, and `importSecretRef` is still there.
#[test]
fn what_was_imported_before_a_new_consent_is_not_imported_over_it() {
    let mut consent = named("a", 100, true);
    consent.identity = Some(user("u"));
    for grant in [GrantSecret::Broken, GrantSecret::Absent] {
        let mut now = with(vec![consent.clone()], grant);
        now.observed.import = Import::Present("spent".to_owned().into());
        now.observed.token = TokenSecret::Ours(Stored {
            source: format!(
                "{}/7",
                imported_id(&Credential::RefreshToken("spent".to_owned().into()).fingerprint())
            ),
            ..Stored::default()
        });
        let step = next(&connection(), &now, RULES, at(250));
        let Some(Step::Store(stored, Purpose::Adopted)) = step else {
            panic!("{step:?}");
        };
        assert!(due(&now.observed.import, Some(&stored)).is_none());
    }
}
