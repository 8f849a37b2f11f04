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
