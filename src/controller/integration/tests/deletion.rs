//! The deletion of an integration in a cluster that refuses to update its `StatefulSet`.

use super::*;

/// An integration with a buffer that has been deleted for so long.
fn deleted(hours: i64) -> ZoomIntegration {
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(hours);
    integration(|object| {
        object["metadata"]["deletionTimestamp"] = json!(since.to_string());
        object["metadata"]["finalizers"] = json!([buffer_finalizer::FINALIZER]);
        object["spec"]["webhook"] = json!({
            "sink": {"http": {"url": "https://sink.example"}}, "buffer": {"size": "1Gi"},
            "endpoint": {"host": "hooks.example.com"},
        });
    })
}

/// What the Events say, and whether the finalizer was removed.
fn ended(rehearsal: &Rehearsal) -> (Vec<String>, bool) {
    let events = rehearsal.writes("/events");
    let notes = events
        .iter()
        .filter_map(|event| event["note"].as_str().map(ToOwned::to_owned));
    let own = rehearsal.writes(&format!("PATCH {OWN}?"));
    let is_gone = own
        .iter()
        .any(|patch| patch["metadata"]["finalizers"] == json!([]));
    (notes.collect(), is_gone)
}

fn policy(method: &Method, path: &str, _: &Value) -> Option<(u16, &'static str)> {
    let is_it = method == Method::PATCH && path.contains("/statefulsets/");
    is_it.then_some((403, "policy require-team refuses it."))
}

#[tokio::test]
async fn a_policy_on_stateful_sets_keeps_no_integration_past_its_limit() {
    let rehearsal = rehearsed(policy, &deleted(25), scaled(1, Some("1"))).await;
    let (notes, is_gone) = ended(&rehearsal);
    assert!(is_gone);
    let [note] = notes.as_slice() else {
        panic!("{notes:?}");
    };
    for part in [
        "1 Pod that cannot be asked",
        "The volume claims stay (kubectl get pvc -l zoom-operator.io/integration=acme)",
        "refused to update the StatefulSet: policy require-team refuses it. Delete them",
    ] {
        assert!(note.contains(part), "{note}");
    }
}

#[tokio::test]
async fn nothing_has_to_be_stored_for_the_refusal_to_be_final() {
    let mut discards = deleted(0);
    let annotations = discards.metadata.annotations.get_or_insert_default();
    annotations.insert(crate::api::annotation::DISCARD.into(), "true".into());
    let rehearsal = rehearsed(policy, &discards, scaled(1, Some("1"))).await;
    let (notes, is_gone) = ended(&rehearsal);
    assert!(is_gone);
    assert!(notes[0].starts_with("The volume claims stay"), "{notes:?}");
    // A webhook that is down may be back soon.
    let down = |method: &Method, path: &str, body: &Value| {
        policy(method, path, body).map(|_| (500, "failed calling webhook"))
    };
    let objects = [(OWN, serde_json::to_value(&discards).unwrap())];
    let rehearsal = Rehearsal::new(down, objects.into_iter().chain(scaled(1, Some("1")))).await;
    rehearsal.put(
        "/api/v1/namespaces/clinics",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clinics", "uid": "n"}}),
    );
    let passed = Box::pin(discards.pass(&rehearsal.context)).await;
    assert!(passed.is_err());
    assert!(!ended(&rehearsal).1);
}

#[tokio::test]
async fn stored_events_are_discarded_only_if_the_api_server_has_the_same_time() {
    let integration = deleted(25);
    let objects = scaled(1, Some("1")).into_iter();
    let own = serde_json::to_value(&integration).unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clinics", "uid": "n"}});
    let objects = objects.chain([(OWN, own), ("/api/v1/namespaces/clinics", namespace)]);
    let rehearsal = Rehearsal::new(|_, _, _| None, objects).await;
    rehearsal.time(Some(
        Timestamp::now() - jiff::SignedDuration::from_hours(24),
    ));
    again(&rehearsal, |_| ()).await;
    assert!(!written(&rehearsal).1, "they are delivered on");
    rehearsal.time(None);
    again(&rehearsal, |_| ()).await;
    assert!(written(&rehearsal).1);
}

#[tokio::test]
async fn a_receiver_that_cannot_be_kept_up_to_date_is_told_to_drain_all_the_same() {
    let rehearsal = rehearsed(policy, &deleted(1), scaled(0, Some("1"))).await;
    assert!(!ended(&rehearsal).1);
    let (_, _, message) = said(&rehearsal, "Ready");
    assert!(
        message.contains("cannot be kept up to date: policy require-team refuses it."),
        "{message}"
    );
}
