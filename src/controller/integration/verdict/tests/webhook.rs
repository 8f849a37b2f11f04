//! A receiver that is down or starts, and an app that only receives events.

use super::*;

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
