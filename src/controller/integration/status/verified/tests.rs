//! Whether requests have the expected signature.

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::api::v1alpha1::ZoomIntegration;
use contract::facts::SecretRole;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn statement(facts: Option<&Facts>) -> Option<(Status, Reason)> {
    statement_seeing(facts, None)
}

fn statement_seeing(facts: Option<&Facts>, reach: Option<&ReachState>) -> Option<(Status, Reason)> {
    statement_at(facts, reach, at(100))
}

fn statement_at(
    facts: Option<&Facts>,
    reach: Option<&ReachState>,
    now: Timestamp,
) -> Option<(Status, Reason)> {
    let webhook = WebhookStatus::default();
    let (status, reason, _) = told(&webhook, facts, reach, now)?;
    Some((status, reason))
}

fn told(
    webhook: &WebhookStatus,
    facts: Option<&Facts>,
    reach: Option<&ReachState>,
    now: Timestamp,
) -> Option<(Status, Reason, String)> {
    let integration: ZoomIntegration = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "webhook": {"sink": {"http": {"url": "https://s"}}},
        },
    }))
    .unwrap();
    let statement = events_verified(&integration.spec, Some(webhook), facts, reach, &[], now)?;
    Some((statement.status, statement.reason, statement.message))
}

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = Facts::default();
    facts.health = Some(contract::health::Health::default());
    change(&mut facts);
    facts
}

#[test]
fn each_way_to_lose_events_has_its_reason() {
    let run = |times: i64, add: fn(&mut Health, Timestamp)| {
        with(|facts| {
            for second in 0..times {
                add(facts.health.get_or_insert_default(), at(second));
            }
        })
    };
    let signature = |times| run(times, |health, at| health.rejected(at, true));
    let authentication = run(1, |health, at| health.unauthenticated(at, false));
    let clock = |times| run(times, contract::health::Health::outside_window);
    let removal = with(|facts| {
        facts
            .health
            .get_or_insert_default()
            .removed(at(5), "ada", "a");
    });
    let right = with(|facts| facts.verified(at(9), SecretRole::Current));
    for (facts, status, reason) in [
        (signature(1), Status::Unknown, Reason::NothingArrived),
        (signature(2), Status::False, Reason::UnknownSignature),
        (signature(200), Status::False, Reason::UnknownSignature),
        (
            authentication,
            Status::False,
            Reason::AuthenticationMismatch,
        ),
        (clock(1), Status::Unknown, Reason::NothingArrived),
        (clock(2), Status::False, Reason::ClockSkew),
        (removal.clone(), Status::False, Reason::RemovalNotVerified),
        (right, Status::True, Reason::SignatureVerified),
    ] {
        assert_eq!(statement(Some(&facts)), Some((status, reason)));
    }
    let mut later = removal;
    later.verified(at(9), SecretRole::Current);
    assert_eq!(
        statement(Some(&later)).unwrap().1,
        Reason::SignatureVerified
    );
}

/// Anybody can post something with a signature: that alone is no alarm while Zoom signs rightly.
#[test]
fn wrong_signatures_are_zooms_if_they_go_on_as_zooms_do() {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    let judged = |verified: Option<i64>, seconds: &[i64], now: i64| {
        let facts = with(|facts| {
            if let Some(verified) = verified {
                facts.verified(at(verified), SecretRole::Current);
            }
            let health = facts.health.get_or_insert_default();
            for second in seconds {
                health.rejected(at(*second), verified.is_some());
            }
        });
        let (status, reason) = statement_at(Some(&facts), None, at(now)).unwrap();
        (status, reason)
    };
    let unknown = Reason::UnknownSignature;
    let right = (Status::True, Reason::SignatureVerified);
    let burst = [HOUR, HOUR + 1, HOUR + 2];
    let repeats = [HOUR, HOUR + 5 * MINUTE, HOUR + 25 * MINUTE];
    for (verified, seconds, now, expected) in [
        (Some(0), &burst[..1], HOUR + 9, right),
        (Some(0), &burst[..], HOUR + 9, (Status::Unknown, unknown)),
        // Zoom would have repeated them.
        (Some(0), &burst[..], 3 * HOUR, right),
        (Some(0), &repeats[..2], 2 * HOUR, (Status::Unknown, unknown)),
        (Some(0), &repeats[..], 2 * HOUR, (Status::False, unknown)),
        (Some(0), &repeats[..], 30 * HOUR, (Status::False, unknown)),
        // Noise again, hours later.
        (Some(0), &[HOUR, HOUR + 1, 9 * HOUR], 9 * HOUR, right),
        // Zoom should have validated meanwhile.
        (
            Some(-90 * HOUR),
            &burst[..],
            3 * HOUR,
            (Status::False, unknown),
        ),
        (None, &burst[..], 3 * HOUR, (Status::False, unknown)),
    ] {
        assert_eq!(
            judged(verified, seconds, now),
            expected,
            "{seconds:?} {now}"
        );
    }
    let forged = with(|facts| {
        facts.verified(at(0), SecretRole::Current);
        let health = facts.health.get_or_insert_default();
        health.removed(at(5), "ada", "a");
    });
    let doubted = Some((Status::Unknown, Reason::RemovalNotVerified));
    assert_eq!(statement(Some(&forged)), doubted);
}

#[test]
fn requests_of_strangers_are_no_evidence_of_a_broken_proxy() {
    let unsigned = |times| {
        with(|facts| {
            for second in 0..times {
                facts.health.get_or_insert_default().unsigned(at(second));
            }
        })
    };
    let seen = |cause: Option<Cause>| ReachState {
        tried: true,
        ready: true,
        finding: cause.map(|cause| crate::reach::Finding {
            cause,
            message: String::new(),
        }),
        again: None,
    };
    let off = ReachState::default();
    let missing = Reason::SignatureHeadersMissing;
    for (times, reach, expected) in [
        (
            1,
            seen(Some(Cause::HeadersRemoved)),
            (Status::Unknown, Reason::NothingArrived),
        ),
        (
            2,
            seen(Some(Cause::HeadersRemoved)),
            (Status::False, missing),
        ),
        (
            200,
            seen(Some(Cause::Reachable)),
            (Status::Unknown, Reason::NothingArrived),
        ),
        // It is being tried.
        (200, seen(None), (Status::Unknown, Reason::NothingArrived)),
        (
            200,
            seen(Some(Cause::NameNotFound)),
            (Status::Unknown, missing),
        ),
        (200, off.clone(), (Status::Unknown, missing)),
    ] {
        let facts = unsigned(times);
        assert_eq!(lacks_headers(Some(&facts)), times > 1);
        assert_eq!(statement_seeing(Some(&facts), Some(&reach)), Some(expected));
    }
    // What only Zoom can cause is not hidden by strangers.
    let mut facts = unsigned(200);
    facts.health.get_or_insert_default().wrong_authentication = Some(Run {
        count: 1,
        since: at(1),
        last: at(1),
    });
    let mismatch = Some((Status::False, Reason::AuthenticationMismatch));
    assert_eq!(statement_seeing(Some(&facts), Some(&off)), mismatch);
    // After a restart of the controller, until the URL is tried again.
    let known: Vec<Condition> = serde_json::from_value(json!([{
        "type": "EventsVerified", "status": "False", "reason": "SignatureHeadersMissing",
        "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
    }]))
    .unwrap();
    assert_eq!(
        evidence(Some(&seen(None)), &known),
        Evidence::HeadersRemoved
    );
    assert_eq!(
        evidence(Some(&seen(Some(Cause::Reachable))), &known),
        Evidence::HeadersArrive
    );
    // Zoom's headers arrived at another receiver since.
    let mut facts = unsigned(5);
    facts.verified(at(9), SecretRole::Current);
    assert!(!lacks_headers(Some(&facts)));
    let right = Some((Status::True, Reason::SignatureVerified));
    assert_eq!(statement_seeing(Some(&facts), Some(&off)), right);
}

#[test]
fn the_message_names_what_has_to_be_the_same() {
    for (authentication, expected) in [
        (
            json!({"type": "CustomHeader", "headerName": "tenant-key"}),
            " Header tenant-key in Zoom's form and key webhook-header-value of Secret zoom differ: correct one of them.",
        ),
        (
            json!({"type": "Basic"}),
            " User name and password in Zoom's form and the keys webhook-username and webhook-password of Secret zoom differ: correct one of them.",
        ),
    ] {
        let spec = serde_json::from_value(json!({
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
            "webhook": {"sink": {"http": {"url": "https://s"}}, "authentication": authentication},
        }));
        assert_eq!(same_authentication(&spec.unwrap()), expected);
    }
}

#[test]
fn a_receiver_that_is_silent_or_old_says_nothing() {
    assert_eq!(statement(None).unwrap().1, Reason::ReceiverSilent);
    assert_eq!(statement(Some(&Facts::default())), None);
}

#[test]
fn what_zoom_sent_in_vain_is_told() {
    let refused = with(|facts| {
        facts.verified(at(9), SecretRole::Current);
        facts
            .health
            .get_or_insert_default()
            .validation_refused(at(9));
    });
    let wanted = Some((Status::False, Reason::ValidationRefused));
    assert_eq!(statement(Some(&refused)), wanted);
    // Another Pod answered a later one.
    let answered = with(|facts| facts.validated(at(10), SecretRole::Current));
    let merged = Facts::together(vec![refused, answered], false).unwrap();
    let wanted = Some((Status::True, Reason::SignatureVerified));
    assert_eq!(statement(Some(&merged)), wanted);
    // Strangers can send large bodies: that makes nothing False, and is told for a day.
    let large = with(|facts| {
        facts.verified(at(9), SecretRole::Current);
        facts.health.get_or_insert_default().too_large(at(9));
    });
    assert_eq!(statement(Some(&large)), wanted);
    let health = large.health.unwrap();
    assert!(too_large(&health, at(10)).contains("1 requests since"));
    assert_eq!(too_large(&health, at(9 + 24 * 3600)), "");
}

/// A Pod that replaced another one has seen no right signature itself.
#[test]
fn what_an_earlier_pod_saw_counts() {
    let known = WebhookStatus {
        last_verified: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(50))),
        ..WebhookStatus::default()
    };
    let none = with(|_| ());
    let (status, reason, _) = told(&known, Some(&none), None, at(100)).unwrap();
    assert_eq!((status, reason), (Status::True, Reason::SignatureVerified));
    let wrong = with(|facts| {
        for _ in 0..3 {
            facts.health.get_or_insert_default().rejected(at(90), true);
        }
    });
    let (status, reason, message) = told(&known, Some(&wrong), None, at(100)).unwrap();
    assert_eq!(
        (status, reason),
        (Status::Unknown, Reason::UnknownSignature)
    );
    assert!(message.contains("answered 503"), "{message}");
}

/// The header may be gone although both values are the same.
#[test]
fn a_header_that_does_not_arrive_is_no_different_value() {
    let message = |missing: &[bool]| {
        let facts = with(|facts| {
            for is_missing in missing {
                let health = facts.health.get_or_insert_default();
                health.unauthenticated(at(5), *is_missing);
            }
        });
        told(&WebhookStatus::default(), Some(&facts), None, at(100))
            .unwrap()
            .2
    };
    let removed = "2 have no header Authorization: either Zoom's form has no user name";
    let message_of_all = message(&[true, true]);
    assert!(message_of_all.contains(removed), "{message_of_all}");
    assert!(!message_of_all.contains("differ"), "{message_of_all}");
    let some = message(&[true, true, false]);
    assert!(some.contains(removed) && some.contains("differ"), "{some}");
    let wrong = message(&[false]);
    assert!(
        !wrong.contains("no header") && wrong.contains("differ"),
        "{wrong}"
    );
}
