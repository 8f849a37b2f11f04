//! Integrations with a receiver, on a node that runs nothing.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, each},
    tenants::{Tenant, integrations},
};

/// Namespaces over which they are spread.
const NAMESPACES: u32 = 10;
/// What their names begin with.
pub const NAME: &str = "hook";
/// What the names of their namespaces begin with.
pub const PREFIX: &str = "fleet-hook-";
/// Name of the Secret in each namespace.
const SECRET: &str = "zoom";

/// The integration with this number.
pub fn tenant(number: u32) -> Tenant {
    Tenant {
        namespace: namespace(number),
        name: format!("{NAME}-{number}"),
    }
}

fn namespace(number: u32) -> String {
    format!("{PREFIX}{}", number % NAMESPACES)
}

/// Makes the namespaces and the secret tokens.
pub async fn prepare(cluster: &Cluster) -> anyhow::Result<()> {
    for number in 0..NAMESPACES {
        let namespace = namespace(number);
        cluster.create_namespace(&namespace).await?;
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET},
            "stringData": {"webhook-secret-token": "bench-secret-token-of-the-receivers"},
        });
        let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
        cluster.create(&secrets, &secret).await?;
    }
    Ok(())
}

/// Creates the integrations with these numbers, with receivers on this node.
pub async fn create(
    cluster: &Cluster,
    numbers: std::ops::Range<u32>,
    node: &str,
    in_flight: usize,
) -> anyhow::Result<()> {
    each(numbers, in_flight, |number| async move {
        let tenant = tenant(number);
        let path = integrations(&tenant.namespace);
        cluster
            .create(&path, &integration(&tenant.name, node))
            .await?;
        Ok(())
    })
    .await
}

fn integration(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "zoom-operator.io/v1alpha1",
        "kind": "ZoomIntegration",
        "metadata": {"name": name},
        "spec": {
            "app": {"kind": "WebhookOnly"},
            "credentials": {"secretRef": {"name": SECRET}},
            "webhook": {
                "subscriptions": [{"name": "meetings", "events": ["meeting.ended"]}],
                "endpoint": {"host": format!("{name}.example.com"), "path": "/zoom"},
                "sink": {"http": {"url": "https://back-end.example.com/events"}},
                "receiver": {
                    "nodeSelector": {"kubernetes.io/hostname": node},
                    "tolerations": [
                        {"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"},
                    ],
                },
            },
        },
    })
}

/// All receivers.
pub async fn deployments(cluster: &Cluster) -> anyhow::Result<Vec<Value>> {
    let labels = "labelSelector=app.kubernetes.io%2Fname%3Dzoom-receiver";
    let mut all = cluster
        .list(&format!("/apis/apps/v1/deployments?{labels}"))
        .await?;
    all.retain(|one| {
        let namespace = one["metadata"]["namespace"].as_str();
        namespace.is_some_and(|namespace| namespace.starts_with(PREFIX))
    });
    Ok(all)
}

/// Whether a receiver runs as it is declared.
pub fn is_settled(deployment: &Value) -> bool {
    let (meta, status) = (&deployment["metadata"], &deployment["status"]);
    meta["generation"] == status["observedGeneration"]
        && status["updatedReplicas"] == 1
        && status["replicas"] == 1
        && status["availableReplicas"] == 1
}

/// Deletes the integrations, and waits until no Pod is left on the node: Pods that outlive it hold up their namespaces.
pub async fn remove(cluster: &Cluster, node: &str) -> anyhow::Result<()> {
    for number in 0..NAMESPACES {
        cluster
            .delete_all(&integrations(&namespace(number)))
            .await?;
    }
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}");
    let limit = std::time::Duration::from_mins(10);
    crate::cluster::until("the node is empty", limit, || async {
        Ok(cluster.list(&path).await?.is_empty())
    })
    .await?;
    let names: Vec<String> = (0..NAMESPACES).map(namespace).collect();
    cluster.remove_namespaces(&names).await
}
