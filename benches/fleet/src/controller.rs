//! The controller from outside: its Pod, its process, what it asks the API server for.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, until},
    results::Memory,
};

/// Kernel ticks in a second, as `/proc` counts CPU time.
const TICKS: f64 = 100.0;

/// The controller of the release.
pub struct Controller {
    cluster: Cluster,
    namespace: String,
    audit: PathBuf,
}

/// Its Pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The Pod's name.
    pub name: String,
    process: u32,
}

// === impl Controller ===

impl Controller {
    /// The one in this namespace.
    pub fn new(cluster: &Cluster, namespace: &str, audit: PathBuf) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            audit,
        }
    }

    /// Sets the number of replicas, and waits until no other Pods are left.
    pub async fn scale(&self, replicas: u32) -> anyhow::Result<()> {
        let path = format!(
            "/apis/apps/v1/namespaces/{}/deployments/zoom-operator",
            self.namespace
        );
        self.cluster
            .merge(&path, &json!({"spec": {"replicas": replicas}}))
            .await?;
        until("the controller's Pods", Duration::from_mins(2), || async {
            Ok(self.pods().await?.len() == usize::try_from(replicas)?)
        })
        .await
    }

    async fn pods(&self) -> anyhow::Result<Vec<Value>> {
        let path = format!(
            "/api/v1/namespaces/{}/pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dcontroller",
            self.namespace
        );
        let list = self.cluster.get(&path).await?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// The Pod that leads, once it does.
    pub async fn leader(&self) -> anyhow::Result<Pod> {
        let path = format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases/zoom-operator",
            self.namespace
        );
        for _ in 0..1200 {
            let lease = self.cluster.get(&path).await.unwrap_or_default();
            let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
            let pods = self.pods().await?;
            if let Some(pod) = pods.iter().find(|pod| pod["metadata"]["name"] == holder)
                && pod["metadata"]["deletionTimestamp"].is_null()
                && let Ok(found) = Pod::of(pod)
            {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("no controller leads")
    }

    /// Deletes a Pod at once.
    pub async fn kill(&self, pod: &Pod) -> anyhow::Result<()> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}?gracePeriodSeconds=0",
            self.namespace, pod.name
        );
        self.cluster.delete(&path).await
    }

    /// A sum over the samples of one of a Pod's metrics.
    pub async fn metric(&self, pod: &Pod, name: &str) -> anyhow::Result<f64> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/http:{}:8081/proxy/metrics",
            self.namespace, pod.name
        );
        let text = self.cluster.text(&path).await?;
        let samples = text.lines().filter(|line| line.starts_with(name));
        Ok(samples
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum())
    }

    /// What a Pod asked the API server for since then, by verb and resource, without its Lease and without watches.
    pub fn requests(&self, pod: &Pod, since: Timestamp) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        let folder = self.audit.parent().context("no folder")?;
        for file in fs::read_dir(folder)? {
            let file = file?;
            let is_log = file.file_name().to_string_lossy().starts_with("audit");
            if !is_log || file.metadata()?.modified()? < since.into() {
                continue;
            }
            let text = fs::read_to_string(file.path())?;
            for line in text.lines().filter(|line| line.contains(&pod.name)) {
                // The last line may be under way.
                let Ok(entry) = serde_json::from_str::<Value>(line) else {
                    continue;
                };
                let by = &entry["user"]["extra"]["authentication.kubernetes.io/pod-name"][0];
                let at: Timestamp = entry["requestReceivedTimestamp"]
                    .as_str()
                    .unwrap_or_default()
                    .parse()?;
                let verb = entry["verb"].as_str().unwrap_or_default();
                let object = &entry["objectRef"];
                let resource = object["resource"].as_str().unwrap_or_default();
                if *by != pod.name.as_str() || at < since || resource == "leases" || verb == "watch"
                {
                    continue;
                }
                let part = object["subresource"]
                    .as_str()
                    .map_or_else(String::new, |part| format!("/{part}"));
                *counts
                    .entry(format!("{verb} {resource}{part}"))
                    .or_default() += 1;
            }
        }
        Ok(counts)
    }
}

/// How many of these requests change something.
pub fn writes(requests: &BTreeMap<String, u64>) -> u64 {
    let is_write = |name: &str| !name.starts_with("get ") && !name.starts_with("list ");
    requests
        .iter()
        .filter(|(name, _)| is_write(name))
        .map(|(_, count)| count)
        .sum()
}

// === impl Pod ===

impl Pod {
    fn of(pod: &Value) -> anyhow::Result<Self> {
        let uid = pod["metadata"]["uid"].as_str().context("no uid")?;
        Ok(Self {
            name: pod["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            process: process(uid)?,
        })
    }

    /// CPU time that it has used, in seconds.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process))?;
        let (_, fields) = stat.rsplit_once(')').context("no name")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |at: usize| -> anyhow::Result<f64> {
            Ok(fields.get(at).context("too short")?.parse()?)
        };
        Ok((ticks(11)? + ticks(12)?) / TICKS)
    }

    /// Its resident memory.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let field = |name: &str| -> anyhow::Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().next());
            Ok(kibibytes.context("no such field")?.parse::<u64>()? * 1024)
        };
        Ok(Memory {
            resident: field("VmRSS:")?,
            anonymous: field("RssAnon:")?,
            peak: field("VmHWM:")?,
        })
    }
}

/// The process of a Pod's controller: the one that its cgroup and its name tell.
fn process(uid: &str) -> anyhow::Result<u32> {
    let uids = [uid.to_owned(), uid.replace('-', "_")];
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let group = String::from_utf8_lossy(&read("cgroup")).into_owned();
        let line = String::from_utf8_lossy(&read("cmdline")).into_owned();
        if uids.iter().any(|uid| group.contains(uid)) && line.contains("controller") {
            return Ok(id);
        }
    }
    anyhow::bail!("the controller's process is not on this machine")
}
