//! Warnings.

use super::fixtures::{done, example, half_way, now};
use crate::{
    api::v1alpha1::{Distribution, Environment, ZoomIntegrationSpec},
    setup::{Caution, Facts, Warning, facts::Attempt, steps, warnings, words::words},
};
use contract::{Language, facts::SecretRole};
use zoom::{Fault, scopes};

fn found(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<Warning> {
    warnings(spec, facts, &steps(spec, facts, now()))
}

#[test]
fn a_sound_integration_that_is_done_has_no_warning() {
    let spec = example("stackone");
    assert_eq!(found(&spec, &done(&spec)), []);
}

#[test]
fn a_verification_token_is_recognized_by_its_key() {
    let spec = example("nectar-dxp");
    for key in [
        "verification-token",
        "verificationToken",
        "ZOOM_VERIFICATION_TOKEN",
    ] {
        let mut facts = done(&spec);
        facts.secret.keys.insert(key.into());
        assert_eq!(
            found(&spec, &facts),
            [Warning::LegacyVerificationToken(key.into())]
        );
    }
}

#[test]
fn a_redirect_by_http_is_named_once() {
    let mut spec = example("ontime");
    let url = "http://ontime1.corp.example/servlet/ontimegc/oauth/v1".to_owned();
    let oauth = spec.oauth.as_mut().unwrap();
    oauth.redirect_url = Some(url.clone());
    oauth.allow_list = Some(vec![url.clone(), "https://ontime2.corp.example".into()]);
    let found = found(&spec, &done(&spec));
    let http: Vec<_> = found
        .iter()
        .filter(|warning| matches!(warning, Warning::HttpRedirect(_)))
        .collect();
    assert_eq!(http, [&Warning::HttpRedirect(url)]);
}

#[test]
fn development_credentials_are_suspected_and_their_limit_is_named() {
    let mut spec = example("nectar-dxp");
    let mut facts = half_way(&spec);
    facts.credentials = Attempt::Failed(Fault::CredentialsRejected);
    assert!(found(&spec, &facts).contains(&Warning::DevelopmentCredentials));
    spec.app.environment = Some(Environment::Development);
    assert!(!found(&spec, &facts).contains(&Warning::DevelopmentCredentials));
    assert!(!found(&spec, &facts).contains(&Warning::DevelopmentOnly));
    spec.app.distribution = Some(Distribution::Listed);
    assert!(found(&spec, &facts).contains(&Warning::DevelopmentOnly));
}

#[test]
fn a_rotation_that_is_under_way_is_named() {
    let spec = example("nectar-dxp");
    let mut facts = done(&spec);
    facts.endpoint.secret = Some(SecretRole::Previous);
    assert_eq!(found(&spec, &facts), [Warning::PreviousSecretToken]);
}

#[test]
fn events_that_are_not_declared_are_named() {
    let spec = example("nectar-dxp");
    let mut facts = done(&spec);
    let events = vec!["user.created".to_owned(), "user.deleted".to_owned()];
    facts.endpoint.events_undeclared.clone_from(&events);
    let warning = Warning::UndeclaredEvents(events);
    let said = (words(Language::English).warning)(&warning);
    assert!(said.contains("user.created, user.deleted"), "{said}");
    assert_eq!(found(&spec, &facts), [warning]);
}

#[test]
fn scopes_that_allow_much_are_named() {
    let spec = example("clinicea");
    let broad: Vec<usize> = found(&spec, &done(&spec))
        .iter()
        .filter_map(|warning| match warning {
            Warning::Scopes(scopes::Warning::Broad { stands_for, .. }) => Some(*stands_for),
            _ => None,
        })
        .collect();
    assert_eq!(broad, [18, 25, 7, 11]);
    assert_eq!(broad.iter().sum::<usize>(), 61);
}

#[test]
fn a_button_is_named_as_long_as_it_is_in_reach() {
    let spec = example("nectar-dxp");
    let button = Warning::Button(Caution::ChangeNow);
    assert!(found(&spec, &half_way(&spec)).contains(&button));
    assert!(!found(&spec, &done(&spec)).contains(&button));
    let spec = example("kivicare");
    let found = found(&spec, &half_way(&spec));
    let button = Warning::Button(Caution::AddInMarketplace);
    assert_eq!(found.iter().filter(|found| **found == button).count(), 1);
}

#[test]
fn every_warning_is_said_in_both_languages() {
    let every = [
        Warning::LegacyVerificationToken("k-1".into()),
        Warning::HttpRedirect("http://k-1".into()),
        Warning::DevelopmentCredentials,
        Warning::DevelopmentOnly,
        Warning::PreviousSecretToken,
        Warning::UndeclaredEvents(vec!["k-1".into()]),
        Warning::Scopes(scopes::Warning::AppOwned("k-1".into())),
        Warning::Scopes(scopes::Warning::UnknownForm {
            scope: "k-1".into(),
            meant: None,
        }),
        Warning::Button(Caution::ChangeNow),
    ];
    for language in Language::ALL {
        let mut said: Vec<String> = every.iter().map(words(language).warning).collect();
        assert_eq!(said.iter().filter(|said| said.contains("k-1")).count(), 5);
        said.sort();
        said.dedup();
        assert_eq!(said.len(), every.len());
    }
}
