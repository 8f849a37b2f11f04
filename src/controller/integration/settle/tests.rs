//! What happened, and the resulting state.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

mod receiver;
mod stuck;

use super::*;
use crate::controller::{
    credentials::Credentials,
    integration::model::{ReceiverOutcome, ReceiverStep},
    published::Exactly,
    token_secret::Stored,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use zoom::Class;

const NOW: i64 = 1000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn integration(failure: Value) -> ZoomIntegration {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": ["a:read:x:admin"]},
        },
        "status": {"token": {"failure": failure}},
    }))
    .unwrap()
}

fn observed() -> Observed {
    Observed {
        credentials: Credentials {
            version: "c/1".into(),
            ..Credentials::default()
        },
        token: ours("a:read:x:admin", "c/0"),
        ..Observed::default()
    }
}

fn ours(scope: &str, source: &str) -> TokenSecret {
    TokenSecret::Ours(Stored {
        scope: scope.into(),
        source: source.into(),
        ..Stored::default()
    })
}

fn plan(token: TokenStep, credentials: CredentialsStep) -> Plan {
    Plan {
        token,
        credentials,
        receiver: ReceiverStep::Keep,
        obstacle: None,
        objects: None,
        expansion: None,
        judgement: crate::controller::integration::model::Judgement::default(),
        transition: crate::controller::integration::model::Transition::default(),
        remove_old_token_secret: false,
    }
}

fn outcome(token: TokenOutcome, credentials: Option<CheckOutcome>) -> Outcome {
    Outcome {
        token,
        credentials,
        check_postponed: None,
        receiver: ReceiverOutcome::default(),
        old_token_secret_removed: false,
    }
}

const REQUEST: TokenStep =
    TokenStep::Request(crate::controller::integration::model::Cause::RefreshDue);

fn settled(step: TokenStep, token: TokenOutcome) -> Applied {
    let plan = plan(step, CredentialsStep::Forget);
    let outcome = outcome(token, None);
    settle(
        &integration(Value::Null),
        &observed(),
        &plan,
        &outcome,
        at(NOW),
    )
}

fn error(fault: Fault, retry_after: Option<u64>) -> zoom::Error {
    zoom::Error {
        fault,
        detail: String::new(),
        retry_after: retry_after.map(Duration::from_secs),
        ambiguous: false,
        request: None,
    }
}

#[test]
fn a_new_token_with_all_scopes_ends_the_failure() {
    let applied = settled(
        REQUEST,
        TokenOutcome::Published(ours("a:read:x:admin", "c/1")),
    );
    assert_eq!(applied.failure, None);
    assert!(applied.with_current_credentials);
}

#[test]
fn a_new_token_that_lacks_a_scope_is_a_failure_of_that_name() {
    let applied = settled(
        REQUEST,
        TokenOutcome::Published(ours("b:read:x:admin", "c/1")),
    );
    let failure = applied.failure.unwrap();
    assert_eq!(
        (failure.reason.as_str(), failure.attempts),
        ("MissingScopes", 1)
    );
    assert!(failure.message.contains("a:read:x:admin"), "{failure:?}");
}

#[test]
fn what_zoom_refuses_is_tried_again_and_never_before_it_says() {
    let refused = |fault, retry_after| {
        let applied = settled(REQUEST, TokenOutcome::Refused(error(fault, retry_after)));
        assert_eq!(applied.token, observed().token, "the old one stays");
        assert!(!applied.with_current_credentials);
        applied.failure.unwrap()
    };
    for fault in [
        Fault::Unavailable,
        Fault::RateLimited,
        Fault::CredentialsRejected,
    ] {
        let failure = refused(fault, Some(500));
        assert!(failure.retry_at.0 >= at(NOW + 500), "{failure:?}");
        let soon = refused(fault, None);
        let limit = if fault.class() == Class::Person {
            72
        } else {
            6
        };
        assert!(soon.retry_at.0 <= at(NOW + limit), "{soon:?}");
    }
}

#[test]
fn a_token_that_cannot_be_stored_is_said_in_the_api_servers_words() {
    let applied = settled(REQUEST, TokenOutcome::NotWritten("exceeded quota".into()));
    let failure = applied.failure.unwrap();
    assert_eq!(failure.reason, Reason::TokenSecretNotWritten);
    assert!(failure.message.contains("exceeded quota"), "{failure:?}");
    assert_eq!(applied.token, observed().token);
}

#[test]
fn a_failure_stands_while_its_time_has_not_come_and_ends_when_nothing_is_due() {
    let before = json!({
        "reason": "CredentialsRejected", "message": "m", "attempts": 3, "time": at(NOW - 2),
        "retryAt": at(NOW + 60), "credentialsVersion": "c/1",
    });
    let after = |step: TokenStep, suspend| {
        let mut integration = integration(before.clone());
        integration.spec.suspend = suspend;
        let plan = plan(step, CredentialsStep::Forget);
        let outcome = outcome(TokenOutcome::Untouched, None);
        settle(&integration, &observed(), &plan, &outcome, at(NOW))
    };
    let waits = after(TokenStep::Wait(at(NOW + 60)), false);
    assert_eq!(waits.failure.unwrap().attempts, 3);
    assert_eq!(waits.look_again, Some(at(NOW + 60)));
    assert!(after(TokenStep::Keep, true).failure.is_some());
    assert_eq!(after(TokenStep::Keep, false).failure, None);
    let later = after(TokenStep::Later(at(NOW + 9)), false);
    assert_eq!((later.failure, later.look_again), (None, Some(at(NOW + 9))));
}

#[test]
fn a_request_that_the_budget_does_not_allow_yet_comes_later_and_changes_nothing() {
    let before = json!({
        "reason": "Unreachable", "message": "m", "attempts": 3, "time": at(NOW - 60),
        "retryAt": at(NOW), "credentialsVersion": "c/1",
    });
    let plan = plan(REQUEST, CredentialsStep::Ask);
    let outcome = Outcome {
        check_postponed: Some(Duration::from_secs(90)),
        ..outcome(TokenOutcome::Postponed(Duration::from_secs(40)), None)
    };
    let applied = settle(&integration(before), &observed(), &plan, &outcome, at(NOW));
    assert_eq!(applied.failure.unwrap().attempts, 3);
    assert_eq!(applied.checked, observed().checked);
    assert_eq!(applied.look_again, Some(at(NOW + 40)));
}

#[test]
fn the_old_secrets_name_is_told_until_it_is_removed() {
    let metadata = ObjectMeta {
        name: Some("old".into()),
        ..ObjectMeta::default()
    };
    let named = |old: bool, removed, token| {
        let observed = Observed {
            old_token_secret: old.then(|| Exactly::of(&metadata)),
            token,
            ..observed()
        };
        let plan = plan(TokenStep::Keep, CredentialsStep::Forget);
        let outcome = Outcome {
            old_token_secret_removed: removed,
            ..outcome(TokenOutcome::Untouched, None)
        };
        settle(
            &integration(Value::Null),
            &observed,
            &plan,
            &outcome,
            at(NOW),
        )
        .token_secret_name
    };
    let there = || TokenSecret::Ours(Stored::default());
    assert_eq!(named(true, false, there()).as_deref(), Some("old"));
    let new = named(true, true, there());
    assert_eq!(new.as_deref(), Some("acme-zoom-token"));
    // What was never written is nobody's to remove later.
    for other in [TokenSecret::Foreign, TokenSecret::Absent] {
        assert_eq!(named(false, false, other.clone()), None);
        assert_eq!(named(true, false, other).as_deref(), Some("old"));
    }
}

fn check(
    before: Checked,
    step: CredentialsStep,
    answer: Option<Result<(), zoom::Error>>,
) -> Checked {
    let observed = Observed {
        checked: before,
        ..observed()
    };
    let asked = answer.map(|answer| CheckOutcome {
        asked: at(NOW - 1),
        answer,
    });
    let plan = plan(TokenStep::Keep, step);
    let outcome = outcome(TokenOutcome::Untouched, asked);
    settle(
        &integration(Value::Null),
        &observed,
        &plan,
        &outcome,
        at(NOW),
    )
    .checked
}

#[test]
fn credentials_that_zoom_refused_are_not_checked_again_within_a_minute() {
    let retry_at = |fault| {
        let answer = Some(Err(error(fault, None)));
        let checked = check(Checked::default(), CredentialsStep::Ask, answer);
        assert_eq!(checked.checked_at, Some(at(NOW - 1)));
        checked.failure.unwrap().retry_at.0
    };
    for fault in [Fault::WrongAppKind, Fault::CredentialsRejected] {
        assert!(retry_at(fault) >= at(NOW + 59), "{fault:?}");
    }
    // An outage is over when it is over.
    let after_outage = retry_at(Fault::Unavailable);
    assert!(after_outage <= at(NOW + 10), "{after_outage}");
}

#[test]
fn an_answer_replaces_what_was_known_and_missing_credentials_keep_only_the_time() {
    let known = Checked {
        accepted_version: Some("c/0".into()),
        checked_at: Some(at(5)),
        failure: None,
    };
    let taken = check(known.clone(), CredentialsStep::Ask, Some(Ok(())));
    assert_eq!(taken.accepted_version.as_deref(), Some("c/1"));
    assert_eq!(taken.checked_at, Some(at(NOW - 1)));
    assert_eq!(check(known.clone(), CredentialsStep::Keep, None), known);
    let forgotten = check(known, CredentialsStep::Forget, None);
    let expected = Checked {
        checked_at: Some(at(5)),
        ..Checked::default()
    };
    assert_eq!(forgotten, expected);
}

#[test]
fn a_token_that_zoom_does_not_take_is_kept_and_no_success() {
    let mut error = error(Fault::Refused, None);
    error.detail = "HTTP 401: 124: Invalid access token.".into();
    let secret = ours("a:read:x:admin", "c/1");
    let applied = settled(REQUEST, TokenOutcome::Unproven(secret.clone(), error));
    assert_eq!(applied.token, secret);
    let failure = applied.failure.unwrap();
    assert_eq!(failure.reason, Reason::ProbeRefused);
    assert!(failure.message.contains("Invalid access token."));
    assert!(failure.message.contains("credentials.probe.path"));
    assert!(failure.retry_at.0 > at(NOW));
}
