//! A worthless code leads to no connection.

use serde_json::json;

use super::*;
use grant::{Code, Credential, Grant, Lost, Refusal};
use zoom::{Error, Fault};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pending(generation: u64) -> Pending {
    let handoff = json!({
        "namespace": "clinics", "integration": "app", "integrationUid": "i",
        "connection": "app-1234567890", "clientId": "id",
        "redirectUrl": "https://connect.example.com/cb", "code": "code", "codeVerifier": "v",
        "begun": at(0).to_string(), "authorized": at(100).to_string(),
    });
    Pending {
        consent: Consent {
            secret_name: "zoom-consent-t".into(),
            uid: None,
            handoff: serde_json::from_value(handoff).unwrap(),
            grant: Some(Grant {
                id: "zoom-consent-t".into(),
                generation,
                since: at(100),
                client_id: Some("id".into()),
                credential: Credential::Code(Code {
                    code: "code".to_owned().into(),
                    verifier: "v".to_owned().into(),
                    redirect_url: "https://connect.example.com/cb".into(),
                }),
                access: None,
                intent: None,
                loss: None,
            }),
            identity: None,
            end: None,
            wait: None,
        },
        wait: None,
        refusal: None,
    }
}

fn limit(made: &[&str]) -> Limit {
    Limit {
        made: made.iter().map(|name| (*name).to_owned()).collect(),
        most: 2,
    }
}

fn credentials(client_id: &str) -> Credentials {
    Credentials {
        app: Some(App {
            client_id: client_id.into(),
            client_secret: "secret".to_owned().into(),
        }),
        ..Credentials::default()
    }
}

fn step(pending: &Pending, limit: &Limit, now: i64) -> String {
    match next(pending, limit, &credentials("id"), at(now)) {
        Step::Refuse(refusal) => format!("Refuse {}", refusal.reason.as_str()),
        Step::Hold(refusal) => format!("Hold {}", refusal.reason.as_str()),
        Step::Redeem(..) => "Redeem".into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_connection_is_made_only_once_zoom_took_the_code() {
    let none = limit(&[]);
    assert_eq!(step(&pending(0), &none, 110), "Redeem");
    let lost = settle(pending(0), SpendOutcome::Lost(Lost::GrantLost), at(110));
    assert_eq!(step(&lost, &none, 110), "Refuse CodeRejected");
    let mut given = pending(0);
    given.consent.grant = pending(1).consent.grant;
    assert_eq!(step(&given, &none, 110), "Create(\"app-1234567890\")");
    assert_eq!(step(&given, &limit(&["app-1234567890"]), 110), "Leave");
    assert_eq!(step(&pending(0), &none, 401), "Refuse CodeExpired");
}

#[test]
fn beyond_the_limit_nothing_is_spent() {
    assert_eq!(
        step(&pending(0), &limit(&["a", "b"]), 110),
        "Refuse SelfServiceLimit"
    );
}

/// The person authorized: somebody may raise the limit, or correct what keeps the connection out of its namespace.
#[test]
fn a_spent_code_is_not_thrown_away_because_of_the_limit_or_the_namespace() {
    let full = limit(&["a", "b"]);
    assert_eq!(step(&pending(1), &full, 110), "Hold SelfServiceLimit");
    let target = |namespace: &str, objection: Option<&str>| Target {
        namespace: namespace.into(),
        uid: "n".into(),
        objection: objection.map(Into::into),
    };
    for (target, reason) in [
        (target("elsewhere", None), "ConsentOutdated"),
        (
            target("clinics", Some("it has no label")),
            "SelfServiceRefused",
        ),
    ] {
        let mut misled = pending(1);
        misled.refusal = misplaced(&misled, &target);
        let message = misled.refusal.clone().unwrap().message;
        assert!(
            message.starts_with("A person authorized and waits"),
            "{message}"
        );
        assert_eq!(step(&misled, &limit(&[]), 110), format!("Hold {reason}"));
        let waits = held(misled, at(110));
        assert!(step(&waits, &full, 110).starts_with("Wait"));
        let until = waits.wait.unwrap().until.as_second();
        assert_eq!(step(&waits, &limit(&[]), until), format!("Hold {reason}"));
    }
}

/// A tool that creates an integration again gives it another UID.
#[test]
fn a_spent_code_outlives_its_integration() {
    let integration = |name: &str, uid: &str| -> ZoomIntegration {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
            "metadata": {"name": name, "namespace": "clinics", "uid": uid},
            "spec": {
                "app": {"kind": "General", "management": "User"},
                "credentials": {"secretRef": {"name": "zoom"}}, "scopes": {"required": []},
            },
        }))
        .unwrap()
    };
    let secret = |generation| {
        let Pending { consent, .. } = pending(generation);
        let kept = crate::controller::grants::secret::StoredGrant {
            grant: consent.grant.unwrap(),
            identity: None,
            identified: false,
            namespace_uid: "n".into(),
            imported: None,
        };
        let handoff = consent.handoff.unwrap();
        crate::controller::grants::handoff::rebuild("zoom-consent-t", "operator", &handoff, &kept)
            .unwrap()
    };
    let is = |generation, name: &str, uid: &str| {
        Pending::of(&secret(generation), &integration(name, uid)).is_some()
    };
    assert!(is(0, "app", "i") && is(1, "app", "i"));
    assert!(!is(0, "app", "another"));
    assert!(is(1, "app", "another"));
    assert!(!is(1, "other", "i"));
}

/// Two days of retries every five minutes are no hundreds of Events.
#[test]
fn a_grant_that_waits_is_told_of_a_few_times() {
    let (mut waits, mut told) = (pending(1), Vec::new());
    for attempt in 0..600 {
        if is_told(&waits) {
            told.push(attempt);
        }
        waits = held(waits, at(110));
    }
    assert_eq!(told, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
}

#[test]
fn zooms_wait_is_kept() {
    let error = Error {
        retry_after: Some(Duration::from_secs(40)),
        ..Error::new(Fault::RateLimited, "HTTP 429")
    };
    let refused = SpendOutcome::Refused(Refusal {
        error,
        ambiguous: false,
        ends: None,
    });
    let waits = settle(pending(0), refused, at(110));
    let wait = waits.wait.unwrap();
    assert!(wait.until >= at(150) && wait.attempts == 1, "{wait:?}");
    assert!(step(&waits, &limit(&[]), 120).starts_with("Wait"));
    assert_eq!(step(&waits, &limit(&[]), 200), "Redeem");
}

#[test]
fn a_code_of_another_app_is_not_sent() {
    let found = next(&pending(0), &limit(&[]), &credentials("other"), at(110));
    assert!(matches!(found, Step::Refuse(refusal) if refusal.reason == Reason::ConsentOutdated));
}

/// An integration of the same name may be created again for another app: nobody asked to be connected to that one.
#[test]
fn a_spent_code_leads_to_no_connection_of_another_app() {
    let found = |pending: &Pending, credentials: &Credentials| {
        next(pending, &limit(&[]), credentials, at(110))
    };
    let none = Credentials::default();
    for other in [&credentials("other"), &none] {
        match found(&pending(1), other) {
            Step::Hold(refusal) => {
                assert_eq!(refusal.reason, Reason::ConsentOutdated);
                assert!(refusal.message.contains("client id id,"), "{refusal:?}");
            }
            step => panic!("{step:?}"),
        }
        let waits = held(pending(1), at(110));
        assert!(matches!(found(&waits, other), Step::Wait(_)));
    }
    let back = found(&pending(1), &credentials("id"));
    assert!(matches!(back, Step::Create(_)));
}

#[test]
fn a_person_is_connected_only_in_the_namespace_that_agrees() {
    let target = |namespace: &str, objection: Option<&str>| Target {
        namespace: namespace.into(),
        uid: "n".into(),
        objection: objection.map(Into::into),
    };
    let refused = |target: &Target| {
        let refusal = misplaced(&pending(0), target);
        refusal.map(|refusal| (refusal.reason, refusal.message))
    };
    assert_eq!(refused(&target("clinics", None)), None);
    let (reason, message) = refused(&target("clinics", Some("it has no label"))).unwrap();
    assert_eq!(reason, Reason::SelfServiceRefused);
    assert!(message.contains("it has no label"), "{message}");
    let (reason, _) = refused(&target("elsewhere", None)).unwrap();
    assert_eq!(reason, Reason::ConsentOutdated);
}

#[test]
fn consents_that_wait_hold_up_nobody() {
    let stuck = |number: u32| {
        let mut stuck = pending(0);
        stuck.consent.secret_name = format!("stuck-{number}");
        stuck.wait = Some(Wait {
            attempts: 1,
            until: at(150),
        });
        stuck
    };
    let mut all: Vec<Pending> = (0..10).map(stuck).collect();
    all.extend((0..5).map(|_| pending(0)));
    let (chosen, again) = due(all, &limit(&[]), &credentials("id"), at(110));
    assert_eq!(chosen.len(), PER_PASS);
    assert!(chosen.iter().all(|consent| consent.wait.is_none()));
    assert_eq!(again.iter().min(), Some(&soon(at(110))));
    let stuck = (0..10).map(stuck).collect();
    let (chosen, again) = due(stuck, &limit(&[]), &credentials("id"), at(110));
    assert!(chosen.is_empty());
    assert_eq!(again.iter().min(), Some(&at(150)));
}

#[test]
fn both_sides_agree_before_a_connection_is_made_elsewhere() {
    let plain = Labels::new();
    let labelled: Labels = [(label::ACCEPT_CONNECTIONS.to_owned(), "platform".to_owned())].into();
    let place = Place {
        namespace: "customers",
        home: "platform",
        is_allowed: true,
        labels: Some(&labelled),
    };
    let listed = ["customers=platform".parse().unwrap()];
    assert_eq!(objection(&place, &[]), None);
    let unlabelled = Place {
        labels: Some(&plain),
        ..place
    };
    assert_eq!(objection(&unlabelled, &listed), None);
    let missing = objection(&unlabelled, &[]).unwrap();
    assert!(missing.contains("accept-connections=platform"), "{missing}");
    let refused = Place {
        is_allowed: false,
        ..place
    };
    assert!(
        objection(&refused, &listed)
            .unwrap()
            .contains("allowedNamespaces")
    );
    let absent = Place {
        labels: None,
        ..place
    };
    assert!(
        objection(&absent, &listed)
            .unwrap()
            .contains("does not exist")
    );
    let own = Place {
        namespace: "platform",
        ..refused
    };
    assert_eq!(objection(&own, &[]), None);
}

#[test]
fn nobody_is_refused_by_a_spec_that_has_changed() {
    let of = |uid: &str, generation: i64| ObjectMeta {
        uid: Some(uid.into()),
        generation: Some(generation),
        ..ObjectMeta::default()
    };
    let judged = of("i", 3);
    assert!(is_current(&judged, Some(&of("i", 3))));
    assert!(!is_current(&judged, Some(&of("i", 4))));
    assert!(!is_current(&judged, Some(&of("j", 3))));
    assert!(!is_current(&judged, None));
}

#[test]
fn what_the_api_server_does_not_take_ends_a_consent_whose_code_is_not_spent() {
    let objection = |is_final| Objection {
        sentence: "exceeded quota: links".into(),
        is_final,
    };
    let none = limit(&[]);
    let refused = objected(pending(0), &objection(true), at(110));
    assert_eq!(step(&refused, &none, 110), "Refuse SelfServiceRefused");
    let message = refused.refusal.unwrap().message;
    assert!(message.contains("exceeded quota: links"), "{message}");
    // A grant is not thrown away because the last place was taken after the API server was asked.
    for (generation, is_final) in [(0, false), (1, false), (1, true)] {
        let waits = objected(pending(generation), &objection(is_final), at(110));
        assert!(step(&waits, &none, 110).starts_with("Wait"));
        let told = refusal(&waits, &objection(is_final)).message;
        assert_eq!(told.contains("authorized and waits"), generation == 1);
        let until = waits.wait.unwrap().until.as_second();
        assert!(!step(&waits, &none, until).starts_with("Wait"));
    }
}
