//! The to-do list for people in the status, computed last from the rest of the status. Pure.
//!
//! Two passes without a change must produce the same text: nothing here counts, and a time does not change
//! while its cause remains.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{
        condition::Type,
        reason::Reason,
        v1alpha1::{
            CredentialsStatus, Phase, SameValue, SetupEntry, SetupStep, ZoomIntegrationSpec,
            ZoomIntegrationStatus,
        },
    },
    controller::{credentials::Credentials, integration::model::Checked, schedule},
    setup::{
        self, Act, Entry, Mistake, State, Step, known,
        people::Excerpt,
        words::{self, Words},
    },
};
use contract::Language;

/// The longest text that is not for pasting, in characters. People read the whole status at once.
const MOST_TEXT: usize = 1000;
/// The longest `nextStep`, which is a column in `kubectl get`.
const MOST_NEXT: usize = 200;
/// The most links in one step: each connection has its own link in its own status.
pub const MOST_LINKS: usize = 20;
/// The most names of connections that lost their grant: a name and what is between two of them have at least two
/// characters, so that no more have room in a text.
pub const MOST_LOST: usize = MOST_TEXT / 2;
/// The most warnings.
const MOST_WARNINGS: usize = 20;

/// The state of the credentials Secret.
pub(super) fn credentials(found: &Credentials, checked: &Checked) -> CredentialsStatus {
    CredentialsStatus {
        found: found.exists,
        usable: found.usable.clone(),
        unusable: found.unusable().map(ToOwned::to_owned).collect(),
        same: found
            .same
            .iter()
            .map(|(key, other)| SameValue {
                key: key.clone(),
                other: other.clone(),
            })
            .collect(),
        legacy: found.legacy.clone(),
        accepted_version: checked.accepted_version.clone(),
        checked_at: checked.checked_at.map(Time),
        failure: checked.failure.clone(),
    }
}

/// Fills in the steps, the next one and the warnings. In `status`, these are from the last pass, and
/// everything else is from this one. While the integration is suspended, they are not changed.
pub(super) fn fill(
    spec: &ZoomIntegrationSpec,
    status: &mut ZoomIntegrationStatus,
    people: &Excerpt,
    now: Timestamp,
) {
    if spec.suspend {
        return;
    }
    let facts = known::facts(spec, status, people.clone());
    let now = schedule::later(now, std::time::Duration::ZERO);
    let steps = setup::steps(spec, &facts, now);
    let words = words::words(Language::English);
    status.warnings = setup::warnings(spec, &facts, &steps)
        .iter()
        .take(MOST_WARNINGS)
        .map(|warning| bounded(&(words.warning)(warning), MOST_TEXT))
        .collect();
    status.next_step = next_step(status, &steps, words).map(|text| bounded(&text, MOST_NEXT));
    status.setup = steps.iter().map(|step| setup_step(step, words)).collect();
}

/// The one thing to do next. It never contradicts `Ready`: the cause of a stall comes first, and an
/// integration that works needs nobody.
fn next_step(status: &ZoomIntegrationStatus, steps: &[Step], words: &Words) -> Option<String> {
    let stalled = Type::Stalled.find(&status.conditions);
    if let Some(reason) = stalled.and_then(Reason::of) {
        return stalled_by(reason, steps, words);
    }
    let is_usable = status.phase == Some(Phase::Connected);
    if is_usable && !steps.iter().any(|step| step.state == State::Open) {
        return None;
    }
    words::brief(steps, words)
}

/// What ends the stall: the step that failed at Zoom, or the register's remedy.
fn stalled_by(reason: Reason, steps: &[Step], words: &Words) -> Option<String> {
    let wrong = || steps.iter().find(|step| !step.mistakes.is_empty());
    let by_step = match reason {
        Reason::MissingScopes => steps.iter().find(|step| {
            let boxes = |mistake: &Mistake| matches!(mistake, Mistake::MissingScopes { .. });
            step.mistakes.iter().any(boxes)
        }),
        _ => reason.fault().and_then(|_| wrong()),
    };
    match by_step {
        Some(step) => words::brief(std::slice::from_ref(step), words),
        None if reason == Reason::MissingScopes => Some(
            "Correct the names in scopes.required: the step Scopes of status.setup says which"
                .into(),
        ),
        None => reason.advice().or_else(|| words::brief(steps, words)),
    }
}

fn setup_step(step: &Step, words: &Words) -> SetupStep {
    let mistakes: Vec<String> = step.mistakes.iter().map(words.mistake).collect();
    let message = mistakes.join(words.gap);
    let mut links = 0;
    let entries = step.entries.iter().filter(|entry| {
        links += usize::from(entry.act == Act::Open);
        links <= MOST_LINKS
    });
    SetupStep {
        id: step.id.as_str().into(),
        title: (words.title)(step.id, step.kind).into(),
        place: words::whereabouts(step, words).into(),
        state: step.state.as_str().into(),
        evidence: bounded(&(words.evidence)(&step.evidence), MOST_TEXT),
        message: (!message.is_empty()).then(|| bounded(&message, MOST_TEXT)),
        careful: step
            .cautions
            .iter()
            .map(|caution| (words.caution)(*caution).to_owned())
            .collect(),
        entries: entries.map(entry).collect(),
        since: step.since.map(Time),
    }
}

fn entry(entry: &Entry) -> SetupEntry {
    SetupEntry {
        action: entry.act.as_str().into(),
        field: entry.field.clone(),
        value: entry.value.clone(),
        hint: entry.hint.map(ToOwned::to_owned),
    }
}

/// The text, cut to the available length.
fn bounded(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most - 1).collect();
    cut + "…"
}

#[cfg(test)]
mod tests;
