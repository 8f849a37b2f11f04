//! The five integrations that the examples take from their vendors' manuals, each from its YAML to its goal. All that a
//! human being does is done by a person who reads `status.setup` and nothing else (tests/person/setup), at the offline
//! Zoom's portal, which has no field that Zoom's has not. So if the instructions are wrong, the run gets stuck.
//!
//! Each has a second run, in which the person leaves a step out and does another one wrong: the setup stops there, the
//! message names the mistake, and once it is repaired the run goes on to its goal.

mod clinicea;
mod kivicare;
mod nectar_dxp;
mod ontime;
mod person;
mod record;
mod scene;
mod stackone;

use anyhow::ensure;
use serde_json::Value;

use crate::bed::{
    Case,
    object::{reason, text},
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("examples::clinicea", clinicea::run),
        Case::new("examples::clinicea_with_mistakes", clinicea::mistakes),
        Case::new("examples::kivicare", kivicare::run),
        Case::new("examples::kivicare_with_mistakes", kivicare::mistakes),
        Case::new("examples::ontime", ontime::run),
        Case::new("examples::ontime_with_mistakes", ontime::mistakes),
        Case::new("examples::nectar_dxp", nectar_dxp::run),
        Case::new("examples::nectar_dxp_with_mistakes", nectar_dxp::mistakes),
        Case::new("examples::stackone", stackone::run),
        Case::new("examples::stackone_with_mistakes", stackone::mistakes),
    ]
}

/// A step of an integration's setup.
fn step<'a>(integration: &'a Value, id: &str) -> &'a Value {
    let setup = integration.pointer("/status/setup");
    let mut steps = setup.and_then(Value::as_array).into_iter().flatten();
    steps.find(|step| step["id"] == id).unwrap_or(&Value::Null)
}

fn state<'a>(integration: &'a Value, id: &str) -> &'a str {
    text(step(integration, id), "/state")
}

/// What a step's message says is wrong.
fn mistake<'a>(integration: &'a Value, id: &str) -> &'a str {
    text(step(integration, id), "/message")
}

fn phase(integration: &Value) -> &str {
    text(integration, "/status/phase")
}

/// Whether nothing but the installation is left.
fn is_ready_to_install(integration: &Value) -> bool {
    // Zoom is asked about credentials a moment after their last change.
    phase(integration) == "Ready to install"
        && reason(integration, "Ready") == "ReadyToInstall"
        && state(integration, "Credentials") == "Done"
}

fn is_connected(integration: &Value) -> bool {
    phase(integration) == "Connected" && reason(integration, "Ready") == "Connected"
}

/// The one line that says what is next has these words.
fn ensure_next(integration: &Value, words: &str) -> anyhow::Result<()> {
    let next = text(integration, "/status/nextStep");
    ensure!(next.contains(words), "{words:?} is not in {next:?}");
    Ok(())
}

/// The scopes of a token are those that the integration declares.
fn ensure_scopes(scope: Option<&str>, integration: &Value) -> anyhow::Result<()> {
    let names = |pointer: &str| {
        let names = integration.pointer(pointer).and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str)
    };
    let mut declared: Vec<&str> = names("/spec/scopes/required")
        .chain(names("/spec/scopes/optional"))
        .collect();
    let mut granted: Vec<&str> = scope.unwrap_or_default().split(' ').collect();
    declared.sort_unstable();
    granted.sort_unstable();
    ensure!(declared == granted, "{granted:?}, not {declared:?}");
    Ok(())
}
