//! One step is done wrong: the message names the mistake.

use super::fixtures::{ago, done, example, half_way, now, spec, unauthorized};
use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    setup::{
        Facts, State, StepId,
        facts::{Attempt, PeopleFacts},
        next, steps,
        words::{line, words},
    },
};
use contract::Language;
use zoom::{Fault, scopes};

/// The list stops at `id`, and its one line contains all of `parts`, in both languages.
#[track_caller]
fn stops(spec: &ZoomIntegrationSpec, facts: &Facts, id: StepId, parts: &[&str]) {
    let steps = steps(spec, facts, now());
    assert_eq!(next(&steps).map(|step| step.id), Some(id), "{steps:#?}");
    for language in Language::ALL {
        let line = line(&steps, words(language));
        for part in parts {
            assert!(line.contains(part), "{part} is not in: {line}");
        }
    }
}

#[test]
fn another_redirect_url_was_pasted() {
    let spec = example("kivicare");
    let mut facts = half_way(&spec);
    facts.consent.faults = vec![Fault::RedirectMismatch];
    let url = "https://clinic.example/wp-json/kivicare/zoom/callback";
    stops(&spec, &facts, StepId::Redirect, &["4700", "4709", url]);
}

#[test]
fn the_declared_redirect_url_is_not_the_callback() {
    let mut spec = example("stackone");
    let oauth = serde_json::json!({"redirectUrl": "https://elsewhere.example/callback"});
    spec.oauth = serde_json::from_value(oauth).unwrap();
    let facts = half_way(&spec);
    let callback = facts.consent.callback.clone().unwrap();
    stops(
        &spec,
        &facts,
        StepId::Redirect,
        &["https://elsewhere.example/callback", &callback],
    );
}

#[test]
fn another_secret_was_copied_for_the_secret_token() {
    let spec = example("nectar-dxp");
    let mut facts = half_way(&spec);
    facts.endpoint.rejected_at = Some(ago(1));
    let parts = ["nectar-zoom", "webhook-secret-token", "Verification Token"];
    stops(&spec, &facts, StepId::SecretToken, &parts);
}

#[test]
fn the_client_secret_was_copied_twice() {
    let spec = example("nectar-dxp");
    let mut facts = half_way(&spec);
    facts.secret.same = vec![("webhook-secret-token".into(), "client-secret".into())];
    let parts = ["webhook-secret-token", "client-secret"];
    stops(&spec, &facts, StepId::SecretToken, &parts);
}

#[test]
fn a_stranger_with_a_wrong_signature_unticks_nothing() {
    let spec = example("nectar-dxp");
    let mut facts = done(&spec);
    facts.endpoint.rejected_at = Some(now());
    assert_eq!(next(&steps(&spec, &facts, now())), None);
    // Zoom has been silent for too long, so this is not a stranger's signature.
    facts.endpoint.validated_at = Some(ago(100));
    facts.endpoint.verified_at = Some(ago(100));
    stops(&spec, &facts, StepId::SecretToken, &["nectar-zoom"]);
}

#[test]
fn development_credentials_were_copied_for_production() {
    for name in ["kivicare", "nectar-dxp", "clinicea"] {
        let spec = example(name);
        let mut facts = half_way(&spec);
        facts.credentials = Attempt::Failed(Fault::CredentialsRejected);
        let parts = ["Production", "Development"];
        stops(&spec, &facts, StepId::Credentials, &parts);
    }
    let spec = example("stackone");
    let mut facts = half_way(&spec);
    facts.credentials = Attempt::Failed(Fault::CredentialsRejected);
    stops(&spec, &facts, StepId::Credentials, &["Development"]);
}

#[test]
fn a_key_is_empty_or_not_there() {
    let spec = example("ontime");
    let mut facts = half_way(&spec);
    facts.credentials = Attempt::Untried;
    facts.secret.unusable.insert("client-secret".into());
    stops(
        &spec,
        &facts,
        StepId::Credentials,
        &["ontime-zoom", "client-secret"],
    );
    facts.secret.unusable.clear();
    facts.secret.keys.remove("client-secret");
    stops(
        &spec,
        &facts,
        StepId::Credentials,
        &["ontime-zoom", "client-secret"],
    );
    let renamed = serde_json::json!({"clientSecret": "secret"});
    let mut spec = spec;
    spec.credentials.keys = serde_json::from_value(renamed).unwrap();
    stops(&spec, &facts, StepId::Credentials, &[" secret"]);
}

#[test]
fn an_app_of_another_kind_was_made() {
    for (file, kind) in [
        ("ontime/integration.yaml", "General App"),
        (
            "quickstart/zoomintegration.yaml",
            "Server-to-Server OAuth App",
        ),
    ] {
        let spec = spec(file);
        let mut facts = half_way(&spec);
        facts.credentials = Attempt::Failed(Fault::WrongAppKind);
        stops(&spec, &facts, StepId::CreateApp, &[kind]);
    }
}

#[test]
fn one_box_was_missed() {
    let spec = example("stackone");
    let mut facts = half_way(&spec);
    let required = &spec.scopes.required;
    let granted = "meeting:read:meeting:admin user:read:user:admin";
    facts.scopes = Some(scopes::compare(granted, required, &[]));
    let part = "meeting:read:list_meetings:admin";
    stops(&spec, &facts, StepId::Scopes, &[part]);
}

#[test]
fn one_event_was_missed() {
    let spec = example("nectar-dxp");
    let mut facts = done(&spec);
    facts.endpoint.events_seen.remove("user.updated");
    stops(&spec, &facts, StepId::Events, &["4", "5", "user.updated"]);
}

#[test]
fn the_app_has_classic_scopes_still() {
    let spec = example("stackone");
    let mut facts = half_way(&spec);
    let granted = "meeting:read:admin user:read:user:admin";
    facts.scopes = Some(scopes::compare(granted, &spec.scopes.required, &[]));
    stops(
        &spec,
        &facts,
        StepId::Scopes,
        &["classic meeting:read:admin"],
    );
}

#[test]
fn nobody_is_told_to_tick_a_box_that_may_not_exist() {
    let mut spec = example("nectar-dxp");
    spec.scopes.required = vec!["meeting:write:admin".into(), "user:read:user:admin".into()];
    spec.scopes.optional = Some(vec!["report:read:admin".into()]);
    let mut facts = half_way(&spec);
    let boxes = |facts: &Facts| -> Vec<String> {
        let steps = steps(&spec, facts, now());
        let step = steps.into_iter().find(|step| step.id == StepId::Scopes);
        let entries = step.unwrap().entries.into_iter();
        entries.map(|entry| entry.value).collect()
    };
    let compared = |granted| scopes::compare(granted, &spec.scopes.required, &[]);
    // It has granular scopes, so its page has no classic ones.
    let optional = spec.scopes.optional.clone().unwrap();
    let granular = "meeting:read:meeting:admin";
    facts.scopes = Some(scopes::compare(granular, &spec.scopes.required, &optional));
    assert_eq!(boxes(&facts), ["user:read:user:admin"]);
    // Without a grant it may be an older app.
    let mut facts = done(&spec);
    facts.scopes = Some(compared(""));
    assert_eq!(boxes(&facts).len(), 3);
    let steps = steps(&spec, &facts, now());
    let english = line(&steps, words(Language::English));
    for part in [
        "Not granted: user:read:user:admin. Tick",
        "Only older apps have the classic scopes meeting:write:admin",
    ] {
        assert!(english.contains(part), "{english}");
    }
    let parts = [
        "user:read:user:admin",
        "meeting:write:admin",
        "scopes.required",
    ];
    stops(&spec, &facts, StepId::Scopes, &parts);
}

#[test]
fn validate_was_pressed_too_early_or_too_long_ago() {
    let spec = example("clinicea");
    let mut facts = half_way(&spec);
    facts.endpoint.available = Some(false);
    facts.endpoint.unreachable = Some("DNS: no such host".into());
    let parts = ["Validate", "DNS: no such host"];
    stops(&spec, &facts, StepId::Endpoint, &parts);
    let mut facts = done(&spec);
    facts.endpoint.validated_at = Some(ago(85));
    facts.endpoint.verified_at = Some(ago(85));
    stops(&spec, &facts, StepId::Endpoint, &["72"]);
    // Zoom validates again some time after the period, and sends events in the meantime.
    facts.endpoint.validated_at = Some(ago(75));
    assert_eq!(state(&spec, &facts, StepId::Endpoint), State::Done);
    facts.endpoint.validated_at = Some(ago(100));
    facts.endpoint.verified_at = Some(ago(1));
    assert_eq!(state(&spec, &facts, StepId::Endpoint), State::Done);
}

#[test]
fn a_pair_that_was_changed_in_zoom_is_named_before_anybody_is_sent_to_authorize() {
    let spec = example("stackone");
    let mut facts = done(&spec);
    facts.consent.people = unauthorized(&spec);
    facts.consent.faults = vec![Fault::CredentialsRejected];
    stops(&spec, &facts, StepId::Credentials, &["Development"]);
}

#[test]
fn a_refused_account_proves_no_account_id() {
    let spec = spec("quickstart/zoomintegration.yaml");
    let mut facts = half_way(&spec);
    facts.credentials = Attempt::Failed(Fault::AccountRejected);
    assert_eq!(state(&spec, &facts, StepId::CreateApp), State::Done);
    assert_eq!(state(&spec, &facts, StepId::Credentials), State::Unknown);
    assert_eq!(state(&spec, &facts, StepId::Activate), State::Open);
}

#[test]
fn with_self_service_one_who_left_is_no_setup() {
    let spec = spec("kivicare/with-consent.yaml");
    let mut facts = done(&spec);
    facts.consent.people.total += 1;
    facts.consent.people.lost = vec!["administrator".into()];
    facts.consent.faults = vec![Fault::OwnerGone];
    assert_eq!(state(&spec, &facts, StepId::Install), State::Done);
}

#[test]
fn the_endpoint_has_no_name() {
    let spec = spec("quickstart/zoomintegration.yaml");
    let facts = half_way(&spec);
    stops(
        &spec,
        &facts,
        StepId::Endpoint,
        &["spec.webhook.endpoint.host"],
    );
}

#[test]
fn a_name_that_leads_to_somebody_else_is_not_to_be_pasted() {
    let spec = example("nectar-dxp");
    let mut facts = half_way(&spec);
    facts.endpoint.withheld = true;
    stops(&spec, &facts, StepId::Endpoint, &["Ready"]);
    for step in steps(&spec, &facts, now()) {
        if [StepId::Endpoint, StepId::Deauthorization].contains(&step.id) {
            assert!(step.entries.is_empty(), "{step:#?}");
        }
    }
}

#[test]
fn zoom_refuses_the_account_or_the_app() {
    let server = spec("quickstart/zoomintegration.yaml");
    for (fault, part) in [
        (Fault::AccountRejected, "Account ID"),
        (Fault::AppDisabled, "Zoom"),
        (Fault::OwnerGone, "Zoom"),
    ] {
        let mut facts = done(&server);
        facts.endpoint.validated_at = Some(ago(1));
        facts.credentials = Attempt::Failed(fault);
        stops(&server, &facts, StepId::Activate, &[part]);
    }
    let general = example("stackone");
    for (fault, id) in [
        (Fault::AppDisabled, StepId::Install),
        (Fault::OwnerGone, StepId::Install),
        (Fault::DisabledByAdmin, StepId::Approval),
    ] {
        let mut facts = done(&general);
        facts.consent.faults = vec![fault];
        stops(&general, &facts, id, &[]);
    }
}

#[test]
fn nobody_can_or_may_install_any_more() {
    let spec = example("stackone");
    let mut facts = half_way(&spec);
    facts.consent.people = PeopleFacts::default();
    stops(&spec, &facts, StepId::Install, &["ZoomConnection"]);
    let mut facts = done(&spec);
    facts.consent.people = unauthorized(&spec);
    facts.consent.people.lost = vec!["administrator".into()];
    stops(&spec, &facts, StepId::Install, &["administrator"]);
}

/// A temporary problem is nobody's mistake.
#[test]
fn zooms_own_trouble_is_nobodys_mistake() {
    let spec = example("stackone");
    let mut facts = half_way(&spec);
    facts.credentials = Attempt::Failed(Fault::Unreachable);
    let steps = steps(&spec, &facts, now());
    assert!(steps.iter().all(|step| step.mistakes.is_empty()));
    assert_eq!(next(&steps).unwrap().id, StepId::Install);
}

fn state(spec: &ZoomIntegrationSpec, facts: &Facts, id: StepId) -> State {
    let steps = steps(spec, facts, now());
    steps.iter().find(|step| step.id == id).unwrap().state
}
