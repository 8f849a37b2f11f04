//! The life of a release for the whole cluster: install, upgrade, rollback, uninstall, and once more.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{definition::Definition, lease::LeaseWatch, rights};
use crate::bed::{
    Bed, LIMIT, Sim, Tenant, chosen_images,
    object::{self, name, text},
    tools, wait_for,
};

/// The chart's default, in seconds.
const LEASE_DURATION: Duration = Duration::from_secs(45);

/// A release in a namespace of its own, with integrations in another.
struct Release {
    bed: Bed,
    tenants: Bed,
    /// Also the name of its objects. Cluster-wide ones must not meet those of another release.
    name: String,
}

pub async fn life(bed: Bed) -> anyhow::Result<()> {
    let before = Definition::read(&bed).await?;
    let (_, random) = bed.namespace().rsplit_once('-').context("no name")?;
    let release = Release {
        name: format!("zoom-operator-{random}"),
        tenants: bed.neighbour("tenant").await?,
        bed,
    };
    let result = release.live().await;
    // Whatever happened: nothing of it may stay in the cluster.
    let gone = release
        .helm("uninstall", &["--ignore-not-found", "--wait"])
        .await;
    before.restore(&release.bed).await?;
    release.tenants.remove().await?;
    result.and(gone.map(drop))
}

// === impl Release ===

impl Release {
    async fn live(&self) -> anyhow::Result<()> {
        let sim = Sim::deploy(&self.tenants).await?;
        self.leave_others_alone(&sim).await?;
        self.install(&["--take-ownership"]).await?;
        self.expect_two_ready_replicas().await?;
        let tenant = self.tenant(&sim, "acme").await?;
        self.tenants.until_reason("acme", "Connected").await?;
        self.expect_rights().await?;
        self.expect_metrics_of_the_alerts(&sim).await?;

        let asked = sim.token_requests(&tenant).await?;
        let watch = LeaseWatch::start(&self.bed, &self.name);
        self.upgrade("logging.level=debug").await?;
        ensure!(self.args().await?.contains("--log-level=debug"));
        self.until_led().await?;
        self.helm("rollback", &["1", "--wait"]).await?;
        ensure!(self.args().await?.contains("--log-level=info"));
        self.until_led().await?;
        let longest = watch.longest_silence();
        ensure!(
            longest < LEASE_DURATION,
            "nobody led for {longest:?} during upgrade and rollback"
        );

        self.helm("uninstall", &["--wait"]).await?;
        self.expect_nothing_but_the_definition().await?;
        self.expect_kept(&tenant).await?;
        // The same name in the same namespace: adopted without a word.
        self.install(&[]).await?;
        self.until_led().await?;
        self.expect_kept(&tenant).await?;
        ensure!(
            sim.token_requests(&tenant).await? == asked,
            "a fresh token was requested again"
        );
        self.tenant(&sim, "newcomer").await?;
        self.tenants.until_reason("newcomer", "Connected").await?;
        self.helm("uninstall", &["--wait"]).await?;
        self.expect_nothing_but_the_definition().await?;
        self.expect_kept(&tenant).await
    }

    // === Helm ===

    async fn install(&self, args: &[&str]) -> anyhow::Result<()> {
        let settings = self.settings();
        let args = [&["charts/zoom-operator", "--wait"], args];
        let settings = settings.iter().map(String::as_str);
        let args: Vec<&str> = args.concat().into_iter().chain(settings).collect();
        self.helm("install", &args).await?;
        let definition = Definition::read(&self.bed).await?;
        assert_eq!(
            definition.annotation("meta.helm.sh/release-name"),
            self.name
        );
        assert_eq!(definition.annotation("helm.sh/resource-policy"), "keep");
        Ok(())
    }

    async fn upgrade(&self, value: &str) -> anyhow::Result<()> {
        let args = [
            "charts/zoom-operator",
            "--reset-then-reuse-values",
            "--wait",
        ];
        self.helm("upgrade", &[&args[..], &["--set", value]].concat())
            .await?;
        Ok(())
    }

    /// All that differs from the chart's defaults: where images and Zoom are found.
    fn settings(&self) -> Vec<String> {
        let zoom = format!("http://zoom-sim.{}.svc", self.tenants.namespace());
        let others = [
            format!("zoom.oauthUrl={zoom}"),
            format!("zoom.apiUrl={zoom}"),
            "networkPolicy.extraEgressPorts={8080}".to_owned(),
        ];
        let values = chosen_images().into_iter().chain(others);
        values.map(|value| format!("--set={value}")).collect()
    }

    async fn helm(&self, command: &str, args: &[&str]) -> anyhow::Result<String> {
        let namespace = format!("--namespace={}", self.bed.namespace());
        let first = [command, &self.name, &namespace];
        tools::must("helm", &[&first, args].concat()).await
    }

    // === The tenants ===

    async fn tenant(&self, sim: &Sim, name: &str) -> anyhow::Result<Tenant> {
        let tenant = Tenant::server_to_server(name);
        tenant
            .declare(&self.tenants, sim, json!({}), &tenant.manifest())
            .await?;
        Ok(tenant)
    }

    /// This release serves the whole cluster, but its Zoom knows this test's apps only. Should a refresh of another
    /// integration fall due now, Zoom seems to be down for a moment; anything worse would be told to its owner.
    async fn leave_others_alone(&self, sim: &Sim) -> anyhow::Result<()> {
        let path = "/apis/zoom-operator.io/v1alpha1/zoomintegrations";
        let all = self.bed.request("GET", path, None).await?;
        let others = all["items"].as_array().into_iter().flatten();
        let ids: BTreeSet<&str> = others
            .map(|other| text(other, "/status/clientId"))
            .filter(|id| !id.is_empty())
            .collect();
        for (number, id) in ids.into_iter().enumerate() {
            let rule = json!({
                "endpoint": "token",
                "client_id": id,
                "fault": {"kind": "status", "status": 503},
            });
            sim.put_fault(&format!("other-{number}"), rule).await?;
        }
        Ok(())
    }

    // === Expectations ===

    async fn expect_two_ready_replicas(&self) -> anyhow::Result<()> {
        // A leader counts itself as such a moment after the Lease says so.
        wait_for("two replicas, one of which leads", LIMIT, || async {
            let pods = self.pods().await?;
            ensure!(pods.len() == 2, "{} Pods", pods.len());
            for pod in &pods {
                let answer = self.admin(name(pod), "ready").await?;
                ensure!(answer == "ready\n", "{}: {answer}", name(pod));
            }
            let leader = self.until_led().await?;
            for pod in &pods {
                let leads = self.admin(name(pod), "metrics").await?;
                let wanted = u8::from(name(pod) == leader);
                ensure!(
                    leads.contains(&format!("\nzoom_operator_leader {wanted}\n")),
                    "{}: {leads}",
                    name(pod)
                );
            }
            Ok(Some(()))
        })
        .await
    }

    async fn expect_rights(&self) -> anyhow::Result<()> {
        let (bed, account) = (&self.bed, self.name.as_str());
        let served = self.tenants.namespace();
        rights::expect(bed, account, true, &rights::in_served(served)).await?;
        rights::expect(bed, account, false, &rights::nowhere(served)).await?;
        rights::expect(bed, account, false, &rights::in_the_cluster()).await?;
        rights::expect(bed, account, true, &rights::of_namespaces()).await?;
        rights::expect_own_lease_only(bed, account, served).await?;
        let mut roles = self.cluster_roles().await?;
        roles.extend(bed.list("roles", "").await?);
        rights::ensure_no_wildcards(&roles)
    }

    /// An alert on a metric that nobody exports never fires.
    async fn expect_metrics_of_the_alerts(&self, sim: &Sim) -> anyhow::Result<()> {
        // A stalled integration, so that there is something to tell about.
        let stalled = Tenant::server_to_server("stalled");
        let rejected = json!({"kind": "error", "code": "invalid_client"});
        let rule = json!({"endpoint": "token", "client_id": stalled.client_id, "fault": rejected});
        sim.put_fault("stalled", rule).await?;
        self.tenants.apply(&stalled.secret()).await?;
        self.tenants.apply(&stalled.manifest()).await?;
        self.tenants
            .until_reason("stalled", "CredentialsRejected")
            .await?;
        // And an endpoint that Zoom has validated.
        let hooked = Tenant::server_to_server("hooked");
        hooked
            .declare(
                &self.tenants,
                sim,
                json!({}),
                &hooked.manifest_with_webhook(),
            )
            .await?;
        self.tenants.until_reason("hooked", "Connected").await?;
        let validation = sim.validate(&hooked).await?;
        ensure!(validation["ok"] == true, "{validation:#}");

        let args = [
            "charts/zoom-operator",
            "--show-only=templates/prometheusrule.yaml",
            "--set=prometheusRule.enabled=true",
        ];
        let rule: Value = serde_saphyr::from_str(&self.helm("template", &args).await?)?;
        let alerts = rule["spec"]["groups"].as_array().into_iter().flatten();
        let alerts = alerts.flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let expressions: Vec<&str> = alerts.map(|alert| text(alert, "/expr")).collect();
        let expressions = expressions.join(
            "
",
        );
        let wanted = words(&expressions, "zoom_operator_");
        ensure!(wanted.len() > 5, "{expressions}");
        let leader = self.until_led().await?;
        wait_for("the leader's pass is counted", LIMIT, || async {
            let live = self.admin(&leader, "metrics").await?;
            let known = words(&live, "zoom_operator_");
            let missing: Vec<&String> = wanted.difference(&known).collect();
            ensure!(missing.is_empty(), "missing: {missing:?}");
            let reason = r#"zoom_operator_integrations_stalled{reason="CredentialsRejected"} 1"#;
            ensure!(live.contains(reason), "{live}");
            for label in expressions.split("phase=").skip(1) {
                let phase = label.split('"').nth(1).unwrap_or_default();
                let sample = format!("zoom_operator_integrations{{phase=\"{phase}\"}}");
                ensure!(live.contains(&sample), "{sample}");
            }
            Ok(Some(()))
        })
        .await
    }

    /// Consumers go on with what they have.
    async fn expect_kept(&self, tenant: &Tenant) -> anyhow::Result<()> {
        let integration = self.tenants.integration(&tenant.name).await?;
        assert_eq!(object::reason(&integration, "Ready"), "Connected");
        let secret = self.tenants.get("secrets", &tenant.token_secret()).await?;
        ensure!(!object::key(&secret, "access-token").is_empty());
        Ok(())
    }

    async fn expect_nothing_but_the_definition(&self) -> anyhow::Result<()> {
        let definition = Definition::read(&self.bed).await?;
        assert_eq!(definition.annotation("helm.sh/resource-policy"), "keep");
        ensure!(self.cluster_roles().await?.is_empty(), "ClusterRoles stay");
        let labels = self.labels();
        for resource in [
            "deployments",
            "services",
            "roles",
            "rolebindings",
            "networkpolicies",
        ] {
            let left = self.bed.list(resource, &labels).await?;
            ensure!(left.is_empty(), "{resource} stay: {left:#?}");
        }
        wait_for("the Pods go", LIMIT, || async {
            let pods = self.bed.list("pods", &labels).await?;
            Ok(pods.is_empty().then_some(()))
        })
        .await
    }

    // === The objects ===

    fn labels(&self) -> String {
        format!("app.kubernetes.io/instance={}", self.name)
    }

    async fn pods(&self) -> anyhow::Result<Vec<Value>> {
        let mut pods = self.bed.list("pods", &self.labels()).await?;
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        Ok(pods)
    }

    async fn cluster_roles(&self) -> anyhow::Result<Vec<Value>> {
        let mut found = Vec::new();
        for resource in ["clusterroles", "clusterrolebindings"] {
            let path = format!(
                "/apis/rbac.authorization.k8s.io/v1/{resource}?labelSelector={}",
                self.labels().replace('=', "%3D")
            );
            let list = self.bed.request("GET", &path, None).await?;
            found.extend(list["items"].as_array().cloned().unwrap_or_default());
        }
        Ok(found)
    }

    async fn args(&self) -> anyhow::Result<String> {
        let deployment = self.bed.get("deployments", &self.name).await?;
        Ok(deployment["spec"]["template"]["spec"]["containers"][0]["args"].to_string())
    }

    async fn admin(&self, pod: &str, path: &str) -> anyhow::Result<String> {
        let namespace = self.bed.namespace();
        let path = format!("/api/v1/namespaces/{namespace}/pods/http:{pod}:8081/proxy/{path}");
        self.bed.request_text("GET", &path, None).await
    }

    /// Waits until one of the living Pods leads.
    async fn until_led(&self) -> anyhow::Result<String> {
        wait_for("a leader", LIMIT, || async {
            let lease = self.bed.get("leases", &self.name).await?;
            let holder = text(&lease, "/spec/holderIdentity");
            let pods = self.pods().await?;
            Ok(pods
                .iter()
                .any(|pod| name(pod) == holder)
                .then(|| holder.to_owned()))
        })
        .await
    }
}

/// The words in a text that begin so.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(prefix))
        .map(str::to_owned)
        .collect()
}
