//! The status contract, row by row.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    clippy::large_stack_arrays,
    reason = "cases read better without ceremony"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::{Value, json};

use super::*;
use crate::api::{condition::Type, v1alpha1::TokenFailure};

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
fn a_general_app_waits_for_its_installation_in_two_ways() {
    for (ready_when, ready, flow) in [
        ("Connected", Status::False, Flow::Reconciling),
        ("Installable", Status::True, Flow::Settled),
    ] {
        let spec = external(ready_when);
        let case = Case {
            spec: &spec,
            before: unseen(),
            credentials: None,
            token: None,
            check: None,
            receiver: None,
            refusals: vec![],
        };
        is(&case, Phase::ReadyToInstall, ready, flow, "ReadyToInstall");
    }
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
fn a_failing_refresh_changes_nothing_while_the_token_is_valid() {
    let (spec, scopes, failure) = (spec(json!({})), granted(), failure("ZoomUnavailable", 9));
    is(
        &token_case(&spec, connected(), 500, &scopes, Some(&failure)),
        Phase::Connected,
        Status::True,
        Flow::Settled,
        "Connected",
    );
}

#[test]
fn an_expired_token_is_lost_for_now() {
    let (spec, scopes, failure) = (spec(json!({})), granted(), failure("ZoomUnavailable", 9));
    is(
        &token_case(&spec, connected(), 100, &scopes, Some(&failure)),
        Phase::Degraded,
        Status::False,
        Flow::Reconciling,
        "TokenExpired",
    );
    let lost = before("False", Phase::Degraded, Some(Type::Reconciling));
    is(
        &token_case(&spec, lost, 100, &scopes, Some(&failure)),
        Phase::Degraded,
        Status::False,
        Flow::Reconciling,
        "TokenExpired",
    );
}

#[test]
fn a_receiver_that_is_down_is_lost_and_one_that_starts_is_not() {
    let (spec, scopes) = (
        spec(json!({"webhook": {"sink": {"http": {"url": "http://s"}}}})),
        granted(),
    );
    let mut case = token_case(&spec, connected(), 500, &scopes, None);
    case.receiver = Some(ReceiverFinding::Unavailable("no Pod".into()));
    is(
        &case,
        Phase::Degraded,
        Status::False,
        Flow::Reconciling,
        "ReceiverUnavailable",
    );
    case.before = unseen();
    is(
        &case,
        Phase::Connecting,
        Status::Unknown,
        Flow::Reconciling,
        "ReceiverUnavailable",
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
fn a_token_that_zoom_does_not_take_is_not_connected() {
    let (spec, scopes, failure) = (spec(json!({})), granted(), failure("ProbeRefused", 1));
    let case = token_case(&spec, connected(), 500, &scopes, Some(&failure));
    is(
        &case,
        Phase::Degraded,
        Status::False,
        Flow::Stalled,
        "ProbeRefused",
    );
    let fresh = crate::controller::verdict::token_fresh(case.token.as_ref().unwrap());
    let decided = (fresh.status, fresh.reason);
    assert_eq!(decided, (Status::False, Reason::ProbeRefused));
}

#[test]
fn missing_scopes_get_one_repetition_before_they_stall() {
    let (spec, scopes) = (spec(json!({})), lacking());
    let (first, second) = (failure("MissingScopes", 1), failure("MissingScopes", 2));
    is(
        &token_case(&spec, unseen(), 500, &scopes, Some(&first)),
        Phase::Connecting,
        Status::Unknown,
        Flow::Reconciling,
        "ScopesPending",
    );
    is(
        &token_case(&spec, unseen(), 500, &scopes, Some(&second)),
        Phase::MissingScopes,
        Status::False,
        Flow::Stalled,
        "MissingScopes",
    );
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

fn general(change: Value) -> ZoomIntegrationSpec {
    let mut base = json!({
        "app": {"kind": "General", "management": "User"},
        "scopes": {"required": ["user:read:user"]},
    });
    for (key, value) in change.as_object().unwrap() {
        base[key] = value.clone();
    }
    spec(base)
}

fn consented(spec: &ZoomIntegrationSpec, consent: ConsentFinding<'_>) -> Verdict {
    let before = unseen();
    let findings = Findings {
        spec,
        before: &before,
        credentials: None,
        token: None,
        check: None,
        receiver: None,
        endpoint: EndpointFinding::default(),
        refusals: &[],
        consent,
    };
    verdict(&findings, at(100))
}

const PAGES: ConsentFinding<'_> = ConsentFinding {
    has_pages: true,
    knows_labels: true,
    callback: Some("https://connect.example.com/callback/clinics/app"),
    total: 0,
    connected: 0,
    lost: 0,
    event_seen: false,
};

#[test]
fn a_lost_grant_shows_while_nothing_else_is_connected() {
    let lost = ConsentFinding {
        total: 2,
        lost: 1,
        ..PAGES
    };
    let seen = |spec: &ZoomIntegrationSpec, consent| {
        let verdict = consented(spec, consent);
        (verdict.phase, verdict.ready, verdict.flow)
    };
    let phase = Phase::ReauthorizationRequired;
    let spec = general(json!({}));
    assert_eq!(seen(&spec, lost), (phase, Status::False, Flow::Stalled));
    let installable = general(json!({"readyWhen": "Installable"}));
    assert_eq!(
        seen(&installable, lost),
        (phase, Status::True, Flow::Settled)
    );
    let one = ConsentFinding {
        connected: 1,
        ..lost
    };
    assert_eq!(seen(&spec, one).0, Phase::Connected);
}

#[test]
fn an_app_is_connected_from_its_first_connection_on() {
    let spec = general(json!({}));
    let none = consented(&spec, PAGES);
    assert_eq!(
        (none.phase, none.flow),
        (Phase::ReadyToInstall, Flow::Reconciling)
    );
    assert!(
        none.message.contains("create a ZoomConnection"),
        "{}",
        none.message
    );
    let waiting = consented(&spec, ConsentFinding { total: 2, ..PAGES });
    assert_eq!(waiting.phase, Phase::ReadyToInstall);
    assert!(
        waiting.message.contains("of its ZoomConnection"),
        "{}",
        waiting.message
    );
    let one = ConsentFinding {
        total: 2,
        connected: 1,
        ..PAGES
    };
    let one = consented(&spec, one);
    assert_eq!((one.phase, one.ready), (Phase::Connected, Status::True));
}

#[test]
fn an_event_proves_the_installation_of_an_external_app_only() {
    let theirs = ConsentFinding {
        callback: None,
        ..PAGES
    };
    let seen = |consent| ConsentFinding {
        event_seen: true,
        ..consent
    };
    let external = external("Connected");
    assert_eq!(consented(&external, seen(theirs)).phase, Phase::Connected);
    assert_eq!(consented(&external, theirs).phase, Phase::ReadyToInstall);
    let ours = general(json!({}));
    assert_eq!(consented(&ours, seen(PAGES)).phase, Phase::ReadyToInstall);
}

#[test]
fn another_callback_than_ours_is_refused() {
    let other = general(json!({"oauth": {"redirectUrl": "https://a.example/cb"}}));
    let refused = consented(&other, PAGES);
    assert_eq!(refused.reason, Reason::RedirectUrlMismatch);
    assert!(
        refused.message.contains("connect.example.com/callback"),
        "{}",
        refused.message
    );
    let same = general(json!({"oauth": {"redirectUrl": PAGES.callback.unwrap()}}));
    assert_eq!(consented(&same, PAGES).phase, Phase::ReadyToInstall);
}

#[test]
fn without_consent_pages_the_operator_cannot_ask_anybody() {
    let refused = consented(&general(json!({})), ConsentFinding::default());
    assert_eq!(refused.reason, Reason::NotSupported);
    assert!(
        refused.message.contains("connect.url"),
        "{}",
        refused.message
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

#[test]
fn credentials_that_zoom_does_not_take_stall_a_general_app() {
    for (reason, phase) in [
        ("CredentialsRejected", Phase::Degraded),
        ("WrongAppKind", Phase::Degraded),
        ("AppDisabled", Phase::DisabledInZoom),
        ("DisabledByAdmin", Phase::DisabledInZoom),
    ] {
        let spec = external("Installable");
        let case = Case {
            spec: &spec,
            before: unseen(),
            credentials: None,
            token: None,
            check: Some(failure(reason, 1)),
            receiver: None,
            refusals: vec![],
        };
        is(&case, phase, Status::False, Flow::Stalled, reason);
        // A temporary failure does not keep anybody from installing the app.
        let case = Case {
            check: Some(failure("ZoomUnavailable", 1)),
            ..case
        };
        is(
            &case,
            Phase::ReadyToInstall,
            Status::True,
            Flow::Settled,
            "ReadyToInstall",
        );
    }
}

/// An app that only receives events is ready once Zoom has validated its endpoint, until the validation is
/// overdue.
#[test]
fn zooms_validation_is_all_that_a_webhook_only_app_waits_for() {
    let spec: ZoomIntegrationSpec = serde_json::from_value(json!({
        "app": {"kind": "WebhookOnly"}, "credentials": {"secretRef": {"name": "zoom"}},
        "webhook": {"sink": {"http": {"url": "https://s"}}},
    }))
    .unwrap();
    let decided = |before: &ZoomIntegrationStatus, proved: Option<i64>, now: i64| {
        let findings = Findings {
            spec: &spec,
            before,
            credentials: None,
            token: None,
            check: None,
            receiver: Some(ReceiverFinding::Available),
            endpoint: EndpointFinding {
                url: Some("https://hooks.example.com/zoom"),
                proved: proved.map(at),
            },
            refusals: &[],
            consent: ConsentFinding::default(),
        };
        verdict(&findings, at(now))
    };
    let waiting = decided(&unseen(), None, 100);
    assert_eq!(
        (waiting.phase, waiting.ready, waiting.flow, waiting.reason),
        (
            Phase::ReadyToInstall,
            Status::False,
            Flow::Reconciling,
            Reason::NotValidated
        )
    );
    assert_eq!(
        waiting.message,
        "Everything is prepared: paste https://hooks.example.com/zoom as event notification endpoint URL into Zoom's form and press Validate."
    );
    let lasts = i64::try_from(PROOF_LASTS.as_secs()).unwrap();
    for now in [100, 100 + lasts] {
        let ready = decided(&waiting_status(), Some(100), now);
        assert_eq!(
            (ready.phase, ready.ready, ready.flow, ready.reason),
            (
                Phase::Connected,
                Status::True,
                Flow::Settled,
                Reason::Validated
            )
        );
    }
    let overdue = decided(&connected(), Some(100), 101 + lasts);
    assert_eq!(
        (overdue.phase, overdue.ready, overdue.flow, overdue.reason),
        (
            Phase::Degraded,
            Status::False,
            Flow::Reconciling,
            Reason::ValidationOverdue
        )
    );
}

fn waiting_status() -> ZoomIntegrationStatus {
    before("False", Phase::ReadyToInstall, None)
}

/// A token only makes a bot ready: an event or a connection shows that somebody installed it.
#[test]
fn a_bot_is_connected_once_somebody_has_installed_it() {
    let spec = spec(json!({
        "app": {"kind": "General", "management": "Admin", "chatbot": {}},
        "scopes": {"required": ["imchat:bot"]},
    }));
    let scopes = zoom::scopes::compare("imchat:bot", &spec.own_scopes(), &[]);
    let before = unseen();
    let decided = |expires: i64, consent: ConsentFinding<'_>| {
        let findings = Findings {
            spec: &spec,
            before: &before,
            credentials: None,
            token: Some(TokenFinding::Present {
                expires_at: at(expires),
                scopes: &scopes,
                failure: None,
            }),
            check: None,
            receiver: None,
            endpoint: EndpointFinding::default(),
            refusals: &[],
            consent,
        };
        verdict(&findings, at(100)).phase
    };
    assert_eq!(decided(200, PAGES), Phase::ReadyToInstall);
    let seen = ConsentFinding {
        event_seen: true,
        ..PAGES
    };
    assert_eq!(decided(200, seen), Phase::Connected);
    let connected = ConsentFinding {
        total: 1,
        connected: 1,
        ..PAGES
    };
    assert_eq!(decided(200, connected), Phase::Connected);
    assert_eq!(decided(50, connected), Phase::Connecting);
}
