//! The receiver's objects: hardened, owned, repaired, removed.

use serde_json::{Value, json};

use super::{RECEIVER, answer, buffer::only_pod, connected, meeting_ended};
use crate::bed::{
    Bed, Case, LIMIT, Options, Tenant,
    object::{message, reason, seen, status, text},
    secret, wait_for,
};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("receiver::objects_are_hardened", hardened),
        Case::new("receiver::removed_with_the_webhook", removed),
        Case::new("receiver::lost_objects_come_back", come_back),
        Case::new("receiver::foreign_objects_are_left_alone", foreign),
        Case::new("receiver::suspended", suspended),
        Case::new("receiver::scaled_by_others", scaled),
        Case::new("receiver::priority_class_by_policy", priority_class),
        Case::new(
            "receiver::foreign_lifecycle_secret_is_named",
            lifecycle_secret,
        ),
    ]
}

/// `kubectl scale`, and so every autoscaler, works on an integration that states no number, and whoever applies it
/// again leaves the number alone.
async fn scaled(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, json!({})).await?;
    let said = bed
        .kubectl(&["scale", "zint", "acme", "--replicas=2"])
        .await?;
    anyhow::ensure!(said.success, "{}", said.stderr);
    let two = |object: &Value| object["spec"]["replicas"] == 2;
    bed.until_object("deployments", RECEIVER, "scaled", two)
        .await?;
    let applied = bed.apply(&tenant.manifest_with_webhook()).await?;
    let replicas = &applied["spec"]["webhook"]["receiver"]["replicas"];
    anyhow::ensure!(*replicas == 2, "{applied:#}");
    Ok(())
}

/// The names of the elements of a list.
fn names(list: &Value) -> Vec<&str> {
    let elements = list.as_array().into_iter().flatten();
    elements.map(|element| text(element, "/name")).collect()
}

async fn hardened(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    connected(&bed, &sim, json!({})).await?;
    let integration = bed.integration("acme").await?;
    for resource in ["deployments", "services", "serviceaccounts"] {
        let object = bed.get(resource, RECEIVER).await?;
        let owner = &object["metadata"]["ownerReferences"][0];
        anyhow::ensure!(
            owner["uid"] == integration["metadata"]["uid"] && owner["controller"] == true,
            "{object:#}"
        );
        let labels = &object["metadata"]["labels"];
        anyhow::ensure!(
            labels["app.kubernetes.io/name"] == "zoom-receiver"
                && labels["app.kubernetes.io/instance"] == "acme"
                && labels["app.kubernetes.io/component"] == "receiver"
                && labels["app.kubernetes.io/managed-by"] == "zoom-operator"
                && labels["zoom-operator.io/integration"] == "acme",
            "{labels:#}"
        );
    }
    let account = bed.get("serviceaccounts", RECEIVER).await?;
    anyhow::ensure!(account["automountServiceAccountToken"] == false);
    let pod = bed.get("pods", &only_pod(&bed).await?).await?;
    let spec = &pod["spec"];
    anyhow::ensure!(spec["automountServiceAccountToken"] == false);
    anyhow::ensure!(spec["serviceAccountName"] == RECEIVER);
    anyhow::ensure!(spec["securityContext"]["runAsNonRoot"] == true);
    anyhow::ensure!(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault");
    let container = &spec["containers"][0];
    anyhow::ensure!(container["securityContext"]["readOnlyRootFilesystem"] == true);
    anyhow::ensure!(container["securityContext"]["allowPrivilegeEscalation"] == false);
    anyhow::ensure!(container["securityContext"]["capabilities"]["drop"] == json!(["ALL"]));
    anyhow::ensure!(!container["resources"]["limits"]["memory"].is_null());
    // No secret by environment: only where the sink's Service is.
    let variables = names(&container["env"]);
    anyhow::ensure!(variables == ["SINK_SERVICE_ADDRESSES"], "{variables:?}");
    let volumes = names(&spec["volumes"]);
    anyhow::ensure!(volumes == ["signing", "state"], "{volumes:?}");
    // Of the credentials it sees the signing secrets and nothing else.
    let signing = &spec["volumes"][0]["secret"]["items"];
    let keys: Vec<&str> = signing
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| text(item, "/key"))
        .collect();
    anyhow::ensure!(
        keys == ["webhook-secret-token", "previous-webhook-secret-token"],
        "{keys:?}"
    );
    let service = bed.get("services", RECEIVER).await?;
    anyhow::ensure!(service["spec"]["ports"].as_array().map(Vec::len) == Some(1));
    anyhow::ensure!(service["spec"]["ports"][0]["port"] == 80);
    // The knobs arrive.
    let knobs = json!({"webhook": {"receiver": {
        "replicas": 2,
        "resources": {"requests": {"cpu": "5m"}, "limits": {"memory": "48Mi"}},
    }}});
    bed.change("acme", &knobs).await?;
    bed.until_object("deployments", RECEIVER, "two replicas", |object| {
        object["spec"]["replicas"] == 2
    })
    .await?;
    let deployment = bed.until_deployed(RECEIVER).await?;
    let resources = &deployment["spec"]["template"]["spec"]["containers"][0]["resources"];
    anyhow::ensure!(resources["limits"]["memory"] == "48Mi", "{resources}");
    Ok(())
}

async fn removed(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    connected(&bed, &sim, json!({})).await?;
    bed.change("acme", &json!({"webhook": null})).await?;
    for resource in ["deployments", "services", "serviceaccounts"] {
        bed.until_gone(resource, RECEIVER).await?;
    }
    let object = bed
        .until("acme", "no word of a receiver", |object| {
            seen(object) && object["status"]["webhook"].is_null()
        })
        .await?;
    anyhow::ensure!(status(&object, "Ready") == "True");
    anyhow::ensure!(status(&object, "ReceiverAvailable") == "absent");
    anyhow::ensure!(status(&object, "EndpointValidated") == "absent");
    // And with the integration itself, by the garbage collector.
    bed.apply(&Tenant::server_to_server("acme").manifest_with_webhook())
        .await?;
    bed.until_object("deployments", RECEIVER, "back", |_| true)
        .await?;
    bed.delete("zoomintegrations", "acme").await?;
    for resource in ["deployments", "services", "serviceaccounts"] {
        bed.until_gone(resource, RECEIVER).await?;
    }
    Ok(())
}

async fn come_back(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, json!({})).await?;
    for resource in ["services", "serviceaccounts", "deployments"] {
        let before = bed.get(resource, RECEIVER).await?;
        bed.delete(resource, RECEIVER).await?;
        bed.until_object(resource, RECEIVER, "back", |object| {
            object["metadata"]["uid"] != before["metadata"]["uid"]
        })
        .await?;
    }
    // Edited by hand as well.
    let edits: [(&str, Value, &str, Value); 2] = [
        (
            "deployments",
            json!({"spec": {"replicas": 0}}),
            "/spec/replicas",
            json!(1),
        ),
        (
            "services",
            // One label more, and the Service leads nowhere.
            json!({"spec": {"selector": {"app": "other"}}}),
            "/spec/selector",
            json!({
                "app.kubernetes.io/name": "zoom-receiver",
                "app.kubernetes.io/instance": "acme",
            }),
        ),
    ];
    for (resource, edit, pointer, wanted) in edits {
        bed.patch(resource, RECEIVER, &edit).await?;
        bed.until_object(resource, RECEIVER, "repaired", |object| {
            object.pointer(pointer) == Some(&wanted)
        })
        .await?;
    }
    bed.until_deployed(RECEIVER).await?;
    bed.until_reason("acme", "Connected").await?;
    wait_for("events arrive again", LIMIT, || async {
        let delivery = sim
            .deliver(&tenant, json!({"event": meeting_ended("1")}))
            .await?;
        Ok((*answer(&delivery) == 204).then_some(()))
    })
    .await
}

async fn foreign(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let theirs = bed
        .apply(&json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": RECEIVER},
            "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]},
        }))
        .await?;
    let tenant = Tenant::server_to_server("acme");
    tenant
        .declare(&bed, &sim, json!({}), &tenant.manifest_with_webhook())
        .await?;
    let object = bed.until_reason("acme", "ReceiverConflict").await?;
    anyhow::ensure!(status(&object, "Stalled") == "True");
    let service = bed.get("services", RECEIVER).await?;
    anyhow::ensure!(service["spec"] == theirs["spec"], "{service:#}");
    Ok(())
}

/// A suspended tenant still answers Zoom's validation, so that the endpoint is not lost; events come again later.
async fn suspended(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let tenant = connected(&bed, &sim, json!({})).await?;
    bed.change("acme", &json!({"suspend": true})).await?;
    bed.until_object("deployments", RECEIVER, "told", |object| {
        object.to_string().contains("--suspended")
    })
    .await?;
    bed.until_deployed(RECEIVER).await?;
    let delivery = wait_for("the old Pod is out of the way", LIMIT, || async {
        let delivery = sim
            .deliver(&tenant, json!({"event": meeting_ended("2")}))
            .await?;
        Ok((*answer(&delivery) != 204).then_some(delivery))
    })
    .await?;
    anyhow::ensure!(*answer(&delivery) == 503, "{delivery:#}");
    let validation = sim.validate(&tenant).await?;
    anyhow::ensure!(validation["ok"] == true, "{validation:#}");
    bed.change("acme", &json!({"suspend": null})).await?;
    wait_for("events are taken again", LIMIT, || async {
        let delivery = sim
            .deliver(&tenant, json!({"event": meeting_ended("3")}))
            .await?;
        Ok((*answer(&delivery) == 204).then_some(()))
    })
    .await
}

/// A class that is not allowed is named and not applied; the receiver works all the same.
async fn priority_class(bed: Bed) -> anyhow::Result<()> {
    let options = Options {
        values: vec!["receiver.pods.allowedPriorityClasses={low}".into()],
        ..Options::default()
    };
    let (sim, _operator) = bed.zoom_and_operator(&options).await?;
    let high = json!({"webhook": {"receiver": {"priorityClassName": "system-cluster-critical"}}});
    connected(&bed, &sim, high).await?;
    let object = bed
        .until("acme", "the class is refused", |object| {
            reason(object, "ReceiverAvailable") == "PriorityClassRefused"
        })
        .await?;
    anyhow::ensure!(status(&object, "ReceiverAvailable") == "True");
    let said = message(&object, "ReceiverAvailable");
    anyhow::ensure!(said.contains("system-cluster-critical"), "{said}");
    let pod = &bed.get("deployments", RECEIVER).await?["spec"]["template"]["spec"];
    anyhow::ensure!(pod["priorityClassName"].is_null(), "{pod:#}");
    bed.change("acme", &json!({"webhook": {"receiver": null}}))
        .await?;
    bed.until("acme", "nothing is refused", |object| {
        seen(object) && reason(object, "ReceiverAvailable") == "Available"
    })
    .await?;
    Ok(())
}

/// Nothing is mounted that somebody else wrote; once it is gone, the receiver is told of the states.
async fn lifecycle_secret(bed: Bed) -> anyhow::Result<()> {
    let (sim, _operator) = bed.zoom_and_operator(&Options::default()).await?;
    let name = format!("{RECEIVER}-lifecycle");
    let theirs = secret(&name, &[("states.json", b"[]")]);
    let theirs = bed.create(&theirs).await?;
    let tenant = Tenant::server_to_server("acme");
    let mut manifest = tenant.manifest_with_webhook();
    manifest["spec"]["webhook"]["lifecycleEvents"] = json!({});
    tenant.declare(&bed, &sim, json!({}), &manifest).await?;
    let object = bed.until_reason("acme", "ReceiverConflict").await?;
    let said = message(&object, "Ready");
    anyhow::ensure!(said.contains(&format!("Secret {name}")), "{said}");
    anyhow::ensure!(bed.get("secrets", &name).await? == theirs);
    bed.delete("secrets", &name).await?;
    bed.until_reason("acme", "Connected").await?;
    bed.until_object("secrets", &name, "the states", |secret| {
        secret["metadata"]["labels"]["zoom-operator.io/integration"] == "acme"
    })
    .await?;
    Ok(())
}
