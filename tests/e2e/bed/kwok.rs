//! A node that only seems to be one (<https://kwok.sigs.k8s.io>): its Pods become ready at once and run nothing.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Bed,
    namespace::JSON,
    object::status,
    process::Process,
    suite::RUN_LABEL,
    tools,
    wait::{LIMIT, wait_for},
};

/// Label of the node, and selector of its Pods; the value is the test's namespace.
const LABEL: &str = "zoom-operator.io/e2e-kwok";

/// Addresses of its Pods, from a range that leads nowhere: RFC 2544.
const ADDRESSES: &str = "198.18.0.0/16";

/// A node that only seems to be one, until dropped. Its Pods must go before: see [`Kwok::until_empty`].
pub struct Kwok {
    bed: Bed,
    process: Process,
    directory: TempDir,
}

// === impl Kwok ===

impl Kwok {
    /// Makes the node and waits until it is ready.
    pub async fn start(bed: &Bed) -> anyhow::Result<Self> {
        let program = tools::cluster("build", &["kwok"]).await?;
        let directory = tempfile::tempdir()?;
        let kubeconfig = tools::kubeconfig().unwrap_or_default();
        let stages = Path::new(program.trim()).with_file_name("stages.yaml");
        let args = [
            "--kubeconfig",
            &kubeconfig.to_string_lossy(),
            "--config",
            &stages.to_string_lossy(),
            &format!(
                "--manage-nodes-with-label-selector={LABEL}={}",
                bed.namespace()
            ),
            &format!("--cidr={ADDRESSES}"),
            "--node-lease-duration-seconds=40",
        ];
        let log = directory.path().join("log");
        let process = Process::start(program.trim(), &args, &log)?;
        let mut kwok = Self {
            bed: bed.clone(),
            process,
            directory,
        };
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": kwok.node(),
                "labels": {
                    "type": "kwok",
                    // Where the chart lets receivers run.
                    "kubernetes.io/os": "linux",
                    LABEL: bed.namespace(),
                    RUN_LABEL: std::process::id().to_string(),
                },
            },
            "spec": {"taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]},
            "status": {"allocatable": {"cpu": "1k", "memory": "1Ti", "pods": "10k"}},
        });
        bed.request("POST", "/api/v1/nodes", Some((JSON, &node)))
            .await?;
        let path = format!("/api/v1/nodes/{}", kwok.node());
        let ready = || async {
            let node = bed.request("GET", &path, None).await?;
            Ok((status(&node, "Ready") == "True").then_some(()))
        };
        kwok.process.until("the node is ready", ready).await?;
        Ok(kwok)
    }

    /// Name of the node.
    pub fn node(&self) -> String {
        format!("kwok-{}", self.bed.namespace())
    }

    /// What a Pod's spec needs to run here: `nodeSelector` and `tolerations`.
    pub fn placement(&self) -> Value {
        json!({
            "nodeSelector": {LABEL: self.bed.namespace()},
            "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"}],
        })
    }

    /// Its log so far.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.directory.path().join("log"))?)
    }

    /// Waits until nothing runs here any more. Pods that outlive their node hold up their namespace.
    pub async fn until_empty(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", self.node());
        wait_for("the node of kwok is empty", LIMIT, || async {
            let pods = self.bed.request("GET", &path, None).await?;
            Ok(pods["items"]
                .as_array()
                .is_some_and(Vec::is_empty)
                .then_some(()))
        })
        .await
    }
}

impl Drop for Kwok {
    fn drop(&mut self) {
        let mut command = Command::new(tools::repository().join(".cluster/bin/kubectl"));
        command.args(["delete", "node", "--wait=false", &self.node()]);
        if let Some(kubeconfig) = tools::kubeconfig() {
            command.env("KUBECONFIG", kubeconfig);
        }
        if let Err(error) = command.output() {
            println!("{}: {error}", self.node());
        }
    }
}
