//! How long Zoom is not asked.

use super::*;

/// Zoom said when; a quota then refuses a Secret, and later no more.
#[test]
fn zooms_wait_outlasts_a_secret_that_cannot_be_written() {
    let refresh = |now| {
        let outcome = refused(limited(Some(600)));
        let outcome = Outcome::Refreshed(outcome, read(grant(1)));
        settle(
            &connection(),
            situation(1),
            &Step::Refresh(app()),
            outcome,
            at(now),
        )
    };
    let publish = |situation, written, now| {
        let step = Step::Publish(Box::new(grant(1)));
        settle(
            &connection(),
            situation,
            &step,
            Outcome::Published(written),
            at(now),
        )
    };
    let not_before = |situation: &Situation| {
        let failure = situation.failure.as_ref()?;
        failure.not_before.as_ref().map(|time| time.0)
    };
    let limited = refresh(1000);
    assert_eq!(not_before(&limited), Some(at(1600)));
    let full = publish(limited, Err(Refused("exceeded quota".into())), 1001);
    let reason = full.failure.as_ref().map(|failure| failure.reason);
    assert_eq!(reason, Some(Reason::TokenSecretNotWritten));
    assert_eq!(not_before(&full), Some(at(1600)));
    let written = publish(full, Ok(TokenSecret::Absent), 1100);
    let failure = written.failure.as_ref().unwrap();
    assert_eq!(failure.reason, Reason::RateLimited);
    assert_eq!(failure.retry_at.0, at(1600));
    let over = publish(written, Err(Refused("exceeded quota".into())), 1600);
    assert_eq!(not_before(&over), None);
    assert!(
        publish(over, Ok(TokenSecret::Absent), 1700)
            .failure
            .is_none()
    );
}

/// Another consent, which came before, waits for something else.
#[test]
fn the_consent_that_was_asked_about_waits_and_no_other() {
    let mut found = situation(1);
    let second = Consent {
        secret_name: "zoom-consent-u".into(),
        grant: Some(Grant {
            id: "zoom-consent-u".into(),
            ..grant(1)
        }),
        ..found.observed.consents[0].clone()
    };
    let step = Step::AskWhoConsented(Box::new(second.grant.clone().unwrap()));
    found.observed.consents.push(second);
    let limited = Outcome::Who(Err(limited(None)));
    let waits = settle(&connection(), found, &step, limited, at(110));
    let consent = waits.consent.as_ref().unwrap();
    assert!(consent.is_waiting() && consent.transaction == "u");
    let wait = waits.observed.consents[1].wait.unwrap();
    assert_eq!(Some(wait.until), consent.retry_at.as_ref().map(|at| at.0));
    assert_eq!((wait.attempts, waits.observed.consents[0].wait), (1, None));
    let known = Asked {
        identity: None,
        other: None,
    };
    let known = Outcome::Who(Ok(known));
    let known = settle(&connection(), waits, &step, known, at(120));
    let known = known.observed.consents;
    assert!(known[0].identity.is_none() && known[1].identity.is_some());
}

/// An immutable Secret, a policy, a Role without `update`: the attempt cannot be recorded, so nothing is sent.
#[test]
fn a_grant_whose_secret_refuses_the_write_is_named_and_tried_again() {
    let refusal = || Outcome::Stored(Err(Refused("field is immutable".into())));
    let found = |step: &Step, generation| {
        let situation = situation(generation);
        settle(&connection(), situation, step, refusal(), at(200))
    };
    for (step, tried) in [
        (Step::Refresh(app()), Attempted::Refresh),
        (Step::ReownGrant, Attempted::Write),
    ] {
        let found = found(&step, 1);
        let failure = found.failure.as_ref().unwrap();
        assert_eq!(failure.reason, Reason::TokenSecretNotWritten);
        let message = &failure.message;
        assert!(message.contains("field is immutable"), "{message}");
        assert!(failure.retry_at.0 > at(200));
        assert!(found.tried.has(tried), "{step:?}");
    }
    // So is the one with the code of a consent.
    let consent = Box::new(situation(0).observed.consents[0].clone());
    let found = found(&Step::Redeem(app(), consent), 0);
    let told = found.consent.as_ref().unwrap();
    assert_eq!(told.reason, Reason::TokenSecretNotWritten);
    assert!(
        told.message.contains("field is immutable"),
        "{}",
        told.message
    );
    assert!(told.is_waiting() && found.tried.has(Attempted::Consent));
    assert!(
        found.failure.is_none(),
        "the connection's own grant is fine"
    );
}
