//! Which situation leads to which step.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

mod consents;

use serde_json::{Value, json};

use super::{
    consent::check,
    import::{due, imported_id, was_spent},
    refresh::{Input, Signals, decide},
    *,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::v1alpha1::{AccountStatus, ConsentStatus, Management, TokenFailure, ZoomConnectionStatus},
    controller::{
        connection::{
            model::{Asked, Consent, End, ForeignAttempt, Import, Integration},
            subject,
        },
        credentials::Credentials,
        token_secret::Stored,
    },
};
use contract::consent::Handoff;
use grant::{Access, Client, Code, Credential, Holder, Intent};
use zoom::{App, Identity};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn kept(access: Option<(i64, i64)>) -> StoredGrant {
    StoredGrant {
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

/// Nothing failed, and nobody said anything.
fn input<'a>(kept: &'a StoredGrant, client: &'a Client) -> Input<'a> {
    Input {
        kept,
        uid: "u",
        last_failure: None,
        credentials_version: "v",
        client,
        signals: Signals::default(),
    }
}

fn decided(kept: &StoredGrant, now: i64) -> Refresh {
    decide(input(kept, &client()), at(now))
}

/// The same, after people said something.
fn signalled(kept: &StoredGrant, signals: Signals, now: i64) -> Refresh {
    let client = client();
    let said = Input {
        signals,
        ..input(kept, &client)
    };
    decide(said, at(now))
}

#[test]
fn a_token_is_replaced_in_time_and_not_before() {
    let token = kept(Some((0, 3600)));
    assert_eq!(decided(&token, 2500), Refresh::Keep);
    assert_eq!(decided(&token, 2900), Refresh::Now);
    assert_eq!(decided(&kept(None), 0), Refresh::Now);
}

/// A clock that was ahead when the token came, and was set back.
#[test]
fn a_token_from_the_future_is_replaced_at_once() {
    let issued = |at| decided(&kept(Some((at, at + 3600))), 100);
    assert_eq!(issued(160), Refresh::Keep, "clocks differ");
    assert_eq!(issued(161), Refresh::Now);
}

#[test]
fn a_failure_delays_the_next_attempt_and_other_credentials_hasten_it() {
    let token = kept(Some((0, 3600)));
    let failure = failed(4000);
    let attempt = |credentials_version, now| {
        let client = client();
        let failed = Input {
            last_failure: Some(&failure),
            credentials_version,
            ..input(&token, &client)
        };
        decide(failed, at(now))
    };
    assert_eq!(attempt("v", 3000), Refresh::Wait(at(4000)));
    assert_eq!(attempt("w", 3000), Refresh::Now);
    assert_eq!(attempt("v", 4000), Refresh::Now);
}

#[test]
fn an_attempt_on_record_is_made_good_at_once() {
    let mut token = kept(Some((0, 3600)));
    token.grant.intent = Some(Intent {
        holder: Holder {
            pod: "p".into(),
            process: "x".into(),
            namespace: None,
        },
        attempt: 1,
        begun: at(1),
    });
    assert_eq!(decided(&token, 2), Refresh::Now);
}

#[test]
fn a_removal_is_checked_by_a_token_request_and_not_again() {
    let token = kept(Some((100, 3700)));
    let seen = |removed| {
        let signals = Signals {
            removed: Some(at(removed)),
            ..Signals::default()
        };
        signalled(&token, signals, 200)
    };
    assert_eq!(seen(150), Refresh::Now);
    assert_eq!(seen(100), Refresh::Now);
    assert_eq!(seen(99), Refresh::Keep);
}

/// A receiver tells whole seconds, and a token has fractions of one.
#[test]
fn a_removal_in_the_second_of_the_token_is_checked_once() {
    let decided = |issued: i64, now| {
        let mut token = kept(Some((100, 3700)));
        if let Some(access) = &mut token.grant.access {
            access.issued_at = Timestamp::from_millisecond(issued).unwrap();
        }
        let signals = Signals {
            removed: Some(at(100)),
            ..Signals::default()
        };
        signalled(&token, signals, now)
    };
    assert_eq!(decided(100_400, 100), Refresh::Wait(at(101)));
    assert_eq!(decided(100_400, 101), Refresh::Now);
    assert_eq!(decided(101_000, 101), Refresh::Keep, "the answer is there");
}

/// Whoever can send requests to the webhook's URL can claim a removal, as often as they want.
#[test]
fn a_claimed_removal_is_one_question_in_ten_minutes() {
    let token = kept(Some((100, 3700)));
    let decided = |claimed, now| {
        let said = Signals {
            claimed: Some(at(claimed)),
            ..Signals::default()
        };
        signalled(&token, said, now)
    };
    assert_eq!(decided(150, 200), Refresh::Wait(at(700)));
    assert_eq!(decided(699, 699), Refresh::Wait(at(700)));
    assert_eq!(decided(150, 700), Refresh::Now);
    assert_eq!(decided(99, 700), Refresh::Keep, "the last token answers it");
}

/// A grant that Zoom refuses while the wrong credentials are in the Secret comes back with the right ones: what
/// anybody can claim must not erase it.
#[test]
fn a_claimed_removal_erases_nothing() {
    let mut found = settled(0);
    if let GrantSecret::Ours(kept) = &mut found.grant {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(50));
    }
    found.claimed_at = Some(at(60));
    assert_eq!(step(&situation(found), 100), None);
}

#[test]
fn a_requested_refresh_is_made_once_and_at_most_once_a_minute() {
    let token = kept(Some((100, 3700)));
    let decided = |requested, now| {
        let signals = Signals {
            requested: Some(at(requested)),
            ..Signals::default()
        };
        signalled(&token, signals, now)
    };
    assert_eq!(decided(100, 500), Refresh::Keep);
    assert_eq!(decided(101, 120), Refresh::Wait(at(160)));
    assert_eq!(decided(101, 160), Refresh::Now);
    assert_eq!(decided(900, 500), Refresh::Wait(at(900)));
}

#[test]
fn a_lost_grant_is_spent_only_with_other_credentials() {
    let wrong = Client::new("other", &"secret".to_owned().into());
    for (refused_by, wanted) in [(&client(), Refresh::Keep), (&wrong, Refresh::Now)] {
        let mut token = kept(Some((0, 3600)));
        token.grant = token.grant.refused(Lost::GrantLost, refused_by, at(10));
        assert_eq!(decided(&token, 9999), wanted);
        token.grant = token.grant.erased(Lost::GrantLost);
        assert_eq!(decided(&token, 9999), Refresh::Keep);
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
        assert_eq!(decided(&token, 9999), wanted, "{known:?}");
    }
}

#[test]
fn a_sealed_token_is_erased_in_time() {
    let keep = Duration::from_secs(100);
    let mut token = kept(None);
    assert_eq!(erase_at(&token, keep), None);
    token.grant = token.grant.refused(Lost::GrantLost, &client(), at(10));
    assert_eq!(erase_at(&token, keep), Some(at(110)));
    // Written in between by an earlier version of the operator.
    token.grant.loss.as_mut().unwrap().sealed = None;
    assert_eq!(erase_at(&token, keep), Some(Timestamp::MIN));
    token.grant = token.grant.erased(Lost::GrantLost);
    assert_eq!(erase_at(&token, keep), None);
}

#[test]
fn a_refresh_token_is_taken_over_once() {
    let import = Import::Present("token".to_owned().into());
    let credential = due(&import, None).unwrap();
    let mut taken = kept(None);
    assert!(due(&import, Some(&taken)).is_some());
    taken.imported = Some(credential.fingerprint());
    assert!(due(&import, Some(&taken)).is_none());
    let other = Import::Present("another".to_owned().into());
    assert!(due(&other, Some(&taken)).is_some());
    assert!(due(&Import::NotWanted, None).is_none());
}

/// Garbage, an older value that a backup brought back, the token of another app: Zoom has not judged it yet.
#[test]
fn a_refresh_token_to_import_replaces_no_grant_that_serves() {
    let with = |change: &dyn Fn(&mut Observed)| {
        let mut found = settled(100);
        found.import = Import::Present("another".to_owned().into());
        change(&mut found);
        situation(found)
    };
    let grant = |found: &mut Observed, change: &dyn Fn(&mut StoredGrant)| {
        if let GrantSecret::Ours(kept) = &mut found.grant {
            change(kept);
        }
    };
    let serving = with(&|_| ());
    assert_eq!(step(&serving, 200), None);
    assert!(import_waits(&connection(), &serving.observed));
    // Also while its access token has expired, because Zoom is down.
    assert_eq!(step(&serving, 9000).as_deref(), Some("Refresh"));

    let lost = |kept: &mut StoredGrant| {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(150));
    };
    let imported = |kept: &mut StoredGrant| kept.grant.id = imported_id("f");
    let mut now = with(&|found| {
        grant(found, &imported);
        grant(found, &lost);
    });
    assert_eq!(step(&now, 200).as_deref(), Some("Store Imported"));
    assert!(!import_waits(&connection(), &now.observed));
    // Lost in this very pass: in the next one, which comes at once.
    now.tried.mark(Attempted::Refresh);
    assert_eq!(step(&now, 200), None);
    let rules = Rules {
        sealed_grant: Duration::from_secs(1000),
    };
    let again = look_again(&connection(), &now, rules, at(200)).unwrap();
    assert!(again < at(201), "{again}");

    // While nothing can be written, no pass follows at once.
    now.tried.mark(Attempted::Write);
    let again = look_again(&connection(), &now, rules, at(200));
    assert!(again.is_none_or(|again| again > at(201)), "{again:?}");

    // One that never gave a token, and one of another app.
    let mute = |kept: &mut StoredGrant| kept.grant.access = None;
    let other = |kept: &mut StoredGrant| kept.grant.client_id = Some("other".into());
    for change in [&mute as &dyn Fn(&mut StoredGrant), &other] {
        let now = with(&|found| {
            grant(found, &imported);
            grant(found, change);
        });
        assert_eq!(step(&now, 200).as_deref(), Some("Store Imported"));
    }
}

/// A person gave it, and whatever is wrong with it may be corrected in a minute: other credentials, another subject.
#[test]
fn a_refresh_token_to_import_replaces_no_consent_that_may_serve_again() {
    let with = |change: &dyn Fn(&mut StoredGrant)| {
        let mut found = settled(100);
        found.import = Import::Present("another".to_owned().into());
        if let GrantSecret::Ours(kept) = &mut found.grant {
            kept.grant.id = "zoom-consent-t".into();
            change(kept);
        }
        situation(found)
    };
    let lost = |kept: &mut StoredGrant| {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(150));
    };
    let other = |kept: &mut StoredGrant| kept.grant.client_id = Some("other".into());
    let mute = |kept: &mut StoredGrant| kept.grant.access = None;
    for change in [&lost as &dyn Fn(&mut StoredGrant), &other, &mute] {
        let now = with(change);
        let step = step(&now, 200);
        assert_ne!(step.as_deref(), Some("Store Imported"));
        assert!(import_waits(&connection(), &now.observed));
    }
    let mut wrong = with(&|_| ());
    wrong.observed.other = Some(subject::Holder {
        name: "eve".into(),
        of: subject::Shared::User,
    });
    assert_ne!(step(&wrong, 200).as_deref(), Some("Store Imported"));
    // Nothing is left of it, or it is a copy.
    let erased = |kept: &mut StoredGrant| {
        lost(kept);
        kept.grant = kept.grant.erased(Lost::GrantLost);
    };
    let copied = |kept: &mut StoredGrant| kept.namespace_uid = "another".into();
    for change in [&erased as &dyn Fn(&mut StoredGrant), &copied] {
        let now = with(change);
        assert_eq!(step(&now, 200).as_deref(), Some("Store Imported"));
    }
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

fn consent(change: Value) -> Consent {
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
        uid: Some("s".into()),
        handoff: Handoff::from_json(json.to_string().as_bytes()).ok(),
        grant: Some(Grant {
            id: "zoom-consent-x".into(),
            generation: 0,
            since: at(100),
            credential: Credential::Code(Code {
                code: "code".to_owned().into(),
                verifier: "verifier".to_owned().into(),
                redirect_url: "https://connect.example.com/callback/clinics/app".into(),
            }),
            ..kept(None).grant
        }),
        identity: None,
        end: None,
        wait: None,
    }
}

/// A consent whose code led to a token that expires then.
fn redeemed(expires: i64) -> Consent {
    let mut consent = consent(json!({}));
    consent.grant = Some(Grant {
        id: "zoom-consent-x".into(),
        since: at(100),
        ..kept(Some((100, expires))).grant
    });
    consent
}

fn connection() -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "uid": "c"},
        "spec": {"integrationRef": {"name": "app"}},
    }))
    .unwrap()
}

fn integration() -> Integration {
    Integration {
        resource: serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": "app", "namespace": "clinics", "uid": "i"},
            "spec": {
                "app": {"kind": "General", "management": "User"},
                "credentials": {"secretRef": {"name": "zoom"}},
                "scopes": {"required": []},
            },
        }))
        .unwrap(),
        credentials: Credentials {
            client_id: Some("id".into()),
            app: Some(App {
                client_id: "id".into(),
                client_secret: "secret".to_owned().into(),
            }),
            version: "v".into(),
            ..Credentials::default()
        },
    }
}

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

// === The order of the steps ===

fn observed(grant: GrantSecret) -> Observed {
    Observed {
        integration: Some(integration()),
        grant_version: matches!(grant, GrantSecret::Ours(_)).then(|| "1".into()),
        grant,
        access: AppAccess::Own,
        follows_policy: true,
        foreign_attempts: Vec::new(),
        token: TokenSecret::Absent,
        old_token_secret: None,
        import: Import::NotWanted,
        consents: Vec::new(),
        namespace_uid: "n".into(),
        removed_at: None,
        claimed_at: None,
        other: None,
    }
}

fn situation(observed: Observed) -> Situation {
    Situation::new(&connection(), observed, Timestamp::MAX, Timestamp::MAX)
}

fn step(situation: &Situation, now: i64) -> Option<String> {
    let rules = Rules {
        sealed_grant: Duration::from_secs(1000),
    };
    let step = next(&connection(), situation, rules, at(now))?;
    Some(match step {
        Step::Store(_, purpose) => format!("Store {purpose:?}"),
        Step::EndConsent(_, end) => format!("EndConsent {}", end.reason.as_str()),
        other => {
            let shown = format!("{other:?}");
            shown
                .split(['(', ' '])
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    })
}

fn ours(kept: StoredGrant) -> GrantSecret {
    GrantSecret::Ours(Box::new(kept))
}

/// A grant of a known user, published.
fn settled(issued: i64) -> Observed {
    let mut kept = kept(Some((issued, issued + 3600)));
    kept.identified = true;
    let source = source(&kept.grant);
    Observed {
        token: TokenSecret::Ours(Stored {
            source,
            intact: true,
            has_wanted_metadata: true,
            restarted_for: None,
            ..Stored::default()
        }),
        ..observed(ours(kept))
    }
}

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
    let rules = Rules {
        sealed_grant: Duration::ZERO,
    };
    assert_eq!(
        look_again(&connection(), &due, rules, at(2900)),
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
    let rules = Rules {
        sealed_grant: Duration::ZERO,
    };
    let again = look_again(&connection(), &now, rules, at(150));
    assert_eq!(again, Some(at(152)));
}

#[test]
fn a_refresh_that_stands_in_line_does_not_hold_up_a_consent() {
    let rules = Rules {
        sealed_grant: Duration::ZERO,
    };
    let mut found = settled(0);
    found.consents = vec![consent(json!({}))];
    let mut now = situation(found);
    now.tried.mark(Attempted::Refresh);
    now.look_at(at(240));
    let again = |now: &Situation| look_again(&connection(), now, rules, at(150));
    assert_eq!(again(&now), Some(at(152)));
    // Once the consent stands in line itself, its turn counts.
    now.turn = Some(at(200));
    now.look_at(at(200));
    assert_eq!(again(&now), Some(at(200)));
}

/// A pass asks for the next one, or stands in line, and takes longer than until then.
#[test]
fn what_became_due_during_a_pass_is_not_forgotten() {
    let rules = Rules {
        sealed_grant: Duration::ZERO,
    };
    let mut now = situation(settled(0));
    for asked in [150, 149] {
        now.look_at(at(asked));
        let again = look_again(&connection(), &now, rules, at(150)).unwrap();
        assert!(again > at(150) && again < at(151), "{again}");
    }
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
fn a_confirmed_removal_erases_and_so_does_time() {
    let mut found = settled(0);
    if let GrantSecret::Ours(kept) = &mut found.grant {
        kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(50));
    }
    let mut now = situation(found);
    assert_eq!(step(&now, 100), None, "sealed, and not used");
    assert_eq!(step(&now, 1050).as_deref(), Some("Store Expired"));
    now.observed.removed_at = Some(at(40));
    assert_eq!(step(&now, 100).as_deref(), Some("Store Removed"));
    // Also while the integration is suspended or its credentials are missing.
    if let Some(integration) = &mut now.observed.integration {
        integration.credentials.app = None;
    }
    assert_eq!(step(&now, 100).as_deref(), Some("Store Removed"));
    if let GrantSecret::Ours(kept) = &mut now.observed.grant {
        kept.grant = kept.grant.removed(at(40));
    }
    assert_eq!(step(&now, 100), None);
    now.observed.integration = Some(integration());
    assert_eq!(step(&now, 100).as_deref(), Some("RemoveToken"));
}

/// A removal that Zoom disproved by a later token says nothing about a loss after that.
#[test]
fn an_old_removal_that_a_token_disproved_erases_nothing() {
    for (removed, is_erased) in [(40, false), (99, false), (100, true), (140, true)] {
        let mut found = settled(100);
        if let GrantSecret::Ours(kept) = &mut found.grant {
            kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(150));
        }
        found.removed_at = Some(at(removed));
        let step = step(&situation(found), 200);
        assert_eq!(
            step.as_deref(),
            is_erased.then_some("Store Removed"),
            "{removed}"
        );
    }
}

/// Receivers tell whole seconds: the person connected and removed the app within one.
#[test]
fn a_removal_in_the_second_of_the_consent_erases() {
    for (since, is_erased) in [(99_999, true), (100_400, true), (101_000, false)] {
        let since = Timestamp::from_millisecond(since).unwrap();
        let mut found = settled(100);
        if let GrantSecret::Ours(kept) = &mut found.grant {
            kept.grant.since = since;
            if let Some(access) = &mut kept.grant.access {
                access.issued_at = since;
            }
            kept.grant = kept.grant.refused(Lost::GrantLost, &client(), at(103));
        }
        found.removed_at = Some(at(100));
        let step = step(&situation(found), 104);
        assert_eq!(
            step.as_deref(),
            is_erased.then_some("Store Removed"),
            "{since}"
        );
    }
}

/// Somebody may have put another Secret in its place since.
#[test]
fn exactly_the_secret_that_was_read_is_removed() {
    let mut found = settled(0);
    if let TokenSecret::Ours(stored) = &mut found.token {
        (stored.uid, stored.resource_version) = (Some("s".into()), "7".into());
    }
    if let GrantSecret::Ours(kept) = &mut found.grant {
        kept.grant = kept.grant.removed(at(40));
    }
    let rules = Rules {
        sealed_grant: Duration::from_secs(1000),
    };
    let step = next(&connection(), &situation(found), rules, at(100));
    let Some(Step::RemoveToken(secret)) = step else {
        panic!("{step:?}");
    };
    assert_eq!(secret.name, "ada-zoom-token");
    assert_eq!(secret.uid.as_deref(), Some("s"));
    assert_eq!(secret.resource_version.as_deref(), Some("7"));
}

#[test]
fn an_attempt_of_another_pod_is_noticed_before_anything_is_sent() {
    let mut found = settled(0);
    let intent = Intent {
        holder: Holder {
            pod: "p".into(),
            process: "x".into(),
            namespace: None,
        },
        attempt: 1,
        begun: at(1),
    };
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
    let intent = Intent {
        holder: Holder {
            pod: "p".into(),
            process: "x".into(),
            namespace: None,
        },
        attempt: 1,
        begun: at(1),
    };
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

// === An integration that may not be used ===

#[test]
fn nothing_is_refreshed_or_revoked_for_a_namespace_that_is_not_allowed() {
    let barred = |since: Option<i64>| {
        let mut barred = situation(settled(0));
        barred.observed.integration = None;
        barred.observed.access = AppAccess::Refused(since.map(at));
        barred
    };
    // The token would be due.
    assert_eq!(step(&barred(None), 3500), None, "not known for how long");
    assert_eq!(
        step(&barred(Some(3000)), 3500),
        None,
        "a mistake is corrected soon"
    );
    let grace = i64::try_from(GRACE.as_secs()).unwrap();
    assert_eq!(
        step(&barred(Some(3000)), 3000 + grace).unwrap(),
        "RemoveToken"
    );
    let mut without_token = barred(Some(3000));
    without_token.observed.token = TokenSecret::Absent;
    // The grant is kept for as long as one that Zoom refused.
    assert_eq!(step(&without_token, 3999), None);
    assert_eq!(step(&without_token, 4000).unwrap(), "RemoveGrant");
    without_token.observed.access = AppAccess::Allowed;
    assert_eq!(step(&without_token, 4000), None);
}

#[test]
fn a_namespace_that_is_allowed_again_gets_its_token_back() {
    let mut back = situation(settled(0));
    back.observed.access = AppAccess::Allowed;
    back.observed.token = TokenSecret::Absent;
    assert_eq!(step(&back, 100).unwrap(), "Publish");
}

#[test]
fn what_is_removed_later_is_looked_at_in_time() {
    let mut barred = situation(settled(0));
    barred.observed.integration = None;
    barred.observed.access = AppAccess::Refused(Some(at(3000)));
    let rules = Rules {
        sealed_grant: Duration::from_hours(24),
    };
    let again = look_again(&connection(), &barred, rules, at(3100));
    assert_eq!(again, Some(schedule::later(at(3000), GRACE)));
    // The pass that finds it first: its own status leads to no other.
    barred.observed.access = AppAccess::Refused(None);
    let again = look_again(&connection(), &barred, rules, at(3100));
    assert_eq!(again, Some(schedule::later(at(3100), GRACE)));
    barred.observed.access = AppAccess::Refused(Some(at(3000)));
    // Its route is erased at the same time, with a token or without.
    barred.observed.token = TokenSecret::Absent;
    let again = look_again(&connection(), &barred, rules, at(3100));
    assert_eq!(again, Some(schedule::later(at(3000), GRACE)));
    let again = look_again(&connection(), &barred, rules, at(4000));
    assert_eq!(again, Some(schedule::later(at(3000), rules.sealed_grant)));
}

// === The proof of an account ===

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

fn status_of(consent: &Consent, outcome: &str, reason: Reason) -> ConsentStatus {
    ConsentStatus {
        transaction: consent.transaction().to_owned(),
        outcome: outcome.into(),
        reason,
        message: String::new(),
        attempts: None,
        retry_at: None,
    }
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
    let rules = Rules {
        sealed_grant: Duration::from_secs(1000),
    };
    let next = next(&told, &now, rules, at(150));
    assert!(
        matches!(&next, Some(Step::EndConsent(_, end)) if end.reason == Reason::WrongSubject),
        "{next:?}"
    );
}
