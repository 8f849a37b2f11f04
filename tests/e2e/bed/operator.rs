//! An operator of the test's own, installed by the chart in namespaced mode.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    Bed, evidence,
    object::{self, name},
    tools,
    wait::{LIMIT, wait_for},
};

/// Helm release, and so the name of the Deployment and of the Lease.
const RELEASE: &str = "zoom-operator";

/// Host of the consent pages.
pub const PAGES: &str = "connect.example.com";

/// What differs from test to test.
#[derive(Clone, Debug)]
pub struct Options {
    pub replicas: u32,
    /// Seconds after which a silent leader is replaced.
    pub lease_seconds: u32,
    /// Further `--set` values of the chart.
    pub values: Vec<String>,
    /// Directory of the previous version's chart, to install that one instead.
    pub previous: Option<String>,
}

/// An operator of the test's own.
#[derive(Clone)]
pub struct Operator {
    bed: Bed,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            replicas: 1,
            // The chart's own: a stall of a busy machine does not cost the leader its lease.
            lease_seconds: 45,
            values: Vec::new(),
            previous: None,
        }
    }
}

impl Options {
    /// Serves these namespaces instead of the test's own alone.
    #[must_use]
    pub fn serving(self, beds: &[&Bed]) -> Self {
        let all: Vec<&str> = beds.iter().map(|bed| bed.namespace()).collect();
        self.with(format!("watchNamespaces={{{}}}", all.join(",")))
    }

    /// With consent pages at [`PAGES`].
    #[must_use]
    pub fn with_pages(self) -> Self {
        self.with(format!("connect.url=https://{PAGES}"))
            .with("connect.replicas=1".to_owned())
    }

    /// With a further `--set` value of the chart.
    #[must_use]
    pub fn with(mut self, value: String) -> Self {
        self.values.push(value);
        self
    }
}

// === impl Operator ===

impl Operator {
    /// Installs the chart in the test's namespace. Does not wait for the Pods: whatever the test waits for next does.
    pub async fn install(bed: &Bed, options: &Options) -> anyhow::Result<Self> {
        let mut args = vec!["install".to_owned(), RELEASE.to_owned()];
        args.extend(Self::chart_args(bed, options));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        tools::must("helm", &args).await?;
        Ok(Self { bed: bed.clone() })
    }

    /// Upgrades it to other values, without waiting for the Pods.
    pub async fn upgrade(&self, options: &Options) -> anyhow::Result<()> {
        let mut args = vec!["upgrade".to_owned(), RELEASE.to_owned()];
        args.extend(Self::chart_args(&self.bed, options));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        tools::must("helm", &args).await?;
        Ok(())
    }

    /// Chart, namespace and values, as every `helm install` and `helm upgrade` of a test needs them.
    pub fn chart_args(bed: &Bed, options: &Options) -> Vec<String> {
        let namespace = bed.namespace();
        let chart = options
            .previous
            .as_deref()
            .unwrap_or("charts/zoom-operator");
        let images = match options.previous {
            Some(_) => image_values("localhost/zoom-operator:previous", ""),
            None => chosen_images(),
        };
        let zoom = format!("http://zoom-sim.{namespace}.svc");
        let mut args = vec![chart.to_owned(), format!("--namespace={namespace}")];
        let values = [
            format!("watchNamespaces={{{namespace}}}"),
            "crds.enabled=false".to_owned(),
            format!("zoom.oauthUrl={zoom}"),
            format!("zoom.apiUrl={zoom}"),
            format!("replicas={}", options.replicas),
            format!("leaderElection.leaseDuration={}", options.lease_seconds),
            // Hosts of most tests lead nowhere.
            "receiver.reachability.enabled=false".to_owned(),
            // The offline Zoom's own port, behind its Service.
            "networkPolicy.extraEgressPorts={8080}".to_owned(),
        ];
        for value in images.iter().chain(&values).chain(&options.values) {
            args.extend(["--set".to_owned(), value.clone()]);
        }
        args
    }

    /// Goes back to an earlier revision of the release, and waits until its Pods are there.
    pub async fn roll_back(&self, revision: u32) -> anyhow::Result<()> {
        let (revision, namespace) = (revision.to_string(), self.bed.namespace());
        let args = [
            "rollback",
            RELEASE,
            &revision,
            "--namespace",
            namespace,
            "--wait",
        ];
        tools::must("helm", &args).await?;
        Ok(())
    }

    /// Names of its Pods that are not about to end.
    pub async fn pods(&self) -> anyhow::Result<Vec<String>> {
        let mut pods = self.all_pods().await?;
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        Ok(pods.iter().map(|pod| name(pod).to_owned()).collect())
    }

    async fn all_pods(&self) -> anyhow::Result<Vec<Value>> {
        let labels = "app.kubernetes.io/name=zoom-operator,app.kubernetes.io/component=controller";
        self.bed.list("pods", labels).await
    }

    /// The Pod that holds the Lease, if any does.
    pub async fn leader(&self) -> anyhow::Result<Option<String>> {
        let lease = self.bed.find("leases", RELEASE).await?;
        let holder = lease.map(|lease| object::text(&lease, "/spec/holderIdentity").to_owned());
        Ok(holder.filter(|holder| !holder.is_empty()))
    }

    /// Waits until one of its living Pods leads.
    pub async fn until_leading(&self) -> anyhow::Result<String> {
        wait_for("a leader", LIMIT, || async {
            let pods = self.pods().await?;
            Ok(self.leader().await?.filter(|leader| pods.contains(leader)))
        })
        .await
    }

    /// Sets the number of replicas and waits until there are just as many Pods.
    pub async fn scale(&self, replicas: usize) -> anyhow::Result<()> {
        evidence::listen(&self.bed).await;
        let patch = json!({"spec": {"replicas": replicas}});
        self.bed.patch("deployments", RELEASE, &patch).await?;
        wait_for(&format!("{replicas} operator Pods"), LIMIT, || async {
            Ok((self.all_pods().await?.len() == replicas).then_some(()))
        })
        .await?;
        self.bed.until_deployed(RELEASE).await?;
        Ok(())
    }

    /// Ends all its Pods, gently, and waits until a new one leads.
    pub async fn restart(&self) -> anyhow::Result<String> {
        evidence::listen(&self.bed).await;
        let before = self.pods().await?;
        for pod in &before {
            self.bed.delete("pods", pod).await?;
        }
        wait_for("the old operator Pods go", LIMIT, || async {
            let pods = self.all_pods().await?;
            Ok((!pods
                .iter()
                .any(|pod| before.contains(&name(pod).to_owned())))
            .then_some(()))
        })
        .await?;
        self.until_leading().await
    }

    /// The metrics of a Pod.
    pub async fn metrics(&self, pod: &str) -> anyhow::Result<String> {
        let namespace = self.bed.namespace();
        let path = format!("/api/v1/namespaces/{namespace}/pods/http:{pod}:8081/proxy/metrics");
        self.bed.request_text("GET", &path, None).await
    }

    /// One sample of the leader's metrics, by name and labels as they are printed.
    pub async fn metric(&self, sample: &str) -> anyhow::Result<Option<f64>> {
        let leader = self.leader().await?.context("nobody leads")?;
        let metrics = self.metrics(&leader).await?;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
        Ok(value)
    }
}

/// The chart's values for the images of this run: `E2E_IMAGE`, and `E2E_RECEIVER_IMAGE` if it is not the former with
/// `-receiver` before its tag.
pub fn chosen_images() -> Vec<String> {
    let operator = image("E2E_IMAGE", "localhost/zoom-operator:dev");
    image_values(&operator, &image("E2E_RECEIVER_IMAGE", ""))
}

/// The chart's values for an image of the operator and, unless it is empty, one of the receivers.
fn image_values(operator: &str, receiver: &str) -> Vec<String> {
    let (kind, (repository, version)) = match operator.split_once('@') {
        Some(parts) => ("digest", parts),
        None => (
            "tag",
            operator.rsplit_once(':').unwrap_or((operator, "latest")),
        ),
    };
    let mut values = vec![
        format!("image.repository={repository}"),
        format!("image.{kind}={version}"),
    ];
    if !receiver.is_empty() {
        values.push(format!("receiver.image={receiver}"));
    }
    values
}

/// An image by environment variable, else the local one.
pub fn image(variable: &str, default: &str) -> String {
    std::env::var(variable)
        .ok()
        .filter(|image| !image.is_empty())
        .unwrap_or_else(|| default.to_owned())
}
