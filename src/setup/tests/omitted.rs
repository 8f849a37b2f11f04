//! All steps but one are done: the list stops exactly there.

use super::fixtures::{FIVE, ago, done, example, half_way, now, spec, unauthorized};
use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    setup::{
        Evidence, Facts, State, StepId,
        facts::{Attempt, PeopleFacts, Remembered},
        next, order, steps,
        words::{brief, words},
    },
};
use contract::Language;
use zoom::{Fault, scopes};

/// What the operator sees if everything was done except `id`.
fn without(id: StepId, spec: &ZoomIntegrationSpec) -> Facts {
    let mut facts = done(spec);
    let keys = &spec.credentials;
    let not_installed = |facts: &mut Facts| {
        facts.scopes = None;
        facts.endpoint.events_seen.clear();
        facts.consent.people = unauthorized(spec);
    };
    let not_validated = |facts: &mut Facts| {
        facts.endpoint.validated_at = None;
        facts.endpoint.verified_at = None;
        facts.endpoint.events_seen.clear();
    };
    match id {
        StepId::CreateApp => return Facts::default(),
        StepId::Credentials => {
            facts.secret.keys.remove(keys.client_secret());
            facts.credentials = Attempt::Untried;
            not_installed(&mut facts);
        }
        StepId::Redirect => {
            facts.consent.faults = vec![Fault::RedirectMismatch];
            not_installed(&mut facts);
        }
        StepId::SecretToken => {
            facts.secret.keys.remove(keys.webhook_secret_token());
            not_validated(&mut facts);
        }
        StepId::Events => {
            facts.endpoint.events_seen.pop_last();
        }
        StepId::Endpoint => not_validated(&mut facts),
        StepId::Scopes => {
            let required = &spec.scopes.required;
            facts.scopes = Some(scopes::compare(&required[1..].join(" "), required, &[]));
            facts.consent.people = unauthorized(spec);
        }
        StepId::Activate => {
            facts.credentials = Attempt::Failed(Fault::AccountRejected);
            facts.scopes = None;
        }
        StepId::Approval => {
            facts.consent.faults = vec![Fault::DisabledByAdmin];
            not_installed(&mut facts);
        }
        StepId::Install => not_installed(&mut facts),
        _ => {}
    }
    facts
}

/// Every example, with the steps whose absence can be seen.
fn cases() -> Vec<(&'static str, Vec<StepId>)> {
    use StepId as S;
    vec![
        (
            "clinicea/integration.yaml",
            vec![
                S::CreateApp,
                S::Redirect,
                S::SecretToken,
                S::Endpoint,
                S::Approval,
                S::Install,
            ],
        ),
        (
            "clinicea/with-consent.yaml",
            vec![
                S::CreateApp,
                S::Credentials,
                S::Redirect,
                S::SecretToken,
                S::Events,
                S::Endpoint,
                S::Scopes,
                S::Approval,
                S::Install,
            ],
        ),
        (
            "kivicare/integration.yaml",
            vec![
                S::CreateApp,
                S::Credentials,
                S::Redirect,
                S::Approval,
                S::Install,
            ],
        ),
        (
            "ontime/integration.yaml",
            vec![
                S::CreateApp,
                S::Credentials,
                S::Redirect,
                S::Approval,
                S::Install,
            ],
        ),
        (
            "nectar-dxp/integration.yaml",
            vec![
                S::CreateApp,
                S::Credentials,
                S::Redirect,
                S::SecretToken,
                S::Events,
                S::Endpoint,
                S::Approval,
                S::Install,
            ],
        ),
        (
            "stackone/integration.yaml",
            vec![
                S::CreateApp,
                S::Credentials,
                S::Redirect,
                S::Scopes,
                S::Approval,
                S::Install,
            ],
        ),
        (
            "quickstart/zoomintegration.yaml",
            vec![
                S::CreateApp,
                S::Credentials,
                S::Events,
                S::Scopes,
                S::Activate,
            ],
        ),
    ]
}

#[test]
fn the_list_stops_exactly_there() {
    for (file, ids) in cases() {
        let mut spec = spec(file);
        // The quickstart leaves the public address to its reader.
        if let Some(webhook) = spec
            .webhook
            .as_mut()
            .filter(|webhook| webhook.endpoint.is_none())
        {
            let host = serde_json::json!({"host": "hooks.example.com"});
            webhook.endpoint = serde_json::from_value(host).unwrap();
        }
        for id in ids {
            let steps = steps(&spec, &without(id, &spec), now());
            let stopped = next(&steps).map(|step| step.id);
            assert_eq!(stopped, Some(id), "{file}: {steps:#?}");
            let before = steps.iter().take_while(|step| step.id != id);
            for step in before {
                assert_ne!(step.state, State::Open, "{file} {id:?}: {:?}", step.id);
            }
        }
    }
}

/// Until somebody authorizes, nothing shows whether the redirect URL was pasted.
#[test]
fn what_only_a_consent_proves_is_unknown_before() {
    let spec = example("stackone");
    let steps = steps(&spec, &without(StepId::Install, &spec), now());
    let state = |id| steps.iter().find(|step| step.id == id).unwrap().state;
    assert_eq!(state(StepId::Redirect), State::Unknown);
    assert_eq!(state(StepId::Scopes), State::Unknown);
    let install = next(&steps).unwrap();
    let unproved: Vec<_> = crate::setup::unproved(&steps, install)
        .iter()
        .map(|step| step.id)
        .collect();
    assert_eq!(unproved, [StepId::Redirect, StepId::Scopes]);
}

/// A step without evidence is never done and never blocks another one.
#[test]
fn what_nobody_can_see_is_never_ticked() {
    for name in FIVE {
        let spec = example(name);
        for facts in [Facts::default(), done(&spec)] {
            for step in steps(&spec, &facts, now()) {
                if step.evidence == Evidence::None {
                    assert_eq!(step.state, State::Unknown, "{name} {:?}", step.id);
                }
            }
        }
        for step in steps(&spec, &Facts::default(), now()) {
            assert_ne!(step.state, State::Done, "{name} {:?}", step.id);
        }
    }
}

#[test]
fn a_published_app_shows_its_deauthorization_once_it_was_seen() {
    let mut spec = example("clinicea");
    spec.app.distribution = Some(crate::api::v1alpha1::Distribution::Listed);
    let mut facts = done(&spec);
    let state = |facts: &Facts| {
        let steps = steps(&spec, facts, now());
        let found = steps.iter().find(|step| step.id == StepId::Deauthorization);
        found.unwrap().state
    };
    assert_eq!(state(&facts), State::Unknown);
    facts.endpoint.removal_seen = true;
    assert_eq!(state(&facts), State::Done);
}

#[test]
fn signed_events_prove_the_endpoint_whose_validation_was_not_seen() {
    let spec = example("nectar-dxp");
    let mut facts = done(&spec);
    facts.endpoint.validated_at = None;
    assert_eq!(next(&steps(&spec, &facts, now())), None);
    facts.endpoint.verified_at = Some(ago(85));
    let steps = steps(&spec, &facts, now());
    assert_eq!(next(&steps).unwrap().id, StepId::Endpoint);
}

#[test]
fn without_events_there_is_no_endpoint_to_validate() {
    let spec = example("ontime");
    let ids = order::ids(&spec, &Facts::default());
    for id in [StepId::SecretToken, StepId::Events, StepId::Endpoint] {
        assert!(!ids.contains(&id));
    }
}

#[test]
fn a_state_is_as_old_as_it_was() {
    let spec = example("stackone");
    let mut facts = done(&spec);
    let since = |facts: &Facts, id| {
        let steps = steps(&spec, facts, now());
        steps.iter().find(|step| step.id == id).unwrap().since
    };
    assert_eq!(since(&facts, StepId::Credentials), Some(ago(20)));
    assert_eq!(since(&facts, StepId::Install), Some(ago(5)));
    // No proof has a time, so it counts from now on.
    assert_eq!(since(&facts, StepId::Scopes), Some(now()));
    let remembered = |state| Remembered {
        id: StepId::Scopes,
        state,
        since: ago(99),
    };
    facts.before = vec![remembered(State::Done)];
    assert_eq!(since(&facts, StepId::Scopes), Some(ago(99)));
    facts.before = vec![remembered(State::Open)];
    assert_eq!(since(&facts, StepId::Scopes), Some(now()));
}

#[test]
fn a_grant_that_was_taken_over_shows_that_somebody_installed_the_app() {
    let spec = example("ontime");
    let mut facts = half_way(&spec);
    facts.consent.people = PeopleFacts {
        total: 2,
        connected: 1,
        since: Some(ago(3)),
        ..PeopleFacts::default()
    };
    let steps = steps(&spec, &facts, now());
    let install = steps
        .iter()
        .find(|step| step.id == StepId::Install)
        .unwrap();
    assert_eq!(install.state, State::Done);
    assert_eq!(install.since, Some(ago(3)));
}

#[test]
fn the_next_step_is_said_briefly() {
    let brief = |spec: &ZoomIntegrationSpec, facts: &Facts| {
        let steps = steps(spec, facts, now());
        Language::ALL.map(|language| brief(&steps, words(language)))
    };
    let spec = example("nectar-dxp");
    let [english, japanese] = brief(&spec, &half_way(&spec));
    assert_eq!(
        english.as_deref(),
        Some("Paste the endpoint URL, press Validate, then Save")
    );
    assert!(japanese.is_some());
    // Evidence that comes with time is awaited; steps without evidence are only named.
    let mut facts = done(&spec);
    facts.endpoint.events_seen.pop_first();
    let [english, _] = brief(&spec, &facts);
    let english = english.unwrap();
    assert!(
        english.starts_with(
            "Not confirmed yet: add the event subscription and its events. Seen 4 of 5"
        ),
        "{english}"
    );
    let external = example("ontime");
    let [english, _] = brief(&external, &done(&external));
    assert_eq!(
        english.as_deref(),
        Some("Open the installation link and authorize the app")
    );
    assert_eq!(brief(&spec, &done(&spec)), [None, None]);
}

/// The bot's endpoint has its own page, and its events are in no subscription.
#[test]
fn a_bot_has_a_step_of_its_own() {
    let spec: ZoomIntegrationSpec = serde_json::from_value(serde_json::json!({
        "app": {
            "kind": "General", "management": "Admin", "chatbot": {"slashCommand": "/acme"},
        },
        "credentials": {"secretRef": {"name": "zoom"}},
        "scopes": {"required": ["imchat:bot"]},
        "webhook": {
            "subscriptions": [
                {"name": "Bot", "events": ["bot_notification"]},
                {"name": "Meetings", "events": ["meeting.ended", "interactive_message_actions"]},
            ],
            "endpoint": {"host": "hooks.example.com"},
            "sink": {"http": {"serviceRef": {"name": "sink"}}},
        },
    }))
    .unwrap();
    let mut facts = half_way(&spec);
    let of = |facts: &Facts, id: StepId| {
        let steps = steps(&spec, facts, now());
        steps.into_iter().find(|step| step.id == id).unwrap()
    };
    let values = |step: crate::setup::Step| {
        let pairs = step.entries.into_iter().map(|e| (e.field, e.value));
        pairs.collect::<Vec<_>>()
    };
    let pair = |field: &str, value: &str| (field.to_owned(), value.to_owned());
    assert_eq!(
        values(of(&facts, StepId::Chatbot)),
        [
            pair("Slash Command", "/acme"),
            pair("Bot endpoint URL", "https://hooks.example.com/")
        ]
    );
    assert_eq!(
        values(of(&facts, StepId::Events)),
        [
            pair("Method", "Webhook"),
            pair("Subscription name", "Meetings"),
            pair("Add Events", "meeting.ended")
        ]
    );
    assert_eq!(of(&facts, StepId::Chatbot).state, State::Unknown);
    facts.endpoint.events_seen.insert("bot_notification".into());
    assert_eq!(of(&facts, StepId::Chatbot).state, State::Done);
}
