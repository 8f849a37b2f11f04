//! What becomes of a consent whose code was spent: its refresh token is alive.

use super::*;

/// The secret in the credentials is wrong for a minute, or the app is deactivated.
#[test]
fn what_somebody_may_correct_ends_no_redeemed_consent() {
    for fault in [
        Fault::CredentialsRejected,
        Fault::AppDisabled,
        Fault::DisabledByAdmin,
        Fault::WrongAppKind,
    ] {
        let error = || Error::new(fault, "HTTP 400");
        for found in [
            redeem(situation(1), refused(error()), 4000),
            ask(situation(1), Err(error()), 4000),
        ] {
            assert_eq!(ended(&found), None, "{fault:?}");
            assert!(waiting(&found).0 > at(4000), "{fault:?}");
            let told = found.consent.as_ref().unwrap();
            assert_eq!(told.reason, Reason::from(fault));
        }
        let found = redeem(situation(0), refused(error()), 110);
        assert_eq!(ended(&found), Some(Reason::from(fault)), "its code expires");
    }
    for fault in [Fault::GrantLost, Fault::OwnerGone] {
        let found = ask(situation(1), Err(Error::new(fault, "HTTP 400")), 110);
        assert_eq!(ended(&found), Some(Reason::SubjectUnverifiable));
    }
}

/// Its integration is being deleted, and may be created again.
#[test]
fn a_consent_for_which_nothing_is_sent_waits_longer_each_time() {
    let (mut found, mut now) = (situation(1), 4000);
    for attempt in 1..4 {
        found = redeem(found, grant::SpendOutcome::Gone, now);
        let (until, attempts) = waiting(&found);
        assert_eq!((ended(&found), attempts), (None, attempt));
        assert!(until.as_second() - now >= 5 << (attempt - 1));
        let told = found.consent.as_ref().unwrap();
        assert_eq!(told.reason, Reason::IntegrationNotFound);
        now = until.as_second();
    }
}

/// It replaces the own grant of the same person, which Zoom ended with it; until the expectation is corrected, it
/// proves nothing.
#[test]
fn a_consent_of_somebody_who_is_not_expected_proves_no_account() {
    let account = |email: &str| {
        let mut connection = connection();
        connection.spec.subject = serde_json::from_value(json!({"email": email})).unwrap();
        let mut found = situation(1);
        found.observed.access = AppAccess::Allowed;
        found.observed.integration = Some(Integration {
            resource: serde_json::from_value(json!({
                "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
                "metadata": {"name": "app", "namespace": "platform"},
                "spec": {
                    "app": {"kind": "General", "management": "Admin"},
                    "credentials": {"secretRef": {"name": "zoom"}}, "scopes": {"required": []},
                },
            }))
            .unwrap(),
            credentials: Credentials::default(),
        });
        let identity = Some(Identity {
            user_id: "u".into(),
            account_id: "a".into(),
            email: "ada@example.com".into(),
        });
        found.observed.consents[0].identity = Some(Asked {
            identity: identity.clone(),
            other: None,
        });
        let kept = StoredGrant {
            identity,
            ..read_kept()
        };
        let written = Read {
            grant: GrantSecret::Ours(Box::new(kept.clone())),
            ..read(grant(1))
        };
        let step = Step::Store(Box::new(kept), Purpose::Adopted);
        let outcome = Outcome::Stored(Ok(written));
        let found = settle(&connection, found, &step, outcome, at(200));
        found.account.map(|account| account.id)
    };
    assert_eq!(account("ada@example.com").as_deref(), Some("a"));
    assert_eq!(account("adda@example.com"), None);
}
