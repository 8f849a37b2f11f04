//! The status contract, row by row.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    clippy::large_stack_arrays,
    reason = "cases read better without ceremony"
)]

mod general;
mod token;
mod webhook;

use super::*;
use crate::api::{condition::Type, v1alpha1::TokenFailure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::{Value, json};
use zoom::scopes::Comparison;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn spec(change: Value) -> ZoomIntegrationSpec {
    let mut spec = json!({
        "app": {"kind": "ServerToServer"},
        "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": ["a:read:x:admin"]},
    });
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn external(ready_when: &str) -> ZoomIntegrationSpec {
    spec(json!({
        "app": {"kind": "General", "management": "User"},
        "oauth": {"redirectUrl": "https://a.example/cb", "consent": {"mode": "External"}},
        "readyWhen": ready_when,
    }))
}

fn before(ready: &str, phase: Phase, also: Option<Type>) -> ZoomIntegrationStatus {
    let condition = |type_: Type, status: &str| Condition {
        type_: type_.as_str().into(),
        status: status.into(),
        reason: "NotSupported".into(),
        message: "before".into(),
        last_transition_time: Time(at(0)),
        observed_generation: Some(1),
    };
    let mut conditions = vec![condition(Type::Ready, ready)];
    conditions.extend(also.map(|type_| condition(type_, "True")));
    ZoomIntegrationStatus {
        phase: Some(phase),
        conditions,
        ..ZoomIntegrationStatus::default()
    }
}

fn failure(reason: &str, attempts: i32) -> TokenFailure {
    TokenFailure {
        reason: Reason::parse(reason).unwrap(),
        message: "why".into(),
        attempts,
        time: Time(at(90)),
        retry_at: Time(at(200)),
        credentials_version: "c/1".into(),
        not_before: None,
    }
}

fn granted() -> Comparison {
    Comparison {
        granted: vec!["a:read:x:admin".into()],
        ..Comparison::default()
    }
}

fn lacking() -> Comparison {
    Comparison {
        missing: vec!["a:read:x:admin".into()],
        ..Comparison::default()
    }
}

struct Case<'a> {
    spec: &'a ZoomIntegrationSpec,
    before: ZoomIntegrationStatus,
    credentials: Option<String>,
    token: Option<TokenFinding<'a>>,
    check: Option<TokenFailure>,
    receiver: Option<ReceiverFinding>,
    refusals: Vec<Refusal>,
}

impl Case<'_> {
    fn verdict(&self) -> (Phase, Status, Flow, Reason) {
        let findings = Findings {
            spec: self.spec,
            before: &self.before,
            credentials: self.credentials.clone(),
            token: self.token.clone(),
            check: self.check.as_ref(),
            receiver: self.receiver.clone(),
            endpoint: EndpointFinding::default(),
            refusals: &self.refusals,
            consent: ConsentFinding::default(),
        };
        let verdict = verdict(&findings, at(100));
        (verdict.phase, verdict.ready, verdict.flow, verdict.reason)
    }
}

fn token_case<'a>(
    spec: &'a ZoomIntegrationSpec,
    before: ZoomIntegrationStatus,
    expires: i64,
    scopes: &'a Comparison,
    failure: Option<&'a TokenFailure>,
) -> Case<'a> {
    Case {
        spec,
        before,
        credentials: None,
        token: Some(TokenFinding::Present {
            expires_at: at(expires),
            scopes,
            failure,
        }),
        check: None,
        receiver: None,
        refusals: vec![],
    }
}

fn absent<'a>(
    spec: &'a ZoomIntegrationSpec,
    before: ZoomIntegrationStatus,
    failure: Option<&'a TokenFailure>,
) -> Case<'a> {
    Case {
        spec,
        before,
        credentials: None,
        token: Some(TokenFinding::Absent { failure }),
        check: None,
        receiver: None,
        refusals: vec![],
    }
}

fn is(case: &Case<'_>, phase: Phase, ready: Status, flow: Flow, reason: &str) {
    assert_eq!(
        case.verdict(),
        (phase, ready, flow, Reason::parse(reason).unwrap())
    );
}

fn unseen() -> ZoomIntegrationStatus {
    ZoomIntegrationStatus::default()
}

fn connected() -> ZoomIntegrationStatus {
    before("True", Phase::Connected, None)
}

#[test]
fn first_work_is_unknown_and_reconciling() {
    let spec = spec(json!({}));
    let unreachable = failure("ZoomUnreachable", 4);
    is(
        &absent(&spec, unseen(), Some(&unreachable)),
        Phase::Connecting,
        Status::Unknown,
        Flow::Reconciling,
        "ZoomUnreachable",
    );
    let waited = before("False", Phase::AwaitingCredentials, Some(Type::Reconciling));
    is(
        &absent(&spec, waited, Some(&unreachable)),
        Phase::Connecting,
        Status::Unknown,
        Flow::Reconciling,
        "ZoomUnreachable",
    );
}

#[test]
fn missing_credentials_wait_and_never_stall() {
    let spec = spec(json!({}));
    let mut case = absent(&spec, connected(), None);
    case.credentials = Some("Secret zoom does not exist".into());
    is(
        &case,
        Phase::AwaitingCredentials,
        Status::False,
        Flow::Reconciling,
        "AwaitingCredentials",
    );
}

#[test]
fn usable_is_connected() {
    let (spec, scopes) = (spec(json!({})), granted());
    is(
        &token_case(&spec, unseen(), 500, &scopes, None),
        Phase::Connected,
        Status::True,
        Flow::Settled,
        "Connected",
    );
}

#[test]
fn what_a_person_must_change_stalls_even_while_the_token_is_valid() {
    let (spec, scopes) = (spec(json!({})), granted());
    for (reason, phase) in [
        ("CredentialsRejected", Phase::Degraded),
        ("WrongAppKind", Phase::Degraded),
        ("AccountRejected", Phase::Degraded),
        ("AppDisabled", Phase::DisabledInZoom),
        ("DisabledByAdmin", Phase::DisabledInZoom),
        ("GrantLost", Phase::ReauthorizationRequired),
        ("OwnerGone", Phase::ReauthorizationRequired),
    ] {
        let failure = failure(reason, 1);
        is(
            &token_case(&spec, connected(), 500, &scopes, Some(&failure)),
            phase,
            Status::False,
            Flow::Stalled,
            reason,
        );
        is(
            &absent(&spec, unseen(), Some(&failure)),
            phase,
            Status::False,
            Flow::Stalled,
            reason,
        );
    }
}

#[test]
fn anothers_objects_stall() {
    let spec = spec(json!({"webhook": {"sink": {"http": {"url": "http://s"}}}}));
    let scopes = granted();
    let mut case = token_case(&spec, unseen(), 500, &scopes, None);
    case.receiver = Some(ReceiverFinding::Conflict("Service x".into()));
    is(
        &case,
        Phase::Degraded,
        Status::False,
        Flow::Stalled,
        "ReceiverConflict",
    );
    case.token = Some(TokenFinding::Conflict("Secret x".into()));
    is(
        &case,
        Phase::Degraded,
        Status::False,
        Flow::Stalled,
        "SecretConflict",
    );
}

#[test]
fn suspension_keeps_the_last_word_on_ready() {
    let spec = spec(json!({"suspend": true}));
    is(
        &absent(&spec, connected(), None),
        Phase::Suspended,
        Status::True,
        Flow::Settled,
        "NotSupported",
    );
    is(
        &absent(&spec, unseen(), None),
        Phase::Suspended,
        Status::Unknown,
        Flow::Settled,
        "Suspended",
    );
}

#[test]
fn what_this_version_cannot_do_is_said() {
    let app = json!({"kind": "General", "management": "User"});
    let spec = spec(json!({"app": app, "scopes": {"required": ["user:read:user"]}}));
    is(
        &absent(&spec, unseen(), None),
        Phase::Degraded,
        Status::False,
        Flow::Stalled,
        "NotSupported",
    );
}

#[test]
fn what_is_refused_stalls_and_what_is_waited_for_does_not() {
    let (spec, scopes) = (spec(json!({})), granted());
    let mut case = token_case(&spec, connected(), 500, &scopes, None);
    let waits = Refusal {
        waits: true,
        ..Refusal::new(Reason::SinkCredentialsMissing, "create it.".into())
    };
    case.refusals = vec![waits];
    is(
        &case,
        Phase::AwaitingCredentials,
        Status::False,
        Flow::Reconciling,
        "SinkCredentialsMissing",
    );
    case.refusals
        .push(Refusal::new(Reason::HostClaimed, "take another.".into()));
    is(
        &case,
        Phase::Degraded,
        Status::False,
        Flow::Stalled,
        "HostClaimed",
    );
}

fn waiting_status() -> ZoomIntegrationStatus {
    before("False", Phase::ReadyToInstall, None)
}
