//! The texts for steps and warnings. A language is one value of [`Words`]; a language that lacks a text does
//! not compile. The names of pages and fields in Zoom's portal are not translated, because the portal shows
//! them like this.

mod en;
mod ja;
mod model;

pub use self::model::Words;
use super::step::{Act, Entry, Evidence, State, Step, StepId};
use crate::api::v1alpha1::AppKind;
use contract::Language;

/// The texts of a language.
#[must_use]
pub fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &en::WORDS,
        Language::Japanese => &ja::WORDS,
    }
}

/// The place in Zoom's portal, in the portal's own words; `None` for what is done elsewhere.
#[must_use]
pub const fn place(id: StepId, kind: AppKind) -> Option<&'static str> {
    Some(match (id, kind) {
        (StepId::CreateApp, AppKind::WebhookOnly) => {
            "Zoom App Marketplace > Develop > Build Legacy App"
        }
        (StepId::CreateApp, _) => "Zoom App Marketplace > Develop > Build App",
        (StepId::Credentials, AppKind::General) => "Basic Information > App Credentials",
        (StepId::Credentials, _) => "App Credentials",
        (StepId::Redirect, _) => "Basic Information > OAuth Information",
        (StepId::Chatbot, _) => "Features > Surface > Team Chat Subscription",
        (StepId::SecretToken, AppKind::General) => "Features > Access > Token",
        (StepId::Events | StepId::Endpoint, AppKind::General) => {
            "Features > Access > Event Subscription"
        }
        (StepId::SecretToken, _) => "Feature > Token",
        (StepId::Events | StepId::Endpoint, _) => "Feature > Event Subscriptions",
        (StepId::Scopes, _) => "Scopes > Add Scopes",
        (StepId::Information, AppKind::General) => "App Listing",
        (StepId::Information, _) => "Information",
        (StepId::Deauthorization, _) => "Deauthorization Notification Endpoint URL",
        (StepId::TechnicalDesign, _) => "Technical Design",
        (StepId::Activate, _) => "Activation",
        (StepId::DomainValidation, _) => "Release Notes > Domain Validation",
        (StepId::Submit, _) => "Release Notes > Submit",
        (StepId::BackEnd | StepId::Approval | StepId::Install, _) => return None,
    })
}

/// Where a step is done.
#[must_use]
pub fn whereabouts(step: &Step, words: &Words) -> &'static str {
    place(step.id, step.kind)
        .or_else(|| (words.elsewhere)(step.id))
        .unwrap_or_default()
}

/// Where a value that is copied goes; `None` for other entries.
#[must_use]
pub fn target(entry: &Entry, words: &Words) -> Option<String> {
    let (name, key) = entry.value.split_once('/')?;
    let kind = entry.hint.unwrap_or("Secret");
    (entry.act == Act::Copy).then(|| (words.target)(kind, name, key))
}

/// What to do next, as short as possible; `None` if nothing is left that can be proved.
#[must_use]
pub fn brief(steps: &[Step], words: &Words) -> Option<String> {
    let step = super::next(steps)?;
    let title = (words.title)(step.id, step.kind);
    Some(match step.state {
        State::Unknown if step.evidence.is_awaited() => {
            [(words.unproved)(&[title]), (words.evidence)(&step.evidence)].join(words.gap)
        }
        _ => capital(title),
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// What to do next, in one line.
#[must_use]
pub fn line(steps: &[Step], words: &Words) -> String {
    let title = |step: &Step| (words.title)(step.id, step.kind);
    let Some(step) = super::next(steps) else {
        let open = steps.iter().filter(|step| step.state != State::Done);
        let unseen: Vec<&str> = open.map(title).collect();
        return (words.nothing)(&unseen);
    };
    let mut sentences = vec![(words.next)(title(step))];
    sentences.extend(step.mistakes.iter().map(words.mistake));
    if step.mistakes.is_empty()
        && let Evidence::Events { .. } | Evidence::Connections { .. } = step.evidence
    {
        sentences.push((words.evidence)(&step.evidence));
    }
    let unproved: Vec<&str> = super::unproved(steps, step)
        .into_iter()
        .map(title)
        .collect();
    if !unproved.is_empty() {
        sentences.push((words.unproved)(&unproved));
    }
    sentences.join(words.gap)
}
