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

/// The credentials of another app were in the Secret for a minute, in which the person authorized that one.
#[test]
fn the_grant_of_another_app_takes_the_place_of_none_that_serves() {
    let found = |consents: Option<&str>, own: Option<&str>, is_lost: bool, is_asked: bool| {
        let mut consent = named("b", 200, true);
        consent.grant.as_mut().unwrap().client_id = consents.map(Into::into);
        consent.identity = is_asked.then(|| user("u"));
        let mut kept = adopted(&named("a", 100, true), "u");
        kept.grant.client_id = own.map(Into::into);
        if is_lost {
            kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(220));
        }
        step_of(&with(vec![consent], ours(kept)), 250)
    };
    let (here, other) = (Some("id"), Some("other"));
    for is_asked in [false, true] {
        // Nothing is sent for another app.
        assert_eq!(found(other, here, false, is_asked), is("Redeem", "b"));
        assert_eq!(found(other, None, false, is_asked), is("Redeem", "b"));
    }
    assert_eq!(found(here, here, false, true), is("Adopted", "b"));
    assert_eq!(found(None, here, false, true), is("Adopted", "b"));
    // Nothing is lost by it.
    assert_eq!(found(other, here, true, true), is("Adopted", "b"));
    assert_eq!(found(other, other, false, true), is("Adopted", "b"));
}

fn known(id: &str, email: &str) -> Asked {
    let mut asked = user(id);
    asked.identity.as_mut().unwrap().email = email.into();
    asked
}

/// The connection expects somebody else by mistake, and the person who authorized it before does so again: Zoom ended
/// the earlier grant with that.
#[test]
fn who_authorizes_again_replaces_the_own_grant_whoever_is_expected() {
    let mut expecting = connection();
    expecting.spec.subject = serde_json::from_value(json!({"email": "adda@example.com"})).unwrap();
    let chosen_by = |now: &Situation, told: &ZoomConnection| chosen(now, told, 250);
    let with_consent_of = |id: &str, email: &str| {
        let mut again = named("b", 200, true);
        again.identity = Some(known(id, email));
        let mut own = adopted(&named("a", 100, true), "u");
        own.identity = known("u", "ada@example.com").identity;
        with(vec![again], ours(own))
    };
    let mut now = with_consent_of("u", "ada@example.com");
    assert_eq!(chosen_by(&now, &expecting), is("Adopted", "b"));
    let unverified = with_consent_of("u", "");
    assert_eq!(chosen_by(&unverified, &expecting), is("Adopted", "b"));

    // Then the status says what is wrong, and no token is published.
    let stored = adopted(&now.observed.consents[0], "u");
    now.observed.grant = ours(StoredGrant {
        identity: known("u", "ada@example.com").identity,
        ..stored
    });
    assert_eq!(chosen_by(&now, &expecting), is("WrongSubject", "b"));
    now.observed.consents.clear();
    assert_eq!(chosen_by(&now, &expecting), None);

    // Somebody else, an unknown person, another app, and whoever is not the one of the first time.
    let stranger = with_consent_of("v", "eve@example.com");
    assert_eq!(chosen_by(&stranger, &expecting), is("WrongSubject", "b"));
    let mut unknown = with_consent_of("", "ada@example.com");
    if let GrantSecret::Ours(kept) = &mut unknown.observed.grant {
        kept.identity = known("", "ada@example.com").identity;
    }
    assert_eq!(chosen_by(&unknown, &expecting), is("WrongSubject", "b"));
    let mut other = with_consent_of("u", "ada@example.com");
    if let GrantSecret::Ours(kept) = &mut other.observed.grant {
        kept.grant.client_id = Some("other".into());
    }
    assert_eq!(chosen_by(&other, &expecting), is("WrongSubject", "b"));
    expecting.status = serde_json::from_value(json!({"subject": {"userId": "first"}})).unwrap();
    let not_first = with_consent_of("u", "ada@example.com");
    assert_eq!(chosen_by(&not_first, &expecting), is("WrongSubject", "b"));
}
