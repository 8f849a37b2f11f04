//! The order of the steps.

use super::*;
use crate::controller::connection::model::ForeignAttempt;

#[test]
fn a_settled_connection_needs_no_step() {
    assert_eq!(step(&situation(settled(0)), 100), None);
    assert_eq!(step(&situation(observed(GrantSecret::Absent)), 100), None);
}

/// Or a grant that has no owner yet is left behind when its connection is deleted.
#[test]
fn the_deletion_policy_is_followed_without_an_app_and_after_what_is_more_urgent() {
    let with = |change: &dyn Fn(&mut Observed)| {
        let mut found = settled(0);
        found.follows_policy = false;
        change(&mut found);
        situation(found)
    };
    let reown = Some("ReownGrant");
    assert_eq!(step(&with(&|_| ()), 100).as_deref(), reown);
    assert_eq!(step(&with(&|_| ()), 2900).as_deref(), Some("Refresh"));
    let without: [&dyn Fn(&mut Observed); 4] = [
        &|found| found.integration = None,
        &|found| found.integration.as_mut().unwrap().credentials.app = None,
        &|found| found.integration.as_mut().unwrap().resource.spec.suspend = true,
        &|found| found.grant = GrantSecret::Broken,
    ];
    for change in without {
        assert_eq!(step(&with(change), 100).as_deref(), reown);
        assert_eq!(step(&with(change), 2900).as_deref(), reown);
    }
    for grant in [GrantSecret::Foreign, GrantSecret::Leaving] {
        let other = with(&|found| found.grant = grant.clone());
        assert_eq!(step(&other, 100), None, "{grant:?}");
    }
}

#[test]
fn a_pass_that_took_too_long_continues_in_the_next_one() {
    let mut due = situation(settled(0));
    due.until = at(2800);
    assert_eq!(step(&due, 2900), None);
    assert_eq!(
        look_again(&connection(), &due, RULES, at(2900)),
        Some(at(2901))
    );
}

#[test]
fn a_refresh_comes_before_consents() {
    let mut due = settled(0);
    due.consents = vec![consent(json!({}))];
    let mut now = situation(due);
    assert_eq!(step(&now, 2900).as_deref(), Some("Refresh"));
    now.tried.mark(Attempted::Refresh);
    assert_eq!(step(&now, 150).as_deref(), Some("Redeem"));
}

/// A pass asks for the next one, or stands in line, and takes longer than until then.
#[test]
fn what_became_due_during_a_pass_is_not_forgotten() {
    let mut now = situation(settled(0));
    for asked in [150, 149] {
        now.look_at(at(asked));
        let again = look_again(&connection(), &now, RULES, at(150)).unwrap();
        assert!(again > at(150) && again < at(151), "{again}");
    }
}

#[test]
fn an_attempt_of_another_pod_is_noticed_before_anything_is_sent() {
    let mut found = settled(0);
    let intent = intent();
    if let GrantSecret::Ours(kept) = &mut found.grant {
        kept.grant.intent = Some(intent.clone());
    }
    found.foreign_attempts = vec![ForeignAttempt {
        intent,
        is_pod_gone: false,
    }];
    let mut now = situation(found);
    assert_eq!(step(&now, 100).as_deref(), Some("Notice"));
    now.tried.mark(Attempted::Notice);
    assert_eq!(step(&now, 100).as_deref(), Some("Refresh"));
}

#[test]
fn the_same_holds_for_the_code_of_a_consent() {
    let mut found = observed(GrantSecret::Absent);
    let mut consent = consent(json!({}));
    let intent = intent();
    if let Some(grant) = &mut consent.grant {
        grant.intent = Some(intent.clone());
    }
    found.consents = vec![consent];
    found.foreign_attempts = vec![ForeignAttempt {
        intent,
        is_pod_gone: true,
    }];
    let mut now = situation(found);
    assert_eq!(step(&now, 150).as_deref(), Some("Notice"));
    now.tried.mark(Attempted::Notice);
    assert_eq!(step(&now, 150).as_deref(), Some("Redeem"));
}

/// A quota refuses the Secret: it is retried by the same rule, and the token is refreshed anyway.
#[test]
fn a_secret_that_cannot_be_written_delays_no_refresh() {
    let mut found = settled(0);
    found.token = TokenSecret::Absent;
    let mut now = situation(found);
    assert_eq!(step(&now, 100).as_deref(), Some("Publish"));
    let mut failure = failed(5000);
    failure.reason = Reason::TokenSecretNotWritten;
    failure.time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(90));
    now.failure = Some(failure);
    assert_eq!(step(&now, 100), None);
    assert_eq!(step(&now, 2900).as_deref(), Some("Refresh"));
    // But Zoom's own wait is kept.
    if let Some(failure) = &mut now.failure {
        failure.not_before = Some(Time(at(3000)));
    }
    assert_eq!(step(&now, 2900), None);
    assert_eq!(step(&now, 3000).as_deref(), Some("Refresh"));
}

/// A policy refuses the metadata: a pass tries once, and neither a refresh nor another write waits for it.
#[test]
fn metadata_that_cannot_be_written_is_not_tried_again_at_once() {
    let mut found = settled(0);
    found.follows_policy = false;
    let mut grant = situation(found);
    let mut found = settled(0);
    if let TokenSecret::Ours(stored) = &mut found.token {
        stored.has_wanted_metadata = false;
    }
    let mut token = situation(found);
    for (now, wanted) in [(&mut grant, "ReownGrant"), (&mut token, "ReownToken")] {
        assert_eq!(step(now, 100).as_deref(), Some(wanted));
        now.tried.mark(Attempted::Metadata);
        assert_eq!(step(now, 100), None, "{wanted}");
        assert_eq!(step(now, 2900).as_deref(), Some("Refresh"), "{wanted}");
    }
}
