//! Risks in an app's setup, whether or not it works.

use super::{
    entries,
    facts::{Attempt, Facts},
    order,
    step::{Caution, State, Step},
};
use crate::api::v1alpha1::{Distribution, Environment, Management, ZoomIntegrationSpec};
use contract::facts::SecretRole;
use zoom::{
    Fault,
    scopes::{self, Audience},
};

/// A risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The Secret has a Verification Token, which Zoom no longer supports.
    LegacyVerificationToken(String),
    /// A redirect URL with plain http.
    HttpRedirect(String),
    /// Zoom refuses the pair, and the app has two.
    DevelopmentCredentials,
    /// Development credentials of an app that others will install.
    DevelopmentOnly,
    /// Zoom still signs with the secret token from before the rotation.
    PreviousSecretToken,
    /// Zoom sends events that are not declared.
    UndeclaredEvents(Vec<String>),
    /// About scopes.
    Scopes(scopes::Warning),
    /// A button that can still be pressed and cannot be undone.
    Button(Caution),
}

/// The risks. `steps` are the steps for the same facts.
#[must_use]
pub fn warnings(spec: &ZoomIntegrationSpec, facts: &Facts, steps: &[Step]) -> Vec<Warning> {
    let mut found = Vec::new();
    let legacy = facts
        .secret
        .keys
        .iter()
        .filter(|key| is_verification_token(key));
    found.extend(legacy.cloned().map(Warning::LegacyVerificationToken));
    found.extend(
        http_redirects(spec, facts)
            .into_iter()
            .map(Warning::HttpRedirect),
    );
    let environment = spec.app.environment.unwrap_or_default();
    let general = spec.is_general();
    let refused = facts.credentials == Attempt::Failed(Fault::CredentialsRejected);
    if general && refused && environment == Environment::Production {
        found.push(Warning::DevelopmentCredentials);
    }
    let distribution = spec.app.distribution.unwrap_or_default();
    if general && environment == Environment::Development && distribution != Distribution::Private {
        found.push(Warning::DevelopmentOnly);
    }
    if facts.endpoint.secret == Some(SecretRole::Previous) {
        found.push(Warning::PreviousSecretToken);
    }
    let undeclared = &facts.endpoint.events_undeclared;
    if !undeclared.is_empty() {
        found.push(Warning::UndeclaredEvents(undeclared.clone()));
    }
    found.extend(of_scopes(spec, facts).into_iter().map(Warning::Scopes));
    let open = steps.iter().filter(|step| step.state != State::Done);
    for caution in open.flat_map(|step| &step.cautions) {
        let warning = Warning::Button(*caution);
        if matches!(caution, Caution::ChangeNow | Caution::AddInMarketplace)
            && !found.contains(&warning)
        {
            found.push(warning);
        }
    }
    found
}

/// Who authorizes the app.
#[must_use]
pub fn audience(spec: &ZoomIntegrationSpec) -> Audience {
    match spec.app.management {
        Some(Management::User) => Audience::User,
        _ => Audience::Account,
    }
}

fn of_scopes(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<scopes::Warning> {
    if spec.is_webhook_only() {
        return Vec::new();
    }
    let declared: Vec<String> = spec
        .scopes
        .required
        .iter()
        .chain(spec.scopes.optional.iter().flatten())
        .cloned()
        .collect();
    let mut found = scopes::warnings(&declared, order::events(spec), audience(spec));
    if let Some(comparison) = &facts.scopes {
        found.extend(scopes::warning::granted_beyond(comparison, &declared));
    }
    found
}

fn http_redirects(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<String> {
    let oauth = spec.oauth.as_ref();
    let listed = oauth.and_then(|oauth| oauth.allow_list.as_deref());
    let mut found: Vec<String> = Vec::new();
    let urls = entries::redirect_url(spec, facts)
        .into_iter()
        .chain(listed.into_iter().flatten().map(String::as_str));
    for url in urls {
        if url.starts_with("http://") && !found.iter().any(|known| known == url) {
            found.push(url.to_owned());
        }
    }
    found
}

/// Whether a key looks like Zoom's Verification Token.
#[must_use]
pub fn is_verification_token(key: &str) -> bool {
    let letters: String = key
        .chars()
        .filter(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_lowercase();
    letters.contains("verificationtoken")
}
