//! A Prometheus of the test's own on the host, which scrapes what the chart's monitors select and judges its rules.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::form_urlencoded::byte_serialize;

use super::monitors;
use crate::bed::{Bed, LIMIT, Operator, Options, object::text, process::Process, tools, wait_for};

/// Everything that the chart has for Prometheus.
const VALUES: [&str; 3] = [
    "serviceMonitor.enabled=true",
    "podMonitor.enabled=true",
    "prometheusRule.enabled=true",
];

/// It ends when this is dropped.
pub struct Prometheus {
    process: Process,
    address: String,
    /// The rules by which it judges, without their patience.
    pub rules: Vec<Value>,
    _directory: TempDir,
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts one for the operator that was installed with these options.
    pub async fn start(bed: &Bed, options: &Options) -> anyhow::Result<Self> {
        let program = tools::cluster("build", &["prometheus"]).await?;
        let kubeconfig = tools::kubeconfig().context("no kubeconfig")?;
        let mut scrapes = Vec::new();
        let mut groups = Vec::new();
        for object in rendered(bed, options).await? {
            match text(&object, "/kind") {
                "ServiceMonitor" | "PodMonitor" => {
                    scrapes.extend(monitors::scrapes(&object, &kubeconfig.to_string_lossy())?);
                }
                "PrometheusRule" => groups.extend(object["spec"]["groups"].as_array().cloned()),
                _ => {}
            }
        }
        let groups =
            json!({"groups": groups.into_iter().flatten().map(impatient).collect::<Vec<_>>()});
        let rules = every_rule(&groups);
        ensure!(scrapes.len() == 3 && rules.len() > 15, "{scrapes:#?}");

        let directory = tempfile::tempdir()?;
        let file = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        std::fs::write(file("rules.json"), groups.to_string())?;
        let configuration = json!({
            "global": {"evaluation_interval": "1s"},
            "rule_files": [file("rules.json")],
            "scrape_configs": scrapes,
        });
        std::fs::write(file("prometheus.json"), configuration.to_string())?;
        // Free now; should somebody else take it first, Prometheus ends and says so.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .to_string();
        let args = [
            format!("--config.file={}", file("prometheus.json")),
            format!("--storage.tsdb.path={}", file("data")),
            format!("--web.listen-address={address}"),
        ];
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let process = Process::start(program.trim(), &args, &directory.path().join("log"))?;
        let mut prometheus = Self {
            process,
            address,
            rules,
            _directory: directory,
        };
        let address = prometheus.address.clone();
        let ready = || async {
            let said = tools::straight("GET", &address, "/-/ready").await?;
            Ok(said.contains("Server is Ready").then_some(()))
        };
        prometheus
            .process
            .until("Prometheus is ready", ready)
            .await?;
        Ok(prometheus)
    }

    async fn ask(&self, path: &str) -> anyhow::Result<Value> {
        let said = tools::straight("GET", &self.address, &format!("/api/v1/{path}")).await?;
        let said: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
        ensure!(said["status"] == "success", "{path}: {said}");
        Ok(said["data"].clone())
    }

    /// What a query gives now.
    pub async fn query(&self, expression: &str) -> anyhow::Result<Vec<Value>> {
        let expression: String = byte_serialize(expression.as_bytes()).collect();
        let data = self.ask(&format!("query?query={expression}")).await?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// Names of all metrics that were ever scraped.
    pub async fn metrics(&self) -> anyhow::Result<BTreeSet<String>> {
        let names = self.ask("label/__name__/values").await?;
        Ok(serde_json::from_value(names)?)
    }

    /// Waits until so many processes of each job answer.
    pub async fn until_up(&self, jobs: &[(&str, usize)]) -> anyhow::Result<()> {
        wait_for("every process is scraped", LIMIT, || async {
            let up = self.query("up").await?;
            let of = |job: &str| {
                up.iter()
                    .filter(|sample| text(sample, "/metric/job") == job)
                    .collect::<Vec<_>>()
            };
            let all = jobs.iter().map(|(_, count)| count).sum::<usize>();
            ensure!(up.len() == all, "{up:#?}");
            for (job, count) in jobs {
                let found = of(job);
                let answer = |sample: &&Value| sample["value"][1] == "1";
                ensure!(found.len() == *count && found.iter().all(answer), "{up:#?}");
            }
            Ok(Some(()))
        })
        .await
    }

    /// The alerts that fire.
    pub async fn firing(&self) -> anyhow::Result<BTreeSet<String>> {
        let alerts = self.query("ALERTS{alertstate=\"firing\"}").await?;
        Ok(names(&alerts))
    }

    /// Waits until this alert has fired, for however short a time; its labels.
    pub async fn until_firing(&self, alert: &str) -> anyhow::Result<Value> {
        self.until_firing_with(alert, "").await
    }

    /// The same for an alert with further labels, as in `reason="Expired"`.
    pub async fn until_firing_with(&self, alert: &str, labels: &str) -> anyhow::Result<Value> {
        let query = format!(
            "last_over_time(ALERTS{{alertstate=\"firing\",alertname=\"{alert}\",{labels}}}[10m])"
        );
        wait_for(&format!("{alert} fires"), LIMIT, || async {
            let found = self.query(&query).await?;
            let others = self.firing().await?;
            Ok(Some(
                found.first().with_context(|| format!("{others:?}"))?["metric"].clone(),
            ))
        })
        .await
    }

    /// Waits until this alert does not fire.
    pub async fn until_quiet(&self, alert: &str) -> anyhow::Result<()> {
        wait_for(&format!("{alert} does not fire"), LIMIT, || async {
            let firing = self.firing().await?;
            ensure!(!firing.contains(alert), "{firing:?}");
            Ok(Some(()))
        })
        .await
    }

    /// Waits until every rule was judged without error and no alert has been active for ten seconds.
    pub async fn until_silent(&self) -> anyhow::Result<()> {
        wait_for("no alert is active", LIMIT, || async {
            let judged = every_rule(&self.ask("rules").await?);
            ensure!(judged.len() == self.rules.len(), "{judged:#?}");
            for rule in &judged {
                ensure!(rule["health"] == "ok", "{rule:#}");
            }
            // Absent before the first ten seconds have passed; a busy machine misses some.
            let seconds = self.query("count_over_time(vector(1)[10s:1s])").await?;
            let count = seconds.first().map(|count| text(count, "/value/1"));
            let count = count.and_then(|count| count.parse::<u8>().ok());
            ensure!(count >= Some(8), "{seconds:#?}");
            let active = names(&self.query("count_over_time(ALERTS[10s])").await?);
            ensure!(active.is_empty(), "{active:?}");
            Ok(Some(()))
        })
        .await
    }
}

/// What the chart has for Prometheus, as `helm template` renders it for this installation.
async fn rendered(bed: &Bed, options: &Options) -> anyhow::Result<Vec<Value>> {
    let mut options = options.clone();
    options.values.extend(VALUES.map(str::to_owned));
    let mut args = vec!["template".to_owned(), "zoom-operator".to_owned()];
    args.extend(Operator::chart_args(bed, &options));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = tools::must("helm", &args).await?;
    let documents = said.split("\n---\n").filter(|text| text.contains("kind:"));
    documents
        .map(|text| Ok(serde_saphyr::from_str(text)?))
        .collect()
}

fn every_rule(groups: &Value) -> Vec<Value> {
    let groups = groups["groups"].as_array().into_iter().flatten();
    groups
        .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
        .collect()
}

/// How long an alert waits is a matter for promtool, in `tests/chart`; here it fires at once.
fn impatient(mut group: Value) -> Value {
    for rule in group["rules"].as_array_mut().into_iter().flatten() {
        rule["for"] = json!("0s");
    }
    group
}

fn names(alerts: &[Value]) -> BTreeSet<String> {
    alerts
        .iter()
        .map(|alert| text(alert, "/metric/alertname").to_owned())
        .collect()
}
