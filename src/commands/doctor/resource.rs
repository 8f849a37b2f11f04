//! What is wrong with a resource of the cluster: its conditions that are not met, its warning Events, and its
//! webhook URL as seen from this machine. What works is shown by `status`.

use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Event, apimachinery::pkg::apis::meta::v1::Condition};
use kube::ResourceExt as _;

use super::{
    endpoint::{self, Expectation},
    report::{CheckStatus, Report},
};
use crate::{
    api::{
        condition::Type,
        v1alpha1::{Phase, SetupStep, ZoomConnection, ZoomIntegration},
    },
    commands::terminal::{Session, Target, time::age},
    setup::State,
};

/// At most this many Events are quoted.
const EVENTS: usize = 5;

/// Examines a resource.
///
/// # Errors
/// When a request to the cluster fails, or there is no resource with this name.
pub async fn examine(session: &Session, target: &Target) -> anyhow::Result<Report> {
    let now = Timestamp::now();
    let (mut report, events) = match target {
        Target::Integration(name) => {
            let found: ZoomIntegration = session.get(name).await?;
            let connections = session.connections(name).await?;
            let mut report = integration(&found, &connections);
            if let Some((url, known)) = url(&found) {
                endpoint::probe(&url, None, known, &mut report).await;
            }
            (report, session.warnings(&found).await)
        }
        Target::Connection(name) => {
            let found: ZoomConnection = session.get(name).await?;
            (connection(&found), session.warnings(&found).await)
        }
    };
    quote(&events, &mut report, now);
    Ok(report)
}

/// The webhook's public URL, and whether the operator reached it.
fn url(found: &ZoomIntegration) -> Option<(String, Expectation)> {
    let url = found.spec.webhook.as_ref()?.url()?;
    let status = found.status.as_ref()?;
    let reached = Type::EndpointReachable.find(&status.conditions);
    let reached = reached.is_some_and(|reached| reached.status == "True");
    Some((
        url,
        if reached {
            Expectation::Reached
        } else {
            Expectation::Applied
        },
    ))
}

fn integration(found: &ZoomIntegration, connections: &[ZoomConnection]) -> Report {
    let name = found.name_any();
    let namespace = found.namespace().unwrap_or_default();
    let status = found.status.clone().unwrap_or_default();
    let mut report = Report::on(format!(
        "ZoomIntegration {name} in namespace {namespace}: {}",
        phrase(status.phase)
    ));
    let observation = Observation {
        observed: status.observed_generation,
        generation: found.metadata.generation,
        namespace: &namespace,
    };
    if !is_observed(&observation, &mut report) {
        return report;
    }
    if found.spec.suspend {
        report.add(
            "suspended",
            CheckStatus::Unknown,
            "spec.suspend is set: no token is refreshed, and events are not forwarded.",
        );
    }
    conditions(&status.conditions, &mut report);
    setup(&status.setup, status.next_step, &mut report);
    waiting(connections, &mut report);
    report.warnings = status.warnings;
    report
}

/// What is left to do in Zoom. Steps that cannot be proved are named and not counted as done.
fn setup(steps: &[SetupStep], next: Option<String>, report: &mut Report) {
    let any = |state: State| steps.iter().any(|step| step.state == state.as_str());
    let (verdict, message) = match next {
        Some(next) if any(State::Open) => (CheckStatus::ToDo, next),
        Some(next) => (CheckStatus::Unknown, next),
        None if steps.is_empty() => return,
        None => {
            let done = State::Done.as_str();
            let left = steps.iter().filter(|step| step.state != done);
            let titles: Vec<&str> = left.map(title).collect();
            if titles.is_empty() {
                (CheckStatus::Ok, "Nothing is left to do in Zoom.".into())
            } else {
                let titles = titles.join("; ");
                let text = format!(
                    "All steps that can be checked are done. These cannot be checked: {titles}."
                );
                (CheckStatus::Unknown, text)
            }
        }
    };
    report.add("setup", verdict, message);
}

/// The title of the step; its machine name if the status has no text.
fn title(step: &SetupStep) -> &str {
    if step.title.is_empty() {
        &step.id
    } else {
        &step.title
    }
}

fn connection(found: &ZoomConnection) -> Report {
    let namespace = found.namespace().unwrap_or_default();
    let status = found.status.clone().unwrap_or_default();
    let mut report = Report::on(format!(
        "ZoomConnection {} in namespace {namespace}: {}",
        found.name_any(),
        phrase(status.phase)
    ));
    let observation = Observation {
        observed: status.observed_generation,
        generation: found.metadata.generation,
        namespace: &namespace,
    };
    if is_observed(&observation, &mut report) {
        conditions(&status.conditions, &mut report);
        if let (Some(url), true) = (status.install_url, status.phase != Some(Phase::Connected)) {
            report.add("link", CheckStatus::ToDo, format!("The person opens {url}"));
        }
    }
    report
}

fn phrase(phase: Option<Phase>) -> &'static str {
    phase.map_or("not seen by the operator", Phase::as_str)
}

/// What a status refers to.
struct Observation<'a> {
    observed: Option<i64>,
    generation: Option<i64>,
    namespace: &'a str,
}

/// Whether the status has any content. A latest change that it has not observed yet is reported.
fn is_observed(observation: &Observation<'_>, report: &mut Report) -> bool {
    if observation.observed.is_none_or(|observed| observed < 0) {
        let text = format!(
            "The operator has not processed this resource yet. Check that the operator runs and serves namespace {}.",
            observation.namespace
        );
        report.add("operator", CheckStatus::ToDo, text);
        return false;
    }
    if observation.observed < observation.generation {
        report.add(
            "operator",
            CheckStatus::Unknown,
            "The operator has not processed the latest change yet. The findings below are from the version before.",
        );
    }
    true
}

/// `Ready`, and conditions that are not met for another reason. `Reconciling` and `Stalled` only repeat
/// `Ready`.
fn conditions(conditions: &[Condition], report: &mut Report) {
    let ready = Type::Ready.find(conditions);
    let repeats = |found: &Condition| {
        [Type::Ready, Type::Reconciling, Type::Stalled]
            .iter()
            .any(|type_| type_.as_str() == found.type_)
            || ready.is_some_and(|ready| ready.message == found.message)
    };
    let others = conditions
        .iter()
        .filter(|found| found.status == "False" && !repeats(found));
    for found in ready.into_iter().chain(others) {
        let verdict = match found.status.as_str() {
            "True" => CheckStatus::Ok,
            "False" => CheckStatus::ToDo,
            _ => CheckStatus::Unknown,
        };
        let message = if found.message.is_empty() {
            found.reason.clone()
        } else {
            found.message.clone()
        };
        report.add(&found.type_, verdict, message);
    }
}

/// The connections that need a person, in one line.
fn waiting(connections: &[ZoomConnection], report: &mut Report) {
    let is_connected = |connection: &&ZoomConnection| {
        let status = connection.status.as_ref();
        status.is_some_and(|status| status.phase == Some(Phase::Connected))
    };
    let names: Vec<String> = connections
        .iter()
        .filter(|connection| !is_connected(connection))
        .map(kube::ResourceExt::name_any)
        .collect();
    if let Some(first) = names.first() {
        let text = format!(
            "{} of {} are not connected. See kubectl zoom doctor zconn/{first}.",
            names.len(),
            connections.len()
        );
        report.add("connections", CheckStatus::ToDo, text);
    }
}

/// The last warning Events. They show how a problem arose; the conditions say what is wrong now.
fn quote(events: &[Event], report: &mut Report, now: Timestamp) {
    for event in events.iter().rev().take(EVENTS).rev() {
        let time = event.metadata.creation_timestamp.as_ref();
        let ago = time.map_or_else(String::new, |time| format!(" {} ago", age(time.0, now)));
        let reason = event.reason.as_deref().unwrap_or_default();
        let message = event.message.as_deref().unwrap_or_default();
        report
            .warnings
            .push(format!("Event {reason}{ago}: {message}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object<K: serde::de::DeserializeOwned>(kind: &str, spec: &Value, status: &Value) -> K {
        serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": kind,
            "metadata": {"name": "acme", "namespace": "clinics", "generation": 2},
            "spec": spec, "status": status,
        }))
        .unwrap()
    }

    fn condition(type_: &str, status: &str, message: &str) -> Value {
        json!({
            "type": type_, "status": status, "reason": "R", "message": message,
            "lastTransitionTime": "2026-11-22T12:00:00Z",
        })
    }

    fn app() -> Value {
        json!({
            "app": {"kind": "General", "management": "User"},
            "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": ["user:read:user"]},
        })
    }

    fn event() -> Event {
        Event {
            reason: Some("CredentialsRejected".into()),
            message: Some("Zoom rejects them.".into()),
            ..Event::default()
        }
    }

    #[test]
    fn a_status_is_told_in_its_own_words() {
        let status = json!({
            "observedGeneration": 1, "phase": "Missing scopes",
            "conditions": [
                condition("ScopesGranted", "False", "Tick user:read:user."),
                condition("Stalled", "True", "Tick user:read:user."),
                condition("EndpointValidated", "Unknown", ""),
                condition("Ready", "False", "Tick user:read:user."),
                condition("CredentialsValid", "True", "Zoom takes them."),
            ],
            "setup": [{"id": "Scopes", "state": "Open"}],
            "nextStep": "Next: tick the scopes.",
            "warnings": ["http://a is not encrypted."],
        });
        let connections = [
            object(
                "ZoomConnection",
                &json!({"integrationRef": {"name": "acme"}}),
                &json!({
                    "phase": "Ready to install",
                    "conditions": [condition("Ready", "False", "Open the link.")],
                }),
            ),
            object(
                "ZoomConnection",
                &json!({"integrationRef": {"name": "acme"}}),
                &json!({
                    "phase": "Connected", "subject": {"email": "ada@example.com"},
                }),
            ),
        ];
        let found = object("ZoomIntegration", &app(), &status);
        let mut report = integration(&found, &connections);
        quote(&[event()], &mut report, Timestamp::UNIX_EPOCH);
        assert!(!report.is_well());
        insta::assert_snapshot!(report.text().unwrap());
    }

    #[test]
    fn an_operator_that_does_not_run_is_the_first_thing_to_see_to() {
        for status in [json!({"observedGeneration": -1}), json!(null)] {
            let found: ZoomIntegration = object("ZoomIntegration", &app(), &status);
            let report = integration(&found, &[]);
            assert_eq!(report.checks.len(), 1);
            assert!(!report.is_well());
        }
    }

    #[test]
    fn a_step_that_nobody_can_prove_is_not_taken_for_done() {
        let of = |state: &str, next: Option<&str>| {
            let status = json!({
                "observedGeneration": 2, "nextStep": next, "setup": [
                    {"id": "Scopes", "title": "tick the scopes", "state": "Done"},
                    {"id": "Submit", "title": "submit the app for review", "state": state},
                    {"id": "BackEnd", "state": state},
                ],
            });
            let found: ZoomIntegration = object("ZoomIntegration", &app(), &status);
            let mut checks = integration(&found, &[]).checks;
            let check = checks.pop().unwrap();
            assert_eq!(check.subject, "setup");
            (check.verdict, check.message)
        };
        let done = "Nothing is left to do in Zoom.".to_owned();
        assert_eq!(of("Done", None), (CheckStatus::Ok, done));
        let left = "All steps that can be checked are done. These cannot be checked: submit the app for review; BackEnd.";
        assert_eq!(of("Unknown", None), (CheckStatus::Unknown, left.into()));
        let next = "Submit it.".to_owned();
        assert_eq!(
            of("Unknown", Some(&next)),
            (CheckStatus::Unknown, next.clone())
        );
        assert_eq!(of("Open", Some(&next)), (CheckStatus::ToDo, next.clone()));
    }

    #[test]
    fn a_connection_that_waits_names_its_link() {
        let of = |phase: &str| {
            let found: ZoomConnection = object(
                "ZoomConnection",
                &json!({"integrationRef": {"name": "acme"}}),
                &json!({"observedGeneration": 2, "phase": phase, "installUrl": "https://c/x"}),
            );
            connection(&found)
        };
        assert_eq!(
            of("Ready to install").checks[0].message,
            "The person opens https://c/x"
        );
        assert!(of("Connected").is_well());
    }
}
