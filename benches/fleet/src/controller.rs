//! The controller from outside: its Pod, its process, what it asks the API server for.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    audit,
    cluster::{Cluster, until},
    results::{Cost, Memory},
};

/// Kernel ticks in a second, as `/proc` counts CPU time.
const TICKS: f64 = 100.0;

/// The controller of the release.
pub struct Controller {
    cluster: Cluster,
    namespace: String,
    audit: PathBuf,
}

/// Measures a controller for a time.
pub struct Meter<'a> {
    controller: &'a Controller,
    pod: Pod,
    cpu: f64,
    since: Timestamp,
    started: Instant,
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

    /// Sets the number of replicas, and waits until these are ready and no other Pods are left.
    pub async fn scale(&self, replicas: u32) -> anyhow::Result<()> {
        self.cluster
            .merge(&self.deployment(), &json!({"spec": {"replicas": replicas}}))
            .await?;
        until("the controller's Pods", Duration::from_mins(2), || async {
            let pods = self.pods().await?;
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            Ok(pods.len() == usize::try_from(replicas)? && ready == pods.len())
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
        let path = self.lease_path();
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

    /// CPU time, memory and requests from now on.
    pub fn begin(&self, pod: &Pod) -> anyhow::Result<Meter<'_>> {
        Ok(Meter {
            controller: self,
            pod: pod.clone(),
            cpu: pod.cpu()?,
            since: Timestamp::now(),
            started: Instant::now(),
        })
    }

    /// The same for a Pod that has just begun to lead, with all that it has done since it was made.
    pub fn begin_with_start(&self, pod: &Pod, since: Timestamp) -> Meter<'_> {
        Meter {
            controller: self,
            pod: pod.clone(),
            cpu: 0.0,
            since,
            started: Instant::now(),
        }
    }

    /// How much memory the chart lets it use.
    pub async fn memory_limit(&self) -> anyhow::Result<u64> {
        let deployment = self.cluster.get(&self.deployment()).await?;
        let limit = &deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
            ["memory"];
        let mebibytes = limit.as_str().and_then(|limit| limit.strip_suffix("Mi"));
        let mebibytes = mebibytes.context("the limit is not in MiB")?;
        Ok(mebibytes.parse::<u64>()? << 20)
    }

    /// How long other replicas wait for a silent leader, in seconds.
    pub async fn lease(&self) -> anyhow::Result<f64> {
        let lease = self.cluster.get(&self.lease_path()).await?;
        let seconds = lease["spec"]["leaseDurationSeconds"].as_f64();
        seconds.context("the Lease has no duration")
    }

    /// Gives it one more argument, and waits for the Pod that leads with it.
    pub async fn add_argument(&self, argument: &str) -> anyhow::Result<Pod> {
        let args = "/spec/template/spec/containers/0/args";
        let argument = Value::from(argument);
        let before = self.leader().await?;
        self.cluster
            .append(&self.deployment(), args, &argument)
            .await?;
        until("the next leader", Duration::from_mins(3), || async {
            Ok(self.leader().await?.name != before.name)
        })
        .await?;
        self.leader().await
    }

    fn deployment(&self) -> String {
        format!(
            "/apis/apps/v1/namespaces/{}/deployments/zoom-operator",
            self.namespace
        )
    }

    fn lease_path(&self) -> String {
        format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases/zoom-operator",
            self.namespace
        )
    }
}

// === impl Meter ===

impl Meter<'_> {
    /// What was used since the beginning, for so many objects.
    pub fn end(&self, objects: u32) -> anyhow::Result<Cost> {
        self.end_within(objects, "")
    }

    /// The same, with the requests about namespaces with this prefix only. CPU time and memory are those of all.
    pub fn end_within(&self, objects: u32, namespaces: &str) -> anyhow::Result<Cost> {
        let log = &self.controller.audit;
        Ok(Cost {
            objects,
            seconds: self.started.elapsed().as_secs_f64(),
            cpu: self.pod.cpu()? - self.cpu,
            requests: audit::requests(log, &self.pod.name, self.since, namespaces)?,
            memory: self.pod.memory()?,
        })
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
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
