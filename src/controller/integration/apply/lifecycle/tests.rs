use serde_json::json;

use super::*;
use crate::controller::rehearsal::Rehearsal;

#[tokio::test]
async fn a_secret_without_an_owner_ends_with_the_integration_again() {
    let integration: ZoomIntegration = serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomIntegration",
        "metadata": {"name": "acme", "namespace": "clinics", "uid": "u1"},
        "spec": {
            "app": {"kind": "ServerToServer"}, "credentials": {"secretRef": {"name": "zoom"}},
            "scopes": {"required": []},
        },
    }))
    .unwrap();
    let rehearsal = Rehearsal::new(|_, _, _| None, []).await;
    let (writer, defaults) = (&rehearsal.context.writer, ReceiverDefaults::default());
    let (secret, _) = lifecycle::secret(&integration, &defaults, Vec::new());
    let mut live = PartialObjectMeta::<Secret> {
        metadata: secret.metadata,
        ..PartialObjectMeta::default()
    };
    let written = async |live: &PartialObjectMeta<Secret>| {
        let states = Vec::new();
        publish(writer, &integration, &defaults, Some(live), states)
            .await
            .unwrap();
        rehearsal.writes("PATCH")
    };
    assert!(written(&live).await.is_empty());
    live.metadata.owner_references = None;
    let patch = written(&live).await.pop().unwrap();
    assert_eq!(patch["metadata"]["ownerReferences"][0]["uid"], "u1");
}
