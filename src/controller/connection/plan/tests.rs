//! Which situation leads to which step.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::*;
use crate::controller::{credentials::Credentials, token_secret::Stored};
use contract::consent::Handoff;
use grant::{Access, Grant, Holder, Intent, Lost};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn kept(access: Option<(i64, i64)>) -> Kept {
    Kept {
        grant: Grant {
            id: "g".into(),
            generation: 1,
            since: at(0),
            client_id: None,
            credential: Credential::RefreshToken("r".to_owned().into()),
            access: access.map(|(issued, expires)| Access {
                token: "a".to_owned().into(),
                token_type: "bearer".into(),
                issued_at: at(issued),
                expires_at: at(expires),
                scope: String::new(),
                api_url: "https://api.zoom.us".into(),
            }),
            intent: None,
            loss: None,
        },
        identity: None,
        identified: false,
        namespace_uid: "n".into(),
        imported: None,
    }
}

fn client() -> Client {
    Client::new("id", &"secret".to_owned().into())
}

fn failed(retry_at: i64) -> TokenFailure {
    serde_json::from_value(json!({
        "reason": "ZoomUnavailable", "message": "m", "attempts": 3,
        "time": at(1).to_string(), "retryAt": at(retry_at).to_string(), "credentialsVersion": "v",
    }))
    .unwrap()
}

#[test]
fn a_token_is_replaced_in_time_and_not_before() {
    let token = kept(Some((0, 3600)));
    assert_eq!(
        refresh(&token, "u", None, "v", &client(), Said::default(), at(2500)),
        Refresh::Keep
    );
    assert_eq!(
        refresh(&token, "u", None, "v", &client(), Said::default(), at(2900)),
        Refresh::Now
    );
    assert_eq!(
        refresh(
            &kept(None),
            "u",
            None,
            "v",
            &client(),
            Said::default(),
            at(0)
        ),
        Refresh::Now
    );
}

#[test]
fn a_failure_delays_the_next_attempt_and_other_credentials_hasten_it() {
    let token = kept(Some((0, 3600)));
    let failure = failed(4000);
    assert_eq!(
        refresh(
            &token,
            "u",
            Some(&failure),
            "v",
            &client(),
            Said::default(),
            at(3000)
        ),
        Refresh::Wait(at(4000))
    );
    assert_eq!(
        refresh(
            &token,
            "u",
            Some(&failure),
            "w",
            &client(),
            Said::default(),
            at(3000)
        ),
        Refresh::Now
    );
    assert_eq!(
        refresh(
            &token,
            "u",
            Some(&failure),
            "v",
            &client(),
            Said::default(),
            at(4000)
        ),
        Refresh::Now
    );
}

#[test]
fn an_attempt_on_record_is_made_good_at_once() {
    let mut token = kept(Some((0, 3600)));
    token.grant.intent = Some(Intent {
        holder: Holder {
            pod: "p".into(),
            process: "x".into(),
        },
        attempt: 1,
        begun: at(1),
    });
    assert_eq!(
        refresh(&token, "u", None, "v", &client(), Said::default(), at(2)),
        Refresh::Now
    );
}

#[test]
fn a_removal_is_checked_by_a_token_request_and_not_again() {
    let token = kept(Some((100, 3700)));
    let seen = |removed| {
        let said = Said {
            removed_at: Some(at(removed)),
            requested_at: None,
        };
        refresh(&token, "u", None, "v", &client(), said, at(200))
    };
    assert_eq!(seen(150), Refresh::Now);
    assert_eq!(seen(100), Refresh::Now);
    assert_eq!(seen(99), Refresh::Keep);
}

#[test]
fn a_requested_refresh_is_made_once_and_at_most_once_a_minute() {
    let token = kept(Some((100, 3700)));
    let decided = |requested, now| {
        let said = Said {
            removed_at: None,
            requested_at: Some(at(requested)),
        };
        refresh(&token, "u", None, "v", &client(), said, at(now))
    };
    assert_eq!(decided(100, 500), Refresh::Keep);
    assert_eq!(decided(101, 120), Refresh::Wait(at(160)));
    assert_eq!(decided(101, 160), Refresh::Now);
    assert_eq!(decided(900, 500), Refresh::Wait(at(900)));
}

#[test]
fn a_lost_grant_is_spent_only_with_other_credentials() {
    let now = |kept: &Kept| refresh(kept, "u", None, "v", &client(), Said::default(), at(9999));
    let wrong = Client::new("other", &"secret".to_owned().into());
    for (refused_by, wanted) in [(&client(), Refresh::Keep), (&wrong, Refresh::Now)] {
        let mut token = kept(Some((0, 3600)));
        token.grant = token.grant.refused(Lost::GrantLost, refused_by, at(10));
        assert_eq!(now(&token), wanted);
        token.grant = token.grant.erased(Lost::GrantLost);
        assert_eq!(now(&token), Refresh::Keep);
    }
}

#[test]
fn nothing_is_sent_with_the_credentials_of_another_app() {
    let mut token = kept(Some((0, 3600)));
    for (known, wanted) in [
        (Some("other"), Refresh::Keep),
        (Some("id"), Refresh::Now),
        (None, Refresh::Now),
    ] {
        token.grant.client_id = known.map(Into::into);
        let now = refresh(&token, "u", None, "v", &client(), Said::default(), at(9999));
        assert_eq!(now, wanted, "{known:?}");
    }
}

#[test]
fn a_sealed_token_is_erased_in_time() {
    let keep = Duration::from_secs(100);
    let mut token = kept(None);
    assert_eq!(erase_at(&token, keep), None);
    token.grant = token.grant.refused(Lost::GrantLost, &client(), at(10));
    assert_eq!(erase_at(&token, keep), Some(at(110)));
    // An earlier version of the operator wrote it in between.
    token.grant.loss.as_mut().unwrap().sealed = None;
    assert_eq!(erase_at(&token, keep), Some(Timestamp::MIN));
    token.grant = token.grant.erased(Lost::GrantLost);
    assert_eq!(erase_at(&token, keep), None);
}

#[test]
fn a_refresh_token_is_taken_over_once() {
    let import = Import::Present("token".to_owned().into());
    let credential = import_due(&import, None).unwrap();
    let mut taken = kept(None);
    assert!(import_due(&import, Some(&taken)).is_some());
    taken.imported = Some(credential.fingerprint());
    assert!(import_due(&import, Some(&taken)).is_none());
    let other = Import::Present("another".to_owned().into());
    assert!(import_due(&other, Some(&taken)).is_some());
    assert!(import_due(&Import::NotWanted, None).is_none());
}

#[test]
fn what_consumers_got_a_token_for_was_spent() {
    let published = |source: &str| {
        TokenSecret::Ours(Stored {
            source: source.into(),
            ..Stored::default()
        })
    };
    let source = format!("{}/7", imported_id("f"));
    assert!(was_spent("f", &published(&source)));
    assert!(!was_spent("g", &published(&source)));
    assert!(!was_spent("f", &published("")));
    assert!(!was_spent("f", &TokenSecret::Absent));
}

fn handoff(change: Value) -> Consent {
    let mut json = json!({
        "namespace": "clinics", "integration": "app", "integrationUid": "i",
        "connection": "ada", "connectionUid": "c", "clientId": "id",
        "redirectUrl": "https://connect.example.com/callback/clinics/app",
        "code": "code", "codeVerifier": "verifier",
        "begun": at(0).to_string(), "authorized": at(100).to_string(),
    });
    for (key, value) in change.as_object().unwrap() {
        json[key] = value.clone();
    }
    Consent {
        secret_name: "zoom-consent-x".into(),
        secret: Secret::default(),
        handoff: Handoff::from_json(json.to_string().as_bytes()).ok(),
    }
}

fn checked(consent: &Consent, spent: bool, now: i64) -> Option<&'static str> {
    let connection: ZoomConnection = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "uid": "c"},
        "spec": {"integrationRef": {"name": "app"}},
    }))
    .unwrap();
    let integration = Integration {
        resource: serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "clinics", "uid": "i"},
            "spec": {
                "app": {"kind": "General", "management": "User"},
                "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": ["user:read:user"]},
            },
        }))
        .unwrap(),
        credentials: Credentials {
            client_id: Some("id".into()),
            ..Credentials::default()
        },
    };
    check(consent, &connection, &integration, spent, at(now))
        .err()
        .map(|refused| refused.reason.as_str())
}

#[test]
fn only_a_consent_for_exactly_these_objects_is_redeemed() {
    assert_eq!(checked(&handoff(json!({})), false, 150), None);
    assert_eq!(
        checked(&handoff(json!({"connectionUid": null})), false, 150),
        None
    );
    for (change, reason) in [
        (json!({"connectionUid": "other"}), "ConsentOutdated"),
        (json!({"integrationUid": "other"}), "ConsentOutdated"),
        (json!({"integration": "other"}), "ConsentOutdated"),
        (json!({"clientId": "other"}), "ConsentOutdated"),
        (json!({"authorized": "never"}), "ConsentUnreadable"),
    ] {
        assert_eq!(
            checked(&handoff(change.clone()), false, 150),
            Some(reason),
            "{change}"
        );
    }
}

#[test]
fn a_code_is_not_redeemed_after_its_time_and_what_it_gave_is_kept() {
    assert_eq!(
        checked(&handoff(json!({})), false, 401),
        Some("CodeExpired")
    );
    assert_eq!(checked(&handoff(json!({})), true, 401), None);
}
