//! General apps: credentials, consent, connections, and bots.

use super::*;

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
        waiting.message.contains("of their ZoomConnection"),
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
