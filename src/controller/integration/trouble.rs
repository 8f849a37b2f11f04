//! Why a receiver has no running Pod, in words that stay the same while the cause does.

use k8s_openapi::api::{
    core::v1::{ContainerStatus, Pod},
    events::v1::Event,
};

/// The longest sentence of Kubernetes that is repeated, in characters.
const LONGEST: usize = 300;

/// Why a Pod does not run, if its status says so. Counters and wait times are left out, because the status
/// would be written each time they change.
#[must_use]
pub fn of_pod(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let containers = status.init_container_statuses.iter().flatten();
    let containers = containers.chain(status.container_statuses.iter().flatten());
    let of_containers = || containers.clone().find_map(of_container);
    let mut conditions = status.conditions.iter().flatten();
    let unscheduled =
        conditions.find(|found| found.type_ == "PodScheduled" && found.status == "False");
    let why = match unscheduled {
        Some(unscheduled) => {
            let message = unscheduled.message.as_deref().unwrap_or_default();
            format!("no node takes it: {}", bounded(message))
        }
        None => of_containers()?,
    };
    Some(format!("Pod {name}: {why}"))
}

fn of_container(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "ContainerCreating" | "PodInitializing" => None,
        // The kubelet alternates between the two.
        "ErrImagePull" | "ImagePullBackOff" => Some(format!(
            "image {} cannot be pulled: check its name, and the pull Secrets of the namespace (kubectl describe pod)",
            container.image
        )),
        "CrashLoopBackOff" => {
            let last = container.last_state.as_ref();
            let last = last.and_then(|state| state.terminated.as_ref());
            let end = last.map(|last| {
                let reason = last.reason.as_deref().unwrap_or("Error");
                format!(" ({reason}, exit code {})", last.exit_code)
            });
            Some(format!(
                "container {} keeps crashing{}: see its log",
                container.name,
                end.unwrap_or_default()
            ))
        }
        reason => Some(format!("{reason}: {}", bounded(message))),
    }
}

/// The newest warning from Kubernetes about an object.
#[must_use]
pub fn newest(events: &[Event]) -> Option<String> {
    let time = |event: &&Event| {
        let series = event
            .series
            .as_ref()
            .map(|series| series.last_observed_time.0);
        series
            .or(event.deprecated_last_timestamp.as_ref().map(|time| time.0))
            .or(event.event_time.as_ref().map(|time| time.0))
    };
    let newest = events.iter().max_by_key(time)?;
    newest.note.as_deref().map(bounded)
}

fn bounded(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    cut + "…"
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "cases read better without ceremony"
    )]

    use serde_json::{Value, json};

    use super::*;

    fn sentence(status: Value) -> Option<String> {
        let pod = json!({"metadata": {"name": "p"}, "status": status});
        of_pod(&serde_json::from_value(pod).unwrap())
    }

    fn container(state: Value, last: Value) -> Value {
        json!({"containerStatuses": [{
            "name": "receiver", "image": "example/i:1", "imageID": "", "ready": false,
            "restartCount": 7, "state": state, "lastState": last,
        }]})
    }

    #[test]
    fn a_pod_that_runs_or_starts_has_no_trouble() {
        assert_eq!(sentence(json!({})), None);
        let creating = json!({"waiting": {"reason": "ContainerCreating"}});
        assert_eq!(sentence(container(creating, json!({}))), None);
        let running = json!({"running": {"startedAt": "2026-03-01T10:00:00Z"}});
        assert_eq!(sentence(container(running, json!({}))), None);
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_named_in_words_that_stay() {
        let waits = |reason: &str, message: &str| {
            let state = json!({"waiting": {"reason": reason, "message": message}});
            sentence(container(state, json!({}))).unwrap()
        };
        let first = waits("ErrImagePull", "rpc error");
        assert!(
            first.contains("image example/i:1 cannot be pulled"),
            "{first}"
        );
        assert_eq!(first, waits("ImagePullBackOff", "Back-off pulling image"));
    }

    #[test]
    fn a_container_that_keeps_crashing_is_named_with_how_it_ended() {
        let state = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}});
        let last = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let sentence = sentence(container(state, last)).unwrap();
        assert!(sentence.contains("OOMKilled, exit code 137"), "{sentence}");
        assert!(!sentence.contains("5m0s"), "{sentence}");
    }

    #[test]
    fn other_reasons_and_a_pod_that_no_node_takes_are_told_in_kubernetes_words() {
        let state = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"x\" not found"}});
        let config = sentence(container(state, json!({}))).unwrap();
        assert!(
            config.contains("CreateContainerConfigError: secret \"x\" not found"),
            "{config}"
        );
        let unbound = sentence(json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        }]}))
        .unwrap();
        assert!(
            unbound.contains("unbound immediate PersistentVolumeClaims"),
            "{unbound}"
        );
    }

    #[test]
    fn the_newest_warning_counts() {
        let event = |second: i64, note: &str| -> Event {
            let time = jiff::Timestamp::from_second(second).unwrap();
            let event = json!({"note": note, "deprecatedLastTimestamp": time});
            serde_json::from_value(event).unwrap()
        };
        let events = [
            event(5, "old"),
            event(9, "exceeded quota."),
            event(7, "older"),
        ];
        assert_eq!(newest(&events).as_deref(), Some("exceeded quota"));
        assert_eq!(newest(&[]), None);
    }
}
