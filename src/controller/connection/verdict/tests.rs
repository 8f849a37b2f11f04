//! The status of a connection, row by row.
#![allow(
    clippy::needless_pass_by_value,
    reason = "cases read better without ceremony"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::*;
use crate::api::v1alpha1::TokenFailure;
use zoom::scopes::Comparison;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn integration(change: Value) -> ZoomIntegration {
    let mut spec = json!({
        "app": {"kind": "General", "management": "User"},
        "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": ["user:read:user"]},
    });
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "app", "namespace": "clinics"}, "spec": spec,
    }))
    .unwrap()
}

fn granted() -> Comparison {
    Comparison {
        granted: vec!["user:read:user".into()],
        ..Comparison::default()
    }
}

fn findings<'a>(
    integration: &'a ZoomIntegration,
    scopes: &'a Comparison,
    grant: GrantFinding<'a>,
) -> Findings<'a> {
    Findings {
        before: Before {
            phase: None,
            conditions: &[],
        },
        namespace: "clinics",
        grant_secret: "ada-zoom-grant".into(),
        integration_name: "app",
        not_allowed: None,
        unseen: None,
        integration: Some(integration),
        credentials: None,
        has_pages: true,
        grant,
        token: TokenFinding::Present {
            expires_at: at(1000),
            scopes,
            failure: None,
        },
        then: Then::Follow,
        import: None,
        import_waits: false,
        import_barred: false,
        refused: None,
        waiting: None,
    }
}

fn seen(findings: &Findings<'_>) -> (Phase, Status, String, Flow) {
    let verdict = verdict(findings, at(100));
    (
        verdict.phase,
        verdict.ready,
        verdict.reason.into(),
        verdict.flow,
    )
}

#[test]
fn a_usable_grant_is_connected() {
    let (integration, scopes) = (integration(json!({})), granted());
    let findings = findings(&integration, &scopes, GrantFinding::Held);
    assert_eq!(
        seen(&findings),
        (
            Phase::Connected,
            Status::True,
            "Connected".into(),
            Flow::Settled
        )
    );
}

#[test]
fn without_a_grant_a_person_is_waited_for() {
    let (integration, scopes) = (integration(json!({})), granted());
    let findings = findings(&integration, &scopes, GrantFinding::Absent);
    assert_eq!(
        seen(&findings),
        (
            Phase::ReadyToInstall,
            Status::False,
            "ReadyToInstall".into(),
            Flow::Reconciling
        )
    );
    let again = Findings {
        refused: Some("Somebody else authorized."),
        ..findings.clone()
    };
    assert_eq!(seen(&again), seen(&findings));
    let message = verdict(&again, at(100)).message;
    assert!(message.ends_with("Somebody else authorized."), "{message}");
    let awaited = Findings {
        import: Some("Secret x does not exist."),
        ..findings.clone()
    };
    assert_eq!(seen(&awaited).2, "AwaitingImport");
    let without_pages = Findings {
        has_pages: false,
        ..findings
    };
    assert_eq!(seen(&without_pages).2, "NotSupported");
}

#[test]
fn a_deleted_grant_is_not_one_that_never_was() {
    let (integration, scopes) = (integration(json!({})), granted());
    let findings = findings(&integration, &scopes, GrantFinding::Deleted);
    assert_eq!(
        seen(&findings),
        (
            Phase::ReauthorizationRequired,
            Status::False,
            "GrantDeleted".into(),
            Flow::Stalled
        )
    );
}

#[test]
fn a_grants_secret_that_is_in_the_way_is_named() {
    let (integration, scopes) = (integration(json!({})), granted());
    for grant in [GrantFinding::Foreign, GrantFinding::Broken] {
        let findings = findings(&integration, &scopes, grant);
        assert_eq!(seen(&findings).2, "SecretConflict");
        let message = verdict(&findings, at(100)).message;
        assert!(message.starts_with("Secret ada-zoom-grant "), "{message}");
        let is_broken = matches!(grant, GrantFinding::Broken);
        assert_eq!(message.contains("status.installUrl"), is_broken);
    }
}

#[test]
fn an_external_consent_gives_no_link() {
    let integration = integration(json!({
        "oauth": {"redirectUrl": "https://a.example/cb", "consent": {"mode": "External"}},
        "readyWhen": "Installable",
    }));
    let scopes = granted();
    let findings = findings(&integration, &scopes, GrantFinding::Absent);
    assert_eq!(
        seen(&findings),
        (
            Phase::Degraded,
            Status::False,
            "ConsentIsExternal".into(),
            Flow::Stalled
        )
    );
}

#[test]
fn a_lost_grant_names_the_way_back() {
    let (integration, scopes) = (integration(json!({})), granted());
    for lost in Lost::ALL {
        let findings = findings(&integration, &scopes, GrantFinding::Lost(lost, None));
        assert_eq!(
            seen(&findings),
            (
                Phase::ReauthorizationRequired,
                Status::False,
                lost.as_str().into(),
                Flow::Stalled
            )
        );
    }
    let copied = findings(&integration, &scopes, GrantFinding::Copied);
    assert_eq!(seen(&copied).0, Phase::ReauthorizationRequired);
    assert!(
        verdict(&copied, at(100))
            .message
            .contains("status.installUrl")
    );
    let without_pages = Findings {
        has_pages: false,
        ..copied
    };
    let message = verdict(&without_pages, at(100)).message;
    assert!(message.contains("importSecretRef"), "{message}");
}

/// Nothing replaces the grant of a consent by itself: who imports has to remove it.
#[test]
fn an_import_that_a_consent_keeps_out_names_the_secret_to_delete() {
    let scopes = granted();
    let external = integration(json!({
        "oauth": {"redirectUrl": "https://a.example/cb", "consent": {"mode": "External"}},
        "readyWhen": "Installable",
    }));
    let said = |grant, waits, barred| {
        let findings = Findings {
            import_waits: waits,
            import_barred: barred,
            ..findings(&external, &scopes, grant)
        };
        verdict(&findings, at(100)).message
    };
    let sealed = Sealed {
        until: at(500),
        client_known: true,
    };
    let lost = GrantFinding::Lost(Lost::GrantLost, Some(sealed));
    for grant in [lost, GrantFinding::OtherClient("other")] {
        for waits in [true, false] {
            let message = said(grant, waits, true);
            let command = "kubectl delete secret -n clinics ada-zoom-grant.";
            assert_eq!(message.matches("-zoom-grant").count(), 1, "{message}");
            assert!(message.contains(command), "{message}");
        }
        let message = said(grant, false, false);
        assert!(!message.contains("-zoom-grant"), "{message}");
        assert!(message.contains("importSecretRef"), "{message}");
    }
    let imported = said(GrantFinding::Held, true, false);
    assert!(
        imported.contains("once Zoom no longer accepts"),
        "{imported}"
    );
    let given = said(GrantFinding::Held, true, true);
    assert!(!given.contains("once Zoom no longer accepts"), "{given}");
    let now = "To use it now: kubectl delete secret -n clinics ada-zoom-grant.";
    assert!(imported.ends_with(now), "{imported}");
    assert!(given.ends_with(now), "{given}");
    // Nobody finds a link there.
    let deleted = said(GrantFinding::Deleted, false, false);
    assert!(!deleted.contains("status.installUrl"), "{deleted}");
}

#[test]
fn the_wrong_person_is_not_connected_whatever_the_token_says() {
    let (integration, scopes) = (integration(json!({})), granted());
    let mismatch = Mismatch {
        reason: Reason::WrongSubject,
        message: "m".into(),
    };
    let findings = findings(&integration, &scopes, GrantFinding::Mismatched(&mismatch));
    assert_eq!(
        seen(&findings),
        (
            Phase::Degraded,
            Status::False,
            "WrongSubject".into(),
            Flow::Stalled
        )
    );
}

#[test]
fn missing_scopes_name_the_box_and_the_link() {
    let integration = integration(json!({}));
    let lacking = Comparison {
        missing: vec!["user:read:user".into()],
        ..Comparison::default()
    };
    let findings = findings(&integration, &lacking, GrantFinding::Held);
    let verdict = verdict(&findings, at(100));
    assert_eq!(verdict.phase, Phase::MissingScopes);
    assert!(
        verdict.message.contains("user:read:user"),
        "{}",
        verdict.message
    );
    assert!(
        verdict
            .message
            .ends_with(" Then the person opens status.installUrl and authorizes the app."),
        "{}",
        verdict.message
    );
}

#[test]
fn a_disabled_app_is_told_from_a_lost_grant() {
    let (integration, scopes) = (integration(json!({})), granted());
    let failure = TokenFailure {
        reason: Reason::DisabledByAdmin,
        message: "m".into(),
        attempts: 1,
        time: Time(at(90)),
        retry_at: Time(at(200)),
        credentials_version: "v".into(),
        not_before: None,
    };
    let mut findings = findings(&integration, &scopes, GrantFinding::Held);
    findings.token = TokenFinding::Present {
        expires_at: at(1000),
        scopes: &scopes,
        failure: Some(&failure),
    };
    assert_eq!(seen(&findings).0, Phase::DisabledInZoom);
}

#[test]
fn what_is_wrong_around_it_comes_first() {
    let scopes = granted();
    let server = integration(json!({
        "app": {"kind": "ServerToServer"}, "scopes": {"required": ["user:read:user:admin"]},
    }));
    let wrong = findings(&server, &scopes, GrantFinding::Held);
    assert_eq!(seen(&wrong).2, "NotAGeneralApp");
    let general = integration(json!({}));
    let missing = Findings {
        integration: None,
        ..findings(&general, &scopes, GrantFinding::Held)
    };
    assert_eq!(
        seen(&missing),
        (
            Phase::Connecting,
            Status::Unknown,
            "IntegrationNotFound".into(),
            Flow::Reconciling
        )
    );
    let unnamed = Findings {
        credentials: Some("Secret zoom does not exist.".into()),
        ..findings(&general, &scopes, GrantFinding::Held)
    };
    assert_eq!(seen(&unnamed).0, Phase::AwaitingCredentials);
    let suspended = integration(json!({"suspend": true}));
    let suspended = findings(&suspended, &scopes, GrantFinding::Held);
    assert_eq!(seen(&suspended).0, Phase::Suspended);
}
