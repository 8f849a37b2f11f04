//! Which consents and grants are kept although something is wrong for a while.

use super::*;

/// The pages were switched off for a while, in which no pass found the consent.
#[test]
fn what_zoom_gave_is_not_removed_because_a_pass_did_not_find_it() {
    let found = |is_redeemed| {
        let consent = named("a", 100, is_redeemed);
        let mut status = connection();
        status.status = Some(ZoomConnectionStatus {
            consent: waits(&consent, Reason::ZoomUnavailable, 200),
            ..ZoomConnectionStatus::default()
        });
        let without = observed(GrantSecret::Absent);
        let told = Situation::new(&status, without, Timestamp::MAX, Timestamp::MAX).consent;
        let reason = told.as_ref().map(|told| told.reason);
        assert_eq!(reason, Some(Reason::CodeExpired));
        let mut now = with(vec![consent], GrantSecret::Absent);
        now.consent = told;
        step_of(&now, 250)
    };
    assert_eq!(found(true), is("Ask", "a"));
    assert_eq!(found(false), is("CodeExpired", "a"));
}
