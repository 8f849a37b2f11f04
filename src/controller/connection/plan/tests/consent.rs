//! The way of a consent: whether it is redeemed, whose it is, and when it ends.

use super::*;
use crate::{
    api::v1alpha1::{AccountStatus, Management},
    controller::connection::{model::End, plan::consent::check},
};

fn checked(consent: &Consent, now: i64) -> Option<Reason> {
    check(consent, &connection(), &integration(), at(now))
        .err()
        .map(|end: End| end.reason)
}

#[test]
fn only_a_consent_for_exactly_these_objects_is_redeemed() {
    assert_eq!(checked(&consent(json!({})), 150), None);
    assert_eq!(checked(&consent(json!({"connectionUid": null})), 150), None);
    for (change, reason) in [
        (json!({"connectionUid": "other"}), Reason::ConsentOutdated),
        (json!({"integrationUid": "other"}), Reason::ConsentOutdated),
        (json!({"integration": "other"}), Reason::ConsentOutdated),
        (json!({"clientId": "other"}), Reason::ConsentOutdated),
        (json!({"authorized": "never"}), Reason::ConsentUnreadable),
    ] {
        assert_eq!(
            checked(&consent(change.clone()), 150),
            Some(reason),
            "{change}"
        );
    }
}

#[test]
fn a_code_is_not_redeemed_after_its_time_and_what_it_gave_is_kept() {
    assert_eq!(checked(&consent(json!({})), 401), Some(Reason::CodeExpired));
    assert_eq!(checked(&redeemed(3700), 401), None);
    // Whatever the credentials are now.
    let mut other = redeemed(3700);
    if let Some(handoff) = &mut other.handoff {
        handoff.client_id = "other".into();
    }
    assert_eq!(checked(&other, 401), None);
}

#[test]
fn what_a_code_gave_outlives_its_integration_and_not_its_connection() {
    let with = |change: Value| Consent {
        grant: redeemed(3700).grant,
        ..consent(change)
    };
    assert_eq!(
        checked(&with(json!({"integrationUid": "former"})), 150),
        None
    );
    let outdated = Some(Reason::ConsentOutdated);
    for change in [
        json!({"connectionUid": "other"}),
        json!({"integration": "other"}),
    ] {
        assert_eq!(checked(&with(change.clone()), 150), outdated, "{change}");
    }
    let mut external = integration();
    external.resource.spec.oauth =
        serde_json::from_value(json!({"consent": {"mode": "External"}})).unwrap();
    let ends = |consent: &Consent| check(consent, &connection(), &external, at(150)).is_err();
    assert!(!ends(&with(json!({}))));
    assert!(ends(&consent(json!({}))));
}

#[test]
fn a_consent_goes_its_way_step_by_step() {
    let mut found = observed(GrantSecret::Absent);
    found.consents = vec![consent(json!({}))];
    let mut now = situation(found);
    assert_eq!(step(&now, 150).as_deref(), Some("Redeem"));
    now.observed.consents = vec![redeemed(3700)];
    assert_eq!(step(&now, 150).as_deref(), Some("AskWhoConsented"));
    // Its token expired while Zoom did not answer: the refresh token provides another one.
    assert_eq!(step(&now, 3800).as_deref(), Some("Redeem"));
    now.observed.consents[0].identity = Some(Asked {
        identity: None,
        other: None,
    });
    assert_eq!(step(&now, 150).as_deref(), Some("Store Adopted"));
    let adopted = StoredGrant {
        grant: now.observed.consents[0].grant.clone().unwrap(),
        identified: true,
        ..kept(None)
    };
    now.observed.grant = ours(adopted);
    assert_eq!(step(&now, 150).as_deref(), Some("EndConsent Connected"));
    now.observed.consents.clear();
    assert_eq!(step(&now, 150).as_deref(), Some("Publish"));
}

#[test]
fn a_pass_ends_a_few_consents_only() {
    let mut found = observed(GrantSecret::Absent);
    found.consents = vec![consent(json!({"connectionUid": "other"}))];
    let mut now = situation(found);
    assert_eq!(
        step(&now, 150).as_deref(),
        Some("EndConsent ConsentOutdated")
    );
    now.tried.consents = 3;
    assert_eq!(step(&now, 150), None);
    let again = look_again(&connection(), &now, RULES, at(150));
    assert_eq!(again, Some(at(152)));
}

#[test]
fn a_refresh_that_stands_in_line_does_not_hold_up_a_consent() {
    let mut found = settled(0);
    found.consents = vec![consent(json!({}))];
    let mut now = situation(found);
    now.tried.mark(Attempted::Refresh);
    now.look_at(at(240));
    let again = |now: &Situation| look_again(&connection(), now, RULES, at(150));
    assert_eq!(again(&now), Some(at(152)));
    // Once the consent stands in line itself, its turn counts.
    now.turn = Some(at(200));
    now.look_at(at(200));
    assert_eq!(again(&now), Some(at(200)));
}

#[test]
fn the_wrong_person_is_not_adopted() {
    let mut found = settled(0);
    let mut consent = redeemed(3700);
    consent.identity = Some(Asked {
        identity: Some(Identity {
            user_id: "u".into(),
            account_id: "a".into(),
            email: "ada@example.com".into(),
        }),
        other: Some(subject::Holder {
            name: "ZoomConnection ada-2".into(),
            of: subject::Shared::User,
        }),
    });
    found.consents = vec![consent];
    let now = situation(found);
    assert_eq!(
        step(&now, 150).as_deref(),
        Some("EndConsent SubjectAlreadyConnected")
    );
}

#[test]
fn the_proof_of_an_earlier_version_gets_the_app_of_its_grant_or_is_none() {
    let mut before = connection();
    let account = json!({"id": "a", "since": "2026-03-01T10:00:00Z"});
    before.status = Some(ZoomConnectionStatus {
        account: serde_json::from_value(account).unwrap(),
        ..ZoomConnectionStatus::default()
    });
    let found = |client: Option<&str>| {
        let mut found = settled(0);
        if let GrantSecret::Ours(kept) = &mut found.grant {
            kept.grant.client_id = client.map(Into::into);
        }
        let account = Situation::new(&before, found, Timestamp::MAX, Timestamp::MAX).account;
        account.map(|account| (account.client_id, account.management))
    };
    let complete = (Some("id".to_owned()), Some(Management::User));
    assert_eq!(found(Some("id")), Some(complete));
    assert_eq!(found(Some("other")), None);
    // Nobody can tell, and it proves nothing.
    assert_eq!(found(None), Some((None, None)));
}

#[test]
fn a_consent_is_removed_only_once_the_account_that_it_proves_is_stored() {
    let account = |since: i64| AccountStatus {
        id: "a".into(),
        user_id: None,
        since: Time(at(since)),
        client_id: None,
        management: None,
    };
    let ended = redeemed(3700);
    let step = Step::EndConsent(
        Box::new(ended.clone()),
        End {
            succeeded: true,
            reason: Reason::Connected,
            message: String::new(),
        },
    );
    let mut situation = situation(settled(0));
    let mut told = connection();
    told.status = Some(ZoomConnectionStatus {
        consent: Some(status_of(
            &ended,
            ConsentStatus::SUCCEEDED,
            Reason::Connected,
        )),
        ..ZoomConnectionStatus::default()
    });
    assert!(!is_untold(&told, &situation, &step), "nothing was proved");
    situation.account = Some(account(5));
    assert!(is_untold(&told, &situation, &step));
    told.status.as_mut().unwrap().account = Some(account(5));
    assert!(!is_untold(&told, &situation, &step));
}

/// The removal of the consent and the report of its end are two requests, and somebody may change the connection in
/// between.
#[test]
fn a_consent_is_removed_only_once_its_end_is_told_and_zoom_is_not_asked_again() {
    let ended = redeemed(3700);
    let mut found = settled(0);
    found.consents = vec![ended.clone()];
    let now = situation(found);
    let refused = Step::EndConsent(
        Box::new(ended.clone()),
        End::failed(Reason::WrongSubject, String::new()),
    );
    let status = |consent| ZoomConnectionStatus {
        consent: Some(consent),
        ..ZoomConnectionStatus::default()
    };
    let mut before = connection();
    before.status = Some(status(ConsentStatus {
        transaction: "an-earlier-one".into(),
        ..status_of(&ended, ConsentStatus::SUCCEEDED, Reason::Connected)
    }));
    assert!(is_untold(&before, &now, &refused));
    let mut told = connection();
    told.status = Some(status(status_of(
        &ended,
        ConsentStatus::FAILED,
        Reason::WrongSubject,
    )));
    assert!(!is_untold(&told, &now, &refused));
    let next = next(&told, &now, RULES, at(150));
    assert!(
        matches!(&next, Some(Step::EndConsent(_, end)) if end.reason == Reason::WrongSubject),
        "{next:?}"
    );
}
