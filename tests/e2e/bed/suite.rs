//! What all tests of a run share: the definition, the peace from other operators, the lock.

use std::{fs::File, path::Path};

use anyhow::Context as _;
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Bed, evidence,
    object::{name, text},
    tenant::unique,
    tools,
};

/// Label on the tests' namespaces and nodes; its value is the process that made them.
pub const RUN_LABEL: &str = "zoom-operator.io/e2e-run";

/// Label on namespaces kept for a person to look at.
const KEPT_LABEL: &str = "zoom-operator.io/e2e-kept";

/// On an operator that was stopped for the tests: how many replicas it had.
const REPLICAS: &str = "zoom-operator.io/e2e-replicas";

/// Where an operator for the whole cluster may run.
const DEMO_DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/zoom-operator-system/deployments";

/// A run of the tests.
pub struct Suite {
    client: Client,
    /// Shared by all runs on this machine: the last one wakes the demo's operator.
    lock: File,
}

// === impl Suite ===

impl Suite {
    /// Prepares the cluster.
    pub async fn start() -> anyhow::Result<Self> {
        let lock = lock_file("e2e.lock")?;
        lock.lock_shared()?;
        // Not while another run has the cluster, or its API server, to itself.
        let _turn = Self::turn(false)?;
        let suite = Self {
            client: client().await?,
            lock,
        };
        suite.define().await.context("the definitions")?;
        suite.silence().await.context("the demo's operator")?;
        suite.sweep().await.context("leftovers")?;
        evidence::watch(&suite.client);
        tokio::spawn({
            let client = suite.client.clone();
            let lock = suite.lock.try_clone()?;
            async move {
                // Interrupted: leave the demo as it was.
                let asked = signal(SignalKind::terminate());
                let Ok(mut asked) = asked else { return };
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = asked.recv() => {}
                }
                // Unless another run still needs peace; it will do this at its own end.
                if lock.unlock().is_ok() && lock.try_lock().is_ok() {
                    wake(&cluster(&client)).await;
                }
                std::process::exit(130);
            }
        });
        Ok(suite)
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A test's turn, until dropped: serial tests have the cluster to themselves, also from other runs on this machine.
    pub fn turn(alone: bool) -> std::io::Result<File> {
        let turn = lock_file("e2e-turn.lock")?;
        if alone {
            turn.lock()?;
        } else {
            turn.lock_shared()?;
        }
        Ok(turn)
    }

    /// A namespace's name for a test.
    #[allow(clippy::unused_self, reason = "there is no name outside a run")]
    pub fn namespace(&self, test: &str) -> String {
        let slug: String = test
            .replace("::", "-")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(45)
            .collect();
        let random = unique("");
        format!(
            "{}{}{}",
            evidence::PREFIX,
            slug.trim_matches('-'),
            &random[..7]
        )
    }

    /// Deletes a test's namespace without waiting.
    pub async fn abandon(&self, bed: &Bed) {
        let path = format!("/api/v1/namespaces/{}", bed.namespace());
        if let Err(error) = bed.request("DELETE", &path, None).await {
            println!("{}: {error}", bed.namespace());
        }
    }

    /// Keeps a test's namespace for a person to look at.
    pub async fn keep(&self, bed: &Bed) {
        println!("kept for you: namespace {}", bed.namespace());
        let path = format!("/api/v1/namespaces/{}", bed.namespace());
        let patch = json!({"metadata": {"labels": {KEPT_LABEL: "true"}}});
        let patch = ("application/merge-patch+json", &patch);
        if let Err(error) = bed.request("PATCH", &path, Some(patch)).await {
            println!("{}: {error}", bed.namespace());
        }
    }

    /// Leaves the cluster as it was.
    pub async fn finish(&self) {
        // Another run may still need peace; it will do this at its own end.
        let last = self.lock.unlock().is_ok() && self.lock.try_lock().is_ok();
        if last {
            wake(&cluster(&self.client)).await;
        }
    }

    /// Applies the definitions, and gives up the fields again: the chart's release may own them.
    async fn define(&self) -> anyhow::Result<()> {
        let manager = "zoom-operator-e2e";
        let file = tools::repository().join("crds");
        let file = file.to_string_lossy();
        let args = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename",
            &file,
        ];
        let manager_arg = format!("--field-manager={manager}");
        let args: Vec<&str> = args.into_iter().chain([manager_arg.as_str()]).collect();
        tools::must("kubectl", &args).await?;
        tools::must(
            "kubectl",
            &[
                "wait",
                "--for=condition=Established",
                "--timeout=60s",
                "--filename",
                &file,
            ],
        )
        .await?;
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/zoomintegrations.zoom-operator.io";
        let cluster = cluster(&self.client);
        let definition = cluster.request("GET", path, None).await?;
        let managers = definition["metadata"]["managedFields"].as_array();
        let others: Vec<&Value> = managers
            .into_iter()
            .flatten()
            .filter(|entry| entry["manager"] != manager)
            .collect();
        let patch = json!({"metadata": {"managedFields": others}});
        let patch = ("application/merge-patch+json", &patch);
        cluster.request("PATCH", path, Some(patch)).await?;
        Ok(())
    }

    /// An operator for the whole cluster would fight over the tests' objects: it is stopped for the time being.
    async fn silence(&self) -> anyhow::Result<()> {
        let cluster = cluster(&self.client);
        for deployment in demo(&cluster).await? {
            let replicas = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
            if replicas == 0 {
                continue;
            }
            println!(
                "stopping {} in zoom-operator-system for the time of the tests",
                name(&deployment)
            );
            let patch = json!({
                "metadata": {"annotations": {REPLICAS: replicas.to_string()}},
                "spec": {"replicas": 0},
            });
            let path = format!("{DEMO_DEPLOYMENTS}/{}", name(&deployment));
            let patch = ("application/merge-patch+json", &patch);
            cluster.request("PATCH", &path, Some(patch)).await?;
        }
        super::wait_for("the demo's operator stops", super::LIMIT, || async {
            let path = "/api/v1/namespaces/zoom-operator-system/pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dcontroller";
            let pods = cluster.request("GET", path, None).await?;
            Ok(pods["items"].as_array().is_none_or(Vec::is_empty).then_some(()))
        })
        .await
    }

    /// Deletes namespaces and nodes of runs that ended without doing so.
    async fn sweep(&self) -> anyhow::Result<()> {
        if !tools::is_local() {
            return Ok(());
        }
        let cluster = cluster(&self.client);
        for resource in ["namespaces", "nodes"] {
            let label = RUN_LABEL.replace('/', "%2F");
            let path = format!("/api/v1/{resource}?labelSelector={label}");
            let list = cluster.request("GET", &path, None).await?;
            for object in list["items"].as_array().into_iter().flatten() {
                let labels = &object["metadata"]["labels"];
                let process = labels[RUN_LABEL].as_str().unwrap_or_default();
                let alive = Path::new("/proc").join(process).exists();
                if !alive && labels[KEPT_LABEL].is_null() {
                    let path = format!("/api/v1/{resource}/{}", name(object));
                    cluster.request("DELETE", &path, None).await?;
                }
            }
        }
        Ok(())
    }
}

/// A file to lock, the same for all checkouts that share the local cluster.
fn lock_file(name: &str) -> std::io::Result<File> {
    let shared = if tools::is_local() {
        ".cluster/state"
    } else {
        "target"
    };
    File::create(tools::repository().join(shared).join(name))
}

/// The API server outside any test's namespace.
fn cluster(client: &Client) -> Bed {
    Bed::outside(client.clone())
}

async fn client() -> anyhow::Result<Client> {
    let config = match tools::kubeconfig() {
        Some(path) => {
            let kubeconfig = kube::config::Kubeconfig::read_from(&path)
                .with_context(|| format!("{}: is the cluster up?", path.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
                .await?
        }
        None => Config::infer().await?,
    };
    Ok(Client::try_from(config)?)
}

async fn demo(cluster: &Bed) -> anyhow::Result<Vec<Value>> {
    let path =
        format!("{DEMO_DEPLOYMENTS}?labelSelector=app.kubernetes.io%2Fcomponent%3Dcontroller");
    let list = cluster.request("GET", &path, None).await?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

/// Starts the demo's operator again.
async fn wake(cluster: &Bed) {
    for deployment in demo(cluster).await.unwrap_or_default() {
        let pointer = format!("/metadata/annotations/{}", REPLICAS.replace('/', "~1"));
        let Ok(replicas) = text(&deployment, &pointer).parse::<u64>() else {
            continue;
        };
        let patch = json!({
            "metadata": {"annotations": {REPLICAS: null}},
            "spec": {"replicas": replicas},
        });
        let path = format!("{DEMO_DEPLOYMENTS}/{}", name(&deployment));
        let patch = ("application/merge-patch+json", &patch);
        match cluster.request("PATCH", &path, Some(patch)).await {
            Ok(_) => println!(
                "started {} in zoom-operator-system again",
                name(&deployment)
            ),
            Err(error) => println!(
                "failed to start {} in zoom-operator-system again, scale it to {replicas}: {error}",
                name(&deployment)
            ),
        }
    }
}
