//! Which steps an app needs, in the order of Zoom's portal.

use super::{
    facts::{Attempt, Facts},
    step::{Caution, StepId},
};
use crate::api::v1alpha1::{ConsentMode, Distribution, Listing, ZoomIntegrationSpec};
use zoom::Fault;

/// The steps of an app.
#[must_use]
pub fn ids(spec: &ZoomIntegrationSpec, facts: &Facts) -> Vec<StepId> {
    let general = spec.is_general();
    let webhook_only = spec.is_webhook_only();
    let mut ids: Vec<StepId> = StepId::ALL
        .into_iter()
        .filter(|id| match id {
            StepId::CreateApp => true,
            StepId::Credentials | StepId::Scopes => !webhook_only,
            StepId::Redirect | StepId::Install => general,
            StepId::Chatbot => spec.has_bot(),
            StepId::SecretToken => spec.webhook.is_some(),
            StepId::Events | StepId::Endpoint => has_events(spec),
            StepId::Information => webhook_only || is_reviewed(spec) || has_listing(spec),
            StepId::Deauthorization => is_reviewed(spec) && spec.webhook.is_some(),
            StepId::TechnicalDesign | StepId::DomainValidation | StepId::Submit => {
                is_reviewed(spec)
            }
            StepId::BackEnd => is_external(spec),
            StepId::Activate => spec.is_server_to_server(),
            StepId::Approval => is_barred(facts),
        })
        .collect();
    if !general {
        // Its form asks for the contact before anything else.
        if let Some(at) = ids.iter().position(|id| *id == StepId::Information) {
            let id = ids.remove(at);
            let first = if webhook_only { 1 } else { 2 };
            ids.insert(first.min(ids.len()), id);
        }
    }
    ids
}

/// What to avoid in a step.
#[must_use]
pub fn cautions(id: StepId, spec: &ZoomIntegrationSpec) -> Vec<Caution> {
    let general = spec.is_general();
    match id {
        StepId::Credentials if general => {
            vec![Caution::TwoPairs(spec.app.environment.unwrap_or_default())]
        }
        StepId::SecretToken => vec![Caution::VerificationToken],
        StepId::Endpoint => vec![Caution::FailedValidation],
        StepId::DomainValidation => vec![Caution::ValidationCode],
        StepId::Scopes if !has_events(spec) => vec![Caution::NoEvents],
        StepId::Install | StepId::Submit if is_reviewed(spec) && is_external(spec) => {
            vec![Caution::AddInMarketplace]
        }
        StepId::Install if !is_reviewed(spec) => vec![Caution::ChangeNow],
        _ => Vec::new(),
    }
}

/// The declared events of event subscriptions, without duplicates. A bot's events need no subscription.
#[must_use]
pub fn events(spec: &ZoomIntegrationSpec) -> Vec<&str> {
    let mut events = declared(spec);
    events.retain(|event| !is_bots(event));
    events
}

/// The declared events of a Team Chat bot, without duplicates.
#[must_use]
pub fn bot_events(spec: &ZoomIntegrationSpec) -> Vec<&str> {
    let mut events = declared(spec);
    events.retain(|event| is_bots(event));
    events
}

/// Whether it is a bot's event: only these have no product in front of a dot.
#[must_use]
pub fn is_bots(event: &str) -> bool {
    !event.contains('.')
}

fn declared(spec: &ZoomIntegrationSpec) -> Vec<&str> {
    let mut events: Vec<&str> = Vec::new();
    let subscriptions = spec
        .webhook
        .iter()
        .flat_map(|webhook| &webhook.subscriptions);
    for event in subscriptions.flat_map(|subscription| &subscription.events) {
        if !events.contains(&event.as_str()) {
            events.push(event);
        }
    }
    events
}

/// Whether any event is declared that needs an event subscription.
#[must_use]
pub fn has_events(spec: &ZoomIntegrationSpec) -> bool {
    !events(spec).is_empty()
}

/// Whether the tenant's own back end has the consent.
#[must_use]
pub fn is_external(spec: &ZoomIntegrationSpec) -> bool {
    spec.consent_mode() == Some(ConsentMode::External)
}

/// Whether Zoom reviews the app.
#[must_use]
pub fn is_reviewed(spec: &ZoomIntegrationSpec) -> bool {
    spec.is_general() && spec.app.distribution.unwrap_or_default() != Distribution::Private
}

fn has_listing(spec: &ZoomIntegrationSpec) -> bool {
    // The description of scopes is on the page of the scopes.
    spec.app.listing.as_ref().is_some_and(|listing| {
        let others = Listing {
            scope_description: None,
            ..listing.clone()
        };
        others != Listing::default()
    })
}

/// Whether the Zoom administrator of the account blocks the app. This shows only when it happens.
fn is_barred(facts: &Facts) -> bool {
    facts.credentials == Attempt::Failed(Fault::DisabledByAdmin)
        || facts.consent.failed_by(Fault::DisabledByAdmin)
}
